"""Results of checks as compact rows: written by binary COPY, read back by monitor and day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.domain.slots import EPOCH
from probes.domain.states import Outcome, Reason

# The place in this list is what is stored: append, never reorder.
_OUTCOMES: tuple[str, ...] = (
    Outcome.GOOD,
    Outcome.MISSED,
    Reason.DNS,
    Reason.CONNECT,
    Reason.TLS,
    Reason.TIMEOUT,
    Reason.PROTOCOL,
    Reason.REDIRECT,
    Reason.HTTP_STATUS,
    Reason.CONTENT,
    Reason.ADDRESS_REFUSED,
    Reason.INVALID_TARGET,
    Outcome.BLOCKED,
    Reason.CERTIFICATE,
    Reason.ANSWER,
    Reason.THRESHOLD,
    Reason.STALE,
    Reason.MISSING,
    Reason.REPORTED,
    Reason.UNREACHABLE,
)
_CODE = {name: code for code, name in enumerate(_OUTCOMES)}
_CODES = 32
_MILLISECOND = timedelta(milliseconds=1)
_MAINTENANCE, _QUARANTINED = 1, 2
_FLAG = 1000
"""A stored status code is the code, plus this for each flag: no protocol's codes have more than three digits."""
QUARANTINED_FROM = _FLAG * _QUARANTINED
"""Results with at least this for a status code were put aside."""
_INT4, _INT2 = 2**31 - 1, 2**15 - 1
_TYPES = ("int4",) * 8 + ("int2",) * 4
_COPY = (
    "copy probes.result (monitor_number, slot, started_ms, name_lookup_us, connect_us, tls_us, first_byte_us, "
    "total_us, day, location_number, status_code, attempt_and_outcome) from stdin (format binary)"
)


Key: TypeAlias = tuple[int, ...]
"""Day, monitor, location, slot and attempt."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One check as it is stored. `reason` is set exactly when it was bad; phases in microseconds.

    `maintenance`: it fell into a maintenance window. `quarantined`: its place was under suspicion, it did not count.
    """

    monitor_number: int
    location_number: int
    slot: int
    attempt: int
    started_at: datetime
    outcome: Outcome
    reason: Reason | None
    status_code: int | None
    name_lookup: int
    connect: int
    tls: int
    first_byte: int
    total: int
    maintenance: bool = False
    quarantined: bool = False

    @property
    def key(self) -> Key:
        """What makes it the same check when it comes again."""
        slot, attempt = self.slot & _INT4, min(self.attempt, _INT2 // _CODES)
        return day_of(self.started_at), self.monitor_number, self.location_number, slot, attempt


def day_of(instant: datetime) -> int:
    """The number of the UTC day, counted from 1970-01-01: the key of the partition."""
    return (instant - EPOCH).days


def first_instant_of(day: int) -> datetime:
    """The beginning of a day with this number."""
    return EPOCH + timedelta(days=day)


def packed(result: StoredResult) -> tuple[int, ...]:
    """The values of a row, in the order of the table."""
    day = day_of(result.started_at)
    return (
        result.monitor_number,
        result.slot & _INT4,
        (result.started_at - first_instant_of(day)) // _MILLISECOND,
        min(result.name_lookup, _INT4),
        min(result.connect, _INT4),
        min(result.tls, _INT4),
        min(result.first_byte, _INT4),
        min(result.total, _INT4),
        day,
        result.location_number,
        (result.status_code or 0) + _FLAG * (_MAINTENANCE * result.maintenance + _QUARANTINED * result.quarantined),
        min(result.attempt, _INT2 // _CODES) * _CODES
        + _CODE[result.reason if result.outcome is Outcome.BAD and result.reason else result.outcome],
    )


def unpacked(row: Sequence[Any]) -> StoredResult:
    """The result of a row, in the order of the table. A check that was bad carries its reason."""
    attempt, code = divmod(row[11], _CODES)
    name = _OUTCOMES[code]
    flags, status_code = divmod(row[10], _FLAG)
    reason = None if name in (Outcome.GOOD, Outcome.MISSED, Outcome.BLOCKED) else Reason(name)
    return StoredResult(
        monitor_number=row[0],
        slot=row[1],
        started_at=first_instant_of(row[8]) + row[2] * _MILLISECOND,
        name_lookup=row[3],
        connect=row[4],
        tls=row[5],
        first_byte=row[6],
        total=row[7],
        location_number=row[9],
        status_code=status_code or None,
        attempt=attempt,
        outcome=Outcome.BAD if reason else Outcome(name),
        reason=reason,
        maintenance=bool(flags & _MAINTENANCE),
        quarantined=bool(flags & _QUARANTINED),
    )


def code_of(outcome: str) -> int:
    """What stands for an outcome, or for the reason of a bad one, wherever results are stored."""
    return _CODE[outcome]


def outcome_of(attempt_and_outcome: int) -> tuple[int, str]:
    """The attempt, and the outcome or the reason of a bad one."""
    attempt, code = divmod(attempt_and_outcome, _CODES)
    return attempt, _OUTCOMES[code]


def outcome_with(code: int) -> str:
    """The opposite of `code_of`. Raises IndexError for a code that was never given out."""
    return _OUTCOMES[code]


async def copy_results(session: AsyncSession, results: Iterable[StoredResult]) -> None:
    """Stores results in the session's transaction. Their partitions must exist."""
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for result in results:
            await copy.write_row(packed(result))


_STORED = text("""
select r.day, r.monitor_number, r.location_number, r.slot, r.attempt_and_outcome / :codes
from probes.result r
join unnest(cast(:days as int[]), cast(:monitors as int[]), cast(:locations as int[]), cast(:slots as int[]))
    as t (day, monitor_number, location_number, slot)
    on r.day = t.day and r.monitor_number = t.monitor_number
    and r.location_number = t.location_number and r.slot = t.slot
where r.day = any(cast(:partitions as int[])) and r.started_ms between :first and :last
""")


async def stored_keys(session: AsyncSession, results: Sequence[StoredResult], within: timedelta) -> set[Key]:
    """The keys of those of these checks that are stored already, and maybe of others. Their partitions must exist.

    A check that was done twice began at most `within` apart: only around these results is looked.
    """
    days, monitors, locations, slots, _ = zip(*{result.key for result in results}, strict=True)
    lists = {"days": days, "monitors": monitors, "locations": locations, "slots": slots, "partitions": set(days)}
    began = [packed(result)[2] for result in results]
    values: dict[str, object] = {name: list(entries) for name, entries in lists.items()}
    values |= {
        "codes": _CODES,
        "first": min(began) - within // _MILLISECOND,
        "last": max(began) + within // _MILLISECOND,
    }
    return {tuple(row) for row in await session.execute(_STORED, values)}


class Partitions:
    """Makes the partitions of results. Remembers what it has made, so that asking again costs nothing."""

    def __init__(self) -> None:
        self._made: set[int] = set()

    async def ensure(self, session: AsyncSession, days: Iterable[int]) -> None:
        """Makes the partitions of these days if they do not exist."""
        for day in sorted(set(days) - self._made):
            await session.execute(text("select probes.ensure_result_partition(:day)"), {"day": day})
            self._made.add(day)

    def forget(self) -> None:
        """After a transaction that was rolled back, and its partitions with it: ask again about everything."""
        self._made.clear()


async def drop_partitions_before(session: AsyncSession, day: int) -> int:
    """Drops the results of every day before `day`; returns how many days."""
    return int(await session.scalar(text("select probes.drop_result_partitions_before(:day)"), {"day": day}) or 0)
