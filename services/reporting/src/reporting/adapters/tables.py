"""The tables of reporting. What others said is kept as facts; what a client reads is computed from them.

`contract`, `client`, `site`, `monitor`, `incident` and `clock` hold the newest known state and refuse older ones.
`contract_version`, `transition` and `event` hold facts that never change. Nothing depends on the order of arrival: the
same events heard again give the same rows. The streams keep 30 days of them; `event` keeps all, and knows what was
queued for webhooks already.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import metadata_for
from shared.migrations import event_tables

SCHEMA = "reporting"
metadata = metadata_for(SCHEMA)
event_tables(metadata)
HEARD = Sequence("heard", metadata=metadata)
"""Numbers what is kept as it was heard, so that a rebuild finds what came while it was at work."""


class Base(DeclarativeBase):
    """Base of reporting's tables."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
    }


class Contract(Base):
    """The newest state of a contract; `began_at` is the first instant at which any version of it was active."""

    __tablename__ = "contract"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    number: Mapped[str]
    began_at: Mapped[datetime | None]
    slug: Mapped[str | None]
    state: Mapped[dict[str, Any]]

    __table_args__ = (
        Index("ix_contract_slug", "slug", postgresql_where=text("slug IS NOT NULL")),
        Index("ix_contract_client_id", "client_id"),
    )


class SitePageRow(Base):
    """An address at which a contract shows one of its sites, by the newest version that names it.

    It shows the site as long as that is the version of the contract: one that names it no more writes nothing.
    """

    __tablename__ = "site_page"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    site_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_site_page_slug", "slug"),)


class ContractVersion(Base):
    """One version of a contract as it was said."""

    __tablename__ = "contract_version"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    status: Mapped[str]
    effective_from: Mapped[datetime]
    state: Mapped[dict[str, Any]]
    event_id: Mapped[UUID]


class Client(Base):
    """The newest name of a client."""

    __tablename__ = "client"

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]


class Site(Base):
    """The newest names of a site and of its environments (`{environment id: name}`)."""

    __tablename__ = "site"

    site_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    environment_names: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_site_client_id", "client_id"),)


class Monitor(Base):
    """A monitor and the state that its newest known transition put it in."""

    __tablename__ = "monitor"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID] = mapped_column(index=True)
    site_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    since: Mapped[datetime]


class TransitionRow(Base):
    """One transition of a monitor, complete in itself.

    `measures_availability`: its monitor's states are those of an environment that counts.

    `gaps` holds the silences of the outage that it ends, `[[start, end or null], …]`; `details` what explains it, such
    as locations.
    """

    __tablename__ = "transition"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    measures_availability: Mapped[bool]
    entered: Mapped[str]
    at: Mapped[datetime]
    ended: Mapped[str | None]
    ended_since: Mapped[datetime | None]
    outage_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    gaps: Mapped[list[Any]]
    details: Mapped[dict[str, Any]]
    event_id: Mapped[UUID]

    __table_args__ = (
        Index("ix_transition_contract_id", "contract_id", "monitor_id", "at"),
        Index("ix_transition_outage_id", "outage_id", postgresql_where=text("outage_id IS NOT NULL")),
    )


class VouchedRow(Base):
    """Until when probes was there and measured a monitor, as the event about that hour says."""

    __tablename__ = "vouched"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    until: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]

    __table_args__ = (Index("ix_vouched_contract_id", "contract_id"),)


class UptimePeriod(Base):
    """A contract's month: what was told of it last, and when to look at it (again). Version 0 was told to nobody.

    `ends_at`: by the zone that was known when it was looked at; before, when the month is over everywhere. `silent`:
    nothing was heard of the end of it when it was measured.
    """

    __tablename__ = "uptime_period"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    ends_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
    figures_hash: Mapped[str | None]
    silent: Mapped[bool]
    due_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_uptime_period_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),)


class Incident(Base):
    """The newest state of an incident. `began_at` and `ended_at` (null: still going on) place it in a period."""

    __tablename__ = "incident"

    incident_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[str]
    status: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    state: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_incident_contract_id", "contract_id", "began_at"),)


class ClockRow(Base):
    """The newest verdict that a clock announced on its own; a clock can breach while its incident says nothing."""

    __tablename__ = "clock"

    clock_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    incident_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str]
    at: Mapped[datetime]
    event_id: Mapped[UUID]


class Event(Base):
    """Everything that was heard, byte for byte: what figures point to and what webhooks deliver."""

    __tablename__ = "event"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    name: Mapped[str]
    aggregate_id: Mapped[str]
    aggregate_version: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    payload: Mapped[bytes]
    heard: Mapped[int | None] = mapped_column(BigInteger, server_default=HEARD.next_value())

    __table_args__ = (
        Index("ix_event_aggregate_id", "aggregate_id", "aggregate_version"),
        Index("ix_event_tenant_id", "tenant_id", "occurred_at", "event_id"),
        Index("ix_event_client_id", "client_id", "occurred_at"),
        Index("ix_event_heard", "heard", postgresql_where=text("heard IS NOT NULL")),
    )


class Webhook(Base):
    """An address of a tenant that is told what happens. Secrets are sealed with the service's key.

    `secret` signs symmetrically (v1), `signing_key` is the private half of `public_key` (v1a); webhooks from before
    that have none until their next rotation. The keys before them go on signing until their time; of those from before
    that, whose time is not over, `earlier_keys` holds `[secret, signing key or null, until]`, in Base64. `slow` and
    `resting_until` say how their receivers answered last.
    """

    __tablename__ = "webhook"

    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    url: Mapped[str]
    description: Mapped[str]
    event_types: Mapped[list[str]]
    client_ids: Mapped[list[UUID]]
    ordered: Mapped[bool] = mapped_column(Boolean)
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]
    slow: Mapped[bool] = mapped_column(Boolean)
    secret: Mapped[bytes]
    signing_key: Mapped[bytes | None]
    public_key: Mapped[str | None]
    previous_secret: Mapped[bytes | None]
    previous_signing_key: Mapped[bytes | None]
    previous_public_key: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    earlier_keys: Mapped[list[Any]] = mapped_column(server_default="[]")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_webhook_tenant_id", "tenant_id", "created_at"),)


class Delivery(Base):
    """One event for one webhook. `due_at` is set while a try is to come; a claim moves it ahead as a lease.

    Only deliveries to ordered webhooks have an `aggregate`: of those that are pending one is due, and the others wait
    without `due_at` for the one before. `attempts` counts all tries, `tried_before` those before the present schedule:
    a retry by hand starts a new one.
    """

    __tablename__ = "delivery"

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("reporting.webhook.webhook_id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    event_name: Mapped[str]
    aggregate: Mapped[str | None]
    aggregate_version: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[bytes]
    status: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    tried_before: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None]
    last_status_code: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime]
    first_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index(
            "ix_delivery_to_come", "webhook_id", "due_at", "delivery_id", postgresql_where=text("due_at IS NOT NULL")
        ),
        Index(
            "ix_delivery_in_order",
            "webhook_id",
            "aggregate",
            "aggregate_version",
            "delivery_id",
            postgresql_where=text("status = 'pending' AND aggregate IS NOT NULL"),
        ),
        Index("ix_delivery_webhook_id", "webhook_id", "created_at", "delivery_id"),
        Index("ix_delivery_finished_at", "finished_at"),
    )


class Attempt(Base):
    """One try of one delivery, as it went. `status_code` is null when there was no answer; `error` then says why."""

    __tablename__ = "attempt"

    delivery_id: Mapped[UUID] = mapped_column(
        ForeignKey("reporting.delivery.delivery_id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[UUID]
    at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(Integer)
    status_code: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None]
    sent_timestamp: Mapped[int | None] = mapped_column(BigInteger)
    response_headers: Mapped[dict[str, Any] | None]
    response_excerpt: Mapped[str | None]


class WebhookReplay(Base):
    """A stretch of what was heard that is queued for one webhook again, oldest first, up to where `position` says."""

    __tablename__ = "webhook_replay"

    replay_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("reporting.webhook.webhook_id", ondelete="CASCADE"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    event_types: Mapped[list[str]]
    status: Mapped[str]
    queued: Mapped[int] = mapped_column(Integer)
    position_at: Mapped[datetime | None]
    position_id: Mapped[UUID | None]
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_webhook_replay_webhook_id", "webhook_id", "created_at", "replay_id"),
        Index("ix_webhook_replay_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_webhook_replay_finished_at", "finished_at"),
        Index(
            "uq_webhook_replay_running",
            "webhook_id",
            unique=True,
            postgresql_where=text("status = 'running'"),
        ),
    )
