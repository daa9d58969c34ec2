"""What a contract promises around the clock, and what a look ahead changes about what was found."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.cover_gaps import Because, Bounds, Finding, compare, promised
from incidents.domain.promises import ContractHistory, Metric, ResponseTerms, Terms
from incidents.domain.sla_clock import ClockRules
from incidents.domain.work_item import Severity
from shared.kernel.calendar import Calendar, CalendarHistory, CalendarVersion, Window
from shared.kernel.intervals import Interval, intersection, subtraction, total, union

NOW = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
HORIZON = NOW + timedelta(days=14)
ALWAYS = Calendar(ZoneInfo("Europe/Paris"), None)
OFFICE = Calendar(ZoneInfo("Europe/Paris"), tuple((Window(540, 1080),) for _ in range(7)))
A, B = UUID(int=1), UUID(int=2)


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def terms(version: int, effective_from: datetime, calendar: CalendarHistory | Calendar, **changes: Any) -> Terms:
    history = calendar if isinstance(calendar, CalendarHistory) else CalendarHistory.constant(calendar)
    targets = MappingProxyType({(Severity.CRITICAL.value, Metric.RESPONSE): timedelta(minutes=30)})
    response = ResponseTerms("support", frozenset(), ClockRules("retroactive", "resume"), targets)
    promised_always = Terms(version, "active", effective_from, response, MappingProxyType({"support": history}))
    return replace(promised_always, **changes)


def promise(*versions: Terms, flagged: Iterable[int] = ()) -> list[tuple[int, int]]:
    found = promised(ContractHistory(versions), set(flagged), NOW, HORIZON)
    return [((each.start - NOW).days, (each.end - NOW).days) for each in found]


def test_a_calendar_around_the_clock_promises_every_hour_and_another_none() -> None:
    assert promise(terms(1, day(-5), ALWAYS)) == [(0, 14)]
    assert promise(terms(1, day(-5), OFFICE)) == []
    assert promise(terms(1, day(-5), ALWAYS, response=None)) == []


def test_terms_that_say_so_promise_every_hour_whatever_their_calendar() -> None:
    assert promise(terms(1, day(-5), OFFICE), flagged={1}) == [(0, 14)]


def test_nothing_is_promised_before_a_contract_begins_while_it_is_suspended_or_after_its_end() -> None:
    assert promise(
        terms(1, day(2), ALWAYS),
        terms(2, day(4), ALWAYS, status="suspended"),
        terms(3, day(6), ALWAYS),
        terms(4, day(8), ALWAYS, status="terminated"),
    ) == [(2, 4), (6, 8)]


def test_a_version_of_a_calendar_counts_from_its_own_instant() -> None:
    versions = CalendarHistory((CalendarVersion(None, OFFICE), CalendarVersion(day(3), ALWAYS)))
    assert promise(terms(1, day(-5), versions)) == [(3, 14)]


def changes(findings: list[Finding], *gaps: tuple[int, int], now: datetime = NOW, horizon: datetime = HORIZON) -> Any:
    found = compare(findings, [Interval(day(a), day(b)) for a, b in gaps], [Interval(now, horizon)], now, horizon)
    return (
        [(each.starts_at, each.ends_at, each.known) for each in found.found],
        [(finding.id, bounds.starts_at, bounds.ends_at) for finding, bounds in found.moved],
        [(finding.id, because) for finding, because in found.cleared],
    )


def test_a_gap_is_found_once_and_an_endless_one_does_not_move_with_the_horizon() -> None:
    assert changes([], (2, 3), (5, 14)) == ([(day(2), day(3), False), (day(5), None, False)], [], [])
    known = [Finding(A, day(2), day(3)), Finding(B, day(5), None)]
    assert changes(known, (2, 3), (5, 14)) == ([], [], [])
    assert changes(known, (2, 3), (5, 15), horizon=day(15)) == ([], [], [])


def test_a_gap_that_has_begun_keeps_its_beginning() -> None:
    assert changes([Finding(A, day(-1), day(3))], (0, 3)) == ([], [], [])


def test_a_gap_that_is_covered_promised_no_more_or_over_is_cleared_and_says_why() -> None:
    assert changes([Finding(A, day(2), day(3))]) == ([], [], [(A, Because.COVERED)])
    assert changes([Finding(A, day(-2), day(-1))]) == ([], [], [(A, Because.OVER)])
    ended = compare([Finding(A, day(2), None)], [], [], NOW, HORIZON)
    assert ended.cleared == ((Finding(A, day(2), None), Because.NOT_PROMISED),)


def test_a_gap_that_is_cut_in_two_moves_and_its_other_part_is_known() -> None:
    assert changes([Finding(A, day(2), day(8))], (2, 4), (6, 8)) == (
        [(day(6), day(8), True)],
        [(A, day(2), day(4))],
        [],
    )


def test_a_gap_over_several_findings_is_shared_among_them_and_none_is_said_to_be_covered() -> None:
    known = [Finding(A, day(2), day(4)), Finding(B, day(6), day(8))]
    assert changes(known, (2, 8)) == ([], [(A, day(2), day(6))], [])


def test_a_gap_that_has_grown_is_not_known_and_one_that_has_shrunk_is() -> None:
    def known(*gap: tuple[int, int]) -> list[bool]:
        gaps = [Interval(day(a), day(b)) for a, b in gap]
        moved = compare([Finding(A, day(2), day(8))], gaps, [Interval(NOW, HORIZON)], NOW, HORIZON).moved
        return [bounds.known for _, bounds in moved]

    assert (known((2, 9)), known((1, 8)), known((2, 14)), known((3, 8))) == ([False], [False], [False], [True])


DAYS = st.integers(0, 13)
SETS = st.lists(st.tuples(DAYS, DAYS), max_size=6).map(
    lambda pairs: union(Interval(day(min(pair)), day(max(pair) + 1)) for pair in pairs)
)


@given(SETS, SETS)
def test_after_a_look_the_findings_are_the_gaps(before: list[Interval], after: list[Interval]) -> None:
    """Whatever was found before: what is found, moved and left alone together covers exactly the gaps of now."""
    findings = [Finding(UUID(int=n), gap.start, gap.end) for n, gap in enumerate(before)]
    result = compare(findings, after, [Interval(NOW, HORIZON)], NOW, HORIZON)
    gone = {finding.id for finding, _ in result.cleared}
    moved = {finding.id: bounds for finding, bounds in result.moved}
    left = [
        moved.get(finding.id, Bounds(finding.starts_at, finding.ends_at))
        for finding in findings
        if finding.id not in gone
    ]
    now = union(Interval(each.starts_at, each.ends_at or HORIZON) for each in [*left, *result.found])
    assert subtraction(now, after) == subtraction(after, now) == []
    assert intersection([Interval(f.starts_at, f.ends_at or HORIZON) for f in findings if f.id in gone], after) == []
    changed = [*result.found, *(bounds for _, bounds in result.moved)]
    told = [Interval(each.starts_at, each.ends_at or HORIZON) for each in changed if each.known]
    assert total(intersection(union(told), before)) == total(union(told))
    news = [Interval(each.starts_at, each.ends_at or HORIZON) for each in changed if not each.known]
    assert subtraction(subtraction(after, before), union(news)) == [], "what nobody was told of is news"
