"""The tokens of a store."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from autoprec_service.access import secret
from autoprec_service.access.principal import SCOPES, Principal, Scope
from autoprec_service.access.tables import TokenRow
from autoprec_service.access.token import IssuedToken, Token
from autoprec_service.errors import AccessError, UnknownTokenError
from autoprec_service.store.engine import writer
from autoprec_service.store.failures import reported

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""What a tenant may be called."""
LONGEST_NAME = 200
NAME = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""What a token may be called: no control characters."""

_USE_KEPT_SECONDS = 60.0


class TokenRegistry:
    """Makes tokens, finds and revokes them.

    Args:
        engine: The database of the store, whose tables are there.
        where: How errors call it.
        clock: The time, UTC by default.
    """

    def __init__(self, engine: Engine, where: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self.where = where
        self._now = clock or (lambda: datetime.now(UTC))

    def issue(
        self,
        *,
        tenant: str,
        name: str,
        scopes: Iterable[Scope],
        created_by: str,
        expires_at: datetime | None = None,
    ) -> IssuedToken:
        """Make a token and return it with its secret, which is nowhere else.

        Raises:
            AccessError: Tenant, name, scopes or end are not allowed.
        """
        now = self._now()
        token = Token(
            id=secret.new_id(),
            tenant=_checked_tenant(tenant),
            name=_checked_name(name),
            scopes=_checked_scopes(scopes),
            created_at=now,
            created_by=created_by,
            expires_at=_checked_end(expires_at, now),
        )
        words = secret.new_secret()
        with self._transaction(writer(self._engine), "written") as connection:
            connection.execute(insert(TokenRow), [_row(token, words)])
        return IssuedToken(**dict(token), token=secret.written(token.id, words))

    def authenticate(self, token: str) -> tuple[Principal, datetime | None] | None:
        """Return whose token this is and when it ends, None where it is not good (any more).

        The time of its use is noted, at most once a minute.
        """
        parts = secret.parted(token)
        if parts is None:
            return None
        with self._transaction(self._engine, "read") as connection:
            row = connection.execute(select(TokenRow.__table__).where(TokenRow.id == parts[0])).one_or_none()
        now = self._now()
        if row is None or not secret.fits(parts[1], row.secret_hash) or not _is_good(row, now):
            return None
        self._note_use(row, now)
        found = _token(row)
        return Principal(tenant=found.tenant, scopes=frozenset(found.scopes), token_id=found.id), found.expires_at

    def any_good(self) -> bool:
        """Return whether someone holds a token that is good now."""
        now = self._now().timestamp()
        lasting = or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > now)
        with self._transaction(self._engine, "read") as connection:
            found = connection.scalar(select(TokenRow.id).where(TokenRow.revoked_at.is_(None), lasting).limit(1))
        return found is not None

    def tenants(self) -> list[str]:
        """Return the tenants for which there ever was a token, by name."""
        with self._transaction(self._engine, "read") as connection:
            return list(connection.scalars(select(TokenRow.tenant).distinct().order_by(TokenRow.tenant)))

    def tokens(self, tenant: str | None, *, limit: int | None = None, after: str | None = None) -> list[Token]:
        """Return the tokens of a tenant, those of all for None, in the order in which they were made.

        `after` is the id of the last token of the page before.

        Raises:
            UnknownTokenError: There is no token `after`.
        """
        statement = select(TokenRow.__table__).order_by(TokenRow.position).limit(limit)
        if tenant is not None:
            statement = statement.where(TokenRow.tenant == tenant)
        with self._transaction(self._engine, "read") as connection:
            if after is not None:
                statement = statement.where(TokenRow.position > _found(connection, after, tenant).position)
            return [_token(row) for row in connection.execute(statement)]

    def revoke(self, token_id: str, *, tenant: str | None) -> Token:
        """End a token now and return it; one that has been revoked stays as it is.

        Raises:
            UnknownTokenError: The tenant has no token of this id; None looks among the tokens of all.
        """
        with self._transaction(writer(self._engine), "written") as connection:
            row = _found(connection, token_id, tenant)
            if row.revoked_at is None:
                moment = self._now().timestamp()
                connection.execute(update(TokenRow).where(TokenRow.id == token_id).values(revoked_at=moment))
                row = _found(connection, token_id, tenant)
        return _token(row)

    def _note_use(self, row: Row[Any], now: datetime) -> None:
        moment = now.timestamp()
        if row.last_used_at is not None and moment - row.last_used_at < _USE_KEPT_SECONDS:
            return
        with self._transaction(writer(self._engine), "written") as connection:
            connection.execute(update(TokenRow).where(TokenRow.id == row.id).values(last_used_at=moment))

    @contextmanager
    def _transaction(self, engine: Engine, done: str) -> Iterator[Connection]:
        with reported(self.where, done), engine.begin() as connection:
            yield connection


def _found(connection: Connection, token_id: str, tenant: str | None) -> Row[Any]:
    statement = select(TokenRow.__table__).where(TokenRow.id == token_id)
    if tenant is not None:
        statement = statement.where(TokenRow.tenant == tenant)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise UnknownTokenError(f"There is no token {token_id!r}: give the id of one, as the list of tokens shows it.")
    return row


def _is_good(row: Row[Any], now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now.timestamp())


def _row(token: Token, words: str) -> dict[str, object]:
    return {
        "id": token.id,
        "tenant": token.tenant,
        "name": token.name,
        "scopes": " ".join(token.scopes),
        "secret_hash": secret.hashed(words),
        "created_at": token.created_at.timestamp(),
        "created_by": token.created_by,
        "expires_at": None if token.expires_at is None else token.expires_at.timestamp(),
    }


def _token(row: Row[Any]) -> Token:
    same = {name: getattr(row, name) for name in ("id", "tenant", "name", "created_by")}
    times = {name: _time(getattr(row, name)) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return Token.model_validate(same | times | {"scopes": tuple(row.scopes.split())})


def _time(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def _checked_tenant(tenant: str) -> str:
    if TENANT.fullmatch(tenant) is None:
        raise AccessError(
            f"The tenant {tenant!r} is no name: give up to 63 letters, digits, dots, dashes and underscores, the first "
            "of them a letter or digit.",
        )
    return tenant


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME or name.endswith("\n") or re.match(NAME, name) is None:
        raise AccessError(
            f"The name {name[:LONGEST_NAME]!r} must have 1 to {LONGEST_NAME} characters, and none that control.",
        )
    return name


def _checked_scopes(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    asked = set(scopes)
    chosen = tuple(each for each in SCOPES if each in asked)
    if not chosen or len(chosen) != len(asked):
        raise AccessError(f"The scopes {sorted(asked)} must be one or several of: {', '.join(SCOPES)}.")
    return chosen


def _checked_end(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise AccessError(f"The token would have ended at {expires_at.isoformat()}: give a time to come.")
    return expires_at
