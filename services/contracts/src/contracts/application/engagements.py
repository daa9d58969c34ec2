"""Engagements: the phases around a support contract, from a diagnostic over deliveries to support."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.application.assessments import check_sites
from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.values import Name, Reason, Request
from contracts.domain import engagement as rules
from contracts.domain.engagement import Phase, PhaseKind, PhaseOrder, PhaseState
from shared.values import Instant

MOST_PHASES = 20
Number = Annotated[int, Field(strict=True, ge=1, le=MOST_PHASES, json_schema_extra={"format": "int32"})]


class NewPhase(Request):
    """A phase to plan."""

    kind: PhaseKind
    title: Name | None = Field(default=None, examples=["Lot 1"])


class NewEngagement(Request):
    """The phases that are planned for a client, in their order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11",
                    "title": "Reprise du site",
                    "site_ids": [],
                    "phases": [{"kind": "diagnostic"}, {"kind": "delivery", "title": "Lot 1"}, {"kind": "support"}],
                }
            ]
        },
    )

    client_id: UUID
    title: Name
    site_ids: list[UUID] = Field(
        default_factory=list, max_length=100, description="What it is about; empty: all sites of the client."
    )
    phases: list[NewPhase] = Field(min_length=1, max_length=MOST_PHASES)

    @model_validator(mode="after")
    def _each_site_once(self) -> Self:
        if len(set(self.site_ids)) != len(self.site_ids):
            raise ValueError("site_ids names a site twice")
        return self


class BeginPhaseRequest(Request):
    """Which phase begins."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"number": 1}]})

    number: Number


class CompletePhaseRequest(BeginPhaseRequest):
    """Which phase is completed, and what came of it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"number": 1, "outcome": "Stable; three risks written down"}]}
    )

    outcome: Reason


class CloseEngagementRequest(Request):
    """Why nothing more comes of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The client stopped it"}]})

    reason: Reason


class EngagementPhase(BaseModel):
    """A phase and where it stands."""

    number: int = Field(ge=1)
    kind: PhaseKind
    title: str | None
    state: PhaseState
    begun_at: Instant | None
    completed_at: Instant | None
    outcome: str | None


class Engagement(BaseModel):
    """The phases of one piece of work, as stored."""

    engagement_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    title: str
    site_ids: list[UUID] = Field(max_length=100)
    status: Literal["open", "closed"]
    close_reason: str | None
    phases: list[EngagementPhase] = Field(max_length=MOST_PHASES)
    created_at: Instant
    updated_at: Instant

    def values(self) -> tuple[Phase, ...]:
        """The phases as the domain knows them."""
        return tuple(Phase(phase.kind, phase.begun_at, phase.completed_at) for phase in self.phases)

    def concerns(self, site_ids: Iterable[UUID]) -> bool:
        """Whether it is about any of these sites."""
        return not self.site_ids or bool(set(site_ids) & set(self.site_ids))

    @property
    def diagnostic_is_open(self) -> bool:
        """Whether a diagnostic is still to be completed. What was closed asks for nothing any more."""
        return self.status == "open" and rules.diagnostic_is_open(self.values())


async def plan_engagement(work: Workspace, new: NewEngagement) -> Engagement:
    """A new engagement. Raises Unknown for the client, Refused for its sites or for the order of the phases."""
    with named_at("client_id"):
        # Locked, so that nobody signs at the same time what a diagnostic keeps from being signed.
        await work.clients.locked(new.client_id)
    await check_sites(work, new.client_id, new.site_ids)
    try:
        rules.check_plan([phase.kind for phase in new.phases])
    except PhaseOrder as error:
        raise Refused(str(error), "phases") from None
    engagement = Engagement(
        engagement_id=work.new_id(),
        client_id=new.client_id,
        version=1,
        title=new.title,
        site_ids=new.site_ids,
        status="open",
        close_reason=None,
        phases=[
            EngagementPhase(
                number=number,
                kind=phase.kind,
                title=phase.title,
                state="planned",
                begun_at=None,
                completed_at=None,
                outcome=None,
            )
            for number, phase in enumerate(new.phases, start=1)
        ],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.signing.engagements.add(engagement)
    return engagement


async def begin_phase(work: Workspace, engagement: Engagement, number: int) -> Engagement:
    """The locked engagement with a phase that has begun. Raises PhaseOrder, or NotNow when it is closed."""
    _check_open(engagement)
    return await _save(work, engagement, rules.begin(engagement.values(), number, work.now))


async def complete_phase(work: Workspace, engagement: Engagement, done: CompletePhaseRequest) -> Engagement:
    """The locked engagement with a phase that is completed. Raises PhaseOrder, or NotNow when it is closed."""
    _check_open(engagement)
    phases = rules.complete(engagement.values(), done.number, work.now)
    return await _save(work, engagement, phases, {done.number: done.outcome})


async def close_engagement(work: Workspace, engagement: Engagement, reason: str) -> Engagement:
    """The locked engagement, of which nothing more comes; what was completed stays so. Raises NotNow."""
    _check_open(engagement)
    closed = engagement.model_copy(update={"status": "closed", "close_reason": reason})
    return await _save(work, closed, closed.values())


def _check_open(engagement: Engagement) -> None:
    if engagement.status == "closed":
        raise NotNow("This engagement is closed. Plan another one.")


async def _save(
    work: Workspace, engagement: Engagement, phases: Sequence[Phase], outcomes: dict[int, str] | None = None
) -> Engagement:
    changed = [
        told.model_copy(
            update={
                "state": phase.state,
                "begun_at": phase.begun_at,
                "completed_at": phase.completed_at,
                "outcome": (outcomes or {}).get(told.number, told.outcome),
            }
        )
        for told, phase in zip(engagement.phases, phases, strict=True)
    ]
    saved = engagement.model_copy(update={"phases": changed, "version": engagement.version + 1, "updated_at": work.now})
    await work.signing.engagements.save(saved)
    return saved
