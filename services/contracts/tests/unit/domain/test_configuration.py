"""What was in service when, by what was known when; and what does not go together."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.configuration import (
    NotRecordable,
    Rule,
    State,
    as_of,
    broken,
    check_next,
    next_end,
    passed,
    standing,
)
from contracts.domain.version_ranges import VersionRange

DAY_0 = datetime(2026, 6, 1, tzinfo=UTC)
PHP, SHOP = UUID(int=1), UUID(int=2)


def day(number: int) -> datetime:
    return DAY_0 + timedelta(days=number)


@dataclass(frozen=True)
class Version:
    number: int
    effective_from: datetime
    recorded_at: datetime
    state: State = State.IN_SERVICE
    corrects: int | None = None


def numbers(versions: list[Version], known_at: datetime) -> list[int]:
    return [version.number for version in standing(versions, known_at)]


def test_a_version_holds_from_its_first_instant_until_the_next_one() -> None:
    history = [Version(1, day(1), day(1)), Version(2, day(5), day(5)), Version(3, day(9), day(9), State.RETIRED)]
    held = [as_of(history, day(at), day(20)) for at in (0, 1, 4, 5, 9)]
    assert [version and version.number for version in held] == [None, 1, 1, 2, 3]


def test_what_is_learned_later_changes_the_past_but_not_what_was_known_of_it() -> None:
    history = [Version(1, day(1), day(1)), Version(2, day(3), day(8))]
    before, after = as_of(history, day(4), day(7)), as_of(history, day(4), day(8))
    assert (before and before.number, after and after.number) == (1, 2)


def test_a_correction_takes_the_place_of_what_it_corrects_from_when_it_was_made() -> None:
    wrong, right = Version(1, day(1), day(1)), Version(2, day(2), day(6), corrects=1)
    assert numbers([wrong, right], day(5)) == [1]
    assert numbers([wrong, right], day(6)) == [2]
    never = Version(3, day(2), day(7), State.WITHDRAWN, corrects=2)
    assert numbers([wrong, right, never], day(7)) == []


def test_of_two_at_one_instant_the_one_recorded_later_holds() -> None:
    assert numbers([Version(2, day(1), day(2)), Version(1, day(1), day(1))], day(3)) == [1, 2]


@pytest.mark.parametrize(
    ("state", "effective_from", "corrects", "field"),
    [
        (State.IN_SERVICE, day(11), None, "effective_from"),
        (State.WITHDRAWN, day(9), None, "corrects"),
        (State.IN_SERVICE, day(9), 1, "corrects"),
        (State.IN_SERVICE, day(9), 9, "corrects"),
    ],
)
def test_what_cannot_be_recorded_is_refused_where_it_is_wrong(
    state: State, effective_from: datetime, corrects: int | None, field: str
) -> None:
    history = [Version(1, day(1), day(1)), Version(2, day(2), day(6), corrects=1)]
    with pytest.raises(NotRecordable) as refusal:
        check_next(history, state, effective_from, corrects, day(10))
    assert refusal.value.field == field
    check_next(history, State.WITHDRAWN, day(10), 2, day(10))


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    """Versions recorded one after another, each a fact of the past or a correction of one that counts."""
    history: list[Version] = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        recorded_at = day(10 + number)
        counting = numbers(history, recorded_at)
        corrects = draw(st.sampled_from([None, *counting]))
        state = draw(st.sampled_from(list(State) if corrects else [State.IN_SERVICE, State.RETIRED]))
        history.append(Version(number, day(draw(st.integers(0, 10))), recorded_at, state, corrects))
    return history


@given(histories(), st.integers(0, 20), st.integers(0, 20), st.randoms())
def test_what_was_known_is_reproducible_whatever_was_recorded_since_and_in_whatever_order_it_is_read(
    history: list[Version], at: int, known: int, shuffle: random.Random
) -> None:
    then = [version for version in history if version.recorded_at <= day(known)]
    shuffled = list(history)
    shuffle.shuffle(shuffled)
    assert as_of(shuffled, day(at), day(known)) == as_of(then, day(at), day(known))


RULE = Rule(UUID(int=9), SHOP, VersionRange.parse(">=2.4"), PHP, VersionRange.parse(">=8.2"))


@pytest.mark.parametrize(
    ("item", "label", "others", "breaks"),
    [
        (SHOP, "2.4.0", {PHP: "8.1"}, True),
        (SHOP, "2.4.0", {PHP: "8.2"}, False),
        (SHOP, "2.3.9", {PHP: "8.1"}, False),
        (SHOP, "2.4.0", {}, False),
        (PHP, "8.1", {SHOP: "2.4.0"}, True),
        (PHP, "8.1", {SHOP: "2.4.0", PHP: "8.3"}, True),
        (UUID(int=3), "1", {SHOP: "2.4.0", PHP: "8.1"}, False),
    ],
)
def test_a_change_of_either_item_breaks_a_rule_between_them(
    item: UUID, label: str, others: dict[UUID, str], breaks: bool
) -> None:
    assert broken([RULE], item, label, others) == ([RULE] if breaks else [])


def test_an_end_of_support_has_passed_at_its_instant_and_the_next_is_still_to_come() -> None:
    ends = {"end_of_support": day(3), "end_of_life": day(8), "never": None}
    assert (passed(ends, day(2)), next_end(ends, day(2))) == ([], day(3))
    assert (passed(ends, day(3)), next_end(ends, day(3))) == (["end_of_support"], day(8))
    assert (passed(ends, day(9)), next_end(ends, day(9))) == (["end_of_support", "end_of_life"], None)
