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

# Results arrive in the order of their beginnings, which is what a BRIN index is for.
ROLLUPS = """
CREATE INDEX ix_result_started_ms ON probes.result USING brin (started_ms)
    WITH (pages_per_range = 16, autosummarize = on);
CREATE TABLE probes.rollup (
    monitor_number INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    location_number SMALLINT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_rollup PRIMARY KEY (monitor_number, hour, location_number)
)
 PARTITION BY RANGE (hour);
CREATE TABLE probes.rollup_due (
    hour INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    part INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    CONSTRAINT pk_rollup_due PRIMARY KEY (hour, contract_id, part)
);
CREATE TABLE probes.rollup_progress (
    one SMALLINT NOT NULL,
    next_hour INTEGER,
    CONSTRAINT pk_rollup_progress PRIMARY KEY (one),
    CONSTRAINT ck_rollup_progress_one CHECK (one = 1)
);
INSERT INTO probes.rollup_progress (one) VALUES (1);
CREATE FUNCTION probes.ensure_rollup_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition text := 'rollup_p' || to_char(month, 'YYYYMM');
    first date := date_trunc('month', month)::date;
BEGIN
    IF month NOT BETWEEN date '2020-01-01' AND date '2059-12-31' THEN
        RAISE EXCEPTION '% lies outside of 2020 to 2059', month;
    END IF;
    IF to_regclass('probes.' || partition) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('probes partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS probes.%I PARTITION OF probes.rollup FOR VALUES FROM (%s) TO (%s)',
                       partition, (first - date '1970-01-01') * 24,
                       ((first + interval '1 month')::date - date '1970-01-01') * 24);
    END IF;
END
$$;
CREATE FUNCTION probes.drop_rollup_partitions_before(first_kept date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition record;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('probes partitions'));
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'probes.rollup'::regclass
          AND to_date(substr(c.relname, 9), 'YYYYMM') < date_trunc('month', first_kept)
    LOOP
        EXECUTE format('DROP TABLE probes.%I', partition.relname);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION probes.ensure_rollup_partition(date) FROM PUBLIC;
REVOKE ALL ON FUNCTION probes.drop_rollup_partitions_before(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION probes.ensure_rollup_partition(date) TO probes_app;
GRANT EXECUTE ON FUNCTION probes.drop_rollup_partitions_before(date) TO probes_app;
"""

# The grant on all tables has just reached the partitions too; the application works through their parent only.
IMMUTABLE = """
REVOKE UPDATE, DELETE, TRUNCATE ON probes.result FROM probes_app;
DO $$
DECLARE
    partition record;
BEGIN
    FOR partition IN SELECT inhrelid::regclass AS name FROM pg_inherits WHERE inhparent = 'probes.result'::regclass
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM probes_app', partition.name);
    END LOOP;
END
$$;
"""


def upgrade() -> None:
    """Add to what is there; nothing is lost."""
    op.execute(MONITORS)
    op.execute(OBSERVATIONS)
    op.execute(ROLLUPS)
    for table in OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
    op.execute(IMMUTABLE)


def downgrade() -> None:
    """Only what 0001 knows stays."""
    op.execute("DROP FUNCTION probes.ensure_rollup_partition(date), probes.drop_rollup_partitions_before(date)")
    op.execute("DROP TABLE probes.rollup, probes.rollup_due, probes.rollup_progress")
    op.execute("DROP INDEX probes.ix_result_started_ms")
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in OF_A_CLIENT))
    op.execute(
        "ALTER TABLE probes.monitor DROP COLUMN configuration, DROP COLUMN source, DROP COLUMN scheduled, "
        "DROP COLUMN third_party"
    )
