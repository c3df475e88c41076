"""The tables of tokens and of the audit log. Times are seconds since 1970, UTC."""

from sqlalchemy import Double, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from autoprec_service.store.tables import Base, Position


class TokenRow(Base):
    """One token; of its secret there is the hash."""

    __tablename__ = "tokens"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    id: Mapped[str] = mapped_column(String, unique=True)
    tenant: Mapped[str] = mapped_column(String)
    name: Mapped[str] = mapped_column(String)
    scopes: Mapped[str] = mapped_column(String)
    secret_hash: Mapped[str] = mapped_column(String)
    created_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String)
    expires_at: Mapped[float | None] = mapped_column(Double)
    revoked_at: Mapped[float | None] = mapped_column(Double)
    last_used_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (Index(None, "tenant", "position"),)


class AuditRow(Base):
    """One thing that was done; the database itself refuses to change or remove it."""

    __tablename__ = "audit"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    tenant: Mapped[str] = mapped_column(String)
    at: Mapped[float] = mapped_column(Double)
    actor: Mapped[str] = mapped_column(String)
    action: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    detail: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index(None, "tenant", "position"),)
