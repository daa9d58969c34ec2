"""Steps of decisions on outages keep on whose word it is known who took them.

Revision ID: 0034
Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Of steps of before it is not known. Processes of the release before take steps without it."""
    op.execute("ALTER TABLE reporting.outage_decision_step ADD COLUMN actor_issuer TEXT")


def downgrade() -> None:
    """Two ids are two people again, wherever they come from."""
    op.execute("ALTER TABLE reporting.outage_decision_step DROP COLUMN actor_issuer")
