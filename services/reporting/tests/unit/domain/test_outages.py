"""An outage has the bounds that its own monitor tells, whatever stands before it and whatever another one finds."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from reporting.domain.outages import Outage, Turn, outages, until_answered
from reporting.domain.state_line import State, Transition

START = datetime(2026, 6, 1, tzinfo=UTC)
HERE, THERE = UUID(int=1), UUID(int=2)
FIRST, SECOND = UUID(int=91), UUID(int=92)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


NOW = at(60)


def entered(number: int, state: State, minutes: float, *, monitor: UUID = HERE, **rest: object) -> Transition:
    event = UUID(int=monitor.int * 1000 + number)
    return Transition(monitor, number, state, at(minutes), event, **rest)  # type: ignore[arg-type]


def down(number: int, minutes: float, outage_id: UUID = FIRST, *, monitor: UUID = HERE) -> Transition:
    return entered(number, "down", minutes, monitor=monitor, outage_id=outage_id, reason="connect")


def recovered(
    number: int, since: float, minutes: float, outage_id: UUID = FIRST, *, monitor: UUID = HERE
) -> Transition:
    told = {"ended": "down", "ended_since": at(since), "outage_id": outage_id, "reason": "connect"}
    return entered(number, "up", minutes, monitor=monitor, **told)


def paused(number: int, since: float, minutes: float) -> Transition:
    return entered(number, "paused", minutes, ended="down", ended_since=at(since), outage_id=FIRST)


def again(number: int, was: State, since: float, minutes: float) -> Transition:
    return entered(number, "down", minutes, ended=was, ended_since=at(since), outage_id=FIRST)


def test_an_outage_goes_from_its_first_failure_to_its_recovery() -> None:
    transitions = [entered(1, "up", 0), down(2, 10), recovered(3, 10, 25)]
    assert outages(transitions, NOW) == [Outage(FIRST, at(10), at(25))]
    assert outages(transitions, at(25)) == [Outage(FIRST, at(10), None)]
    assert outages(transitions, at(10)) == outages([], NOW) == []


@pytest.mark.parametrize("state", ["unknown", "maintenance", "degraded"])
def test_what_stands_before_an_outage_does_not_end_it(state: State) -> None:
    transitions = [down(1, 10), entered(2, state, 20)]
    assert outages(transitions, NOW) == [Outage(FIRST, at(10), None, turns=((at(20), state),))]
    transitions += [again(3, state, 20, 30)]
    seen: tuple[Turn, ...] = ((at(20), state), (at(30), "down"))
    assert outages(transitions, NOW) == [Outage(FIRST, at(10), None, turns=seen)]
    assert outages([*transitions, recovered(4, 10, 40)], NOW) == [Outage(FIRST, at(10), at(40), turns=seen)]


def test_an_outage_that_ends_in_silence_has_no_turn_after_its_end() -> None:
    silent = [down(1, 10), entered(2, "unknown", 20), again(3, "unknown", 20, 30), recovered(4, 10, 30)]
    assert outages(silent, NOW) == [Outage(FIRST, at(10), at(30), turns=((at(20), "unknown"),))]


def test_what_lasts_for_nothing_is_no_turn() -> None:
    told = [down(1, 10), entered(2, "unknown", 20), entered(3, "maintenance", 20), again(4, "maintenance", 20, 20)]
    assert outages(told, NOW) == [Outage(FIRST, at(10), None)]


def test_a_recovery_within_planned_work_ends_the_outage_there() -> None:
    told = [down(1, 10), entered(2, "maintenance", 20), recovered(3, 10, 30), entered(4, "maintenance", 20)]
    assert outages(told, NOW) == [Outage(FIRST, at(10), at(30), turns=((at(20), "maintenance"),))]


def test_a_pause_ends_an_outage_that_nobody_saw_end() -> None:
    assert outages([down(1, 10), paused(2, 10, 30)], NOW) == [Outage(FIRST, at(10), at(30), watched=False)]
    silent = [down(1, 10), entered(2, "unknown", 20), entered(3, "paused", 30), paused(4, 10, 30)]
    assert outages(silent, NOW) == [Outage(FIRST, at(10), at(30), watched=False, turns=((at(20), "unknown"),))]


def test_a_missing_end_is_bridged_by_what_cannot_be_told_before_it() -> None:
    assert outages([down(1, 10), entered(3, "up", 40)], NOW) == [Outage(FIRST, at(10), at(40))]
    assert outages([down(1, 10), entered(3, "paused", 40)], NOW) == [Outage(FIRST, at(10), at(40), watched=False)]
    both = [Outage(FIRST, at(10), at(40)), Outage(SECOND, at(40), None)]
    assert outages([down(1, 10), down(3, 40, SECOND)], NOW) == both
    assert outages([recovered(3, 10, 25)], NOW) == [Outage(FIRST, at(10), at(25))]


def test_the_order_in_which_transitions_are_told_is_nobodys_business() -> None:
    told = [
        down(1, 10),
        entered(2, "unknown", 20),
        again(3, "unknown", 20, 30),
        recovered(4, 10, 40),
        down(1, 15, SECOND, monitor=THERE),
    ]
    (expected,) = {tuple(outages([*order, *order], NOW)) for order in permutations(told)}
    assert expected == (
        Outage(FIRST, at(10), at(40), turns=((at(20), "unknown"), (at(30), "down"))),
        Outage(SECOND, at(15), None),
    )


@pytest.mark.parametrize("ids", [(FIRST, SECOND), (SECOND, FIRST)])
def test_outages_of_two_monitors_keep_their_own_bounds(ids: tuple[UUID, UUID]) -> None:
    told = [down(1, 10, ids[0]), recovered(2, 10, 30, ids[0]), down(1, 20, ids[1], monitor=THERE)]
    assert outages(told, NOW) == [Outage(ids[0], at(10), at(30)), Outage(ids[1], at(20), None)]


def ended(start: float, end: float | None) -> Outage:
    return Outage(UUID(int=round(start * 10)), at(start), None if end is None else at(end))


@pytest.mark.parametrize(
    ("others", "answered"),
    [
        ([], 30),
        ([(40, 50)], 30),
        ([(0, 5)], 30),
        ([(20, 40)], 40),
        ([(5, 50)], 50),
        ([(30, 35)], 35),
        ([(20, 40), (35, 50), (55, None)], 50),
        ([(20, None)], None),
        ([(20, 40), (40, None)], None),
    ],
)
def test_a_component_answers_again_when_nothing_holds_it_down_any_more(
    others: list[tuple[float, float | None]], answered: float | None
) -> None:
    outage = ended(10, 30)
    found = [outage, *(ended(*other) for other in others)]
    for order in (found, found[::-1]):
        told = until_answered(order)
        assert [each.start for each in told] == sorted(each.start for each in found)
        assert next(each.end for each in told if each.start == outage.start) == (
            None if answered is None else at(answered)
        )


def test_a_component_is_not_said_to_answer_again_where_nobody_looks_at_what_held_it_down() -> None:
    recovered_first, unwatched = ended(10, 30), ended(20, None).cut(at(40))
    assert until_answered([recovered_first, unwatched]) == [
        Outage(recovered_first.outage_id, at(10), at(40), watched=False, turns=((at(30), "down"),)),
        unwatched,
    ]
    seen = ended(35, 50)
    assert [(each.end, each.watched) for each in until_answered([recovered_first, unwatched, seen])] == [
        (at(50), True),
        (at(40), False),
        (at(50), True),
    ]


def test_an_outage_is_cut_where_nobody_looks_any_more() -> None:
    outage = Outage(FIRST, at(10), None, turns=((at(20), "unknown"), (at(40), "down")))
    assert outage.cut(at(30)) == Outage(FIRST, at(10), at(30), watched=False, turns=((at(20), "unknown"),))
    assert ended(10, 20).cut(at(30)) == ended(10, 20)
