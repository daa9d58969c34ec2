"""What calculators.md says about hours, sentence by sentence, through the router that clients call."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.api.hours_calculator import router
from shared.testing.vectors import Vector, calculator_client, faults, read_vectors, refused_at

Json = dict[str, Any]

REQUEST: Json = {
    "lines": [{"code": "technical", "included_minutes": 60}, {"code": "web", "included_minutes": 60}],
    "pooled": True,
    "rollover": {"policy": "none"},
    "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
    "accounting": {"unit_minutes": 1, "per": "entry"},
    "months": [],
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


def worked(minutes: int, line: str = "technical", **more: Any) -> Json:
    return {"line": line, "minutes": minutes, "date": "2026-01-05"} | more


def january(*entries: Json) -> Json:
    return {"month": "2026-01", "entries": list(entries)}


def months(*minutes: int) -> list[Json]:
    """Months from January 2026 on, with one entry each."""
    return [
        {"month": f"2026-{number:02}", "entries": [worked(each, date=f"2026-{number:02}-15")]}
        for number, each in enumerate(minutes, 1)
    ]


async def ledger(client: httpx.AsyncClient, **changes: Any) -> list[Json]:
    response = await client.post("/v1/calculators/hours", json=REQUEST | changes)
    assert response.status_code == 200, response.text
    answer: list[Json] = response.json()["months"]
    return answer


refusal = partial(refused_at, calculator="hours")


def told(answer: list[Json], *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(month[f"{key}_minutes"] for key in keys) for month in answer]


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[2] / "vectors" / "hours.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


async def test_the_figures_of_every_line_are_told_in_their_order(client: httpx.AsyncClient) -> None:
    work = january(worked(30, "web"), worked(20), worked(10, "web", covered=True))
    (month,) = await ledger(client, months=[work])
    assert month["lines"] == [
        {"code": "technical", "real_minutes": 20, "accounted_minutes": 20, "covered_minutes": 0},
        {"code": "web", "real_minutes": 40, "accounted_minutes": 30, "covered_minutes": 10},
    ]
    assert told([month], "real", "accounted", "covered") == [(60, 50, 10)]


async def test_rounding_up_is_once_for_each_line_ticket_and_day_with_exact_products(client: httpx.AsyncClient) -> None:
    work = january(
        worked(1, ticket="T-1", multipliers=["1.25"]),
        worked(1, ticket="T-1", multipliers=["1.75"]),  # exactly 3 together
        worked(1, ticket="T-1", date="2026-01-06"),
        worked(1, "web", ticket="T-1"),
        worked(1),
        worked(1, ticket=None),
        worked(9, ticket="T-1", covered=True),
    )
    accounting = {"unit_minutes": 3, "per": "ticket_day"}
    (month,) = await ledger(client, months=[work], accounting=accounting)
    assert (month["accounted_minutes"], month["covered_minutes"]) == (5 * 3, 9)


async def test_a_pool_has_overage_only_when_the_sum_is_used_up(client: httpx.AsyncClient) -> None:
    answer = await ledger(client, months=[january(worked(100, "web"), worked(20))])
    assert (answer[0]["overage_minutes"], answer[0]["lines_over"]) == (0, ["web"])
    answer = await ledger(client, months=[january(worked(100, "web"), worked(61))])
    assert (answer[0]["overage_minutes"], answer[0]["lines_over"]) == (41, ["technical", "web"])


async def test_without_a_pool_each_line_has_its_own_overage_and_rollover(client: httpx.AsyncClient) -> None:
    work = january(worked(100, "web"), worked(20))
    (month,) = await ledger(client, months=[work], pooled=False, rollover={"policy": "one_period"})
    assert told([month], "available", "overage", "rolled_over", "expired") == [(120, 40, 40, 0)]
    assert month["lines_over"] == ["web"]
    # what technical carried over is not there for web; technical is over its own minutes, without overage
    february = {"month": "2026-02", "entries": [worked(90, date="2026-02-01"), worked(61, "web", date="2026-02-01")]}
    answer = await ledger(client, months=[work, february], pooled=False, rollover={"policy": "one_period"})
    assert told(answer, "available", "overage", "rolled_over", "expired")[1] == (160, 1, 0, 10)
    assert answer[1]["lines_over"] == ["web"]


async def test_the_amount_is_rounded_once_for_the_month(client: httpx.AsyncClient) -> None:
    rate = {"amount": "0.50", "currency": "EUR"}  # a minute is 0.008333…
    work = january(*(worked(61, line) for line in ("technical", "web")))
    (month,) = await ledger(client, months=[work], pooled=False, overage_rate_per_hour=rate)
    assert (month["overage_minutes"], month["overage_amount"]) == (2, "0.02")  # line by line it would be 0.01 twice
    (month,) = await ledger(
        client, months=[january(worked(121))], overage_rate_per_hour={"amount": "90", "currency": "JPY"}
    )
    assert month["overage_amount"] == "2"  # 1.5


async def test_a_rolled_minute_of_one_period_is_used_after_the_months_own_and_lost_with_it(
    client: httpx.AsyncClient,
) -> None:
    one = [{"code": "technical", "included_minutes": 600}]
    answer = await ledger(client, lines=one, rollover={"policy": "one_period"}, months=months(360, 480, 300, 900))
    assert told(answer, "available", "overage", "rolled_over", "expired") == [
        (600, 0, 240, 0),
        (840, 0, 120, 240),
        (720, 0, 300, 120),
        (900, 0, 0, 0),
    ]


async def test_fifo_uses_the_oldest_lot_first_and_loses_it_at_the_end_of_its_last_month(
    client: httpx.AsyncClient,
) -> None:
    one = [{"code": "technical", "included_minutes": 10}]
    fifo = {"policy": "fifo", "months": 12}
    answer = await ledger(client, lines=one, rollover=fifo, months=months(*[0] * 12))
    assert told(answer, "available", "rolled_over", "expired")[-1] == (120, 120, 0)
    year = months(*[0] * 12)
    january_again = {"month": "2027-01", "entries": [worked(15, date="2027-01-31")]}
    last = {"month": "2027-02", "entries": []}
    answer = await ledger(client, lines=one, rollover=fifo, months=[*year, january_again, last])
    # January's 10 are used up, February's lot has 5 left, which go at the end of February
    assert told(answer, "available", "rolled_over", "expired")[-2:] == [(130, 115, 0), (125, 120, 5)]


async def test_minutes_over_what_rolled_in_are_overage(client: httpx.AsyncClient) -> None:
    one = [{"code": "technical", "included_minutes": 60}]
    for rollover in ({"policy": "one_period"}, {"policy": "fifo", "months": 3}):
        answer = await ledger(client, lines=one, rollover=rollover, months=months(20, 105))
        assert told(answer, "available", "overage", "rolled_over", "expired")[1] == (100, 5, 0, 0)
        assert answer[1]["overage_amount"] == "7.50"


async def test_the_year_turns_between_consecutive_months(client: httpx.AsyncClient) -> None:
    answer = await ledger(client, months=[{"month": month, "entries": []} for month in ("2026-12", "2027-01")])
    assert [month["month"] for month in answer] == ["2026-12", "2027-01"]
    assert await ledger(client) == []


ENTRY = worked(10)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"lines": [*REQUEST["lines"], REQUEST["lines"][0]]}, "#/lines/2/code"),
        ({"lines": [{"code": "technical", "included_minutes": -1}]}, "#/lines/0/included_minutes"),
        ({"lines": [{"code": "technical", "included_minutes": 1.5}]}, "#/lines/0/included_minutes"),
        ({"pooled": "yes"}, "#/pooled"),
        ({"rollover": {"policy": "fifo"}}, "#/rollover/months"),
        ({"rollover": {"policy": "fifo", "months": 0}}, "#/rollover/months"),
        ({"rollover": {"policy": "one_period", "months": 3}}, "#/rollover/months"),
        ({"rollover": {"policy": "forever"}}, "#/rollover/policy"),
        ({"rollover": {"policy": "none", "lots": 1}}, "#/rollover/lots"),
        ({"overage_rate_per_hour": {"amount": "-90", "currency": "EUR"}}, "#/overage_rate_per_hour/amount"),
        ({"overage_rate_per_hour": "90.00"}, "#/overage_rate_per_hour"),
        ({"accounting": {"unit_minutes": 0, "per": "entry"}}, "#/accounting/unit_minutes"),
        ({"accounting": {"unit_minutes": 1, "per": "day"}}, "#/accounting/per"),
        ({"accounting": {"unit_minutes": 1}}, "#/accounting/per"),
        ({"months": [january(ENTRY | {"line": "mobile"})]}, "#/months/0/entries/0/line"),
        ({"months": [january(ENTRY, ENTRY | {"date": "2026-02-01"})]}, "#/months/0/entries/1/date"),
        ({"months": [january(ENTRY | {"date": "2025-01-05"})]}, "#/months/0/entries/0/date"),
        ({"months": [january(ENTRY | {"date": "2026-01-32"})]}, "#/months/0/entries/0/date"),
        ({"months": [january(ENTRY | {"minutes": -1})]}, "#/months/0/entries/0/minutes"),
        ({"months": [january(ENTRY | {"minutes": 1.5})]}, "#/months/0/entries/0/minutes"),
        ({"months": [january(ENTRY | {"minutes": "10"})]}, "#/months/0/entries/0/minutes"),
        ({"months": [january(ENTRY | {"multipliers": ["-1"]})]}, "#/months/0/entries/0/multipliers/0"),
        ({"months": [january(ENTRY | {"multipliers": [1.5]})]}, "#/months/0/entries/0/multipliers/0"),
        ({"months": [january(ENTRY | {"covered": "no"})]}, "#/months/0/entries/0/covered"),
        ({"months": [january(ENTRY | {"person": "Ada"})]}, "#/months/0/entries/0/person"),
        ({"months": [{"month": "2026-13", "entries": []}]}, "#/months/0/month"),
        ({"months": [{"month": "2026-01"}]}, "#/months/0/entries"),
        ({"months": [january(), january()]}, "#/months/1/month"),
        ({"months": [january(), {"month": "2026-03", "entries": []}]}, "#/months/1/month"),
        ({"months": [january(), {"month": "2025-12", "entries": []}]}, "#/months/1/month"),
    ],
)
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    assert await refusal(client, REQUEST | changes) == [pointer]


@pytest.mark.parametrize("key", sorted(REQUEST))
async def test_every_key_is_required(client: httpx.AsyncClient, key: str) -> None:
    assert await refusal(client, {name: value for name, value in REQUEST.items() if name != key}) == [f"#/{key}"]
