"""The values that cross every API, exactly: instants, durations, decimals, dates, zones, money.

Each is an annotated type for Pydantic models. It reads the text form that ``calculators.md`` defines, refuses what is
nearly that form (a naive date-time, a number where a decimal string is asked), accepts the Python value too, so that
answers are built from the domain's values, and writes the text form in JSON. A value that cannot be read raises
``ValueError``, which ends as a 422 with a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from shared.kernel.money import Money, minor_units

MICROSECOND = timedelta(microseconds=1)
LONGEST_DURATION = timedelta(hours=1_000_000)


def json_pointer(path: Iterable[object]) -> str:
    """The JSON Pointer (RFC 6901, as a URI fragment) of a path of keys and indices: ``#/events/3/at``."""
    pointer = "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    # Half a surrogate pair or a NUL in a name must not break the answer that complains about it.
    return pointer.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


# --- Instants --------------------------------------------------------------------------------------------------------

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


def parse_instant(value: object) -> datetime:
    """An RFC 3339 date-time with an offset, or an aware ``datetime``, as an instant in UTC."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a date-time needs an offset")
        return value.astimezone(UTC)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("write an RFC 3339 date-time with an offset, such as 2026-06-08T09:00:00+02:00")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such date-time between the years 1 and 9999 in UTC") from None


def instant_text(at: datetime) -> str:
    """An aware instant as answers show it: UTC with ``Z``, without a fraction unless it is not zero."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if at.microsecond else text) + "Z"


Instant = Annotated[
    datetime,
    PlainValidator(parse_instant),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "maxLength": 32, "examples": ["2026-06-08T07:00:00Z"]},
    ),
]
"""An aware instant in UTC. In requests RFC 3339 with any offset; in answers UTC with ``Z``."""


# --- Lengths of time -------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"PT(?=[0-9])(?:([0-9]{1,7})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,10})(?:\.([0-9]{1,6}))?S)?")


def parse_duration(value: object) -> timedelta:
    """An ISO 8601 duration of hours, minutes and seconds (``PT1H30M``), or a ``timedelta``; never negative."""
    if isinstance(value, timedelta):
        length = value
    else:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("write an ISO 8601 duration of hours, minutes and seconds, such as PT4H or PT1H30M")
        hours, minutes, seconds, fraction = match.groups(default="")
        length = timedelta(
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=int(fraction.ljust(6, "0")),
        )
    if not timedelta() <= length <= LONGEST_DURATION:
        raise ValueError("a duration is neither negative nor longer than a million hours")
    return length


def duration_text(length: timedelta) -> str:
    """A length of time as ISO 8601 with hours, minutes and seconds: ``PT1H30M``; nothing at all is ``PT0S``."""
    minutes, rest = divmod(length, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    seconds = (
        f"{rest.seconds}.{rest.microseconds:06}".rstrip("0").rstrip(".") if rest.microseconds else str(rest.seconds)
    )
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{seconds}S" if seconds != "0" else ""]
    return "PT" + ("".join(parts) or "0S")


ClockDuration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^PT(?=[0-9])([0-9]{1,7}H)?([0-9]{1,9}M)?([0-9]{1,10}(\\.[0-9]{1,6})?S)?$",
            "maxLength": 32,
            "examples": ["PT4H", "PT1H30M"],
        },
    ),
]
"""A length of time that is not negative: ISO 8601 with hours, minutes and seconds only."""


def seconds(length: timedelta) -> Fraction:
    """A length of time as an exact number of seconds."""
    return Fraction(length // MICROSECOND, 1_000_000)


def number(exact: Fraction) -> int | float:
    """An exact figure as a JSON number: whole if it is, else with its fraction (exact to 15 significant digits)."""
    return exact.numerator if exact.denominator == 1 else float(exact)


def _parse_fraction(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        raise ValueError("pass whole seconds or a Fraction")
    return Fraction(value)


Seconds = Annotated[
    Fraction,
    PlainValidator(_parse_fraction),
    PlainSerializer(number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number", "examples": [14400]}),
]
"""Seconds in an answer: a whole number, with a fraction only if that is not zero."""


# --- Decimals --------------------------------------------------------------------------------------------------------

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def parse_decimal(value: object) -> Decimal:
    """A plain decimal string (``"99.9"``, no exponent), or a finite ``Decimal``."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("a decimal is a finite number")
        return value
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError('write a decimal as a string of digits with at most 20 decimals, such as "99.9"')
    return Decimal(value)


def decimal_text(value: Decimal) -> str:
    """A decimal without an exponent, with the decimals that it has."""
    return format(value, "f")


def _decimal_schema(*examples: str, sign: str = "") -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{sign}[0-9]{{1,20}}(\\.[0-9]{{1,20}})?$",
            "maxLength": 42,
            "examples": list(examples),
        }
    )


def _between(lowest: int, highest: int | None) -> AfterValidator:
    limits = f"not negative and at most {highest}" if highest is not None else "not negative"

    def check(value: Decimal) -> Decimal:
        if value < lowest or (highest is not None and value > highest):
            raise ValueError(f"this figure is {limits}")
        return value

    return AfterValidator(check)


_decimal_reader = PlainValidator(parse_decimal)
_decimal_writer = PlainSerializer(decimal_text, return_type=str, when_used="json")

DecimalString = Annotated[Decimal, _decimal_reader, _decimal_writer, _decimal_schema("12.50", sign="-?")]
"""An exact decimal, in JSON a string."""

NonNegativeDecimal = Annotated[Decimal, _decimal_reader, _between(0, None), _decimal_writer, _decimal_schema("12.50")]
"""An exact decimal that is not negative."""

Percentage = Annotated[Decimal, _decimal_reader, _between(0, 100), _decimal_writer, _decimal_schema("99.9")]
"""A percentage from 0 to 100."""

Share = Annotated[Decimal, _decimal_reader, _between(0, 1), _decimal_writer, _decimal_schema("0.5")]
"""A share from 0 to 1."""


# --- Dates and zones -------------------------------------------------------------------------------------------------

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


def parse_date(value: object) -> date:
    """A local date as ``YYYY-MM-DD``, or a ``date``."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("write a date as YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such date") from None


LocalDate = Annotated[
    date,
    PlainValidator(parse_date),
    PlainSerializer(date.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date", "maxLength": 10, "examples": ["2026-06-08"]}),
]
"""A date in a zone that the context names."""


def parse_month(value: object) -> date:
    """A calendar month as ``YYYY-MM``, or any ``date`` of it, as its first day."""
    if isinstance(value, date):
        return date(value.year, value.month, 1)
    if not isinstance(value, str) or not _MONTH.fullmatch(value):
        raise ValueError("write a month as YYYY-MM")
    try:
        return date.fromisoformat(value + "-01")
    except ValueError:
        raise ValueError("there is no such month") from None


Month = Annotated[
    date,
    PlainValidator(parse_month),
    PlainSerializer(lambda month: month.isoformat()[:7], return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": "^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])$", "maxLength": 7, "examples": ["2026-03"]}
    ),
]
"""A calendar month, held as its first day."""


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    # `localtime` is whatever the machine is set to, `Factory` is a placeholder: neither says where somebody lives.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def parse_zone(value: object) -> ZoneInfo:
    """The zone with this name in the IANA time zone database, or a ``ZoneInfo``."""
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str) or value not in _zone_names():
        raise ValueError("this is no zone of the IANA time zone database; Europe/Paris is one")
    return ZoneInfo(value)


TimeZone = Annotated[
    ZoneInfo,
    PlainValidator(parse_zone),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 64,
            "description": "a zone of the IANA time zone database",
            "examples": ["Europe/Paris"],
        }
    ),
]
"""A zone of the IANA time zone database."""


# --- Text and money --------------------------------------------------------------------------------------------------

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
"""A short name that the caller chooses."""


def _check_currency(value: str) -> str:
    minor_units(value)
    return value


CurrencyCode = Annotated[
    str, Field(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["EUR"]), AfterValidator(_check_currency)
]
"""An ISO 4217 code."""


class MoneyValue(BaseModel):
    """Money as requests and answers write it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"amount": "300.00", "currency": "EUR"}]}
    )

    amount: DecimalString
    currency: CurrencyCode

    @property
    def money(self) -> Money:
        """The kernel's value, with the amount as it was written."""
        return Money(self.amount, self.currency)

    @classmethod
    def of(cls, money: Money) -> MoneyValue:
        """What an answer shows: the amount rounded to the currency's minor units."""
        return cls(amount=Decimal(money.text), currency=money.currency)


def forbid_unknown(**schema: Any) -> ConfigDict:
    """The configuration of a request model: an unknown key is refused; ``schema`` is added to its JSON Schema."""
    return ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, json_schema_extra=schema)
