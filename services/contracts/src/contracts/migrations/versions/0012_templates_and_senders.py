"""Templates of messages and papers with their versions, and who they come from.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from shared.database import protect_rows

revision = "0012"
down_revision = "0011"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.template_version (
    tenant_id UUID NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    number INTEGER NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_template_version PRIMARY KEY (tenant_id, kind, code, number),
    CONSTRAINT ck_template_version_kind CHECK (kind in ('message', 'paper')),
    CONSTRAINT fk_template_version_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);

CREATE TABLE contracts.sender (
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    CONSTRAINT pk_sender PRIMARY KEY (tenant_id),
    CONSTRAINT fk_sender_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
"""

RIGHTS = {
    # What was written once is what was sent.
    "template_version": "select, insert",
    "sender": "select, insert, update",
}


def upgrade() -> None:
    """Add the tables, closed to other agencies."""
    op.execute(TABLES)
    for table, rights in RIGHTS.items():
        protect_rows(op, SCHEMA, table)
        op.execute(f"grant {rights} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in RIGHTS:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
