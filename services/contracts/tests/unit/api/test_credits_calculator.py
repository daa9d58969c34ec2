"""What calculators.md says about credits, sentence by sentence, through the router that clients call."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.api.credits_calculator import router
from shared.testing.vectors import Vector, calculator_client, faults, read_vectors, refused_at

Json = dict[str, Any]

TIERS = [{"below": "99.9", "credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]
PENALTY: Json = {
    "id": "INC-1",
    "overrun": "PT2H20M",
    "unit": "PT1H",
    "percent_per_started_unit": "5",
    "cap_percent": "30",
    "provider_share": "1",
}
LATE: Json = {"id": "L-1", "value": "12000.00", "days_late": 26, "divisor": 1000}
REQUEST: Json = {"monthly_fee": {"amount": "400.00", "currency": "EUR"}, "cumulation": "sum"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


async def owed(client: httpx.AsyncClient, **changes: Any) -> Json:
    response = await client.post("/v1/calculators/credits", json=REQUEST | changes)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def amounts(client: httpx.AsyncClient, **changes: Any) -> list[str]:
    return [line["amount"] for line in (await owed(client, **changes))["lines"]]


refusal = partial(refused_at, calculator="credits")


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[2] / "vectors" / "credits.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


@pytest.mark.parametrize(
    ("uptime", "credit"),
    [
        ({"uptime_percent": "100"}, "0.00"),
        ({"uptime_percent": "99.9"}, "0.00"),
        ({"uptime_percent": "99.89999999999999999999"}, "40.00"),
        ({"uptime_percent": "99"}, "40.00"),
        ({"uptime_percent": "0"}, "100.00"),
        ({"numerator": 0, "denominator": 1}, "100.00"),
        ({"numerator": 999, "denominator": 1000}, "0.00"),
        # 99.9 % less one part in nine thousand million million: no decimal that was cut would tell
        ({"numerator": 8998192055485259, "denominator": 9007199254740000}, "40.00"),
    ],
)
async def test_the_lowest_tier_that_is_greater_than_the_exact_uptime_counts(
    client: httpx.AsyncClient, uptime: Json, credit: str
) -> None:
    for tiers in (TIERS, TIERS[::-1]):
        answer = await owed(client, uptime=uptime | {"tiers": tiers})
        assert (answer["uptime_credit"], answer["owed"]) == (credit, credit)


async def test_without_tiers_nothing_is_credited_and_the_line_is_there(client: httpx.AsyncClient) -> None:
    answer = await owed(client, uptime={"uptime_percent": "12", "tiers": []})
    assert [(line["id"], line["amount"]) for line in answer["lines"]] == [("uptime", "0.00")]


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({}, "60.00"),
        ({"overrun": "PT2H"}, "40.00"),
        ({"overrun": "PT2H0.000001S"}, "60.00"),
        ({"overrun": "PT0S"}, "0.00"),
        ({"overrun": "PT100H"}, "120.00"),
        ({"overrun": "PT100H", "cap_percent": None}, "2000.00"),
        ({"overrun": "PT100H", "provider_share": "0.25"}, "30.00"),  # the share after the cap, not before it
        ({"provider_share": "0"}, "0.00"),
        ({"percent_per_started_unit": "0.001"}, "0.01"),  # 0.012
    ],
)
async def test_a_penalty_is_started_units_capped_and_shared_in_that_order(
    client: httpx.AsyncClient, changes: Json, amount: str
) -> None:
    assert await amounts(client, penalties=[PENALTY | changes]) == [amount]


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({}, "312.00"),
        ({"exempt_up_to": "312.00"}, "0.00"),
        ({"exempt_up_to": "311.99"}, "312.00"),  # a threshold, not a deduction
        ({"exempt_up_to": None, "cap_percent": None}, "312.00"),
        ({"cap_percent": "1"}, "120.00"),
        ({"cap_percent": "1", "exempt_up_to": "300.00"}, "120.00"),  # tested before the cap: 312 is more than 300
        ({"days_late": 0}, "0.00"),
        ({"value": "100.00", "days_late": 1, "divisor": 3}, "33.33"),
        # 33.33 shown, and yet more than 33.33: the exact figure is tested
        ({"value": "100.00", "days_late": 1, "divisor": 3, "exempt_up_to": "33.33"}, "33.33"),
    ],
)
async def test_lateness_is_exempt_up_to_a_threshold_and_capped_after_it(
    client: httpx.AsyncClient, changes: Json, amount: str
) -> None:
    assert await amounts(client, late=[LATE | changes]) == [amount]


async def test_every_line_is_rounded_on_its_own_half_away_from_zero(client: httpx.AsyncClient) -> None:
    half_a_cent = {"value": "0.01", "days_late": 1, "divisor": 2}
    answer = await owed(client, late=[LATE | half_a_cent | {"id": name} for name in ("a", "b")])
    assert [line["amount"] for line in answer["lines"]] == ["0.01", "0.01"]
    assert (answer["late_total"], answer["owed"]) == ("0.02", "0.02")


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "7"), ("EUR", "6.67"), ("KWD", "6.667"), ("CLF", "6.6667"), ("USD", "6.67")]
)
async def test_amounts_have_the_minor_units_of_their_currency(
    client: httpx.AsyncClient, currency: str, amount: str
) -> None:
    third = PENALTY | {"overrun": "PT1S"}
    fee = {"amount": "133.333333333333", "currency": currency}
    assert (await owed(client, monthly_fee=fee, penalties=[third]))["owed"] == amount
    nothing = (await owed(client, monthly_fee=fee))["owed"]
    assert nothing == "".join("0" if letter.isdigit() else letter for letter in amount)


async def test_the_overall_cap_is_rounded_like_a_line_and_says_when_it_lowered_the_result(
    client: httpx.AsyncClient,
) -> None:
    fee = {"amount": "333.33", "currency": "EUR"}
    lowered = await owed(client, monthly_fee=fee, late=[LATE], cap_percent="15")  # 49.9995
    assert (lowered["late_total"], lowered["owed"], lowered["capped"]) == ("312.00", "50.00", True)
    equal = await owed(client, monthly_fee=fee, late=[LATE | {"value": "1923.077"}], cap_percent="15")
    assert (equal["late_total"], equal["owed"], equal["capped"]) == ("50.00", "50.00", False)
    nothing = await owed(client, late=[LATE], cap_percent="0")
    assert (nothing["owed"], nothing["capped"]) == ("0.00", True)


async def test_max_keeps_the_largest_single_line_and_the_totals_stay_sums(client: httpx.AsyncClient) -> None:
    answer = await owed(client, penalties=[PENALTY, PENALTY | {"id": "INC-2"}], late=[LATE], cumulation="max")
    assert (answer["penalty_total"], answer["late_total"], answer["owed"]) == ("120.00", "312.00", "312.00")
    assert (await owed(client, cumulation="max"))["owed"] == "0.00"


async def test_the_lines_stand_in_the_order_of_the_request_and_say_why(client: httpx.AsyncClient) -> None:
    answer = await owed(
        client,
        late=[LATE, LATE | {"id": "L-0", "exempt_up_to": "400", "cap_percent": "1"}],
        penalties=[PENALTY | {"id": "INC-9", "overrun": "PT100H"}, PENALTY | {"overrun": "PT0S"}],
        uptime={"uptime_percent": "99.5", "tiers": TIERS},
    )
    assert [line["id"] for line in answer["lines"]] == ["uptime", "INC-9", "INC-1", "L-1", "L-0"]
    assert [line["why"] for line in answer["lines"]] == [
        "An uptime below 99.9 % credits 10 % of the fee.",
        "100 started × 5 % of the fee, capped at 30 %.",
        "The target was not overrun.",
        "12000.00 × 26 days ÷ 1000.",
        "12000.00 × 26 days ÷ 1000 is not more than the exempt 400.",
    ]


async def test_what_is_null_may_be_left_out(client: httpx.AsyncClient) -> None:
    nulls = {"uptime": None, "penalties": None, "late": None, "cap_percent": None}
    assert await owed(client, **nulls) == await owed(client)
    bare = {key: value for key, value in PENALTY.items() if key != "cap_percent"}
    assert await amounts(client, penalties=[bare]) == ["60.00"]


UPTIME: Json = {"uptime_percent": "99.5", "tiers": TIERS}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"monthly_fee": {"amount": "-1.00", "currency": "EUR"}}, "#/monthly_fee/amount"),
        ({"monthly_fee": {"amount": 400, "currency": "EUR"}}, "#/monthly_fee/amount"),
        ({"monthly_fee": {"amount": "400", "currency": "XXX"}}, "#/monthly_fee/currency"),
        ({"monthly_fee": None}, "#/monthly_fee"),
        ({"cumulation": "min"}, "#/cumulation"),
        ({"cap_percent": "-20"}, "#/cap_percent"),
        ({"cap_percent": 20}, "#/cap_percent"),
        ({"discount": "1"}, "#/discount"),
        ({"uptime": UPTIME | {"uptime_percent": "100.01"}}, "#/uptime/uptime_percent"),
        ({"uptime": UPTIME | {"uptime_percent": "-0.01"}}, "#/uptime/uptime_percent"),
        ({"uptime": UPTIME | {"uptime_percent": 99.5}}, "#/uptime/uptime_percent"),
        ({"uptime": {"tiers": TIERS}}, "#/uptime/uptime_percent"),
        ({"uptime": UPTIME | {"numerator": 1, "denominator": 2}}, "#/uptime/uptime_percent"),
        ({"uptime": {"numerator": 1, "tiers": TIERS}}, "#/uptime/denominator"),
        ({"uptime": {"numerator": 1, "denominator": 0, "tiers": TIERS}}, "#/uptime/denominator"),
        ({"uptime": {"numerator": -1, "denominator": 2, "tiers": TIERS}}, "#/uptime/numerator"),
        ({"uptime": {"numerator": 1.5, "denominator": 2, "tiers": TIERS}}, "#/uptime/numerator"),
        ({"uptime": {"numerator": "1", "denominator": 2, "tiers": TIERS}}, "#/uptime/numerator"),
        ({"uptime": {"numerator": True, "denominator": 2, "tiers": TIERS}}, "#/uptime/numerator"),
        ({"uptime": {"numerator": 3, "denominator": 2, "tiers": TIERS}}, "#/uptime"),
        ({"uptime": {"uptime_percent": "99"}}, "#/uptime/tiers"),
        ({"uptime": UPTIME | {"tiers": [TIERS[0], TIERS[0] | {"below": "99.900"}]}}, "#/uptime/tiers/1/below"),
        ({"uptime": UPTIME | {"tiers": [TIERS[0] | {"below": "-1"}]}}, "#/uptime/tiers/0/below"),
        ({"uptime": UPTIME | {"tiers": [TIERS[0] | {"credit_percent": "-1"}]}}, "#/uptime/tiers/0/credit_percent"),
        ({"penalties": [PENALTY | {"unit": "PT0S"}]}, "#/penalties/0/unit"),
        ({"penalties": [PENALTY | {"overrun": "-PT1H"}]}, "#/penalties/0/overrun"),
        ({"penalties": [PENALTY | {"overrun": "P1D"}]}, "#/penalties/0/overrun"),
        ({"penalties": [PENALTY | {"percent_per_started_unit": "-5"}]}, "#/penalties/0/percent_per_started_unit"),
        ({"penalties": [PENALTY | {"cap_percent": "-5"}]}, "#/penalties/0/cap_percent"),
        ({"penalties": [PENALTY, PENALTY | {"provider_share": "1.01"}]}, "#/penalties/1/provider_share"),
        ({"penalties": [PENALTY | {"provider_share": "-0.5"}]}, "#/penalties/0/provider_share"),
        ({"penalties": [{k: v for k, v in PENALTY.items() if k != "provider_share"}]}, "#/penalties/0/provider_share"),
        ({"penalties": [PENALTY | {"currency": "EUR"}]}, "#/penalties/0/currency"),
        ({"late": [LATE | {"divisor": 0}]}, "#/late/0/divisor"),
        ({"late": [LATE | {"divisor": -1}]}, "#/late/0/divisor"),
        ({"late": [LATE | {"days_late": -1}]}, "#/late/0/days_late"),
        ({"late": [LATE | {"days_late": 1.5}]}, "#/late/0/days_late"),
        ({"late": [LATE | {"value": "-1"}]}, "#/late/0/value"),
        ({"late": [LATE | {"exempt_up_to": "-1"}]}, "#/late/0/exempt_up_to"),
        ({"late": [LATE | {"cap_percent": "-1"}]}, "#/late/0/cap_percent"),
    ],
)
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    assert await refusal(client, REQUEST | changes) == [pointer]


@pytest.mark.parametrize("key", sorted(REQUEST))
async def test_fee_and_cumulation_are_required(client: httpx.AsyncClient, key: str) -> None:
    assert await refusal(client, {name: value for name, value in REQUEST.items() if name != key}) == [f"#/{key}"]
