"""Tokens and audit log of a store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from autoprec_service.access.audit import AuditLog
from autoprec_service.access.registry import TokenRegistry
from autoprec_service.store.engine import store_engine
from autoprec_service.store.location import place_url
from autoprec_service.store.place import name_of


@dataclass(frozen=True, kw_only=True)
class Access:
    """Tokens and audit log over connections of their own, so that they never wait for a store's."""

    tokens: TokenRegistry
    audit: AuditLog
    engine: Engine

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        """Return the access, which leaving the block closes."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def open_access(where: str | None = None, *, clock: Callable[[], datetime] | None = None) -> Access:
    """Return the tokens and the audit log of the store at a path or URL, which has been opened before."""
    place = place_url(where)
    engine, name = store_engine(place), name_of(place)
    tokens, audit = TokenRegistry(engine, name, clock=clock), AuditLog(engine, name, clock=clock)
    return Access(tokens=tokens, audit=audit, engine=engine)
