"""How instants, durations, decimals, dates and money are read and written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.kernel.clock import FixedClock
from shared.kernel.ids import uuid7
from shared.kernel.money import Money, UnknownCurrencyError, round_half_away
from shared.values import (
    ClockDuration,
    CurrencyCode,
    DecimalString,
    Instant,
    LocalDate,
    MoneyValue,
    Month,
    NonNegativeDecimal,
    Percentage,
    Seconds,
    Share,
    duration_text,
    instant_text,
    json_pointer,
    parse_duration,
    parse_instant,
)


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        ("2026-06-08T09:00:00+02:00", "2026-06-08T07:00:00Z"),
        ("2026-06-08t09:00:00z", "2026-06-08T09:00:00Z"),
        ("2026-06-08T09:00:00.120-05:30", "2026-06-08T14:30:00.12Z"),
        ("2026-06-08T09:00:00.000000Z", "2026-06-08T09:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00-00:00", "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_is_read_with_any_offset_and_written_in_utc(written: str, answered: str) -> None:
    assert instant_text(parse_instant(written)) == answered
    assert parse_instant(answered) == parse_instant(written)


REFUSED: list[tuple[Any, list[object]]] = [
    (
        Instant,
        [
            *("2026-06-08T09:00:00", "2026-06-08", "2026-06-08 09:00:00Z", "2026-06-08T09:00Z", "٢٠٢٦-06-08T09:00:00Z"),
            *("2026-02-30T09:00:00Z", "2026-06-08T24:00:00Z", "2026-06-08T09:00:60Z", "2026-06-08T09:00:00+24:00"),
            *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z", 1780912800, None, True),
            *("2026-06-08T09:00:00.1234567Z", datetime(2026, 6, 8)),  # noqa: DTZ001
        ],
    ),
    (
        ClockDuration,
        [
            *("PT", "P", "P1D", "P1DT1H", "-PT1H", "PT-1H", "PT1.5H", "PT1M1H", "PT1H30", "pt1h", "PT0.0000001S"),
            *("4 hours", "PT1000001H", 3600, None, timedelta(seconds=-1)),
        ],
    ),
    (DecimalString, ["1e5", "+1", ".5", "1.", "", "NaN", "1,5", " 1", "١", "9" * 21, 1, 0.5, None, Decimal("NaN")]),
    (NonNegativeDecimal, ["-0.01"]),
    (Percentage, ["-1", "100.01", 50]),
    (Share, ["1.01", "-0.5"]),
    (LocalDate, ["2026-02-30", "2026-6-8", "20260608", "2026-06-08T00:00:00Z", 20260608]),
    (Month, ["2026-13", "2026-6", "2026-06-01", "0000-01"]),
    (CurrencyCode, ["eur", "EURO", "XXX", "ABC"]),
    (Seconds, [1.5, "1", True]),
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in REFUSED for text in texts])
def test_what_is_nearly_a_value_is_refused(kind: Any, text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT4H", timedelta(hours=4)),
        ("PT90M", timedelta(minutes=90)),
        ("PT1H30M", timedelta(minutes=90)),
        ("PT0S", timedelta()),
        ("PT1H5S", timedelta(seconds=3605)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT1000000H", timedelta(hours=1_000_000)),
    ],
)
def test_a_duration_has_hours_minutes_and_seconds(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@given(st.timedeltas(timedelta(), timedelta(days=400)))
def test_a_duration_is_read_as_it_was_written(length: timedelta) -> None:
    assert parse_duration(duration_text(length)) == length


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_is_read_as_it_was_written(at: datetime) -> None:
    assert parse_instant(instant_text(at)) == at


def test_seconds_are_whole_unless_their_fraction_is_not_zero() -> None:
    adapter: TypeAdapter[Fraction] = TypeAdapter(Seconds)
    assert adapter.dump_json(Fraction(14400)) == b"14400"
    assert adapter.dump_json(Fraction(-6, 5)) == b"-1.2"
    assert adapter.dump_json(Fraction(631_151_999_999_999, 1_000_000)) == b"631151999.999999"


def test_money_is_rounded_half_away_from_zero_to_the_currencys_minor_units() -> None:
    assert Money.rounded(Fraction(1005, 1000), "EUR").text == "1.01"
    assert Money.rounded(Fraction(-1005, 1000), "EUR").text == "-1.01"
    assert Money.rounded(Fraction(5, 2), "JPY").text == "3"
    assert Money.rounded(Fraction(1, 3), "KWD").text == "0.333"
    assert Money.rounded(Fraction(-1, 1000), "EUR").text == "0.00"
    assert MoneyValue.of(Money(Decimal("300"), "EUR")).model_dump(mode="json") == {
        "amount": "300.00",
        "currency": "EUR",
    }
    assert MoneyValue.model_validate({"amount": "300.005", "currency": "EUR"}).money.amount == Decimal("300.005")
    with pytest.raises(UnknownCurrencyError):
        Money(Decimal(1), "XYZ")


@given(st.fractions(), st.integers(0, 8))
def test_rounding_takes_the_nearest_and_of_two_the_one_farther_from_zero(exact: Fraction, decimals: int) -> None:
    rounded = Fraction(round_half_away(exact, decimals))
    distance, half = abs(rounded - exact), Fraction(1, 2 * 10**decimals)
    assert distance < half or (distance == half and abs(rounded) > abs(exact))


def test_a_pointer_escapes_what_has_a_meaning_in_it() -> None:
    assert json_pointer(["policies", "a/b~c", 0]) == "#/policies/a~1b~0c/0"
    assert json_pointer(["half \ud800"]) == "#/half ?"
    assert json_pointer(["no\0thing", "more"]) == "#/no\ufffdthing/more"


def test_a_uuid7_sorts_by_its_time_and_keeps_its_random_bits() -> None:
    made = uuid7(1_645_557_742_000, (0xCC3 << 62) | 0x18C4DC0C0C07398F)
    assert made == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")  # the example of RFC 9562
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert uuid7(1, (1 << 74) - 1) < uuid7(2, 0)
    for at, bits in ((-1, 0), (1 << 48, 0), (0, 1 << 74), (0, -1)):
        with pytest.raises(ValueError, match="bits"):
            uuid7(at, bits)


def test_a_fixed_clock_stands_until_it_is_told_to_move() -> None:
    clock = FixedClock(parse_instant("2026-06-08T09:00:00+02:00"))
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 6, 8, 8, tzinfo=UTC)
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now().date() == date(2026, 1, 1)
    with pytest.raises(ValueError, match="no offset"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001
