"""Hours that a contract promises and nobody covers, found before they come.

A contract promises every hour while it is active and its response calendar is open around the clock, or its terms say
so outright. A gap is an hour of such a promise without anybody on call whom a message would reach then: somebody in
quiet hours that the gravest severity does not break through is asked nothing by an escalation. It is found ahead, kept
as a finding with its bounds, and cleared when it is covered, no longer promised, or over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise, zip_longest
from uuid import UUID

from incidents.domain.on_call import Span
from incidents.domain.promises import ContractHistory, Terms
from incidents.domain.quiet_hours import QuietHours
from shared.kernel.intervals import Interval, intersection, subtraction, union


class Because(StrEnum):
    """Why a finding is no more."""

    COVERED = "covered"
    NOT_PROMISED = "not_promised"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Finding:
    """A gap that was found. `ends_at` is None while it goes on as far as anybody has looked."""

    id: UUID
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a gap begins and ends; None as in `Finding`. `known`: it lies within what was told already."""

    starts_at: datetime
    ends_at: datetime | None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look ahead changes about the findings."""

    found: tuple[Bounds, ...]
    moved: tuple[tuple[Finding, Bounds], ...]
    cleared: tuple[tuple[Finding, Because], ...]


def promised(
    history: ContractHistory, round_the_clock: Collection[int], start: datetime, end: datetime
) -> list[Interval]:
    """The instants of `[start, end)` at which the contract promises every hour, in normal form.

    :param round_the_clock: the versions whose terms say so outright, whatever their calendar.
    """
    instants = [terms.effective_from for terms in history.versions]
    for terms in history.versions:
        for calendar in terms.calendars.values():
            instants += [each.effective_from for each in calendar.versions if each.effective_from is not None]
    edges = sorted({start, end, *(instant for instant in instants if start < instant < end)})
    return union(
        Interval(first, last)
        for first, last in pairwise(edges)
        if (terms_then := history.in_force(first)) is not None and _always(terms_then, round_the_clock, first)
    )


def _always(terms: Terms, round_the_clock: Collection[int], at: datetime) -> bool:
    if terms.status != "active":
        return False
    if terms.version in round_the_clock:
        return True
    if terms.response is None or not terms.response.targets:
        return False
    versions = terms.calendars[terms.response.calendar].versions
    in_force = [each for each in versions if each.effective_from is None or each.effective_from <= at]
    return bool(in_force) and in_force[-1].calendar.weekly is None


def reachable(spans: Iterable[Span], quiet: Mapping[UUID, QuietHours | None], severity: str) -> list[Interval]:
    """When somebody on call by these spans would be asked about something of this severity at once, in normal form.

    :param quiet: the quiet hours of the people who may be asked (None: never quiet); others are not asked at all.
    """
    found: list[Interval] = []
    for span in spans:
        if span.person_id is None or span.person_id not in quiet:
            continue
        there, hours = [Interval(span.start, span.end)], quiet[span.person_id]
        if hours is not None and severity not in hours.breaks_through:
            there = subtraction(there, hours.calendar.open_between(span.start, span.end))
        found += there
    return union(found)


def compare(
    findings: Sequence[Finding],
    gaps: Sequence[Interval],
    promises: Sequence[Interval],
    now: datetime,
    horizon: datetime,
) -> Changes:
    """What the gaps of `[now, horizon)` change about the findings that are open.

    A gap that overlaps a finding is that finding, moved. Of one that was cut in two the first part stays the finding;
    the others are findings of their own, that nobody need be told of again. What overlaps several findings is shared
    among them, each up to the beginning of the next: none of them has been covered.
    """
    left = sorted(findings, key=lambda finding: finding.starts_at)
    found: list[Bounds] = []
    moved: list[tuple[Finding, Bounds]] = []
    for gap in gaps:
        same = [finding for finding in left if _overlap(finding, gap, horizon)]
        edges = [gap.start, *(finding.starts_at for finding in same[1:]), gap.end]
        for finding, (start, end) in zip_longest(same, pairwise(edges)):
            ends_at = end if end < horizon else None
            known = any(_contains(each, start, ends_at) for each in findings)
            if finding is None:
                found.append(Bounds(start, ends_at, known))
                continue
            left.remove(finding)
            # What has begun began when it began, however late we look again.
            starts_at = finding.starts_at if finding.starts_at <= now == start else start
            if (starts_at, ends_at) != (finding.starts_at, finding.ends_at):
                moved.append((finding, Bounds(starts_at, ends_at, known)))
    return Changes(
        tuple(found), tuple(moved), tuple((finding, _because(finding, promises, now, horizon)) for finding in left)
    )


def _overlap(finding: Finding, gap: Interval, horizon: datetime) -> bool:
    return finding.starts_at < gap.end and (finding.ends_at or horizon) > gap.start


def _contains(finding: Finding, start: datetime, ends_at: datetime | None) -> bool:
    return finding.starts_at <= start and (
        finding.ends_at is None or (ends_at is not None and ends_at <= finding.ends_at)
    )


def _because(finding: Finding, promises: Sequence[Interval], now: datetime, horizon: datetime) -> Because:
    rest = Interval(max(finding.starts_at, now), finding.ends_at or horizon)
    if rest.end <= now:
        return Because.OVER
    return Because.COVERED if intersection(promises, [rest]) else Because.NOT_PROMISED
