"""Response times as rows: days that were summed up, the hours that are to be, and the roll-ups that both are made of.

What probes told of an hour lies in its roll-up (`adapters/rollups.py`), byte for byte. A day is the sketches of its
hours, merged; it can be made again from the roll-ups at any time, and what reads days reads the hours of those that
are not made yet.
"""

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Index, Integer, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.rollups import RollupRow
from reporting.adapters.tables import Base, ContractVersion
from reporting.domain.response_times import ResponseFigure, figure_of, merged_by_environment
from shared.kernel.calendar import opening_instant
from shared.kernel.sketch import Sketch, as_text, from_text
from shared.unit_of_work import UnitOfWork

log = structlog.get_logger()

HOUR: Final = timedelta(hours=1)
HOURS_AT_ONCE: Final = 48
_LONE_WORKER: Final = text("select pg_try_advisory_xact_lock(hashtext('reporting response days'))")


class ResponseDue(Base):
    """An hour that is to be summed up with its day. `asked` only makes whoever asks wait for whoever works on it."""

    __tablename__ = "response_due"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    asked: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("ix_response_due_starts_at", "starts_at"),)


class ResponseDay(Base):
    """A local day of a contract: by environment its figures `[checks, p50, p95, p99]` (microseconds) and its sketch."""

    __tablename__ = "response_day"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    ends_at: Mapped[datetime]
    time_zone: Mapped[str]
    day: Mapped[date]
    figures: Mapped[dict[str, Any]]
    sketches: Mapped[dict[str, Any]] = mapped_column(deferred=True)


@dataclass(frozen=True, slots=True)
class DueHours:
    """Hours of one contract that are to be summed up, with what its days are cut by."""

    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    zone: ZoneInfo
    hours: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class _Told:
    """What an hour was told with of one page: its figures, and the text of its sketch."""

    figure: ResponseFigure
    sketch: str


class KnownHours:
    """Figures of hours that were unpacked lately, by the events that told them: those never say anything else.

    At most `most` figures, some 300 bytes each; the hour that was not asked for the longest goes first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._hours: OrderedDict[tuple[UUID, ...], Mapping[UUID, ResponseFigure]] = OrderedDict()
        self._size = 0

    def get(self, events: tuple[UUID, ...]) -> Mapping[UUID, ResponseFigure] | None:
        """The figures of an hour by environment, or None when they are not known any more."""
        found = self._hours.get(events)
        if found is not None:
            self._hours.move_to_end(events)
        return found

    def keep(self, events: tuple[UUID, ...], figures: Mapping[UUID, ResponseFigure]) -> None:
        """Remembers the figures of an hour."""
        self._forget(events)
        self._hours[events] = figures
        self._size += _weight(figures)
        while self._size > self._most:
            self._forget(next(iter(self._hours)))

    def _forget(self, events: tuple[UUID, ...]) -> None:
        self._size -= _weight(self._hours.pop(events, None))


def _weight(figures: Mapping[UUID, ResponseFigure] | None) -> int:
    """What an hour without a figure takes is not nothing."""
    return 0 if figures is None else len(figures) + 1


_KNOWN_HOURS: Final = KnownHours(100_000)


async def sum_up_later(uow: UnitOfWork, tenant_id: UUID, client_id: UUID, contract_id: UUID, at: datetime) -> None:
    """In the transaction of a roll-up: the day in which its hour begins is to be made again."""
    row = insert(ResponseDue).values(
        {"contract_id": contract_id, "starts_at": at, "tenant_id": tenant_id, "client_id": client_id, "asked": 1}
    )
    # An update, not nothing: it waits for a transaction that is at this hour, and then it is asked for anew.
    await uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["contract_id", "starts_at"], set_={"asked": ResponseDue.asked + row.excluded.asked}
        )
    )


_EVERY_DAY: Final = text("""
    insert into reporting.response_due as due (contract_id, starts_at, tenant_id, client_id, asked)
    select distinct on (r.contract_id, (r.starts_at at time zone (c.state #>> '{client,time_zone}'))::date)
        r.contract_id, r.starts_at, r.tenant_id, r.client_id, 1
    from reporting.rollup r join reporting.contract c using (contract_id)
    order by r.contract_id, (r.starts_at at time zone (c.state #>> '{client,time_zone}'))::date, r.starts_at
    on conflict (contract_id, starts_at) do update set asked = due.asked + excluded.asked
""")


async def sum_up_all_again(uow: UnitOfWork) -> None:
    """Every local day of which a roll-up is kept is to be made again: one hour of it is enough to ask for that."""
    await uow.session.execute(_EVERY_DAY)


async def due_hours(uow: UnitOfWork) -> DueHours | None:
    """The newest hours of one contract that are due, taken for this unit. One process at a time does this.

    Hours of a contract that nobody has told of yet wait for it: it says what its days are.
    """
    if not await uow.session.scalar(_LONE_WORKER):
        return None
    due = ResponseDue
    newest = (
        await uow.session.execute(
            select(due.contract_id, due.tenant_id, due.client_id, ContractVersion.state["client"]["time_zone"].astext)
            .join(ContractVersion, ContractVersion.contract_id == due.contract_id)
            .order_by(due.starts_at.desc(), due.contract_id, ContractVersion.version.desc())
            .limit(1)
        )
    ).first()
    if newest is None:
        return None
    contract_id, tenant_id, client_id, zone = newest
    await _cut_days_anew(uow, contract_id, zone)
    hours = await uow.session.scalars(
        select(due.starts_at)
        .where(due.contract_id == contract_id)
        .order_by(due.starts_at.desc())
        .limit(HOURS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = hours.all()
    return DueHours(tenant_id, client_id, contract_id, ZoneInfo(zone), found) if found else None


async def _cut_days_anew(uow: UnitOfWork, contract_id: UUID, zone: str) -> None:
    """Days of another zone than the contract's present one are no days any more: their hours are due."""
    day = ResponseDay
    dropped = await uow.session.execute(
        delete(day)
        .where(day.contract_id == contract_id, day.time_zone != zone)
        .returning(day.tenant_id, day.client_id, day.starts_at, day.ends_at)
    )
    for row in dropped.all():
        for at in (row.starts_at, row.ends_at - HOUR):  # of a day that was cut otherwise, both days that it touches
            await sum_up_later(uow, row.tenant_id, row.client_id, contract_id, at)


async def sum_up(uow: UnitOfWork, due: DueHours) -> int:
    """Makes the days of these hours; returns how many."""
    days = {at.astimezone(due.zone).date() for at in due.hours}
    for day in days:
        start, end = opening_instant(day, 0, due.zone), opening_instant(day + timedelta(days=1), 0, due.zone)
        sketches = await _merged_between(uow, due.contract_id, [(start, end)])
        key = {"contract_id": due.contract_id, "starts_at": start}
        if not sketches:
            await uow.session.execute(delete(ResponseDay).filter_by(**key))
            continue
        values = {
            "tenant_id": due.tenant_id,
            "client_id": due.client_id,
            "ends_at": end,
            "time_zone": due.zone.key,
            "day": day,
            "figures": {str(each): figure_of(sketch) for each, sketch in sketches.items()},
            "sketches": {str(each): as_text(sketch) for each, sketch in sketches.items()},
        }
        await uow.session.execute(
            insert(ResponseDay)
            .values(key | values)
            .on_conflict_do_update(index_elements=["contract_id", "starts_at"], set_=values)
        )
    await uow.session.execute(
        delete(ResponseDue).where(
            ResponseDue.contract_id == due.contract_id, ResponseDue.starts_at.in_(list(due.hours))
        )
    )
    return len(days)


async def figures_by_day(
    uow: UnitOfWork, contract_id: UUID, zone: str, first: date
) -> dict[UUID, dict[date, ResponseFigure]]:
    """By environment and local day from `first` on, as far as days were summed up."""
    rows = await uow.session.execute(
        select(ResponseDay.day, ResponseDay.figures)
        .where(ResponseDay.contract_id == contract_id, ResponseDay.time_zone == zone, ResponseDay.day >= first)
        .order_by(ResponseDay.day)
    )
    found: dict[UUID, dict[date, ResponseFigure]] = {}
    for row in rows:
        for environment_id, figure in row.figures.items():
            found.setdefault(UUID(environment_id), {})[row.day] = ResponseFigure(*figure)
    return found


async def figures_by_hour(
    uow: UnitOfWork, contract_id: UUID, start: datetime, end: datetime
) -> dict[UUID, dict[datetime, ResponseFigure]]:
    """By environment and hour that begins in `[start, end)`. Of several pages of one environment all checks count.

    Roll-ups that were read before are not unpacked again.
    """
    row = RollupRow
    rows = await uow.session.execute(
        select(row.starts_at, row.event_id)
        .where(row.contract_id == contract_id, row.starts_at >= start, row.starts_at < end)
        .order_by(row.starts_at, row.rollup_id)
    )
    told: dict[datetime, tuple[UUID, ...]] = {}
    for at, event_id in rows:
        told[at] = (*told.get(at, ()), event_id)
    known = {at: figures for at, events in told.items() if (figures := _KNOWN_HOURS.get(events)) is not None}
    unread = [at for at in told if at not in known]
    for at, figures in (await _unpacked(uow, contract_id, unread)).items():
        _KNOWN_HOURS.keep(told[at], figures)
        known[at] = figures
    found: dict[UUID, dict[datetime, ResponseFigure]] = {}
    for at in told:
        for environment_id, figure in known[at].items():
            found.setdefault(environment_id, {})[at] = figure
    return found


async def _unpacked(
    uow: UnitOfWork, contract_id: UUID, hours: Sequence[datetime]
) -> dict[datetime, dict[UUID, ResponseFigure]]:
    """The figures of each of these hours, by environment."""
    found: dict[datetime, dict[UUID, ResponseFigure]] = {at: {} for at in hours}
    if not hours:
        return found
    told: dict[tuple[datetime, UUID], list[_Told]] = {}
    for at, hour in await _hours(uow, contract_id, min(hours), max(hours) + HOUR):
        for environment_id, page in hour if at in found else ():
            told.setdefault((at, environment_id), []).append(page)
    for (at, environment_id), pages in told.items():
        figure = pages[0].figure if len(pages) == 1 else figure_of(_merged(contract_id, at, environment_id, pages))
        if figure is not None:
            found[at][environment_id] = figure
    return found


async def sketches_between(uow: UnitOfWork, contract_id: UUID, start: datetime, end: datetime) -> dict[UUID, Sketch]:
    """By environment everything of the hours that begin in `[start, end)`: of days that are summed up, and of hours."""
    day, due = ResponseDay, ResponseDue
    waiting = (
        await uow.session.scalars(
            select(due.starts_at).where(due.contract_id == contract_id, due.starts_at >= start, due.starts_at < end)
        )
    ).all()
    rows = await uow.session.execute(
        select(day.starts_at, day.ends_at, day.sketches)
        .where(day.contract_id == contract_id, day.starts_at >= start, day.ends_at <= end)
        .order_by(day.starts_at)
    )
    whole = [row for row in rows if not any(row.starts_at <= at < row.ends_at for at in waiting)]
    edges = [start, *(edge for row in whole for edge in (row.starts_at, row.ends_at)), end]
    between = [(left, right) for left, right in list(pairwise(edges))[::2] if left < right]
    days = [{UUID(each): from_text(sketch) for each, sketch in row.sketches.items()} for row in whole]
    return merged_by_environment([*days, await _merged_between(uow, contract_id, between)])


async def _merged_between(
    uow: UnitOfWork, contract_id: UUID, stretches: Iterable[tuple[datetime, datetime]]
) -> dict[UUID, Sketch]:
    parts = []
    for start, end in stretches:
        for at, hour in await _hours(uow, contract_id, start, end):
            for environment_id, page in hour:
                parts.append({environment_id: _merged(contract_id, at, environment_id, [page])})
    return merged_by_environment(parts)


def _merged(contract_id: UUID, at: datetime, environment_id: UUID, pages: Sequence[_Told]) -> Sketch:
    sketches = []
    for page in pages:
        try:
            sketches.append({environment_id: from_text(page.sketch)})
        except ValueError as error:
            # Figures of this hour are left out; nothing else of it is wrong.
            log.warning("sketch_unreadable", contract_id=str(contract_id), at=at.isoformat(), error=str(error))
    return merged_by_environment(sketches).get(environment_id, Sketch.of(()))


async def _hours(
    uow: UnitOfWork, contract_id: UUID, start: datetime, end: datetime
) -> list[tuple[datetime, list[tuple[UUID, _Told]]]]:
    """The hours that begin in `[start, end)`, each with what was told of its pages by environment."""
    row = RollupRow
    rows = await uow.session.execute(
        select(row.starts_at, row.payload)
        .where(row.contract_id == contract_id, row.starts_at >= start, row.starts_at < end)
        .order_by(row.starts_at, row.rollup_id)
    )
    return [(each.starts_at, list(_told_in(json.loads(zlib.decompress(each.payload))["data"]))) for each in rows]


def _told_in(data: Mapping[str, Any]) -> Iterator[tuple[UUID, _Told]]:
    """The pages of an hour that have response times. It was read as `HourlyRollup` when it came."""
    for monitor in data["monitors"]:
        told = monitor.get("response_times")
        if told is not None:
            figure = ResponseFigure(told["count"], told["p50_us"], told["p95_us"], told["p99_us"])
            yield UUID(monitor["environment_id"]), _Told(figure, told["sketch"])
