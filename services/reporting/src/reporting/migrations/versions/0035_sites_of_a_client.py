"""The sites of a client are found by an index: each page, report and figure asks for them.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """The release before reads faster, too."""
    op.execute("CREATE INDEX ix_site_client_id ON reporting.site (client_id)")


def downgrade() -> None:
    """Every look reads all sites again."""
    op.execute("DROP INDEX reporting.ix_site_client_id")
