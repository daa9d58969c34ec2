"""Keys of webhooks from before the previous ones, and the domain over which somebody came to a page.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Workers of the release before sign with the present and the previous keys, and leave the others alone.

    Links go to a domain again as soon as somebody has come over it.
    """
    op.execute("ALTER TABLE reporting.webhook ADD COLUMN earlier_keys JSONB NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE reporting.status_page ADD COLUMN seen_domain text")


def downgrade() -> None:
    """Receivers that have only such keys refuse what is signed without them. Some mails are unknown to the release
    before.
    """
    op.execute("ALTER TABLE reporting.webhook DROP COLUMN earlier_keys")
    op.execute("ALTER TABLE reporting.status_page DROP COLUMN seen_domain")
    op.execute("DELETE FROM reporting.status_mail WHERE news ->> 'kind' IN ('flapping', 'left')")
