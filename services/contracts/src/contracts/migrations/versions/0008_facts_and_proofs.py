"""What others told of a contract, what proves a deliverable, and how much of a breach a third party answers for.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from shared.database import protect_rows

revision = "0008"
down_revision = "0007"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.fact (
    fact_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    item_id UUID,
    version INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    content JSONB NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_fact PRIMARY KEY (fact_id),
    CONSTRAINT fk_fact_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_fact_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_fact_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id)
);
CREATE INDEX ix_fact_contract_id_starts_at_ends_at ON contracts.fact (contract_id, starts_at, ends_at);
CREATE INDEX ix_fact_subject_id ON contracts.fact (subject_id);
CREATE INDEX ix_fact_item_id ON contracts.fact (item_id) WHERE item_id is not null;

CREATE TABLE contracts.delivery_proof (
    delivery_proof_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    deliverable TEXT NOT NULL,
    delivered_on DATE NOT NULL,
    evidence JSONB NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_delivery_proof PRIMARY KEY (delivery_proof_id),
    CONSTRAINT fk_delivery_proof_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_delivery_proof_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_delivery_proof_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id)
);
CREATE INDEX ix_delivery_proof_contract_id_delivered_on ON contracts.delivery_proof (contract_id, delivered_on);
"""

BREACHES = """
ALTER TABLE contracts.breach ADD COLUMN clock_count INTEGER;
UPDATE contracts.breach SET clock_count = 1 WHERE clock_id IS NOT NULL;
ALTER TABLE contracts.breach DROP CONSTRAINT uq_breach_tenant_id_clock_id;
ALTER TABLE contracts.breach
    ADD CONSTRAINT uq_breach_tenant_id_clock_id_clock_count UNIQUE (tenant_id, clock_id, clock_count);
CREATE INDEX ix_breach_work_item_id ON contracts.breach (work_item_id) WHERE clock_id is not null;
ALTER TABLE contracts.breach ADD COLUMN third_party_percent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contracts.breach ALTER COLUMN third_party_percent DROP DEFAULT;
ALTER TABLE contracts.breach ADD COLUMN third_party TEXT;
ALTER TABLE contracts.breach DROP CONSTRAINT ck_breach_shares;
ALTER TABLE contracts.breach ADD CONSTRAINT ck_breach_shares CHECK (
    provider_percent >= 0 and client_percent >= 0 and third_party_percent >= 0
    and provider_percent + client_percent + third_party_percent = 100
);
"""

NEVER_CHANGED = ("fact", "delivery_proof")
"""What was told and what was proved stays as it was."""


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients; the application may only add to them."""
    op.execute(TABLES)
    op.execute(BREACHES)
    for table in NEVER_CHANGED:
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"revoke all on {SCHEMA}.{table} from {SCHEMA}_app")
        op.execute(f"grant select, insert on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away; what a third party answers for is then the client's."""
    op.execute("ALTER TABLE contracts.breach DROP CONSTRAINT ck_breach_shares")
    op.execute("UPDATE contracts.breach SET client_percent = client_percent + third_party_percent")
    op.execute("DELETE FROM contracts.breach WHERE clock_count > 1")
    op.execute("DROP INDEX contracts.ix_breach_work_item_id")
    op.execute(
        "ALTER TABLE contracts.breach DROP COLUMN third_party, DROP COLUMN third_party_percent, DROP COLUMN clock_count"
    )
    op.execute("ALTER TABLE contracts.breach ADD CONSTRAINT uq_breach_tenant_id_clock_id UNIQUE (tenant_id, clock_id)")
    op.execute(
        "ALTER TABLE contracts.breach ADD CONSTRAINT ck_breach_shares CHECK"
        " (provider_percent >= 0 and client_percent >= 0 and provider_percent + client_percent = 100)"
    )
    for table in NEVER_CHANGED:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
