"""Groups of pages that are watched alike, and more closely in critical periods.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from shared.database import protect_rows

revision = "0004"
down_revision = "0003"

GROUPS = """
CREATE TABLE probes.monitor_group (
    group_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    name TEXT NOT NULL,
    configuration JSONB NOT NULL,
    cadence JSONB NOT NULL,
    critical_periods JSONB NOT NULL,
    contract_version BIGINT NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    edition BIGINT NOT NULL,
    state TEXT NOT NULL,
    since timestamptz NOT NULL,
    version BIGINT NOT NULL,
    planned_until timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT pk_monitor_group PRIMARY KEY (group_id)
);
CREATE INDEX ix_monitor_group_tenant_id ON probes.monitor_group (tenant_id, group_id);
CREATE INDEX ix_monitor_group_due_at ON probes.monitor_group (due_at) WHERE removed_at IS NULL;
"""

# Until now every monitor was one by itself, and its configuration alone said how long it may take.
PAGES = """
ALTER TABLE probes.monitor
    ADD COLUMN group_id UUID,
    ADD COLUMN critical_periods TEXT[] NOT NULL DEFAULT '{}';
CREATE INDEX ix_monitor_group_id ON probes.monitor (group_id) WHERE group_id IS NOT NULL;
ALTER TABLE probes.monitor_rules
    ADD COLUMN limits JSONB,
    ADD COLUMN critical_periods TEXT[] NOT NULL DEFAULT '{}';
CREATE INDEX ix_monitor_rules_effective_from ON probes.monitor_rules (effective_from) WHERE limits IS NOT NULL;
"""


def upgrade() -> None:
    """Add to what is there; nothing is lost."""
    op.execute(GROUPS)
    protect_rows(op, "probes", "monitor_group", client_column="client_id")
    op.execute(PAGES)
    # Of this table alone: results and reports stay as unchangeable as they are.
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON probes.monitor_group TO probes_app")


def downgrade() -> None:
    """Pages stay, as monitors by themselves."""
    op.execute("DROP INDEX probes.ix_monitor_rules_effective_from")
    op.execute("ALTER TABLE probes.monitor_rules DROP COLUMN limits, DROP COLUMN critical_periods")
    op.execute("DROP INDEX probes.ix_monitor_group_id")
    op.execute("ALTER TABLE probes.monitor DROP COLUMN group_id, DROP COLUMN critical_periods")
    op.execute("DROP TABLE probes.monitor_group")
