"""What an agency said of documents that can be sent after every month of a contract.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

from shared.database import protect_rows

revision = "0023"
down_revision = "0022"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """A contract without a row has sent what is usual."""
    op.execute("""
        CREATE TABLE reporting.report_schedule (
            contract_id UUID NOT NULL,
            kind TEXT NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            version INTEGER NOT NULL,
            enabled BOOLEAN NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT pk_report_schedule PRIMARY KEY (contract_id, kind)
        )
    """)
    protect_rows(op, SCHEMA, "report_schedule", client_column="client_id")
    op.execute(f"REVOKE ALL ON {SCHEMA}.report_schedule FROM {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {SCHEMA}.report_schedule TO {ROLE}")


def downgrade() -> None:
    """What was said is lost, and so are these documents and messages: the release before cannot read it."""
    for table in ("report_delivery", "report_edition", "report_month"):
        op.execute(f"DELETE FROM reporting.{table} WHERE kind IN ('hours', 'access', 'decisions', 'message')")  # noqa: S608  (names of this file)
    op.execute("DROP TABLE reporting.report_schedule")
