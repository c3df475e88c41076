"""Trials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table of trials."""
    op.create_table(
        "trials",
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("model_fingerprint", sa.String(), nullable=False),
        sa.Column("workload_key", sa.String(), nullable=False),
        sa.Column("hardware_key", sa.String(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_trials"),
        sa.UniqueConstraint("id", name="uq_trials_id"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_trials_study_id_studies"),
    )
    op.create_index("ix_trials_study_id", "trials", ["study_id"])
    op.create_index("ix_trials_model_fingerprint_hardware_key", "trials", ["model_fingerprint", "hardware_key"])
    op.create_index("ix_trials_workload_key_hardware_key", "trials", ["workload_key", "hardware_key"])


def downgrade() -> None:
    """Drop the table of trials."""
    op.drop_table("trials")
