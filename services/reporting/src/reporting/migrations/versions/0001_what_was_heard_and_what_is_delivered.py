"""The first tables: what was heard, what is delivered.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import create_event_tables, grant_application_role

revision = "0001"
down_revision = None

SCHEMA = "reporting"

# Rows that belong to one client of a tenant; a person who is bound to another client must not see them.
OF_A_CLIENT = (
    "client",
    "clock",
    "contract",
    "contract_version",
    "event",
    "incident",
    "monitor",
    "site",
    "transition",
)
OF_A_TENANT = ("webhook", "delivery", "attempt")

TABLES = """
CREATE TABLE reporting.client (
    client_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_client PRIMARY KEY (client_id)
);
CREATE TABLE reporting.clock (
    clock_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    incident_id UUID NOT NULL,
    version BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    at timestamptz NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT pk_clock PRIMARY KEY (clock_id)
);
CREATE INDEX ix_clock_incident_id ON reporting.clock (incident_id);
CREATE TABLE reporting.contract (
    contract_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    number TEXT NOT NULL,
    began_at timestamptz,
    slug TEXT,
    state JSONB NOT NULL,
    CONSTRAINT pk_contract PRIMARY KEY (contract_id)
);
CREATE INDEX ix_contract_slug ON reporting.contract (slug) WHERE slug IS NOT NULL;
CREATE TABLE reporting.contract_version (
    contract_id UUID NOT NULL,
    version BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    status TEXT NOT NULL,
    effective_from timestamptz NOT NULL,
    state JSONB NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT pk_contract_version PRIMARY KEY (contract_id, version)
);
CREATE TABLE reporting.event (
    event_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID,
    name TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    aggregate_version BIGINT NOT NULL,
    occurred_at timestamptz NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (event_id)
);
CREATE INDEX ix_event_aggregate_id ON reporting.event (aggregate_id, aggregate_version);
CREATE TABLE reporting.incident (
    incident_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    version BIGINT NOT NULL,
    number TEXT NOT NULL,
    status TEXT NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    state JSONB NOT NULL,
    CONSTRAINT pk_incident PRIMARY KEY (incident_id)
);
CREATE INDEX ix_incident_contract_id ON reporting.incident (contract_id, began_at);
CREATE TABLE reporting.monitor (
    monitor_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT pk_monitor PRIMARY KEY (monitor_id)
);
CREATE INDEX ix_monitor_contract_id ON reporting.monitor (contract_id);
CREATE TABLE reporting.site (
    site_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    environment_names JSONB NOT NULL,
    CONSTRAINT pk_site PRIMARY KEY (site_id)
);
CREATE TABLE reporting.transition (
    monitor_id UUID NOT NULL,
    number BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    entered TEXT NOT NULL,
    at timestamptz NOT NULL,
    ended TEXT,
    ended_since timestamptz,
    outage_id UUID,
    reason TEXT,
    details JSONB NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT pk_transition PRIMARY KEY (monitor_id, number)
);
CREATE INDEX ix_transition_contract_id ON reporting.transition (contract_id, monitor_id, at);
CREATE TABLE reporting.webhook (
    webhook_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version BIGINT NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    event_types TEXT[] NOT NULL,
    enabled BOOLEAN NOT NULL,
    disabled_reason TEXT,
    disabled_at timestamptz,
    failing_since timestamptz,
    secret BYTEA NOT NULL,
    previous_secret BYTEA,
    previous_secret_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_webhook PRIMARY KEY (webhook_id)
);
CREATE INDEX ix_webhook_tenant_id ON reporting.webhook (tenant_id, created_at);
CREATE TABLE reporting.delivery (
    delivery_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    event_id UUID NOT NULL,
    event_name TEXT NOT NULL,
    payload BYTEA NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    tried_before INTEGER NOT NULL,
    due_at timestamptz,
    last_status_code INTEGER,
    created_at timestamptz NOT NULL,
    first_attempt_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_delivery PRIMARY KEY (delivery_id),
    CONSTRAINT uq_delivery_webhook_id_event_id UNIQUE (webhook_id, event_id),
    CONSTRAINT fk_delivery_webhook_id FOREIGN KEY (webhook_id)
        REFERENCES reporting.webhook (webhook_id) ON DELETE CASCADE
);
CREATE INDEX ix_delivery_due_at ON reporting.delivery (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_delivery_finished_at ON reporting.delivery (finished_at);
CREATE INDEX ix_delivery_webhook_id ON reporting.delivery (webhook_id, created_at, delivery_id);
CREATE TABLE reporting.attempt (
    delivery_id UUID NOT NULL,
    number INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    at timestamptz NOT NULL,
    duration_ms INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    response_excerpt TEXT,
    CONSTRAINT pk_attempt PRIMARY KEY (delivery_id, number),
    CONSTRAINT fk_attempt_delivery_id FOREIGN KEY (delivery_id)
        REFERENCES reporting.delivery (delivery_id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    """Makes the schema's tables, protects every row by tenant, and lets the application role use them."""
    create_event_tables(op, SCHEMA)
    for statement in TABLES.strip().split(";"):
        if statement.strip():
            op.execute(statement)
    for table in OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    for table in OF_A_TENANT:
        protect_rows(op, SCHEMA, table)
    grant_application_role(op, SCHEMA)
