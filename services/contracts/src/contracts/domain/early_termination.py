"""Leaving before the end: the minimum term, the notice, and what leaving early costs.

A contract that can be left ends on the later of two days: when its minimum term is over, and when the notice has run.
Whoever leaves before that (by agreement) compensates a percentage of the fees up to it; a client who uses a right to
terminate for cause pays nothing of the kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from contracts.domain.contract_term import add_months, whole_months
from shared.kernel.money import Money


@dataclass(frozen=True, slots=True)
class LeavingRule:
    """How a contract can be left: after ``minimum_months``, with ``notice_months`` of notice, none of them negative.

    :param whole_periods: it ends with a monthly period only, counted from the start day.
    :param compensation_percent: of the fees from an earlier end up to the first regular one; 0 is nothing.
    """

    minimum_months: int
    notice_months: int
    whole_periods: bool = False
    compensation_percent: Decimal = Decimal(0)


def first_regular_end(rule: LeavingRule, starts_on: date, notice_on: date) -> date:
    """The first day on which the contract does not run any more when notice is given on a day.

    Notice may be given before the start; the contract runs for its minimum term all the same.
    """
    end = max(add_months(starts_on, rule.minimum_months), add_months(notice_on, rule.notice_months))
    if not rule.whole_periods:
        return end
    months = whole_months(starts_on, end)
    return end if add_months(starts_on, months) == end else add_months(starts_on, months + 1)


def compensation(
    rule: LeavingRule, starts_on: date, leaves_on: date, regular_end: date, monthly: Fraction, currency: str
) -> Money:
    """What leaving on a day costs instead of on the regular end: a percentage of the fees of the months between.

    Part of a month is its share of the days of that month. Nothing when it is not left before the regular end.
    """
    months = max(Fraction(0), _months_since(starts_on, regular_end) - _months_since(starts_on, leaves_on))
    return Money.rounded(months * monthly * Fraction(rule.compensation_percent) / 100, currency)


def _months_since(starts_on: date, day: date) -> Fraction:
    months = whole_months(starts_on, day)
    begins, ends = add_months(starts_on, months), add_months(starts_on, months + 1)
    return months + Fraction((day - begins).days, (ends - begins).days)
