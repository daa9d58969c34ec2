"""Until when measuring was heard of: without it a monitor would stay up for as long as probes is away.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0004"
down_revision = "0003"

SCHEMA = "reporting"


def upgrade() -> None:
    """One row per monitor."""
    op.execute("""
        CREATE TABLE reporting.vouched (
            monitor_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            contract_id UUID NOT NULL,
            until timestamptz NOT NULL,
            version BIGINT NOT NULL,
            event_id UUID NOT NULL,
            CONSTRAINT pk_vouched PRIMARY KEY (monitor_id)
        )
    """)
    op.execute("CREATE INDEX ix_vouched_contract_id ON reporting.vouched (contract_id)")
    protect_rows(op, SCHEMA, "vouched", client_column="client_id")
    grant_application_role(op, SCHEMA)


def downgrade() -> None:
    """Nothing else refers to it."""
    op.execute("DROP TABLE reporting.vouched")
