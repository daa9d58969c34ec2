"""The same reactivity, month after month: how long answers took, and how many promises were kept."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from .conftest import PARIS_OFFICE, Agreement, Desk
from .test_api import a_report

WITHOUT_REPAIR: dict[str, Any] = {
    "response": {
        "calendar": "support",
        "pausable": [],
        "rules": {"on_policy_change": "retroactive", "on_reopen": "resume"},
        "targets": [{"severity": "major", "response": "PT4H", "repair": None}],
    },
    "calendars": {"support": [{"effective_from": None, "calendar": PARIS_OFFICE}]},
}


async def answered(desk: Desk, agreement: Agreement, reported_at: str, *after: timedelta) -> None:
    """One incident for each length, reported at an instant and answered so much later."""
    async with desk.client(agreement, lifetime=timedelta(days=90)) as client:
        for length in after:
            desk.clock.set(datetime.fromisoformat(reported_at))
            created = await client.post("/v1/incidents", json=a_report(agreement, occurred_at=None))
            desk.clock.advance(length)
            done = await client.post(f"/v1/incidents/{created.json()['incident_id']}/acknowledge")
            assert done.status_code == 200, done.text


async def trend(desk: Desk, agreement: Agreement, **query: Any) -> list[dict[str, Any]]:
    async with desk.client(agreement, "client_decider", lifetime=timedelta(days=90)) as client:
        answer = await client.get(f"/v1/reactivity/{agreement.contract_id}", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["months"])


@pytest.mark.capability("I15")
async def test_each_month_tells_how_long_answers_took_and_how_that_changed(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, **WITHOUT_REPAIR)
    minutes = [timedelta(minutes=count) for count in (10, 20, 30, 40, 250)]
    await answered(desk, agreement, "2026-06-09T07:00:00Z", *minutes)
    await answered(desk, agreement, "2026-08-04T07:00:00Z", timedelta(minutes=45), timedelta(minutes=50))
    june, july, august = await trend(desk, agreement, months=3)
    assert [month["month"] for month in (june, july, august)] == ["2026-06", "2026-07", "2026-08"]
    assert (june["from"], june["complete"], august["complete"]) == ("2026-05-31T22:00:00Z", True, False)
    assert (june["met"], june["breached"], june["met_percent"]) == (4, 1, "80.00")
    assert (june["answered"], june["median_seconds"], june["p90_seconds"]) == (5, 30 * 60, 250 * 60)
    assert (july["answered"], july["median_seconds"], july["met_percent"]) == (0, None, None)
    assert (august["median_seconds"], august["p90_seconds"]) == (45 * 60, 50 * 60)
    changes = [month["median_change_seconds"] for month in (june, july, august)]
    assert changes == [None, None, 15 * 60]
    assert sorted(each["elapsed_seconds"] for each in june["reactions"]) == [600, 1200, 1800, 2400, 15_000]


@pytest.mark.capability("I15")
async def test_a_promise_missed_at_the_end_of_a_month_counts_there_and_its_answer_where_it_was_given(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, **WITHOUT_REPAIR)
    # Reported on Tuesday, 30 June, 10:00 in Paris, due at 14:00, answered on Wednesday at 09:30: after 8.5 open hours.
    await answered(desk, agreement, "2026-06-30T08:00:00Z", timedelta(hours=23, minutes=30))
    june, july = await trend(desk, agreement, months=2)
    assert [(month["breached"], month["answered"]) for month in (june, july)] == [(1, 0), (0, 1)]
    (reaction,) = july["reactions"]
    assert (reaction["decided_at"], reaction["elapsed_seconds"]) == ("2026-06-30T12:00:00Z", 8.5 * 3600)
    assert june["reactions"] == [reaction]
    assert await trend(desk, agreement, months=1, month="2026-06") == [june]


async def test_what_nobody_has_answered_counts_when_its_time_is_over(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, **WITHOUT_REPAIR)
    async with desk.client(agreement) as client:
        await client.post("/v1/incidents", json=a_report(agreement, occurred_at=None))
    found = []
    for passed in (timedelta(hours=4), timedelta(seconds=1)):
        desk.clock.advance(passed)
        (june,) = await trend(desk, agreement, months=1)
        found.append((june["breached"], june["answered"], june["met_percent"]))
    assert found == [(0, 0, None), (1, 0, "0.00")]
