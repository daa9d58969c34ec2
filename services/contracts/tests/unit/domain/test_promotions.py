"""Which promotions a draft is offered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from contracts.domain.promotions import Wanted, offered


@dataclass(frozen=True)
class Promotion:
    starts_on: date = date(2026, 9, 1)
    ends_before: date | None = date(2026, 12, 1)
    plans: Sequence[str] = ("premium",)


TODAY = date(2026, 6, 8)
WANTED = Wanted("premium", date(2026, 7, 1), None)


def test_a_promotion_is_offered_for_its_plans_while_it_is_not_over() -> None:
    assert offered([Promotion()], WANTED, TODAY) == [Promotion()]
    assert offered([Promotion(plans=())], WANTED, TODAY)
    assert not offered([Promotion(plans=("basique",))], WANTED, TODAY)
    assert not offered([Promotion()], WANTED, date(2026, 12, 1))
    assert offered([Promotion(ends_before=None)], WANTED, date(2036, 12, 1))


def test_one_that_runs_on_no_day_of_the_contract_is_not_offered() -> None:
    assert not offered([Promotion()], Wanted("premium", date(2026, 12, 1), None), TODAY)
    assert not offered([Promotion()], Wanted("premium", date(2026, 7, 1), date(2026, 8, 31)), TODAY)
    assert offered([Promotion()], Wanted("premium", date(2026, 7, 1), date(2026, 9, 1)), TODAY)
