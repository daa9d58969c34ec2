"""The evidence of clocks: an incident, request or change with what its clocks are computed from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from reporting.adapters import evidence_words
from reporting.adapters.evidence_pack import Pack, add_under, events_where, lines, new_spool, signed_pack
from reporting.adapters.evidence_verifier import ITEMS, Doubt, Life, instant, newest_of, read, read_clock, region_of
from reporting.adapters.rendering import catalogues
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import ContractVersion, Event, TransitionRow
from reporting.application.evidence import EvidenceIsIncomplete, FactsNotTold, UnknownIncident
from reporting.domain.audit_chain import canonical
from shared.kernel.calendar import HolidayRegion
from shared.unit_of_work import UnitOfWork

HORIZON_IN_YEARS: Final = 11
"""A due time is looked for ten years ahead."""


async def incident_pack(
    uow: UnitOfWork, box: SecretBox, contract_id: UUID, incident_id: UUID, clock_id: UUID | None = None
) -> Pack:
    """The pack of an incident with all of its clocks, or with one of them.

    Raises UnknownIncident, FactsNotTold, EvidenceIsIncomplete, TooMuchEvidence.
    """
    names = [Event.name.like(f"incidents.{item}.%") for item in ITEMS]
    told = await events_where(uow, (Event.aggregate_id == str(incident_id)) & _any(names))
    item = newest_of(map(read, told.values()), str(incident_id), *ITEMS)
    if item is None or item["data"]["contract_id"] != str(contract_id):
        raise UnknownIncident
    clocks = [each for each in item["data"]["clocks"] if clock_id is None or each["clock_id"] == str(clock_id)]
    if not clocks:
        raise UnknownIncident
    if any(each.get("facts") is None for each in clocks):
        raise FactsNotTold
    ids = [each["clock_id"] for each in clocks]
    of_clocks = await events_where(uow, Event.aggregate_id.in_(ids) & Event.name.like("incidents.clock.%"))
    versions = await _versions(uow, contract_id)
    try:
        lives = [Life(_states(versions), each["metric"], item["data"]["severity"], each["facts"]) for each in clocks]
        versions = _heeded(versions, lives)
        holidays = _holidays(_states(versions), lives, item)
        own = [newest_of(map(read, of_clocks.values()), each, "clock") for each in ids]
        shown = [
            read_clock(item, event, _states(versions), holidays, each) for each, event in zip(ids, own, strict=True)
        ]
    except Doubt as error:
        raise EvidenceIsIncomplete(str(error)) from None
    newest = _states(versions)[-1]
    zone = newest["client"]["time_zone"]
    with new_spool().kept_if_whole() as spool:
        add_under(spool, "events", {**told, **of_clocks, **versions, **await _outage(uow, contract_id, item["data"])})
        spool.add("clocks.json", lines(shown))
        spool.add("holidays.json", canonical(holidays))
        for language in catalogues().languages:
            words = evidence_words.clocks(catalogues().translator(language), item["data"], shown, zone)
            spool.add(f"explanation.{language}.txt", words)
        facts = {
            "kind": "incident" if clock_id is None else "clock",
            "contract_id": str(contract_id),
            "item_id": str(incident_id),
            "clock_ids": ids,
        }
        name = f"evidence-{item['data']['number']}" + (f"-{clocks[0]['metric']}" if clock_id is not None else "")
        language, zones = newest["client"]["language"], _zones(_states(versions))
        return await signed_pack(uow, box, UUID(item["tenantid"]), name, language, facts, zones, spool)


def _any(conditions: Sequence[Any]) -> Any:
    first, *others = conditions
    for each in others:
        first |= each
    return first


async def _versions(uow: UnitOfWork, contract_id: UUID) -> dict[UUID, bytes]:
    """The versions of a contract as they were said, in their order."""
    query = select(ContractVersion.event_id).where(ContractVersion.contract_id == contract_id)
    order = (await uow.session.scalars(query.order_by(ContractVersion.version))).all()
    said = await events_where(uow, Event.event_id.in_(order))
    return {event_id: said[event_id] for event_id in order}


def _states(versions: Mapping[UUID, bytes]) -> list[dict[str, Any]]:
    return [read(each)["data"] for each in versions.values()]


def _heeded(versions: Mapping[UUID, bytes], lives: Iterable[Life]) -> dict[UUID, bytes]:
    """The versions that the clocks heed: once all of them have ended, later ones change nothing, not even this pack."""
    ends = [life.ended for life in lives]
    last = max((end for end in ends if end is not None), default=0)
    return {
        event_id: said
        for event_id, said in versions.items()
        if None in ends or instant(read(said)["data"]["effective_from"]) <= last
    }


def _holidays(
    versions: Iterable[Mapping[str, Any]], lives: Iterable[Life], item: Mapping[str, Any]
) -> dict[str, list[str]]:
    """The public holidays of every calendar, from before the opening on: whoever checks has no list of them."""
    opened = min(life.happenings[0][0] for life in lives)
    start = date(1970, 1, 1) + timedelta(microseconds=opened) - timedelta(days=7)
    end = date(int(item["time"][:4]) + HORIZON_IN_YEARS, 12, 31)
    found: dict[str, list[str]] = {}
    for version in versions:
        for history in version["calendars"].values():
            for each in history:
                name, region = region_of(each["calendar"]), each["calendar"].get("holidays")
                if name is not None and name not in found:
                    days = HolidayRegion(region["country"], region.get("subdivision"))
                    every = (start + timedelta(days=number) for number in range((end - start).days + 1))
                    found[name] = [day.isoformat() for day in every if day in days]
    return found


def _zones(versions: Iterable[Mapping[str, Any]]) -> set[str]:
    """The time zones of every calendar."""
    histories = (history for version in versions for history in version["calendars"].values())
    named = {each["calendar"].get("time_zone") for history in histories for each in history}
    return {name for name in named if name is not None}


async def _outage(uow: UnitOfWork, contract_id: UUID, incident: Mapping[str, Any]) -> dict[UUID, bytes]:
    """What probes said of the outage that the incident was opened for."""
    outage_id = (incident.get("source") or {}).get("outage_id")
    if outage_id is None:
        return {}
    of_contract = select(TransitionRow.event_id).where(TransitionRow.contract_id == contract_id)
    transitions = of_contract.where(TransitionRow.outage_id == UUID(outage_id))
    return await events_where(uow, Event.event_id.in_(transitions))
