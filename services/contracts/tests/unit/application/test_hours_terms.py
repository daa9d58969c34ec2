"""A plan's package of hours, and what a contract has otherwise."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.application.errors import Refused
from contracts.application.hours_terms import (
    TEN_HOURS,
    ContractHours,
    HoursPackage,
    agreed_hours,
    agreed_package,
    check_currency,
    hours_block,
)

RATE = {"amount": "90", "currency": "EUR"}
WEB = {"code": "web", "name": {"fr": "Web", "en": "Web"}, "included_minutes": 60}


def package(**values: Any) -> dict[str, Any]:
    return HoursPackage.model_validate({"lines": [WEB], "overage_rate_per_hour": RATE} | values).model_dump(mode="json")


def agreed(plan: dict[str, Any] | None, **own: Any) -> HoursPackage:
    found = agreed_package(plan, ContractHours.model_validate(own))
    assert found is not None
    return found


@pytest.mark.capability("K15", "K21", "K30")
def test_a_line_that_depends_on_an_application_is_left_out_of_a_contract_without_one() -> None:
    with_app = hours_block(TEN_HOURS, ["website", "mobile_application"])
    without = hours_block(TEN_HOURS, ["website"])
    assert with_app is not None and without is not None
    assert [line["included_minutes"] for line in with_app["lines"]] == [120, 120, 60, 180, 120]
    assert (with_app["total_minutes"], without["total_minutes"]) == (600, 540)
    assert "mobile" not in {line["code"] for line in without["lines"]}
    assert hours_block(None, []) is None


@pytest.mark.capability("K29")
def test_what_a_contract_has_otherwise_lies_over_the_plan_line_by_line() -> None:
    found = agreed(
        TEN_HOURS,
        lines=[{"code": "web", "included_minutes": 240}, WEB | {"code": "seo"}],
        without=["steering"],
        pooled=False,
    )
    assert [(line.code, line.included_minutes) for line in found.lines] == [
        ("technical", 120),
        ("web", 240),
        ("mobile", 60),
        ("assistance", 180),
        ("seo", 60),
    ]
    assert (found.pooled, found.lines[1].name.en, found.accounting.unit_minutes) == (
        False,
        "Fixes of web and back-office",
        15,
    )
    assert agreed_package(None, None) is None
    assert agreed_package(TEN_HOURS, None) == HoursPackage.model_validate(TEN_HOURS)


@pytest.mark.parametrize(
    ("plan", "own", "path"),
    [
        (None, {"lines": [WEB]}, ("hours", "overage_rate_per_hour")),
        (None, {"overage_rate_per_hour": RATE}, ("hours", "lines")),
        (None, {"lines": [{"code": "web", "included_minutes": 5}]}, ("hours", "lines", 0)),
        (package(), {"without": ["web"]}, ("hours", "lines")),
    ],
)
def test_what_makes_no_package_is_refused_at_its_value(plan: Any, own: Any, path: tuple[str | int, ...]) -> None:
    with pytest.raises(Refused) as refused:
        agreed(plan, **own)
    assert refused.value.faults[0].path == path


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": [WEB, WEB]},
        {"lines": []},
        {"total_minutes": 60},
        {"rollover": {"policy": "fifo"}},
        {"rollover": {"policy": "none", "months": 2}},
        {"lines": [WEB | {"work_classes": ["a"]}, WEB | {"code": "b", "work_classes": ["a"]}]},
        {"multipliers": [{"work_class": "a", "factor": "1"}, {"work_class": "a", "factor": "2"}]},
        {"accounting": {"unit_minutes": 0}},
        {"thresholds_percent": [0]},
    ],
)
def test_a_package_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        package(**wrong)


def test_a_contract_cannot_change_a_line_and_leave_it_out() -> None:
    with pytest.raises(ValidationError, match="in lines and in without"):
        ContractHours.model_validate({"lines": [{"code": "web"}], "without": ["web"]})


def test_hours_are_billed_in_the_currency_of_the_price() -> None:
    check_currency(HoursPackage.model_validate(TEN_HOURS), "EUR")
    with pytest.raises(Refused):
        check_currency(HoursPackage.model_validate(TEN_HOURS), "USD")


def test_a_published_block_is_read_as_it_was_agreed() -> None:
    block = hours_block(package(rollover={"policy": "fifo", "months": 12}, overage_cap_minutes=30), ["api"])
    assert block is not None
    found = agreed_hours(block)
    assert (found.lines[0].code, found.rollover.lifetime, found.overage_cap_minutes) == ("web", 12, 30)
    assert (found.overage_rate_per_hour.text, found.thresholds_percent) == ("90.00", (75, 90, 100))
    assert (found.line_of("web", "x"), found.line_of("other", "x"), found.line_of(None, "x")) == ("web", None, None)
