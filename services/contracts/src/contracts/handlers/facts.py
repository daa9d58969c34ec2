"""Uptime, clocks, items, restores, certificates, speed, unwatched pages, reports: what settlement and proofs go by.

Every event is one fact, named by the event's id. What is kept of it is what `application.facts` reads; of several facts
about one thing the highest version counts, so that nothing depends on the order in which they arrive.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import BaseModel

from contracts.adapters.workspace import workspace_of
from contracts.application import clock_breaches
from contracts.application.contract_facts import follow_restore
from contracts.application.errors import Unknown
from contracts.application.facts import (
    CLIENTS_OWN,
    CertificateSeen,
    DeploymentTold,
    Fact,
    FactKind,
    IncidentTold,
    InterventionTold,
    ItemTold,
    PagesUnwatched,
    PerformanceJudged,
    ReportIssued,
    RestoreVerified,
    ReviewIssued,
    ToldOfClock,
    UptimeMeasured,
    take,
)
from contracts.application.settlement_corrections import follow_decisions
from contracts.handlers.registration import handlers
from shared.consumer import PermanentError
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

Told: TypeAlias = UptimeMeasured | CertificateSeen | PerformanceJudged | PagesUnwatched | ReportIssued | ReviewIssued

_NOT_OVER = datetime.max.replace(tzinfo=UTC)
"""When something ends of which nobody has told yet that it did."""


@handlers.on("reporting.uptime.period_measured.v1")
async def take_uptime(event: ReceivedEvent[UptimeMeasured], uow: UnitOfWork) -> None:
    """What a month's measuring came to; settlements that rest on other decisions on its outages are put right."""
    told = event.data
    await _keep(uow, event, "uptime", told, told.measurement_id, told.starts_at, told.ends_at)
    if told.version > 1 or told.decisions:  # else no settlement can rest on other ones
        await follow_decisions(workspace_of(uow), told)


@handlers.on("reporting.report.published.v1")
async def take_report(event: ReceivedEvent[ReportIssued], uow: UnitOfWork) -> None:
    """The report of a month was issued: it proves that it was delivered for that month."""
    told = event.data
    await _keep(uow, event, "report", told, told.report_id, told.starts_at, told.ends_at)


@handlers.on("reporting.review.published.v1")
async def take_review(event: ReceivedEvent[ReviewIssued], uow: UnitOfWork) -> None:
    """A review was issued: it proves that it was delivered for its period."""
    told = event.data
    await _keep(uow, event, "review", told, told.review_id, told.starts_at, told.ends_at)


@handlers.on("incidents.clock.breached.v1")
async def take_missed_target(event: ReceivedEvent[ToldOfClock], uow: UnitOfWork) -> None:
    """A target was missed."""
    await _keep_clock(uow, event)


@handlers.on("incidents.clock.met.v1")
async def take_met_target(event: ReceivedEvent[ToldOfClock], uow: UnitOfWork) -> None:
    """A target was met; what was told of this count before does not count any more."""
    await _keep_clock(uow, event)


@handlers.on("probes.restore_verification.recorded.v1")
async def take_restore(event: ReceivedEvent[RestoreVerified], uow: UnitOfWork) -> None:
    """Somebody tried to restore a backup; where it could be, that proves the backup too."""
    told, at, work = event.data, event.data.performed_at, workspace_of(uow)
    fact = _fact(event, "restore_verification", told, told.contract_id, told.restore_verification_id, at, at)
    with of_a_contract():
        if await take(work, fact):
            await follow_restore(work, told, event.id)


@handlers.on("probes.certificate.expiring.v1")
async def take_expiring_certificate(event: ReceivedEvent[CertificateSeen], uow: UnitOfWork) -> None:
    """A certificate was found to end soon."""
    await _keep_certificate(uow, event)


@handlers.on("probes.certificate.changed.v1")
async def take_changed_certificate(event: ReceivedEvent[CertificateSeen], uow: UnitOfWork) -> None:
    """Another certificate was found."""
    await _keep_certificate(uow, event)


@handlers.on("probes.performance.drifted.v1")
async def take_drift(event: ReceivedEvent[PerformanceJudged], uow: UnitOfWork) -> None:
    """Something was found to have become slower."""
    await _keep_performance(uow, event)


@handlers.on("probes.performance.recovered.v1")
async def take_recovered_performance(event: ReceivedEvent[PerformanceJudged], uow: UnitOfWork) -> None:
    """It is as fast as it was."""
    await _keep_performance(uow, event)


@handlers.on("probes.unwatched_pages.found.v1")
async def take_unwatched_pages(event: ReceivedEvent[PagesUnwatched], uow: UnitOfWork) -> None:
    """Pages cannot be watched as the contract promises."""
    await _keep_unwatched(uow, event)


@handlers.on("probes.unwatched_pages.ended.v1")
async def take_watched_pages(event: ReceivedEvent[PagesUnwatched], uow: UnitOfWork) -> None:
    """That is over."""
    await _keep_unwatched(uow, event)


async def take_incident(event: ReceivedEvent[IncidentTold], uow: UnitOfWork) -> None:
    """An incident as it stands, with the readings of its clocks."""
    told = event.data
    await _keep_item(uow, event, "incident", told, told.incident_id)


async def take_item(event: ReceivedEvent[ItemTold], uow: UnitOfWork) -> None:
    """A request, a change or a work order as it stands, with the readings of its clocks."""
    told = event.data
    await _keep_item(uow, event, told.kind, told, told.item_id)


_INCIDENT = (
    *("opened", "acknowledged", "mitigated", "monitoring_paused", "clocks_changed", "recovered", "resolved", "closed"),
    *("reopened", "changed"),
)
_ITEMS = {
    "request": ("opened", "acknowledged", "resolved", "declined", "closed", "reopened", "changed", "clocks_changed"),
    "change": (
        *("opened", "scoped", "estimated", "approved", "declined", "deploying", "deployed", "accepted", "rejected"),
        *("cancelled", "closed", "changed", "clocks_changed"),
    ),
    "work_order": ("opened", "started", "completed", "cancelled", "changed", "clocks_changed"),
}
for _name in _INCIDENT:
    handlers.on(f"incidents.incident.{_name}.v1")(take_incident)
for _kind, _names in _ITEMS.items():
    for _name in _names:
        handlers.on(f"incidents.{_kind}.{_name}.v1")(take_item)


def fact_of_deployment(event: ReceivedEvent[Any]) -> Fact:
    """What is kept of a deployment: it counts when it happened, or is to happen."""
    told = DeploymentTold.model_validate(event.envelope.data)
    at = told.deployed_at or told.window_from or told.changed_at or event.time
    return _fact(event, "deployment", told, told.contract_id, told.deployment_id, at, at)


def fact_of_intervention(event: ReceivedEvent[Any]) -> Fact:
    """What is kept of an intervention."""
    told = InterventionTold.model_validate(event.envelope.data)
    return _fact(event, "intervention", told, told.contract_id, told.intervention_id, told.began_at, told.ended_at)


async def _keep_clock(uow: UnitOfWork, event: ReceivedEvent[ToldOfClock]) -> None:
    told, work, item_id = event.data, workspace_of(uow), event.data.incident_id
    if told.metric == CLIENTS_OWN:
        return
    if told.metric not in clock_breaches.PROVIDERS:
        raise PermanentError(f"there is no metric {told.metric} that could be missed")
    with of_a_contract():
        fact = _fact(event, "clock", told, told.contract_id, told.clock_id, told.at, told.at, item_id=item_id)
        await take(work, fact)
        await clock_breaches.follow(work, told.contract_id, item_id)


async def _keep_certificate(uow: UnitOfWork, event: ReceivedEvent[CertificateSeen]) -> None:
    told = event.data
    await _keep(uow, event, "certificate", told, told.notice_id, told.observed_at, told.observed_at)


async def _keep_performance(uow: UnitOfWork, event: ReceivedEvent[PerformanceJudged]) -> None:
    # Each judgement stands for itself: a later one of the same monitor does not take it back.
    at = datetime.combine(event.data.since, time(), UTC)
    await _keep(uow, event, "performance", event.data, event.id, at, at)


async def _keep_unwatched(uow: UnitOfWork, event: ReceivedEvent[PagesUnwatched]) -> None:
    told = event.data
    ends_at = told.ended_at or _NOT_OVER
    await _keep(uow, event, "unwatched_pages", told, told.unwatched_pages_id, told.found_at, ends_at)


async def _keep_item(
    uow: UnitOfWork, event: ReceivedEvent[Any], kind: FactKind, told: IncidentTold | ItemTold, item_id: UUID
) -> None:
    instants = [stamp.at for stamp in told.timestamps.values() if stamp is not None]
    starts_at = min(instants, default=event.time)
    ends_at = max([*instants, event.time])
    work = workspace_of(uow)
    with of_a_contract():
        await take(work, _fact(event, kind, told, told.contract_id, item_id, starts_at, ends_at, item_id=item_id))
        await clock_breaches.follow(work, told.contract_id, item_id)


async def _keep(
    uow: UnitOfWork,
    event: ReceivedEvent[Any],
    kind: FactKind,
    told: Told,
    subject_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
) -> None:
    with of_a_contract():
        await take(workspace_of(uow), _fact(event, kind, told, told.contract_id, subject_id, starts_at, ends_at))


def _fact(
    event: ReceivedEvent[Any],
    kind: FactKind,
    told: BaseModel,
    contract_id: UUID,
    subject_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    *,
    item_id: UUID | None = None,
) -> Fact:
    return Fact(
        fact_id=event.id,
        contract_id=contract_id,
        kind=kind,
        subject_id=subject_id,
        item_id=item_id,
        version=event.aggregate_version,
        event_type=str(event.envelope.name),
        starts_at=starts_at,
        ends_at=ends_at,
        content=told.model_dump(mode="json"),
    )


@contextmanager
def of_a_contract() -> Iterator[None]:
    """A record of a contract that is not there can never be entered."""
    try:
        yield
    except Unknown as unknown:
        raise PermanentError(str(unknown)) from unknown
