"""The tables of the service desk around work items: pauses with their evidence, links, levels of support, schedules."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.tables import Base, WorkItemRow


class PauseRow(Base):
    """A wait for somebody else: why, with what was asked and what was answered. `resumed_at` null: it goes on."""

    __tablename__ = "item_pause"
    __table_args__ = (Index("ix_item_pause_item_id_paused_at_id", "item_id", "paused_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    reason: Mapped[str]
    allowed: Mapped[bool]
    paused_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    resumed_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    resumed_by_kind: Mapped[str | None]
    resumed_by_id: Mapped[str | None]
    resumed_by_name: Mapped[str | None]


class LinkRow(Base):
    """One item's relation to another; `target` names what is not an item, as an R&D action elsewhere."""

    __tablename__ = "item_link"
    __table_args__ = (
        Index("ix_item_link_item_id_id", "item_id", "id"),
        Index("ix_item_link_target_id", "target_id"),
        UniqueConstraint("item_id", "kind", "target_id"),
        CheckConstraint(
            "kind in ('duplicates','relates','caused_by','fixes','r_and_d','industrialisation')", name="kind"
        ),
        CheckConstraint("(target_id is null) <> (target is null)", name="one_target"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    kind: Mapped[str]
    target_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkItemRow.id))
    target: Mapped[str | None]
    created_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]


class HandOverRow(Base):
    """A fact: from then on another level of support has the item, with what the level before handed over."""

    __tablename__ = "hand_over"
    __table_args__ = (
        Index("ix_hand_over_item_id_at", "item_id", "at"),
        CheckConstraint("to_level in (1,2)", name="to_level"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    to_level: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]


class ScheduleRow(Base):
    """Preventive work that recurs. `next_on` is the next day of the rule whose work order is not made yet."""

    __tablename__ = "work_order_schedule"
    __table_args__ = (
        Index("ix_work_order_schedule_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_work_order_schedule_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
        Index("ix_work_order_schedule_contract_id", "contract_id", postgresql_where=text("deliverable IS NOT NULL")),
        CheckConstraint("non_working_day in ('skip','next_business_day','previous_business_day')", name="rule"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID | None]
    environment_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str]
    work: Mapped[str]
    recurrence: Mapped[str]
    first_on: Mapped[date]
    non_working_day: Mapped[str]
    lead_days: Mapped[int] = mapped_column(Integer)
    checklist: Mapped[list[Any]] = mapped_column(JSONB)
    active: Mapped[bool]
    deliverable: Mapped[str | None]
    next_on: Mapped[date | None]
    due_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class OccurrenceRow(Base):
    """One day of a schedule's rule and what came of it: its work order, or null where the day was left out."""

    __tablename__ = "work_order_occurrence"

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey(ScheduleRow.id), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    planned_on: Mapped[date | None]
    why: Mapped[str | None]
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkItemRow.id))
    made_at: Mapped[datetime]
