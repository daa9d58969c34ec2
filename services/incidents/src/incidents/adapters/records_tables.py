"""The tables of what the service desk records besides its items: one a kind, all with the same first columns.

A row is a record as it stands. Every version of it is in `record_version`, whole, with who wrote it and when; to that
table, and to those whose rows are proof in themselves (decisions, deliveries, evidence, assistance, time entries), is
only ever added: a trigger refuses anything else.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from incidents.adapters.tables import Base, WorkItemRow


class RecordRow(Base):
    """What every record has: whose it is, what it hangs on, who may read it, who recorded it and when.

    `audience` client: the client's people may read it. `changed_at` is when its newest version was written.
    """

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID | None]
    audience: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime]
    recorded_by_kind: Mapped[str]
    recorded_by_id: Mapped[str]
    recorded_by_name: Mapped[str]
    changed_at: Mapped[datetime]

    @declared_attr
    @classmethod
    def item_id(cls) -> Mapped[UUID | None]:
        return mapped_column(ForeignKey(WorkItemRow.id))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        table = cls.__tablename__
        return (
            Index(f"ix_{table}_tenant_id_recorded_at_id", "tenant_id", "recorded_at", "id"),
            Index(f"ix_{table}_item_id", "item_id"),
            Index(f"ix_{table}_contract_id", "contract_id"),
            *cls._own(),
        )

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        """Indexes and constraints of one table."""
        return ()


class RecordVersionRow(Base):
    """One version of a record as it was written. `state` is the whole of it; only the agency reads these."""

    __tablename__ = "record_version"

    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    kind: Mapped[str]
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    state: Mapped[dict[str, Any]]


class ActionRow(RecordRow):
    """Something that somebody will do about an item. `link`: for the service, for R&D or for industrialisation."""

    __tablename__ = "action"

    link: Mapped[str]
    what: Mapped[str]
    owner_id: Mapped[UUID | None]
    owner_name: Mapped[str | None]
    due_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class ResidualRiskRow(RecordRow):
    """A risk that stays after the work on an item, who answers for it, and what was decided about it."""

    __tablename__ = "residual_risk"

    description: Mapped[str]
    owner_id: Mapped[UUID | None]
    owner_name: Mapped[str | None]
    treatment: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    reason: Mapped[str | None]


class DecisionRow(RecordRow):
    """What was decided about an item, by whom, why, on which date. A later one supersedes it; nothing changes it."""

    __tablename__ = "decision"

    what: Mapped[str]
    why: Mapped[str]
    decided_by: Mapped[str]
    decided_on: Mapped[date]
    supersedes_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.decision.id"))

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("supersedes_id"),)


class DeploymentRow(RecordRow):
    """A version that was brought to a configuration item, or submitted to a store."""

    __tablename__ = "deployment"

    kind: Mapped[str]
    configuration_item: Mapped[str]
    previous_version: Mapped[str | None]
    released_version: Mapped[str]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]
    window_from: Mapped[datetime | None]
    window_to: Mapped[datetime | None]
    deployed_at: Mapped[datetime | None]
    result: Mapped[str]
    rollback_plan: Mapped[str | None]
    rolled_back_at: Mapped[datetime | None]
    rollback_reason: Mapped[str | None]
    store: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    proof: Mapped[str | None]


class DeliveryRecordRow(RecordRow):
    """What was delivered to whom, in which version. A later record supersedes it; nothing changes it."""

    __tablename__ = "delivery_record"

    what: Mapped[str]
    delivered_to: Mapped[str]
    delivered_version: Mapped[str]
    delivered_at: Mapped[datetime]
    means: Mapped[str]
    reference: Mapped[str | None]
    supersedes_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.delivery_record.id"))

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("supersedes_id"),)


class AccessGrantRow(RecordRow):
    """The right of somebody to work in a system of the client's, within a scope and a time."""

    __tablename__ = "access_grant"

    system: Mapped[str]
    scope: Mapped[str]
    granted_to: Mapped[str]
    reason: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]


class AccessRequestRow(RecordRow):
    """An access that the client was asked for, and his answer: the span between the two is not the agency's."""

    __tablename__ = "access_request"

    what: Mapped[str]
    asked_of: Mapped[str]
    reason: Mapped[str]
    requested_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    answer: Mapped[str | None]


class AccessSessionRow(RecordRow):
    """Who was in a system of the client's, how, when, why, under which grant and for which item."""

    __tablename__ = "access_session"

    grant_id: Mapped[UUID] = mapped_column(ForeignKey(AccessGrantRow.id))
    who: Mapped[str]
    system: Mapped[str]
    how: Mapped[str]
    why: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    done: Mapped[str | None]

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (Index("ix_access_session_grant_id", "grant_id"),)


class AnomalyRow(RecordRow):
    """A known anomaly: how it shows, how to live with it, what is to fix it, when it was last seen to be so."""

    __tablename__ = "anomaly"

    configuration_item: Mapped[str | None]
    title: Mapped[str]
    symptoms: Mapped[str]
    workaround: Mapped[str | None]
    state: Mapped[str]
    fixing_item_ids: Mapped[list[str]] = mapped_column(JSONB)
    confirmed_at: Mapped[datetime]


class InterventionRow(RecordRow):
    """What was done on a site, when, by whom, from afar or there."""

    __tablename__ = "intervention"

    configuration_item: Mapped[str | None]
    mode: Mapped[str]
    what: Mapped[str]
    result: Mapped[str | None]
    performed_by: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    travel_minutes: Mapped[int] = mapped_column(Integer)

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (Index("ix_intervention_contract_id_began_at", "contract_id", "began_at"),)


class KnowledgeEntryRow(RecordRow):
    """What was learned from an item that is resolved. `search` holds its words as its language forms them."""

    __tablename__ = "knowledge_entry"
    # What the database computes is not read back: nobody shows it.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012

    title: Mapped[str]
    symptom: Mapped[str]
    cause: Mapped[str]
    resolution: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(JSONB)
    language: Mapped[str]
    review_on: Mapped[date]
    search: Mapped[str | None] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector(case language when 'fr' then 'french'::regconfig else 'english'::regconfig end, "
            "title || ' ' || symptom || ' ' || cause || ' ' || resolution)",
            persisted=True,
        ),
        deferred=True,
        deferred_raiseload=True,
    )

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (Index("ix_knowledge_entry_search", "search", postgresql_using="gin"),)


class FeedbackRow(RecordRow):
    """What users say about a site. `item_id` is the change that it led to, once there is one."""

    __tablename__ = "feedback"

    said: Mapped[str]
    given_by: Mapped[str]
    channel: Mapped[str]
    given_at: Mapped[datetime]


class AssistanceRow(RecordRow):
    """Help that a user was given, with what, and how well he knew it."""

    __tablename__ = "assistance"

    topic: Mapped[str]
    asked_by: Mapped[str]
    knowledge_level: Mapped[str]
    helped_at: Mapped[datetime]
    note: Mapped[str | None]


class EvidenceRow(RecordRow):
    """What local support has gathered about an item before the second level takes it."""

    __tablename__ = "evidence"

    kind: Mapped[str]
    note: Mapped[str]
    reference: Mapped[str | None]


class PostMortemRow(RecordRow):
    """What a team learned from an item. `completed_at` is when it was finished; one an item."""

    __tablename__ = "post_mortem"

    summary: Mapped[str]
    course: Mapped[str]
    causes: Mapped[str]
    went_well: Mapped[str]
    went_badly: Mapped[str]
    completed_at: Mapped[datetime | None]

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("item_id"),)


class TimeEntryRow(RecordRow):
    """Work done on a line. `unit_minutes` and `accounted_per` are the contract's rule for the date of the work.

    A wrong entry is reversed by one of as many negative minutes (`reverses_id`); the right one names the wrong one in
    `corrects_id`.
    """

    __tablename__ = "time_entry"

    line: Mapped[str]
    work_class: Mapped[str]
    person_id: Mapped[UUID | None]
    person_name: Mapped[str]
    worked_on: Mapped[date]
    real_minutes: Mapped[int] = mapped_column(Integer)
    multipliers: Mapped[list[str]] = mapped_column(JSONB)
    covered: Mapped[bool]
    mode: Mapped[str]
    note: Mapped[str | None]
    unit_minutes: Mapped[int] = mapped_column(Integer)
    accounted_per: Mapped[str]
    reverses_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.time_entry.id"))
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("incidents.time_entry.id"))

    @classmethod
    def _own(cls) -> tuple[Any, ...]:
        return (
            UniqueConstraint("reverses_id"),
            Index("ix_time_entry_contract_id_worked_on", "contract_id", "worked_on"),
        )
