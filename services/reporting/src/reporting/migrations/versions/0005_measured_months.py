"""Which months of which contracts are measured, and which are to be measured (again).

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from shared.database import protect_rows

revision = "0005"
down_revision = "0004"

SCHEMA = "reporting"


def upgrade() -> None:
    """One row per contract and month; the months of the contracts that are known already are due at once."""
    op.execute("""
        CREATE TABLE reporting.uptime_period (
            contract_id UUID NOT NULL,
            month DATE NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            ends_at timestamptz NOT NULL,
            version BIGINT NOT NULL,
            figures_hash TEXT,
            silent BOOLEAN NOT NULL,
            due_at timestamptz,
            CONSTRAINT pk_uptime_period PRIMARY KEY (contract_id, month)
        )
    """)
    op.execute("CREATE INDEX ix_uptime_period_due_at ON reporting.uptime_period (due_at) WHERE due_at IS NOT NULL")
    op.execute("""
        INSERT INTO reporting.uptime_period
            (contract_id, month, tenant_id, client_id, ends_at, version, silent, due_at)
        SELECT contract_id, month, tenant_id, client_id, (month + interval '1 month 12 hours') AT TIME ZONE 'UTC',
            0, false, began_at
        FROM (
            SELECT contract_id, tenant_id, client_id, min(effective_from) AS began_at,
                min(date_trunc('month', effective_from AT TIME ZONE (state -> 'client' ->> 'time_zone'))::date) AS month
            FROM reporting.contract_version GROUP BY contract_id, tenant_id, client_id
        ) AS first_month
    """)
    protect_rows(op, SCHEMA, "uptime_period", client_column="client_id")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.uptime_period TO {SCHEMA}_app")


def downgrade() -> None:
    """What was told stays told; a later upgrade measures anew."""
    op.execute("DROP TABLE reporting.uptime_period")
