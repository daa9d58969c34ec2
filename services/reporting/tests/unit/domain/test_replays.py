"""Which stretch of time can be replayed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.replays import fault_of

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOURS = st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours))


@given(since=HOURS, until=HOURS)
def test_a_range_is_good_exactly_when_something_of_it_has_been_and_nothing_is_to_come(
    since: datetime, until: datetime
) -> None:
    assert (fault_of(since=since, until=until, now=NOW) is None) == (since < until <= NOW)


def test_each_fault_is_called_by_its_name() -> None:
    hour = timedelta(hours=1)
    assert fault_of(since=NOW, until=NOW, now=NOW) == "begins_in_the_future"
    assert fault_of(since=NOW - hour, until=NOW + hour, now=NOW) == "ends_in_the_future"
    assert fault_of(since=NOW - hour, until=NOW - hour, now=NOW) == "ends_before_it_begins"
