"""Which reviews a contract promises, by what is in force in the last month of a period."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from reporting.application.facts import ContractState, KnownContract
from reporting.application.review_editions import review_goes_out_at, reviews_closed_by
from reporting.domain.period import next_month
from reporting.domain.review_periods import ReviewKind
from shared.ids import new_id

from ..conftest import Story

BEGAN = datetime(2026, 5, 20, 8, tzinfo=UTC)
QUARTERLY = {"type": "performance_review", "parameters": {"frequency": "quarterly"}}
YEARLY = {"type": "performance_review", "parameters": {"frequency": "yearly"}}
MONTHLY = {"type": "performance_review", "parameters": {"frequency": "monthly"}}
INSTITUTIONAL = {"type": "regular_reporting", "parameters": {"frequency": "monthly"}}


def at(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 8, tzinfo=UTC)


def versions(*told: tuple[str, datetime, list[Any]], **terms: Any) -> list[KnownContract]:
    """The versions of a contract that began on 20 May, each with what it promises."""
    story = Story()
    found = []
    for number, (event, since, deliverables) in enumerate(told, start=1):
        data = {"deliverables": deliverables, "starts_on": "2026-05-20"} | terms
        envelope = json.loads(story.contract(event, since, **data))
        state = ContractState.model_validate(envelope["data"])
        found.append(KnownContract(tenant_id=story.tenant_id, version=number, event_id=new_id(), state=state))
    return found


def closed_in(known: list[KnownContract], first: date, count: int) -> dict[date, list[tuple[ReviewKind, date]]]:
    months: dict[date, list[tuple[ReviewKind, date]]] = {}
    month = first
    for _ in range(count):
        found = reviews_closed_by(known, month)
        if found:
            months[month] = found
        month = next_month(month)
    return months


def test_a_contract_that_begins_in_the_middle_of_a_month_has_whole_quarters_and_years_from_that_month_on() -> None:
    known = versions(("activated", BEGAN, [QUARTERLY, YEARLY, MONTHLY]))
    assert closed_in(known, date(2026, 5, 1), 12) == {
        date(2026, 7, 1): [("quarterly", date(2026, 5, 1))],
        date(2026, 10, 1): [("quarterly", date(2026, 8, 1))],
        date(2027, 1, 1): [("quarterly", date(2026, 11, 1))],
        date(2027, 4, 1): [("annual", date(2026, 5, 1)), ("quarterly", date(2027, 2, 1))],
    }


def test_institutions_are_told_of_every_month_from_the_first_on() -> None:
    known = versions(("activated", BEGAN, [INSTITUTIONAL]))
    assert list(closed_in(known, date(2026, 4, 1), 4)) == [date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)]


def test_of_a_period_that_the_end_of_the_contract_cuts_short_nothing_is_due() -> None:
    ended = versions(("activated", BEGAN, [QUARTERLY]), ("terminated", at(7, 20), [QUARTERLY]))
    assert closed_in(ended, date(2026, 5, 1), 12) == {}
    later = versions(("activated", BEGAN, [QUARTERLY]), ("terminated", at(8, 2), [QUARTERLY]))
    assert list(closed_in(later, date(2026, 5, 1), 12)) == [date(2026, 7, 1)]


def test_a_suspension_that_lasts_the_whole_last_month_asks_for_nothing_and_a_shorter_one_changes_nothing() -> None:
    long = versions(
        ("activated", BEGAN, [QUARTERLY]), ("suspended", at(6, 25), [QUARTERLY]), ("amended", at(8, 5), [QUARTERLY])
    )
    assert list(closed_in(long, date(2026, 5, 1), 6)) == [date(2026, 10, 1)]
    short = versions(
        ("activated", BEGAN, [QUARTERLY]), ("suspended", at(7, 10), [QUARTERLY]), ("amended", at(7, 20), [QUARTERLY])
    )
    assert list(closed_in(short, date(2026, 5, 1), 6)) == [date(2026, 7, 1), date(2026, 10, 1)]


def test_what_an_amendment_promises_counts_from_the_period_that_it_falls_into() -> None:
    known = versions(("activated", BEGAN, []), ("amended", at(7, 31), [QUARTERLY]))
    assert list(closed_in(known, date(2026, 5, 1), 4)) == [date(2026, 7, 1)]
    known = versions(("activated", BEGAN, [QUARTERLY]), ("amended", at(6, 15), []))
    assert closed_in(known, date(2026, 5, 1), 12) == {}


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        ("Europe/Paris", datetime(2026, 8, 1, 7, tzinfo=UTC)),
        ("Pacific/Noumea", datetime(2026, 7, 31, 22, tzinfo=UTC)),
        ("America/Martinique", datetime(2026, 8, 1, 13, tzinfo=UTC)),
    ],
)
def test_it_goes_out_in_the_morning_where_the_client_lives(zone: str, instant: datetime) -> None:
    client = {"client_id": str(new_id()), "name": "Client", "language": "fr", "time_zone": zone}
    known = versions(("activated", BEGAN, [QUARTERLY]), client=client)
    assert review_goes_out_at(known, "quarterly", date(2026, 5, 1)) == instant
