"""Work, hours, warnings, advice, settlements, actions, risks, decisions: what reports tell of."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from reporting.adapters.told_facts import keep_told, noon
from reporting.application import told
from reporting.application.facts import Fact
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class Told(Fact):
    """Whose it is, and who may read it."""

    contract_id: UUID | None
    client_id: UUID
    audience: Literal["agency", "client"] = "client"

    def content(self, model: type[Fact]) -> Mapping[str, Any]:
        """What is kept of it; nothing of what is for the agency only."""
        if self.audience == "agency":
            return {}
        return self.model_dump(mode="json", include=set(model.model_fields))


class WorkedTime(Told, told.TimeEntry):
    """A time entry: the client sees how long, never the agency's note."""

    time_entry_id: UUID


class Stamp(Fact):
    """When something happened."""

    at: AwareDatetime


class ToldItem(Told):
    """A request, a change or a work order as it stands."""

    item_id: UUID
    kind: told.ItemKind
    number: str
    title: str
    category: str | None = None
    timestamps: Mapping[str, Stamp | None] = Field(default_factory=dict)


class ToldDeployment(Told, told.Deployment):
    """A deployment."""

    deployment_id: UUID
    changed_at: AwareDatetime


class ToldIntervention(Told, told.Intervention):
    """An intervention."""

    intervention_id: UUID


class ToldRestore(Told, told.RestoreTest):
    """A restore that was tried."""

    restore_verification_id: UUID


class ToldEnd(Told):
    """A certificate or a name that ends soon."""

    notice_id: UUID
    host: str | None = None
    domain: str | None = None
    expires_at: AwareDatetime
    observed_at: AwareDatetime


class ToldAdvisory(Told, told.Advisory):
    """An advisory as it stands."""


class ToldHoursMonth(Told, told.HoursMonth):
    """A closed month of hours."""

    hours_month_id: UUID
    last_day: date


class ToldHoursReview(Told, told.HoursReview):
    """A year of hours."""

    review_id: UUID


class ToldSettlement(Told, told.Settlement):
    """A closed settlement."""


class ToldAction(Told, told.Action):
    """An action."""

    action_id: UUID


class ToldRisk(Told, told.Risk):
    """A risk."""

    risk_id: UUID


class ToldDecision(Told, told.Decision):
    """A decision."""

    decision_id: UUID


@handlers.on("incidents.time_entry.recorded.v1")
async def keep_time(event: ReceivedEvent[WorkedTime], uow: UnitOfWork) -> None:
    """Somebody worked. Minutes count whoever may read the note, so nothing of it is kept."""
    data = event.data
    content = data.model_dump(mode="json", include=set(told.TimeEntry.model_fields))
    at = noon(data.worked_on)
    await keep_told(
        uow, event, "time_entry", data.time_entry_id, **_whose(data), content=content, starts_at=at, ends_at=at
    )


async def keep_item(event: ReceivedEvent[ToldItem], uow: UnitOfWork) -> None:
    """What an item is called, and that it was brought to its end: that stays, whatever becomes of it later."""
    data = event.data
    content = data.model_dump(mode="json", include=set(told.Item.model_fields))
    await keep_told(
        uow, event, "item", data.item_id, **_whose(data), content=content, starts_at=event.time, ends_at=event.time
    )
    name = event.envelope.name
    stamp = data.timestamps.get(name.event)
    if stamp is not None and (name.aggregate, name.event) in _ENDS:
        done = data.model_dump(mode="json", include=set(told.Done.model_fields))
        await keep_told(
            uow, event, "done", event.id, **_whose(data), content=done, starts_at=stamp.at, ends_at=stamp.at
        )


_ENDS = {("request", "resolved"), ("change", "deployed"), ("work_order", "completed")}
_ITEMS = {
    "request": ("opened", "acknowledged", "resolved", "declined", "closed", "reopened", "changed"),
    "change": (
        *("opened", "scoped", "estimated", "approved", "declined", "deploying", "deployed", "accepted", "rejected"),
        *("cancelled", "closed", "changed"),
    ),
    "work_order": ("opened", "started", "completed", "cancelled", "changed"),
}
for _kind, _names in _ITEMS.items():
    for _name in _names:
        handlers.on(f"incidents.{_kind}.{_name}.v1")(keep_item)


@handlers.on("incidents.deployment.recorded.v1")
async def keep_deployment(event: ReceivedEvent[ToldDeployment], uow: UnitOfWork) -> None:
    """A version was planned, brought into service, or taken back."""
    data = event.data
    at = data.deployed_at or data.changed_at
    content = data.content(told.Deployment)
    await keep_told(
        uow, event, "deployment", data.deployment_id, **_whose(data), content=content, starts_at=at, ends_at=at
    )


@handlers.on("incidents.intervention.recorded.v1")
async def keep_intervention(event: ReceivedEvent[ToldIntervention], uow: UnitOfWork) -> None:
    """Somebody worked on a site."""
    data = event.data
    content = data.content(told.Intervention)
    await keep_told(
        *(uow, event, "intervention", data.intervention_id),
        **_whose(data),
        content=content,
        starts_at=data.began_at,
        ends_at=data.ended_at,
    )


@handlers.on("probes.restore_verification.recorded.v1")
async def keep_restore(event: ReceivedEvent[ToldRestore], uow: UnitOfWork) -> None:
    """Somebody tried to restore a backup."""
    data = event.data
    at, content = data.performed_at, data.content(told.RestoreTest)
    subject_id = data.restore_verification_id
    await keep_told(uow, event, "restore_test", subject_id, **_whose(data), content=content, starts_at=at, ends_at=at)


@handlers.on("probes.certificate.expiring.v1")
async def keep_certificate_warning(event: ReceivedEvent[ToldEnd], uow: UnitOfWork) -> None:
    """A certificate was found to end soon."""
    await _keep_warning(uow, event, "certificate", event.data.host)


@handlers.on("probes.domain.expiring.v1")
async def keep_domain_warning(event: ReceivedEvent[ToldEnd], uow: UnitOfWork) -> None:
    """The registration of a name was found to end soon."""
    await _keep_warning(uow, event, "domain", event.data.domain)


async def keep_advisory(event: ReceivedEvent[ToldAdvisory], uow: UnitOfWork) -> None:
    """Advice as it stands."""
    data = event.data
    ends = [at for at in (data.acknowledged_at, data.answered_at, data.withdrawn_at) if at is not None]
    await keep_told(
        *(uow, event, "advisory", data.advisory_id),
        **_whose(data),
        content=data.content(told.Advisory),
        starts_at=data.issued_at,
        ends_at=max(ends, default=None),
    )


for _name in ("issued", "resent", "changed", "refused"):
    handlers.on(f"contracts.advisory.{_name}.v1")(keep_advisory)


@handlers.on("contracts.hours_month.closed.v1")
async def keep_hours_month(event: ReceivedEvent[ToldHoursMonth], uow: UnitOfWork) -> None:
    """A month of the hours ledger is closed."""
    data = event.data
    await keep_told(
        *(uow, event, "hours_month", data.hours_month_id),
        **_whose(data),
        content=data.content(told.HoursMonth),
        starts_at=noon(data.month),
        ends_at=noon(data.last_day),
    )


@handlers.on("contracts.hours_review.proposed.v1")
async def keep_hours_review(event: ReceivedEvent[ToldHoursReview], uow: UnitOfWork) -> None:
    """A year of hours is over."""
    data = event.data
    at, content = noon(data.year_until), data.content(told.HoursReview)
    await keep_told(
        uow, event, "hours_review", data.review_id, **_whose(data), content=content, starts_at=at, ends_at=at
    )


@handlers.on("contracts.settlement.closed.v1")
async def keep_settlement(event: ReceivedEvent[ToldSettlement], uow: UnitOfWork) -> None:
    """What a month came to is fixed."""
    data = event.data
    period = data.settlement.period
    await keep_told(
        *(uow, event, "settlement", data.settlement_id),
        **_whose(data),
        content=data.content(told.Settlement),
        starts_at=period.starts_at,
        ends_at=period.ends_at,
    )


@handlers.on("incidents.action.recorded.v1")
async def keep_action(event: ReceivedEvent[ToldAction], uow: UnitOfWork) -> None:
    """Something is to be done, or is done."""
    data = event.data
    await keep_told(
        *(uow, event, "action", data.action_id),
        **_whose(data),
        content=data.content(told.Action),
        starts_at=data.recorded_at,
        ends_at=data.done_at,
    )


@handlers.on("incidents.risk.recorded.v1")
async def keep_risk(event: ReceivedEvent[ToldRisk], uow: UnitOfWork) -> None:
    """A risk stays."""
    data = event.data
    content = data.content(told.Risk)
    await keep_told(
        *(uow, event, "risk", data.risk_id),
        **_whose(data),
        content=content,
        starts_at=data.recorded_at,
        ends_at=None,
    )


@handlers.on("incidents.decision.recorded.v1")
async def keep_decision(event: ReceivedEvent[ToldDecision], uow: UnitOfWork) -> None:
    """Something was decided."""
    data = event.data
    at, content = noon(data.decided_on), data.content(told.Decision)
    await keep_told(uow, event, "decision", data.decision_id, **_whose(data), content=content, starts_at=at, ends_at=at)


def _whose(data: Told) -> dict[str, Any]:
    return {"contract_id": data.contract_id, "client_id": data.client_id}


async def _keep_warning(uow: UnitOfWork, event: ReceivedEvent[ToldEnd], subject: str, name: str | None) -> None:
    data = event.data
    at = data.observed_at
    content = {"subject": subject, "name": name or "", "expires_at": data.expires_at, "observed_at": at}
    kept = told.Warning.model_validate(content).model_dump(mode="json")
    await keep_told(uow, event, "warning", data.notice_id, **_whose(data), content=kept, starts_at=at, ends_at=at)
