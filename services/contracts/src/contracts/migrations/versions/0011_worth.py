"""What an obligation of the provider is worth: what its lateness is counted by.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = ("obligation", "breach")


def upgrade() -> None:
    """Add the column; nothing that was agreed until now has a worth."""
    for table in TABLES:
        op.execute(f"ALTER TABLE contracts.{table} ADD COLUMN worth JSONB")


def downgrade() -> None:
    """Take it away."""
    for table in reversed(TABLES):
        op.execute(f"ALTER TABLE contracts.{table} DROP COLUMN worth")
