"""A version of a contract knows the one before it and when it was heard of.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Versions that are kept already wait for nobody."""
    op.execute(
        "ALTER TABLE probes.contract_version ADD COLUMN previous_version BIGINT, "
        "ADD COLUMN heard_at timestamptz NOT NULL DEFAULT '-infinity'"
    )


def downgrade() -> None:
    """Forget both again."""
    op.execute("ALTER TABLE probes.contract_version DROP COLUMN previous_version, DROP COLUMN heard_at")
