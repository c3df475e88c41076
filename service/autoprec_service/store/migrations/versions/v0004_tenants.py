"""Tenants; outcomes, counts and changes, kept up to date on arrival; descriptions, runs and recommendations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_TENANT = "default"

_STUDIES = ("position", "id", "model_fingerprint", "workload_key", "hardware_key", "mode", "status", "document")
_TRIALS = ("position", "id", "study_id", "model_fingerprint", "workload_key", "hardware_key", "precision", "status")
_OLD: dict[str, tuple[str, ...]] = {
    "studies": _STUDIES,
    "trials": (*_TRIALS, "document"),
    "nodes": ("position", "name", "document"),
    "reports": ("position", "node", "id", "kind", "observed_at", "document"),
}
_OLD_INDEXES: dict[str, list[tuple[str, ...]]] = {
    "studies": [("workload_key", "hardware_key")],
    "trials": [("study_id",), ("model_fingerprint", "hardware_key"), ("workload_key", "hardware_key")],
    "nodes": [],
    "reports": [("node", "kind", "observed_at")],
}
_OLD_UNIQUE: dict[str, tuple[str, ...]] = {
    "studies": ("id",),
    "trials": ("id",),
    "nodes": ("name",),
    "reports": ("node", "id"),
}
_OLD_REFERENCES: dict[str, tuple[str, ...]] = {
    "trials": ("study_id", "studies", "id"),
    "reports": ("node", "nodes", "name"),
}
_INDEXES: dict[str, list[tuple[str, ...]]] = {
    "studies": [
        ("position",),
        ("model_fingerprint", "hardware_key", "position"),
        ("model_fingerprint", "position"),
        ("workload_key", "position"),
        ("hardware_key", "position"),
        ("status", "position"),
    ],
    "trials": [
        ("position",),
        ("study_id", "position"),
        ("model_fingerprint", "hardware_key", "position"),
        ("model_fingerprint", "position"),
        ("workload_key", "position"),
        ("hardware_key", "position"),
        ("precision", "position"),
        ("status", "position"),
    ],
    "nodes": [("hardware_key",)],
    "reports": [("node", "position"), ("node", "kind", "observed_at")],
    "outcomes": [
        ("position",),
        ("model_fingerprint", "hardware_key", "position"),
        ("model_fingerprint", "position"),
        ("hardware_key", "position"),
    ],
    "models": [("name", "fingerprint")],
    "hardware": [],
    "measured_on": [("hardware_key",)],
    "descriptions": [],
    "changes": [("position",)],
    "asked": [
        ("position",),
        ("model_fingerprint", "hardware_key", "position"),
        ("model_fingerprint", "position"),
        ("hardware_key", "position"),
    ],
    "runs": [
        ("position",),
        ("ended", "position"),
        ("node", "position"),
        ("model_fingerprint", "hardware_key", "position"),
        ("model_fingerprint", "position"),
        ("hardware_key", "position"),
    ],
}


def upgrade() -> None:
    """Give every row to the tenant "default" and create the new tables; what is derived is filled in by the store."""
    for name in ("reports", "nodes", "trials", "studies"):
        _set_aside(name, _OLD_INDEXES[name], _OLD_UNIQUE[name], _OLD_REFERENCES.get(name))
    _create_studies_and_trials()
    _create_nodes()
    for name in ("studies", "trials", "nodes", "reports"):
        _copy(name, (*_OLD[name], *_added(name)), (*_OLD[name], *_added(name).values()))
    for name in ("reports", "nodes", "trials", "studies"):
        op.drop_table(f"old_{name}")
    _create_derived()
    _create_reported()
    for name, indexes in _INDEXES.items():
        for columns in indexes:
            op.create_index(_index(name, ("tenant", *columns)), name, ["tenant", *columns])
    if op.get_bind().dialect.name == "postgresql":
        _keep_tenants_apart()


def downgrade() -> None:
    """Keep what belongs to the tenant "default"; everything else had no place before."""
    for name in ("changes", "outcomes", "models", "hardware", "measured_on", "descriptions", "asked", "runs"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        for name in _OLD:
            op.execute(f"DROP POLICY tenant ON {name}")
            op.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY")
    for name in ("reports", "nodes", "trials", "studies"):
        references = _OLD_REFERENCES.get(name)
        indexes: list[tuple[str, ...]] = [("tenant", *columns) for columns in _INDEXES[name]]
        mine = ("tenant", references[0], *references[1:]) if references else None
        _set_aside(name, indexes, ("tenant", *_OLD_UNIQUE[name]), mine)
    _create_old()
    for name, columns in _OLD.items():
        _copy(name, columns, columns, f" WHERE tenant = '{_TENANT}'")
    for name in ("reports", "nodes", "trials", "studies"):
        op.drop_table(f"old_{name}")
    for name, indexes in _OLD_INDEXES.items():
        for columns in indexes:
            op.create_index(_index(name, columns), name, list(columns))


def _set_aside(
    name: str,
    indexes: list[tuple[str, ...]],
    unique: tuple[str, ...],
    references: tuple[str, ...] | None,
) -> None:
    """Call a table `old_…` and free the names of what belongs to it, which PostgreSQL gives once in a database."""
    for columns in indexes:
        op.drop_index(_index(name, columns), name)
    if op.get_bind().dialect.name == "postgresql":
        if references:
            *mine, table, _ = references
            op.drop_constraint(f"fk_{name}_{'_'.join(mine)}_{table}", name)
        op.drop_constraint(f"uq_{name}_{'_'.join(unique)}", name)
        op.drop_constraint(f"pk_{name}", name)
        op.execute(f"ALTER SEQUENCE {name}_position_seq RENAME TO old_{name}_position_seq")
    op.rename_table(name, f"old_{name}")


def _copy(name: str, into: tuple[str, ...], values: tuple[str, ...], where: str = "") -> None:
    op.execute(f"INSERT INTO {name} ({', '.join(into)}) SELECT {', '.join(values)} FROM old_{name}{where}")  # noqa: S608 (names of ours)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval('{name}_position_seq', coalesce(max(position), 0) + 1, false) FROM {name}")  # noqa: S608 (as above)


def _added(name: str) -> dict[str, str]:
    """Return the columns that a table gets, each with its value for the rows that are there."""
    tenant = {"tenant": f"'{_TENANT}'"}
    if name == "trials":
        return tenant | {"mode": "(SELECT mode FROM old_studies WHERE old_studies.id = old_trials.study_id)"}
    return tenant


def _index(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _position() -> sa.Column[int]:
    return sa.Column("position", _POSITION, nullable=False)


def _document() -> sa.Column[str]:
    return sa.Column("document", sa.Text(), nullable=False)


def _create_studies_and_trials() -> None:
    op.create_table(
        "studies",
        _position(),
        *_text("tenant", "id", "model_fingerprint", "workload_key", "hardware_key", "mode", "status"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_studies"),
        sa.UniqueConstraint("tenant", "id", name="uq_studies_tenant_id"),
    )
    op.create_table(
        "trials",
        _position(),
        *_text("tenant", "id", "study_id", "model_fingerprint", "workload_key", "hardware_key"),
        *_text("precision", "mode", "status"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_trials"),
        sa.UniqueConstraint("tenant", "id", name="uq_trials_tenant_id"),
        _of_study("trials"),
    )


def _of_study(table: str) -> sa.ForeignKeyConstraint:
    theirs = ["studies.tenant", "studies.id"]
    return sa.ForeignKeyConstraint(["tenant", "study_id"], theirs, name=f"fk_{table}_tenant_study_id_studies")


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        _position(),
        *_text("tenant"),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("hardware_key", _NAME),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_nodes"),
        sa.UniqueConstraint("tenant", "name", name="uq_nodes_tenant_name"),
    )
    op.create_table(
        "reports",
        _position(),
        *_text("tenant"),
        sa.Column("node", _NAME, nullable=False),
        *_text("id", "kind"),
        sa.Column("observed_at", sa.Double(), nullable=False),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_reports"),
        sa.UniqueConstraint("tenant", "node", "id", name="uq_reports_tenant_node_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "node"], ["nodes.tenant", "nodes.name"], name="fk_reports_tenant_node_nodes"
        ),
    )


def _create_derived() -> None:
    op.create_table(
        "outcomes",
        _position(),
        *_text("tenant", "study_id"),
        sa.Column("candidate", sa.Text(), nullable=False),
        *_text("model_fingerprint", "hardware_key", "mode"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_outcomes"),
        sa.UniqueConstraint("tenant", "study_id", "candidate", name="uq_outcomes_tenant_study_id_candidate"),
        _of_study("outcomes"),
    )
    op.create_table(
        "models",
        *_text("tenant"),
        sa.Column("fingerprint", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("parameters", sa.BigInteger()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("studies", "trials")),
        sa.Column("last_measured_at", sa.Double()),
        sa.PrimaryKeyConstraint("tenant", "fingerprint", name="pk_models"),
    )
    op.create_table(
        "hardware",
        *_text("tenant"),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("studies", "trials", "models")),
        sa.Column("last_measured_at", sa.Double()),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_hardware"),
    )
    op.create_table(
        "measured_on",
        *_text("tenant"),
        sa.Column("model_fingerprint", _NAME, nullable=False),
        sa.Column("hardware_key", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "model_fingerprint", "hardware_key", name="pk_measured_on"),
    )
    op.create_table(
        "changes",
        _position(),
        *_text("tenant", "kind", "id"),
        sa.Column("model_fingerprint", sa.String()),
        sa.PrimaryKeyConstraint("position", name="pk_changes"),
    )


def _create_reported() -> None:
    op.create_table(
        "descriptions",
        *_text("tenant"),
        sa.Column("model_fingerprint", _NAME, nullable=False),
        _document(),
        sa.PrimaryKeyConstraint("tenant", "model_fingerprint", name="pk_descriptions"),
    )
    op.create_table(
        "asked",
        _position(),
        *_text("tenant", "id"),
        sa.Column("model_fingerprint", sa.String()),
        sa.Column("hardware_key", sa.String()),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_asked"),
        sa.UniqueConstraint("tenant", "id", name="uq_asked_tenant_id"),
    )
    op.create_table(
        "runs",
        _position(),
        *_text("tenant", "id"),
        sa.Column("node", sa.String()),
        sa.Column("model_fingerprint", sa.String()),
        *_text("hardware_key"),
        sa.Column("ended", sa.Boolean(), nullable=False),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_runs"),
        sa.UniqueConstraint("tenant", "id", name="uq_runs_tenant_id"),
    )


def _keep_tenants_apart() -> None:
    """Let PostgreSQL show and take only rows of the tenant that a transaction names; "*" is its operator.

    Superusers and roles with BYPASSRLS are not held by policies.
    """
    told = "current_setting('autoprec.tenant', true)"
    for name in _INDEXES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {name} USING (tenant = {told} OR {told} = '*')")


def _create_old() -> None:
    op.create_table(
        "studies",
        _position(),
        *_text("id", "model_fingerprint", "workload_key", "hardware_key", "mode", "status"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_studies"),
        sa.UniqueConstraint("id", name="uq_studies_id"),
    )
    op.create_table(
        "trials",
        _position(),
        *_text("id", "study_id", "model_fingerprint", "workload_key", "hardware_key", "precision", "status"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_trials"),
        sa.UniqueConstraint("id", name="uq_trials_id"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_trials_study_id_studies"),
    )
    op.create_table(
        "nodes",
        _position(),
        *_text("name"),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_nodes"),
        sa.UniqueConstraint("name", name="uq_nodes_name"),
    )
    op.create_table(
        "reports",
        _position(),
        *_text("node", "id", "kind"),
        sa.Column("observed_at", sa.Double(), nullable=False),
        _document(),
        sa.PrimaryKeyConstraint("position", name="pk_reports"),
        sa.UniqueConstraint("node", "id", name="uq_reports_node_id"),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name="fk_reports_node_nodes"),
    )
