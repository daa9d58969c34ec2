"""Evidence packs: what stands behind a figure as one ZIP, signed, with the file that checks it.

The same facts give the same bytes: nothing in a pack is told by the clock, and nothing in it is compressed. Its files
are collected on disk, so that a large month takes no more memory than a small one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import TZPATH, ZoneInfo

from sqlalchemy import ColumnElement, func, select

from reporting.adapters import evidence_verifier, evidence_words
from reporting.adapters.audit_keys import key_line, keys_of_tenant, signer_of
from reporting.adapters.evidence_spool import Spool
from reporting.adapters.evidence_verifier import (
    MANIFEST,
    SIGNATURE,
    ZONES,
    Doubt,
    check_last_word,
    checks_counted,
    read,
)
from reporting.adapters.maintenance_windows import windows_between
from reporting.adapters.rendering import catalogues, translator_for
from reporting.adapters.rollups import rollups_of, vouched_after
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Event
from reporting.application.evidence import (
    MOST_BYTES,
    MOST_FILES,
    SPANS,
    EvidenceIsIncomplete,
    MonthEvidence,
    TooMuchEvidence,
)
from reporting.application.period_measure import METHOD, measurement_id
from reporting.domain.audit_chain import canonical
from reporting.domain.evidence import evidence_statement, manifest
from shared.unit_of_work import UnitOfWork
from shared.values import instant_text

MEASURED: Final = "reporting.uptime.period_measured.v1"
DECIDED: Final = "reporting.outage_decision.approved.v1"
SAID: Final = "probes.monitor.%"
PLANNED: Final = "contracts.maintenance.%"
ROLLUPS: Final = "rollups.jsonl"
AT_A_TIME: Final = 200
"""How many events are in memory at once."""


@dataclass(frozen=True)
class Pack:
    """A ZIP by its files, which lie on disk until it is sent."""

    name: str
    spool: Spool

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes, piece by piece; once."""
        return self.spool.archived()


def new_spool() -> Spool:
    """Where the files of a pack are collected."""
    return Spool(most_bytes=MOST_BYTES, most_files=MOST_FILES)


async def month_pack(uow: UnitOfWork, box: SecretBox, evidence: MonthEvidence, month: date) -> Pack:
    """The pack of a contract's month, or of the figures of one environment in it.

    Raises TooMuchEvidence, EvidenceIsIncomplete.
    """
    measurement = evidence.measurement
    contract_id = UUID(measurement["contract_id"])
    whole_month = "measurement_id" in measurement
    facts: dict[str, Any] = {"method": METHOD, "contract_id": str(contract_id), "month": f"{month:%Y-%m}"}
    facts["kind"] = "month" if whole_month else "figure"
    name = f"evidence-{contract_id}-{month:%Y-%m}"
    if not whole_month:
        environment_id = measurement["figures"][0]["environment_id"]
        facts["environment_id"] = environment_id
        name += f"-{environment_id}"
    with new_spool().kept_if_whole() as spool:
        about_month = Event.aggregate_id == str(measurement_id(contract_id, month))
        # Each time that the month was told, with the figures of then: none replaces another.
        told = await add_events(uow, spool, "told", about_month & (Event.name == MEASURED))
        await _check_last_word(uow, told, facts, measurement)
        rollups, unvouched = await _rollups(uow, spool, evidence, contract_id)
        later = {each.following[one] for each in evidence.told.values() for one in unvouched if one in each.following}
        wanted = await _without_holes(uow, evidence.event_ids | later)
        if len(wanted) > MOST_FILES:
            raise TooMuchEvidence
        events = await add_events(uow, spool, "events", Event.event_id.in_(wanted))
        await _add_decisions(uow, spool, evidence.decision_ids)
        await _add_planned_work(uow, spool, evidence)
        checks = checks_counted(measurement["figures"], map(read, spool.lines(ROLLUPS)))
        spool.add("checks.json", lines(checks))
        spool.add("measurement.json", canonical(measurement))
        spool.add("response-times.json", canonical(_response_times(evidence)))
        spool.add("states.json", lines([_held(each, {*events, *rollups}) for each in evidence.states]))
        for language in catalogues().languages:
            words = evidence_words.month(catalogues().translator(language), evidence, month)
            spool.add(f"explanation.{language}.txt", words)
        return await signed_pack(uow, box, evidence.tenant_id, name, evidence.language, facts, evidence.zones, spool)


async def _check_last_word(
    uow: UnitOfWork, told: Collection[UUID], facts: Mapping[str, Any], measurement: Mapping[str, Any]
) -> None:
    """Late facts and decisions count at once, and are told some time later.

    Raises EvidenceIsIncomplete while the month was last told otherwise: the verifier would say NO to the pack.
    """
    newest = select(Event.payload).where(Event.event_id.in_(told)).order_by(Event.aggregate_version.desc()).limit(1)
    last = await uow.session.scalar(newest)
    if last is None:
        return
    try:
        check_last_word(read(bytes(last))["data"], facts, read(canonical(measurement)))
    except Doubt as error:
        raise EvidenceIsIncomplete(str(error)) from None


async def _without_holes(uow: UnitOfWork, wanted: Collection[UUID]) -> set[UUID]:
    """These events, and whatever else their monitors said between the first and the last of them: by their numbers one
    sees that nothing is left out.

    Raises EvidenceIsIncomplete where something was not heard.
    """
    said = Event.name.like(SAID)
    ends = (
        select(
            Event.aggregate_id,
            func.min(Event.aggregate_version).label("first"),
            func.max(Event.aggregate_version).label("last"),
        )
        .where(Event.event_id.in_(wanted), said)
        .group_by(Event.aggregate_id)
        .subquery()
    )
    rows = await uow.session.execute(
        select(Event.aggregate_id, Event.event_id, Event.aggregate_version, ends.c.first, ends.c.last).where(
            Event.aggregate_id == ends.c.aggregate_id, said, Event.aggregate_version.between(ends.c.first, ends.c.last)
        )
    )
    whole = set(wanted)
    left: dict[str, set[int]] = {}
    for row in rows:
        whole.add(row.event_id)
        left.setdefault(row.aggregate_id, set(range(row.first, row.last + 1))).discard(row.aggregate_version)
    if any(left.values()):
        raise EvidenceIsIncomplete("Something that a monitor said was not heard yet.")
    return whole


async def _rollups(
    uow: UnitOfWork, spool: Spool, evidence: MonthEvidence, contract_id: UUID
) -> tuple[Collection[UUID], Collection[UUID]]:
    """The hourly roll-ups of the month and those that states name, as one file; gives the ids of their events, and the
    monitors that none in the month vouches for until its end. Of such a one the first of later is there as well.
    """
    start, end = evidence.period
    found: set[UUID] = set()
    heard: dict[UUID, datetime] = {}
    with spool.file(ROLLUPS) as write:

        def keep(event_id: UUID, payload: bytes, until: datetime, monitors: Iterable[UUID]) -> None:
            write(payload + b"\n")
            found.add(event_id)
            heard.update(dict.fromkeys(monitors, until))

        async with aclosing(rollups_of(uow, contract_id, start, end, evidence.event_ids)) as of_month:
            async for event_id, payload in of_month:
                keep(event_id, payload, *_measured(payload))
        unvouched = {monitor_id for monitor_id, until in heard.items() if until < end}
        left = await vouched_after(uow, unvouched, end)
        if left:
            async with aclosing(rollups_of(uow, contract_id, end, None, ())) as following:
                async for event_id, payload in following:
                    until, monitors = _measured(payload)
                    if event_id not in found and left & set(monitors):
                        keep(event_id, payload, until, monitors)
                        left -= set(monitors)
                    if not left:
                        break
    return found, unvouched


def _measured(payload: bytes) -> tuple[datetime, list[UUID]]:
    """Until when a roll-up vouches for whom."""
    data = read(payload)["data"]
    return datetime.fromisoformat(data["ends_at"]), [UUID(each["monitor_id"]) for each in data["monitors"]]


async def _add_planned_work(uow: UnitOfWork, spool: Spool, evidence: MonthEvidence) -> None:
    """What was said of the windows in which environments were under maintenance, until that was over.

    Raises EvidenceIsIncomplete while a window was not heard of yet.
    """
    wanted: dict[UUID, datetime] = {}
    for environment_id, told in evidence.told.items():
        if told.maintenance is None:
            continue
        known = await windows_between(uow.session, evidence.client_id, *told.maintenance)
        covering = [each.state.window_id for each in known if each.state.covers(told.site_id, environment_id)]
        if not covering:
            raise EvidenceIsIncomplete("The planned work of the month was not heard of yet.")
        for window_id in covering:
            wanted[window_id] = max(wanted.get(window_id, told.until), told.until)
    for window_id, until in sorted(wanted.items()):
        said = (Event.aggregate_id == str(window_id)) & Event.name.like(PLANNED) & (Event.occurred_at < until)
        await add_events(uow, spool, "events", said)


def _response_times(evidence: MonthEvidence) -> dict[str, Any]:
    """How long each environment took to answer, in microseconds, of all hours that begin in the period."""
    start, end = evidence.period
    figures = [{"environment_id": str(each), **told._asdict()} for each, told in evidence.response_times.items()]
    return {"from": instant_text(start), "to": instant_text(end), "figures": figures}


def _held(figure: Mapping[str, Any], known: Collection[UUID]) -> dict[str, Any]:
    """The states, each with the events that are there: until they were kept, roll-ups left nothing but their id."""
    held = {
        name: [
            {**span, "event_ids": [each for each in span["event_ids"] if UUID(each) in known]} for span in figure[name]
        ]
        for name in SPANS
        if name in figure
    }
    return {**figure, **held}


async def _add_decisions(uow: UnitOfWork, spool: Spool, wanted: Collection[UUID]) -> None:
    """The approvals of these decisions, and nothing that was merely proposed: a client reads packs as well.

    Raises EvidenceIsIncomplete while one was said and not heard yet.
    """
    about = Event.aggregate_id.in_([str(each) for each in wanted])
    found = await add_events(uow, spool, "events", about & (Event.name == DECIDED)) if wanted else ()
    if len(found) != len(wanted):
        raise EvidenceIsIncomplete("The approval of a decision on an outage was not heard yet.")


async def signed_pack(
    uow: UnitOfWork,
    box: SecretBox,
    tenant_id: UUID,
    name: str,
    language: str,
    facts: Mapping[str, Any],
    zones: Collection[str],
    spool: Spool,
) -> Pack:
    """These files with a README, the verifier, these time zones, the tenant's keys, a manifest and its signature.

    Raises TooMuchEvidence.
    """
    signer = await signer_of(uow, box, tenant_id)
    keys = [key_line(key) for key in await keys_of_tenant(uow, tenant_id)]
    readme = evidence_words.readme(translator_for(None, None, language), facts["kind"], signer.key_id)
    spool.add("README.txt", readme)
    spool.add("keys.json", lines(keys))
    spool.add("verify.py", _verifier())
    for zone in sorted(zones):
        spool.add(ZONES + zone, zone_data(zone))
    described = manifest({"version": 1, "tenant_id": str(tenant_id), **facts}, spool.listed)
    signature = {"key_id": signer.key_id, "signature": signer.sign(evidence_statement(described))}
    spool.add(MANIFEST, described)
    spool.add(SIGNATURE, canonical(signature))
    return Pack(name, spool)


@cache
def _verifier() -> bytes:
    return Path(evidence_verifier.__file__).read_bytes()


def zone_data(name: str) -> bytes:
    """A time zone as this service computes with it, for whoever has none: the machine's, else the package's."""
    ZoneInfo(name)  # refuses what is none, and whatever leads elsewhere
    for folder in TZPATH:
        found = Path(folder, name)
        if found.is_file():
            return found.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", name).read_bytes()


def lines(items: Sequence[Mapping[str, Any]]) -> bytes:
    """A list in its one byte form."""
    return b"[" + b",".join(map(canonical, items)) + b"]"


def add_under(spool: Spool, folder: str, events: Mapping[UUID, bytes]) -> None:
    """Events as files of a folder. Raises TooMuchEvidence."""
    for event_id, payload in events.items():
        spool.add(f"{folder}/{event_id}.json", payload)


async def add_events(uow: UnitOfWork, spool: Spool, folder: str, wanted: ColumnElement[bool]) -> set[UUID]:
    """The envelopes as they were said, byte for byte, as files of a folder; gives their ids. Raises TooMuchEvidence."""
    found = set()
    query = select(Event.event_id, Event.payload).where(wanted).execution_options(yield_per=AT_A_TIME)
    rows = await uow.session.stream(query)
    try:
        async for row in rows:
            spool.add(f"{folder}/{row.event_id}.json", bytes(row.payload))
            found.add(row.event_id)
    finally:
        await rows.close()
    return found


async def events_where(uow: UnitOfWork, wanted: ColumnElement[bool]) -> dict[UUID, bytes]:
    """The envelopes as they were said, byte for byte. Raises TooMuchEvidence before it loads too much."""
    size = await uow.session.scalar(select(func.sum(func.octet_length(Event.payload))).where(wanted))
    if (size or 0) > MOST_BYTES:
        raise TooMuchEvidence
    rows = await uow.session.execute(select(Event.event_id, Event.payload).where(wanted))
    return {row.event_id: bytes(row.payload) for row in rows}
