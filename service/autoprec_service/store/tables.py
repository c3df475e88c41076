"""The tables: a column for what is queried, and the whole record as a JSON document."""

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only where the key is spelled INTEGER.
Position = BigInteger().with_variant(Integer(), "sqlite")


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


class StudyRow(Base):
    """One study. `document` is text rather than a JSON type: what is read back is what was written, to the letter."""

    __tablename__ = "studies"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    id: Mapped[str] = mapped_column(String, unique=True)
    model_fingerprint: Mapped[str] = mapped_column(String)
    workload_key: Mapped[str] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    mode: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index(None, "workload_key", "hardware_key"),)


class TrialRow(Base):
    """One trial; rows are only ever added."""

    __tablename__ = "trials"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    id: Mapped[str] = mapped_column(String, unique=True)
    study_id: Mapped[str] = mapped_column(String, ForeignKey(StudyRow.id))
    model_fingerprint: Mapped[str] = mapped_column(String)
    workload_key: Mapped[str] = mapped_column(String)
    hardware_key: Mapped[str] = mapped_column(String)
    precision: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        Index(None, "study_id"),
        Index(None, "model_fingerprint", "hardware_key"),
        Index(None, "workload_key", "hardware_key"),
    )


class NodeRow(Base):
    """One machine that reports; its current state is the document."""

    __tablename__ = "nodes"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    name: Mapped[str] = mapped_column(String, unique=True)
    document: Mapped[str] = mapped_column(Text)


class ReportRow(Base):
    """One report: kept for good where it changed the profile, else until newer ones take its place."""

    __tablename__ = "reports"

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    node: Mapped[str] = mapped_column(String, ForeignKey(NodeRow.name))
    id: Mapped[str] = mapped_column(String)
    kind: Mapped[str] = mapped_column(String)
    observed_at: Mapped[float] = mapped_column(Double)
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("node", "id"), Index(None, "node", "kind", "observed_at"))
