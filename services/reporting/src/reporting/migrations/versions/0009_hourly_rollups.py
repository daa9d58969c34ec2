"""Hourly roll-ups, kept as evidence that somebody looked.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0009"
down_revision = "0008"

SCHEMA = "reporting"


def upgrade() -> None:
    """One row per roll-up: the newest that was said of it."""
    op.execute("""
        CREATE TABLE reporting.rollup (
            rollup_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            contract_id UUID NOT NULL,
            starts_at timestamptz NOT NULL,
            version BIGINT NOT NULL,
            event_id UUID NOT NULL,
            payload BYTEA NOT NULL,
            CONSTRAINT pk_rollup PRIMARY KEY (rollup_id)
        )
    """)
    op.execute("CREATE INDEX ix_rollup_contract_id ON reporting.rollup (contract_id, starts_at, rollup_id)")
    protect_rows(op, SCHEMA, "rollup", client_column="client_id")
    grant_application_role(op, SCHEMA)


def downgrade() -> None:
    """Nothing else refers to it."""
    op.execute("DROP TABLE reporting.rollup")
