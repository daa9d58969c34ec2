"""Since when a page with readers is missing.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Workers of the release before tell nobody that a page is gone, and leave the column alone."""
    op.execute("ALTER TABLE reporting.status_watch ADD COLUMN missing_since timestamptz")


def downgrade() -> None:
    """Who was told of a page that is gone already is forgotten as was promised."""
    op.execute("DELETE FROM reporting.status_mail WHERE news ->> 'kind' = 'dropped'")
    op.execute("ALTER TABLE reporting.status_watch DROP COLUMN missing_since")
