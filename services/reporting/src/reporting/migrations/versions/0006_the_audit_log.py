"""The audit log: entries that follow from one another, checkpoints over them, the keys that sign those.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from shared.database import protect_rows

revision = "0006"
down_revision = "0005"

SCHEMA = "reporting"
ROLE = "reporting_app"

TABLES = {
    "audit_entry": """
        CREATE TABLE reporting.audit_entry (
            tenant_id UUID NOT NULL,
            sequence BIGINT NOT NULL,
            event_id UUID NOT NULL,
            at timestamptz NOT NULL,
            service TEXT NOT NULL,
            kind TEXT NOT NULL,
            event TEXT NOT NULL,
            actor_id TEXT,
            operation TEXT,
            resource_id TEXT,
            entry TEXT NOT NULL,
            hash TEXT NOT NULL,
            CONSTRAINT pk_audit_entry PRIMARY KEY (tenant_id, sequence),
            CONSTRAINT uq_audit_entry_tenant_id_event_id UNIQUE (tenant_id, event_id)
        )
    """,
    "audit_checkpoint": """
        CREATE TABLE reporting.audit_checkpoint (
            tenant_id UUID NOT NULL,
            sequence BIGINT NOT NULL,
            hash TEXT NOT NULL,
            made_at timestamptz NOT NULL,
            key_id TEXT NOT NULL,
            signature TEXT NOT NULL,
            CONSTRAINT pk_audit_checkpoint PRIMARY KEY (tenant_id, sequence)
        )
    """,
    "audit_key": """
        CREATE TABLE reporting.audit_key (
            tenant_id UUID NOT NULL,
            key_id TEXT NOT NULL,
            public_key BYTEA NOT NULL,
            sealed_private_key BYTEA NOT NULL,
            made_at timestamptz NOT NULL,
            endorsed_by TEXT,
            endorsement TEXT,
            CONSTRAINT pk_audit_key PRIMARY KEY (tenant_id, key_id)
        )
    """,
}
INDEXES = {
    "ix_audit_entry_at": "(tenant_id, at, sequence)",
    "ix_audit_entry_actor_id": "(tenant_id, actor_id, sequence)",
    "ix_audit_entry_resource_id": "(tenant_id, resource_id, sequence)",
    "ix_audit_entry_kind": "(tenant_id, kind, sequence)",
}


def upgrade() -> None:
    """Three tables that the application role may only add to: not even a fault of ours can change what is recorded.

    No `grant_application_role`: it grants update and delete on every table of the schema.
    """
    for table, statement in TABLES.items():
        op.execute(statement)
        protect_rows(op, SCHEMA, table)
        op.execute(f"revoke all on {SCHEMA}.{table} from {ROLE}")
        op.execute(f"grant select, insert on {SCHEMA}.{table} to {ROLE}")
    for index, columns in INDEXES.items():
        op.execute(f"create index {index} on {SCHEMA}.audit_entry {columns}")


def downgrade() -> None:
    """Nothing else refers to them."""
    for table in TABLES:
        op.execute(f"drop table {SCHEMA}.{table}")
