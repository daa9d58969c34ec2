"""Replays are forgotten a month after they were finished, as deliveries are.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """What the job that forgets looks for."""
    op.execute("create index ix_webhook_replay_finished_at on reporting.webhook_replay (finished_at)")


def downgrade() -> None:
    op.execute("drop index reporting.ix_webhook_replay_finished_at")
