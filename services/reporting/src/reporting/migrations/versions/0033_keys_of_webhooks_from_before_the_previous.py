"""Keys of webhooks from before the previous ones, which sign until the time that was promised for them.

Revision ID: 0033
Revises: 0027
"""

from alembic import op

revision = "0033"
down_revision = "0027"


def upgrade() -> None:
    """Workers of the release before sign with the present and the previous keys, and leave the others alone."""
    op.execute("ALTER TABLE reporting.webhook ADD COLUMN earlier_keys JSONB NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    """Receivers that have only such keys refuse what is signed without them."""
    op.execute("ALTER TABLE reporting.webhook DROP COLUMN earlier_keys")
