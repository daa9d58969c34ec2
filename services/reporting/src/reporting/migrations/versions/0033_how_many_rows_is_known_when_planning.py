"""Row-level security of which PostgreSQL knows how many rows it shows.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

from shared.database import plan_by_client

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_client(op, "reporting")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
