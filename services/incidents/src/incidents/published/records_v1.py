"""The records of the service desk that other services hear of, version 1.

Each event carries the whole record as it stands: a consumer keeps the newest version and skips older ones. A time entry
has one version only: it is corrected by an entry of negative minutes that reverses it, and a new one.
"""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.events import Actor, PublishedEvent

_PERSON = {"kind": "user", "id": "0197a1c2-0000-7000-8000-000000000011", "name": "Ada Martin"}
_WHERE = {
    "contract_id": "0197a1c2-0000-7000-8000-000000000201",
    "client_id": "0197a1c2-0000-7000-8000-000000000101",
    "site_id": "0197a1c2-0000-7000-8000-000000000301",
    "item_id": "0197a1c2-0000-7000-8000-000000000501",
    "audience": "client",
}
_WRITTEN = {
    "version": 1,
    "recorded_at": "2026-06-08T12:00:00Z",
    "recorded_by": _PERSON,
    "changed_at": "2026-06-08T12:00:00Z",
}


class RecordState(PublishedEvent):
    """What every record tells: whose it is, what it hangs on, who recorded it and when it was last written."""

    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    item_id: UUID | None
    audience: Literal["agency", "client"]
    recorded_at: AwareDatetime
    recorded_by: Actor
    changed_at: AwareDatetime


class TimeEntryRecorded(RecordState, aggregate="time_entry", name="recorded", key="time_entry_id"):
    """Work was done on an hours line, or (with `reverses_id` and negative minutes) an entry is taken back.

    `unit_minutes` and `accounted_per` are the contract's rule for the date of the work, as the service knew it.
    `work_class` is a category of the service desk's or a finer class that the contract's hours name.
    """

    time_entry_id: UUID
    line: str = Field(max_length=100)
    work_class: str = Field(max_length=64)
    person_id: UUID | None
    person_name: str = Field(max_length=200)
    worked_on: date
    real_minutes: int
    multipliers: list[str] = Field(max_length=10)
    covered: bool
    mode: Literal["remote", "on_site"]
    unit_minutes: int = Field(ge=1)
    accounted_per: Literal["entry", "ticket_day"]
    reverses_id: UUID | None
    corrects_id: UUID | None
    scope_verdict: Literal["in_scope", "out_of_scope", "undecided"] | None = None
    """Whether the item was covered when the work was logged, in its version `item_version`; null without an item."""
    item_version: int | None = Field(default=None, ge=1)

    EXAMPLE: ClassVar = (
        {"time_entry_id": "0197a1c2-0000-7000-8000-000000000601"}
        | _WHERE
        | _WRITTEN
        | {
            "line": "technical",
            "work_class": "corrective",
            "person_id": "0197a1c2-0000-7000-8000-000000000011",
            "person_name": "Ada Martin",
            "worked_on": "2026-06-08",
            "real_minutes": 90,
            "multipliers": ["1.5"],
            "covered": False,
            "mode": "remote",
            "unit_minutes": 15,
            "accounted_per": "entry",
            "reverses_id": None,
            "corrects_id": None,
            "scope_verdict": "in_scope",
            "item_version": 4,
        }
    )


class DeploymentRecorded(RecordState, aggregate="deployment", name="recorded", key="deployment_id"):
    """A version was planned for, brought to or taken back from a configuration item, or submitted to a store."""

    deployment_id: UUID
    kind: Literal["deployment", "store_submission"]
    configuration_item: str = Field(max_length=200)
    previous_version: str | None = Field(max_length=100)
    released_version: str = Field(max_length=100)
    approved_by: str | None = Field(max_length=200)
    approved_at: AwareDatetime | None
    window_from: AwareDatetime | None
    window_to: AwareDatetime | None
    deployed_at: AwareDatetime | None
    result: Literal["planned", "succeeded", "failed", "rolled_back"]
    rolled_back_at: AwareDatetime | None
    store: str | None = Field(max_length=100)
    submitted_at: AwareDatetime | None
    reviewed_at: AwareDatetime | None
    verdict: Literal["approved", "rejected"] | None

    EXAMPLE: ClassVar = (
        {"deployment_id": "0197a1c2-0000-7000-8000-000000000611"}
        | _WHERE
        | _WRITTEN
        | {
            "kind": "deployment",
            "configuration_item": "shop",
            "previous_version": "2.3.0",
            "released_version": "2.4.0",
            "approved_by": "Léa Martin",
            "approved_at": "2026-06-07T08:00:00Z",
            "window_from": "2026-06-08T04:00:00Z",
            "window_to": "2026-06-08T06:00:00Z",
            "deployed_at": "2026-06-08T04:30:00Z",
            "result": "succeeded",
            "rolled_back_at": None,
            "store": None,
            "submitted_at": None,
            "reviewed_at": None,
            "verdict": None,
        }
    )


class InterventionRecorded(RecordState, aggregate="intervention", name="recorded", key="intervention_id"):
    """Somebody worked on a site, from afar or there."""

    intervention_id: UUID
    configuration_item: str | None = Field(max_length=200)
    mode: Literal["remote", "on_site"]
    what: str = Field(max_length=10_000)
    result: str | None = Field(max_length=10_000)
    performed_by: str = Field(max_length=200)
    began_at: AwareDatetime
    ended_at: AwareDatetime
    travel_minutes: int = Field(ge=0)

    EXAMPLE: ClassVar = (
        {"intervention_id": "0197a1c2-0000-7000-8000-000000000621"}
        | _WHERE
        | _WRITTEN
        | {
            "configuration_item": "till 3",
            "mode": "on_site",
            "what": "Replaced the receipt printer.",
            "result": "Prints.",
            "performed_by": "Ada Martin",
            "began_at": "2026-06-08T09:00:00Z",
            "ended_at": "2026-06-08T10:30:00Z",
            "travel_minutes": 40,
        }
    )


class AnomalyRecorded(RecordState, aggregate="anomaly", name="recorded", key="anomaly_id"):
    """An anomaly is known, was confirmed again, or has changed its state."""

    anomaly_id: UUID
    configuration_item: str | None = Field(max_length=200)
    title: str = Field(max_length=200)
    symptoms: str = Field(max_length=10_000)
    workaround: str | None = Field(max_length=10_000)
    state: Literal["open", "being_fixed", "fixed", "accepted"]
    fixing_item_ids: list[UUID] = Field(max_length=50)
    confirmed_at: AwareDatetime

    EXAMPLE: ClassVar = (
        {"anomaly_id": "0197a1c2-0000-7000-8000-000000000631"}
        | _WHERE
        | _WRITTEN
        | {
            "configuration_item": "shop",
            "title": "The basket empties itself",
            "symptoms": "After 30 minutes without a click the basket is empty.",
            "workaround": "Sign in before shopping.",
            "state": "being_fixed",
            "fixing_item_ids": ["0197a1c2-0000-7000-8000-000000000501"],
            "confirmed_at": "2026-06-08T08:00:00Z",
        }
    )


class ActionRecorded(RecordState, aggregate="action", name="recorded", key="action_id"):
    """Something is to be done, or is done: by whom, until when, what came of it."""

    action_id: UUID
    link: Literal["service", "research", "industrialisation"]
    what: str = Field(max_length=10_000)
    owner_name: str | None = Field(max_length=200)
    due_at: AwareDatetime | None
    done_at: AwareDatetime | None
    outcome: str | None = Field(max_length=10_000)

    EXAMPLE: ClassVar = (
        {"action_id": "0197a1c2-0000-7000-8000-000000000641"}
        | _WHERE
        | _WRITTEN
        | {
            "link": "service",
            "what": "Move the shop to the second database.",
            "owner_name": "Ada Martin",
            "due_at": "2026-06-30T16:00:00Z",
            "done_at": None,
            "outcome": None,
        }
    )


class RiskRecorded(RecordState, aggregate="risk", name="recorded", key="risk_id"):
    """A risk that stays, who answers for it, and what was decided about it."""

    risk_id: UUID
    description: str = Field(max_length=10_000)
    owner_name: str | None = Field(max_length=200)
    treatment: Literal["accept", "mitigate", "transfer"] | None
    decided_by: str | None = Field(max_length=200)
    decided_on: date | None
    reason: str | None = Field(max_length=10_000)

    EXAMPLE: ClassVar = (
        {"risk_id": "0197a1c2-0000-7000-8000-000000000651"}
        | _WHERE
        | _WRITTEN
        | {
            "description": "The shop depends on one host.",
            "owner_name": "Léa Martin",
            "treatment": "accept",
            "decided_by": "Léa Martin",
            "decided_on": "2026-06-08",
            "reason": "A second host costs more than a day without the shop.",
        }
    )


class DecisionRecorded(RecordState, aggregate="decision", name="recorded", key="decision_id"):
    """What was decided, by whom, why. Nothing changes it; a later decision may supersede it."""

    decision_id: UUID
    what: str = Field(max_length=10_000)
    why: str = Field(max_length=10_000)
    decided_by: str = Field(max_length=200)
    decided_on: date
    supersedes_id: UUID | None

    EXAMPLE: ClassVar = (
        {"decision_id": "0197a1c2-0000-7000-8000-000000000661"}
        | _WHERE
        | _WRITTEN
        | {
            "what": "The shop stays with its host until the end of the year.",
            "why": "Moving it before Christmas is a greater risk.",
            "decided_by": "Léa Martin",
            "decided_on": "2026-06-08",
            "supersedes_id": None,
        }
    )


RECORD_EVENTS: tuple[type[RecordState], ...] = (
    TimeEntryRecorded,
    DeploymentRecorded,
    InterventionRecorded,
    AnomalyRecorded,
    ActionRecorded,
    RiskRecorded,
    DecisionRecorded,
)
