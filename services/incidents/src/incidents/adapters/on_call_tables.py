"""The tables of people, on-call schedules, escalations, and gaps in the cover.

What a schedule or a policy said is a fact with the instant from which it counts: a version is added, never changed.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text, Uuid

from incidents.adapters.tables import Base, WorkItemRow, metadata


class PersonRow(Base):
    """Somebody of the agency who can be on call or be told. One who was removed keeps his name for what has been."""

    __tablename__ = "person"
    __table_args__ = (
        Index(
            "uq_person_tenant_id_user_id",
            "tenant_id",
            "user_id",
            unique=True,
            postgresql_where=text("user_id IS NOT NULL AND removed_at IS NULL"),
        ),
        Index("ix_person_tenant_id_id", "tenant_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    name: Mapped[str]
    email: Mapped[str]
    language: Mapped[str]
    time_zone: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class QuietHoursRow(Base):
    """When a person is not disturbed: `hours` as the API writes them."""

    __tablename__ = "quiet_hours"

    person_id: Mapped[UUID] = mapped_column(ForeignKey(PersonRow.id), primary_key=True)
    tenant_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    hours: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]


class ScheduleRow(Base):
    """An on-call schedule as it stands; without contracts it covers every one of the agency."""

    __tablename__ = "on_call_schedule"
    __table_args__ = (Index("ix_on_call_schedule_tenant_id_id", "tenant_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    name: Mapped[str]
    contract_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class RotaRow(Base):
    """The layers of a schedule from an instant on. A fact."""

    __tablename__ = "on_call_rota"

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey(ScheduleRow.id), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    effective_from: Mapped[datetime]
    layers: Mapped[list[dict[str, Any]]]


class OverrideRow(Base):
    """Somebody instead of the layers, from an instant up to another, or up to its cancellation."""

    __tablename__ = "on_call_override"
    __table_args__ = (
        Index("ix_on_call_override_schedule_id_id", "schedule_id", "id"),
        CheckConstraint("starts_at < ends_at", name="in_order"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    schedule_id: Mapped[UUID] = mapped_column(ForeignKey(ScheduleRow.id))
    person_id: Mapped[UUID] = mapped_column(ForeignKey(PersonRow.id))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class PolicyRow(Base):
    """An escalation policy as it stands."""

    __tablename__ = "escalation_policy"
    __table_args__ = (Index("ix_escalation_policy_tenant_id_id", "tenant_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class PolicyVersionRow(Base):
    """What a policy says from an instant on; `policy` as the API writes it. A fact."""

    __tablename__ = "escalation_policy_version"

    policy_id: Mapped[UUID] = mapped_column(ForeignKey(PolicyRow.id), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    effective_from: Mapped[datetime]
    policy: Mapped[dict[str, Any]]


class EscalationRow(Base):
    """The policy of an item as it was when the item opened; none when no policy concerned it.

    `clocks_seen` is when the clocks were cached that its levels were last compared with. It is compared for being the
    same, not for being later: of two transactions the one that began first may commit last. `watched` keeps the many
    that are over out of the search every second. Reopening makes it watched, and `clocks_seen` what no clock has.
    """

    __tablename__ = "escalation"
    __table_args__ = (Index("ix_escalation_watched", "item_id", postgresql_where=text("watched")),)

    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    policy_id: Mapped[UUID | None]
    policy_version: Mapped[int | None] = mapped_column(BigInteger)
    policy: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    frozen_at: Mapped[datetime]
    clocks_seen: Mapped[datetime | None]
    watched: Mapped[bool]


class EscalationLevelRow(Base):
    """One level of an item's escalation: when to look at it, and once it has fired, what came of it.

    The key is what makes a level fire once. `due_at` of one that has not fired is a cache of what the facts give.
    """

    __tablename__ = "escalation_level"
    __table_args__ = (
        Index(
            "ix_escalation_level_due_at",
            "due_at",
            postgresql_where=text("fired_at IS NULL AND due_at IS NOT NULL"),
        ),
        CheckConstraint("outcome in ('told','waiting','nobody','overtaken')", name="outcome"),
        CheckConstraint("(fired_at is null) = (outcome is null)", name="outcome_of_fired"),
    )

    item_id: Mapped[UUID] = mapped_column(ForeignKey(EscalationRow.item_id), primary_key=True)
    level: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    due_at: Mapped[datetime | None]
    fired_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    told: Mapped[list[dict[str, Any]]]


class CoverLookRow(Base):
    """When the cover of a contract was last looked at, and when to look again."""

    __tablename__ = "cover_look"
    __table_args__ = (Index("ix_cover_look_due_at", "due_at"),)

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_version: Mapped[int] = mapped_column(BigInteger)
    looked_at: Mapped[datetime | None]
    due_at: Mapped[datetime]


class CoverGapRow(Base):
    """Hours that a contract promises and nobody covers. `ends_at` is null while it goes on as far as we look."""

    __tablename__ = "cover_gap"
    __table_args__ = (
        Index("ix_cover_gap_tenant_id_starts_at_id", "tenant_id", "starts_at", "id"),
        Index("ix_cover_gap_contract_id", "contract_id", postgresql_where=text("cleared_at IS NULL")),
        CheckConstraint("cleared_because in ('covered','not_promised','over')", name="cleared_because"),
        CheckConstraint("(cleared_at is null) = (cleared_because is null)", name="reason_of_cleared"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_because: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger)


class AgencyMessageRow(Base):
    """A message to the agency that is about no item, and the log of its delivery."""

    __tablename__ = "agency_message"
    __table_args__ = (
        UniqueConstraint("tenant_id", "fact", "recipient"),
        Index(
            "ix_agency_message_next_attempt_at",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        CheckConstraint("state in ('pending','sent','failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    contract_id: Mapped[UUID | None]
    kind: Mapped[str]
    fact: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    details: Mapped[dict[str, Any]]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]


AGENCY_MESSAGES: Table = metadata.tables["incidents.agency_message"]
