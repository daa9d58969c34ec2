"""Secrets of sources from before the previous one.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """The release before takes the present and the previous secret, and leaves the others alone."""
    op.execute("ALTER TABLE incidents.intake_source ADD COLUMN earlier_secrets JSONB NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    """Who signs with such a secret is refused without it."""
    op.execute("ALTER TABLE incidents.intake_source DROP COLUMN earlier_secrets")
