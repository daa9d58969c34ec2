"""Editions keep the logo that their pages and files hold.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Editions of before have none, and stay as they are. The release before issues editions without one."""
    op.execute("ALTER TABLE reporting.report_edition ADD COLUMN logo BYTEA")


def downgrade() -> None:
    """Their files are made without it."""
    op.execute("ALTER TABLE reporting.report_edition DROP COLUMN logo")
