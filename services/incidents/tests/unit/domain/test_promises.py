"""From contract versions and clock facts to the event list of a clock."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.promises import (
    SUSPENDED,
    UNOBSERVED,
    ClockFact,
    ContractHistory,
    Metric,
    NotPromisedError,
    ResponseTerms,
    Terms,
    folding,
)
from incidents.domain.sla_clock import Cancelled, ClockRules, Opened, Paused, PolicyChanged, Reopened, Resumed, Stopped
from incidents.domain.work_item import Severity
from shared.kernel.calendar import Calendar, CalendarHistory

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
ALWAYS = CalendarHistory.constant(Calendar(ZoneInfo("Europe/Paris"), None))


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def terms(
    version: int, at: datetime, *, status: str = "active", repair: float | None = 4, rules: ClockRules | None = None
) -> Terms:
    targets: dict[tuple[str, Metric], timedelta]
    targets = {} if repair is None else {(Severity.CRITICAL, Metric.REPAIR): timedelta(hours=repair)}
    response = ResponseTerms("support", frozenset({"waiting"}), rules or ClockRules(), MappingProxyType(targets))
    return Terms(version, status, at, response, MappingProxyType({"support": ALWAYS}))


def history(*versions: Terms) -> ContractHistory:
    return ContractHistory(versions)


def fold_events(contract: ContractHistory, *facts: ClockFact) -> tuple[object, ...]:
    return folding(contract, Severity.CRITICAL, Metric.REPAIR, facts).events


OPENED = ClockFact("opened", NOON)
SIGNED = terms(1, hours(-100))


def test_the_first_stop_of_a_cycle_counts_whatever_the_order_of_arrival() -> None:
    stops = (ClockFact("stopped", hours(3)), ClockFact("stopped", hours(2)))
    assert fold_events(history(SIGNED), OPENED, *stops)[1:] == (Stopped(hours(2)),)


def test_a_stop_before_the_opening_counts_at_the_opening() -> None:
    assert fold_events(history(SIGNED), ClockFact("stopped", hours(-1)), OPENED)[1:] == (Stopped(NOON),)


def test_nothing_is_promised_before_the_contract_took_effect_after_its_end_or_for_another_severity() -> None:
    for contract in (
        history(),
        history(terms(1, hours(1))),
        history(terms(1, hours(-1), repair=None)),
    ):
        assert not contract.promises(Severity.CRITICAL, Metric.REPAIR, NOON)
        with pytest.raises(NotPromisedError):
            fold_events(contract, OPENED)
    assert not history(SIGNED, terms(2, hours(-1), status="terminated")).promises(
        Severity.CRITICAL, Metric.REPAIR, NOON
    )
    assert not history(SIGNED).promises(Severity.MINOR, Metric.REPAIR, NOON)


@pytest.mark.parametrize(
    "ending", [terms(2, hours(-1), status="terminated"), terms(2, NOON, repair=None)], ids=["ended", "left out"]
)
def test_a_clock_that_was_opened_after_the_end_of_its_promise_is_cancelled_as_it_opens(ending: Terms) -> None:
    contract = history(SIGNED, ending, terms(3, hours(1)))
    found = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED, ClockFact("stopped", hours(2))])
    assert found.events == (Opened(NOON, "critical-repair@1"), Cancelled(NOON))
    assert (found.ended_at, found.next_change_after(NOON)) == (NOON, None)
    reading = found.read(hours(100))
    assert (reading.state, reading.elapsed, reading.target) == ("cancelled", timedelta(), timedelta(hours=4))


def test_an_amendment_changes_the_policy_when_it_takes_effect() -> None:
    contract = history(SIGNED, terms(2, hours(1), repair=2), terms(3, hours(2), repair=2))
    found = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED])
    assert found.events == (Opened(NOON, "critical-repair@1"), PolicyChanged(hours(1), "critical-repair@2"))
    assert found.policies["critical-repair@2"].target == timedelta(hours=2)
    assert found.next_change_after(NOON) == hours(1)
    assert found.next_change_after(hours(1)) is None


def test_a_version_that_is_overtaken_before_it_takes_effect_never_counts() -> None:
    contract = history(SIGNED, terms(2, hours(3), repair=2), terms(3, hours(1), repair=1))
    assert [event.policy for event in fold_events(contract, OPENED) if isinstance(event, PolicyChanged)] == [
        "critical-repair@3"
    ]


def test_a_suspension_pauses_and_the_end_cancels() -> None:
    contract = history(
        SIGNED,
        terms(2, hours(1), status="suspended"),
        terms(3, hours(2)),
        terms(4, hours(3), status="expired"),
        terms(5, hours(4)),
    )
    first = f"{SUSPENDED}.1"
    assert fold_events(contract, OPENED)[1:] == (
        Paused(hours(1), first, SUSPENDED),
        Resumed(hours(2), first),
        Cancelled(hours(3)),
    )


UNWATCHED = ClockFact("paused", hours(1), "monitoring_paused.1", UNOBSERVED)


def test_a_clock_of_an_outage_that_is_not_observed_stands_still_under_every_policy_until_somebody_stops_it() -> None:
    contract = history(SIGNED, terms(2, hours(2), repair=2))
    reading = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED, UNWATCHED]).read(hours(1000))
    assert (reading.state, reading.elapsed) == ("paused", timedelta(hours=1))
    stopped = [OPENED, UNWATCHED, ClockFact("stopped", hours(900))]
    reading = folding(contract, Severity.CRITICAL, Metric.REPAIR, stopped).read(hours(1000))
    assert (reading.state, reading.elapsed) == ("met", timedelta(hours=1))


@pytest.mark.parametrize("resumed", [2, 100])
def test_a_suspension_that_is_not_observed_either_counts_once(resumed: float) -> None:
    contract = history(SIGNED, terms(2, hours(1), status="suspended"), terms(3, hours(resumed)))
    alone = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED]).read(hours(resumed))
    both = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED, UNWATCHED])
    assert both.read(hours(resumed)).elapsed == alone.elapsed == timedelta(hours=1)
    later = both.read(hours(resumed + 10))
    assert (later.state, later.elapsed) == ("paused", timedelta(hours=1))
    assert [(span.why, span.reason) for span in later.explanation] == [
        ("open", None),
        ("paused", SUSPENDED),
        ("paused", UNOBSERVED),
    ]


def test_the_end_of_the_contract_cancels_a_clock_of_an_outage_that_is_not_observed() -> None:
    contract = history(SIGNED, terms(2, hours(1), status="terminated"))
    assert fold_events(contract, OPENED, UNWATCHED)[1:] == (Cancelled(hours(1)),)


def test_an_incident_of_a_suspended_contract_starts_paused() -> None:
    contract = history(SIGNED, terms(2, hours(-1), status="suspended"))
    assert fold_events(contract, OPENED)[1:] == (Paused(NOON, f"{SUSPENDED}.1", SUSPENDED),)


def test_what_takes_effect_after_the_stop_is_not_heeded_until_it_is_reopened() -> None:
    contract = history(SIGNED, terms(2, hours(2), repair=2), terms(3, hours(3), status="suspended"))
    stopped = (OPENED, ClockFact("stopped", hours(1)))
    assert fold_events(contract, *stopped)[1:] == (Stopped(hours(1)),)
    # The newest version in force promises what the first did, so the policy is the same one again.
    assert fold_events(contract, *stopped, ClockFact("reopened", hours(4)))[1:] == (
        Stopped(hours(1)),
        Reopened(hours(4)),
        Paused(hours(4), f"{SUSPENDED}.1", SUSPENDED),
    )


FACTS = st.lists(
    st.builds(
        ClockFact,
        st.sampled_from(["paused", "resumed", "stopped", "reopened", "cancelled", "reclassified"]),
        st.integers(-3, 30).map(hours),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["waiting", UNOBSERVED]),
        st.sampled_from([Severity.CRITICAL, Severity.MINOR]),
    ),
    max_size=10,
)
VERSIONS = st.lists(
    st.tuples(
        st.integers(-3, 30).map(hours),
        st.sampled_from(["active", "suspended", "terminated"]),
        st.sampled_from([None, 1, 2, 4]),
    ),
    max_size=5,
)


@given(FACTS, VERSIONS, st.randoms(use_true_random=False))
def test_any_facts_and_versions_in_any_order_of_arrival_make_one_legal_clock(
    facts: list[ClockFact], later: list[tuple[datetime, str, float | None]], chance: random.Random
) -> None:
    versions = [SIGNED, *(terms(n, at, status=s, repair=r) for n, (at, s, r) in enumerate(later, start=2))]
    contract = history(*versions)
    found = folding(contract, Severity.CRITICAL, Metric.REPAIR, [OPENED, *facts])
    reading = found.read(hours(31), [75])  # the fold refuses what is no clock
    assert (reading.state in ("running", "paused", "breached")) or found.ended_at is not None

    chance.shuffle(versions)
    # Facts of one instant keep their order of arrival; those of different instants may arrive in any.
    instants = sorted({fact.at for fact in facts}, key=lambda _: chance.random())
    shuffled = [fact for at in instants for fact in facts if fact.at == at]
    again = folding(history(*versions), Severity.CRITICAL, Metric.REPAIR, [*shuffled, OPENED])
    assert again.read(hours(31), [75]) == reading


def test_a_clock_that_stops_unpromised_counts_again_when_it_is_reopened_under_a_promise() -> None:
    down = ClockFact("reclassified", hours(1), severity=Severity.MINOR)
    stopped = [OPENED, down, ClockFact("stopped", hours(2))]
    assert fold_events(history(SIGNED), *stopped)[-1] == Cancelled(hours(2))
    up = ClockFact("reclassified", hours(4), severity=Severity.CRITICAL)
    again = folding(history(SIGNED), Severity.CRITICAL, Metric.REPAIR, [*stopped, ClockFact("reopened", hours(3)), up])
    reading = again.read(hours(5))
    assert (reading.state, reading.elapsed) == ("running", timedelta(hours=2))
    ranked_up_first = [*stopped, replace(up, at=hours(2.5)), ClockFact("reopened", hours(3))]
    reading = folding(history(SIGNED), Severity.CRITICAL, Metric.REPAIR, ranked_up_first).read(hours(5))
    assert (reading.state, reading.elapsed) == ("running", timedelta(hours=3))
