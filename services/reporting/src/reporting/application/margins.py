"""Costs, margins and lead times of a contract, month by month: for the agency, and for nobody else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reporting.application.examples import CONTRACT, CONTRACT_LINE, example
from reporting.application.report import ReportContract
from reporting.domain.lead_times import lead_times
from reporting.domain.margins import CostRate, Margin, Worked, margin
from reporting.domain.period import Zones, next_month, zone_at
from shared.kernel.money import minor_units, round_half_away
from shared.values import CurrencyCode, Instant, LocalDate, Month, NonNegativeDecimal, decimal_text, number, seconds

ItemKind: TypeAlias = Literal["incident", "request", "change", "work_order"]
ITEM_KINDS: Final[tuple[ItemKind, ...]] = ("incident", "request", "change", "work_order")
MOST_RATES: Final = 1_000
MOST_PERIODS: Final = 31
"""How many settled periods can end in a month: each is of a day at least."""
READINGS_OF_MARGINS: Final = frozenset({"list_margins", "get_margins", "download_margins", "get_cost_rates"})
"""Operations that read what the agency earns. They are its own: no client is told that there was one."""
Number: TypeAlias = int | float
Minutes: TypeAlias = Annotated[int, Field(json_schema_extra={"format": "int64"})]
Amount: TypeAlias = Annotated[str, Field(json_schema_extra={"maxLength": 42}, description="decimal string")]
_PERSON: Final = "0197a1c2-0000-7000-8000-000000000011"
_RATE: Final[dict[str, Any]] = {"valid_from": "2026-06-01", "hourly": "45.50", "currency": "EUR"}
_PERSON_COST: Final[dict[str, Any]] = {
    "person_id": _PERSON,
    "person_name": "Ada Martin",
    "minutes": 120,
    "minutes_without_rate": 0,
    "cost": "91.00",
}
_MARGIN: Final[dict[str, Any]] = {
    "month": "2026-06",
    "from": "2026-05-31T22:00:00Z",
    "to": "2026-06-30T22:00:00Z",
    "complete": True,
    "first_day": "2026-06-01",
    "last_day": "2026-06-30",
    "currency": "EUR",
    "revenue": "300.00",
    "settlement_id": "0190b5c8-7d4e-7c3a-9a51-000000000081",
    "settlement_number": 1,
    "worked_minutes": 120,
    "minutes_without_rate": 0,
    "cost": "91.00",
    "margin": "209.00",
    "margin_percent": "69.66",
    "revenue_per_hour": "150.00",
    "people": [_PERSON_COST],
}
_KIND: Final[dict[str, Any]] = {
    "kind": "request",
    "ended": 1,
    "median_seconds": 86_400,
    "p90_seconds": 86_400,
    "longest_seconds": 86_400,
    "items": [
        {
            "item_id": "0197a1c2-0000-7000-8000-000000000501",
            "number": "REQ-2026-0004",
            "opened_at": "2026-06-08T09:00:00Z",
            "ended_at": "2026-06-09T09:00:00Z",
            "lead_seconds": 86_400,
        }
    ],
}
_LEAD: Final[dict[str, Any]] = {"month": "2026-06", "complete": True, "kinds": [_KIND]}


class Rate(BaseModel):
    """What an hour of somebody costs the agency from a day on; without a person: of whoever has none of his own."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=example(_RATE))

    person_id: UUID | None = None
    valid_from: LocalDate
    hourly: NonNegativeDecimal = Field(description="not negative")
    currency: CurrencyCode

    def value(self) -> CostRate:
        """As the domain knows it."""
        return CostRate(self.person_id, self.valid_from, self.hourly, self.currency)


class Rates(BaseModel):
    """The whole list of rates. The newest one until a day counts for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=example({"rates": [_RATE]}))

    rates: list[Rate] = Field(max_length=MOST_RATES)

    @model_validator(mode="after")
    def _one_a_day(self) -> "Rates":
        seen = set()
        for place, rate in enumerate(self.rates):
            key = (rate.person_id, rate.valid_from, rate.currency)
            if key in seen:
                raise ValueError(f"rate {place + 1} of the list has the person, day and currency of one before it")
            seen.add(key)
        return self


class CostOfPerson(BaseModel):
    """What the work of somebody cost in a month, as far as rates are known."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_PERSON_COST))

    person_id: UUID | None
    person_name: str = Field(json_schema_extra={"maxLength": 200})
    minutes: Minutes
    minutes_without_rate: Minutes
    cost: Amount


class MarginOfMonth(BaseModel):
    """What a month brought in, what the work of it cost, and what is left; with what explains it.

    Where several settled periods end in a month, as the short last one of a contract does, each is told by itself: they
    are of other days, and may be in other currencies.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_extra=example(_MARGIN))

    month: Month
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    complete: bool = Field(description="false: the month is not over")
    first_day: LocalDate = Field(
        description="of the days whose work counts: those of the period that was settled, which ends in the month; "
        "without a settlement those of the month"
    )
    last_day: LocalDate
    currency: str | None = Field(
        json_schema_extra={"maxLength": 3}, description="null: nothing was settled yet, and none is known"
    )
    revenue: Amount | None = Field(description="without VAT, of the newest closed settlement; null until there is one")
    settlement_id: UUID | None
    settlement_number: int | None
    worked_minutes: Minutes
    minutes_without_rate: Minutes = Field(description="of work whose cost is not known: then there is no margin")
    cost: Amount
    margin: Amount | None
    margin_percent: str | None = Field(
        json_schema_extra={"maxLength": 42}, description="of the revenue; two decimals, truncated"
    )
    revenue_per_hour: Amount | None = Field(description="revenue by worked hour; null when nothing was worked")
    people: list[CostOfPerson] = Field(json_schema_extra={"maxItems": 10_000})


class LeadTime(BaseModel):
    """How long something took, from its opening to the first time that it was brought to its end."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_KIND["items"][0]))

    item_id: UUID
    number: str = Field(json_schema_extra={"maxLength": 30})
    opened_at: Instant
    ended_at: Instant
    lead_seconds: Number


class LeadTimesOfKind(BaseModel):
    """How long what was brought to its end in a month took, of one kind. Percentiles are nearest ranks."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_KIND))

    kind: ItemKind
    ended: int = Field(ge=0)
    median_seconds: Number | None
    p90_seconds: Number | None
    longest_seconds: Number | None
    items: list[LeadTime] = Field(json_schema_extra={"maxItems": 50_000}, description="what the figures are made of")


class LeadTimesOfMonth(BaseModel):
    """The lead times of a month."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_LEAD))

    month: Month
    complete: bool
    kinds: list[LeadTimesOfKind] = Field(json_schema_extra={"maxItems": 4})


class ContractMargins(BaseModel):
    """Costs, margins and lead times of a contract, oldest month first, and of a month the earliest period first."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "contract": CONTRACT_LINE,
                "time_zone": "Europe/Paris",
                "language": "fr",
                "as_of": "2026-07-01T06:00:00Z",
                "months": [_MARGIN],
                "lead_times": [_LEAD],
            }
        ),
    )

    contract: ReportContract
    time_zone: str = Field(json_schema_extra={"maxLength": 100})
    language: str = Field(json_schema_extra={"maxLength": 10})
    as_of: Instant
    months: list[MarginOfMonth] = Field(json_schema_extra={"maxItems": 36 * MOST_PERIODS})
    lead_times: list[LeadTimesOfMonth] = Field(json_schema_extra={"maxItems": 36})


class MarginLine(BaseModel):
    """A contract in the agency's list: what a month of it came to."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "contract_id": CONTRACT,
                "number": "C-2026-0001",
                "client_name": "Boulangerie Martin",
                "margins": [_MARGIN],
            }
        ),
    )

    contract_id: UUID
    number: str = Field(json_schema_extra={"maxLength": 100})
    client_name: str = Field(json_schema_extra={"maxLength": 300})
    margins: list[MarginOfMonth] = Field(
        json_schema_extra={"maxItems": MOST_PERIODS},
        description="of each settled period that ends in the month, the earliest first; one where there is none",
    )


@dataclass(frozen=True)
class Revenue:
    """What the settlement of a period that ends in a month came to without VAT."""

    settlement_id: UUID
    starts_at: datetime
    ends_at: datetime
    number: int
    currency: str
    net: Decimal


@dataclass(frozen=True)
class EndedItem:
    """An item that was brought to its end for the first time."""

    item_id: UUID
    kind: ItemKind
    number: str
    opened_at: datetime
    ended_at: datetime


def revenues_of(settled: Iterable[Revenue], bounds: tuple[datetime, datetime]) -> Sequence[Revenue | None]:
    """The settlements of the periods that end in a month, the earliest first; None alone where there is none yet."""
    ending = [revenue for revenue in settled if bounds[0] < revenue.ends_at <= bounds[1]]
    ending.sort(key=lambda revenue: (revenue.starts_at, revenue.settlement_id))
    return ending or [None]


def days_counted(month: date, revenue: Revenue | None, zones: Zones) -> tuple[date, date]:
    """The first and the last day whose work is set against what came in: those of the settled period, which need not be
    the month's; without a settlement the month's.
    """
    if revenue is None:
        return month, next_month(month) - timedelta(days=1)
    last = revenue.ends_at - timedelta(microseconds=1)
    return (
        revenue.starts_at.astimezone(zone_at(revenue.starts_at, zones)).date(),
        last.astimezone(zone_at(last, zones)).date(),
    )


def margin_of_month(
    month: date,
    bounds: tuple[datetime, datetime],
    days: tuple[date, date],
    worked: Sequence[Worked],
    rates: Sequence[CostRate],
    revenue: Revenue | None,
    *,
    usual_currency: str | None,
    now: datetime,
) -> MarginOfMonth:
    """The margin of a month, from the work of the days that count; before its settlement in the currency of the
    contract as it is.
    """
    first, last = days
    currency = revenue.currency if revenue is not None else usual_currency
    net = revenue.net if revenue is not None else None
    found = margin([entry for entry in worked if first <= entry.worked_on <= last], rates, currency, net)
    return MarginOfMonth.model_validate(
        {
            "month": month,
            "from": bounds[0],
            "to": bounds[1],
            "complete": bounds[1] <= now,
            "first_day": first,
            "last_day": last,
            "currency": currency,
            "revenue": None if net is None else str(net),
            "settlement_id": None if revenue is None else revenue.settlement_id,
            "settlement_number": None if revenue is None else revenue.number,
            "worked_minutes": found.minutes,
            "minutes_without_rate": found.minutes_without_rate,
            "cost": _money(found.cost, currency),
            "margin": None if found.amount is None else _money(found.amount, currency),
            "margin_percent": _percent(found),
            "revenue_per_hour": None
            if net is None or found.minutes <= 0
            else _money(Fraction(net) * 60 / found.minutes, currency),
            "people": [
                {
                    "person_id": person.person_id,
                    "person_name": person.person_name,
                    "minutes": person.minutes,
                    "minutes_without_rate": person.minutes_without_rate,
                    "cost": _money(person.cost, currency),
                }
                for person in found.people
            ],
        }
    )


def lead_times_of_month(
    month: date, bounds: tuple[datetime, datetime], ended: Sequence[EndedItem], now: datetime
) -> LeadTimesOfMonth:
    """How long what ended in a month took, by kind."""
    start, end = bounds
    kinds = []
    for kind in ITEM_KINDS:
        mine = [item for item in ended if item.kind == kind and start <= item.ended_at < end]
        figures = lead_times(item.ended_at - item.opened_at for item in mine)
        kinds.append(
            LeadTimesOfKind(
                kind=kind,
                ended=figures.count,
                median_seconds=_seconds(figures.median),
                p90_seconds=_seconds(figures.ninetieth),
                longest_seconds=_seconds(figures.longest),
                items=[
                    LeadTime(
                        item_id=item.item_id,
                        number=item.number,
                        opened_at=item.opened_at,
                        ended_at=item.ended_at,
                        lead_seconds=number(seconds(item.ended_at - item.opened_at)),
                    )
                    for item in sorted(mine, key=lambda item: (item.ended_at, item.item_id))
                ],
            )
        )
    return LeadTimesOfMonth(month=month, complete=end <= now, kinds=kinds)


COLUMNS: Final = ("month", "subject", "id", "name", "measure", "value", "unit")
"""Of margins for programs: one line per measure."""


def margin_rows(margins: ContractMargins) -> Iterator[list[object]]:
    """One line per measure, by COLUMNS; empty where it is not known."""
    whose = [str(margins.contract.contract_id), margins.contract.number]
    for month in margins.months:
        named = month.month.isoformat()[:7]
        for measure in ("revenue", "cost", "margin", "revenue_per_hour"):
            yield [named, "contract", *whose, measure, _figure(getattr(month, measure)), month.currency]
        yield [named, "contract", *whose, "margin_percent", _figure(month.margin_percent), "%"]
        for measure in ("first_day", "last_day"):
            yield [named, "contract", *whose, measure, getattr(month, measure).isoformat(), ""]
        for measure in ("worked_minutes", "minutes_without_rate"):
            yield [named, "contract", *whose, measure, getattr(month, measure), "min"]
        for person in month.people:
            his = [str(person.person_id or ""), person.person_name]
            yield [named, "person", *his, "worked_minutes", person.minutes, "min"]
            yield [named, "person", *his, "minutes_without_rate", person.minutes_without_rate, "min"]
            yield [named, "person", *his, "cost", _figure(person.cost), month.currency]
    for lead in margins.lead_times:
        named = lead.month.isoformat()[:7]
        for kind in lead.kinds:
            yield [named, "kind", kind.kind, "", "ended", kind.ended, ""]
            for measure in ("median_seconds", "p90_seconds", "longest_seconds"):
                took = getattr(kind, measure)
                yield [named, "kind", kind.kind, "", measure, "" if took is None else Decimal(str(took)), "s"]


def _figure(amount: str | None) -> object:
    return "" if amount is None else Decimal(amount)


def _money(amount: Fraction, currency: str | None) -> str:
    """In the currency's smallest unit; whatever is computed further is computed from the exact figure."""
    return decimal_text(round_half_away(amount, 0 if currency is None else minor_units(currency)))


def _percent(found: Margin) -> str | None:
    if found.share is None:
        return None
    hundredths = abs(found.share.numerator) * 10_000 // found.share.denominator
    sign = "-" if found.share < 0 and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


def _seconds(took: timedelta | None) -> Number | None:
    return None if took is None else number(seconds(took))
