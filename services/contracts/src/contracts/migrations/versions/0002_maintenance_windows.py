"""Maintenance windows.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0002"
down_revision = "0001"

SCHEMA = "contracts"

TABLE = """
CREATE TABLE contracts.maintenance_window (
    window_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    site_ids UUID[] NOT NULL,
    environment_ids UUID[] NOT NULL,
    time_zone TEXT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    recurrence TEXT,
    status TEXT NOT NULL,
    cancelled_at timestamptz,
    cancel_reason TEXT,
    occurrences JSONB NOT NULL,
    ends_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_maintenance_window PRIMARY KEY (window_id),
    CONSTRAINT fk_maintenance_window_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_maintenance_window_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_maintenance_window_client_id ON contracts.maintenance_window (client_id);
CREATE INDEX ix_maintenance_window_tenant_id_created_at_window_id
    ON contracts.maintenance_window (tenant_id, created_at, window_id);
"""


def upgrade() -> None:
    """Add the table, closed to other agencies and other clients."""
    op.execute(TABLE)
    protect_rows(op, SCHEMA, "maintenance_window", client_column="client_id")
    grant_application_role(op, SCHEMA)
    for table in ("contract_document", "contract_state", "plan_version"):
        op.execute(f"revoke update, delete on {SCHEMA}.{table} from {SCHEMA}_app")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TABLE contracts.maintenance_window")
