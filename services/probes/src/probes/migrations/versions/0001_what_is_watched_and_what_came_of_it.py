"""The first tables: what is watched, what was found, what came of it.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import create_event_tables, grant_application_role

revision = "0001"
down_revision = None

SCHEMA = "probes"

# Rows that belong to one client of a tenant; a person who is bound to another client must not see them.
OF_A_CLIENT = ("blip", "contract_version", "location_state", "monitor", "monitor_rules", "outage", "stretch")

TABLES = """
CREATE TABLE probes.blip (
    monitor_id UUID NOT NULL,
    location TEXT NOT NULL,
    first_at timestamptz NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    last_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    failures JSONB NOT NULL,
    CONSTRAINT pk_blip PRIMARY KEY (monitor_id, location, first_at)
);
CREATE TABLE probes.contract_version (
    contract_id UUID NOT NULL,
    version BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    effective_from timestamptz NOT NULL,
    state JSONB NOT NULL,
    applied_at timestamptz,
    CONSTRAINT pk_contract_version PRIMARY KEY (contract_id, version)
);
CREATE INDEX ix_contract_version_due ON probes.contract_version (effective_from) WHERE applied_at IS NULL;
CREATE TABLE probes.location (
    number SMALLINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    CONSTRAINT pk_location PRIMARY KEY (number),
    CONSTRAINT uq_location_name UNIQUE (name)
);
CREATE TABLE probes.location_state (
    monitor_id UUID NOT NULL,
    location TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    stale_since timestamptz,
    verdict TEXT,
    verdict_since timestamptz,
    uncertainty_seconds FLOAT NOT NULL,
    confirmed_at timestamptz,
    failures JSONB NOT NULL,
    last_due timestamptz,
    last_at timestamptz,
    last_interval_seconds FLOAT,
    run JSONB,
    CONSTRAINT pk_location_state PRIMARY KEY (monitor_id, location)
);
CREATE TABLE probes.monitor (
    monitor_id UUID NOT NULL,
    number INTEGER GENERATED ALWAYS AS IDENTITY,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    deliverable TEXT NOT NULL,
    counts_for_sla BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    interval_seconds INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    rechecks INTEGER NOT NULL,
    recheck_spacing_seconds INTEGER NOT NULL,
    recoveries INTEGER NOT NULL,
    created_at timestamptz NOT NULL,
    watched_since timestamptz NOT NULL,
    state TEXT NOT NULL,
    since timestamptz NOT NULL,
    reason TEXT,
    version BIGINT NOT NULL,
    outage_id UUID,
    CONSTRAINT pk_monitor PRIMARY KEY (monitor_id),
    CONSTRAINT uq_monitor_number UNIQUE (number)
);
CREATE INDEX ix_monitor_contract_id ON probes.monitor (contract_id);
CREATE INDEX ix_monitor_tenant_id ON probes.monitor (tenant_id, monitor_id);
CREATE TABLE probes.monitor_rules (
    monitor_id UUID NOT NULL,
    effective_from timestamptz NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_version BIGINT NOT NULL,
    interval_seconds INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    rechecks INTEGER NOT NULL,
    recheck_spacing_seconds INTEGER NOT NULL,
    recoveries INTEGER NOT NULL,
    CONSTRAINT pk_monitor_rules PRIMARY KEY (monitor_id, effective_from)
);
CREATE TABLE probes.outage (
    outage_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    monitor_id UUID NOT NULL,
    counts_for_sla BOOLEAN NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    down_since timestamptz NOT NULL,
    down_since_uncertainty_seconds FLOAT NOT NULL,
    confirmed_at timestamptz NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    failures JSONB NOT NULL,
    locations JSONB NOT NULL,
    gaps JSONB NOT NULL,
    ended_at timestamptz,
    ended_at_uncertainty_seconds FLOAT,
    recovery_confirmed_at timestamptz,
    ending TEXT,
    CONSTRAINT pk_outage PRIMARY KEY (outage_id)
);
CREATE INDEX ix_outage_monitor_id ON probes.outage (monitor_id, down_since);
CREATE INDEX ix_outage_tenant_id ON probes.outage (tenant_id, down_since, outage_id);
CREATE TABLE probes.result (
    monitor_number INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    name_lookup_us INTEGER NOT NULL,
    connect_us INTEGER NOT NULL,
    tls_us INTEGER NOT NULL,
    first_byte_us INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    day SMALLINT NOT NULL,
    location_number SMALLINT NOT NULL,
    status_code SMALLINT NOT NULL,
    attempt_and_outcome SMALLINT NOT NULL
)
 PARTITION BY LIST (day);
CREATE INDEX ix_result_monitor_number ON probes.result (monitor_number);
CREATE TABLE probes.stretch (
    monitor_id UUID NOT NULL,
    version BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    state TEXT NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    reason TEXT,
    outage_id UUID,
    CONSTRAINT pk_stretch PRIMARY KEY (monitor_id, version)
);
CREATE INDEX ix_stretch_monitor_id ON probes.stretch (monitor_id, started_at);
"""

# A single machine checks from one place; the settings name more.
FIRST_LOCATION = "INSERT INTO probes.location (name, active) VALUES ('default', true)"

# The row of a location is rewritten by every check: room on its page lets it stay there, and no index is touched.
TUNING = """
ALTER TABLE probes.location_state SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000
);
"""

# The application role makes and drops no tables. These two functions, the owner's, do it for exactly one purpose.
# The lock keeps two processes from making one partition at the same time.
FUNCTIONS = """
CREATE FUNCTION probes.ensure_result_partition(wanted integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition text := 'result_p' || to_char(date '1970-01-01' + wanted, 'YYYYMMDD');
BEGIN
    IF wanted NOT BETWEEN 18262 AND 32767 THEN
        RAISE EXCEPTION 'day % lies outside of 2020 to 2059', wanted;
    END IF;
    IF to_regclass('probes.' || partition) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('probes partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS probes.%I PARTITION OF probes.result FOR VALUES IN (%s)',
                       partition, wanted);
    END IF;
END
$$;
CREATE FUNCTION probes.drop_result_partitions_before(first_kept integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition record;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('probes partitions'));
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'probes.result'::regclass
          AND to_date(substr(c.relname, 9), 'YYYYMMDD') - date '1970-01-01' < first_kept
    LOOP
        EXECUTE format('DROP TABLE probes.%I', partition.relname);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION probes.ensure_result_partition(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION probes.drop_result_partitions_before(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION probes.ensure_result_partition(integer) TO probes_app;
GRANT EXECUTE ON FUNCTION probes.drop_result_partitions_before(integer) TO probes_app;
"""

# What was measured is never changed by the application, and goes away only by the day.
IMMUTABLE = "REVOKE UPDATE, DELETE, TRUNCATE ON probes.result FROM probes_app"


def upgrade() -> None:
    """Make the tables, isolate tenants and clients from one another, and let the application role work."""
    create_event_tables(op, SCHEMA)
    op.execute(TABLES)
    op.execute(FIRST_LOCATION)
    op.execute(TUNING)
    op.execute(FUNCTIONS)
    for table in OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
    op.execute(IMMUTABLE)


def downgrade() -> None:
    """Take everything away again."""
    op.execute(
        "DROP FUNCTION probes.ensure_result_partition(integer); "
        "DROP FUNCTION probes.drop_result_partitions_before(integer)"
    )
    tables = (*OF_A_CLIENT, "location", "result", "outbox", "inbox", "dead_letter", "idempotency_key")
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in tables))
