"""Invoicing: settings, series of numbers, invoices and credit notes with their files, what became of them, payments.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

from shared.database import protect_rows

revision = "0010"
down_revision = "0009"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.invoicing (
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    CONSTRAINT pk_invoicing PRIMARY KEY (tenant_id),
    CONSTRAINT fk_invoicing_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);

CREATE TABLE contracts.invoice_series (
    tenant_id UUID NOT NULL,
    series TEXT NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_invoice_series PRIMARY KEY (tenant_id, series),
    CONSTRAINT fk_invoice_series_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);

CREATE TABLE contracts.invoice (
    invoice_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    settlement_id UUID NOT NULL,
    refers_to_id UUID,
    kind TEXT NOT NULL,
    series TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    number TEXT NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_on DATE NOT NULL,
    due_on DATE NOT NULL,
    currency TEXT NOT NULL,
    net NUMERIC(20, 4) NOT NULL,
    tax NUMERIC(20, 4) NOT NULL,
    total NUMERIC(20, 4) NOT NULL,
    content JSONB NOT NULL,
    content_hash TEXT NOT NULL,
    CONSTRAINT pk_invoice PRIMARY KEY (invoice_id),
    CONSTRAINT uq_invoice_tenant_id_series_sequence UNIQUE (tenant_id, series, sequence),
    CONSTRAINT ck_invoice_kind CHECK (kind in ('invoice', 'credit_note')),
    CONSTRAINT ck_invoice_sequence CHECK (sequence > 0),
    CONSTRAINT fk_invoice_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_invoice_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_invoice_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
    CONSTRAINT fk_invoice_refers_to_id FOREIGN KEY (refers_to_id) REFERENCES contracts.invoice (invoice_id)
);
CREATE INDEX ix_invoice_page ON contracts.invoice (tenant_id, issued_at, invoice_id);
CREATE INDEX ix_invoice_client_id_issued_at ON contracts.invoice (client_id, issued_at);
CREATE INDEX ix_invoice_contract_id_issued_at ON contracts.invoice (contract_id, issued_at);
CREATE INDEX ix_invoice_settlement_id ON contracts.invoice (settlement_id);
CREATE INDEX ix_invoice_refers_to_id ON contracts.invoice (refers_to_id);

CREATE TABLE contracts.invoice_standing (
    invoice_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    version INTEGER NOT NULL,
    credited NUMERIC(20, 4) NOT NULL,
    paid NUMERIC(20, 4) NOT NULL,
    outstanding NUMERIC(20, 4) NOT NULL,
    CONSTRAINT pk_invoice_standing PRIMARY KEY (invoice_id),
    CONSTRAINT fk_invoice_standing_invoice_id FOREIGN KEY (invoice_id) REFERENCES contracts.invoice (invoice_id),
    CONSTRAINT fk_invoice_standing_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_invoice_standing_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.invoice_file (
    invoice_id UUID NOT NULL,
    kind TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    sha256 TEXT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_invoice_file PRIMARY KEY (invoice_id, kind),
    CONSTRAINT fk_invoice_file_invoice_id FOREIGN KEY (invoice_id) REFERENCES contracts.invoice (invoice_id),
    CONSTRAINT fk_invoice_file_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_invoice_file_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);

CREATE TABLE contracts.invoice_payment (
    payment_id UUID NOT NULL,
    invoice_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    paid_on DATE NOT NULL,
    amount NUMERIC(20, 4) NOT NULL,
    reference TEXT,
    recorded_by TEXT NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_invoice_payment PRIMARY KEY (payment_id),
    CONSTRAINT fk_invoice_payment_invoice_id FOREIGN KEY (invoice_id) REFERENCES contracts.invoice (invoice_id),
    CONSTRAINT fk_invoice_payment_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_invoice_payment_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
);
CREATE INDEX ix_invoice_payment_page ON contracts.invoice_payment (invoice_id, recorded_at, payment_id);
"""

OF_THE_AGENCY = ("invoicing", "invoice_series")
OF_CLIENTS = ("invoice", "invoice_standing", "invoice_file", "invoice_payment")
NEVER_CHANGED = ("invoice", "invoice_file", "invoice_payment")
"""What was issued and what was paid stays as it was recorded."""


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients."""
    op.execute(TABLES)
    for table in OF_THE_AGENCY:
        protect_rows(op, SCHEMA, table)
    for table in OF_CLIENTS:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    # Of these tables only: what earlier migrations took from the role must stay taken. Nothing here is ever deleted: a
    # number that is gone would be a gap.
    for table in (*OF_THE_AGENCY, *OF_CLIENTS):
        op.execute(f"revoke all on {SCHEMA}.{table} from {SCHEMA}_app")
        allowed = "select, insert" if table in NEVER_CHANGED else "select, insert, update"
        op.execute(f"grant {allowed} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in reversed((*OF_THE_AGENCY, *OF_CLIENTS)):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
