"""Where the service is and what it is shown: given, or from the environment."""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from autoprec.client.errors import AddressError

URL_VARIABLE = "AUTOPREC_URL"
TOKEN_VARIABLE = "AUTOPREC_TOKEN"  # noqa: S105 (the name of a variable)

_EXAMPLE = "such as https://autoprec.example.org"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class Address:
    """The URL of a service without a slash at its end, and the token that it is shown."""

    url: str
    token: str | None = field(default=None, repr=False)

    @property
    def warning(self) -> str | None:
        """What the user should know about this address."""
        parts = urlsplit(self.url)
        if self.token is None or parts.scheme == "https" or parts.hostname in _LOOPBACK:
            return None
        return f"The token travels unencrypted to {parts.hostname}: give a URL that begins with https://."


def chosen_address(url: str | None = None, token: str | None = None) -> Address:
    """Return the address that is given, else that of `AUTOPREC_URL` and `AUTOPREC_TOKEN`.

    Raises:
        AddressError: There is none, or it is not one that could be asked.
    """
    named = named_url(url)
    if named is None:
        raise AddressError(f"No service is named: give a URL {_EXAMPLE}, or set {URL_VARIABLE}.")
    return Address(url=_checked_url(named), token=_checked_token(token or os.environ.get(TOKEN_VARIABLE) or None))


def named_url(url: str | None = None) -> str | None:
    """Return the URL that is given, else that of `AUTOPREC_URL`; None where no service is named."""
    return url or os.environ.get(URL_VARIABLE) or None


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed when it is asked for
    except ValueError as error:
        raise AddressError(f"The URL of the service cannot be read ({error}). Give one {_EXAMPLE}.") from error
    if parts.username is not None or parts.password is not None:
        raise AddressError(
            "The URL of the service holds a user name or a password, which would be logged. "
            f"Leave them out, and set {TOKEN_VARIABLE}.",
        )
    if not _can_be_asked(parts):
        raise AddressError(f"{_shown(parts)!r} is no URL of a service. Give one {_EXAMPLE}.")
    return text.rstrip("/")


def _can_be_asked(parts: SplitResult) -> bool:
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and not parts.fragment


def _shown(parts: SplitResult) -> str:
    """Return a URL without its query, where some put a token."""
    return parts._replace(query="", fragment="").geturl()


def _checked_token(token: str | None) -> str | None:
    if token is not None and not _TOKEN.fullmatch(token):
        raise AddressError("The token holds spaces or characters that cannot travel in a header. Copy it once more.")
    return token
