"""Who asks."""

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["read", "report", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`read` asks, `report` adds what was measured or seen, `admin` does both and manages the tokens of its tenant."""

DEFAULT_TENANT = "default"
"""The tenant of whoever runs the service, and of everything in a store that knows no other."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Someone whose token was found good, or everybody where no token is asked for."""

    tenant: str
    scopes: frozenset[Scope]
    token_id: str | None = None
    """None for everybody."""

    def may(self, scope: Scope) -> bool:
        """Return whether this scope was given to them."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def name(self) -> str:
        """How logs call them."""
        return self.token_id or "anonymous"


EVERYBODY = Principal(tenant=DEFAULT_TENANT, scopes=frozenset(SCOPES))
"""Whoever asks where no token is needed."""
