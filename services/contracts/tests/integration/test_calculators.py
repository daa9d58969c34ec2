"""The calculators of the running service: no token, no state, the figures of the public examples."""

from itertools import pairwise
from pathlib import Path

import pytest

from shared.testing.vectors import Vector, faults, read_vectors

from .conftest import Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

VECTORS = Path(__file__).parents[1] / "vectors"


async def wrong(installation: Installation, vectors: list[Vector]) -> list[str]:
    """What is wrong with the answers, a line for each place."""
    return [f"{vector}: {fault}" for vector in vectors for fault in await faults(installation.http, vector)]


@pytest.mark.parametrize("calculator", ["credits", "hours", "term", "indexation"])
async def test_every_public_example_is_answered_as_published(installation: Installation, calculator: str) -> None:
    vectors = read_vectors(VECTORS / f"{calculator}.json")
    assert vectors
    assert await wrong(installation, vectors) == []


@pytest.mark.capability("K15", "K21", "K22", "K23")
async def test_ten_hours_over_five_lines_are_one_envelope_that_covered_work_never_draws_on(
    installation: Installation,
) -> None:
    lines = {"technical": 120, "web": 120, "mobile": 60, "support": 180, "steering": 120}
    work = [
        {"line": "web", "minutes": 240, "date": "2026-01-12"},
        {"line": "technical", "minutes": 360, "date": "2026-01-13"},
        {"line": "technical", "minutes": 3000, "date": "2026-01-14", "covered": True},
    ]
    request = {
        "lines": [{"code": code, "included_minutes": minutes} for code, minutes in lines.items()],
        "pooled": True,
        "rollover": {"policy": "none"},
        "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
        "accounting": {"unit_minutes": 15, "per": "entry"},
        "months": [{"month": "2026-01", "entries": work}],
    }
    answer = await installation.http.post("/v1/calculators/hours", json=request)
    assert answer.status_code == 200, answer.text
    (month,) = answer.json()["months"]
    # the total is the sum of the lines and was typed nowhere: ten hours, and all of them are used
    assert month["available_minutes"] == sum(lines.values()) == 600
    assert (month["accounted_minutes"], month["overage_minutes"]) == (600, 0)
    assert (month["covered_minutes"], month["real_minutes"]) == (3000, 3600)
    assert month["lines_over"] == ["technical", "web"]
    # a minute more is over the envelope, whatever other lines have left
    work.append({"line": "web", "minutes": 1, "date": "2026-01-31"})
    (month,) = (await installation.http.post("/v1/calculators/hours", json=request)).json()["months"]
    assert (month["overage_minutes"], month["overage_amount"]) == (15, "22.50")


@pytest.mark.capability("K25")
async def test_an_annual_term_has_twelve_monthly_periods_that_fill_it(installation: Installation) -> None:
    request = {
        "start": "2026-01-31",
        "initial_months": 12,
        "renewal": {"kind": "tacit", "months": 12},
        "notice_months": 3,
        "alert_days": 21,
        "as_of": "2026-06-08",
        "monthly_periods": 12,
    }
    answer = await installation.http.post("/v1/calculators/term", json=request)
    assert answer.status_code == 200, answer.text
    periods = answer.json()["periods"]
    assert len(periods) == 12
    assert {"from": periods[0]["from"], "to": periods[-1]["to"]} == answer.json()["current_term"]
    assert all(before["to"] == after["from"] for before, after in pairwise(periods))
