"""Studies."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table of studies."""
    op.create_table(
        "studies",
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("model_fingerprint", sa.String(), nullable=False),
        sa.Column("workload_key", sa.String(), nullable=False),
        sa.Column("hardware_key", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_studies"),
        sa.UniqueConstraint("id", name="uq_studies_id"),
    )
    op.create_index("ix_studies_workload_key_hardware_key", "studies", ["workload_key", "hardware_key"])


def downgrade() -> None:
    """Drop the table of studies."""
    op.drop_table("studies")
