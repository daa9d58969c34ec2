"""What people of an agency tell visitors of a status page about an outage.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

from shared.database import protect_rows

revision = "0022"
down_revision = "0021"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """What was told is never rewritten nor taken away, only withdrawn: not even a fault of ours can."""
    op.execute("""
        CREATE TABLE reporting.page_update (
            page_update_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            slug TEXT NOT NULL,
            outage_id UUID NOT NULL,
            version INTEGER NOT NULL,
            status TEXT,
            texts JSONB NOT NULL,
            published_at timestamptz NOT NULL,
            published_by TEXT NOT NULL,
            withdrawn_at timestamptz,
            withdrawn_by TEXT,
            CONSTRAINT pk_page_update PRIMARY KEY (page_update_id)
        )
    """)
    op.execute("""
        CREATE INDEX ix_page_update_outage_id
        ON reporting.page_update (tenant_id, slug, outage_id, published_at, page_update_id)
    """)
    protect_rows(op, SCHEMA, "page_update", client_column="client_id")
    op.execute(f"REVOKE ALL ON {SCHEMA}.page_update FROM {ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON {SCHEMA}.page_update TO {ROLE}")
    op.execute(f"GRANT UPDATE (version, withdrawn_at, withdrawn_by) ON {SCHEMA}.page_update TO {ROLE}")


def downgrade() -> None:
    """What was told is lost, and so are mails about it: the release before has no words for them.

    It would also show every site of a page that shows some: to it these are pages for those who know a password, and
    there is none that is right. Nobody is mailed about them any more.
    """
    op.execute("""
        DELETE FROM reporting.status_subscription WHERE (tenant_id, slug) IN (
            SELECT tenant_id, slug FROM reporting.status_page WHERE settings -> 'site_ids' <> '[]')
    """)
    op.execute("""
        DELETE FROM reporting.status_watch WHERE (tenant_id, slug) IN (
            SELECT tenant_id, slug FROM reporting.status_page WHERE settings -> 'site_ids' <> '[]')
    """)
    op.execute("""
        UPDATE reporting.status_page
        SET settings = jsonb_set(settings, '{audience}', '"password"'), password = NULL, version = version + 1
        WHERE settings -> 'site_ids' <> '[]'
    """)
    op.execute("UPDATE reporting.status_page SET settings = settings - 'site_ids'")
    op.execute("DELETE FROM reporting.status_mail WHERE news ->> 'kind' = 'said'")
    op.execute("DROP TABLE reporting.page_update")
