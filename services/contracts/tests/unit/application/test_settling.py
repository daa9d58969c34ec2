"""The currency of a period is the one of the terms that held in it."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from contracts.application.errors import NotNow
from contracts.application.settlement_calendar import Calendar
from contracts.application.settling import currency_in
from contracts.application.terms_in_force import InForce

CALENDAR = Calendar(starts_on=date(2026, 6, 1), zone=ZoneInfo("Europe/Paris"), anchor="calendar_month")
JULY = datetime(2026, 6, 30, 22, tzinfo=UTC)


def held(start: datetime, end: datetime, currency: str) -> InForce:
    terms = SimpleNamespace(price=SimpleNamespace(currency=currency))
    return cast(InForce, SimpleNamespace(start=start, end=end, terms=terms))


def currency(number: int, *what: InForce) -> str:
    return currency_in(CALENDAR, CALENDAR.period(number), what)


def test_a_period_has_the_currency_of_its_terms_whatever_comes_after_it() -> None:
    euros = held(JULY - timedelta(days=20), JULY, "EUR")
    dollars = held(JULY, JULY + timedelta(days=10), "USD")
    assert [currency(number, euros, dollars) for number in range(3)] == ["EUR", "USD", "USD"]


def test_a_period_of_two_currencies_cannot_be_settled_as_one() -> None:
    moment = timedelta(microseconds=1)
    early = held(JULY - timedelta(days=20), JULY - moment, "EUR"), held(JULY - moment, JULY, "USD")
    with pytest.raises(NotNow, match="EUR, USD"):
        currency(0, *early)


def test_a_period_begins_at_one_instant_only() -> None:
    assert CALENDAR.begins_at(JULY)
    assert not CALENDAR.begins_at(JULY + timedelta(microseconds=1))
    assert not CALENDAR.begins_at(JULY - timedelta(microseconds=1))
    assert not CALENDAR.begins_at(JULY - timedelta(days=90))
