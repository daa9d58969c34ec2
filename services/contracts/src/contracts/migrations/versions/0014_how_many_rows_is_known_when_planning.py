"""Row-level security of which PostgreSQL knows how many rows it shows.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

from shared.database import plan_by_client

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_client(op, "contracts")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
