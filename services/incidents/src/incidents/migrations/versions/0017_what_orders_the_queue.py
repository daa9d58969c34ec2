"""The queue reads what orders it without whole terms, and what waits for a client's decision without all that waits.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"


PRIORITY = """'$.plan.priority ? (@.type() == "number" && @ > -1000000000 && @ < 1000000000)'::jsonpath"""


def upgrade() -> None:
    """The release before writes and reads as it did: PostgreSQL fills the columns.

    The versions of contracts are locked while they are written anew, a second for ten thousand. Then who writes items
    waits while the index is built, for which all of them are read.
    """
    with op.get_context().autocommit_block():  # both tables locked at once deadlock with whoever uses both
        op.execute(f"""
            ALTER TABLE incidents.contract_terms
                ADD COLUMN IF NOT EXISTS service_desk jsonb GENERATED ALWAYS AS (state -> 'service_desk') STORED,
                ADD COLUMN IF NOT EXISTS time_zone text GENERATED ALWAYS AS (state #>> '{{client,time_zone}}') STORED,
                ADD COLUMN IF NOT EXISTS plan_priority integer
                    GENERATED ALWAYS AS (jsonb_path_query_first(state, {PRIORITY})::integer) STORED
        """)
        op.execute("ANALYZE incidents.contract_terms")
        op.execute(
            "CREATE INDEX IF NOT EXISTS ix_work_item_waiting_for_clients ON incidents.work_item (tenant_id) "
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
