"""When a page showed last what its subscribers were told, and what planned work was told to be.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Every page is looked at once, and each day from then on. That is a column of its own: workers of the release
    before empty `due_at` when they have looked, and take one that is not empty for due already.
    """
    op.execute("ALTER TABLE reporting.status_watch ADD COLUMN seen JSONB NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE reporting.status_watch ADD COLUMN again_at timestamptz NOT NULL DEFAULT 'epoch'")
    op.execute("CREATE INDEX ix_status_watch_again_at ON reporting.status_watch (again_at)")


def downgrade() -> None:
    """Mails of what was called off are unknown to the release before."""
    op.execute("DELETE FROM reporting.status_mail WHERE news ->> 'kind' = 'cancelled'")
    op.execute("ALTER TABLE reporting.status_watch DROP COLUMN seen, DROP COLUMN again_at")
