"""Every kind of check: monitors have a configuration, and checks leave observations.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import grant_application_role

revision = "0003"
down_revision = "0002"

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

# Why nothing is known: something lets no probe look.
BLOCKS = "ALTER TABLE probes.location_state ADD COLUMN blocked_at timestamptz"

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
);
CREATE TABLE probes.rollup_block (
    monitor_number INTEGER NOT NULL,
    block INTEGER NOT NULL,
    location_number SMALLINT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_rollup_block PRIMARY KEY (monitor_number, block, location_number)
)
 PARTITION BY RANGE (block);
ALTER TABLE probes.rollup_block ALTER COLUMN content SET STORAGE MAIN;
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
    partition text := 'rollup_block_p' || to_char(month, 'YYYYMM');
    first date := date_trunc('month', month)::date;
BEGIN
    IF month NOT BETWEEN date '2020-01-01' AND date '2059-12-31' THEN
        RAISE EXCEPTION '% lies outside of 2020 to 2059', month;
    END IF;
    IF to_regclass('probes.' || partition) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('probes partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS probes.%I PARTITION OF probes.rollup_block FOR VALUES FROM (%s) TO '
                       '(%s)', partition, (first - date '1970-01-01') * 3,
                       ((first + interval '1 month')::date - date '1970-01-01') * 3);
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
        WHERE i.inhparent = 'probes.rollup_block'::regclass
          AND to_date(right(c.relname, 6), 'YYYYMM') < date_trunc('month', first_kept)
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

PERFORMANCE = """
CREATE TABLE probes.performance (
    monitor_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    promised BOOLEAN NOT NULL,
    assessed_day INTEGER NOT NULL,
    standing TEXT NOT NULL,
    version BIGINT NOT NULL,
    threshold_percent INTEGER NOT NULL,
    since_day INTEGER,
    measure TEXT,
    phase TEXT,
    percent INTEGER,
    steady_from INTEGER,
    baseline_first_day INTEGER,
    baseline_last_day INTEGER,
    baseline BYTEA,
    now_first_day INTEGER,
    now_last_day INTEGER,
    now BYTEA,
    CONSTRAINT pk_performance PRIMARY KEY (monitor_id)
);
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

# What reports to us by itself. Reports are only added; what they amount to stands in `heartbeat`.
REPORTS = """
CREATE TABLE probes.report_token (
    monitor_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    issued_at timestamptz NOT NULL,
    CONSTRAINT pk_report_token PRIMARY KEY (monitor_id),
    CONSTRAINT uq_report_token_token_hash UNIQUE (token_hash)
);
CREATE TABLE probes.heartbeat (
    monitor_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    due_at timestamptz NOT NULL,
    watched_since timestamptz,
    replan BOOLEAN NOT NULL,
    seen_until timestamptz NOT NULL,
    taken_number BIGINT NOT NULL,
    newest_at timestamptz NOT NULL,
    standing TEXT NOT NULL,
    since timestamptz NOT NULL,
    expected_at timestamptz,
    started_at timestamptz,
    overran BOOLEAN NOT NULL,
    last_report_at timestamptz,
    last_success_at timestamptz,
    last_size_bytes BIGINT,
    CONSTRAINT pk_heartbeat PRIMARY KEY (monitor_id)
);
CREATE INDEX ix_heartbeat_due_at ON probes.heartbeat (due_at);
CREATE TABLE probes.ping (
    monitor_id UUID NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    received_at timestamptz NOT NULL,
    signal TEXT NOT NULL,
    payload JSONB NOT NULL,
    CONSTRAINT pk_ping PRIMARY KEY (monitor_id, number)
);
CREATE INDEX ix_ping_received_at ON probes.ping (received_at);
CREATE TABLE probes.receiving (
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT pk_receiving PRIMARY KEY (started_at)
);
CREATE TABLE probes.crash_report (
    monitor_id UUID NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    platform TEXT NOT NULL,
    version TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    received_at timestamptz NOT NULL,
    sessions BIGINT NOT NULL,
    crashes BIGINT NOT NULL,
    users BIGINT,
    crash_free_users BIGINT,
    CONSTRAINT pk_crash_report PRIMARY KEY (monitor_id, period_start, period_end, platform, version)
);
CREATE INDEX ix_crash_report_period_end ON probes.crash_report (monitor_id, period_end);
CREATE TABLE probes.restore_verification (
    restore_verification_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    environment_id UUID,
    performed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    scope TEXT NOT NULL,
    duration_seconds BIGINT NOT NULL,
    result TEXT NOT NULL,
    performed_by TEXT NOT NULL,
    backup_taken_at timestamptz,
    evidence_url TEXT,
    evidence_sha256 TEXT,
    notes TEXT,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_restore_verification PRIMARY KEY (restore_verification_id)
);
CREATE INDEX ix_restore_verification_contract_id ON probes.restore_verification (contract_id, performed_at);
CREATE INDEX ix_restore_verification_tenant_id
    ON probes.restore_verification (tenant_id, performed_at, restore_verification_id);
CREATE TABLE probes.restore_promise (
    contract_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    frequency TEXT NOT NULL,
    starts_at timestamptz NOT NULL,
    time_zone TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    due_at timestamptz NOT NULL,
    missed INTEGER NOT NULL,
    overdue_from timestamptz,
    overdue_to timestamptz,
    CONSTRAINT pk_restore_promise PRIMARY KEY (contract_id)
);
CREATE INDEX ix_restore_promise_due_at ON probes.restore_promise (due_at) WHERE active;
CREATE TABLE probes.component (
    monitor_id UUID NOT NULL,
    component TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    version TEXT NOT NULL,
    cycle TEXT,
    verdict TEXT NOT NULL,
    since timestamptz NOT NULL,
    observed_at timestamptz NOT NULL,
    latest TEXT,
    end_of_life date,
    data_of date NOT NULL,
    CONSTRAINT pk_component PRIMARY KEY (monitor_id, component)
);
CREATE INDEX ix_component_tenant_id ON probes.component (tenant_id, component, monitor_id);
CREATE FUNCTION probes.forget_reports_before(first_kept timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    forgotten integer;
BEGIN
    DELETE FROM probes.ping WHERE (monitor_id, number) IN
        (SELECT monitor_id, number FROM probes.ping WHERE received_at < first_kept LIMIT most);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
REVOKE ALL ON FUNCTION probes.forget_reports_before(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION probes.forget_reports_before(timestamptz, integer) TO probes_app;
"""
REPORTS_OF_A_CLIENT = (
    "component",
    "crash_report",
    "heartbeat",
    "ping",
    "report_token",
    "restore_promise",
    "restore_verification",
)
# A report and a verification are what somebody said: nobody changes them afterwards.
REPORTS_STAY = (
    "REVOKE UPDATE, DELETE, TRUNCATE ON probes.ping FROM probes_app; "
    "REVOKE UPDATE, DELETE, TRUNCATE ON probes.restore_verification FROM probes_app"
)


# The state line: what depends on what, what caused what, planned work, flapping, and places under suspicion.
STATE_LINE = """
ALTER TABLE probes.monitor
    ADD COLUMN edges JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN flapping_since timestamptz,
    ADD COLUMN parent_id UUID;
ALTER TABLE probes.outage
    ADD COLUMN third_party BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN caused_by UUID;
ALTER TABLE probes.location
    ADD COLUMN suspect_since timestamptz,
    ADD COLUMN suspect_reason TEXT,
    ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
CREATE TABLE probes.maintenance_window (
    window_id UUID NOT NULL,
    version BIGINT NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    title TEXT NOT NULL,
    CONSTRAINT pk_maintenance_window PRIMARY KEY (window_id)
);
CREATE TABLE probes.maintenance_occurrence (
    window_id UUID NOT NULL,
    starts_at timestamptz NOT NULL,
    covers UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    ends_at timestamptz NOT NULL,
    CONSTRAINT pk_maintenance_occurrence PRIMARY KEY (window_id, starts_at, covers)
);
CREATE INDEX ix_maintenance_occurrence_covers ON probes.maintenance_occurrence (covers, ends_at);
"""
STATE_LINE_OF_A_CLIENT = ("maintenance_occurrence", "maintenance_window")


# What people change of a monitor, and checks that they want made at once.
BY_PEOPLE = """
ALTER TABLE probes.monitor
    ADD COLUMN adjustments JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN edition BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN removed_at timestamptz;
CREATE TABLE probes.check_test (
    check_test_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID,
    monitor_id UUID,
    location TEXT NOT NULL,
    configuration JSONB NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by TEXT NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    answered_at timestamptz,
    result JSONB,
    CONSTRAINT pk_check_test PRIMARY KEY (check_test_id)
);
CREATE INDEX ix_check_test_tenant_id ON probes.check_test (tenant_id, asked_at, check_test_id);
CREATE INDEX ix_check_test_unsent ON probes.check_test (asked_at) WHERE sent_at IS NULL;
"""
BY_PEOPLE_OF_A_CLIENT = ("check_test",)


def upgrade() -> None:
    """Add to what is there; nothing is lost."""
    op.execute(MONITORS)
    op.execute(BLOCKS)
    op.execute(OBSERVATIONS)
    op.execute(ROLLUPS)
    op.execute(PERFORMANCE)
    protect_rows(op, SCHEMA, "performance", client_column="client_id")
    for table in OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    op.execute(STATE_LINE)
    for table in STATE_LINE_OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    op.execute(BY_PEOPLE)
    for table in BY_PEOPLE_OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    op.execute(REPORTS)
    for table in REPORTS_OF_A_CLIENT:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
    op.execute(REPORTS_STAY)
    op.execute(IMMUTABLE)


def downgrade() -> None:
    """Only what came before stays."""
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in BY_PEOPLE_OF_A_CLIENT))
    op.execute("ALTER TABLE probes.monitor DROP COLUMN adjustments, DROP COLUMN edition, DROP COLUMN removed_at")
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in STATE_LINE_OF_A_CLIENT))
    op.execute(
        "ALTER TABLE probes.location DROP COLUMN suspect_since, DROP COLUMN suspect_reason, DROP COLUMN version; "
        "ALTER TABLE probes.outage DROP COLUMN third_party, DROP COLUMN caused_by; "
        "ALTER TABLE probes.monitor DROP COLUMN edges, DROP COLUMN flapping_since, DROP COLUMN parent_id"
    )
    op.execute("DROP FUNCTION probes.forget_reports_before(timestamptz, integer)")
    op.execute("DROP TABLE probes.receiving, " + ", ".join(f"{SCHEMA}.{table}" for table in REPORTS_OF_A_CLIENT))
    op.execute("DROP FUNCTION probes.ensure_rollup_partition(date), probes.drop_rollup_partitions_before(date)")
    op.execute(
        "DROP TABLE probes.performance, probes.rollup, probes.rollup_block, probes.rollup_due, probes.rollup_progress"
    )
    op.execute("DROP INDEX probes.ix_result_started_ms")
    op.execute("DROP TABLE " + ", ".join(f"{SCHEMA}.{table}" for table in OF_A_CLIENT))
    op.execute("ALTER TABLE probes.location_state DROP COLUMN blocked_at")
    op.execute(
        "ALTER TABLE probes.monitor DROP COLUMN configuration, DROP COLUMN source, DROP COLUMN scheduled, "
        "DROP COLUMN third_party"
    )
