"""What calculators.md says about indexation, sentence by sentence, through the router that clients call."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.api.indexation_calculator import router
from shared.testing.vectors import Vector, calculator_client, faults, read_vectors, refused_at

Json = dict[str, Any]

REQUEST: Json = {
    "price": {"amount": "300.00", "currency": "EUR"},
    "fixed_share": "0",
    "base_index": "3",
    "new_index": "4",
    "coefficient_rounding": "none",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


async def revised(client: httpx.AsyncClient, **changes: Any) -> tuple[str, str]:
    """Coefficient and amount."""
    response = await client.post("/v1/calculators/indexation", json=REQUEST | changes)
    assert response.status_code == 200, response.text
    return response.json()["coefficient"], response.json()["price"]["amount"]


refusal = partial(refused_at, calculator="indexation")


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[2] / "vectors" / "indexation.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


async def test_the_price_comes_from_the_exact_coefficient_and_not_from_the_one_shown(
    client: httpx.AsyncClient,
) -> None:
    price = {"amount": "30000000000000.00", "currency": "EUR"}
    assert await revised(client, price=price) == ("1.333333333333", "40000000000000.00")
    assert await revised(client, price=price, new_index="5") == ("1.666666666666", "50000000000000.00")


@pytest.mark.parametrize(
    ("changes", "coefficient", "amount"),
    [
        ({"new_index": "3"}, "1", "300.00"),
        ({"new_index": "30"}, "10", "3000.00"),
        ({"new_index": "3.3"}, "1.1", "330.00"),
        ({"fixed_share": "1"}, "1", "300.00"),
        ({"fixed_share": "0.25"}, "1.25", "375.00"),
        ({"coefficient_rounding": "half_up", "coefficient_decimals": 2}, "1.33", "399.00"),
        ({"coefficient_rounding": "up", "coefficient_decimals": 2}, "1.34", "402.00"),
        ({"coefficient_rounding": "half_up", "coefficient_decimals": 0}, "1", "300.00"),
        ({"coefficient_rounding": "up", "coefficient_decimals": 0}, "2", "600.00"),
        ({"new_index": "3.015", "coefficient_rounding": "half_up", "coefficient_decimals": 2}, "1.01", "303.00"),
        ({"new_index": "3.03", "coefficient_rounding": "up", "coefficient_decimals": 2}, "1.01", "303.00"),
        # rounded first, then limited: the limit itself is not rounded
        (
            {"coefficient_rounding": "half_up", "coefficient_decimals": 1, "cap_coefficient": "1.2345"},
            *("1.2345", "370.35"),
        ),
        ({"coefficient_rounding": "up", "coefficient_decimals": 1, "cap_coefficient": "1.35"}, "1.35", "405.00"),
        ({"cap_coefficient": "1.05"}, "1.05", "315.00"),
        ({"new_index": "2", "floor_coefficient": "1"}, "1", "300.00"),
        ({"floor_coefficient": "1", "cap_coefficient": "1"}, "1", "300.00"),
        ({"floor_coefficient": None, "cap_coefficient": None, "new_index": "3"}, "1", "300.00"),
        ({"coefficient_decimals": None, "new_index": "3"}, "1", "300.00"),
        ({"price": {"amount": "-0.01", "currency": "EUR"}, "new_index": "4.5"}, "1.5", "-0.02"),
        ({"price": {"amount": "-10", "currency": "JPY"}, "new_index": "3.15"}, "1.05", "-11"),
        ({"price": {"amount": "0", "currency": "KWD"}}, "1.333333333333", "0.000"),
    ],
)  # fmt: skip
async def test_a_price_is_revised(client: httpx.AsyncClient, changes: Json, coefficient: str, amount: str) -> None:
    assert await revised(client, **changes) == (coefficient, amount)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"base_index": "0"}, "#/base_index"),
        ({"base_index": "-3"}, "#/base_index"),
        ({"new_index": "0.00"}, "#/new_index"),
        ({"new_index": "-4"}, "#/new_index"),
        ({"new_index": 4}, "#/new_index"),
        ({"fixed_share": "1.01"}, "#/fixed_share"),
        ({"fixed_share": "-0.01"}, "#/fixed_share"),
        ({"floor_coefficient": "1.2", "cap_coefficient": "1.1"}, "#/floor_coefficient"),
        ({"cap_coefficient": "-1"}, "#/cap_coefficient"),
        ({"coefficient_rounding": "down"}, "#/coefficient_rounding"),
        ({"coefficient_rounding": "half_up"}, "#/coefficient_decimals"),
        ({"coefficient_rounding": "up", "coefficient_decimals": None}, "#/coefficient_decimals"),
        ({"coefficient_rounding": "up", "coefficient_decimals": -1}, "#/coefficient_decimals"),
        ({"coefficient_rounding": "up", "coefficient_decimals": 2.5}, "#/coefficient_decimals"),
        ({"coefficient_decimals": 3}, "#/coefficient_decimals"),
        ({"price": {"amount": "300.00"}}, "#/price/currency"),
        ({"price": {"amount": "300.00", "currency": "eur"}}, "#/price/currency"),
        ({"price": {"amount": "1e3", "currency": "EUR"}}, "#/price/amount"),
        ({"index": "4"}, "#/index"),
    ],
)
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    assert await refusal(client, REQUEST | changes) == [pointer]


@pytest.mark.parametrize("key", sorted(REQUEST))
async def test_price_shares_indices_and_rounding_are_required(client: httpx.AsyncClient, key: str) -> None:
    assert await refusal(client, {name: value for name, value in REQUEST.items() if name != key}) == [f"#/{key}"]
