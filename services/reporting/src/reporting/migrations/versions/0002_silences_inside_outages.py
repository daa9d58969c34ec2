"""The silences inside an outage, which are not down time; what is there already gets them from its events.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"

FILL = """
update reporting.transition t
set
    ended_since = (outage ->> 'down_since')::timestamptz,
    gaps = coalesce(
        (select jsonb_agg(jsonb_build_array(gap -> 'start', gap -> 'end'))
         from jsonb_array_elements(outage -> 'gaps') gap),
        '[]'
    )
from (
    select event_id, case when data ? 'recovered_at' then data else data -> 'outage' end as outage
    from (
        select event_id, convert_from(payload, 'UTF8')::jsonb -> 'data' as data
        from reporting.event
        where name in ('probes.monitor.recovered.v1', 'probes.monitor.paused.v1')
    ) told
) ending
where t.event_id = ending.event_id and t.ended = 'down' and outage ? 'down_since'
"""


def upgrade() -> None:
    """Adds the column and fills it."""
    op.execute("alter table reporting.transition add column gaps jsonb not null default '[]'")
    op.execute(FILL)
    op.execute("alter table reporting.transition alter column gaps drop default")
