"""Decisions on outages, version 1: who said what of an outage, who agreed, and since when it holds."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import Actor, PublishedEvent
from shared.values import Instant

_PROPOSED: Mapping[str, Any] = {
    "act": "proposed",
    "at": "2026-07-02T09:00:00Z",
    "by": {"kind": "user", "id": "0198f000-0000-7000-8000-0000000000c1", "name": "Nadia Benali"},
    "reason": "The host confirmed that its network was down.",
}
_APPROVED: Mapping[str, Any] = {
    "act": "approved",
    "at": "2026-07-03T08:00:00Z",
    "by": {"kind": "user", "id": "0198f000-0000-7000-8000-0000000000c2", "name": "Paul Garnier"},
    "reason": None,
}
_TAKEN_BACK: Mapping[str, Any] = {**_PROPOSED, "act": "withdrawal_proposed", "at": "2026-07-10T09:00:00Z"}
_DECISION: Mapping[str, Any] = {
    "outage_decision_id": "0198f000-0000-7000-8000-0000000000d5",
    "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
    "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
    "environment_id": "0190b5c8-7d4e-7c3a-9a51-000000000004",
    "monitor_id": "0190b5c8-7d4e-7c3a-9a51-000000000005",
    "outage_id": "0198f000-0000-7000-8000-000000000401",
    "category": "third_party",
    "starts_at": "2026-06-09T01:30:00Z",
    "ends_at": "2026-06-09T03:45:00Z",
}


def _example(status: str, *steps: Mapping[str, Any]) -> Mapping[str, Any]:
    held = [step["at"] for step in steps if step["act"] == "approved"]
    ended = [step["at"] for step in steps if step["act"] == "withdrawn"]
    return {
        **_DECISION,
        "version": len(steps),
        "status": status,
        "approved_at": held[0] if held else None,
        "withdrawn_at": ended[0] if ended else None,
        "steps": list(steps),
    }


class DecisionStep(BaseModel):
    """What somebody did with a decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: Literal["proposed", "approved", "declined", "withdrawal_proposed", "withdrawn", "withdrawal_declined"]
    at: Instant
    by: Actor
    reason: str | None


class OutageDecisionState(PublishedEvent):
    """A decision on an outage, with every step that was taken. It holds from `approved_at` to `withdrawn_at`."""

    outage_decision_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    environment_id: UUID
    monitor_id: UUID
    outage_id: UUID
    category: Literal["agreed_maintenance", "client_caused", "third_party"]
    starts_at: Instant
    ends_at: Instant
    status: Literal["proposed", "declined", "approved", "withdrawal_proposed", "withdrawn"]
    approved_at: Instant | None
    withdrawn_at: Instant | None
    steps: list[DecisionStep] = Field(max_length=1_000)


class OutageDecisionProposed(
    OutageDecisionState, aggregate="outage_decision", name="proposed", key="outage_decision_id"
):
    """Somebody proposes that an outage, or a part of it, counts otherwise; it does not yet."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example("proposed", _PROPOSED)


class OutageDecisionApproved(
    OutageDecisionState, aggregate="outage_decision", name="approved", key="outage_decision_id"
):
    """A second person agreed: from now on figures are told with it, those of months that are over as well."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example("approved", _PROPOSED, _APPROVED)


class OutageDecisionDeclined(
    OutageDecisionState, aggregate="outage_decision", name="declined", key="outage_decision_id"
):
    """What was proposed does not come about."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example("declined", _PROPOSED, {**_APPROVED, "act": "declined"})


class OutageDecisionWithdrawalProposed(
    OutageDecisionState, aggregate="outage_decision", name="withdrawal_proposed", key="outage_decision_id"
):
    """Somebody proposes to take a decision back; it still holds."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example("withdrawal_proposed", _PROPOSED, _APPROVED, _TAKEN_BACK)


class OutageDecisionWithdrawn(
    OutageDecisionState, aggregate="outage_decision", name="withdrawn", key="outage_decision_id"
):
    """A second person agreed that it was wrong: figures are told without it again."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example(
        "withdrawn", _PROPOSED, _APPROVED, _TAKEN_BACK, {**_APPROVED, "act": "withdrawn", "at": "2026-07-11T08:00:00Z"}
    )


class OutageDecisionWithdrawalDeclined(
    OutageDecisionState, aggregate="outage_decision", name="withdrawal_declined", key="outage_decision_id"
):
    """It is not taken back: it holds on."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _example(
        "approved", _PROPOSED, _APPROVED, _TAKEN_BACK, {**_APPROVED, "act": "withdrawal_declined"}
    )


DECISIONS: tuple[type[OutageDecisionState], ...] = (
    OutageDecisionProposed,
    OutageDecisionApproved,
    OutageDecisionDeclined,
    OutageDecisionWithdrawalProposed,
    OutageDecisionWithdrawn,
    OutageDecisionWithdrawalDeclined,
)
