"""Many facts at once: one message for those that come together, a summary in a storm, and nothing lost or late."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.storm_brake import (
    OPENED,
    STORM_ABOVE,
    STORM_SPAN,
    SUMMARY_EVERY,
    URGENT,
    WINDOW,
    Fact,
    Told,
    plan,
)

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
SHOP, BANK = UUID(int=1), UUID(int=2)
TICK = timedelta(seconds=5)


def fact(number: int, kind: str = OPENED, *, item: int | None = None, contract: UUID = SHOP, after: int = 0) -> Fact:
    about = UUID(int=1000 + (item if item is not None else number))
    return Fact(UUID(int=number), kind, about, contract, NINE + timedelta(seconds=after))


def numbers(messages: Sequence[Sequence[Fact]]) -> list[list[int]]:
    return [[each.id.int for each in message] for message in messages]


def test_the_first_opening_leaves_at_once() -> None:
    assert numbers(plan([fact(1)], Told(), NINE).messages) == [[1]]


def test_openings_that_come_together_are_one_message_across_contracts() -> None:
    found = plan([fact(1), fact(2, contract=BANK), fact(3)], Told(), NINE)
    assert numbers(found.messages) == [[1, 2, 3]]


def test_openings_shortly_after_one_wait_for_the_end_of_its_window() -> None:
    told = Told(opening_told_at=NINE - timedelta(seconds=10), told_at={SHOP: NINE - timedelta(seconds=10)})
    found = plan([fact(1), fact(2)], told, NINE)
    assert found.messages == ()
    assert set(found.held.values()) == {NINE - timedelta(seconds=10) + WINDOW}
    assert numbers(plan([fact(1), fact(2)], told, NINE + WINDOW).messages) == [[1, 2]]


def test_what_is_no_opening_does_not_wait_outside_of_a_storm() -> None:
    told = Told(opening_told_at=NINE, told_at={SHOP: NINE})
    assert numbers(plan([fact(1, "recovered"), fact(2, "clock_at_risk")], told, NINE).messages) == [[1], [2]]


def test_a_recovery_leaves_after_the_opening_and_not_with_it() -> None:
    found = plan([fact(1, item=7), fact(2, "recovered", item=7)], Told(), NINE)
    assert numbers(found.messages) == [[1]]
    assert found.held == {UUID(int=2): NINE}


def test_an_opening_does_not_overtake_what_waits_for_the_message_before_it() -> None:
    found = plan([fact(1, "clock_at_risk", item=7), fact(2, "clock_at_risk", item=7), fact(3, item=7)], Told(), NINE)
    assert numbers(found.messages) == [[1]]
    assert found.held == {UUID(int=2): NINE, UUID(int=3): NINE}


def test_a_recovery_waits_as_long_as_the_opening_is_held() -> None:
    told = Told(opening_told_at=NINE, told_at={SHOP: NINE})
    found = plan([fact(1, item=7), fact(2, "recovered", item=7)], told, NINE)
    assert found.messages == () and set(found.held.values()) == {NINE + WINDOW}


def test_in_a_storm_everything_of_the_contract_waits_for_the_next_summary_and_the_others_do_not() -> None:
    told = Told(told_at={SHOP: NINE, BANK: NINE}, came={SHOP: STORM_ABOVE + 1, BANK: STORM_ABOVE})
    waiting = [fact(1, "recovered"), fact(2, "clock_at_risk"), fact(3, "recovered", contract=BANK)]
    found = plan(waiting, told, NINE)
    assert numbers(found.messages) == [[3]]
    assert set(found.held.values()) == {NINE + SUMMARY_EVERY}
    assert numbers(plan(waiting[:2], told, NINE + SUMMARY_EVERY).messages) == [[1, 2]]


@pytest.mark.parametrize("kind", sorted(URGENT))
def test_an_escalation_or_a_missed_target_is_told_at_once_whatever_the_weather(kind: str) -> None:
    told = Told(opening_told_at=NINE, told_at={SHOP: NINE}, came={SHOP: 1_000})
    assert numbers(plan([fact(1, item=7), fact(2, kind, item=7)], told, NINE).messages) == [[2]]


# --- A recipient's day against the clock -----------------------------------------------------------------------------


@dataclass
class Recipient:
    """Keeps what the service's rows keep, and asks the rule every few seconds."""

    sent: list[tuple[datetime, tuple[Fact, ...]]] = field(default_factory=list)
    storms: set[UUID] = field(default_factory=set)

    def told(self, known: Sequence[Fact], now: datetime) -> Told:
        quiet = [(at, [one for one in message if one.kind not in URGENT]) for at, message in self.sent]
        return Told(
            opening_told_at=max((at for at, m in quiet if any(one.kind == OPENED for one in m)), default=None),
            told_at={one.contract_id: at for at, message in quiet for one in message},
            came=Counter(
                one.contract_id for one in known if one.kind not in URGENT and now - STORM_SPAN < one.at <= now
            ),
        )

    def live(self, facts: Sequence[Fact], until: datetime) -> None:
        waiting: list[Fact] = []
        now = NINE
        ordered = sorted(facts, key=lambda one: one.at)
        while now <= until:
            known = [one for one in ordered if one.at <= now]
            waiting = [one for one in known if one.id not in {each.id for _, m in self.sent for each in m}]
            if waiting:
                told = self.told(known, now)
                self.storms |= {one.contract_id for one in waiting if told.storm(one.contract_id)}
                found = plan(waiting, told, now)
                assert {one.id for m in found.messages for one in m} | set(found.held) == {one.id for one in waiting}
                self.sent += [(now, message) for message in found.messages]
            now += TICK


_FACTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["opened", "opened", "recovered", "clock_at_risk", "clock_breached", "escalation"]),
        st.integers(0, 30),
        st.sampled_from([SHOP, BANK]),
    ),
    max_size=60,
)


@given(_FACTS)
def test_every_fact_is_told_exactly_once_and_none_later_than_its_window(
    drawn: list[tuple[int, str, int, UUID]],
) -> None:
    facts = [
        fact(number, kind, item=item, contract=contract, after=after)
        for number, (after, kind, item, contract) in enumerate(sorted(drawn, key=lambda one: one[0]), start=1)
    ]
    recipient = Recipient()
    recipient.live(facts, NINE + timedelta(seconds=410) + SUMMARY_EVERY)
    told = {one.id: at for at, message in recipient.sent for one in message}
    assert sorted(one.id for _, m in recipient.sent for one in m) == sorted(one.id for one in facts)
    for one in facts:
        late = told[one.id] - one.at
        if one.kind in URGENT:
            assert late < TICK
        elif not recipient.storms:
            assert late <= WINDOW + TICK
        else:
            assert late <= SUMMARY_EVERY + TICK


@given(_FACTS)
def test_in_a_storm_at_most_one_message_of_a_contract_leaves_between_two_summaries(
    drawn: list[tuple[int, str, int, UUID]],
) -> None:
    facts = [fact(n, kind, item=item, after=0) for n, (_, kind, item, _) in enumerate(drawn, start=1)]
    recipient = Recipient()
    recipient.live(facts, NINE + SUMMARY_EVERY + TICK)
    if SHOP in recipient.storms:
        summed = [at for at, message in recipient.sent if message[0].kind not in URGENT]
        assert all(later - earlier >= SUMMARY_EVERY for earlier, later in pairwise(summed))


@given(_FACTS)
def test_what_is_told_of_one_item_is_told_in_order_but_for_what_cannot_wait(
    drawn: list[tuple[int, str, int, UUID]],
) -> None:
    facts = [fact(n, kind, item=item % 3, after=after) for n, (after, kind, item, _) in enumerate(sorted(drawn), 1)]
    recipient = Recipient()
    recipient.live(facts, NINE + timedelta(seconds=410) + SUMMARY_EVERY)
    calm = [one for _, message in recipient.sent for one in message if one.kind not in URGENT]
    for item in {one.item_id for one in calm}:
        mine = [one.id for one in calm if one.item_id == item]
        assert mine == sorted(mine)
