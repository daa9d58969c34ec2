"""Response times by day, the hours they wait for, and subscriptions that a page was closed to.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

from shared.database import protect_rows

revision = "0017"
down_revision = "0016"

SCHEMA = "reporting"

TABLES = {
    "response_due": """
        CREATE TABLE reporting.response_due (
            contract_id UUID NOT NULL,
            starts_at timestamptz NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            asked INTEGER NOT NULL,
            CONSTRAINT pk_response_due PRIMARY KEY (contract_id, starts_at)
        )
    """,
    "response_day": """
        CREATE TABLE reporting.response_day (
            contract_id UUID NOT NULL,
            starts_at timestamptz NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            ends_at timestamptz NOT NULL,
            time_zone TEXT NOT NULL,
            day DATE NOT NULL,
            figures JSONB NOT NULL,
            sketches JSONB NOT NULL,
            CONSTRAINT pk_response_day PRIMARY KEY (contract_id, starts_at)
        )
    """,
}


def upgrade() -> None:
    """Days are made of the hourly roll-ups that are kept anyway: of those that were told with response times."""
    for table, statement in TABLES.items():
        op.execute(statement)
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.{table} TO {SCHEMA}_app")
    op.execute(f"CREATE INDEX ix_response_due_starts_at ON {SCHEMA}.response_due (starts_at)")
    op.execute(f"ALTER TABLE {SCHEMA}.status_subscription ADD COLUMN closed_at timestamptz")


def downgrade() -> None:
    """Who was closed out is forgotten at once: without the column he would count as somebody who may still confirm."""
    op.execute("DELETE FROM reporting.status_subscription WHERE closed_at IS NOT NULL")
    op.execute(f"ALTER TABLE {SCHEMA}.status_subscription DROP COLUMN closed_at")
    for table in TABLES:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
