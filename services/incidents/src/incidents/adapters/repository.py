"""The ports over PostgreSQL. Row-level security narrows every query to the caller's tenant and client."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.announce import PublishingAnnouncer
from incidents.adapters.channel_store import (
    Listening,
    listening,
    message_row,
    people_at,
    queue_messages,
    rows_for_channels,
)
from incidents.adapters.contract_state import facts_of, terms_of
from incidents.adapters.desk_tables import HandOverRow, LinkRow, PauseRow
from incidents.adapters.external_tickets import hand_over, pass_on
from incidents.adapters.files import SqlAttachments
from incidents.adapters.on_call_tables import EscalationRow
from incidents.adapters.person_messages import QueuedMessages
from incidents.adapters.reading import reading_json
from incidents.adapters.records_reading import SqlRecords
from incidents.adapters.search_tables import ITEM_FACTS
from incidents.adapters.tables import (
    CLOCK_DUE,
    AlertAddressesRow,
    ClockDueRow,
    ClockEventRow,
    ClockNoticeRow,
    ClockRow,
    ContractTermsRow,
    ItemNumberRow,
    JoinedOutageRow,
    StampRow,
    TimelineRow,
    WorkItemRow,
)
from incidents.application.people import Person
from incidents.application.ports import (
    ClockView,
    ContractFacts,
    ContractVersion,
    Entry,
    HandOver,
    Link,
    Notification,
    Pause,
    Ports,
    Recipient,
    StoredClock,
)
from incidents.domain.promises import ClockFact, ContractHistory, Metric, Terms
from incidents.domain.quiet_hours import QuietHours
from incidents.domain.work_item import (
    DONE,
    Category,
    Criticality,
    Impact,
    Kind,
    Milestone,
    Requester,
    ScopeVerdict,
    Source,
    Stamp,
    Status,
    Subject,
    Who,
    WorkItem,
)
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


def ports_of(uow: UnitOfWork, default_recipients: Sequence[Recipient] = ()) -> Ports:
    """The ports of one unit of work. `default_recipients` are alerted for a tenant without addresses of its own."""
    return _ports(uow, SqlContracts(uow), SqlClocks(uow), SqlAlerts(uow, default_recipients))


async def ports_ahead(uow: UnitOfWork, items: Sequence[WorkItem], default_recipients: Sequence[Recipient]) -> Ports:
    """The same for locked items that are about to be refreshed: what is asked of each is read of all together."""
    ports = contracts, clocks, alerts = SqlContracts(uow), SqlClocks(uow), SqlAlerts(uow, default_recipients)
    contract_ids = {item.subject.contract_id for item in items}
    await contracts.read_ahead(contract_ids)
    await clocks.read_ahead([item.id for item in items])
    await alerts.read_ahead(contract_ids)
    return _ports(uow, *ports)


def _ports(uow: UnitOfWork, contracts: "SqlContracts", clocks: "SqlClocks", alerts: "SqlAlerts") -> Ports:
    return Ports(
        now=uow.now,
        items=SqlItems(uow),
        contracts=contracts,
        clocks=clocks,
        alerts=alerts,
        records=SqlRecords(uow.session),
        attachments=SqlAttachments(uow),
        announcer=PublishingAnnouncer(uow),
    )


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When no clock was computed."""


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


class SqlItems(_Sql):
    """`application.ports.Items`."""

    async def hold_contract(self, contract_id: UUID) -> None:
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(contract_id), 0))))

    async def next_sequence(self, kind: Kind, year: int) -> int:
        row = insert(ItemNumberRow).values(tenant_id=self._tenant_id, year=year, kind=kind, last=1)
        statement = row.on_conflict_do_update(
            index_elements=["tenant_id", "year", "kind"], set_={"last": ItemNumberRow.last + 1}
        ).returning(ItemNumberRow.last)
        return (await self._session.execute(statement)).scalar_one()

    async def of_outage(self, outage_id: UUID) -> WorkItem | None:
        joined = select(JoinedOutageRow.item_id).where(JoinedOutageRow.outage_id == outage_id)
        return await self._locked(or_(WorkItemRow.outage_id == outage_id, WorkItemRow.id == joined.scalar_subquery()))

    async def join_outage(self, item: WorkItem, outage_id: UUID) -> None:
        self._session.add(
            JoinedOutageRow(
                outage_id=outage_id,
                tenant_id=self._tenant_id,
                client_id=item.subject.client_id,
                item_id=item.id,
                joined_at=self._uow.now,
            )
        )
        await self._session.flush()

    async def last_of_monitor(self, contract_id: UUID, monitor_id: UUID) -> WorkItem | None:
        newest = (
            select(WorkItemRow.id)
            .where(WorkItemRow.contract_id == contract_id, WorkItemRow.monitor_id == monitor_id)
            .order_by(WorkItemRow.opened_at.desc(), WorkItemRow.id.desc())
            .limit(1)
        )
        return await self._locked(WorkItemRow.id == newest.scalar_subquery())

    async def lock(self, item_id: UUID) -> WorkItem | None:
        return await self._locked(WorkItemRow.id == item_id)

    async def _locked(self, which: Any) -> WorkItem | None:
        # No key is changed: whoever only refers to the item, as every message and fact does, need not wait for us.
        locked = select(WorkItemRow).where(which).with_for_update(key_share=True)
        statement = locked.execution_options(populate_existing=True)
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return await read_item(self._session, row) if row is not None else None

    async def read(self, item_id: UUID) -> WorkItem | None:
        row = (await self._session.execute(select(WorkItemRow).where(WorkItemRow.id == item_id))).scalar_one_or_none()
        return await read_item(self._session, row) if row is not None else None

    async def heeding(self, contract_id: UUID, since: datetime) -> list[UUID]:
        statement = (
            select(WorkItemRow.id)
            .outerjoin(ClockDueRow, ClockDueRow.item_id == WorkItemRow.id)
            .where(WorkItemRow.contract_id == contract_id)
            .where(or_(ClockDueRow.ended_at.is_(None), ClockDueRow.ended_at >= since))
            .distinct()
            .order_by(WorkItemRow.id)
        )
        return list((await self._session.execute(statement)).scalars())

    async def add(self, item: WorkItem, stamps: Iterable[Stamp], outage: Mapping[str, Any] | None) -> None:
        subject, source = item.subject, item.source
        self._session.add(
            WorkItemRow(
                id=item.id,
                tenant_id=self._tenant_id,
                client_id=subject.client_id,
                contract_id=subject.contract_id,
                site_id=subject.site_id,
                environment_id=subject.environment_id,
                counts_for_sla=subject.counts_for_sla,
                number=item.number,
                title=item.title,
                description=item.description,
                source_kind=source.kind,
                outage_id=source.outage_id,
                monitor_id=source.monitor_id,
                outage=dict(outage) if outage is not None else None,
                opened_at=item.stamps[Milestone.OPENED].at,
                kind=item.kind,
                **_changing(item),
            )
        )
        await self._session.flush()
        await self._stamp(item, stamps)
        await hand_over(self._session, item, item.stamps[Milestone.OPENED].actor, self._uow.now)

    async def complete_outage(self, item_id: UUID, outage: Mapping[str, Any]) -> None:
        known = (await self._session.execute(select(WorkItemRow.outage).where(WorkItemRow.id == item_id))).scalar_one()
        # What was told first stays: the evidence of the beginning is not rewritten by the end.
        merged = {**outage, **(known or {})}
        if merged != known:
            await self._session.execute(update(WorkItemRow).where(WorkItemRow.id == item_id).values(outage=merged))

    async def save(self, item: WorkItem, stamps: Iterable[Stamp]) -> None:
        stamps = list(stamps)
        await self._session.execute(update(WorkItemRow).where(WorkItemRow.id == item.id).values(**_changing(item)))
        await self._stamp(item, stamps)

        if any(stamp.milestone is Milestone.REOPENED for stamp in stamps):
            # Nobody has been asked about it yet, whether it has clocks or not.
            again = update(EscalationRow).where(EscalationRow.item_id == item.id)
            await self._session.execute(again.values(watched=True, clocks_seen=_NEVER))

    async def _stamp(self, item: WorkItem, stamps: Iterable[Stamp]) -> None:
        self._session.add_all(
            StampRow(
                item_id=item.id,
                cycle=item.cycle,
                milestone=stamp.milestone,
                tenant_id=self._tenant_id,
                client_id=item.subject.client_id,
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

    async def has_told(self, item_id: UUID, kind: str, outage_id: UUID) -> bool:
        statement = select(TimelineRow.id).where(
            TimelineRow.item_id == item_id,
            TimelineRow.kind == kind,
            TimelineRow.data["outage_id"].astext == str(outage_id),
        )
        return (await self._session.execute(statement.limit(1))).first() is not None

    async def incidents_like(self, item: WorkItem, since: datetime, until: datetime) -> int:
        subject = item.subject
        statement = select(func.count()).where(
            WorkItemRow.kind == Kind.INCIDENT,
            WorkItemRow.contract_id == subject.contract_id,
            WorkItemRow.site_id.is_not_distinct_from(subject.site_id),
            WorkItemRow.environment_id.is_not_distinct_from(subject.environment_id),
            WorkItemRow.merged_into_id.is_(None),
            WorkItemRow.opened_at.between(since, until),
        )
        return (await self._session.execute(statement)).scalar_one()

    async def came_in(self, contract_id: UUID, since: datetime, severities: Iterable[str]) -> tuple[int, int]:
        statement = select(
            func.count().filter(WorkItemRow.severity.in_(list(severities))),
            func.count(),
        ).where(
            WorkItemRow.contract_id == contract_id,
            WorkItemRow.kind.in_([Kind.INCIDENT, Kind.REQUEST]),
            WorkItemRow.merged_into_id.is_(None),
            WorkItemRow.opened_at > since,
        )
        urgent, total = (await self._session.execute(statement)).one()
        return urgent, total

    async def waiting(self, contract_id: UUID) -> int:
        statement = select(func.count()).where(WorkItemRow.contract_id == contract_id, WorkItemRow.status.not_in(DONE))
        return (await self._session.execute(statement)).scalar_one()

    async def arbitrated(self, contract_id: UUID, since: datetime) -> bool:
        statement = (
            select(TimelineRow.id)
            .join(WorkItemRow, WorkItemRow.id == TimelineRow.item_id)
            .where(WorkItemRow.contract_id == contract_id)
            .where(TimelineRow.kind == "arbitration_required", TimelineRow.at > since)
            .limit(1)
        )
        return (await self._session.execute(statement)).first() is not None

    async def pauses(self, item_id: UUID) -> list[Pause]:
        statement = select(PauseRow).where(PauseRow.item_id == item_id).execution_options(populate_existing=True)
        ordered = statement.order_by(PauseRow.paused_at, PauseRow.id)
        return [pause_of(row) for row in (await self._session.execute(ordered)).scalars()]

    async def add_pause(self, item: WorkItem, pause: Pause) -> None:
        self._session.add(
            PauseRow(
                id=pause.id,
                tenant_id=self._tenant_id,
                client_id=item.subject.client_id,
                item_id=item.id,
                reason=pause.reason,
                allowed=pause.allowed,
                paused_at=pause.at,
                evidence=dict(pause.evidence),
                actor_kind=pause.actor.kind,
                actor_id=pause.actor.id,
                actor_name=pause.actor.name,
            )
        )
        await self._session.flush()

    async def end_pause(self, pause: Pause) -> None:
        by = pause.resumed_by
        await self._session.execute(
            update(PauseRow)
            .where(PauseRow.id == pause.id)
            .values(
                resumed_at=pause.resumed_at,
                answer=dict(pause.answer or {}),
                resumed_by_kind=by.kind if by else None,
                resumed_by_id=by.id if by else None,
                resumed_by_name=by.name if by else None,
            )
        )

    async def hand_overs(self, item_id: UUID) -> list[HandOver]:
        statement = select(HandOverRow).where(HandOverRow.item_id == item_id).order_by(HandOverRow.at, HandOverRow.id)
        return [HandOver(row.to_level, row.at) for row in (await self._session.execute(statement)).scalars()]

    async def add_hand_over(self, item: WorkItem, at: datetime, evidence: Mapping[str, Any], actor: Who) -> None:
        self._session.add(
            HandOverRow(
                tenant_id=self._tenant_id,
                client_id=item.subject.client_id,
                item_id=item.id,
                to_level=item.support_level,
                at=at,
                evidence=dict(evidence),
                actor_kind=actor.kind,
                actor_id=actor.id,
                actor_name=actor.name,
            )
        )
        await self._session.flush()

    async def links(self, item_id: UUID) -> list[Link]:
        statement = select(LinkRow).where(LinkRow.item_id == item_id).order_by(LinkRow.id)
        return [
            Link(row.id, row.kind, row.target_id, row.target)
            for row in (await self._session.execute(statement)).scalars()
        ]

    async def awaits_acceptance(self, item_id: UUID) -> bool:
        statement = (
            select(LinkRow.id)
            .join(WorkItemRow, WorkItemRow.id == LinkRow.item_id)
            .where(LinkRow.target_id == item_id, LinkRow.kind == "fixes")
            .where(WorkItemRow.kind == Kind.CHANGE, WorkItemRow.status == Status.DEPLOYED)
            .limit(1)
        )
        return (await self._session.execute(statement)).first() is not None

    async def add_link(self, item: WorkItem, link: Link, actor: Who) -> bool:
        row = insert(LinkRow).values(
            id=link.id,
            tenant_id=self._tenant_id,
            client_id=item.subject.client_id,
            item_id=item.id,
            kind=link.kind,
            target_id=link.target_id,
            target=link.target,
            created_at=self._uow.now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
        )
        statement = row.on_conflict_do_nothing().returning(LinkRow.id)
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def tell(self, item: WorkItem, entry: Entry) -> None:
        entry_id = new_id()
        whose = {
            "tenant_id": self._tenant_id,
            "client_id": item.subject.client_id,
            "item_id": item.id,
            "audience": entry.audience,
            "recorded_at": self._uow.now,
        }
        self._session.add(
            TimelineRow(
                id=entry_id,
                kind=entry.kind,
                at=entry.at,
                **whose,
                actor_kind=entry.actor.kind,
                actor_id=entry.actor.id,
                actor_name=entry.actor.name,
                source=entry.source,
                note=entry.note,
                data=dict(entry.data),
            )
        )
        self._uow.write_at_the_end(_ADD_FACT, {"entry_id": entry_id, **whose})
        await pass_on(self._session, item, entry_id, entry, self._uow.now)


_ADD_FACT = insert(ITEM_FACTS)


def _changing(item: WorkItem) -> dict[str, Any]:
    """The columns that a change of an item may touch."""
    return {
        "severity": item.severity,
        "status": item.status,
        "cycle": item.cycle,
        "version": item.version,
        "category": item.category,
        "impact": item.impact,
        "criticality": item.criticality,
        "requester": asdict(item.requester) if item.requester is not None else None,
        "assignee_id": item.assignee.id if item.assignee is not None else None,
        "assignee_name": item.assignee.name if item.assignee is not None else None,
        "support_level": item.support_level,
        "scope_verdict": item.scope_verdict,
        "decided_rank": item.decided_rank,
        "details": dict(item.details),
        "merged_into_id": item.merged_into_id,
        "duplicate_of_id": item.duplicate_of_id,
    }


async def read_item(session: AsyncSession, row: WorkItemRow) -> WorkItem:
    """The item of a row, with the stamps of its present cycle."""
    return (await read_items(session, [row]))[0]


async def read_items(session: AsyncSession, rows: Sequence[WorkItemRow]) -> list[WorkItem]:
    """The items of rows, each with the stamps of its present cycle."""
    present = tuple_(StampRow.item_id, StampRow.cycle).in_([(row.id, row.cycle) for row in rows])
    stamps: dict[UUID, dict[Milestone, Stamp]] = defaultdict(dict)
    for stamp in (await session.execute(select(StampRow).where(present))).scalars():
        milestone, by = Milestone(stamp.milestone), Who(stamp.actor_kind, stamp.actor_id, stamp.actor_name)
        stamps[stamp.item_id][milestone] = Stamp(milestone, stamp.at, by, stamp.source)
    return [_item_of(row, stamps[row.id]) for row in rows]


def _item_of(row: WorkItemRow, stamps: Mapping[Milestone, Stamp]) -> WorkItem:
    return WorkItem(
        id=row.id,
        number=row.number,
        subject=Subject(row.contract_id, row.client_id, row.site_id, row.environment_id, row.counts_for_sla),
        source=Source(row.source_kind, row.outage_id, row.monitor_id),
        title=row.title,
        description=row.description,
        severity=row.severity,
        status=Status(row.status),
        stamps=MappingProxyType(dict(stamps)),
        cycle=row.cycle,
        version=row.version,
        kind=Kind(row.kind),
        category=Category(row.category),
        impact=Impact(row.impact) if row.impact is not None else None,
        criticality=Criticality(row.criticality) if row.criticality is not None else None,
        requester=Requester(**row.requester) if row.requester is not None else None,
        assignee=Who("user", row.assignee_id, row.assignee_name or "") if row.assignee_id is not None else None,
        support_level=row.support_level,
        scope_verdict=ScopeVerdict(row.scope_verdict),
        decided_rank=row.decided_rank,
        details=MappingProxyType(row.details),
        merged_into_id=row.merged_into_id,
        duplicate_of_id=row.duplicate_of_id,
    )


def pause_of(row: PauseRow) -> Pause:
    """The pause of a row."""
    by = row.resumed_by_kind
    return Pause(
        row.id,
        row.reason,
        row.allowed,
        row.paused_at,
        Who(row.actor_kind, row.actor_id, row.actor_name),
        row.evidence,
        row.resumed_at,
        Who(by, row.resumed_by_id or "", row.resumed_by_name or "") if by is not None else None,
        row.answer,
    )


class SqlContracts(_Sql):
    """`application.ports.Contracts`."""

    def __init__(self, uow: UnitOfWork) -> None:
        super().__init__(uow)
        self._ahead: dict[UUID, ContractHistory] = {}

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
        known = self._ahead.get(contract_id)
        return known if known is not None else (await self._read([contract_id]))[contract_id]

    async def read_ahead(self, contract_ids: Collection[UUID]) -> None:
        """Reads histories with one statement; as they are now they stay, for this transaction."""
        self._ahead |= await self._read(contract_ids)

    async def _read(self, contract_ids: Collection[UUID]) -> dict[UUID, ContractHistory]:
        versions: dict[UUID, list[Terms]] = {contract_id: [] for contract_id in contract_ids}
        statement = (
            select(ContractTermsRow.contract_id, cast(ContractTermsRow.state, Text))
            .where(ContractTermsRow.contract_id.in_(versions))
            .order_by(ContractTermsRow.version)
        )
        for contract_id, text in await self._session.execute(statement):
            versions[contract_id].append(terms_of(text))
        return {contract_id: ContractHistory(tuple(terms)) for contract_id, terms in versions.items()}

    async def newest(self, contract_id: UUID) -> ContractFacts | None:
        return await self._newest(ContractTermsRow.contract_id == contract_id, ContractTermsRow.version)

    async def newest_of_client(self, client_id: UUID) -> ContractFacts | None:
        return await self._newest(ContractTermsRow.client_id == client_id, ContractTermsRow.effective_from)

    async def _newest(self, which: ColumnElement[bool], by: Any) -> ContractFacts | None:
        statement = select(cast(ContractTermsRow.state, Text)).where(which).order_by(by.desc()).limit(1)
        text = (await self._session.execute(statement)).scalar_one_or_none()
        return facts_of(text) if text is not None else None


class SqlClocks(_Sql):
    """`application.ports.Clocks`."""

    def __init__(self, uow: UnitOfWork) -> None:
        super().__init__(uow)
        self._rows: dict[UUID, ClockRow] = {}
        self._ahead: dict[UUID, list[StoredClock]] = {}

    async def of_item(self, item_id: UUID) -> list[StoredClock]:
        if item_id not in self._ahead:
            await self.read_ahead([item_id])
        return self._ahead.pop(item_id)

    async def read_ahead(self, item_ids: Sequence[UUID]) -> None:
        """Reads the clocks of items with few statements; the next time that an item's are asked for, they are these."""
        rows = await self._session.execute(
            select(ClockRow).where(ClockRow.item_id.in_(item_ids)).execution_options(populate_existing=True)
        )
        found = {row.id: row for row in rows.scalars()}
        clocks = {
            row.id: StoredClock(row.id, Metric(row.metric), row.version, facts=[], said=set(), told=row.told)
            for row in found.values()
        }
        events = select(ClockEventRow).where(ClockEventRow.clock_id.in_(clocks)).order_by(ClockEventRow.id)
        for event in (await self._session.execute(events)).scalars():
            fact = ClockFact(event.kind, event.at, event.pause_id, event.reason, event.severity)
            clocks[event.clock_id].facts.append(fact)
        notices = select(ClockNoticeRow).where(ClockNoticeRow.clock_id.in_(clocks))
        for notice in (await self._session.execute(notices)).scalars():
            clocks[notice.clock_id].said.add((notice.cycle, notice.kind, notice.percent))
        self._rows |= found
        self._ahead |= {item_id: [] for item_id in item_ids}
        order = list(Metric)
        for clock in sorted(clocks.values(), key=lambda clock: order.index(clock.metric)):
            self._ahead[found[clock.id].item_id].append(clock)

    async def add(self, item: WorkItem, metric: Metric) -> StoredClock:
        clock = StoredClock(new_id(), metric, version=0, facts=[], said=set())
        row = ClockRow(
            id=clock.id,
            tenant_id=self._tenant_id,
            client_id=item.subject.client_id,
            item_id=item.id,
            contract_id=item.subject.contract_id,
            metric=metric,
            version=0,
        )
        self._session.add(row)
        await self._session.flush()
        self._rows[clock.id] = row
        return clock

    async def add_fact(
        self, item: WorkItem, clock: StoredClock, name: str, fact: ClockFact, *, actor: Who, source: str
    ) -> None:
        row = insert(ClockEventRow).values(
            tenant_id=self._tenant_id,
            client_id=item.subject.client_id,
            clock_id=clock.id,
            fact=name,
            kind=fact.kind,
            at=fact.at,
            pause_id=fact.pause_id,
            reason=fact.reason,
            severity=fact.severity,
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
        self, item: WorkItem, view: ClockView, *, next_due_at: datetime | None, ended_at: datetime | None
    ) -> None:
        row = {
            "clock_id": view.id,
            "tenant_id": self._tenant_id,
            "client_id": item.subject.client_id,
            "item_id": item.id,
            "metric": view.metric,
            "state": view.reading.state,
            "reading": reading_json(view),
            "due_at": view.reading.due_at,
            "breach_after": view.reading.breach_after,
            "next_due_at": next_due_at,
            "ended_at": ended_at,
            "computed_at": self._uow.now,
        }
        self._uow.write_at_the_end(_CACHE, row)

    async def say(self, item: WorkItem, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        await self.note(item, clock, notice, at)
        clock.version += 1
        self._rows[clock.id].version = clock.version

    async def note(self, item: WorkItem, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        cycle, kind, percent = notice
        self._session.add(
            ClockNoticeRow(
                clock_id=clock.id,
                cycle=cycle,
                kind=kind,
                percent=percent,
                tenant_id=self._tenant_id,
                client_id=item.subject.client_id,
                at=at,
                said_at=self._uow.now,
            )
        )
        clock.said.add(notice)

    async def remember_told(self, clock_id: UUID, told: Mapping[str, Any]) -> None:
        self._rows[clock_id].told = dict(told)


_CACHED = insert(CLOCK_DUE)
_CACHE = _CACHED.on_conflict_do_update(
    index_elements=["clock_id"],
    set_={
        name: _CACHED.excluded[name]
        for name in ("state", "reading", "due_at", "breach_after", "next_due_at", "ended_at", "computed_at")
    },
)


_Person = tuple[UUID | None, QuietHours | None]
NOBODY: _Person = (None, None)
"""Nobody of the desk has the address, or two have."""


class SqlAlerts(_Sql):
    """`application.ports.Alerts`."""

    def __init__(self, uow: UnitOfWork, default_recipients: Sequence[Recipient]) -> None:
        super().__init__(uow)
        self._default_recipients = default_recipients
        self._agency: Sequence[Recipient] | None = None
        self._people: dict[str, _Person] = {}
        self._listening: dict[UUID, list[Listening]] = {}

    async def agency(self) -> Sequence[Recipient]:
        if self._agency is None:
            self._agency = await self._read_agency()
        return self._agency

    async def _read_agency(self) -> Sequence[Recipient]:
        statement = select(AlertAddressesRow.addresses).where(AlertAddressesRow.tenant_id == self._tenant_id)
        own = (await self._session.execute(statement)).scalar_one_or_none()
        if own is None:
            return self._default_recipients
        return [Recipient(address["email"], address["language"], "agency") for address in own]

    async def queue(self, item: WorkItem, notifications: Iterable[Notification]) -> None:
        told = list(notifications)
        people = await self._people_at({each.recipient.email.lower() for each in told})
        rows = []
        for each in told:
            is_ours = each.recipient.audience == "agency"
            person_id, quiet = people[each.recipient.email.lower()] if is_ours else NOBODY
            rows.append(
                message_row(
                    self._uow,
                    item,
                    each.kind,
                    fact=each.fact,
                    details=each.details,
                    recipient=each.recipient.email,
                    language=each.recipient.language,
                    audience=each.recipient.audience,
                    person_id=person_id,
                    not_before=quiet.until(self._uow.now, item.severity) if quiet is not None else None,
                )
            )
        queue_messages(self._uow, rows)

    async def _people_at(self, emails: set[str]) -> Mapping[str, _Person]:
        if unknown := emails - self._people.keys():
            self._people |= dict.fromkeys(unknown, NOBODY)
            self._people |= await people_at(self._session, unknown)
        return self._people

    async def tell_agency(self, kind: str, *, fact: str, contract_id: UUID | None, details: Mapping[str, Any]) -> None:
        people = [Person(None, each.email, each.email, each.language, each.audience) for each in await self.agency()]
        messages = QueuedMessages(self._uow)
        await messages.tell_agency(people, kind, fact=fact, contract_id=contract_id, details=details)

    async def queue_on_channels(self, item: WorkItem, kind: str, *, fact: str, details: Mapping[str, Any]) -> None:
        contract_id = item.subject.contract_id
        if contract_id not in self._listening:
            await self.read_ahead([contract_id])
        listeners = self._listening[contract_id]
        queue_messages(self._uow, rows_for_channels(self._uow, listeners, item, kind, fact=fact, details=details))

    async def read_ahead(self, contract_ids: Collection[UUID]) -> None:
        """Reads with one statement who is told on channels of what happens under these contracts."""
        found = await listening(self._uow, contract_ids)
        self._listening |= dict.fromkeys(contract_ids, found)


async def drop_clock_cache(session: AsyncSession) -> None:
    """Empties the cache over the clocks; `refresh` fills it again from the facts."""
    await session.execute(delete(ClockDueRow))
