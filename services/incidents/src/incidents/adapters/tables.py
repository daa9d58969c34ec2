"""The tables of the incidents service.

Facts (item_stamp, timeline_entry, clock_event, contract_terms) are only ever added: a trigger refuses to change
them. `clock_due` is a cache of what folding the facts gives; it can be emptied and rebuilt at any time.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import metadata_for
from shared.migrations import event_tables

metadata = metadata_for("incidents")
event_tables(metadata)


class Base(DeclarativeBase):
    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text,
        UUID: Uuid,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


_PRIORITY = """'$.plan.priority ? (@.type() == "number" && @ > -1000000000 && @ < 1000000000)'::jsonpath"""


class ContractTermsRow(Base):
    """One version of a contract as contracts told it, whole. Old versions stay: clocks count by them."""

    __tablename__ = "contract_terms"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    status: Mapped[str]
    effective_from: Mapped[datetime]
    state: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    # The part of `state` that orders the queue, computed by PostgreSQL whoever writes a version.
    service_desk: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, Computed("state -> 'service_desk'", persisted=True), deferred=True
    )
    time_zone: Mapped[str | None] = mapped_column(
        Text, Computed("state #>> '{client,time_zone}'", persisted=True), deferred=True
    )
    plan_priority: Mapped[int | None] = mapped_column(
        Integer, Computed(f"jsonb_path_query_first(state, {_PRIORITY})::integer", persisted=True), deferred=True
    )


class ItemNumberRow(Base):
    """The last number given out: one row per tenant, year and kind, so that its row lock keeps numbers apart."""

    __tablename__ = "item_number"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


WAITING = "work_item.status NOT IN ('accepted','cancelled','closed','completed','declined')"
"""Of items: not `DONE`. In words, as PostgreSQL takes a partial index only for a condition without parameters."""
DECIDED_BY_CLIENTS = "work_item.kind IN ('change','work_order')"
"""Of items: what a client's decider may have to approve or to accept."""


class WorkItemRow(Base):
    """An incident, request, change or work order as it stands.

    `outage` is what the monitor told when it went down, with its evidence; `details` is what only its kind has.
    """

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        Index("uq_work_item_outage_id", "outage_id", unique=True, postgresql_where=text("outage_id IS NOT NULL")),
        Index("ix_work_item_contract_id", "contract_id"),
        Index("ix_work_item_tenant_id_opened_at_id", "tenant_id", "opened_at", "id"),
        Index("ix_work_item_tenant_id_kind_opened_at_id", "tenant_id", "kind", "opened_at", "id"),
        Index("ix_work_item_waiting", "tenant_id", postgresql_where=text(WAITING)),
        Index(
            "ix_work_item_waiting_for_clients",
            "tenant_id",
            postgresql_where=text(f"{WAITING} AND {DECIDED_BY_CLIENTS}"),
        ),
        CheckConstraint("kind in ('incident','request','change','work_order')", name="kind"),
        CheckConstraint(
            "status in ('open','acknowledged','mitigated','resolved','draft','scoped','estimated','approved',"
            "'declined','deploying','deployed','accepted','rejected','planned','started','completed','cancelled',"
            "'closed')",
            name="status",
        ),
        CheckConstraint(
            "category in ('corrective','preventive','evolutionary','adaptive','assistance')", name="category"
        ),
        CheckConstraint("impact in ('availability','security','data','operations')", name="impact"),
        CheckConstraint("criticality in ('low','medium','high')", name="criticality"),
        CheckConstraint("support_level in (1,2)", name="support_level"),
        CheckConstraint("scope_verdict in ('in_scope','out_of_scope','undecided')", name="scope_verdict"),
        CheckConstraint("(kind = 'request') <= (requester is not null)", name="requester"),
        CheckConstraint("(source_kind = 'monitor') = (outage_id is not null)", name="outage_of_monitor"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID | None]
    environment_id: Mapped[UUID | None]
    counts_for_sla: Mapped[bool]
    number: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    severity: Mapped[str]
    status: Mapped[str]
    cycle: Mapped[int] = mapped_column(Integer)
    source_kind: Mapped[str]
    outage_id: Mapped[UUID | None]
    monitor_id: Mapped[UUID | None]
    outage: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    opened_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    category: Mapped[str]
    impact: Mapped[str | None]
    criticality: Mapped[str | None]
    requester: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    assignee_id: Mapped[str | None]
    assignee_name: Mapped[str | None]
    support_level: Mapped[int] = mapped_column(SmallInteger)
    scope_verdict: Mapped[str]
    decided_rank: Mapped[int | None] = mapped_column(Integer)
    details: Mapped[dict[str, Any]]
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.work_item.id"))
    duplicate_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.work_item.id"))


class JoinedOutageRow(Base):
    """An outage of a monitor that goes up and down: it belongs to the incident that was there."""

    __tablename__ = "joined_outage"

    outage_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    joined_at: Mapped[datetime]


class StampRow(Base):
    """One instant of an item's life. Never changed; a reopened item gets a new set, with the next cycle."""

    __tablename__ = "item_stamp"

    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id), primary_key=True)
    cycle: Mapped[int] = mapped_column(Integer, primary_key=True)
    milestone: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    source: Mapped[str]
    recorded_at: Mapped[datetime]


class TimelineRow(Base):
    """What happened to an item, for people. `audience` agency hides an entry from the client's people."""

    __tablename__ = "timeline_entry"
    __table_args__ = (
        Index("ix_timeline_entry_item_id_at_id", "item_id", "at", "id"),
        CheckConstraint("audience in ('client','agency')", name="audience"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    kind: Mapped[str]
    audience: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    source: Mapped[str]
    note: Mapped[str | None]
    data: Mapped[dict[str, Any]]


UNTOLD = "(clock.told ? 'facts') is not true"
"""Of clocks: what happened to it was not told, as its newest event is of a release that told only what it reads."""


class ClockRow(Base):
    """One promise applied to one item. What it reads is folded from `clock_event` and the contract's terms.

    `version` counts the events published about it. `told` is what the newest event that told of it had it read, and how
    many facts it told (null: none did), so that what others do not know is told.
    """

    __tablename__ = "clock"
    __table_args__ = (
        UniqueConstraint("item_id", "metric"),
        Index("ix_clock_contract_id", "contract_id"),
        Index("ix_clock_untold", "item_id", postgresql_where=text(UNTOLD)),
        CheckConstraint(
            "metric in ('response','mitigation','repair','next_reply','acceptance','post_mortem')", name="metric"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    contract_id: Mapped[UUID]
    metric: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class ClockEventRow(Base):
    """A fact that a clock is folded from, at its own time. `fact` names it, so that telling it twice adds nothing."""

    __tablename__ = "clock_event"
    __table_args__ = (
        UniqueConstraint("clock_id", "fact"),
        CheckConstraint(
            "kind in ('opened','paused','resumed','stopped','reopened','cancelled','reclassified')", name="kind"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    clock_id: Mapped[UUID] = mapped_column(ForeignKey(ClockRow.id))
    fact: Mapped[str]
    kind: Mapped[str]
    at: Mapped[datetime]
    pause_id: Mapped[str | None]
    reason: Mapped[str | None]
    severity: Mapped[str | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    source: Mapped[str]
    recorded_at: Mapped[datetime]


RUNNING = "clock_due.ended_at IS NULL AND clock_due.state IN ('running','breached')"
"""Of cached clocks: they can be breached, or are and have not ended."""


class ClockDueRow(Base):
    """Cache: what the fold said when it was last computed, and when somebody must look again (`next_due_at`)."""

    __tablename__ = "clock_due"
    __table_args__ = (
        Index("ix_clock_due_next_due_at", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_clock_due_item_id", "item_id"),
        Index("ix_clock_due_running", "tenant_id", postgresql_where=text(RUNNING)),
    )

    clock_id: Mapped[UUID] = mapped_column(ForeignKey(ClockRow.id), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    metric: Mapped[str]
    state: Mapped[str]
    reading: Mapped[dict[str, Any]]
    due_at: Mapped[datetime | None]
    breach_after: Mapped[datetime | None]
    next_due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    computed_at: Mapped[datetime]


class ClockNoticeRow(Base):
    """What was said about a clock, so that it is said once per cycle: at risk (per percentage), breached, met.

    A breach that turned out to be none is `taken_back`; the next one is `breached_again`. Their `percent` counts them.
    """

    __tablename__ = "clock_notice"

    clock_id: Mapped[UUID] = mapped_column(ForeignKey(ClockRow.id), primary_key=True)
    cycle: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    percent: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    at: Mapped[datetime]
    said_at: Mapped[datetime]


class AlertAddressesRow(Base):
    """Whom an agency alerts, whatever the contract: a list of {email, language}."""

    __tablename__ = "alert_addresses"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    addresses: Mapped[list[dict[str, Any]]]
    changed_at: Mapped[datetime]


class NotificationRow(Base):
    """One message to one recipient about one fact; also the log of its delivery.

    `fact` and `recipient` are unique together: a fact is told to a recipient once. `message_id`, `subject` and `body`
    are decided before the first attempt and kept: a server that sees a message twice, after its answer got lost, can
    tell that it is the same.

    `channel` is mail, with the address as `recipient`; or apprise, with the id of the channel as `recipient` and what
    may be shown of its address in `address`. `planned_at` is when it was decided with what else it leaves: facts that
    leave as one message share the `bundle_id`, the id of the one whose row has the message. `held_until`: it waits for
    company. `person_id` is the person of the desk whom it reaches; he may acknowledge by its link until
    `link_expires_at`, once.
    """

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("tenant_id", "fact", "recipient"),
        Index("ix_notification_item_id", "item_id"),
        Index("ix_notification_tenant_id_recipient_created_at", "tenant_id", "recipient", "created_at"),
        Index("ix_notification_tenant_id_recipient_planned_at", "tenant_id", "recipient", "planned_at"),
        Index("ix_notification_bundle_id", "bundle_id", postgresql_where=text("bundle_id IS NOT NULL")),
        Index(
            "ix_notification_next_attempt_at",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        CheckConstraint("state in ('pending','sent','failed','not_configured','expired')", name="state"),
        CheckConstraint("audience in ('client','agency')", name="audience"),
        CheckConstraint("channel in ('mail','apprise')", name="channel"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    kind: Mapped[str]
    fact: Mapped[str]
    channel: Mapped[str]
    audience: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    message_id: Mapped[str | None]
    in_reply_to: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    subject: Mapped[str | None]
    body: Mapped[str | None]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    address: Mapped[str | None]
    planned_at: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    bundle_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    link_expires_at: Mapped[datetime | None]
    link_used_at: Mapped[datetime | None]


NOTIFICATIONS: Table = metadata.tables["incidents.notification"]
CLOCK_DUE: Table = metadata.tables["incidents.clock_due"]
