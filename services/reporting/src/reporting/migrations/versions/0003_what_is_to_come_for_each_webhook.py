"""The next deliveries of each webhook, found without looking at the backlogs of the others.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One index for another: deliveries are claimed by webhook."""
    op.execute(
        "create index ix_delivery_to_come on reporting.delivery (webhook_id, due_at, delivery_id) "
        "where due_at is not null"
    )
    op.execute("drop index reporting.ix_delivery_due_at")
