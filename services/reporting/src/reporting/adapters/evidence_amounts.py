"""The evidence of amounts and of hours: a closed settlement, and a closed month of hours, with what they rest on."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from reporting.adapters import evidence_words
from reporting.adapters.evidence_pack import MEASURED, Pack, add_under, events_where, new_spool, signed_pack
from reporting.adapters.evidence_verifier import Absent, Doubt, Settled, newest_settlement, read, read_hours
from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import catalogues
from reporting.adapters.report_tables import ToldFactRow
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import ContractVersion, Event
from reporting.application.evidence import EntriesNotTold, EvidenceIsIncomplete, NothingClosed, SettledOtherwise
from reporting.application.period_measure import measurement_id
from reporting.application.report_sections import settlement_of
from reporting.application.reporting import UnknownContract, zones_of
from reporting.application.told import FactKind, ToldFact
from reporting.domain.audit_chain import canonical
from reporting.domain.period import month_bounds, next_month
from shared.unit_of_work import UnitOfWork

A_DAY: Final = timedelta(days=1)
SETTLED: Final = "contracts.settlement.closed.v1"
DECIDED: Final = "contracts.breach.%"
VERDICTS: Final = ("incidents.clock.breached.v1", "incidents.clock.met.v1")
WORKED: Final = "incidents.time_entry.recorded.v1"
UNREADABLE: Final = (LookupError, TypeError, ValueError)
"""What a settlement of an earlier release, which explains its lines otherwise, cannot be computed again for."""
FIGURES: Final = ("entries", "brought", "carried", "adjustments")
"""What a month of hours is computed from; earlier releases told nothing of it."""


async def amounts_pack(uow: UnitOfWork, box: SecretBox, contract_id: UUID, month: date) -> Pack:
    """The pack of the settlement of the period that ends in a month, as it was closed last.

    Raises UnknownContract, NothingClosed, EvidenceIsIncomplete, SettledOtherwise, TooMuchEvidence.
    """
    settlement_id = await _settlement_of(uow, contract_id, month)
    told = await events_where(uow, (Event.aggregate_id == str(settlement_id)) & (Event.name == SETTLED))
    if settlement_id is None or not told:
        raise NothingClosed
    try:
        newest = newest_settlement(map(read, told.values()), str(settlement_id))
        told |= await _behind(uow, contract_id, newest)
        settled = Settled(newest, {event["id"]: event for event in map(read, told.values())})
    except Absent as error:
        raise EvidenceIsIncomplete(str(error)) from None
    except Doubt as error:
        raise SettledOtherwise(str(error)) from None
    except UNREADABLE:
        raise SettledOtherwise("An earlier release closed it, and explained its lines otherwise.") from None
    figures = settled.figures()
    with new_spool().kept_if_whole() as spool:
        add_under(spool, "events", told)
        spool.add("amounts.json", canonical(figures))
        for language in catalogues().languages:
            words = evidence_words.amounts(catalogues().translator(language), month, settled.content, figures)
            spool.add(f"explanation.{language}.txt", words)
        facts = {
            "kind": "amounts",
            "contract_id": str(contract_id),
            "month": f"{month:%Y-%m}",
            "settlement_id": str(settlement_id),
        }
        name = f"evidence-{settled.content['contract_number']}-{month:%Y-%m}-amounts"
        language = await _language(uow, contract_id, datetime.fromisoformat(newest["time"]))
        zones = {settled.content["period"]["time_zone"]}
        return await signed_pack(uow, box, UUID(newest["tenantid"]), name, language, facts, zones, spool)


async def hours_pack(uow: UnitOfWork, box: SecretBox, contract_id: UUID, month: date) -> Pack:
    """The pack of a closed month of hours.

    Raises NothingClosed, EntriesNotTold, EvidenceIsIncomplete, TooMuchEvidence.
    """
    told = await _hours_months(uow, contract_id, {month})
    if not told:
        raise NothingClosed
    (closed,) = map(read, told.values())
    if any(closed["data"].get(each) is None for each in FIGURES):
        raise EntriesNotTold
    told |= await _hours_months(uow, contract_id, {(month - A_DAY).replace(day=1)})
    versions = await _versions(uow, contract_id, datetime.fromisoformat(closed["time"]))
    told |= versions
    told |= await _work(uow, [each["time_entry_id"] for each in closed["data"]["entries"] if each["time_entry_id"]])
    try:
        figures = read_hours(
            {each["id"]: each for each in map(read, told.values())}, str(contract_id), f"{month:%Y-%m}"
        )
    except (Doubt, *UNREADABLE) as error:
        raise EvidenceIsIncomplete(str(error)) from None
    with new_spool().kept_if_whole() as spool:
        add_under(spool, "events", told)
        spool.add("hours.json", canonical(figures))
        names = {line["code"]: line["name"] for line in closed["data"]["lines"]}
        for language in catalogues().languages:
            words = evidence_words.hours(catalogues().translator(language), month, figures, names)
            spool.add(f"explanation.{language}.txt", words)
        facts = {"kind": "hours", "contract_id": str(contract_id), "month": f"{month:%Y-%m}"}
        language = await _language(uow, contract_id, datetime.fromisoformat(closed["time"]))
        name = f"evidence-{contract_id}-{month:%Y-%m}-hours"
        zones = {read(each)["data"]["client"]["time_zone"] for each in versions.values()}
        return await signed_pack(uow, box, UUID(closed["tenantid"]), name, language, facts, zones, spool)


async def closed_in(uow: UnitOfWork, contract_id: UUID, month: date) -> set[FactKind]:
    """Which of settlement and hours were closed of a month, so that there is evidence of them."""
    found: set[FactKind] = set()
    if await _settlement_of(uow, contract_id, month) is not None:
        found.add("settlement")
    if await _hours_months(uow, contract_id, {month}):
        found.add("hours_month")
    return found


async def _settlement_of(uow: UnitOfWork, contract_id: UUID, month: date) -> UUID | None:
    """The settlement of the period that ends in a month. Raises UnknownContract."""
    versions = await StoredFacts(uow).versions(contract_id)
    if not versions:
        raise UnknownContract
    bounds = month_bounds(month, zones_of(versions))
    row = ToldFactRow
    about = row.ends_at.between(bounds[0] - A_DAY, bounds[1] + A_DAY)
    found = await uow.session.scalars(
        select(row).where(row.contract_id == contract_id, row.kind == "settlement", about).order_by(row.ends_at)
    )
    told = settlement_of([ToldFact.model_validate(each, from_attributes=True) for each in found], month, bounds)
    return None if told is None else told[0].subject_id


async def _behind(uow: UnitOfWork, contract_id: UUID, settlement: Mapping[str, Any]) -> dict[UUID, bytes]:
    """What a settlement rests on: versions of the contract, measured months, clocks, decisions, months of hours.

    What was told of that after it was computed and before it was closed is there as well, as what it does not heed.
    """
    content = settlement["data"]["settlement"]
    measured: set[UUID] = set()
    others: set[str] = set()
    for commitment in content["commitments"]:
        # Of an uptime the measured month, whose own pack proves it; of a clock what told of it, and of its decision.
        named = commitment["events"][:1] if commitment["kind"] == "uptime" else commitment["events"]
        measured |= {UUID(each) for each in named}
        others |= set(named)
    closed_at = datetime.fromisoformat(settlement["time"])
    told_when = settlement["data"].get("computed_at")
    computed_at = closed_at if told_when is None else datetime.fromisoformat(told_when)
    found = await _versions(uow, contract_id, closed_at)
    found |= await _uptimes(uow, contract_id, content["period"], closed_at)
    if measured:
        about = Event.aggregate_id.in_(others) & Event.name.like(DECIDED) & (Event.occurred_at <= closed_at)
        found |= await events_where(uow, Event.event_id.in_(measured) | about)
    clocks = {} if told_when is None else await _clocks(uow, settlement["data"], content["period"], closed_at)
    found |= clocks
    found |= await _items(uow, found.values(), computed_at, closed_at)
    found |= await _histories(uow, clocks.values(), content["commitments"], computed_at)
    months = [line["text"]["parameters"]["month"] for line in content["lines"] if line["kind"] == "overage"]
    return found | await _hours_months(uow, contract_id, {date.fromisoformat(each) for each in months})


async def _uptimes(uow: UnitOfWork, contract_id: UUID, period: Mapping[str, Any], until: datetime) -> dict[UUID, bytes]:
    """What was told by then of the measured months that end in a period, whether its settlement names them or not."""
    month, end = date.fromisoformat(period["first"]).replace(day=1), date.fromisoformat(period["end"])
    months = [(month - A_DAY).replace(day=1)]  # midnight of another zone may lie in the period
    while month <= end:
        months.append(month)
        month = next_month(month)
    ids = [str(measurement_id(contract_id, each)) for each in months]
    about = Event.aggregate_id.in_(ids) & (Event.name == MEASURED) & (Event.occurred_at <= until)
    return await events_where(uow, about)


async def _items(uow: UnitOfWork, told: Iterable[bytes], until: datetime, later: datetime) -> dict[UUID, bytes]:
    """The newest word by then on each item that these events are about: how severe it is. Of what was told later only
    that it is of another severity.
    """
    data = [read(each)["data"] for each in told]
    items = {each.get("incident_id") or each.get("item_id") for each in data} - {None}
    found = await _newest(uow, items, until)
    if later == until:
        return found
    severities = {event["subject"]: event["data"]["severity"] for event in map(read, found.values())}
    for event_id, said in (await _newest(uow, items, later)).items():
        event = read(said)
        if severities.get(event["subject"]) not in (None, event["data"]["severity"]):
            found[event_id] = said
    return found


async def _newest(uow: UnitOfWork, items: Collection[str], until: datetime) -> dict[UUID, bytes]:
    about = Event.aggregate_id.in_(items) & Event.name.like("incidents.%") & (Event.occurred_at <= until)
    order = (Event.aggregate_id, Event.aggregate_version.desc())
    newest = select(Event.event_id).where(about).ext(distinct_on(Event.aggregate_id)).order_by(*order)
    return await events_where(uow, Event.event_id.in_(newest)) if items else {}


async def _clocks(
    uow: UnitOfWork, whose: Mapping[str, Any], period: Mapping[str, Any], until: datetime
) -> dict[UUID, bytes]:
    """What the contract's clocks told of themselves by then that were met or missed in a period, in the settlement or
    not.
    """
    start, end = (datetime.fromisoformat(period[name]) for name in ("starts_at", "ends_at"))
    of_client = (Event.client_id == UUID(whose["client_id"])) & Event.name.in_(VERDICTS)
    told = await events_where(uow, of_client & Event.occurred_at.between(start, until))
    data = {event_id: read(said)["data"] for event_id, said in told.items()}
    ours = {event_id: each for event_id, each in data.items() if each["contract_id"] == whose["contract_id"]}
    inside = {each["clock_id"] for each in ours.values() if start <= datetime.fromisoformat(each["at"]) < end}
    return {event_id: told[event_id] for event_id, each in ours.items() if each["clock_id"] in inside}


async def _histories(
    uow: UnitOfWork, clocks: Iterable[bytes], commitments: Iterable[Mapping[str, Any]], until: datetime
) -> dict[UUID, bytes]:
    """Everything that was told by then of the items whose clocks are not in a settlement: it shows why."""
    named = {each["commitment_id"].partition(":")[0] for each in commitments}
    data = [read(each)["data"] for each in clocks]
    items = {each["incident_id"] for each in data if each["clock_id"] not in named}
    about = Event.aggregate_id.in_(items) & Event.name.like("incidents.%") & (Event.occurred_at <= until)
    return await events_where(uow, about) if items else {}


async def _versions(uow: UnitOfWork, contract_id: UUID, until: datetime) -> dict[UUID, bytes]:
    """The versions of a contract that had been told by then: later ones change nothing, not even the pack."""
    known = select(ContractVersion.event_id).where(ContractVersion.contract_id == contract_id)
    return await events_where(uow, Event.event_id.in_(known) & (Event.occurred_at <= until))


async def _hours_months(uow: UnitOfWork, contract_id: UUID, months: Collection[date]) -> dict[UUID, bytes]:
    if not months:
        return {}
    row = ToldFactRow
    of_months = row.content["month"].astext.in_([each.isoformat() for each in months])
    ids = select(row.event_id).where(row.contract_id == contract_id, row.kind == "hours_month", of_months)
    return await events_where(uow, Event.event_id.in_(ids))


async def _work(uow: UnitOfWork, time_entry_ids: Collection[str]) -> dict[UUID, bytes]:
    """What the service desk told of work, as far as clients read it: who did what is not only theirs."""
    if not time_entry_ids:
        return {}
    told = await events_where(uow, Event.aggregate_id.in_(time_entry_ids) & (Event.name == WORKED))
    return {event_id: said for event_id, said in told.items() if read(said)["data"]["audience"] == "client"}


async def _language(uow: UnitOfWork, contract_id: UUID, at: datetime) -> str:
    """The client's, by the newest version that had been told by then."""
    versions = await _versions(uow, contract_id, at)
    newest = max(map(read, versions.values()), key=lambda each: each["data"]["version"])
    language: str = newest["data"]["client"]["language"]
    return language
