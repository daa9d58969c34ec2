"""What became of the pages of a group over some time: inside its critical periods, outside of them, and altogether."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.figures import first_kept, hours_between, subject_of
from probes.adapters.rollups import figures_between
from probes.adapters.tables import MonitorRow
from probes.domain.rollup import HOUR, NOTHING, Figures, beginning_of, hour_of
from probes.domain.states import State
from shared.kernel.intervals import Interval, clip, intersection, subtraction, total, union

_REGIMES = text("""
select monitor_id, effective_from, critical_periods <> '{}' as critical from probes.monitor_rules
where monitor_id = any(:ids) and effective_from < :until order by monitor_id, effective_from
""")
_STRETCHES = text("""
select monitor_id, state, started_at, coalesce(ended_at, :until) as ended_at from probes.stretch
where monitor_id = any(:ids) and started_at < :until and (ended_at is null or ended_at > :since)
""")

MOST_PAGES = 1000
"""Pages of one result, the newest: those that were taken out of the group meanwhile are among them."""


class NoLongerKept(Exception):
    """Single checks are gone of an hour in which a critical period began or ended. They are kept from `since` on."""

    def __init__(self, since: datetime) -> None:
        super().__init__(f"Single checks are kept from {since:%Y-%m-%d} on.")
        self.since = since


@dataclass(frozen=True, slots=True)
class Part:
    """Checks and states of some time: how long a page was in which state, and the figures of its checks."""

    lengths: Mapping[State, timedelta]
    figures: Figures

    def __add__(self, other: "Part") -> "Part":
        return Part(
            {state: self.lengths.get(state, timedelta()) + other.lengths.get(state, timedelta()) for state in State},
            self.figures + other.figures,
        )


EMPTY = Part({}, NOTHING)


@dataclass(frozen=True, slots=True)
class PageResult:
    """One page: inside and outside of the critical periods that were in force."""

    row: MonitorRow
    inside: Part
    outside: Part

    @property
    def whole(self) -> Part:
        """Both together."""
        return self.inside + self.outside


async def pages_since(session: AsyncSession, group_id: UUID, since: datetime) -> Sequence[MonitorRow]:
    """The pages of a group, with those that were taken out of it after an instant."""
    selected = select(MonitorRow).where(
        MonitorRow.group_id == group_id, or_(MonitorRow.removed_at.is_(None), MonitorRow.removed_at > since)
    )
    return list(await session.scalars(selected.order_by(MonitorRow.number.desc()).limit(MOST_PAGES)))[::-1]


async def results_of(
    session: AsyncSession, pages: Sequence[MonitorRow], start: datetime, end: datetime, now: datetime
) -> list[PageResult]:
    """What became of the pages in `[start, end)`, `start` being the beginning of an hour. Raises NoLongerKept."""
    span = [Interval(start, end)]
    ids = [page.monitor_id for page in pages]
    critical = await _critical(session, ids, start, end)
    lines = await _lines(session, ids, start, end)
    kept_since = await first_kept(session)
    found = []
    for page in pages:
        inside = critical.get(page.monitor_id, [])
        outside = subtraction(span, inside)
        figures = await _figures(session, page, inside, start, end, now, kept_since)
        line = lines.get(page.monitor_id, {})
        parts = [
            Part({state: total(intersection(line[state], which)) for state in line}, part)
            for which, part in zip((inside, outside), figures, strict=True)
        ]
        found.append(PageResult(page, *parts))
    return found


async def _critical(
    session: AsyncSession, ids: Sequence[UUID], start: datetime, end: datetime
) -> dict[UUID, list[Interval]]:
    """When critical periods were in force, by page."""
    regimes: dict[UUID, list[Any]] = {}
    for row in await session.execute(_REGIMES, {"ids": ids, "until": end}):
        regimes.setdefault(row.monitor_id, []).append((row.effective_from, row.critical))
    return {
        page: clip(
            union(
                Interval(since, until) for (since, critical), (until, _) in pairwise([*known, (end, False)]) if critical
            ),
            start,
            end,
        )
        for page, known in regimes.items()
    }


async def _lines(
    session: AsyncSession, ids: Sequence[UUID], start: datetime, end: datetime
) -> dict[UUID, dict[State, list[Interval]]]:
    found: dict[UUID, dict[State, list[Interval]]] = {}
    for row in await session.execute(_STRETCHES, {"ids": ids, "since": start, "until": end}):
        spans = found.setdefault(row.monitor_id, {}).setdefault(State(row.state), [])
        spans.append(Interval(row.started_at, row.ended_at))
    return {page: {state: union(spans) for state, spans in line.items()} for page, line in found.items()}


async def _figures(
    session: AsyncSession,
    page: MonitorRow,
    inside: Sequence[Interval],
    start: datetime,
    end: datetime,
    now: datetime,
    kept_since: datetime,
) -> tuple[Figures, Figures]:
    """Inside and outside. An hour in which a period begins or ends is counted from its checks, others are rolled up."""
    sums = [NOTHING, NOTHING]
    cut = set()
    for hour in {hour_of(edge) for span in inside for edge in span}:
        pieces = clip(inside, beginning_of(hour), min(end, beginning_of(hour) + HOUR))
        if pieces and total(pieces) < min(end, beginning_of(hour) + HOUR) - beginning_of(hour):
            cut.add(hour)
    for (hour, _), figures in (
        await hours_between(session, page, hour_of(start), hour_of(end - timedelta.resolution) + 1, now)
    ).items():
        if hour not in cut:
            critical = bool(clip(inside, beginning_of(hour), beginning_of(hour) + HOUR))
            sums[not critical] += figures
    for hour in sorted(cut):
        if beginning_of(hour) < kept_since:
            raise NoLongerKept(kept_since)
        whole = [Interval(beginning_of(hour), min(end, beginning_of(hour) + HOUR))]
        subject = await subject_of(session, page, whole[0].start, whole[0].end)
        for place, which in enumerate((intersection(whole, inside), subtraction(whole, inside))):
            for piece in which:
                for figures in (await figures_between(session, [subject], *piece)).values():
                    sums[place] += figures
    return sums[0], sums[1]
