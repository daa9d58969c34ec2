"""Settlements with their closed versions, claims, rights to terminate, and tables of credits and penalties.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from shared.database import protect_rows

revision = "0006"
down_revision = "0005"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.settlement (
    settlement_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    first_day DATE NOT NULL,
    end_day DATE NOT NULL,
    ends_at timestamptz NOT NULL,
    currency TEXT NOT NULL,
    net TEXT NOT NULL,
    gross TEXT,
    computed_at timestamptz NOT NULL,
    reviewed_at timestamptz,
    reviewed_by TEXT,
    closed_at timestamptz,
    closed_number INTEGER,
    closed_hash TEXT,
    claims_until DATE,
    adjustments JSONB NOT NULL,
    correction_reason TEXT,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_settlement PRIMARY KEY (settlement_id),
    CONSTRAINT uq_settlement_contract_id_first_day UNIQUE (contract_id, first_day),
    CONSTRAINT ck_settlement_status CHECK (status in ('draft', 'reviewed', 'closed')),
    CONSTRAINT fk_settlement_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_settlement_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_settlement_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id)
);
CREATE INDEX ix_settlement_tenant_id_created_at_settlement_id
    ON contracts.settlement (tenant_id, created_at, settlement_id);

CREATE TABLE contracts.settlement_version (
    settlement_id UUID NOT NULL,
    number INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    hash TEXT NOT NULL,
    reason TEXT,
    text TEXT NOT NULL,
    commitments JSONB NOT NULL,
    closed_at timestamptz NOT NULL,
    closed_by TEXT NOT NULL,
    CONSTRAINT pk_settlement_version PRIMARY KEY (settlement_id, number),
    CONSTRAINT fk_settlement_version_settlement_id FOREIGN KEY (settlement_id)
        REFERENCES contracts.settlement (settlement_id),
    CONSTRAINT fk_settlement_version_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_settlement_version_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_settlement_version_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id)
);
CREATE INDEX ix_settlement_version_contract_id ON contracts.settlement_version (contract_id);

CREATE TABLE contracts.settlement_schedule (
    contract_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    next_period INTEGER NOT NULL,
    due_at timestamptz,
    CONSTRAINT pk_settlement_schedule PRIMARY KEY (contract_id),
    CONSTRAINT fk_settlement_schedule_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_settlement_schedule_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_settlement_schedule_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_settlement_schedule_due_at ON contracts.settlement_schedule (due_at) WHERE due_at is not null;

CREATE TABLE contracts.settlement_claim (
    claim_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    settlement_id UUID NOT NULL,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    reason TEXT NOT NULL,
    amount TEXT,
    evidence TEXT,
    status TEXT NOT NULL,
    claimed_by TEXT NOT NULL,
    answer TEXT,
    granted TEXT,
    answered_by TEXT,
    answered_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_settlement_claim PRIMARY KEY (claim_id),
    CONSTRAINT fk_settlement_claim_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_settlement_claim_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_settlement_claim_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_settlement_claim_settlement_id FOREIGN KEY (settlement_id)
        REFERENCES contracts.settlement (settlement_id)
);
CREATE INDEX ix_settlement_claim_tenant_id_created_at_claim_id
    ON contracts.settlement_claim (tenant_id, created_at, claim_id);
CREATE INDEX ix_settlement_claim_settlement_id ON contracts.settlement_claim (settlement_id);

CREATE TABLE contracts.termination_right (
    termination_right_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    version INTEGER NOT NULL,
    right_code TEXT NOT NULL,
    commitment TEXT NOT NULL,
    opened_on DATE NOT NULL,
    lapses_on DATE NOT NULL,
    because JSONB NOT NULL,
    settlement_id UUID NOT NULL,
    exercised_at timestamptz,
    exercised_by TEXT,
    evidence TEXT,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_termination_right PRIMARY KEY (termination_right_id),
    CONSTRAINT uq_termination_right_contract_id_right_code_opened_on UNIQUE (contract_id, right_code, opened_on),
    CONSTRAINT fk_termination_right_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_termination_right_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_termination_right_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_termination_right_settlement_id FOREIGN KEY (settlement_id)
        REFERENCES contracts.settlement (settlement_id)
);
CREATE INDEX ix_termination_right_page
    ON contracts.termination_right (tenant_id, created_at, termination_right_id);

CREATE TABLE contracts.remedy_table (
    remedy_table_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    table_code TEXT NOT NULL,
    title JSONB NOT NULL,
    tiers JSONB NOT NULL,
    targets JSONB NOT NULL,
    late JSONB,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_remedy_table PRIMARY KEY (remedy_table_id),
    CONSTRAINT uq_remedy_table_tenant_id_table_code UNIQUE (tenant_id, table_code),
    CONSTRAINT fk_remedy_table_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
CREATE INDEX ix_remedy_table_tenant_id_created_at_remedy_table_id
    ON contracts.remedy_table (tenant_id, created_at, remedy_table_id);
"""

SCHEDULE = """
INSERT INTO contracts.settlement_schedule (contract_id, tenant_id, client_id, next_period, due_at)
SELECT contract_id, tenant_id, client_id, 0, activated_at FROM contracts.contract WHERE activated_at is not null
"""
"""Contracts that are in force already are settled from their first period on."""

OF_CLIENTS = (
    "settlement",
    "settlement_version",
    "settlement_schedule",
    "settlement_claim",
    "termination_right",
)
NEVER_CHANGED = ("settlement_version",)


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients; what is closed can never be changed."""
    op.execute(TABLES)
    op.execute(SCHEDULE)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    protect_rows(op, SCHEMA, "remedy_table")
    # Of these tables only: what earlier migrations took from the role must stay taken.
    for table in (*OF_CLIENTS, "remedy_table"):
        allowed = "select, insert" if table in NEVER_CHANGED else "select, insert, update"
        op.execute(f"grant {allowed} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in (*reversed(OF_CLIENTS), "remedy_table"):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
