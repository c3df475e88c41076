"""Nodes and their reports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables of nodes and of their reports."""
    op.create_table(
        "nodes",
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_nodes"),
        sa.UniqueConstraint("name", name="uq_nodes_name"),
    )
    op.create_table(
        "reports",
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("observed_at", sa.Double(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_reports"),
        sa.UniqueConstraint("node", "id", name="uq_reports_node_id"),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name="fk_reports_node_nodes"),
    )
    op.create_index("ix_reports_node_kind_observed_at", "reports", ["node", "kind", "observed_at"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("reports")
    op.drop_table("nodes")
