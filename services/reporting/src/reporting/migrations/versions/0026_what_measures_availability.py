"""Which transitions are of monitors that measure availability; months that others decided are measured again.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"

# Events of the releases before only tell whether the monitor counts. Where its environment does, that is the same.
FILL = """
    UPDATE reporting.{table} t SET measures_availability = false
    FROM reporting.event e, LATERAL (SELECT convert_from(e.payload, 'UTF8')::jsonb -> 'data' AS data) told
    WHERE e.event_id = t.event_id
      AND coalesce(data ->> 'measures_availability', data ->> 'counts_for_sla') = 'false'
"""

# Only what was no up time, in an environment that counts, can have been taken for a state of it.
MEASURE_AGAIN = """
    UPDATE reporting.uptime_period p SET due_at = least(p.due_at, p.ends_at)
    WHERE p.version > 0 AND EXISTS (
        SELECT FROM reporting.transition t JOIN reporting.contract_version c USING (contract_id)
        WHERE t.contract_id = p.contract_id AND NOT t.measures_availability
          AND (t.entered <> 'up' OR t.ended IS NOT NULL) AND least(t.at, t.ended_since) < p.ends_at
          AND jsonb_path_exists(
              c.state, '$.sites[*].environments[*] ? (@.environment_id == $id && @.counts_for_sla == true)',
              jsonb_build_object('id', t.environment_id::text)
          )
    )
"""


def upgrade() -> None:
    """The release before, which does not know the column, takes every monitor for one that measures availability."""
    for table in ("transition", "rebuilt_transition"):
        op.execute(f"ALTER TABLE reporting.{table} ADD COLUMN measures_availability BOOLEAN NOT NULL DEFAULT true")
        op.execute(FILL.format(table=table))
    op.execute(MEASURE_AGAIN)


def downgrade() -> None:
    """Every monitor decides again how its environment is."""
    for table in ("transition", "rebuilt_transition"):
        op.execute(f"ALTER TABLE reporting.{table} DROP COLUMN measures_availability")
