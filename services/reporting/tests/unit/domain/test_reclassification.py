"""Retroactive decisions: what they change, and what they must leave alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.reclassification import (
    CATEGORIES,
    COUNTS_AS,
    ApprovedByItsProposer,
    Category,
    DecidedByAProgram,
    Decision,
    NotInThisStatus,
    OutageNotOver,
    OutsideTheOutage,
    Person,
    ProposedByAProgram,
    ProposedUnderAnotherIssuer,
    Step,
    approve,
    as_told,
    decline,
    forgiven,
    in_force,
    outage_interval,
    propose_withdrawal,
    reclassified,
    within,
)
from reporting.domain.reclassification import proposed as propose
from reporting.domain.state_line import Span, Transition, environment_line
from shared.kernel.intervals import Interval

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=1)
HERE, THERE = UUID(int=1), UUID(int=2)
SITE = UUID(int=3)
NADIA, PAUL = Person("user", "nadia", "Nadia"), Person("user", "paul", "Paul")


def at(minutes: int) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def outages(monitor: UUID, *told: tuple[int, int]) -> list[Transition]:
    """A monitor that is up but for `[from, to)`, each of which is an outage of its own."""
    found = [Transition(monitor, 0, "up", BEGIN, UUID(int=monitor.int << 64))]
    for number, (start, end) in enumerate(told, 1):
        outage = UUID(int=monitor.int << 32 | number)
        event = UUID(int=monitor.int << 64 | number << 8)
        found += [
            Transition(monitor, 2 * number - 1, "down", at(start), event, "up", None, outage, "connect"),
            Transition(
                monitor, 2 * number, "up", at(end), UUID(int=event.int + 1), "down", at(start), outage, "connect"
            ),
        ]
    return found


def decision(number: int, outage: UUID, category: Category, start: int, end: int) -> Decision:
    """Proposed, and approved `number` minutes after the day."""
    steps = (
        Step("proposed", NADIA, END, "The host said so"),
        Step("approved", PAUL, END + timedelta(0, 60 * number), None),
    )
    return Decision(UUID(int=number), outage, SITE, category, Interval(at(start), at(end)), steps)


def decided(transitions: list[Transition], decisions: list[Decision]) -> tuple[list[Span], list[Span]]:
    before = environment_line(transitions, BEGIN, END)
    last_first = in_force(decisions, END + timedelta(days=30))
    without = environment_line(transitions, BEGIN, END, forgiven=forgiven(last_first))
    return before, reclassified(before, without, last_first)


minutes = st.lists(st.integers(1, 1439), min_size=2, max_size=8, unique=True).map(sorted)
told = minutes.map(lambda edges: list(zip(edges[::2], edges[1::2], strict=False)))


@given(here=told, there=told, data=st.data())
def test_only_what_was_decided_on_stops_counting_and_everything_else_stays(
    here: list[tuple[int, int]], there: list[tuple[int, int]], data: st.DataObject
) -> None:
    transitions = [*outages(HERE, *here), *outages(THERE, *there)]
    known = {
        UUID(int=monitor.int << 32 | number): stretch
        for monitor, stretches in ((HERE, here), (THERE, there))
        for number, stretch in enumerate(stretches, 1)
    }
    chosen = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=5))
    decisions = []
    for number, outage in enumerate(chosen, 1):
        start, end = known[outage]
        left = data.draw(st.integers(start, end - 1))
        right = data.draw(st.integers(left + 1, end))
        decisions.append(decision(number, outage, data.draw(st.sampled_from(CATEGORIES)), left, right))
    before, after = decided(transitions, data.draw(st.permutations(decisions)))
    assert (after[0].start, after[-1].end) == (BEGIN, END)
    assert all(left.end == right.start for left, right in pairwise(after))
    for minute in range(1440):
        at_fault = {outage for outage, (start, end) in known.items() if start <= minute < end}
        holding = {one.outage_id: one for one in decisions if one.decided.start <= at(minute) < one.decided.end}
        (was,) = [span for span in before if span.start <= at(minute) < span.end]
        (now,) = [span for span in after if span.start <= at(minute) < span.end]
        if was.state != "down":
            assert now == was
            continue
        assert (now.state == "down") == bool(at_fault - set(holding))
        if now.state == "down":
            assert now.outage_id in at_fault - set(holding)
            assert now.outage_decision_id is None
        else:
            assert was.outage_id is not None
            last = holding[was.outage_id]
            assert (now.state, now.reason) == (COUNTS_AS[last.category], last.category)
            assert (now.outage_decision_id, now.outage_id, now.events) == (
                last.outage_decision_id,
                was.outage_id,
                was.events,
            )


def test_without_decisions_nothing_changes() -> None:
    before, after = decided(outages(HERE, (10, 20)), [])
    assert after == before


def test_an_outage_of_a_third_party_is_left_out_and_ours_at_the_same_time_still_counts() -> None:
    transitions = [*outages(HERE, (10, 40)), *outages(THERE, (20, 30))]
    theirs, ours = (UUID(int=monitor.int << 32 | 1) for monitor in (HERE, THERE))
    _, after = decided(transitions, [decision(1, theirs, "third_party", 10, 40)])
    assert [(span.state, span.outage_id, span.start, span.end) for span in after if span.state != "up"] == [
        ("paused", theirs, at(10), at(20)),
        ("down", ours, at(20), at(30)),
        ("paused", theirs, at(30), at(40)),
    ]


def test_an_outage_is_decided_on_from_its_first_failure_to_its_end_and_not_while_it_goes_on() -> None:
    transitions = outages(HERE, (10, 40), (50, 60))
    first, second = (UUID(int=HERE.int << 32 | number) for number in (1, 2))
    assert outage_interval(transitions, first, END) == (at(10), at(40))
    with pytest.raises(OutageNotOver):
        outage_interval(transitions[:-1], second, END)


def test_the_time_that_is_decided_on_lies_within_the_outage() -> None:
    outage = Interval(at(10), at(40))
    assert within(outage, None, None) == outage
    assert within(outage, at(20), None) == (at(20), at(40))
    for start, end in ((at(9), None), (None, at(41)), (at(30), at(30)), (at(30), at(20))):
        with pytest.raises(OutsideTheOutage):
            within(outage, start, end)


def proposed() -> Decision:
    steps = (Step("proposed", NADIA, at(0), "The host said so"),)
    return Decision(UUID(int=9), HERE, SITE, "third_party", Interval(at(10), at(20)), steps)


PROGRAM = Person("api_key", "frontend", "Frontend")


def test_whoever_proposes_cannot_approve_and_a_program_takes_no_step() -> None:
    with pytest.raises(ApprovedByItsProposer):
        approve(proposed(), NADIA, END, None)
    approved = approve(proposed(), PAUL, at(30), None)
    for step in (
        lambda: propose(PROGRAM, END, "Because"),
        lambda: approve(proposed(), PROGRAM, END, None),
        lambda: decline(proposed(), PROGRAM, END, "No"),
        lambda: propose_withdrawal(approved, PROGRAM, END, "No"),
    ):
        with pytest.raises(DecidedByAProgram):
            step()
    assert approve(proposed(), PAUL, END, "Seen").status == "approved"


def test_what_a_program_proposed_before_that_was_refused_is_declined_and_never_approved() -> None:
    by_key = replace(proposed(), steps=(Step("proposed", PROGRAM, at(0), "The host said so"),))
    with pytest.raises(ProposedByAProgram):
        approve(by_key, PAUL, END, None)
    assert decline(by_key, PAUL, END, "Say so yourself").status == "declined"


def test_two_ids_of_two_issuers_may_be_one_person() -> None:
    by_sign_on = replace(PAUL, issuer="https://sso.agency.test")
    by_key = replace(proposed(), steps=(Step("proposed", replace(NADIA, issuer="http://contracts"), at(0), "So"),))
    with pytest.raises(ProposedUnderAnotherIssuer):
        approve(by_key, by_sign_on, END, None)
    assert approve(by_key, replace(PAUL, issuer="http://contracts"), END, None).status == "approved"
    assert approve(proposed(), by_sign_on, END, None).status == "approved", "from before the issuer was kept"


def test_a_decision_holds_from_its_approval_until_two_people_agreed_to_take_it_back_and_keeps_every_step() -> None:
    approved = approve(proposed(), PAUL, at(30), None)
    doubted = propose_withdrawal(approved, PAUL, at(40), "It was our firewall")
    with pytest.raises(ApprovedByItsProposer):
        approve(doubted, PAUL, at(45), None)
    withdrawn = approve(doubted, NADIA, at(50), None)
    assert [step.act for step in withdrawn.steps] == ["proposed", "approved", "withdrawal_proposed", "withdrawn"]
    assert withdrawn.version == 4
    holding = [minute for minute in (29, 30, 40, 49, 50) if in_force([withdrawn], at(minute))]
    assert holding == [30, 40, 49]
    assert decline(doubted, PAUL, at(45), "It was theirs after all").holds_at(END)
    for step in (approve, decline, propose_withdrawal):
        with pytest.raises(NotInThisStatus):
            step(withdrawn, PAUL, END, "Again")


def test_a_client_is_told_what_was_agreed_to_and_not_what_somebody_proposed() -> None:
    assert as_told(proposed()) is None
    assert as_told(decline(proposed(), PAUL, at(30), "No")) is None
    approved = approve(proposed(), PAUL, at(30), None)
    assert as_told(propose_withdrawal(approved, PAUL, at(40), "Doubts")) == approved
