"""Row-level security whose scope PostgreSQL knows when it plans a statement.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

from shared.database import plan_by_scope

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_scope(op, "incidents")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
