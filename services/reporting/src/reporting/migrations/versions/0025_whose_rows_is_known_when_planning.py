"""Row-level security whose scope PostgreSQL knows when it plans a statement.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

from shared.database import plan_by_scope

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_scope(op, "reporting")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
