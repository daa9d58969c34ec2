"""The tables of probes.

`monitor` is what is watched and where its state line stands; `location_state` is what each location believes and is
the only row that every check touches. `stretch` is the state line, `outage` and `blip` are what came of failures.
`result` holds every check: one partition per day, no row-per-check round trip, dropped by the day. Its isolation
between tenants is that of `monitor`, whose `number` it carries: `COPY` does not go through row-level security.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from shared.database import metadata_for
from shared.migrations import event_tables

SCHEMA = "probes"
metadata = metadata_for(SCHEMA)
event_tables(metadata)


class Base(DeclarativeBase):
    """Base of the tables of probes."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        str: Text(),
        float: Float(),
        bool: Boolean(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }


class MonitorRow(Base):
    """One environment watched under one contract: how, and where its state line stands.

    `number` stands for the monitor in `result`. `configuration` is the document of its checks. `version` numbers the
    transitions that were said, `edition` the changes of what is watched and how. Of a page of a group, cadence and
    configuration are those in force; `critical_periods` names what makes them tighter than on other days.
    """

    __tablename__ = "monitor"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, Identity(always=True), unique=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    deliverable: Mapped[str]
    counts_for_sla: Mapped[bool]
    kind: Mapped[str]
    name: Mapped[str]
    url: Mapped[str]
    configuration: Mapped[dict[str, Any]]
    source: Mapped[str]
    scheduled: Mapped[bool]
    third_party: Mapped[bool]
    interval_seconds: Mapped[int]
    timeout_seconds: Mapped[int]
    rechecks: Mapped[int]
    recheck_spacing_seconds: Mapped[int]
    recoveries: Mapped[int]
    created_at: Mapped[datetime]
    watched_since: Mapped[datetime]
    state: Mapped[str]
    since: Mapped[datetime]
    reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger)
    outage_id: Mapped[UUID | None]
    edges: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    flapping_since: Mapped[datetime | None]
    parent_id: Mapped[UUID | None]
    adjustments: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    edition: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    removed_at: Mapped[datetime | None]
    group_id: Mapped[UUID | None]
    critical_periods: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (
        Index("ix_monitor_group_id", "group_id", postgresql_where=text("group_id IS NOT NULL")),
        Index("ix_monitor_contract_id", "contract_id"),
        Index("ix_monitor_environment_id", "environment_id"),
        Index("ix_monitor_site_id", "site_id"),
        Index("ix_monitor_client_id", "client_id"),
        Index("ix_monitor_in_maintenance", "monitor_id", postgresql_where=text("state = 'maintenance'")),
        Index("ix_monitor_flapping", "monitor_id", postgresql_where=text("flapping_since IS NOT NULL")),
        Index("ix_monitor_tenant_id", "tenant_id", "monitor_id"),
    )


class MonitorGroupRow(Base):
    """Pages that are watched alike: `configuration` without an address, `cadence`, `critical_periods` as they are said.

    `edition` counts the changes of these. `state`, `since` and `version` are how the group stands. What the periods do
    is in `monitor_rules` up to `planned_until`; `due_at` is when to look again.
    """

    __tablename__ = "monitor_group"

    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    name: Mapped[str]
    configuration: Mapped[dict[str, Any]]
    cadence: Mapped[dict[str, Any]]
    critical_periods: Mapped[list[Any]]
    contract_version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    edition: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    since: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
    planned_until: Mapped[datetime]
    due_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_monitor_group_tenant_id", "tenant_id", "group_id"),
        Index("ix_monitor_group_due_at", "due_at", postgresql_where=text("removed_at IS NULL")),
    )


class UnwatchedPagesRow(Base):
    """Pages of an environment that a contract promises to watch and that cannot be, since `found_at`: `reason`.

    Open while `ended_at` is null, at most once per contract and environment.
    """

    __tablename__ = "unwatched_pages"

    unwatched_pages_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    name: Mapped[str]
    contract_version: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_unwatched_pages_tenant_id", "tenant_id", "found_at", "unwatched_pages_id"),
        Index(
            "uq_unwatched_pages_contract_id",
            "contract_id",
            "environment_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class CheckTestRow(Base):
    """A check that somebody wants made now, beside every schedule: asked for, under way, answered or given up.

    `client_id` and `monitor_id` are null for a configuration that no monitor has yet.
    """

    __tablename__ = "check_test"

    check_test_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    monitor_id: Mapped[UUID | None]
    location: Mapped[str]
    configuration: Mapped[dict[str, Any]]
    timeout_seconds: Mapped[int]
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]

    __table_args__ = (
        Index("ix_check_test_tenant_id", "tenant_id", "asked_at", "check_test_id"),
        Index("ix_check_test_unsent", "asked_at", postgresql_where=text("sent_at IS NULL")),
    )


class LocationStateRow(Base):
    """What one location believes about a monitor. Updated by every check, without touching an index."""

    __tablename__ = "location_state"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    location: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    stale_since: Mapped[datetime | None]
    verdict: Mapped[str | None]
    verdict_since: Mapped[datetime | None]
    uncertainty_seconds: Mapped[float]
    confirmed_at: Mapped[datetime | None]
    failures: Mapped[list[Any]]
    last_due: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    last_interval_seconds: Mapped[float | None]
    run: Mapped[dict[str, Any] | None]
    blocked_at: Mapped[datetime | None]


class MonitorRulesRow(Base):
    """How a monitor was checked from an instant on: past intervals stay known after an amendment.

    Of a page of a group this is also what is planned. `limits` are the most milliseconds per phase (null: as its
    configuration says), `critical_periods` the ones in force.
    """

    __tablename__ = "monitor_rules"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    effective_from: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_version: Mapped[int] = mapped_column(BigInteger)
    interval_seconds: Mapped[int]
    timeout_seconds: Mapped[int]
    rechecks: Mapped[int]
    recheck_spacing_seconds: Mapped[int]
    recoveries: Mapped[int]
    limits: Mapped[dict[str, Any] | None]
    critical_periods: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))

    __table_args__ = (
        Index("ix_monitor_rules_effective_from", "effective_from", postgresql_where=text("limits IS NOT NULL")),
    )


class StretchRow(Base):
    """One stretch `[started_at, ended_at)` of a monitor's state line; the last one is open."""

    __tablename__ = "stretch"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    outage_id: Mapped[UUID | None]

    __table_args__ = (Index("ix_stretch_monitor_id", "monitor_id", "started_at"),)


class OutageRow(Base):
    """A confirmed outage with its evidence: one entry per failing check of the run that confirmed it.

    `ended_at` is the first good check, or the pause that ended it for the state line; `ending` says which.
    """

    __tablename__ = "outage"

    outage_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    monitor_id: Mapped[UUID]
    counts_for_sla: Mapped[bool]
    name: Mapped[str]
    url: Mapped[str]
    down_since: Mapped[datetime]
    down_since_uncertainty_seconds: Mapped[float]
    confirmed_at: Mapped[datetime]
    reason: Mapped[str]
    detail: Mapped[str]
    failures: Mapped[list[Any]]
    locations: Mapped[list[Any]]
    gaps: Mapped[list[Any]]
    ended_at: Mapped[datetime | None]
    ended_at_uncertainty_seconds: Mapped[float | None]
    recovery_confirmed_at: Mapped[datetime | None]
    ending: Mapped[str | None]
    third_party: Mapped[bool] = mapped_column(server_default=text("false"))
    caused_by: Mapped[UUID | None]
    exclusion_candidate: Mapped[bool] = column_property(
        literal_column(
            "(probes.outage.third_party OR EXISTS (WITH RECURSIVE cause AS ("
            "SELECT above.third_party, above.caused_by FROM probes.outage AS above"
            " WHERE above.outage_id = probes.outage.caused_by"
            " UNION SELECT above.third_party, above.caused_by FROM cause"
            " JOIN probes.outage AS above ON above.outage_id = cause.caused_by)"
            " SELECT FROM cause WHERE third_party))",
            Boolean(),
        )
    )
    """Whether somebody else may answer for it: what was watched, or anything above it, is a third party's."""

    __table_args__ = (
        Index("ix_outage_monitor_id", "monitor_id", "down_since"),
        Index("ix_outage_tenant_id", "tenant_id", "down_since", "outage_id"),
    )


class BlipRow(Base):
    """A failing run that did not confirm: kept and counted, never down time."""

    __tablename__ = "blip"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    location: Mapped[str] = mapped_column(primary_key=True)
    first_at: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    last_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    failures: Mapped[list[Any]]


class ObservationRow(Base):
    """A fact that checks of a monitor have seen, as it was from `since` on: a certificate, a version, a hash.

    The newest one of a name is what is known now; the ones before it are its history.
    """

    __tablename__ = "observation"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    location: Mapped[str]
    last_seen_at: Mapped[datetime]
    value: Mapped[dict[str, Any]]


class ReportTokenRow(Base):
    """The SHA-256 of the secret word in the address that something reports to. The word itself is nowhere."""

    __tablename__ = "report_token"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    issued_at: Mapped[datetime]


class HeartbeatRow(Base):
    """Where a heartbeat stands: its reports up to `taken_number` and its silence up to `seen_until` are judged.

    `due_at` is when to look again. `newest_at` is the instant of the newest report, which the next one comes after.
    `watched_since` is that of the monitor when it was judged last; another one begins anew.
    """

    __tablename__ = "heartbeat"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    due_at: Mapped[datetime]
    watched_since: Mapped[datetime | None]
    replan: Mapped[bool]
    seen_until: Mapped[datetime]
    taken_number: Mapped[int] = mapped_column(BigInteger)
    newest_at: Mapped[datetime]
    standing: Mapped[str]
    since: Mapped[datetime]
    expected_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    overran: Mapped[bool]
    last_report_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_size_bytes: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_heartbeat_due_at", "due_at"),)


class PingRow(Base):
    """One report of a heartbeat as it came in. Only added."""

    __tablename__ = "ping"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    received_at: Mapped[datetime]
    signal: Mapped[str]
    payload: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_ping_received_at", "received_at"),)


class ReceivingRow(Base):
    """A stretch in which somebody was there to take reports. Between two of them nobody was."""

    __tablename__ = "receiving"

    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class CrashReportRow(Base):
    """What an application counted in a period, per platform and version. The same period again replaces it."""

    __tablename__ = "crash_report"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    period_end: Mapped[datetime] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    received_at: Mapped[datetime]
    sessions: Mapped[int] = mapped_column(BigInteger)
    crashes: Mapped[int] = mapped_column(BigInteger)
    users: Mapped[int | None] = mapped_column(BigInteger)
    crash_free_users: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_crash_report_period_end", "monitor_id", "period_end"),)


class RestoreVerificationRow(Base):
    """A restore that somebody tried, with its proof. Only added."""

    __tablename__ = "restore_verification"

    restore_verification_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    environment_id: Mapped[UUID | None]
    performed_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    scope: Mapped[str]
    duration_seconds: Mapped[int] = mapped_column(BigInteger)
    result: Mapped[str]
    performed_by: Mapped[str]
    backup_taken_at: Mapped[datetime | None]
    evidence_url: Mapped[str | None]
    evidence_sha256: Mapped[str | None]
    notes: Mapped[str | None]
    recorded_by: Mapped[str]

    __table_args__ = (
        Index("ix_restore_verification_contract_id", "contract_id", "performed_at"),
        Index("ix_restore_verification_tenant_id", "tenant_id", "performed_at", "restore_verification_id"),
    )


class RestorePromiseRow(Base):
    """How often a contract promises a verified restore. `due_at` is the end of the period that is looked at next.

    `overdue_from` and `overdue_to` are the last period without one, until that is made up for.
    """

    __tablename__ = "restore_promise"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    frequency: Mapped[str]
    starts_at: Mapped[datetime]
    time_zone: Mapped[str]
    active: Mapped[bool]
    due_at: Mapped[datetime]
    missed: Mapped[int] = mapped_column(Integer)
    overdue_from: Mapped[datetime | None]
    overdue_to: Mapped[datetime | None]

    __table_args__ = (Index("ix_restore_promise_due_at", "due_at", postgresql_where=text("active")),)


class ComponentRow(Base):
    """The version of a component as it was seen last, and how it stands in its life. `data_of` dates that judgement."""

    __tablename__ = "component"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    component: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    version: Mapped[str]
    cycle: Mapped[str | None]
    verdict: Mapped[str]
    since: Mapped[datetime]
    observed_at: Mapped[datetime]
    latest: Mapped[str | None]
    end_of_life: Mapped[date | None]
    data_of: Mapped[date]

    __table_args__ = (Index("ix_component_tenant_id", "tenant_id", "component", "monitor_id"),)


class NoticeRow(Base):
    """Something that was said once and is not said again: a certificate that expires, a version that is behind.

    `key` tells apart what may be said anew: the certificate and the threshold.
    """

    __tablename__ = "notice"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    said_at: Mapped[datetime]


class ContractVersionRow(Base):
    """A version of a contract as contracts said it. It takes effect at `effective_from`, and then has `applied_at`."""

    __tablename__ = "contract_version"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    effective_from: Mapped[datetime]
    state: Mapped[dict[str, Any]]
    applied_at: Mapped[datetime | None]
    previous_version: Mapped[int | None] = mapped_column(BigInteger)
    heard_at: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))

    __table_args__ = (Index("ix_contract_version_due", "effective_from", postgresql_where=text("applied_at IS NULL")),)


class MaintenanceWindowRow(Base):
    """A maintenance window as contracts last told of it. One that was cancelled has no occurrences left to come."""

    __tablename__ = "maintenance_window"

    window_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    title: Mapped[str]


class MaintenanceOccurrenceRow(Base):
    """One occurrence of a window for one thing that it `covers`: an environment, a site, or all that a client has."""

    __tablename__ = "maintenance_occurrence"

    window_id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    covers: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    ends_at: Mapped[datetime]

    __table_args__ = (Index("ix_maintenance_occurrence_covers", "covers", "ends_at"),)


class LocationRow(Base):
    """A place to check from, and the number that stands for it in `result`. An inactive one is no longer asked.

    While it is suspected of being at fault itself, its results are put aside; `version` counts these changes of mind.
    """

    __tablename__ = "location"

    number: Mapped[int] = mapped_column(SmallInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    active: Mapped[bool]
    suspect_since: Mapped[datetime | None]
    suspect_reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    __table_args__ = (UniqueConstraint("name"),)


result = Table(
    "result",
    metadata,
    # The order and the types are what makes a row 64 bytes: widest first, nothing null, no padding.
    Column("monitor_number", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("started_ms", Integer, nullable=False),
    Column("name_lookup_us", Integer, nullable=False),
    Column("connect_us", Integer, nullable=False),
    Column("tls_us", Integer, nullable=False),
    Column("first_byte_us", Integer, nullable=False),
    Column("total_us", Integer, nullable=False),
    Column("day", SmallInteger, nullable=False),
    Column("location_number", SmallInteger, nullable=False),
    Column("status_code", SmallInteger, nullable=False),
    Column("attempt_and_outcome", SmallInteger, nullable=False),
    Index("ix_result_monitor_number", "monitor_number"),
    # Checks arrive in the order of their beginnings: this finds an hour of a day, and costs no byte per check.
    Index("ix_result_started_ms", "started_ms", postgresql_using="brin"),
    postgresql_partition_by="LIST (day)",
)
"""One check. `day` counts days (UTC) since 1970, `started_ms` milliseconds since their beginning; microseconds per
phase; `status_code` is 0 without an answer; `attempt_and_outcome` is attempt × 32 + the code of the outcome or reason
(`probes.adapters.result_rows`)."""

rollup = Table(
    "rollup",
    metadata,
    Column("monitor_number", Integer, primary_key=True, autoincrement=False),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("location_number", SmallInteger, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""One hour of checks of a monitor at a location, until it is folded into its block: `hour` counts hours since 1970,
`content` is packed by `probes.adapters.rollup_rows`. What is here counts, whatever its block holds."""

rollup_block = Table(
    "rollup_block",
    metadata,
    Column("monitor_number", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("location_number", SmallInteger, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (block)",
)
"""Eight hours for good; `block` counts them since 1970. One row instead of eight takes two thirds of the room, and the
hours of a month are read from few pages. A partition per month, dropped by the month."""


class PerformanceRow(Base):
    """How the speed of a monitor's target was judged after `assessed_day`, while a contract has `promised` that it is.

    Days count from 1970. `version` numbers what was said about it. `baseline` and `now` are packed like roll-ups.
    """

    __tablename__ = "performance"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    promised: Mapped[bool]
    assessed_day: Mapped[int] = mapped_column(Integer)
    standing: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    threshold_percent: Mapped[int] = mapped_column(Integer)
    since_day: Mapped[int | None] = mapped_column(Integer)
    measure: Mapped[str | None]
    phase: Mapped[str | None]
    percent: Mapped[int | None] = mapped_column(Integer)
    steady_from: Mapped[int | None] = mapped_column(Integer)
    baseline_first_day: Mapped[int | None] = mapped_column(Integer)
    baseline_last_day: Mapped[int | None] = mapped_column(Integer)
    baseline: Mapped[bytes | None] = mapped_column(LargeBinary)
    now_first_day: Mapped[int | None] = mapped_column(Integer)
    now_last_day: Mapped[int | None] = mapped_column(Integer)
    now: Mapped[bytes | None] = mapped_column(LargeBinary)


class RollupDueRow(Base):
    """An hour of some monitors of a contract that waits to be rolled up, for the first time or anew.

    `part` is the monitors' `number` divided by 500: no piece of work, and no event about it, grows with the contract.
    """

    __tablename__ = "rollup_due"

    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    asked: Mapped[int] = mapped_column(Integer)


class RollupProgressRow(Base):
    """The only row says which hour is the next to be rolled up; null before the first monitor."""

    __tablename__ = "rollup_progress"

    one: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    next_hour: Mapped[int | None] = mapped_column(Integer)
