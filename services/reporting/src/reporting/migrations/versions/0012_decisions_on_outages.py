"""Decisions on outages, and the steps that led to them; transitions are found by their outage.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from shared.database import protect_rows

revision = "0012"
down_revision = "0011"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """What is decided on never changes, and no step is ever changed or taken away: not even a fault of ours can."""
    op.execute("""
        CREATE TABLE reporting.outage_decision (
            outage_decision_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            contract_id UUID NOT NULL,
            environment_id UUID NOT NULL,
            monitor_id UUID NOT NULL,
            outage_id UUID NOT NULL,
            category TEXT NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            version INTEGER NOT NULL,
            status TEXT NOT NULL,
            CONSTRAINT pk_outage_decision PRIMARY KEY (outage_decision_id)
        )
    """)
    op.execute("""
        CREATE TABLE reporting.outage_decision_step (
            outage_decision_id UUID NOT NULL,
            number INTEGER NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            act TEXT NOT NULL,
            actor_kind TEXT NOT NULL,
            actor_id TEXT NOT NULL,
            actor_name TEXT NOT NULL,
            at timestamptz NOT NULL,
            reason TEXT,
            CONSTRAINT pk_outage_decision_step PRIMARY KEY (outage_decision_id, number),
            CONSTRAINT fk_outage_decision_step_outage_decision_id_outage_decision FOREIGN KEY (outage_decision_id)
                REFERENCES reporting.outage_decision (outage_decision_id)
        )
    """)
    op.execute("CREATE INDEX ix_outage_decision_contract_id ON reporting.outage_decision (contract_id, created_at)")
    op.execute("""
        CREATE INDEX ix_outage_decision_tenant_id
        ON reporting.outage_decision (tenant_id, created_at, outage_decision_id)
    """)
    op.execute("CREATE INDEX ix_transition_outage_id ON reporting.transition (outage_id) WHERE outage_id IS NOT NULL")
    for table in ("outage_decision", "outage_decision_step"):
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"REVOKE ALL ON {SCHEMA}.{table} FROM {ROLE}")
        op.execute(f"GRANT SELECT, INSERT ON {SCHEMA}.{table} TO {ROLE}")
    op.execute(f"GRANT UPDATE (version, status) ON {SCHEMA}.outage_decision TO {ROLE}")


def downgrade() -> None:
    """What was told stays told; figures are those that were measured again."""
    op.execute("DROP INDEX reporting.ix_transition_outage_id")
    op.execute("DROP TABLE reporting.outage_decision_step")
    op.execute("DROP TABLE reporting.outage_decision")
