"""Row-level security whose scope PostgreSQL knows when it plans a statement.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from shared.database import plan_by_scope

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_scope(op, "contracts")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
