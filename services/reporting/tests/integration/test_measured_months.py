"""What a month came to is told once it is over, exactly, and again when late facts change it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from reporting.application.period_measure import digest
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id

MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""The end of June in Paris."""
AFTERWARDS = MIDNIGHT + timedelta(hours=2)


async def told(service: Any) -> list[dict[str, Any]]:
    """What was said of measured months, in its order."""
    while await MeasureMonths(service.runtime.units).run() == 0.0:
        pass
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        return [json.loads(row[0])["data"] for row in await unit.session.execute(text(query))]


def counted(measured: dict[str, Any]) -> dict[str, Any]:
    (figure,) = [each for each in measured["figures"] if each["counts_for_sla"]]
    return dict(figure)


@pytest.mark.capability("K12")
async def test_june_is_told_once_it_is_over_with_whole_seconds_and_the_events_behind_them(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS - timedelta(seconds=1))
    assert [each["month"] for each in await told(service)] == ["2026-05-01"]
    service.clock.set(AFTERWARDS)
    _, june = await told(service)
    assert (june["month"], june["starts_at"], june["ends_at"]) == (
        "2026-06-01",
        "2026-05-31T22:00:00Z",
        "2026-06-30T22:00:00Z",
    )
    figure = counted(june)
    assert (figure["numerator"], figure["denominator"]) == (30 * 86_400 - 900, 30 * 86_400)
    assert (figure["units_per_second"], figure["outages"], figure["target_percent"]) == (1, 2, "99.9")
    assert (june["committed"], june["met"], figure["met"], june["version"]) == (True, True, True, 1)
    # Each outage is told by its beginning and its end; the time between by what put the monitor up.
    assert figure["event_count"] == len(figure["event_ids"]) == 5
    assert june["content_hash"] == digest({k: v for k, v in june.items() if k not in ("version", "content_hash")})
    assert len(await told(service)) == 2


async def test_a_late_fact_changes_the_month_and_is_told_with_a_higher_version_and_only_then(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    since = MIDNIGHT - timedelta(hours=1)
    outage = new_id()
    await service.hear(story.down(outage, since))
    service.clock.set(AFTERWARDS)
    _, june = await told(service)
    assert counted(june)["down_units"] == 900 + 3600
    # It turns out that nothing was seen of the last half hour: the outage ends in July and had a silence in it.
    gap = (MIDNIGHT - timedelta(minutes=30), MIDNIGHT + timedelta(minutes=5))
    await service.hear(story.recovered(outage, since, MIDNIGHT + timedelta(minutes=10), gaps=[gap]))
    _, _, again = await told(service)
    assert (again["month"], again["version"], counted(again)["down_units"]) == ("2026-06-01", 2, 900 + 1800)
    assert counted(again)["excluded_units"]["unknown"] == 1800
    assert again["measurement_id"] == june["measurement_id"]
    july = MIDNIGHT + timedelta(days=1)
    await service.hear(story.down(new_id(), july))
    assert len(await told(service)) == 3


async def test_what_promises_no_uptime_is_measured_without_a_verdict(
    service: Any, another_story: Callable[..., Any]
) -> None:
    await service.hear(*another_story(target=None).golden_june())
    service.clock.set(AFTERWARDS)
    june = (await told(service))[-1]
    assert (june["committed"], june["met"]) == (False, None)
    assert {figure["met"] for figure in june["figures"]} == {None}
    assert {figure["rule_source"] for figure in june["figures"]} == {"informative"}


async def test_the_silent_end_of_a_month_is_unknown_until_somebody_tells_that_he_measured(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june(), story.measured(MIDNIGHT - timedelta(hours=5)))
    service.clock.set(AFTERWARDS)
    silent = (await told(service))[-1]
    assert counted(silent)["excluded_units"]["unknown"] == 4 * 3600
    await service.hear(story.measured(MIDNIGHT - timedelta(hours=1)))
    seen = (await told(service))[-1]
    assert (seen["version"], counted(seen)["excluded_units"]["unknown"]) == (2, 0)


async def test_every_month_of_a_contract_that_has_ended_is_told_whatever_order_its_versions_are_heard_in(
    service: Any, story: Any
) -> None:
    events = [*story.golden_june(), story.contract("terminated", datetime(2026, 8, 10, 8, tzinfo=UTC))]
    await service.hear(*reversed(events))
    service.clock.set(datetime(2026, 10, 1, tzinfo=UTC))
    months = await told(service)
    assert sorted(each["month"] for each in months) == ["2026-05-01", "2026-06-01", "2026-07-01", "2026-08-01"]
    (august,) = [each for each in months if each["month"] == "2026-08-01"]
    assert august["ends_at"] == "2026-08-10T08:00:00Z"
