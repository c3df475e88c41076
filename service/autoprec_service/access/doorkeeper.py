"""Whose token it is, asked for every request and looked up seldom."""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from autoprec_service.access.principal import EVERYBODY, Principal
from autoprec_service.access.registry import TokenRegistry
from autoprec_service.settings import Settings

REMEMBERED_SECONDS = 10.0
"""How long a token that was found good is taken without looking again, even if another replica revoked it."""

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    principal: Principal
    until: float
    """By the monotonic clock."""
    expires_at: datetime | None


class Doorkeeper:
    """Tells whose a token is: one that the service was started with, or one of the registry.

    Tokens are remembered by their hash. Several threads may ask at once.

    Args:
        registry: The stored tokens.
        settings: Which tokens the service was started with, and whether everybody is let in.
        clock: The time, UTC by default.
    """

    def __init__(
        self, registry: TokenRegistry, settings: Settings, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._registry = registry
        self._given = dict(_given(settings.admin_tokens()))
        self._always_open = settings.allow_anonymous
        self._open_without_tokens = settings.on_loopback and not self._given
        self._remembered: dict[bytes, _Remembered] = {}
        self._everybody: tuple[bool, float] | None = None
        self._now = clock or (lambda: datetime.now(UTC))

    def remembered(self, token: str) -> Principal | None:
        """Return whose token this is if that is known without asking the database."""
        digest = _digest(token)
        if digest in self._given:
            return self._given[digest]
        found = self._remembered.get(digest)
        if found is None or found.until < time.monotonic() or _over(found.expires_at, self._now()):
            return None
        return found.principal

    def authenticate(self, token: str) -> Principal | None:
        """Return whose token this is, None where it is not good.

        Raises:
            StoreError: The database does not answer.
        """
        known = self.remembered(token)
        if known is not None:
            return known
        found = self._registry.authenticate(token)
        if found is None:
            self._remembered.pop(_digest(token), None)
            return None
        self._remember(token, *found)
        return found[0]

    def everybody(self) -> Principal | None:
        """Return who asks without a token, None where one is needed.

        Raises:
            StoreError: The database does not answer.
        """
        if self._always_open:
            return EVERYBODY
        return EVERYBODY if self._open_without_tokens and self._no_tokens() else None

    def knows_everybody(self) -> bool:
        """Return whether `everybody` answers without asking the database."""
        if self._always_open or not self._open_without_tokens:
            return True
        known = self._everybody
        return known is not None and known[1] >= time.monotonic()

    def forget(self, token_id: str) -> None:
        """Look again when the token of this id is shown next: it was revoked."""
        for digest, found in list(self._remembered.items()):
            if found.principal.token_id == token_id:
                self._remembered.pop(digest, None)
        self._everybody = None

    def forget_everybody(self) -> None:
        """Look again whether there are tokens when someone asks without one."""
        self._everybody = None

    def _no_tokens(self) -> bool:
        known, moment = self._everybody, time.monotonic()
        if known is None or known[1] < moment:
            known = (not self._registry.any_good(), moment + REMEMBERED_SECONDS)
            self._everybody = known
        return known[0]

    def _remember(self, token: str, principal: Principal, expires_at: datetime | None) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        until = time.monotonic() + REMEMBERED_SECONDS
        self._remembered[_digest(token)] = _Remembered(principal=principal, until=until, expires_at=expires_at)


def _given(tokens: Iterable[str]) -> Iterable[tuple[bytes, Principal]]:
    for number, token in enumerate(tokens, start=1):
        yield _digest(token), Principal(tenant=EVERYBODY.tenant, scopes=EVERYBODY.scopes, token_id=f"given-{number}")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _over(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= now
