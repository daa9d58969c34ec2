"""What hours cost an agency, and events by client: what was known of one at any instant.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

from shared.database import CLIENT_SETTING, protect_rows

revision = "0019"
down_revision = "0018"

SCHEMA = "reporting"


def upgrade() -> None:
    """What hours cost is for the agency alone: whoever is bound to a client sees no row, whatever asks for it."""
    op.execute("create index ix_event_client_id on reporting.event (client_id, occurred_at)")
    op.execute("""
        create table reporting.cost_rates (
            tenant_id uuid not null,
            version integer not null,
            content jsonb not null,
            changed_at timestamptz not null,
            constraint pk_cost_rates primary key (tenant_id)
        )
    """)
    protect_rows(op, SCHEMA, "cost_rates")
    op.execute(
        "create policy client_isolation on reporting.cost_rates as restrictive "
        f"using ((select nullif(current_setting('{CLIENT_SETTING}', true), '')) is null)"
    )
    op.execute(f"grant select, insert, update, delete on {SCHEMA}.cost_rates to {SCHEMA}_app")


def downgrade() -> None:
    """Margins cannot be told any more."""
    op.execute("drop table reporting.cost_rates")
    op.execute("drop index reporting.ix_event_client_id")
