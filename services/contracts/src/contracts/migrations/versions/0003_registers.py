"""The registers: configuration and its history, deliveries, obligations and breaches, advice, the client's lists.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0003"
down_revision = "0002"

SCHEMA = "contracts"

TABLES = (
    "configuration_item",
    "configuration_version",
    "compatibility_rule",
    "support_end",
    "delivery",
    "obligation",
    "breach",
    "advisory",
    "register_entry",
    "register_version",
)

NEVER_CHANGED = ("configuration_version", "register_version")
"""What was recorded stays as it was."""

DDL = """
CREATE TABLE contracts.configuration_item (
    configuration_item_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    site_id UUID,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    label TEXT,
    state TEXT,
    since timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_configuration_item PRIMARY KEY (configuration_item_id),
    CONSTRAINT uq_configuration_item_client_id_name UNIQUE (client_id, name),
    CONSTRAINT ck_configuration_item_kind
        CHECK (kind in ('hardware', 'os_and_patches', 'application', 'parameter', 'interface')),
    CONSTRAINT fk_configuration_item_site_id FOREIGN KEY (site_id) REFERENCES contracts.site (site_id),
    CONSTRAINT fk_configuration_item_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_configuration_item_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_configuration_item_client_id ON contracts.configuration_item (client_id);
CREATE INDEX ix_configuration_item_tenant_id_created_at
    ON contracts.configuration_item (tenant_id, created_at, configuration_item_id);

CREATE TABLE contracts.configuration_version (
    configuration_item_id UUID NOT NULL,
    number INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    effective_from timestamptz NOT NULL,
    corrects INTEGER,
    note TEXT NOT NULL,
    source TEXT NOT NULL,
    delivery_id UUID,
    incompatibilities JSONB NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_configuration_version PRIMARY KEY (configuration_item_id, number),
    CONSTRAINT fk_configuration_version_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_configuration_version_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_configuration_version_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.compatibility_rule (
    rule_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    configuration_item_id UUID NOT NULL,
    versions TEXT NOT NULL,
    other_item_id UUID NOT NULL,
    other_versions TEXT NOT NULL,
    note JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_compatibility_rule PRIMARY KEY (rule_id),
    CONSTRAINT fk_compatibility_rule_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_compatibility_rule_other_item_id FOREIGN KEY (other_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_compatibility_rule_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_compatibility_rule_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_compatibility_rule_client_id ON contracts.compatibility_rule (client_id);
CREATE INDEX ix_compatibility_rule_configuration_item_id ON contracts.compatibility_rule (configuration_item_id);
CREATE INDEX ix_compatibility_rule_other_item_id ON contracts.compatibility_rule (other_item_id);
CREATE INDEX ix_compatibility_rule_tenant_id_created_at_rule_id
    ON contracts.compatibility_rule (tenant_id, created_at, rule_id);

CREATE TABLE contracts.support_end (
    support_end_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    configuration_item_id UUID NOT NULL,
    versions TEXT NOT NULL,
    end_of_support_on DATE,
    end_of_life_on DATE,
    source TEXT NOT NULL,
    raised JSONB NOT NULL,
    look_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_support_end PRIMARY KEY (support_end_id),
    CONSTRAINT fk_support_end_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_support_end_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_support_end_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_support_end_client_id ON contracts.support_end (client_id);
CREATE INDEX ix_support_end_configuration_item_id ON contracts.support_end (configuration_item_id);
CREATE INDEX ix_support_end_look_at ON contracts.support_end (look_at) WHERE look_at is not null;
CREATE INDEX ix_support_end_tenant_id_created_at_support_end_id
    ON contracts.support_end (tenant_id, created_at, support_end_id);

CREATE TABLE contracts.delivery (
    delivery_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID,
    audience TEXT NOT NULL,
    configuration_item_id UUID,
    item_name TEXT,
    what TEXT NOT NULL,
    delivered_to TEXT NOT NULL,
    delivered_version TEXT NOT NULL,
    previous_version TEXT,
    delivered_at timestamptz,
    means TEXT NOT NULL,
    put_in_service BOOLEAN NOT NULL,
    deployment_id UUID,
    deployment_version INTEGER,
    result TEXT NOT NULL,
    rolled_back_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_delivery PRIMARY KEY (delivery_id),
    CONSTRAINT uq_delivery_tenant_id_deployment_id UNIQUE (tenant_id, deployment_id),
    CONSTRAINT fk_delivery_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_delivery_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_delivery_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_delivery_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_delivery_client_id ON contracts.delivery (client_id);
CREATE INDEX ix_delivery_configuration_item_id ON contracts.delivery (configuration_item_id);
CREATE INDEX ix_delivery_contract_id ON contracts.delivery (contract_id);
CREATE INDEX ix_delivery_tenant_id_created_at_delivery_id ON contracts.delivery (tenant_id, created_at, delivery_id);
CREATE INDEX ix_delivery_unplaced
    ON contracts.delivery (client_id, item_name) WHERE configuration_item_id is null and deployment_id is not null;

CREATE TABLE contracts.obligation (
    obligation_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    code TEXT,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    title JSONB NOT NULL,
    site_id UUID,
    configuration_item_id UUID,
    work_item_id UUID,
    status TEXT NOT NULL,
    due_at timestamptz NOT NULL,
    every_days INTEGER,
    kept_at timestamptz,
    evidence JSONB NOT NULL,
    paused_at timestamptz,
    status_reason TEXT,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_obligation PRIMARY KEY (obligation_id),
    CONSTRAINT uq_obligation_contract_id_code UNIQUE (contract_id, code),
    CONSTRAINT ck_obligation_owner CHECK (owner in ('provider', 'client')),
    CONSTRAINT ck_obligation_status CHECK (status in ('open', 'breached', 'fulfilled', 'released', 'lapsed')),
    CONSTRAINT fk_obligation_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_obligation_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_obligation_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_obligation_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_obligation_client_id ON contracts.obligation (client_id);
CREATE INDEX ix_obligation_open ON contracts.obligation (due_at) WHERE status = 'open' and paused_at is null;
CREATE INDEX ix_obligation_tenant_id_created_at_obligation_id
    ON contracts.obligation (tenant_id, created_at, obligation_id);

CREATE TABLE contracts.breach (
    breach_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    obligation_id UUID,
    clock_id UUID,
    work_item_id UUID,
    party TEXT NOT NULL,
    kind TEXT NOT NULL,
    title JSONB NOT NULL,
    status TEXT NOT NULL,
    since timestamptz NOT NULL,
    ended_at timestamptz,
    provider_percent INTEGER NOT NULL,
    client_percent INTEGER NOT NULL,
    decision TEXT,
    decided_at timestamptz,
    decided_by TEXT,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_breach PRIMARY KEY (breach_id),
    CONSTRAINT uq_breach_obligation_id_since UNIQUE (obligation_id, since),
    CONSTRAINT uq_breach_tenant_id_clock_id UNIQUE (tenant_id, clock_id),
    CONSTRAINT ck_breach_cause CHECK ((obligation_id is null) <> (clock_id is null)),
    CONSTRAINT ck_breach_shares
        CHECK (provider_percent >= 0 and client_percent >= 0 and provider_percent + client_percent = 100),
    CONSTRAINT fk_breach_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_breach_obligation_id FOREIGN KEY (obligation_id) REFERENCES contracts.obligation (obligation_id),
    CONSTRAINT fk_breach_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_breach_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_breach_client_id ON contracts.breach (client_id);
CREATE INDEX ix_breach_contract_id ON contracts.breach (contract_id);
CREATE INDEX ix_breach_tenant_id_created_at_breach_id ON contracts.breach (tenant_id, created_at, breach_id);

CREATE TABLE contracts.advisory (
    advisory_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    contract_id UUID,
    configuration_item_id UUID,
    kind TEXT NOT NULL,
    title JSONB NOT NULL,
    body JSONB NOT NULL,
    status TEXT NOT NULL,
    issued_by TEXT NOT NULL,
    sent_at timestamptz[] NOT NULL,
    recipients JSONB NOT NULL,
    resent_after_days INTEGER NOT NULL,
    next_sending_at timestamptz,
    deliveries JSONB NOT NULL,
    delivered_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by TEXT,
    answered_at timestamptz,
    answered_by TEXT,
    answer_reason TEXT,
    evidence TEXT,
    withdrawn_at timestamptz,
    withdraw_reason TEXT,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_advisory PRIMARY KEY (advisory_id),
    CONSTRAINT fk_advisory_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_advisory_configuration_item_id FOREIGN KEY (configuration_item_id)
        REFERENCES contracts.configuration_item (configuration_item_id),
    CONSTRAINT fk_advisory_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_advisory_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_advisory_client_id ON contracts.advisory (client_id);
CREATE INDEX ix_advisory_contract_id ON contracts.advisory (contract_id);
CREATE INDEX ix_advisory_next_sending_at ON contracts.advisory (next_sending_at) WHERE next_sending_at is not null;
CREATE INDEX ix_advisory_tenant_id_created_at_advisory_id ON contracts.advisory (tenant_id, created_at, advisory_id);

CREATE TABLE contracts.register_entry (
    entry_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    source_id UUID,
    source_version INTEGER,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_register_entry PRIMARY KEY (entry_id),
    CONSTRAINT uq_register_entry_tenant_id_kind_source_id UNIQUE (tenant_id, kind, source_id),
    CONSTRAINT fk_register_entry_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_register_entry_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_register_entry_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_register_entry_client_id ON contracts.register_entry (client_id);
CREATE INDEX ix_register_entry_contract_id_kind ON contracts.register_entry (contract_id, kind);
CREATE INDEX ix_register_entry_tenant_id_created_at_entry_id
    ON contracts.register_entry (tenant_id, created_at, entry_id);

CREATE TABLE contracts.register_version (
    record_id UUID NOT NULL,
    version INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    kind TEXT NOT NULL,
    at timestamptz NOT NULL,
    by TEXT NOT NULL,
    state JSONB NOT NULL,
    CONSTRAINT pk_register_version PRIMARY KEY (record_id, version),
    CONSTRAINT fk_register_version_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_register_version_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE FUNCTION contracts.recorded_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was recorded in % stays as it was', TG_TABLE_NAME;
END $$;
"""


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients."""
    op.execute(DDL)
    for table in TABLES:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    for table in NEVER_CHANGED:
        op.execute(
            f"create trigger recorded_stays before update or delete on {SCHEMA}.{table}"
            f" for each row execute function {SCHEMA}.recorded_stays()"
        )
    grant_application_role(op, SCHEMA)
    for table in ("contract_document", "contract_state", "plan_version", *NEVER_CHANGED):
        op.execute(f"revoke update, delete on {SCHEMA}.{table} from {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
    op.execute(f"DROP FUNCTION {SCHEMA}.recorded_stays()")
