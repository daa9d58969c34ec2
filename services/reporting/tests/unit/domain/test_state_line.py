"""The state line is a function of the set of transitions: their order of arrival is nobody's business."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, pairwise, permutations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.state_line import (
    NOT_BEGUN,
    Span,
    State,
    Transition,
    Vouched,
    clipped,
    environment_line,
    of_availability,
    touching,
    with_pauses,
    with_silence,
)

START = datetime(2026, 6, 1, tzinfo=UTC)
MONITOR, OTHER = UUID(int=1), UUID(int=2)
OUTAGE = UUID(int=99)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def entered(number: int, state: State, minutes: float, *, monitor: UUID = MONITOR, **rest: object) -> Transition:
    event = UUID(int=monitor.int * 1000 + number)
    return Transition(monitor, number, state, at(minutes), event, **rest)  # type: ignore[arg-type]


def down(number: int, minutes: float, *, monitor: UUID = MONITOR) -> Transition:
    return entered(number, "down", minutes, monitor=monitor, outage_id=OUTAGE, reason="connect")


def recovered(number: int, since: float, minutes: float) -> Transition:
    return entered(number, "up", minutes, ended="down", ended_since=at(since), outage_id=OUTAGE, reason="connect")


def told(line: list[Span]) -> list[tuple[str, float, float]]:
    return [
        (span.state, (span.start - START).total_seconds() / 60, (span.end - START).total_seconds() / 60)
        for span in line
    ]


def test_what_has_not_been_watched_is_unknown() -> None:
    line = environment_line([], START, at(60))
    assert told(line) == [("unknown", 0, 60)]
    assert line[0].reason == NOT_BEGUN
    assert told(environment_line([entered(1, "up", 10)], START, at(60))) == [("unknown", 0, 10), ("up", 10, 60)]
    assert environment_line([], at(60), START) == []


def test_an_outage_carries_its_id_its_reason_and_both_of_its_events() -> None:
    opening, closing = down(2, 20), recovered(3, 20, 30)
    line = environment_line([entered(1, "up", 0), opening, closing], START, at(60))
    assert told(line) == [("up", 0, 20), ("down", 20, 30), ("up", 30, 60)]
    assert (line[1].outage_id, line[1].reason) == (OUTAGE, "connect")
    assert line[1].events == (opening.event_id, closing.event_id)
    assert line[2].reason is None


def test_a_recovery_alone_tells_the_whole_outage() -> None:
    line = environment_line([entered(1, "up", 0), recovered(3, 20, 30)], START, at(60))
    assert told(line) == [("up", 0, 20), ("down", 20, 30), ("up", 30, 60)]
    assert (line[1].outage_id, line[1].reason) == (OUTAGE, "connect")


def test_an_outage_that_goes_on_lasts_until_the_end() -> None:
    assert told(environment_line([entered(1, "up", 0), down(2, 20)], START, at(60))) == [
        ("up", 0, 20),
        ("down", 20, 60),
    ]


def test_down_wins_over_the_unknown_in_its_middle() -> None:
    transitions = [entered(1, "up", 0), down(2, 20), entered(3, "unknown", 25), recovered(4, 20, 30)]
    assert told(environment_line(transitions, START, at(60))) == [("up", 0, 20), ("down", 20, 30), ("up", 30, 60)]


def silent_outage(ending: State) -> list[Transition]:
    """Down at 20, silent from 25 on, heard of again at 40 only where it recovers (at 50); paused at 50 otherwise."""
    gap = (at(25), None if ending == "paused" else at(40))
    after: State = "paused" if ending == "paused" else "down"
    heard = 50 if ending == "paused" else 40
    return [
        entered(1, "up", 0),
        down(2, 20),
        entered(3, "unknown", 25, reason="no_fresh_result"),
        entered(
            4,
            after,
            heard,
            ended="unknown",
            ended_since=at(25),
            outage_id=OUTAGE if after == "down" else None,
        ),
        entered(
            5,
            ending,
            50,
            ended="down",
            ended_since=at(20),
            outage_id=OUTAGE,
            reason="contract_terminated" if ending == "paused" else "connect",
            gaps=(gap,),
        ),
    ]


def test_silence_in_an_outage_that_a_pause_ends_is_not_down() -> None:
    line = environment_line(silent_outage("paused"), START, at(60))
    assert told(line) == [("up", 0, 20), ("down", 20, 25), ("unknown", 25, 50), ("paused", 50, 60)]
    assert [span.reason for span in line] == [None, "connect", "no_fresh_result", "contract_terminated"]


def test_silence_in_an_outage_that_recovers_is_not_down() -> None:
    transitions = silent_outage("up")
    line = environment_line(transitions, START, at(60))
    assert told(line) == [("up", 0, 20), ("down", 20, 25), ("unknown", 25, 40), ("down", 40, 50), ("up", 50, 60)]
    opening, heard, closing = (transitions[number].event_id for number in (1, 3, 4))
    assert [(span.outage_id, span.reason) for span in (line[1], line[3])] == [(OUTAGE, "connect")] * 2
    assert set(line[1].events) >= {opening, closing}
    assert line[3].events == (opening, heard, closing)


def test_what_is_told_to_be_silence_is_never_down_whatever_arrived_in_whatever_order() -> None:
    """Of every choice of what has arrived, in every order: the gap is not down once anybody has told both its ends."""
    for ending, silent_until in (("paused", 50), ("up", 40)):
        whole = silent_outage(ending)  # type: ignore[arg-type]
        tellers = {whole[3], whole[4]}
        for known in chain.from_iterable(combinations(whole, count) for count in range(1, 6)):
            lines = [environment_line(order, START, at(60)) for order in permutations(known)]
            assert all(line == lines[0] for line in lines)
            if tellers & set(known):
                gap = clipped(lines[0], at(25), at(silent_until))
                assert {span.state for span in gap} == {"unknown"}, [each.number for each in known]
        # The last one alone tells all of the outage.
        alone = clipped(environment_line([whole[0], whole[4]], START, at(60)), at(0), at(50))
        assert told(alone) == told(clipped(environment_line(whole, START, at(60)), at(0), at(50)))


def test_an_outage_out_of_the_unknown_keeps_its_cause_and_its_events() -> None:
    """The stretch before is restored to down at the same instant at which the outage begins."""
    restored = entered(2, "down", 20, ended="unknown", ended_since=at(0))
    opening, closing = down(3, 20), recovered(4, 20, 30)
    whole = [entered(1, "unknown", 0, reason="not_yet_checked"), restored, opening, closing]
    for order in permutations(whole):
        line = environment_line(order, START, at(60))
        assert told(line) == [("unknown", 0, 20), ("down", 20, 30), ("up", 30, 60)]
        assert (line[1].outage_id, line[1].reason) == (OUTAGE, "connect")
        assert line[1].events == (opening.event_id, closing.event_id)
    late = environment_line([whole[0], restored, closing], START, at(60))
    assert (late[1].outage_id, late[1].reason, late[1].events) == (OUTAGE, "connect", (closing.event_id,))


def test_a_pause_ends_an_outage_for_the_line() -> None:
    pause = entered(3, "paused", 30, ended="down", ended_since=at(20), outage_id=OUTAGE, reason="contract_suspended")
    for transitions in ([entered(1, "up", 0), down(2, 20), pause], [entered(1, "up", 0), pause]):
        line = environment_line(transitions, START, at(60))
        assert told(line) == [("up", 0, 20), ("down", 20, 30), ("paused", 30, 60)]
        assert line[2].reason == "contract_suspended"


def test_several_monitors_are_down_when_one_is_and_paused_only_together() -> None:
    transitions = [
        entered(1, "up", 0),
        down(2, 20),
        recovered(3, 20, 30),
        entered(4, "paused", 40),
        entered(1, "up", 10, monitor=OTHER),
        entered(2, "unknown", 45, monitor=OTHER),
        entered(3, "paused", 50, monitor=OTHER),
    ]
    assert told(environment_line(transitions, START, at(60))) == [
        ("up", 0, 20),
        ("down", 20, 30),
        ("up", 30, 45),
        ("unknown", 45, 50),
        ("paused", 50, 60),
    ]


def test_a_suspension_covers_whatever_was_there() -> None:
    line = environment_line([entered(1, "up", 0), down(2, 20)], START, at(60))
    covered = with_pauses(line, [(at(10), at(30))], "contract_suspended")
    assert told(covered) == [("up", 0, 10), ("paused", 10, 20), ("paused", 20, 30), ("down", 30, 60)]
    assert told(clipped(covered, at(25), at(40))) == [("paused", 25, 30), ("down", 30, 40)]


STATES: st.SearchStrategy[State] = st.sampled_from(("up", "down", "unknown", "paused", "degraded"))


@st.composite
def histories(draw: st.DrawFn) -> list[Transition]:
    """Transitions of one or two monitors, each ending what the one before began."""
    found: list[Transition] = []
    for monitor in (MONITOR, OTHER)[: draw(st.integers(1, 2))]:
        minutes = draw(st.integers(0, 5))
        previous: tuple[State, int] | None = None
        for number in range(1, draw(st.integers(1, 6)) + 1):
            state: State = draw(STATES)
            found.append(
                entered(
                    number,
                    state,
                    minutes,
                    monitor=monitor,
                    ended=previous[0] if previous else None,
                    ended_since=at(previous[1]) if previous else None,
                )
            )
            previous = (state, minutes)
            minutes += draw(st.integers(0, 9))
    return found


@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_transitions_change_nothing(history: list[Transition], random: object) -> None:
    mixed = [*history, *history]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert environment_line(mixed, START, at(60)) == environment_line(history, START, at(60))


@given(histories())
def test_the_line_has_no_holes_no_overlaps_and_no_repetition(history: list[Transition]) -> None:
    line = environment_line(history, START, at(60))
    assert (line[0].start, line[-1].end) == (START, at(60))
    for left, right in pairwise(line):
        assert left.end == right.start
        assert left.start < left.end
        assert (left.state, left.outage_id, left.reason) != (right.state, right.outage_id, right.reason)


@given(histories(), st.data())
def test_a_missing_event_between_two_others_moves_nothing_outside_of_it(
    history: list[Transition], data: st.DataObject
) -> None:
    """What is still to arrive is bridged by its neighbours: each event says what it ends."""
    single = [each for each in history if each.monitor_id == MONITOR]
    if len(single) < 3:
        return
    gone = data.draw(st.integers(1, len(single) - 2))
    whole = environment_line(single, START, at(60))
    gap = environment_line(single[:gone] + single[gone + 1 :], START, at(60))
    following = single[gone + 1].at
    assert told(clipped(gap, following, at(60))) == told(clipped(whole, following, at(60)))


@given(histories(), st.integers(0, 59), st.integers(1, 60))
def test_what_touches_a_period_tells_all_of_it(history: list[Transition], start: int, length: int) -> None:
    line = environment_line(history, START, at(60))
    first, last = at(start), min(at(start + length), at(60))
    near = touching(line, first, last)
    assert clipped(near, first, last) == clipped(line, first, last)
    before, after = line.index(near[0]) - 1, line.index(near[-1]) + 1
    assert before < 0 or not line[before].state == near[0].state == "down"
    assert after >= len(line) or not line[after].state == near[-1].state == "down"


WORD = UUID(int=500)


def silent(transitions: list[Transition], heard_until: float | None, now: float) -> list[tuple[str, float, float]]:
    vouched = {MONITOR: Vouched(at(heard_until), WORD)} if heard_until is not None else {}
    return told(environment_line(with_silence(transitions, vouched, at(now)), START, at(now)))


def test_what_nobody_vouches_for_any_more_is_unknown_from_the_last_word_on() -> None:
    up = [entered(1, "up", 0)]
    assert silent(up, 60, 180) == [("up", 0, 180)]
    assert silent(up, 60, 181) == [("up", 0, 60), ("unknown", 60, 181)]
    line = environment_line(with_silence(up, {MONITOR: Vouched(at(60), WORD)}, at(200)), START, at(200))
    assert line[-1].events == (WORD,) and line[-1].reason == "no_fresh_result"


def test_a_transition_is_a_word_too() -> None:
    assert silent([entered(1, "up", 0), down(2, 90), recovered(3, 90, 100)], 60, 210)[-1] == ("up", 100, 210)
    assert silent([entered(1, "up", 0), down(2, 90), recovered(3, 90, 100)], 60, 230)[-1] == ("unknown", 100, 230)


def test_silence_changes_nothing_where_nobody_ever_vouched_nor_in_an_outage_nor_a_pause() -> None:
    assert silent([entered(1, "up", 0)], None, 10_000) == [("up", 0, 10_000)]
    assert silent([entered(1, "up", 0), down(2, 30)], 60, 10_000)[-1] == ("down", 30, 10_000)
    assert silent([entered(1, "up", 0), entered(2, "paused", 30)], 60, 10_000)[-1] == ("paused", 30, 10_000)


def test_another_monitor_of_the_environment_may_still_be_heard_of() -> None:
    transitions = [entered(1, "up", 0), entered(1, "up", 0, monitor=OTHER)]
    vouched = {MONITOR: Vouched(at(60), WORD), OTHER: Vouched(at(240), WORD)}
    line = environment_line(with_silence(transitions, vouched, at(250)), START, at(250))
    assert told(line) == [("up", 0, 60), ("unknown", 60, 250)]


def test_where_an_environment_counts_only_what_measures_its_availability_says_how_it_is() -> None:
    page = [entered(1, "up", 0)]
    aside = [entered(1, "up", 0, monitor=OTHER, measures_availability=False), down(2, 20, monitor=OTHER)]
    aside[1] = replace(aside[1], measures_availability=False)
    silent = with_silence([*page, aside[0]], {OTHER: Vouched(at(10), UUID(int=7))}, at(600))
    for known, otherwise in (([*page, *aside], "down"), (silent, "unknown")):
        counting = of_availability(known, counts_for_sla=True)
        assert {span.state for span in environment_line(counting, START, at(600))} == {"up"}
        informative = of_availability(known, counts_for_sla=False)
        assert {span.state for span in environment_line(informative, START, at(600))} == {"up", otherwise}
    assert environment_line(of_availability(aside, counts_for_sla=True), START, at(60))[0].reason == NOT_BEGUN
