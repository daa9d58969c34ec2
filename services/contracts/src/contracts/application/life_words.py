"""What is said of the end of a contract and of a price revision, in the languages of everything that a client reads."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from contracts.application.indexation import Indexation, IndexValue
from contracts.application.service_desk_words import catalogues
from contracts.application.values import AmountOfMoney, Price
from shared.i18n import Translator
from shared.kernel.money import Money


def _in_each(say: Callable[[Translator], str]) -> dict[str, str]:
    known = catalogues()
    return {language: say(known.translator(language)) for language in known.languages}


def ending_words(
    given_on: date, leaves_on: date, regular_end: date, cost: AmountOfMoney | None, percent: str | None
) -> dict[str, str]:
    """How the end of a contract and its cost come about. `percent` is of the fees up to the regular end."""

    def say(t: Translator) -> str:
        days = {"given": t.date(given_on), "leaves": t.date(leaves_on), "regular": t.date(regular_end)}
        if cost is None or percent is None:
            return t.gettext("Notice of %(given)s: the contract no longer runs from %(leaves)s on.", **days)
        if not Decimal(cost.amount):
            return t.gettext(
                "Notice of %(given)s: from %(regular)s on it costs nothing to leave. The contract no longer runs from"
                " %(leaves)s on, and nothing is owed for that.",
                **days,
            )
        return t.gettext(
            "Notice of %(given)s: from %(regular)s on it would cost nothing to leave. The contract no longer runs from"
            " %(leaves)s on, which costs %(percent)s of the fees up to %(regular)s: %(cost)s.",
            percent=t.percent(percent),
            cost=t.money(cost.amount, cost.currency),
            **days,
        )

    return _in_each(say)


def revision_words(
    indexation: Indexation, value: IndexValue, signed: Price, revised: Money, coefficient: str
) -> dict[str, str]:
    """How a price came about by an index."""

    def say(t: Translator) -> str:
        computed = t.gettext(
            "%(index)s of %(period)s, published on %(published)s: %(new)s; at the start: %(base)s; fixed share:"
            " %(fixed)s. Coefficient %(coefficient)s × %(signed)s = %(revised)s.",
            index=indexation.index_name,
            period=value.period,
            published=t.date(value.published_on),
            new=t.number(value.value),
            base=t.number(indexation.base_value),
            fixed=t.number(indexation.fixed_share),
            coefficient=t.number(coefficient),
            signed=t.money(signed.amount, signed.currency),
            revised=t.money(revised.text, revised.currency),
        )
        return " ".join([computed, *_limits(t, indexation)])

    return _in_each(say)


def _limits(t: Translator, indexation: Indexation) -> Iterator[str]:
    """What else the contract says of the coefficient, in the order in which it counts."""
    if indexation.coefficient_rounding == "half_up":
        yield t.gettext(
            "The coefficient is rounded to %(decimals)s decimals.", decimals=indexation.coefficient_decimals
        )
    if indexation.coefficient_rounding == "up":
        yield t.gettext(
            "The coefficient is rounded up to %(decimals)s decimals.", decimals=indexation.coefficient_decimals
        )
    if indexation.floor_coefficient is not None:
        yield t.gettext("The coefficient is at least %(bound)s.", bound=t.number(indexation.floor_coefficient))
    if indexation.cap_coefficient is not None:
        yield t.gettext("The coefficient is at most %(bound)s.", bound=t.number(indexation.cap_coefficient))
