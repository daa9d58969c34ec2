"""Row-level security whose scope PostgreSQL knows when it plans a statement.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from shared.database import plan_by_scope

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The same rows are seen as before."""
    plan_by_scope(op, "probes")


def downgrade() -> None:
    """The release before reads the policies as they are now."""
