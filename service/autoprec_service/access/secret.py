"""The text of a token: `ap_`, its public id, and a secret of 256 random bits.

At rest there is only the SHA-256 of the secret. A slow hash, as for passwords, protects what people choose, because
that can be guessed; 256 random bits cannot, at any speed, and the hash is computed for requests all day.
"""

import hashlib
import hmac
import re
import secrets

_ID_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(r"ap_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


def new_id() -> str:
    """Return an id for a token."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def written(token_id: str, secret: str) -> str:
    """Return a token as it is shown to its owner, once."""
    return f"ap_{token_id}_{secret}"


def parted(token: str) -> tuple[str, str] | None:
    """Return id and secret of a token, None for what is no token of ours."""
    found = _FORM.fullmatch(token)
    return (found["id"], found["secret"]) if found else None


def hashed(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(secret: str, stored: str) -> bool:
    """Return whether a secret is the one of a stored hash, in a time that does not depend on where they differ."""
    return hmac.compare_digest(hashed(secret), stored)
