"""Maintenance windows, for visitors of status pages.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from shared.database import protect_rows

revision = "0007"
down_revision = "0006"

SCHEMA = "reporting"


def upgrade() -> None:
    """One row per window; those that were told before this table was there are read from what was kept of them."""
    op.execute("""
        CREATE TABLE reporting.maintenance_window (
            window_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            version BIGINT NOT NULL,
            announced_at timestamptz NOT NULL,
            begins_at timestamptz,
            ends_at timestamptz,
            state JSONB NOT NULL,
            CONSTRAINT pk_maintenance_window PRIMARY KEY (window_id)
        )
    """)
    op.execute("CREATE INDEX ix_maintenance_window_client_id ON reporting.maintenance_window (client_id, ends_at)")
    op.execute("""
        INSERT INTO reporting.maintenance_window
            (window_id, tenant_id, client_id, version, announced_at, begins_at, ends_at, state)
        SELECT (told.data ->> 'window_id')::uuid, told.tenant_id, (told.data ->> 'client_id')::uuid,
            told.aggregate_version, told.occurred_at, span.begins_at, span.ends_at, told.data
        FROM (
            SELECT DISTINCT ON (aggregate_id) tenant_id, aggregate_version, occurred_at,
                convert_from(payload, 'UTF8')::jsonb -> 'data' AS data
            FROM reporting.event
            WHERE name IN ('contracts.maintenance.scheduled.v1', 'contracts.maintenance.cancelled.v1')
            ORDER BY aggregate_id, aggregate_version DESC
        ) AS told
        CROSS JOIN LATERAL (
            SELECT min((each ->> 'starts_at')::timestamptz) AS begins_at,
                max((each ->> 'ends_at')::timestamptz) AS ends_at
            FROM jsonb_array_elements(told.data -> 'occurrences') AS each
        ) AS span
    """)
    protect_rows(op, SCHEMA, "maintenance_window", client_column="client_id")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.maintenance_window TO {SCHEMA}_app")


def downgrade() -> None:
    """Nothing else refers to it."""
    op.execute(f"DROP TABLE {SCHEMA}.maintenance_window")
