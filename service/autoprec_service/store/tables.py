"""The tables: a column for what is queried, and the whole record as a JSON document."""

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only where the key is spelled INTEGER.
Position = BigInteger().with_variant(Integer(), "sqlite")
# Sorted by code point everywhere: what comes next must not depend on the language of a database.
Name = String().with_variant(String(collation="C"), "postgresql")


class Base(DeclarativeBase):
    """The root of all tables; the names of constraints are fixed, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        },
    )


class TenantRow(Base):
    """A row of a tenant. Every table is one of these, and only `Scope` asks for their rows."""

    __abstract__ = True

    tenant: Mapped[str] = mapped_column(String)


class PlacedRow(TenantRow):
    """A document with its place among the others. It is text, no JSON type: what is read is what was written."""

    __abstract__ = True

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    document: Mapped[str] = mapped_column(Text)


class RecordRow(PlacedRow):
    """A record with an id of its own."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(String)


class StudyRow(RecordRow):
    """One study."""

    __tablename__ = "studies"

    model_fingerprint: Mapped[str] = mapped_column(String)
    workload_key: Mapped[str] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)

    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "position"),
        Index(None, "tenant", "model_fingerprint", "hardware_key", "position"),
        Index(None, "tenant", "model_fingerprint", "position"),
        Index(None, "tenant", "workload_key", "position"),
        Index(None, "tenant", "hardware_key", "position"),
        Index(None, "tenant", "status", "position"),
    )


class TrialRow(RecordRow):
    """One trial; rows are never changed."""

    __tablename__ = "trials"

    study_id: Mapped[str] = mapped_column(String)
    model_fingerprint: Mapped[str] = mapped_column(String)
    workload_key: Mapped[str] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    precision: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)

    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        ForeignKeyConstraint(["tenant", "study_id"], [StudyRow.tenant, StudyRow.id]),
        Index(None, "tenant", "position"),
        Index(None, "tenant", "study_id", "position"),
        Index(None, "tenant", "model_fingerprint", "hardware_key", "position"),
        Index(None, "tenant", "model_fingerprint", "position"),
        Index(None, "tenant", "workload_key", "position"),
        Index(None, "tenant", "hardware_key", "position"),
        Index(None, "tenant", "precision", "position"),
        Index(None, "tenant", "status", "position"),
    )


class OutcomeRow(PlacedRow):
    """One candidate of one study, derived from its trials."""

    __tablename__ = "outcomes"

    study_id: Mapped[str] = mapped_column(String)
    candidate: Mapped[str] = mapped_column(Text)
    model_fingerprint: Mapped[str] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)

    __table_args__ = (
        UniqueConstraint("tenant", "study_id", "candidate"),
        ForeignKeyConstraint(["tenant", "study_id"], [StudyRow.tenant, StudyRow.id]),
        Index(None, "tenant", "position"),
        Index(None, "tenant", "model_fingerprint", "hardware_key", "position"),
        Index(None, "tenant", "model_fingerprint", "position"),
        Index(None, "tenant", "hardware_key", "position"),
    )


class ModelRow(TenantRow):
    """One model with how much there is of it, counted as it arrives."""

    __tablename__ = "models"

    fingerprint: Mapped[str] = mapped_column(Name)
    name: Mapped[str] = mapped_column(Name)
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    studies: Mapped[int] = mapped_column(BigInteger)
    trials: Mapped[int] = mapped_column(BigInteger)
    last_measured_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (PrimaryKeyConstraint("tenant", "fingerprint"), Index(None, "tenant", "name", "fingerprint"))


class HardwareRow(TenantRow):
    """One hardware key with how much there is of it, counted as it arrives."""

    __tablename__ = "hardware"

    key: Mapped[str] = mapped_column(Name)
    name: Mapped[str] = mapped_column(Name)
    studies: Mapped[int] = mapped_column(BigInteger)
    trials: Mapped[int] = mapped_column(BigInteger)
    models: Mapped[int] = mapped_column(BigInteger)
    last_measured_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (PrimaryKeyConstraint("tenant", "key"),)


class PairRow(TenantRow):
    """A model that was measured on a hardware key."""

    __tablename__ = "measured_on"

    model_fingerprint: Mapped[str] = mapped_column(Name)
    hardware_key: Mapped[str] = mapped_column(Name)

    __table_args__ = (
        PrimaryKeyConstraint("tenant", "model_fingerprint", "hardware_key"),
        Index(None, "tenant", "hardware_key"),
    )


class DescriptionRow(TenantRow):
    """One model in figures."""

    __tablename__ = "descriptions"

    model_fingerprint: Mapped[str] = mapped_column(Name)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (PrimaryKeyConstraint("tenant", "model_fingerprint"),)


class ChangeRow(TenantRow):
    """Something that was written; the latest are kept."""

    __tablename__ = "changes"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    id: Mapped[str] = mapped_column(String)
    model_fingerprint: Mapped[str | None] = mapped_column(String)

    __table_args__ = (Index(None, "tenant", "position"),)


class AskedRow(RecordRow):
    """One recommendation that was asked for."""

    __tablename__ = "asked"

    model_fingerprint: Mapped[str | None] = mapped_column(String)
    hardware_key: Mapped[str | None] = mapped_column(String)

    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "position"),
        Index(None, "tenant", "model_fingerprint", "hardware_key", "position"),
        Index(None, "tenant", "model_fingerprint", "position"),
        Index(None, "tenant", "hardware_key", "position"),
    )


class RunRow(RecordRow):
    """One run that reports its precision."""

    __tablename__ = "runs"

    node: Mapped[str | None] = mapped_column(String)
    model_fingerprint: Mapped[str | None] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    ended: Mapped[bool]

    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        Index(None, "tenant", "position"),
        Index(None, "tenant", "ended", "position"),
        Index(None, "tenant", "node", "position"),
        Index(None, "tenant", "model_fingerprint", "hardware_key", "position"),
        Index(None, "tenant", "model_fingerprint", "position"),
        Index(None, "tenant", "hardware_key", "position"),
    )


class NodeRow(TenantRow):
    """One machine that reports; its current state is the document."""

    __tablename__ = "nodes"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    hardware_key: Mapped[str | None] = mapped_column(Name)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("tenant", "name"), Index(None, "tenant", "hardware_key"))


class ReportRow(TenantRow):
    """One report: kept for good where it changed the profile, else until newer ones take its place."""

    __tablename__ = "reports"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    node: Mapped[str] = mapped_column(Name)
    id: Mapped[str] = mapped_column(String)
    kind: Mapped[str] = mapped_column(String)
    observed_at: Mapped[float] = mapped_column(Double)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("tenant", "node", "id"),
        ForeignKeyConstraint(["tenant", "node"], [NodeRow.tenant, NodeRow.name]),
        Index(None, "tenant", "node", "position"),
        Index(None, "tenant", "node", "kind", "observed_at"),
    )
