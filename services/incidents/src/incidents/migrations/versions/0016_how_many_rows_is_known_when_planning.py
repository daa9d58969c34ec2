"""Row-level security of which PostgreSQL knows how many rows it shows, and what waits found without what is done.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from shared.database import plan_by_client

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """The same rows are seen as before. Who writes items, then who writes clocks, waits while an index is built."""
    plan_by_client(op, "incidents")
    with op.get_context().autocommit_block():  # both tables locked at once deadlock with whoever writes into both
        op.execute(
            "CREATE INDEX IF NOT EXISTS ix_work_item_waiting ON incidents.work_item (tenant_id) "
            "WHERE status NOT IN ('accepted','cancelled','closed','completed','declined')"
        )
        op.execute(
            "CREATE INDEX IF NOT EXISTS ix_clock_due_running ON incidents.clock_due (tenant_id) "
            "WHERE ended_at IS NULL AND state IN ('running','breached')"
        )


def downgrade() -> None:
    """The release before reads the policies as they are now."""
    op.execute("DROP INDEX incidents.ix_clock_due_running")
    op.execute("DROP INDEX incidents.ix_work_item_waiting")
