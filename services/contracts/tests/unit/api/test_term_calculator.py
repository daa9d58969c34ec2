"""What calculators.md says about terms, sentence by sentence, through the router that clients call."""

from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.api.term_calculator import router
from shared.testing.vectors import Vector, calculator_client, faults, read_vectors, refused_at

Json = dict[str, Any]

REQUEST: Json = {
    "start": "2024-02-29",
    "initial_months": 12,
    "renewal": {"kind": "tacit", "months": 12},
    "notice_months": 3,
    "alert_days": 21,
    "as_of": "2024-03-01",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


async def term(client: httpx.AsyncClient, **changes: Any) -> Json:
    response = await client.post("/v1/calculators/term", json=REQUEST | changes)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


refusal = partial(refused_at, calculator="term")


def current(answer: Json) -> tuple[str, str, str]:
    return answer["status"], answer["current_term"]["from"], answer["current_term"]["to"]


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[2] / "vectors" / "term.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


@pytest.mark.parametrize(
    ("as_of", "begins", "ends"),
    [
        ("2024-02-29", "2024-02-29", "2025-02-28"),
        ("2025-02-27", "2024-02-29", "2025-02-28"),
        ("2025-02-28", "2025-02-28", "2026-02-28"),
        ("2028-02-28", "2027-02-28", "2028-02-29"),  # 48 months after the start is the 29th again
        ("2028-02-29", "2028-02-29", "2029-02-28"),
        ("2099-12-31", "2099-02-28", "2100-02-28"),
    ],
)
async def test_every_boundary_is_the_start_plus_months(
    client: httpx.AsyncClient, as_of: str, begins: str, ends: str
) -> None:
    assert current(await term(client, as_of=as_of)) == ("active", begins, ends)


async def test_later_terms_have_the_length_of_the_renewal(client: httpx.AsyncClient) -> None:
    changes: Json = {"start": "2026-01-31", "initial_months": 1, "renewal": {"kind": "tacit", "months": 2}}
    assert current(await term(client, as_of="2026-02-27", **changes))[1:] == ("2026-01-31", "2026-02-28")
    assert current(await term(client, as_of="2026-02-28", **changes))[1:] == ("2026-02-28", "2026-04-30")
    assert current(await term(client, as_of="2026-06-30", **changes))[1:] == ("2026-06-30", "2026-08-31")


@pytest.mark.parametrize("kind", ["express", "none"])
async def test_without_tacit_renewal_it_ends_and_keeps_its_last_term(client: httpx.AsyncClient, kind: str) -> None:
    for renewal in ({"kind": kind}, {"kind": kind, "months": None}, {"kind": kind, "months": 12}):
        changes: Json = {"renewal": renewal}
        assert current(await term(client, as_of="2025-02-27", **changes))[0] == "active"
        ended = await term(client, as_of="2030-01-01", **changes)
        assert current(ended) == ("ended", "2024-02-29", "2025-02-28")
        assert (ended["notice_deadline"], ended["alert_on"]) == ("2024-11-28", "2024-11-07")


async def test_before_the_start_the_current_term_is_the_first(client: httpx.AsyncClient) -> None:
    upcoming = await term(client, as_of="2001-01-01")
    assert current(upcoming) == ("upcoming", "2024-02-29", "2025-02-28")
    assert (upcoming["notice_deadline"], upcoming["alert_on"]) == ("2024-11-28", "2024-11-07")


async def test_notice_counts_back_from_the_end_and_not_from_the_start_day(client: httpx.AsyncClient) -> None:
    answer = await term(client, start="2025-08-31", initial_months=6, notice_months=1, alert_days=0)
    assert (answer["current_term"]["to"], answer["notice_deadline"]) == ("2026-02-28", "2026-01-28")
    assert answer["alert_on"] == "2026-01-28"
    none = await term(client, notice_months=0, alert_days=0)
    assert none["notice_deadline"] == none["alert_on"] == none["current_term"]["to"]
    long = await term(client, notice_months=24)
    assert long["notice_deadline"] == "2023-02-28"  # before the contract even begins: it is told all the same


async def test_periods_are_anchored_and_not_limited_by_the_term(client: httpx.AsyncClient) -> None:
    assert (await term(client))["periods"] == []
    periods = (await term(client, initial_months=1, renewal={"kind": "none"}, monthly_periods=13))["periods"]
    assert [period["from"] for period in periods[:3]] == ["2024-02-29", "2024-03-29", "2024-04-29"]
    assert periods[12] == {"from": "2025-02-28", "to": "2025-03-29"}
    assert all(before["to"] == after["from"] for before, after in pairwise(periods))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"start": "2025-02-29"}, "#/start"),
        ({"start": "2024-02-29T00:00:00Z"}, "#/start"),
        ({"as_of": "yesterday"}, "#/as_of"),
        ({"as_of": None}, "#/as_of"),
        ({"initial_months": 0}, "#/initial_months"),
        ({"initial_months": 1.5}, "#/initial_months"),
        ({"initial_months": "12"}, "#/initial_months"),
        ({"initial_months": 120_000}, "#/initial_months"),
        ({"notice_months": -1}, "#/notice_months"),
        ({"notice_months": 120_000}, "#/notice_months"),
        ({"alert_days": -1}, "#/alert_days"),
        ({"alert_days": 4_000_000}, "#/alert_days"),
        ({"monthly_periods": -1}, "#/monthly_periods"),
        ({"start": "9999-01-01", "initial_months": 1, "monthly_periods": 12}, "#/monthly_periods"),
        ({"as_of": "9999-12-31"}, "#/renewal/months"),
        ({"renewal": {"kind": "tacit"}}, "#/renewal/months"),
        ({"renewal": {"kind": "tacit", "months": None}}, "#/renewal/months"),
        ({"renewal": {"kind": "tacit", "months": 0}}, "#/renewal/months"),
        ({"renewal": {"kind": "none", "months": 0}}, "#/renewal/months"),
        ({"renewal": {"kind": "automatic", "months": 12}}, "#/renewal/kind"),
        ({"renewal": {"kind": "none", "notice": 1}}, "#/renewal/notice"),
        ({"renewal": None}, "#/renewal"),
        ({"time_zone": "Europe/Paris"}, "#/time_zone"),
    ],
)
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    assert await refusal(client, REQUEST | changes) == [pointer]


@pytest.mark.parametrize("key", sorted(REQUEST))
async def test_every_key_but_the_number_of_periods_is_required(client: httpx.AsyncClient, key: str) -> None:
    assert await refusal(client, {name: value for name, value in REQUEST.items() if name != key}) == [f"#/{key}"]
