"""Roll-ups in PostgreSQL: which hours wait for one, what they are made of, and what was made of them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.result_rows import QUARANTINED_FROM, day_of, first_instant_of, outcome_of
from probes.adapters.rollup_rows import BLOCK, folded, packed, unfolded, unpacked
from probes.domain.monitors import HTTP, IMPORTED
from probes.domain.rollup import GRACE, HOUR, Figures, Tally, Watch, beginning_of, hour_of, is_closed, slots_of, watched
from probes.domain.slots import Schedule

PART = 500
"""Monitors of one piece of work, and of one event: by their numbers."""
HOURS_AT_ONCE = 24
_AT_ONCE = 1000
_MILLISECONDS = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
_EARLY = timedelta(minutes=1)
"""Longer than any transaction of the recorder: what it commits after an hour was opened has opened it again."""

_NEXT = text("select next_hour from probes.rollup_progress for update skip locked")
_FIRST = text("select min(created_at) from probes.monitor")
_ENQUEUE = text("""
insert into probes.rollup_due (hour, contract_id, part, asked)
select distinct cast(:hour as integer), m.contract_id, m.number / :part, 1 from probes.monitor m
where m.created_at < :end and not exists (
    select from probes.stretch s
    where s.monitor_id = m.monitor_id and s.state = 'paused' and s.started_at <= :start
      and (s.ended_at is null or s.ended_at >= :end))
on conflict do nothing
""")
_PROGRESS = text("update probes.rollup_progress set next_hour = :hour")
# An update, not nothing: it waits for a transaction that is at this hour, and then it is asked for anew.
_REOPEN = text("""
insert into probes.rollup_due (hour, contract_id, part, asked) values (:hour, :contract_id, :part, 1)
on conflict (hour, contract_id, part) do update set asked = probes.rollup_due.asked + 1
""")
_CLAIM = text("""
with claimed as (
    select hour, contract_id, part from probes.rollup_due where hour <= :last
    order by hour, contract_id, part limit :limit for update skip locked)
delete from probes.rollup_due d using claimed c
where d.hour = c.hour and d.contract_id = c.contract_id and d.part = c.part
returning d.hour, d.contract_id, d.part
""")
_SUBJECTS = text("""
select m.number, m.monitor_id, m.tenant_id, m.client_id, m.environment_id, m.scheduled,
       m.kind = :http and not m.third_party as is_own_page,
       array(select l.number from probes.location_state s join probes.location l on l.name = s.location
             where s.monitor_id = m.monitor_id order by l.number) as locations
from probes.monitor m where m.contract_id = :contract_id and m.number >= :first and m.number < :beyond
order by m.number
""")
_RULES = text("""
select r.monitor_id, r.effective_from, r.interval_seconds from probes.monitor_rules r
where r.monitor_id = any(:ids) and r.effective_from < :until
  and r.effective_from >= coalesce((
      select max(b.effective_from) from probes.monitor_rules b
      where b.monitor_id = r.monitor_id and b.effective_from <= :since), '-infinity')
order by r.monitor_id, r.effective_from
""")
_PAUSES = text("""
select monitor_id, started_at, ended_at from probes.stretch where monitor_id = any(:ids) and state = 'paused'
""")
_SEEN_BEFORE = text("""
select monitor_number, location_number from probes.rollup
where monitor_number = any(:numbers) and hour >= :hour - 48 and hour < :hour
    and location_number is distinct from (select number from probes.location where name = :imported)
union
select monitor_number, location_number from probes.rollup_block
where monitor_number = any(:numbers) and block >= (:hour - 48) / 8 and block < :hour / 8
    and location_number is distinct from (select number from probes.location where name = :imported)
""")
# One statement, and so one instant: an hour that is being folded up is in one of the two.
_KEPT = text("""
select monitor_number, location_number, hour, null as block, content from probes.rollup
where monitor_number = any(:numbers) and hour >= :first and hour < :end
union all
select monitor_number, location_number, null, block, content from probes.rollup_block
where monitor_number = any(:numbers) and block >= :first / 8 and block <= (:end - 1) / 8
""")
_KEEP = text("""
insert into probes.rollup (monitor_number, hour, location_number, content)
select t.monitor, :hour, t.location, t.content
from unnest(cast(:monitors as integer[]), cast(:locations as smallint[]), cast(:contents as bytea[]))
    as t (monitor, location, content)
on conflict (monitor_number, hour, location_number) do update set content = excluded.content
""")
_LONE_FOLDER = text("select pg_try_advisory_xact_lock(hashtext('probes rollup blocks'))")
_TO_FOLD = text("""
select distinct monitor_number from probes.rollup where hour < :end order by monitor_number limit :limit
""")
_TAKE = text("""
delete from probes.rollup where monitor_number = any(:numbers) and hour < :end
returning monitor_number, hour, location_number, content
""")
_BLOCKS = text("""
select b.monitor_number, b.block, b.location_number, b.content from probes.rollup_block b
join unnest(cast(:monitors as integer[]), cast(:blocks as integer[]), cast(:locations as smallint[]))
    as t (monitor, block, location)
    on b.monitor_number = t.monitor and b.block = t.block and b.location_number = t.location
""")
_KEEP_BLOCKS = text("""
insert into probes.rollup_block (monitor_number, block, location_number, content)
select * from unnest(
    cast(:monitors as integer[]), cast(:blocks as integer[]), cast(:locations as smallint[]),
    cast(:contents as bytea[]))
on conflict (monitor_number, block, location_number) do update set content = excluded.content
""")
_CHECKS = """
select monitor_number, location_number, slot, {day} * 86400000::bigint + started_ms, attempt_and_outcome,
       name_lookup_us, connect_us, tls_us, first_byte_us, total_us
from probes.result
where day = {day} and started_ms >= {first} and started_ms < {end} and monitor_number = any(%s)
  and status_code < {quarantined}
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A monitor as roll-ups need it: when it was to be checked, and from where (numbers of locations)."""

    number: int
    monitor_id: UUID
    tenant_id: UUID
    client_id: UUID
    environment_id: UUID
    locations: tuple[int, ...]
    watches: tuple[Watch, ...]
    is_own_page: bool
    """It asks for a page of the client's own: how long that takes is what his visitors wait."""

    def is_watched(self, start: datetime, end: datetime) -> bool:
        """Whether it is on the schedule at any time in `[start, end)`, though nothing may be due then."""
        return any(watch.start < end and start < watch.end for watch in self.watches)


@dataclass(frozen=True, slots=True)
class Due:
    """A piece of work: an hour of a part of a contract's monitors."""

    hour: int
    contract_id: UUID
    part: int


Check = tuple[int, int, int, int, int, int, int, int, int, int]
"""Monitor, location, slot, milliseconds since 1970, attempt and outcome as stored, microseconds of the five phases."""


async def open_hours(session: AsyncSession, now: datetime, first_kept_day: int) -> int:
    """Puts every hour that has closed since the last time among those that wait; returns how many hours.

    Hours of days whose results are gone are passed over. One process at a time does this, the others pass.
    """
    row = (await session.execute(_NEXT)).first()
    if row is None:
        return 0
    following: int | None = row.next_hour
    if following is None:
        began: datetime | None = await session.scalar(_FIRST)
        if began is None:
            return 0
        following = hour_of(began)
    following = max(following, first_kept_day * 24)
    opened = 0
    while opened < HOURS_AT_ONCE and is_closed(following, now):
        start = beginning_of(following)
        await session.execute(_ENQUEUE, {"hour": following, "part": PART, "start": start, "end": start + HOUR})
        following += 1
        opened += 1
    await session.execute(_PROGRESS, {"hour": following})
    return opened


async def reopen_hours(session: AsyncSession, touched: Iterable[tuple[datetime, UUID, int]], now: datetime) -> None:
    """Asks for hours anew into which late results fall: instants with the contract and the number of their monitor."""
    due = {
        (hour_of(instant), contract_id, number // PART)
        for instant, contract_id, number in touched
        if is_closed(hour_of(instant), now + _EARLY)
    }
    if due:
        # In one order, so that two transactions never wait for each other.
        rows = [dict(zip(("hour", "contract_id", "part"), key, strict=True)) for key in sorted(due)]
        await session.execute(_REOPEN, rows)


async def claim(session: AsyncSession, now: datetime, limit: int) -> list[Due]:
    """Takes pieces of work that no other transaction is at; they wait again if this one does not commit."""
    rows = await session.execute(_CLAIM, {"last": hour_of(now - GRACE) - 1, "limit": limit})
    return sorted((Due(row.hour, row.contract_id, row.part) for row in rows), key=lambda due: due.hour)


async def subjects_of(session: AsyncSession, due: Due) -> list[Subject]:
    """The monitors of a piece of work as they were watched until the end of its hour."""
    # Both ends are counted here: PostgreSQL would add two small parameters as smallint, and part 65 begins at 32,500.
    numbers = {"first": due.part * PART, "beyond": (due.part + 1) * PART}
    found = (await session.execute(_SUBJECTS, {"contract_id": due.contract_id, "http": HTTP, **numbers})).all()
    scheduled = [row.monitor_id for row in found if row.scheduled]
    watches = await watches_of(session, scheduled, beginning_of(due.hour), beginning_of(due.hour + 1))
    return [
        Subject(
            row.number,
            row.monitor_id,
            row.tenant_id,
            row.client_id,
            row.environment_id,
            tuple(row.locations),
            watches.get(row.monitor_id, ()),
            row.is_own_page,
        )
        for row in found
    ]


async def watches_of(
    session: AsyncSession, monitor_ids: Sequence[UUID], since: datetime, until: datetime
) -> dict[UUID, tuple[Watch, ...]]:
    """When monitors that are on the schedule were to be checked between two instants, or from earlier on."""
    schedules: dict[UUID, list[tuple[datetime, Schedule]]] = {}
    values = {"ids": list(monitor_ids), "since": since, "until": until}
    for row in await session.execute(_RULES, values):
        schedule = Schedule.of(row.monitor_id, timedelta(seconds=row.interval_seconds))
        schedules.setdefault(row.monitor_id, []).append((row.effective_from, schedule))
    pauses: dict[UUID, list[tuple[datetime, datetime | None]]] = {}
    for row in await session.execute(_PAUSES, {"ids": list(monitor_ids)}):
        pauses.setdefault(row.monitor_id, []).append((row.started_at, row.ended_at))
    return {
        monitor_id: tuple(watched(known, pauses.get(monitor_id, ()), until)) for monitor_id, known in schedules.items()
    }


async def figures_of_hour(
    session: AsyncSession, subjects: Sequence[Subject], hour: int
) -> dict[tuple[int, int], Figures]:
    """The figures of an hour from its results, by the numbers of monitor and location.

    A location that a monitor was never checked from before is expected from its first check on.
    """
    return await figures_between(session, subjects, beginning_of(hour), beginning_of(hour + 1))


async def figures_until(
    session: AsyncSession, subjects: Sequence[Subject], hour: int, now: datetime
) -> dict[tuple[int, int], Figures]:
    """The same for an hour that goes on: what was due by `now`."""
    return await figures_between(session, subjects, beginning_of(hour), min(now, beginning_of(hour + 1)))


async def figures_between(
    session: AsyncSession, subjects: Sequence[Subject], start: datetime, end: datetime
) -> dict[tuple[int, int], Figures]:
    """The same for `[start, end)`, which lies within an hour."""
    hour = hour_of(start)
    by_number = {subject.number: subject for subject in subjects}
    before = await session.execute(_SEEN_BEFORE, {"numbers": list(by_number), "hour": hour, "imported": IMPORTED})
    seen = {(row.monitor_number, row.location_number) for row in before}
    grown = {number for number, _ in seen}
    tallies: dict[tuple[int, int], Tally] = {}

    def tally_of(number: int, location: int, first: datetime) -> Tally:
        found = tallies.get((number, location))
        if found is None:
            new_here = number in grown and (number, location) not in seen
            slots = slots_of(by_number[number].watches, first if new_here else start, end)
            found = tallies[number, location] = Tally(slots)
        return found

    end_ms = _since_epoch(end)
    async with aclosing(checks_between(session, list(by_number), start, end + GRACE)) as checks:
        async for check in checks:
            number, location, slot, at_ms = check[:4]
            attempt, outcome = outcome_of(check[4])
            tally = tally_of(number, location, first_instant_of(0) + at_ms * _MILLISECONDS)
            if at_ms < end_ms:
                tally.began(outcome, check[5:])
            if attempt == 0:
                tally.was_due(slot, outcome)
    for subject in subjects:
        for location in subject.locations:
            if subject.number not in grown or (subject.number, location) in seen:
                tally_of(subject.number, location, start)
    figures: dict[tuple[int, int], Figures] = {}
    for count, (key, tally) in enumerate(sorted(tallies.items())):
        await _breathe(count)
        found = tally.figures()
        if found.recorded or by_number[key[0]].is_watched(start, end):
            figures[key] = found
    return figures


async def checks_between(
    session: AsyncSession, numbers: Sequence[int], start: datetime, end: datetime
) -> AsyncGenerator[Check, None]:
    """The checks of these monitors that began in `[start, end)`, a day after the other, a few at a time.

    Close it (`aclosing`) when you may leave early: its cursor belongs to the session's transaction.
    """
    raw = await (await session.connection()).get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    for day in range(day_of(start), day_of(end) + 1):
        first = max(0, _since_epoch(start) - day * _DAY_MS)
        last = min(_DAY_MS, _since_epoch(end) - day * _DAY_MS)
        if first >= last:
            continue
        # Plain numbers in the statement: the planner then sees one partition, and how much of it is meant.
        statement = _CHECKS.format(day=int(day), first=int(first), end=int(last), quarantined=QUARANTINED_FROM)
        async with driver.cursor("checks", binary=True) as cursor:
            await cursor.execute(statement, (list(numbers),))
            while rows := await cursor.fetchmany(_AT_ONCE):
                for row in rows:
                    yield row


def _since_epoch(instant: datetime) -> int:
    """Whole milliseconds, rounded up: a check is stored with the millisecond in which it began."""
    return -((first_instant_of(0) - instant) // _MILLISECONDS)


async def _breathe(count: int) -> None:
    """Lets the others of this process go on: a few sketches take milliseconds, and checks are due meanwhile."""
    if count % 4 == 0:
        await asyncio.sleep(0)


async def kept_figures(
    session: AsyncSession, numbers: Sequence[int], first: int, end: int
) -> dict[tuple[int, int, int], Figures]:
    """Roll-ups of the hours `[first, end)`, by the numbers of monitor, location and hour."""
    found: dict[tuple[int, int, int], bytes] = {}
    newer: dict[tuple[int, int, int], bytes] = {}
    for row in await session.execute(_KEPT, {"numbers": list(numbers), "first": first, "end": end}):
        key = (row.monitor_number, row.location_number)
        if row.block is None:
            newer[*key, row.hour] = row.content
        else:
            found |= {(*key, row.block * BLOCK + place): content for place, content in unfolded(row.content).items()}
    wanted = sorted(entry for entry in (found | newer).items() if first <= entry[0][2] < end)
    figures: dict[tuple[int, int, int], Figures] = {}
    for count, (place, content) in enumerate(wanted):
        await _breathe(count)
        figures[place] = unpacked(content)
    return figures


async def keep_figures(session: AsyncSession, hour: int, figures: Mapping[tuple[int, int], Figures]) -> None:
    """Writes the roll-ups of an hour, in place of what there was."""
    contents = []
    for count, found in enumerate(figures.values()):
        await _breathe(count)
        contents.append(packed(found))
    values: dict[str, Any] = {
        "hour": hour,
        "monitors": [number for number, _ in figures],
        "locations": [location for _, location in figures],
        "contents": contents,
    }
    await session.execute(_KEEP, values)


async def fold_hours(session: AsyncSession, end: int, monitors: int) -> int:
    """Makes one row of the hours of each block before hour number `end`; returns how many monitors that concerned.

    One process at a time does this, for so many monitors at once; the others pass.
    """
    if not await session.scalar(_LONE_FOLDER):
        return 0
    end -= end % BLOCK
    numbers = list(await session.scalars(_TO_FOLD, {"end": end, "limit": monitors}))
    if not numbers:
        return 0
    blocks: dict[tuple[int, int, int], dict[int, bytes]] = {}
    for row in await session.execute(_TAKE, {"numbers": numbers, "end": end}):
        block, place = divmod(row.hour, BLOCK)
        blocks.setdefault((row.monitor_number, block, row.location_number), {})[place] = row.content
    for month in {beginning_of(block * BLOCK).date().replace(day=1) for _, block, _ in blocks}:
        await session.execute(text("select probes.ensure_rollup_partition(cast(:month as date))"), {"month": month})
    keys = sorted(blocks)
    columns: dict[str, Any] = {
        "monitors": [monitor for monitor, _, _ in keys],
        "blocks": [block for _, block, _ in keys],
        "locations": [location for _, _, location in keys],
    }
    for row in await session.execute(_BLOCKS, columns):
        key = (row.monitor_number, row.block, row.location_number)
        blocks[key] = unfolded(row.content) | blocks[key]
    await session.execute(_KEEP_BLOCKS, columns | {"contents": [folded(blocks[key]) for key in keys]})
    return len(numbers)


async def drop_rollups_before(session: AsyncSession, first_kept: datetime) -> int:
    """Drops the roll-ups of every month before the one of this instant; returns how many months."""
    statement = text("select probes.drop_rollup_partitions_before(cast(:month as date))")
    return int(await session.scalar(statement, {"month": first_kept.date()}) or 0)
