"""How long links and sessions let in, and when asking again is refused."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.portal import (
    IDLE_LIFE,
    LINK_LIFE,
    LONGEST_LIFE,
    MOST_FOR_ONE_ADDRESS,
    MOST_FROM_ONE_PLACE,
    Link,
    Session,
    is_mailed,
    is_taken,
)

BEGAN = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
lengths = st.timedeltas(timedelta(0), timedelta(days=30))


@given(lengths)
def test_a_link_opens_until_its_end_and_not_at_it(later: timedelta) -> None:
    link = Link(BEGAN + LINK_LIFE, None)
    assert link.opens(BEGAN + later) == (later < LINK_LIFE)


@given(lengths, lengths)
def test_a_link_that_was_used_opens_never_again(used: timedelta, later: timedelta) -> None:
    assert not Link(BEGAN + LINK_LIFE, BEGAN + used).opens(BEGAN + later)


@given(lengths, lengths)
def test_a_session_goes_on_while_it_is_used_and_never_longer_than_its_longest_life(
    seen: timedelta, later: timedelta
) -> None:
    session = Session(BEGAN, BEGAN + seen, None)
    now = BEGAN + seen + later
    assert session.goes_on(now) == (later < IDLE_LIFE and seen + later < LONGEST_LIFE)


@given(lengths, lengths)
def test_a_session_that_was_ended_lets_in_never_again(ended: timedelta, later: timedelta) -> None:
    assert not Session(BEGAN, BEGAN, BEGAN + ended).goes_on(BEGAN + later)


def test_one_asking_more_than_allowed_is_not_mailed_and_not_taken() -> None:
    assert is_mailed(MOST_FOR_ONE_ADDRESS - 1)
    assert not is_mailed(MOST_FOR_ONE_ADDRESS)
    assert is_taken(MOST_FROM_ONE_PLACE - 1)
    assert not is_taken(MOST_FROM_ONE_PLACE)
