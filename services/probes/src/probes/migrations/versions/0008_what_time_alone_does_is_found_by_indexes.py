"""Monitors that a window covers, that are in maintenance or that flap are found without reading all of them.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from shared.database import plan_by_client

revision = "0008"
down_revision = "0007"

INDEXES = """
CREATE INDEX ix_monitor_environment_id ON probes.monitor (environment_id);
CREATE INDEX ix_monitor_site_id ON probes.monitor (site_id);
CREATE INDEX ix_monitor_client_id ON probes.monitor (client_id);
CREATE INDEX ix_monitor_in_maintenance ON probes.monitor (monitor_id) WHERE state = 'maintenance';
CREATE INDEX ix_monitor_flapping ON probes.monitor (monitor_id) WHERE flapping_since IS NOT NULL;
"""


def upgrade() -> None:
    """A moment on a table that has one row per monitor. The policies show the same rows as before."""
    plan_by_client(op, "probes")
    op.execute(INDEXES)


def downgrade() -> None:
    """The release before reads all monitors, and the policies as they are now."""
    op.execute("""
        DROP INDEX probes.ix_monitor_environment_id, probes.ix_monitor_site_id, probes.ix_monitor_client_id,
            probes.ix_monitor_in_maintenance, probes.ix_monitor_flapping
    """)
