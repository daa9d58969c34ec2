"""The ports over PostgreSQL. Row-level security narrows every query to the caller's tenant and client."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.announce import PublishingAnnouncer
from incidents.adapters.contract_state import ContractState, terms_of
from incidents.adapters.reading import reading_json
from incidents.adapters.records_reading import SqlRecords
from incidents.adapters.tables import (
    NOTIFICATIONS,
    AlertAddressesRow,
    ClockDueRow,
    ClockEventRow,
    ClockNoticeRow,
    ClockRow,
    ContractTermsRow,
    IncidentNumberRow,
    IncidentRow,
    StampRow,
    TimelineRow,
)
from incidents.application.ports import (
    ClockView,
    ContractFacts,
    ContractVersion,
    Entry,
    Notification,
    Ports,
    Recipient,
    StoredClock,
)
from incidents.domain.incident import Incident, Milestone, Severity, Source, Stamp, Status, Subject, Who
from incidents.domain.promises import ClockFact, ContractHistory, Metric
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


def ports_of(uow: UnitOfWork, default_recipients: Sequence[Recipient] = ()) -> Ports:
    """The ports of one unit of work. `default_recipients` are alerted for a tenant without addresses of its own."""
    return Ports(
        now=uow.now,
        incidents=SqlIncidents(uow),
        contracts=SqlContracts(uow),
        clocks=SqlClocks(uow),
        alerts=SqlAlerts(uow, default_recipients),
        records=SqlRecords(uow.session),
        announcer=PublishingAnnouncer(uow),
    )


class _Sql:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    @property
    def _session(self) -> AsyncSession:
        return self._uow.session

    @property
    def _tenant_id(self) -> UUID:
        tenant_id = self._uow.tenant_id
        if tenant_id is None:
            raise ValueError("rows are written in a unit of work of their tenant")
        return tenant_id


class SqlIncidents(_Sql):
    """`application.ports.Incidents`."""

    async def hold_contract(self, contract_id: UUID) -> None:
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(contract_id), 0))))

    async def next_sequence(self, year: int) -> int:
        row = insert(IncidentNumberRow).values(tenant_id=self._tenant_id, year=year, last=1)
        statement = row.on_conflict_do_update(
            index_elements=["tenant_id", "year"], set_={"last": IncidentNumberRow.last + 1}
        ).returning(IncidentNumberRow.last)
        return (await self._session.execute(statement)).scalar_one()

    async def of_outage(self, outage_id: UUID) -> Incident | None:
        return await self._locked(IncidentRow.outage_id == outage_id)

    async def lock(self, incident_id: UUID) -> Incident | None:
        return await self._locked(IncidentRow.id == incident_id)

    async def _locked(self, which: Any) -> Incident | None:
        statement = select(IncidentRow).where(which).with_for_update().execution_options(populate_existing=True)
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return await read_incident(self._session, row) if row is not None else None

    async def heeding(self, contract_id: UUID, since: datetime) -> list[UUID]:
        statement = (
            select(IncidentRow.id)
            .outerjoin(ClockDueRow, ClockDueRow.incident_id == IncidentRow.id)
            .where(IncidentRow.contract_id == contract_id)
            .where(or_(ClockDueRow.ended_at.is_(None), ClockDueRow.ended_at >= since))
            .distinct()
            .order_by(IncidentRow.id)
        )
        return list((await self._session.execute(statement)).scalars())

    async def add(self, incident: Incident, stamps: Iterable[Stamp], outage: Mapping[str, Any] | None) -> None:
        subject, source = incident.subject, incident.source
        self._session.add(
            IncidentRow(
                id=incident.id,
                tenant_id=self._tenant_id,
                client_id=subject.client_id,
                contract_id=subject.contract_id,
                site_id=subject.site_id,
                environment_id=subject.environment_id,
                counts_for_sla=subject.counts_for_sla,
                number=incident.number,
                title=incident.title,
                description=incident.description,
                severity=incident.severity,
                status=incident.status,
                cycle=incident.cycle,
                source_kind=source.kind,
                outage_id=source.outage_id,
                monitor_id=source.monitor_id,
                outage=dict(outage) if outage is not None else None,
                opened_at=incident.stamps[Milestone.OPENED].at,
                version=incident.version,
            )
        )
        await self._session.flush()
        await self._stamp(incident, stamps)

    async def complete_outage(self, incident_id: UUID, outage: Mapping[str, Any]) -> None:
        known = (
            await self._session.execute(select(IncidentRow.outage).where(IncidentRow.id == incident_id))
        ).scalar_one()
        # What was told first stays: the evidence of the beginning is not rewritten by the end.
        merged = {**outage, **(known or {})}
        if merged != known:
            await self._session.execute(update(IncidentRow).where(IncidentRow.id == incident_id).values(outage=merged))

    async def save(self, incident: Incident, stamps: Iterable[Stamp]) -> None:
        await self._session.execute(
            update(IncidentRow)
            .where(IncidentRow.id == incident.id)
            .values(status=incident.status, cycle=incident.cycle, version=incident.version)
        )
        await self._stamp(incident, stamps)

    async def _stamp(self, incident: Incident, stamps: Iterable[Stamp]) -> None:
        self._session.add_all(
            StampRow(
                incident_id=incident.id,
                cycle=incident.cycle,
                milestone=stamp.milestone,
                tenant_id=self._tenant_id,
                client_id=incident.subject.client_id,
                at=stamp.at,
                actor_kind=stamp.actor.kind,
                actor_id=stamp.actor.id,
                actor_name=stamp.actor.name,
                source=stamp.source,
                recorded_at=self._uow.now,
            )
            for stamp in stamps
        )
        await self._session.flush()

    async def has_told(self, incident_id: UUID, kind: str, outage_id: UUID) -> bool:
        statement = select(TimelineRow.id).where(
            TimelineRow.incident_id == incident_id,
            TimelineRow.kind == kind,
            TimelineRow.data["outage_id"].astext == str(outage_id),
        )
        return (await self._session.execute(statement.limit(1))).first() is not None

    async def tell(self, incident: Incident, entry: Entry) -> None:
        self._session.add(
            TimelineRow(
                id=new_id(),
                tenant_id=self._tenant_id,
                client_id=incident.subject.client_id,
                incident_id=incident.id,
                kind=entry.kind,
                audience=entry.audience,
                at=entry.at,
                recorded_at=self._uow.now,
                actor_kind=entry.actor.kind,
                actor_id=entry.actor.id,
                actor_name=entry.actor.name,
                source=entry.source,
                note=entry.note,
                data=dict(entry.data),
            )
        )
        await self._session.flush()


async def read_incident(session: AsyncSession, row: IncidentRow) -> Incident:
    """The incident of a row, with the stamps of its present cycle."""
    statement = select(StampRow).where(StampRow.incident_id == row.id, StampRow.cycle == row.cycle)
    stamps = {
        Milestone(stamp.milestone): Stamp(
            Milestone(stamp.milestone),
            stamp.at,
            Who(stamp.actor_kind, stamp.actor_id, stamp.actor_name),
            stamp.source,
        )
        for stamp in (await session.execute(statement)).scalars()
    }
    return Incident(
        id=row.id,
        number=row.number,
        subject=Subject(row.contract_id, row.client_id, row.site_id, row.environment_id, row.counts_for_sla),
        source=Source(row.source_kind, row.outage_id, row.monitor_id),
        title=row.title,
        description=row.description,
        severity=Severity(row.severity),
        status=Status(row.status),
        stamps=MappingProxyType(stamps),
        cycle=row.cycle,
        version=row.version,
    )


class SqlContracts(_Sql):
    """`application.ports.Contracts`."""

    async def keep(self, version: ContractVersion) -> bool:
        row = insert(ContractTermsRow).values(
            contract_id=version.contract_id,
            version=version.version,
            tenant_id=self._tenant_id,
            client_id=version.client_id,
            status=version.status,
            effective_from=version.effective_from,
            state=dict(version.state),
            received_at=self._uow.now,
        )
        statement = row.on_conflict_do_nothing().returning(ContractTermsRow.version)
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def history(self, contract_id: UUID) -> ContractHistory:
        statement = (
            select(cast(ContractTermsRow.state, Text))
            .where(ContractTermsRow.contract_id == contract_id)
            .order_by(ContractTermsRow.version)
        )
        return ContractHistory(tuple(terms_of(text) for text in (await self._session.execute(statement)).scalars()))

    async def newest(self, contract_id: UUID) -> ContractFacts | None:
        statement = (
            select(ContractTermsRow.state)
            .where(ContractTermsRow.contract_id == contract_id)
            .order_by(ContractTermsRow.version.desc())
            .limit(1)
        )
        state = (await self._session.execute(statement)).scalar_one_or_none()
        return ContractState.model_validate(state).facts() if state is not None else None


class SqlClocks(_Sql):
    """`application.ports.Clocks`."""

    async def of_incident(self, incident_id: UUID) -> list[StoredClock]:
        rows = await self._session.execute(
            select(ClockRow).where(ClockRow.incident_id == incident_id).execution_options(populate_existing=True)
        )
        clocks = {
            row.id: StoredClock(row.id, Metric(row.metric), row.version, facts=[], said=set(), told=row.told)
            for row in rows.scalars()
        }
        events = select(ClockEventRow).where(ClockEventRow.clock_id.in_(clocks)).order_by(ClockEventRow.id)
        for event in (await self._session.execute(events)).scalars():
            clocks[event.clock_id].facts.append(ClockFact(event.kind, event.at, event.pause_id, event.reason))
        notices = select(ClockNoticeRow).where(ClockNoticeRow.clock_id.in_(clocks))
        for notice in (await self._session.execute(notices)).scalars():
            clocks[notice.clock_id].said.add((notice.cycle, notice.kind, notice.percent))
        order = list(Metric)
        return sorted(clocks.values(), key=lambda clock: order.index(clock.metric))

    async def add(self, incident: Incident, metric: Metric) -> StoredClock:
        clock = StoredClock(new_id(), metric, version=0, facts=[], said=set())
        self._session.add(
            ClockRow(
                id=clock.id,
                tenant_id=self._tenant_id,
                client_id=incident.subject.client_id,
                incident_id=incident.id,
                contract_id=incident.subject.contract_id,
                metric=metric,
                version=0,
            )
        )
        await self._session.flush()
        return clock

    async def add_fact(
        self, incident: Incident, clock: StoredClock, name: str, fact: ClockFact, *, actor: Who, source: str
    ) -> None:
        row = insert(ClockEventRow).values(
            tenant_id=self._tenant_id,
            client_id=incident.subject.client_id,
            clock_id=clock.id,
            fact=name,
            kind=fact.kind,
            at=fact.at,
            pause_id=fact.pause_id,
            reason=fact.reason,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            source=source,
            recorded_at=self._uow.now,
        )
        statement = row.on_conflict_do_nothing(index_elements=["clock_id", "fact"]).returning(ClockEventRow.id)
        if (await self._session.execute(statement)).scalar_one_or_none() is not None:
            clock.facts.append(fact)

    async def cache(
        self, incident: Incident, view: ClockView, *, next_due_at: datetime | None, ended_at: datetime | None
    ) -> None:
        values: dict[str, Any] = {
            "state": view.reading.state,
            "reading": reading_json(view),
            "due_at": view.reading.due_at,
            "breach_after": view.reading.breach_after,
            "next_due_at": next_due_at,
            "ended_at": ended_at,
            "computed_at": self._uow.now,
        }
        row = insert(ClockDueRow).values(
            clock_id=view.id,
            tenant_id=self._tenant_id,
            client_id=incident.subject.client_id,
            incident_id=incident.id,
            metric=view.metric,
            **values,
        )
        await self._session.execute(row.on_conflict_do_update(index_elements=["clock_id"], set_=values))

    async def say(self, incident: Incident, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        cycle, kind, percent = notice
        self._session.add(
            ClockNoticeRow(
                clock_id=clock.id,
                cycle=cycle,
                kind=kind,
                percent=percent,
                tenant_id=self._tenant_id,
                client_id=incident.subject.client_id,
                at=at,
                said_at=self._uow.now,
            )
        )
        clock.said.add(notice)
        clock.version += 1
        await self._session.execute(update(ClockRow).where(ClockRow.id == clock.id).values(version=clock.version))
        await self._session.flush()

    async def remember_told(self, clock_id: UUID, told: Mapping[str, Any]) -> None:
        await self._session.execute(update(ClockRow).where(ClockRow.id == clock_id).values(told=dict(told)))


class SqlAlerts(_Sql):
    """`application.ports.Alerts`."""

    def __init__(self, uow: UnitOfWork, default_recipients: Sequence[Recipient]) -> None:
        super().__init__(uow)
        self._default_recipients = default_recipients

    async def agency(self) -> Sequence[Recipient]:
        statement = select(AlertAddressesRow.addresses).where(AlertAddressesRow.tenant_id == self._tenant_id)
        own = (await self._session.execute(statement)).scalar_one_or_none()
        if own is None:
            return self._default_recipients
        return [Recipient(address["email"], address["language"], "agency") for address in own]

    async def queue(self, incident: Incident, notifications: Iterable[Notification]) -> None:
        rows = [
            {
                "id": new_id(),
                "tenant_id": self._tenant_id,
                "client_id": incident.subject.client_id,
                "incident_id": incident.id,
                "kind": notification.kind,
                "fact": notification.fact,
                "channel": "mail",
                "audience": notification.recipient.audience,
                "recipient": notification.recipient.email,
                "language": notification.recipient.language,
                "details": dict(notification.details),
                "state": "pending",
                "attempts": 0,
                "created_at": self._uow.now,
                "next_attempt_at": self._uow.now,
            }
            for notification in notifications
        ]
        if rows:
            # Core, not ORM: RETURNING would make row-level security ask whether the caller may read these rows.
            await self._session.execute(insert(NOTIFICATIONS).values(rows).on_conflict_do_nothing())


async def drop_clock_cache(session: AsyncSession) -> None:
    """Empties the cache over the clocks; `refresh` fills it again from the facts."""
    await session.execute(delete(ClockDueRow))
