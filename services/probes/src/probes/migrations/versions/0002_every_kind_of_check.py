"""Every kind of check: monitors have a configuration, and checks leave observations.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0002"
down_revision = "0001"

SCHEMA = "probes"

OF_A_CLIENT = ("notice", "observation")

# Until now every monitor asked for its url over HTTP.
MONITORS = """
ALTER TABLE probes.monitor
    ADD COLUMN configuration JSONB,
    ADD COLUMN source TEXT NOT NULL DEFAULT 'contract',
    ADD COLUMN scheduled BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN third_party BOOLEAN NOT NULL DEFAULT false;
UPDATE probes.monitor SET configuration = jsonb_build_object('kind', kind, 'url', url);
ALTER TABLE probes.monitor
    ALTER COLUMN configuration SET NOT NULL,
    ALTER COLUMN source DROP DEFAULT,
    ALTER COLUMN scheduled DROP DEFAULT,
    ALTER COLUMN third_party DROP DEFAULT;
"""

OBSERVATIONS = """
CREATE TABLE probes.observation (
    monitor_id UUID NOT NULL,
    name TEXT NOT NULL,
    since timestamptz NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    location TEXT NOT NULL,
    last_seen_at timestamptz NOT NULL,
    value JSONB NOT NULL,
    CONSTRAINT pk_observation PRIMARY KEY (monitor_id, name, since)
);
CREATE TABLE probes.notice (
    monitor_id UUID NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    said_at timestamptz NOT NULL,
    CONSTRAINT pk_notice PRIMARY KEY (monitor_id, name, key)
);
"""


def upgrade() -> None:
    """Add to what is there; nothing is lost."""
    op.execute(MONITORS)
    op.execute(OBSERVATIONS)
    for table in OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON probes.result FROM probes_app")


def downgrade() -> None:
    """Only what 0001 knows stays."""
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in OF_A_CLIENT))
    op.execute(
        "ALTER TABLE probes.monitor DROP COLUMN configuration, DROP COLUMN source, DROP COLUMN scheduled, "
        "DROP COLUMN third_party"
    )
