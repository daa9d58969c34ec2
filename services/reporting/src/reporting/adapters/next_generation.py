"""A rebuild in the database: what there is to read, how far it has come, and the switch to what it made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Table, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.adapters.kept_rows import Model
from reporting.adapters.rebuilt_tables import NEWER, PROJECTIONS, REBUILT, RebuildRow
from reporting.adapters.report_tables import ReportMonth
from reporting.adapters.response_times import sum_up_all_again
from reporting.adapters.rollups import RollupRow
from reporting.adapters.status_subscriptions import StatusWatch
from reporting.adapters.tables import Event, UptimePeriod
from shared.unit_of_work import UnitOfWork

STAGES: Final = ("streams", "events", "rollups", "meanwhile")
_PATIENCE: Final = "10s"
_ONE_AT_A_TIME: Final = text("select pg_advisory_xact_lock(hashtext('reporting rebuild'))")
_NOTHING_HEARD: Final = text("lock table reporting.event, reporting.rollup in share mode")
_LAST_HEARD: Final = text("select case when is_called then last_value else 0 end from reporting.heard")


@dataclass(frozen=True)
class Difference:
    """What the switch did to one projection; `unexplained` rows come from no event that is kept."""

    projection: str
    added: int
    changed: int
    unexplained: int


async def one_at_a_time(session: AsyncSession) -> None:
    """Begins a transaction of a rebuild: any other waits until it is over, before it holds anything itself.

    Statements may take as long as they take, and so may what is asked of the streams and computed between them. Locks
    that the service holds are not waited for.
    """
    # As long as a step takes: whoever waits here holds nothing that the other could wait for.
    await session.execute(text("set local statement_timeout = 0; set local lock_timeout = 0"))
    await session.execute(text("set local idle_in_transaction_session_timeout = 0"))
    await session.execute(_ONE_AT_A_TIME)
    await session.execute(text(f"set local lock_timeout = '{_PATIENCE}'"))


async def begin(uow: UnitOfWork, names: Sequence[str], *, anew: bool) -> RebuildRow:
    """The rebuild that is under way, or a new one. `names` are the events that it reads."""
    await one_at_a_time(uow.session)
    if anew:
        await uow.session.execute(delete(RebuildRow))
    row = await under_way(uow.session)
    if row is not None:
        return row
    await _forget(uow.session)
    counted = select(func.count()).select_from(Event).where(Event.name.in_(names)).scalar_subquery()
    whole = await uow.session.scalar(select(counted + select(func.count()).select_from(RollupRow).scalar_subquery()))
    row = RebuildRow(
        one=True,
        began_at=uow.now,
        stage=STAGES[0],
        heard=await nothing_heard(uow.session),
        position=None,
        streams={},
        done=0,
        whole=whole,
        restored=0,
    )
    uow.session.add(row)
    await uow.session.flush()
    return row


async def nothing_heard(session: AsyncSession) -> int:
    """Until the end of the transaction nothing more is heard; the number of what was heard last.

    Who is hearing something has it locked, and takes its number under that lock: what has a number up to there is
    there to read.
    """
    await session.execute(_NOTHING_HEARD)
    return int((await session.execute(_LAST_HEARD)).scalar_one())


async def under_way(session: AsyncSession) -> RebuildRow | None:
    """The rebuild, by a transaction that has its turn."""
    return await session.get(RebuildRow, True, populate_existing=True)


async def kept_events(session: AsyncSession, names: Sequence[str], after: UUID | None, limit: int) -> Sequence[Any]:
    """Events of these names as `(id, bytes)`, by id."""
    query = select(Event.event_id, Event.payload).where(Event.name.in_(names)).order_by(Event.event_id).limit(limit)
    return (await session.execute(query if after is None else query.where(Event.event_id > after))).all()


async def kept_rollups(session: AsyncSession, after: UUID | None, limit: int) -> Sequence[Any]:
    """Roll-ups as `(id, compressed bytes)`, by id."""
    row = RollupRow
    query = select(row.rollup_id, row.payload).order_by(row.rollup_id).limit(limit)
    return (await session.execute(query if after is None else query.where(row.rollup_id > after))).all()


async def heard_since(
    session: AsyncSession, names: Sequence[str], since: int, limit: int
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Events and roll-ups as `(number, bytes)` that were heard after a number, in the order of their numbers."""
    events = select(Event.heard, Event.payload).where(Event.name.in_(names), Event.heard > since)
    rollups = select(RollupRow.heard, RollupRow.payload).where(RollupRow.heard > since)
    return (
        (await session.execute(events.order_by(Event.heard).limit(limit))).all(),
        (await session.execute(rollups.order_by(RollupRow.heard).limit(limit))).all(),
    )


async def took_effect_and_is_lost(session: AsyncSession, event_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these took effect here and are not kept any more. What did not yet is the consumer's to hear."""
    found = await session.scalars(
        text(
            "select event_id from reporting.inbox i where consumer = 'reporting' and event_id = any(:ids)"
            " and not exists (select from reporting.event e where e.event_id = i.event_id)"
        ),
        {"ids": list(event_ids)},
    )
    return set(found)


async def switch(uow: UnitOfWork, *, remove: bool) -> list[Difference]:
    """Makes the projections what was rebuilt, and months and pages of the clients whose rows were otherwise due.

    Only what differs is written. A row that is there, or is newer, and comes from no event that is kept, stays unless
    it is to be removed. Until the commit readers see what was there before.
    """
    session = uow.session
    await session.execute(_BEGAN)
    touched: set[UUID] = set()
    found = []
    for model in PROJECTIONS:
        statements = _Statements(model)
        unexplained = int((await session.execute(text(statements.count_unexplained))).scalar_one())
        if remove and unexplained:
            touched |= set(await session.scalars(text(statements.remove)))
        added, changed = [
            list(await session.scalars(text(statement)))
            for statement in (statements.add, statements.change(only_newer=not remove))
        ]
        touched |= {*added, *changed}
        found.append(Difference(statements.present.name, len(added), len(changed), unexplained))
    await _due(uow, touched)
    # Days of response times follow from roll-ups alone, and nobody knows which of them those that came back were for.
    await sum_up_all_again(uow)
    await session.execute(delete(RebuildRow))
    await _forget(session)
    return found


_BEGAN: Final = text("""
    update reporting.rebuilt_contract c set began_at = v.began_at from (
        select contract_id, min(effective_from) as began_at
        from reporting.rebuilt_contract_version where status = 'active' group by contract_id
    ) v where v.contract_id = c.contract_id
""")


class _Statements:
    """The switch of one projection; each gives the clients of the rows that it writes."""

    def __init__(self, model: Model) -> None:
        self.present = cast(Table, model.__table__)
        self._rebuilt = REBUILT[model]
        self._newer = NEWER.get(model, ("version",))
        key = [column.name for column in self.present.primary_key]
        self._names = [column.name for column in self.present.columns]
        self._rest = [name for name in self._names if name not in key]
        self._same = " and ".join(f"p.{name} = r.{name}" for name in key)

    @property
    def _older(self) -> str:
        """The rebuilt row is older than the present one."""
        return f"({_of('r', self._newer)}) < ({_of('p', self._newer)})" if self._newer else "false"

    @property
    def count_unexplained(self) -> str:
        return (
            f"select count(*) from {self.present.fullname} p left join {self._rebuilt.fullname} r on {self._same}"  # noqa: S608
            f" where r.tenant_id is null or {self._older}"
        )

    @property
    def remove(self) -> str:
        return (
            f"delete from {self.present.fullname} p"  # noqa: S608
            f" where not exists (select from {self._rebuilt.fullname} r where {self._same}) returning client_id"
        )

    @property
    def add(self) -> str:
        return (
            f"insert into {self.present.fullname} ({', '.join(self._names)})"  # noqa: S608
            f" select {_of('r', self._names)} from {self._rebuilt.fullname} r"
            f" where not exists (select from {self.present.fullname} p where {self._same}) returning client_id"
        )

    def change(self, *, only_newer: bool) -> str:
        kept = f" and not ({self._older})" if only_newer else ""
        changes = ", ".join(f"{name} = r.{name}" for name in self._rest)
        return (
            f"update {self.present.fullname} p set {changes} from {self._rebuilt.fullname} r"  # noqa: S608
            f" where {self._same} and ({_of('p', self._rest)}) is distinct from ({_of('r', self._rest)}){kept}"
            " returning p.client_id"
        )


def _of(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


async def _due(uow: UnitOfWork, clients: set[UUID]) -> None:
    """Months that were measured, reports of what is over and pages that somebody watches are looked at again."""
    if not clients:
        return
    mine = list(clients)
    period, report, watch = UptimePeriod, ReportMonth, StatusWatch
    for statement in (
        update(period)
        .where(period.client_id.in_(mine), period.ends_at <= uow.now)
        .values(due_at=func.least(period.due_at, uow.now)),
        update(report)
        .where(report.client_id.in_(mine), report.ends_at <= uow.now)
        .values(due_at=func.least(report.due_at, uow.now)),
        update(watch).where(watch.client_id.in_(mine)).values(due_at=func.coalesce(watch.due_at, uow.now)),
    ):
        await uow.session.execute(statement)


async def _forget(session: AsyncSession) -> None:
    tables = ", ".join(table.fullname for table in REBUILT.values())
    await session.execute(text(f"truncate {tables}"))
