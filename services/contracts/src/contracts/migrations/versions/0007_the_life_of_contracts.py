"""The life of contracts: amendments with a date, terms and notice, termination for cause, prices that follow an index.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from shared.database import protect_rows

revision = "0007"
down_revision = "0006"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.contract_life (
    contract_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    due_at timestamptz,
    waits_for_index TEXT,
    content JSONB NOT NULL,
    CONSTRAINT pk_contract_life PRIMARY KEY (contract_id),
    CONSTRAINT fk_contract_life_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_contract_life_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_contract_life_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_contract_life_due_at ON contracts.contract_life (due_at);
CREATE INDEX ix_contract_life_tenant_id_waits_for_index ON contracts.contract_life (tenant_id, waits_for_index);

CREATE TABLE contracts.scheduled_amendment (
    amendment_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    effective_at timestamptz NOT NULL,
    status TEXT NOT NULL,
    amendment JSONB NOT NULL,
    scheduled_by TEXT NOT NULL,
    scheduled_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_reason TEXT,
    CONSTRAINT pk_scheduled_amendment PRIMARY KEY (amendment_id),
    CONSTRAINT fk_scheduled_amendment_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_scheduled_amendment_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_scheduled_amendment_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_scheduled_amendment_contract_id_effective_at_amendment_id
    ON contracts.scheduled_amendment (contract_id, effective_at, amendment_id);

CREATE TABLE contracts.formal_notice (
    formal_notice_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_formal_notice PRIMARY KEY (formal_notice_id),
    CONSTRAINT fk_formal_notice_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_formal_notice_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_formal_notice_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_formal_notice_contract_id_created_at_formal_notice_id
    ON contracts.formal_notice (contract_id, created_at, formal_notice_id);

CREATE TABLE contracts.index_value (
    index_value_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    index_name TEXT NOT NULL,
    period TEXT NOT NULL,
    value TEXT NOT NULL,
    published_on DATE NOT NULL,
    source TEXT,
    recorded_by TEXT NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_index_value PRIMARY KEY (index_value_id),
    CONSTRAINT fk_index_value_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
CREATE INDEX ix_index_value_tenant_id_index_name_published_on
    ON contracts.index_value (tenant_id, index_name, published_on);
CREATE INDEX ix_index_value_tenant_id_recorded_at_index_value_id
    ON contracts.index_value (tenant_id, recorded_at, index_value_id);

CREATE TABLE contracts.contract_price (
    contract_id UUID NOT NULL,
    version INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    effective_from timestamptz NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    came_by TEXT NOT NULL,
    revision JSONB,
    CONSTRAINT pk_contract_price PRIMARY KEY (contract_id, version),
    CONSTRAINT fk_contract_price_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_contract_price_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_contract_price_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_contract_price_contract_id_effective_from_version
    ON contracts.contract_price (contract_id, effective_from, version);
"""

PRICES_SO_FAR = """
INSERT INTO contracts.contract_price
    (contract_id, version, tenant_id, client_id, effective_from, amount, currency, came_by)
SELECT contract_id, version, tenant_id, client_id, effective_from, state -> 'price' ->> 'amount',
       state -> 'price' ->> 'currency', CASE change WHEN 'activated' THEN 'agreed' ELSE 'amended' END
FROM contracts.contract_state
WHERE change IN ('activated', 'amended')
"""
"""What contracts cost until now is what was signed with each of their states."""

OF_CLIENTS = ("contract_life", "scheduled_amendment", "formal_notice", "contract_price")
NEVER_CHANGED = ("index_value", "contract_price")


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients, with the prices so far."""
    op.execute(TABLES)
    op.execute(PRICES_SO_FAR)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    protect_rows(op, SCHEMA, "index_value")
    # Of these tables only: what earlier migrations took from the role must stay taken.
    for table in (*OF_CLIENTS, "index_value"):
        allowed = "select, insert" if table in NEVER_CHANGED else "select, insert, update, delete"
        op.execute(f"grant {allowed} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in (*OF_CLIENTS, "index_value"):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
