"""Reports of months as they were told, what others told of them, the agency's template, and to whom they were sent.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from shared.database import protect_rows

revision = "0008"
down_revision = "0007"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """Months that are over already get no report by themselves: it would be of another day than it says."""
    op.execute("""
        CREATE TABLE reporting.report_month (
            contract_id UUID NOT NULL,
            month DATE NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            ends_at timestamptz,
            edition INTEGER NOT NULL,
            commentary JSONB NOT NULL,
            commentary_version INTEGER NOT NULL,
            due_at timestamptz,
            CONSTRAINT pk_report_month PRIMARY KEY (contract_id, month)
        )
    """)
    op.execute("CREATE INDEX ix_report_month_due_at ON reporting.report_month (due_at) WHERE due_at IS NOT NULL")
    op.execute("""
        CREATE TABLE reporting.report_edition (
            contract_id UUID NOT NULL,
            month DATE NOT NULL,
            edition INTEGER NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            issued_at timestamptz NOT NULL,
            reason TEXT NOT NULL,
            changes JSONB NOT NULL,
            commentary JSONB NOT NULL,
            brand JSONB NOT NULL,
            template JSONB NOT NULL,
            content TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            CONSTRAINT pk_report_edition PRIMARY KEY (contract_id, month, edition)
        )
    """)
    op.execute("""
        CREATE TABLE reporting.told_fact (
            kind TEXT NOT NULL,
            subject_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            contract_id UUID,
            version BIGINT NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz,
            content JSONB NOT NULL,
            event_id UUID NOT NULL,
            CONSTRAINT pk_told_fact PRIMARY KEY (kind, subject_id)
        )
    """)
    op.execute("CREATE INDEX ix_told_fact_contract_id ON reporting.told_fact (contract_id, starts_at)")
    op.execute("CREATE INDEX ix_told_fact_client_id ON reporting.told_fact (client_id) WHERE contract_id IS NULL")
    op.execute("""
        CREATE TABLE reporting.report_template (
            tenant_id UUID NOT NULL,
            version INTEGER NOT NULL,
            content JSONB NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT pk_report_template PRIMARY KEY (tenant_id)
        )
    """)
    op.execute("""
        CREATE TABLE reporting.report_delivery (
            delivery_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            contract_id UUID NOT NULL,
            month DATE NOT NULL,
            edition INTEGER NOT NULL,
            contact_id UUID NOT NULL,
            name TEXT NOT NULL,
            address TEXT NOT NULL,
            language TEXT NOT NULL,
            planned_at timestamptz NOT NULL,
            due_at timestamptz,
            tries INTEGER NOT NULL,
            sent_at timestamptz,
            seen_at timestamptz,
            ended_at timestamptz,
            ended_because TEXT,
            last_error TEXT,
            CONSTRAINT pk_report_delivery PRIMARY KEY (delivery_id)
        )
    """)
    op.execute("CREATE INDEX ix_report_delivery_contract_id ON reporting.report_delivery (contract_id, month, edition)")
    op.execute("CREATE INDEX ix_report_delivery_due_at ON reporting.report_delivery (due_at) WHERE due_at IS NOT NULL")
    op.execute("""
        CREATE TABLE reporting.review_note (
            contract_id UUID NOT NULL,
            kind TEXT NOT NULL,
            month DATE NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            version INTEGER NOT NULL,
            content JSONB NOT NULL,
            CONSTRAINT pk_review_note PRIMARY KEY (contract_id, kind, month)
        )
    """)
    protect_rows(op, SCHEMA, "report_template")
    op.execute(f"REVOKE ALL ON {SCHEMA}.report_template FROM {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {SCHEMA}.report_template TO {ROLE}")
    for table in ("report_month", "report_edition", "told_fact", "report_delivery", "review_note"):
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"REVOKE ALL ON {SCHEMA}.{table} FROM {ROLE}")
    for table in ("report_month", "told_fact", "report_delivery", "review_note"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {SCHEMA}.{table} TO {ROLE}")
    # Not even a fault of ours can change what was told.
    op.execute(f"GRANT SELECT, INSERT ON {SCHEMA}.report_edition TO {ROLE}")


def downgrade() -> None:
    """Nothing else refers to them."""
    for table in ("review_note", "report_delivery", "report_template", "told_fact", "report_edition"):
        op.execute(f"DROP TABLE reporting.{table}")
    op.execute("DROP TABLE reporting.report_month")
