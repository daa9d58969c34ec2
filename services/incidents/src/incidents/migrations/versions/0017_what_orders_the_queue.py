"""The queue reads narrow columns of the terms, and what waits for a client's decision without all that waits.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """The release before writes and reads as it did: PostgreSQL fills the columns. Two tables are locked for a moment,
    a second for ten thousand versions of contracts.
    """
    op.execute("""
        ALTER TABLE incidents.contract_terms
            ADD COLUMN service_desk jsonb GENERATED ALWAYS AS (state -> 'service_desk') STORED,
            ADD COLUMN time_zone text GENERATED ALWAYS AS (state #>> '{client,time_zone}') STORED,
            ADD COLUMN plan_priority integer GENERATED ALWAYS AS ((state #>> '{plan,priority}')::integer) STORED
    """)
    op.execute(
        "CREATE INDEX ix_work_item_waiting_for_clients ON incidents.work_item (tenant_id) "
        "WHERE status NOT IN ('accepted','cancelled','closed','completed','declined') "
        "AND kind IN ('change','work_order')"
    )


def downgrade() -> None:
    """The queue unpacks whole terms again."""
    op.execute("DROP INDEX incidents.ix_work_item_waiting_for_clients")
    op.execute("""
        ALTER TABLE incidents.contract_terms
            DROP COLUMN service_desk, DROP COLUMN time_zone, DROP COLUMN plan_priority
    """)
