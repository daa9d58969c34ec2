"""Reading what was heard: one query per kind of fact, whatever the number of environments or incidents."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final, cast
from uuid import UUID

from sqlalchemy import DateTime, and_, func, or_, select

from reporting.adapters.history import DATA
from reporting.adapters.maintenance_windows import windows_between
from reporting.adapters.outage_decisions import decisions_of_contract
from reporting.adapters.page_settings import known_page, picture_by_hash, shown_contracts
from reporting.adapters.page_updates import page_changed_at, written_incidents, written_updates
from reporting.adapters.response_times import figures_by_day, figures_by_hour, sketches_between
from reporting.adapters.tables import (
    Client,
    ClockRow,
    Contract,
    ContractVersion,
    Event,
    Incident,
    Site,
    TransitionRow,
    VouchedRow,
)
from reporting.adapters.told_facts import StoredTold
from reporting.application.facts import (
    AnnouncedVerdict,
    ContractState,
    IncidentState,
    IncidentWord,
    KnownContract,
    KnownIncident,
    Names,
)
from reporting.application.maintenance import KnownWindow
from reporting.application.page_settings import KnownPage
from reporting.application.page_updates import WrittenIncident, WrittenUpdate
from reporting.domain.news import Flapping
from reporting.domain.reclassification import Decision, in_force
from reporting.domain.response_times import ResponseFigure
from reporting.domain.state_line import State, Transition, Vouched, with_silence
from shared.kernel.sketch import Sketch
from shared.unit_of_work import UnitOfWork

REOPENED: Final = "incidents.incident.reopened.v1"
FLAPPING: Final = "probes.monitor.flapping.v1"
SETTLED: Final = "probes.monitor.settled.v1"
VERDICTS: Final = {"incidents.clock.breached.v1": "breached", "incidents.clock.met.v1": "met"}
"""The events by which clocks announce their verdicts."""


class StoredFacts(StoredTold):
    """The facts that a unit of work may see; row-level security decides which those are."""

    def __init__(self, uow: UnitOfWork) -> None:
        super().__init__(uow)
        self._uow = uow

    async def versions(self, contract_id: UUID) -> Sequence[KnownContract]:
        """Every known version of a contract by number; empty when there is none that may be seen."""
        rows = await self._session.scalars(
            select(ContractVersion).where(ContractVersion.contract_id == contract_id).order_by(ContractVersion.version)
        )
        return [
            KnownContract(
                tenant_id=row.tenant_id,
                version=row.version,
                event_id=row.event_id,
                state=ContractState.model_validate(row.state),
            )
            for row in rows
        ]

    async def transitions(
        self, contract_id: UUID, start: datetime, until: datetime
    ) -> Mapping[UUID, Sequence[Transition]]:
        """By environment: the transitions before `until` that say something about `[start, until)`.

        Of each monitor from the last time on that it was up before `start`: a run of down time that reaches into the
        period must be seen whole, because a rule may forgive short ones.
        """
        row = TransitionRow
        last_up = (
            select(row.monitor_id, func.max(row.number).label("number"))
            .where(row.contract_id == contract_id, row.at <= start, row.entered == "up")
            .group_by(row.monitor_id)
            .subquery()
        )
        found = await self._session.scalars(
            select(row)
            .outerjoin(last_up, last_up.c.monitor_id == row.monitor_id)
            .where(
                row.contract_id == contract_id,
                or_(row.at < until, row.ended_since < until),
                or_(last_up.c.number.is_(None), row.number >= last_up.c.number),
            )
            .order_by(row.monitor_id, row.number)
        )
        by_environment: dict[UUID, list[Transition]] = {}
        for each in found:
            by_environment.setdefault(each.environment_id, []).append(
                Transition(
                    monitor_id=each.monitor_id,
                    number=each.number,
                    entered=cast(State, each.entered),
                    at=each.at,
                    event_id=each.event_id,
                    ended=cast(State | None, each.ended),
                    ended_since=each.ended_since,
                    outage_id=each.outage_id,
                    reason=each.reason,
                    gaps=tuple(
                        (datetime.fromisoformat(start), datetime.fromisoformat(end) if end is not None else None)
                        for start, end in each.gaps
                    ),
                    measures_availability=each.measures_availability,
                )
            )
        vouched = {
            row.monitor_id: Vouched(row.until, row.event_id)
            for row in await self._session.scalars(select(VouchedRow).where(VouchedRow.contract_id == contract_id))
        }
        return {environment_id: with_silence(known, vouched, until) for environment_id, known in by_environment.items()}

    async def decisions(self, contract_id: UUID, known_at: datetime) -> Sequence[Decision]:
        """The decisions on outages that were in force at an instant, the last approved first."""
        return in_force(await decisions_of_contract(self._uow, contract_id, known_at), known_at)

    async def incidents(self, contract_id: UUID, start: datetime, until: datetime) -> Sequence[KnownIncident]:
        """Incidents that began before `until` and were not resolved before `start`, oldest first.

        One that is over and not resolved may still have a promise to keep: a recovery answers nobody. With those that
        were reopened, or of which something was said after `until`, comes all that was said: the newest state is of the
        last cycle.
        """
        resolved_at = Incident.state["timestamps", "resolved", "at"].astext.cast(DateTime(timezone=True))
        rows = (
            await self._session.scalars(
                select(Incident)
                .where(
                    Incident.contract_id == contract_id,
                    Incident.began_at < until,
                    or_(resolved_at.is_(None), resolved_at >= start),
                )
                .order_by(Incident.began_at, Incident.incident_id)
            )
        ).all()
        ids = [row.incident_id for row in rows]
        events: dict[str, list[UUID]] = {}
        later: set[UUID] = set()
        for aggregate_id, event_id, name, occurred_at in await self._session.execute(
            select(Event.aggregate_id, Event.event_id, Event.name, Event.occurred_at)
            .where(and_(Event.aggregate_id.in_([str(each) for each in ids]), Event.name.like("incidents.incident.%")))
            .order_by(Event.aggregate_version)
        ):
            events.setdefault(aggregate_id, []).append(event_id)
            if occurred_at >= until or name == REOPENED:
                later.add(UUID(aggregate_id))
        words = await self._words(later)
        verdicts = await self._verdicts(
            {clock.clock_id for said in words.values() for word in said for clock in word.state.clocks}
        )
        announced: dict[UUID, dict[UUID, AnnouncedVerdict]] = {}
        for clock in await self._session.scalars(select(ClockRow).where(ClockRow.incident_id.in_(ids))):
            announced.setdefault(clock.incident_id, {})[clock.clock_id] = AnnouncedVerdict.model_validate(
                {
                    "clock_id": clock.clock_id,
                    "version": clock.version,
                    "verdict": clock.verdict,
                    "at": clock.at,
                    "event_id": clock.event_id,
                }
            )
        return [
            KnownIncident(
                state=IncidentState.model_validate(row.state),
                events=tuple(events.get(str(row.incident_id), ())),
                announced=announced.get(row.incident_id, {}),
                words=tuple(words.get(row.incident_id, ())),
                verdicts=tuple(verdicts.get(row.incident_id, ())),
            )
            for row in rows
        ]

    async def _words(self, incident_ids: Collection[UUID]) -> Mapping[UUID, Sequence[IncidentWord]]:
        """By incident: all that was said of it, by version."""
        if not incident_ids:
            return {}
        found: dict[UUID, list[IncidentWord]] = {}
        for event_id, at, data in await self._session.execute(
            select(Event.event_id, Event.occurred_at, DATA)
            .where(
                and_(
                    Event.aggregate_id.in_([str(each) for each in incident_ids]),
                    Event.name.like("incidents.incident.%"),
                )
            )
            .order_by(Event.aggregate_id, Event.aggregate_version)
        ):
            word = IncidentWord(event_id=event_id, at=at, state=IncidentState.model_validate(data))
            found.setdefault(word.state.incident_id, []).append(word)
        return found

    async def _verdicts(self, clock_ids: Collection[UUID]) -> Mapping[UUID, Sequence[AnnouncedVerdict]]:
        """By incident: every verdict that these clocks announced on their own, by version."""
        if not clock_ids:
            return {}
        found: dict[UUID, list[AnnouncedVerdict]] = {}
        for event_id, name, version, data in await self._session.execute(
            select(Event.event_id, Event.name, Event.aggregate_version, DATA)
            .where(Event.aggregate_id.in_([str(each) for each in clock_ids]), Event.name.in_(VERDICTS))
            .order_by(Event.aggregate_id, Event.aggregate_version)
        ):
            verdict = data | {"event_id": event_id, "version": version, "verdict": VERDICTS[name]}
            found.setdefault(UUID(data["incident_id"]), []).append(AnnouncedVerdict.model_validate(verdict))
        return found

    async def names(self, contract_id: UUID) -> Names:
        """The newest names of the contract's client, sites and environments."""
        client_id = select(Contract.client_id).where(Contract.contract_id == contract_id).scalar_subquery()
        clients = await self._session.execute(
            select(Client.client_id, Client.name).where(Client.client_id == client_id)
        )
        sites = (await self._session.scalars(select(Site).where(Site.client_id == client_id))).all()
        return Names(
            clients={row.client_id: row.name for row in clients},
            sites={site.site_id: site.name for site in sites},
            environments={
                UUID(environment_id): name for site in sites for environment_id, name in site.environment_names.items()
            },
        )

    async def maintenance(self, client_id: UUID, start: datetime, until: datetime) -> Sequence[KnownWindow]:
        """The windows of planned work of a client that may touch `[start, until)`."""
        return await windows_between(self._session, client_id, start, until)

    async def flapping(self, client_id: UUID, since: datetime) -> Sequence[Flapping]:
        """Of each of a client's monitors the last time that it began to go up and down, when that was not before
        `since`.
        """
        said = await self._session.execute(
            select(Event.event_id, Event.aggregate_id, Event.aggregate_version, Event.name, DATA)
            .where(Event.client_id == client_id, Event.occurred_at >= since, Event.name.in_((FLAPPING, SETTLED)))
            .order_by(Event.aggregate_id, Event.aggregate_version)
        )
        began: dict[str, tuple[UUID, datetime]] = {}
        settled: dict[str, tuple[int, str | None]] = {}
        for event_id, monitor_id, number, name, data in said:
            if name == FLAPPING:
                began[monitor_id] = event_id, datetime.fromisoformat(data["since"])
                settled.pop(monitor_id, None)
            elif monitor_id in began:
                settled[monitor_id] = number, data["outage_id"]
        row = TransitionRow
        found = []
        for monitor_id, (event_id, first) in began.items():
            number, last = settled.get(monitor_id, (None, None))
            outages = (
                select(row.outage_id)
                .where(row.monitor_id == UUID(monitor_id), row.outage_id.is_not(None))
                .group_by(row.outage_id)
                .having(func.max(row.at) >= first)
            )
            if number is not None:
                outages = outages.having(func.max(row.number) < number)
            ids = frozenset(str(outage_id) for outage_id in await self._session.scalars(outages))
            found.append(Flapping(str(event_id), ids, number is not None, last))
        return found

    async def response_hours(
        self, contract_id: UUID, start: datetime, end: datetime
    ) -> Mapping[UUID, Mapping[datetime, ResponseFigure]]:
        """By environment: response times of each hour that begins in `[start, end)`."""
        return await figures_by_hour(self._uow, contract_id, start, end)

    async def response_days(
        self, contract_id: UUID, zone: str, first: date
    ) -> Mapping[UUID, Mapping[date, ResponseFigure]]:
        """By environment: response times of each local day from `first` on, as far as days were summed up."""
        return await figures_by_day(self._uow, contract_id, zone, first)

    async def response_sketches(self, contract_id: UUID, start: datetime, end: datetime) -> Mapping[UUID, Sketch]:
        """By environment: response times of all hours that begin in `[start, end)`, as one sketch."""
        return await sketches_between(self._uow, contract_id, start, end)

    async def page(self, tenant_id: UUID, slug: str, client_id: UUID) -> KnownPage:
        """What an agency decided about a client's page at an address; the defaults as long as that is nothing."""
        return await known_page(self._session, tenant_id, slug, client_id)

    async def page_picture(self, tenant_id: UUID, client_id: UUID, digest: str) -> bytes | None:
        """The picture of a client's status page that has this hash; None when it has been replaced."""
        return await picture_by_hash(self._session, tenant_id, client_id, digest)

    async def page_incidents(
        self, tenant_id: UUID, slugs: Collection[str], client_id: UUID, since: datetime
    ) -> Sequence[WrittenIncident]:
        """What people put on a client's pages, unless it was withdrawn or they called it resolved before `since`."""
        return await written_incidents(self._session, tenant_id, slugs, client_id, since)

    async def page_updates(
        self, tenant_id: UUID, slugs: Collection[str], incident_ids: Collection[UUID]
    ) -> Mapping[UUID, Sequence[WrittenUpdate]]:
        """By incident of these pages: what people tell visitors of it, oldest first; what was withdrawn among it."""
        return await written_updates(self._session, tenant_id, slugs, incident_ids) if incident_ids else {}

    async def page_changed_at(self, tenant_id: UUID, slug: str, client_id: UUID) -> datetime | None:
        """When somebody last told visitors of a page something, took it back, planned work, or changed its settings."""
        return await page_changed_at(self._session, tenant_id, slug, client_id)

    async def contracts_of(self, client_id: UUID) -> Sequence[UUID]:
        """The contracts of a client."""
        his = select(Contract.contract_id).where(Contract.client_id == client_id).order_by(Contract.contract_id)
        return (await self._session.scalars(his)).all()

    async def contracts_on_page(self, slug: str, *, ended: bool = False) -> Sequence[UUID]:
        """The contracts shown on the public page of a slug, those of the one client to whom it belongs, in the order in
        which they began; `ended`: with those of his that were until they ended.

        A slug belongs to whoever's contract with it began first and has not ended; where all have ended, to the first.
        So nobody can take over a page by naming its slug in a contract of his own, whatever order events arrive in.
        """
        shown = shown_contracts().c
        rows = (
            await self._session.execute(
                select(shown.contract_id, shown.tenant_id, shown.client_id, shown.status)
                .where(shown.slug == slug)
                .order_by(shown.began_at, shown.contract_id)
            )
        ).all()
        if not rows:
            return []
        present = [row for row in rows if row.status in {"active", "suspended"}] or rows
        owner = present[0]
        return [
            row.contract_id
            for row in (rows if ended else present)
            if (row.tenant_id, row.client_id) == (owner.tenant_id, owner.client_id)
        ]
