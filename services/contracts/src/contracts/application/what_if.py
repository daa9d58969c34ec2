"""What if: the facts of past periods replayed under other terms, line by line; nothing is stored.

Where the other terms say something of hours, the work of the contract's whole time is counted by them from the first
month on, each month's with what was told of it late: what rolls over is then what would have rolled over.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from contracts.application.catalogue import PlanVersion
from contracts.application.commitments import ResponseCommitment, UptimeCommitment
from contracts.application.contracts import Contract, Terms
from contracts.application.deliverables import PlanDeliverable
from contracts.application.errors import Fault, NotNow, Refused
from contracts.application.facts import facts_of_period
from contracts.application.hours import AgreedOverTime, HoursMonth, months_under
from contracts.application.hours_terms import agreed_hours, agreed_package, check_currency, hours_block
from contracts.application.patches import merged
from contracts.application.ports import Workspace
from contracts.application.settlement_calendar import Calendar, calendar_of_contract
from contracts.application.settlement_facts import facts_of, with_hours
from contracts.application.settlement_terms import check_money, written_out
from contracts.application.settlements import (
    Difference,
    SettledLine,
    SettledPeriod,
    SettledTotals,
    shown_lines,
    shown_totals,
)
from contracts.application.settling import currency_in, difference, settled_under
from contracts.application.terms_in_force import EARLIEST, InForce, terms_of_contract
from contracts.application.values import AmountOfMoney, Code, Request
from contracts.domain import entitlements
from contracts.domain.billing_periods import begin_of_day, instants_of
from contracts.domain.contract_hours import Held, month_of
from shared.kernel.money import Money
from shared.values import LocalDate

MOST_MONTHS = 24


class WhatIf(Request):
    """Other terms for past periods: a merge patch of the terms that were in force, another plan, or both."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"first_day": "2026-04-01", "last_day": "2026-06-30", "plan_code": "premium"},
                {
                    "first_day": "2026-06-01",
                    "last_day": "2026-06-30",
                    "terms": {"uptime": {"target_percent": "99.95"}, "price": {"amount": "650.00"}},
                },
            ]
        },
    )

    first_day: LocalDate = Field(description="Any day of the first period.")
    last_day: LocalDate = Field(description="Any day of the last period; a period that is not over is as of now.")
    plan_code: Code | None = Field(
        default=None, description="Its commitments and deliverables stand in for the others."
    )
    terms: Annotated[dict[str, JsonValue], Field(max_length=100)] = Field(
        default_factory=dict, description="Merge patch of the terms: what is left out stays, null removes."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


class ReplayedPeriod(BaseModel):
    """One period, as it is owed and as it would have been."""

    period: SettledPeriod
    actual: list[SettledLine] = Field(max_length=10_000)
    actual_totals: SettledTotals
    supposed: list[SettledLine] = Field(max_length=10_000)
    supposed_totals: SettledTotals
    difference: Difference = Field(description="What would have been owed more, line by line; negative: less.")


class Replay(BaseModel):
    """What the periods come to together. Nothing of it is stored."""

    contract_id: UUID
    currency: str
    actual_net: str
    supposed_net: str
    difference_net: str
    periods: list[ReplayedPeriod] = Field(max_length=MOST_MONTHS)


async def what_if(work: Workspace, contract: Contract, wanted: WhatIf) -> Replay:
    """The settlements of the periods under both terms. Raises Refused at what cannot be, NotNow without any facts."""
    calendar = await calendar_of_contract(work, contract.contract_id)
    first, last = calendar.number_on(wanted.first_day), calendar.number_on(wanted.last_day)
    if first is None:
        raise NotNow(f"{wanted.first_day} is before the contract's first period.")
    if last is None or instants_of(calendar.period(last).whole, calendar.zone).start > work.now:
        raise NotNow(f"{wanted.last_day} is in a period that has not begun.")
    if last - first >= MOST_MONTHS:
        raise Refused(f"is too far: at most {MOST_MONTHS} periods are replayed at once", "last_day")
    held = await terms_of_contract(work, contract, EARLIEST, calendar.ends_at(last) + timedelta(microseconds=1))
    if not held:
        raise NotNow("The contract was never in force: there is nothing to replay.")
    currencies = {currency_in(calendar, calendar.period(number), held) for number in range(first, last + 1)}
    if len(currencies) > 1:
        raise Refused("is in another currency than the last day: replay periods of one currency at once", "first_day")
    (currency,) = currencies
    # What was owed in another currency was before or comes after: nothing else is supposed of it.
    supposed = [
        await _under(work, contract, each, wanted) if each.terms.price.currency == currency else each for each in held
    ]
    until = month_of(calendar.period(last).whole.end)
    hours = await _hours_under(work, contract, calendar, supposed, wanted, until)
    periods = []
    for number in range(first, last + 1):
        period = calendar.period(number)
        whole = instants_of(period.whole, calendar.zone)
        known = await facts_of_period(work, contract.contract_id, *whole)
        facts = await facts_of(work, contract, period.whole, known)
        was = settled_under(calendar, period, held, facts)
        others = facts if hours is None else with_hours(facts, period.whole, hours)
        would = settled_under(calendar, period, supposed, others)
        lines, supposed_lines = shown_lines(was), shown_lines(would)
        periods.append(
            ReplayedPeriod(
                period=SettledPeriod(
                    number=number,
                    first=period.whole.first,
                    end=period.whole.end,
                    starts_at=whole.start,
                    ends_at=whole.end,
                    time_zone=str(calendar.zone),
                ),
                actual=lines,
                actual_totals=shown_totals(was),
                supposed=supposed_lines,
                supposed_totals=shown_totals(would),
                difference=difference(lines, supposed_lines, currency),
            )
        )
    actual = _sum([each.actual_totals.net for each in periods])
    other = _sum([each.supposed_totals.net for each in periods])
    return Replay(
        contract_id=contract.contract_id,
        currency=currency,
        actual_net=Money.rounded(actual, currency).text,
        supposed_net=Money.rounded(other, currency).text,
        difference_net=Money.rounded(other - actual, currency).text,
        periods=periods,
    )


def _sum(amounts: Sequence[str]) -> Fraction:
    return sum((Fraction(amount) for amount in amounts), Fraction(0))


async def _under(work: Workspace, contract: Contract, held: InForce, wanted: WhatIf) -> InForce:
    """The same stretch under the other terms."""
    plan, base, currency = held.plan, held.terms, held.terms.price.currency
    if wanted.plan_code is not None:
        named = await work.plans.by_code(wanted.plan_code)
        if named is None:
            raise Refused(f"There is no plan {wanted.plan_code}. GET /v1/plans lists the plans.", "plan_code")
        plan = named.current
        # Its own hours stay with a contract that takes another plan; under its own plan the deliverables have them.
        base = _with_commitments(plan, base).model_copy(update={"hours": contract.terms.hours})
    try:
        terms = Terms.model_validate(merged(base.model_dump(mode="json", by_alias=True), wanted.terms))
    except ValidationError as error:
        raise Refused.because_of(error, "terms") from None
    if terms.price.currency != currency:
        raise Refused(f"is another currency than that of the periods, {currency}", "terms", "price", "currency")
    with _in_terms():
        await check_money(work, terms, currency)
    said = {
        name: type(getattr(terms, name)).model_validate(block)
        for name, block in (await written_out(work, terms)).items()
    }
    return replace(
        held,
        terms=terms.model_copy(update=said),
        plan=plan,
        price=AmountOfMoney(**terms.price.model_dump()) if "price" in wanted.terms else held.price,
        deliverables=held.deliverables if wanted.plan_code is None else _deliverables(plan, terms),
    )


@contextmanager
def _in_terms() -> Iterator[None]:
    """What is refused in it is a value of the patch."""
    try:
        yield
    except Refused as refused:
        refused.faults = tuple(Fault(("terms", *fault.path), fault.detail) for fault in refused.faults)
        raise


async def _hours_under(
    work: Workspace,
    contract: Contract,
    calendar: Calendar,
    supposed: Sequence[InForce],
    wanted: WhatIf,
    until: date,
) -> list[HoursMonth] | None:
    """The ledger up to a month under the other terms; None when they say nothing of hours, so that it stays."""
    if wanted.plan_code is None and "hours" not in wanted.terms:
        return None
    real = await work.hours.book.agreed(contract.contract_id)
    removed = "hours" in wanted.terms and wanted.terms["hours"] is None
    held: list[Held] = []
    names: dict[str, Mapping[str, str]] = {}
    for index, each in enumerate(supposed):
        promised = each.plan.promised() if removed else [item.as_value() for item in each.deliverables]
        with _in_terms():
            package = agreed_package(entitlements.parameters_of(promised, entitlements.HOURS), each.terms.hours)
            if package is None or each.status == "suspended":
                continue
            check_currency(package, each.terms.price.currency)
        kinds = [(await work.sites.get(site_id)).kind for site_id in each.terms.site_ids]
        block = hours_block(package.model_dump(mode="json"), kinds)
        assert block is not None
        start = each.start if index else begin_of_day(each.start, calendar.zone)
        held.append(Held(start, each.end, agreed_hours(block)))
        names |= {line["code"]: line["name"] for line in block["lines"]}
    return await months_under(work, contract, AgreedOverTime(held, names, real.zone, real.ended_at), until)


def _with_commitments(plan: PlanVersion, terms: Terms) -> Terms:
    """The terms with the commitments that the plan makes."""
    changes: dict[str, Any] = {}
    response = entitlements.parameters_of(plan.promised(), entitlements.RESPONSE)
    if response is not None:
        changes["response"] = ResponseCommitment.model_validate(response)
    uptime = entitlements.parameters_of(plan.promised(), entitlements.UPTIME)
    if uptime is not None:
        changes["uptime"] = UptimeCommitment.model_validate(uptime)
    return terms.model_copy(update=changes)


def _deliverables(plan: PlanVersion, terms: Terms) -> list[PlanDeliverable]:
    """What the plan promises with the commitments of the terms."""
    commitments = {
        entitlements.RESPONSE: None if terms.response is None else terms.response.model_dump(mode="json"),
        entitlements.UPTIME: None if terms.uptime is None else terms.uptime.model_dump(mode="json", by_alias=True),
    }
    return [PlanDeliverable.of(item) for item in entitlements.with_commitments(plan.promised(), commitments)]
