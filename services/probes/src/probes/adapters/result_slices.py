"""The checks of one monitor in the order of their beginnings, a slice of time after the other.

Each slice is a query and a transaction of its own: a reader that takes its time, or goes away, holds nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.result_rows import day_of, first_instant_of

CHECKS_PER_SLICE = 2000
_DAY = timedelta(days=1)
_SHORTEST = timedelta(seconds=10)
_MILLISECOND = timedelta(milliseconds=1)
# Plain numbers instead of parameters: the planner then sees one partition, and how much of it is meant.
_SLICE = """
select monitor_number, slot, started_ms, name_lookup_us, connect_us, tls_us, first_byte_us, total_us, day,
       location_number, status_code, attempt_and_outcome
from probes.result
where day = {day:d} and started_ms >= {first:d} and started_ms < {last:d} and monitor_number = {monitor:d}
order by started_ms, location_number, slot, attempt_and_outcome
"""


def slices(start: datetime, end: datetime, interval: timedelta, locations: int) -> Iterator[tuple[datetime, datetime]]:
    """`[start, end)` in pieces of one day at most, with about so many checks in each."""
    length = max(_SHORTEST, min(_DAY, interval * CHECKS_PER_SLICE / max(locations, 1)))
    while start < end:
        midnight = first_instant_of(day_of(start) + 1)
        until = min(start + length, midnight, end)
        yield start, until
        start = until


async def results_of_slice(
    session: AsyncSession, monitor_number: int, start: datetime, end: datetime
) -> Sequence[tuple[Any, ...]]:
    """The rows of `result`, columns in their order, of checks that began in `[start, end)`, within one day."""
    day = day_of(start)
    first, last = ((at - first_instant_of(day)) // _MILLISECOND for at in (start, end))
    raw = await (await session.connection()).get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    statement = _SLICE.format(day=day, first=first, last=last, monitor=monitor_number)
    async with driver.cursor(binary=True) as cursor:
        await cursor.execute(statement)
        return await cursor.fetchall()
