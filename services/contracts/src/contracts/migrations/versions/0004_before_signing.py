"""What comes before and beside a contract: assessments, engagements, audits, documents, parties, prerequisites, proofs.

Revision ID: 0004
Revises: 0002
"""

from alembic import op

from shared.database import protect_rows

revision = "0004"
down_revision = "0003"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.assessment (
    assessment_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    content JSONB NOT NULL,
    assessed_at timestamptz NOT NULL,
    CONSTRAINT pk_assessment PRIMARY KEY (assessment_id),
    CONSTRAINT fk_assessment_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_assessment_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_assessment_tenant_id_assessed_at_assessment_id
    ON contracts.assessment (tenant_id, assessed_at, assessment_id);
CREATE INDEX ix_assessment_client_id_assessed_at ON contracts.assessment (client_id, assessed_at);

CREATE TABLE contracts.engagement (
    engagement_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_engagement PRIMARY KEY (engagement_id),
    CONSTRAINT fk_engagement_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_engagement_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_engagement_tenant_id_created_at_engagement_id
    ON contracts.engagement (tenant_id, created_at, engagement_id);
CREATE INDEX ix_engagement_client_id ON contracts.engagement (client_id);

CREATE TABLE contracts.intake_audit (
    site_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    CONSTRAINT pk_intake_audit PRIMARY KEY (site_id),
    CONSTRAINT fk_intake_audit_site_id FOREIGN KEY (site_id) REFERENCES contracts.site (site_id),
    CONSTRAINT fk_intake_audit_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_intake_audit_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.controlled_document (
    controlled_document_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    title JSONB NOT NULL,
    versions JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_controlled_document PRIMARY KEY (controlled_document_id),
    CONSTRAINT uq_controlled_document_tenant_id_code UNIQUE (tenant_id, code),
    CONSTRAINT fk_controlled_document_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
CREATE INDEX ix_controlled_document_page
    ON contracts.controlled_document (tenant_id, created_at, controlled_document_id);

CREATE TABLE contracts.party (
    party_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    CONSTRAINT pk_party PRIMARY KEY (party_id),
    CONSTRAINT fk_party_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_party_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.prerequisite (
    contract_id UUID NOT NULL,
    code TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    communicated TEXT,
    effective TEXT,
    recorded_by TEXT NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_prerequisite PRIMARY KEY (contract_id, code),
    CONSTRAINT fk_prerequisite_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_prerequisite_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_prerequisite_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.backup_proof (
    backup_proof_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID,
    saved_at timestamptz NOT NULL,
    restore_took TEXT,
    evidence TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_backup_proof PRIMARY KEY (backup_proof_id),
    CONSTRAINT fk_backup_proof_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_backup_proof_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_backup_proof_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_backup_proof_site_id FOREIGN KEY (site_id) REFERENCES contracts.site (site_id)
);
CREATE INDEX ix_backup_proof_contract_id_saved_at_backup_proof_id
    ON contracts.backup_proof (contract_id, saved_at, backup_proof_id);
"""

OF_CLIENTS = ("assessment", "engagement", "intake_audit", "party", "prerequisite", "backup_proof")
NEVER_CHANGED = ("assessment", "backup_proof")


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients."""
    op.execute(TABLES)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    protect_rows(op, SCHEMA, "controlled_document")
    # Of these tables only: what earlier migrations took from the role must stay taken.
    for table in (*OF_CLIENTS, "controlled_document"):
        allowed = "select, insert" if table in NEVER_CHANGED else "select, insert, update, delete"
        op.execute(f"grant {allowed} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in (*OF_CLIENTS, "controlled_document"):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
