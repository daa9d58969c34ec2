"""People, schedules, escalations and gaps over PostgreSQL: the ports, and what the routes read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.contract_state import ContractState, terms_of
from incidents.adapters.cover_terms import contacts_with_role, promises_every_hour
from incidents.adapters.on_call_tables import (
    CoverGapRow,
    CoverLookRow,
    EscalationLevelRow,
    EscalationRow,
    OverrideRow,
    PersonRow,
    PolicyRow,
    PolicyVersionRow,
    QuietHoursRow,
    RotaRow,
    ScheduleRow,
)
from incidents.adapters.person_messages import QueuedMessages
from incidents.adapters.repository import SqlAlerts, ports_of
from incidents.adapters.tables import ContractTermsRow, TimelineRow
from incidents.application.definitions import PolicyDefinition, QuietHoursDefinition, layers_of
from incidents.application.escalations import EscalationPorts, Snapshot
from incidents.application.on_call import CoverPorts, WatchedContract
from incidents.application.people import Person
from incidents.application.ports import UPHELD, Recipient
from incidents.domain.cover_gaps import Because, Bounds, Finding
from incidents.domain.escalation import Policy
from incidents.domain.on_call import Override, Rota, Schedule
from incidents.domain.promises import ContractHistory
from incidents.domain.work_item import WorkItem
from incidents.published.on_call import CoverGap, OnCallCovered, OnCallUncovered
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


def escalation_ports(uow: UnitOfWork, default_recipients: Sequence[Recipient]) -> EscalationPorts:
    """The ports of one unit of work."""
    return EscalationPorts(
        desk=ports_of(uow, default_recipients),
        escalations=SqlEscalations(uow),
        people=SqlPeople(uow),
        messages=QueuedMessages(uow),
    )


def cover_ports(uow: UnitOfWork, default_recipients: Sequence[Recipient]) -> CoverPorts:
    """The ports of one unit of work."""
    return CoverPorts(now=uow.now, cover=SqlCover(uow, default_recipients), messages=QueuedMessages(uow))


# --- People ----------------------------------------------------------------------------------------------------------


class SqlPeople:
    """`application.people.People`."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._session = uow.session

    async def known(self, person_ids: Sequence[UUID]) -> Mapping[UUID, Person]:
        found = await self._people(PersonRow.id.in_(person_ids))
        return {person.id: person for person in found if person.id is not None}

    async def with_role(self, contract_id: UUID, role: str) -> Sequence[Person]:
        people = await self._people(PersonRow.roles.contains([role]))
        newest = (
            select(ContractTermsRow.state)
            .where(ContractTermsRow.contract_id == contract_id)
            .order_by(ContractTermsRow.version.desc())
            .limit(1)
        )
        state = (await self._session.execute(newest)).scalar_one_or_none()
        return [*people, *(contacts_with_role(state, role) if state is not None else ())]

    async def _people(self, which: Any) -> list[Person]:
        statement = (
            select(PersonRow, QuietHoursRow.hours)
            .outerjoin(QuietHoursRow, QuietHoursRow.person_id == PersonRow.id)
            .where(which, PersonRow.removed_at.is_(None))
            .order_by(PersonRow.id)
        )
        return [
            Person(
                id=row.id,
                name=row.name,
                email=row.email,
                language=row.language,
                quiet=QuietHoursDefinition.model_validate(hours).quiet_hours() if hours is not None else None,
            )
            for row, hours in await self._session.execute(statement)
        ]


def people() -> Select[PersonRow]:
    """The people of the desk, unordered."""
    return select(PersonRow).where(PersonRow.removed_at.is_(None))


async def person(session: AsyncSession, person_id: UUID, *, lock: bool = False) -> PersonRow | None:
    """One of them; None when there is none that one may see."""
    statement = people().where(PersonRow.id == person_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def quiet_hours(session: AsyncSession, person_id: UUID) -> QuietHoursRow | None:
    """None while he has set none."""
    return (
        await session.execute(select(QuietHoursRow).where(QuietHoursRow.person_id == person_id))
    ).scalar_one_or_none()


async def names(session: AsyncSession, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What these people are called, those who were removed too."""
    statement = select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(set(person_ids)))
    return {row.id: row.name for row in await session.execute(statement)}


async def hold_people(session: AsyncSession, person_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these who are people of the desk; none of them is removed before the transaction ends."""
    statement = select(PersonRow.id).where(PersonRow.id.in_(set(person_ids)), PersonRow.removed_at.is_(None))
    return set((await session.execute(statement.with_for_update(read=True))).scalars())


async def known_contracts(session: AsyncSession, contract_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these that contracts told us of."""
    statement = select(ContractTermsRow.contract_id).where(ContractTermsRow.contract_id.in_(set(contract_ids)))
    return set((await session.execute(statement.distinct())).scalars())


async def use_of_person(session: AsyncSession, person_id: UUID, now: datetime) -> str | None:
    """The name of a schedule or policy that names a person now; None when he may be removed."""
    for schedule in (await session.execute(schedules())).scalars():
        layers = await _newest_layers(session, schedule)
        if any(str(person_id) in layer["rotation"]["person_ids"] for layer in layers):
            return schedule.name
    ahead = select(ScheduleRow.name).join(OverrideRow, OverrideRow.schedule_id == ScheduleRow.id)
    ahead = ahead.where(
        OverrideRow.person_id == person_id,
        OverrideRow.cancelled_at.is_(None),
        OverrideRow.ends_at > now,
        ScheduleRow.removed_at.is_(None),
    )
    name = (await session.execute(ahead.limit(1))).scalar_one_or_none()
    return name or await use_in_policies(session, "person_id", person_id)


# --- Schedules -------------------------------------------------------------------------------------------------------


def schedules() -> Select[ScheduleRow]:
    """The schedules that were not removed, unordered."""
    return select(ScheduleRow).where(ScheduleRow.removed_at.is_(None))


async def schedule(session: AsyncSession, schedule_id: UUID, *, lock: bool = False) -> ScheduleRow | None:
    """One of them; None when there is none that one may see."""
    statement = schedules().where(ScheduleRow.id == schedule_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def _newest_layers(session: AsyncSession, row: ScheduleRow) -> list[dict[str, Any]]:
    return (await session.get_one(RotaRow, (row.id, row.version))).layers


async def layers_as_written(session: AsyncSession, rows: Sequence[ScheduleRow]) -> dict[UUID, list[dict[str, Any]]]:
    """The present layers of schedules, as they were written."""
    statement = (
        select(RotaRow.schedule_id, RotaRow.layers)
        .join(ScheduleRow, (ScheduleRow.id == RotaRow.schedule_id) & (ScheduleRow.version == RotaRow.version))
        .where(RotaRow.schedule_id.in_([row.id for row in rows]))
    )
    return {found.schedule_id: found.layers for found in await session.execute(statement)}


async def read_schedules(session: AsyncSession, rows: Sequence[ScheduleRow]) -> dict[UUID, Schedule]:
    """Schedules with everything that they ever said."""
    ids = [row.id for row in rows]
    rotas: dict[UUID, list[Rota]] = {each: [] for each in ids}
    said = select(RotaRow).where(RotaRow.schedule_id.in_(ids)).order_by(RotaRow.version)
    for rota in (await session.execute(said)).scalars():
        rotas[rota.schedule_id].append(Rota(rota.effective_from, layers_of(rota.layers)))
    overrides: dict[UUID, list[Override]] = {each: [] for each in ids}
    made = select(OverrideRow).where(OverrideRow.schedule_id.in_(ids)).order_by(OverrideRow.created_at, OverrideRow.id)
    for row in (await session.execute(made)).scalars():
        end = min(row.ends_at, row.cancelled_at) if row.cancelled_at is not None else row.ends_at
        if row.starts_at < end:
            overrides[row.schedule_id].append(Override(row.id, row.person_id, row.starts_at, end))
    return {each: Schedule(tuple(rotas[each]), tuple(overrides[each])) for each in ids}


async def in_charge(session: AsyncSession, contract_id: UUID) -> list[Schedule]:
    """The schedules that cover a contract, in the order in which they were made."""
    covering = or_(ScheduleRow.contract_ids.contains([contract_id]), func.cardinality(ScheduleRow.contract_ids) == 0)
    rows = list((await session.execute(schedules().where(covering).order_by(ScheduleRow.id))).scalars())
    read = await read_schedules(session, rows)
    return [read[row.id] for row in rows]


def overrides(schedule_id: UUID) -> Select[OverrideRow]:
    """The overrides of a schedule, cancelled ones too, unordered."""
    return select(OverrideRow).where(OverrideRow.schedule_id == schedule_id)


async def override(session: AsyncSession, schedule_id: UUID, override_id: UUID) -> OverrideRow | None:
    """One of them, locked until the transaction ends."""
    statement = overrides(schedule_id).where(OverrideRow.id == override_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


# --- Escalation ------------------------------------------------------------------------------------------------------


def policies() -> Select[tuple[PolicyRow, dict[str, Any]]]:
    """The policies that were not removed, each with what it says now, unordered."""
    return (
        select(PolicyRow, PolicyVersionRow.policy)
        .join(
            PolicyVersionRow,
            (PolicyVersionRow.policy_id == PolicyRow.id) & (PolicyVersionRow.version == PolicyRow.version),
        )
        .where(PolicyRow.removed_at.is_(None))
    )


async def policy(session: AsyncSession, policy_id: UUID, *, lock: bool = False) -> PolicyRow | None:
    """One of them; None when there is none that one may see."""
    statement = select(PolicyRow).where(PolicyRow.id == policy_id, PolicyRow.removed_at.is_(None))
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def use_in_policies(session: AsyncSession, key: str, value: UUID) -> str | None:
    """The name of a policy in which a target names this; None when none does."""
    for _, written in await session.execute(policies()):
        if any(target[key] == str(value) for level in written["levels"] for target in level["notify"]):
            return str(written["name"])
    return None


async def escalation(session: AsyncSession, item_id: UUID) -> EscalationRow | None:
    """The escalation of an item; None before it was frozen."""
    return (await session.execute(select(EscalationRow).where(EscalationRow.item_id == item_id))).scalar_one_or_none()


async def escalation_levels(session: AsyncSession, item_id: UUID) -> Sequence[EscalationLevelRow]:
    """Its levels in order."""
    statement = select(EscalationLevelRow).where(EscalationLevelRow.item_id == item_id)
    return (await session.execute(statement.order_by(EscalationLevelRow.level))).scalars().all()


def frozen_policy(row: EscalationRow) -> Policy | None:
    """The policy of an item as it was when the item opened."""
    if row.policy is None or row.policy_id is None or row.policy_version is None:
        return None
    return PolicyDefinition.model_validate(row.policy).policy(row.policy_id, row.policy_version)


class SqlEscalations:
    """`application.escalations.Escalations`."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._session = uow.session

    async def of_item(self, incident: WorkItem) -> Snapshot | None:
        row = await escalation(self._session, incident.id)
        if row is None:
            return None
        levels = await escalation_levels(self._session, incident.id)
        return Snapshot(frozen_policy(row), {each.level: each.fired_at for each in levels if each.fired_at is not None})

    async def severity_at_opening(self, incident: WorkItem) -> str:
        judged_anew = (
            select(TimelineRow.data["before"].astext)
            .where(TimelineRow.item_id == incident.id, TimelineRow.kind == "classified")
            .where(TimelineRow.actor_kind != UPHELD.kind)  # the contract calls the same severity by another name
            .order_by(TimelineRow.recorded_at, TimelineRow.id)
            .limit(1)
        )
        return (await self._session.execute(judged_anew)).scalar_one_or_none() or incident.severity

    async def policies(self, at: datetime) -> Sequence[Policy]:
        """Of each policy the newest version by then, unless it had been removed."""
        statement = (
            select(PolicyVersionRow)
            .join(PolicyRow, PolicyRow.id == PolicyVersionRow.policy_id)
            .where(PolicyVersionRow.effective_from <= at)
            .where(or_(PolicyRow.removed_at.is_(None), PolicyRow.removed_at > at))
            .ext(distinct_on(PolicyVersionRow.policy_id))
            .order_by(PolicyVersionRow.policy_id, PolicyVersionRow.version.desc())
        )
        return [
            PolicyDefinition.model_validate(row.policy).policy(row.policy_id, row.version)
            for row in (await self._session.execute(statement)).scalars()
        ]

    async def freeze(self, incident: WorkItem, policy: Policy | None) -> None:
        written = None
        if policy is not None:
            version = await self._session.get_one(PolicyVersionRow, (policy.id, policy.version))
            written = version.policy
        whose = {"tenant_id": self._uow.tenant_id, "client_id": incident.subject.client_id}
        self._session.add(
            EscalationRow(
                item_id=incident.id,
                policy_id=policy.id if policy is not None else None,
                policy_version=policy.version if policy is not None else None,
                policy=written,
                frozen_at=self._uow.now,
                watched=policy is not None,
                **whose,
            )
        )
        await self._session.flush()
        self._session.add_all(
            EscalationLevelRow(item_id=incident.id, level=level.number, told=[], **whose)
            for level in (policy.levels if policy is not None else ())
        )
        await self._session.flush()

    async def note_due(self, incident: WorkItem, due: Mapping[int, datetime | None]) -> None:
        for level, at in due.items():
            await self._session.execute(
                update(EscalationLevelRow)
                .where(EscalationLevelRow.item_id == incident.id, EscalationLevelRow.level == level)
                .where(EscalationLevelRow.due_at.is_distinct_from(at) | EscalationLevelRow.fired_at.is_not(None))
                .values(due_at=at, fired_at=None, outcome=None, told=[])
            )

    async def note_fired(
        self, incident: WorkItem, level: int, due: datetime, outcome: str, told: Sequence[Mapping[str, Any]]
    ) -> None:
        await self._session.execute(
            update(EscalationLevelRow)
            .where(EscalationLevelRow.item_id == incident.id, EscalationLevelRow.level == level)
            .values(due_at=due, fired_at=self._uow.now, outcome=outcome, told=[dict(each) for each in told])
        )

    async def schedule(self, schedule_id: UUID) -> Schedule | None:
        row = await schedule(self._session, schedule_id)
        return (await read_schedules(self._session, [row]))[row.id] if row is not None else None

    async def in_charge(self, contract_id: UUID) -> Sequence[Schedule]:
        return await in_charge(self._session, contract_id)


# --- Gaps ------------------------------------------------------------------------------------------------------------


async def look_again(uow: UnitOfWork) -> None:
    """The cover of every contract of the tenant is looked at again: who is there has changed."""
    await uow.session.execute(
        update(CoverLookRow).where(CoverLookRow.tenant_id == uow.tenant_id).values(due_at=uow.now)
    )


def gaps() -> Select[CoverGapRow]:
    """What was found about the cover, cleared or not, unordered."""
    return select(CoverGapRow)


class SqlCover:
    """`application.on_call.Cover`."""

    def __init__(self, uow: UnitOfWork, default_recipients: Sequence[Recipient]) -> None:
        self._uow = uow
        self._session = uow.session
        self._alerts = SqlAlerts(uow, default_recipients)

    async def contract(self, contract_id: UUID) -> WatchedContract:
        statement = (
            select(ContractTermsRow.version, ContractTermsRow.state, cast(ContractTermsRow.state, Text).label("text"))
            .where(ContractTermsRow.contract_id == contract_id)
            .order_by(ContractTermsRow.version)
        )
        rows = [tuple(row) for row in await self._session.execute(statement)]
        newest = ContractState.model_validate(rows[-1][1]).facts()
        return WatchedContract(
            contract_id=contract_id,
            client_id=newest.client_id,
            number=newest.number,
            client_name=newest.client_name,
            time_zone=newest.time_zone,
            history=ContractHistory(tuple(terms_of(text) for _, _, text in rows)),
            round_the_clock=frozenset(version for version, state, _ in rows if promises_every_hour(state)),
        )

    async def in_charge(self, contract_id: UUID) -> Sequence[Schedule]:
        return await in_charge(self._session, contract_id)

    async def people(self, person_ids: Collection[UUID]) -> Mapping[UUID, Person]:
        return await SqlPeople(self._uow).known(list(person_ids))

    async def findings(self, contract_id: UUID) -> Sequence[Finding]:
        statement = select(CoverGapRow).where(CoverGapRow.contract_id == contract_id, CoverGapRow.cleared_at.is_(None))
        return [
            Finding(row.id, row.starts_at, row.ends_at) for row in (await self._session.execute(statement)).scalars()
        ]

    async def add(self, contract: WatchedContract, bounds: Bounds) -> None:
        row = CoverGapRow(
            id=new_id(),
            tenant_id=self._uow.tenant_id,
            client_id=contract.client_id,
            contract_id=contract.contract_id,
            starts_at=bounds.starts_at,
            ends_at=bounds.ends_at,
            opened_at=self._uow.now,
            version=1,
        )
        self._session.add(row)
        self._uow.publish(OnCallUncovered.model_validate(_told(row)), version=row.version)

    async def move(self, contract: WatchedContract, finding: Finding, bounds: Bounds) -> None:
        row = await self._session.get_one(CoverGapRow, finding.id)
        row.starts_at, row.ends_at, row.version = bounds.starts_at, bounds.ends_at, row.version + 1
        self._uow.publish(OnCallUncovered.model_validate(_told(row)), version=row.version)

    async def clear(self, contract: WatchedContract, finding: Finding, because: Because) -> None:
        row = await self._session.get_one(CoverGapRow, finding.id)
        row.cleared_at, row.cleared_because, row.version = self._uow.now, because.value, row.version + 1
        told = _told(row) | {"because": because.value, "cleared_at": row.cleared_at}
        self._uow.publish(OnCallCovered.model_validate(told), version=row.version)

    async def agency(self) -> Sequence[Person]:
        return [
            Person(None, recipient.email, recipient.email, recipient.language, recipient.audience)
            for recipient in await self._alerts.agency()
        ]


def _told(row: CoverGapRow) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in CoverGap.model_fields if name != "gap_id"}
    return told | {"gap_id": row.id}
