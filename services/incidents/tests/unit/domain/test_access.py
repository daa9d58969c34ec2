"""Which grants are good when."""

from datetime import UTC, datetime, timedelta

import pytest

from incidents.domain.access import Grant, GrantState, NoAccessError, admit

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def test_a_grant_is_valid_from_its_beginning_up_to_its_end() -> None:
    grant = Grant(NINE, NINE + HOUR)
    assert grant.at(NINE - MICROSECOND) is GrantState.PLANNED
    assert grant.at(NINE) is GrantState.VALID
    assert grant.at(NINE + HOUR - MICROSECOND) is GrantState.VALID
    assert grant.at(NINE + HOUR) is GrantState.EXPIRED


def test_a_revocation_counts_from_its_own_instant_on() -> None:
    grant = Grant(NINE, NINE + 2 * HOUR, revoked_at=NINE + HOUR)
    assert grant.at(NINE + HOUR - MICROSECOND) is GrantState.VALID
    assert grant.at(NINE + HOUR) is GrantState.REVOKED
    assert grant.at(NINE + 3 * HOUR) is GrantState.REVOKED


@pytest.mark.parametrize(("at", "word"), [(NINE - HOUR, "not valid yet"), (NINE + HOUR, "expired")])
def test_nobody_is_admitted_outside_of_a_grant_and_is_told_what_to_do(at: datetime, word: str) -> None:
    with pytest.raises(NoAccessError, match=word):
        admit(Grant(NINE, NINE + HOUR), at)
    admit(Grant(NINE, NINE + HOUR), NINE)
