"""Incidents that people of an agency put on a status page, and what they tell visitors of them.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

from shared.database import protect_rows

revision = "0024"
down_revision = "0023"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """What was told so far was told of outages; now it is told of whatever a page shows as an incident."""
    op.execute("""
        CREATE TABLE reporting.page_incident (
            page_incident_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            slug TEXT NOT NULL,
            incident_id UUID NOT NULL,
            version INTEGER NOT NULL,
            titles JSONB NOT NULL,
            components JSONB NOT NULL,
            started_at timestamptz NOT NULL,
            published_at timestamptz NOT NULL,
            published_by TEXT NOT NULL,
            withdrawn_at timestamptz,
            withdrawn_by TEXT,
            CONSTRAINT pk_page_incident PRIMARY KEY (page_incident_id)
        )
    """)
    op.execute("""
        CREATE INDEX ix_page_incident_slug
        ON reporting.page_incident (tenant_id, slug, published_at, page_incident_id)
    """)
    op.execute("""
        CREATE UNIQUE INDEX uq_page_incident_shown
        ON reporting.page_incident (tenant_id, slug, incident_id) WHERE withdrawn_at IS NULL
    """)
    protect_rows(op, SCHEMA, "page_incident", client_column="client_id")
    op.execute(f"REVOKE ALL ON {SCHEMA}.page_incident FROM {ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON {SCHEMA}.page_incident TO {ROLE}")
    op.execute(f"GRANT UPDATE (version, withdrawn_at, withdrawn_by) ON {SCHEMA}.page_incident TO {ROLE}")
    op.execute("ALTER TABLE reporting.page_update RENAME COLUMN outage_id TO page_incident_id")
    op.execute("ALTER INDEX reporting.ix_page_update_outage_id RENAME TO ix_page_update_page_incident_id")
    op.execute("ALTER TABLE reporting.page_update ADD COLUMN components JSONB")


def downgrade() -> None:
    """Incidents that people put on pages are lost, with what was told of them and mails about it."""
    op.execute("""
        DELETE FROM reporting.status_mail WHERE news ->> 'page_update_id' IN (
            SELECT page_update_id::text
            FROM reporting.page_update JOIN reporting.page_incident USING (page_incident_id))
    """)
    op.execute("""
        DELETE FROM reporting.page_update USING reporting.page_incident
        WHERE page_update.page_incident_id = page_incident.page_incident_id
    """)
    op.execute("ALTER TABLE reporting.page_update DROP COLUMN components")
    op.execute("ALTER INDEX reporting.ix_page_update_page_incident_id RENAME TO ix_page_update_outage_id")
    op.execute("ALTER TABLE reporting.page_update RENAME COLUMN page_incident_id TO outage_id")
    op.execute("DROP TABLE reporting.page_incident")
