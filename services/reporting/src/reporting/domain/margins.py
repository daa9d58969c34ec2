"""What a contract brings in against what the work for it costs the agency.

The cost of an hour is the agency's own figure, per person or for everybody, from a day on. It is for nobody else:
nothing that a client reads is computed from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CostRate:
    """What an hour of somebody costs the agency from a day on; without a person: of whoever has no rate of his own."""

    person_id: UUID | None
    valid_from: date
    hourly: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Worked:
    """Minutes that somebody worked on a day; negative ones take back what was written wrongly."""

    person_id: UUID | None
    person_name: str
    worked_on: date
    minutes: int


@dataclass(frozen=True, slots=True)
class PersonCost:
    """What the work of one person cost. `minutes_without_rate`: of days for which no rate in the currency is known."""

    person_id: UUID | None
    person_name: str
    minutes: int
    minutes_without_rate: int
    cost: Fraction


@dataclass(frozen=True, slots=True)
class Margin:
    """What is left of a period. `cost` is what is known of it; `amount` and `share` need all of both sides."""

    minutes: int
    minutes_without_rate: int
    cost: Fraction
    amount: Fraction | None
    share: Fraction | None
    people: Sequence[PersonCost]


def rate_on(rates: Iterable[CostRate], person_id: UUID | None, day: date, currency: str | None) -> CostRate | None:
    """The rate that counts for somebody on a day: his own newest one, else the newest for everybody."""
    valid = [rate for rate in rates if rate.currency == currency and rate.valid_from <= day]
    own = [rate for rate in valid if rate.person_id is not None and rate.person_id == person_id]
    general = [rate for rate in valid if rate.person_id is None]
    return max(own or general, key=lambda rate: rate.valid_from, default=None)


def margin(
    worked: Iterable[Worked], rates: Sequence[CostRate], currency: str | None, revenue: Decimal | None
) -> Margin:
    """The margin of a period. Without revenue, or with work whose cost nobody knows, there is none to tell."""
    by_person: dict[UUID | None, list[Worked]] = {}
    for entry in worked:
        by_person.setdefault(entry.person_id, []).append(entry)
    people = [_person(entries, rates, currency) for entries in by_person.values()]
    people.sort(key=lambda person: (-person.minutes, person.person_name, str(person.person_id)))
    unknown = sum(person.minutes_without_rate for person in people)
    cost = sum((person.cost for person in people), Fraction())
    whole = revenue is not None and not any(person.minutes_without_rate for person in people)
    amount = Fraction(revenue) - cost if revenue is not None and whole else None
    return Margin(
        minutes=sum(person.minutes for person in people),
        minutes_without_rate=unknown,
        cost=cost,
        amount=amount,
        share=amount / Fraction(revenue) if amount is not None and revenue else None,
        people=people,
    )


def _person(entries: Sequence[Worked], rates: Sequence[CostRate], currency: str | None) -> PersonCost:
    cost, unknown = Fraction(), 0
    for entry in entries:
        rate = rate_on(rates, entry.person_id, entry.worked_on, currency)
        if rate is None:
            unknown += entry.minutes
        else:
            cost += Fraction(rate.hourly) * entry.minutes / 60
    newest = max(entries, key=lambda entry: entry.worked_on)
    return PersonCost(
        person_id=newest.person_id,
        person_name=newest.person_name,
        minutes=sum(entry.minutes for entry in entries),
        minutes_without_rate=unknown,
        cost=cost,
    )
