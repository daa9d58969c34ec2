"""A page measures each of its days by the rule that was promised on that day, whatever is promised since."""

from datetime import UTC, datetime, timedelta
from typing import Any

from reporting.adapters.facts import StoredFacts
from reporting.application.client_overview import contract_now
from shared.ids import new_id

AMENDED = datetime(2026, 7, 1, 6, tzinfo=UTC)
LATER = AMENDED + timedelta(hours=3)


def amendment(story: Any, at: datetime, **rule: Any) -> bytes:
    amended: bytes = story.contract(
        "amended", at, uptime={"target_percent": "99.9", "rule": {**story.rule, "minimum_outage": "PT15M", **rule}}
    )
    return amended


async def page(service: Any, story: Any) -> tuple[dict[str, tuple[float, str]], list[tuple[int, str, str]]]:
    """The days on which it was down, and the sums."""
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}.json")
    assert answer.status_code == 200, answer.text
    (component,) = answer.json()["components"]
    down = [day for day in component["days"] if day["state"] == "down"]
    sums = [(each["days"], each["uptime_display"], each["coverage_percent"]) for each in component["uptime"]]
    return {day["date"]: (day["down_seconds"], day["uptime_display"]) for day in down}, sums


async def client_page(service: Any, story: Any) -> dict[str, tuple[float, str]]:
    """The same days as the portal tells them."""
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        found = await contract_now(StoredFacts(unit), story.contract_id, service.clock.now())
    assert found is not None
    (counting,) = [system for system in found.systems if system.counts_for_sla]
    down = [day for day in counting.days if day.state == "down"]
    return {day.date.isoformat(): (day.down_seconds, str(day.uptime_display)) for day in down}


async def test_a_day_keeps_its_figure_when_the_rule_changes_afterwards(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(LATER)
    before = await page(service, story)
    days = {"2026-06-09": (600, "99.31"), "2026-06-18": (300, "99.65")}
    assert before == (days, [(30, "99.96", "100.00"), (90, "99.98", "99.99")])
    await service.hear(amendment(story, AMENDED))
    assert await page(service, story) == before
    assert await client_page(service, story) == days


async def test_what_happens_after_an_amendment_is_measured_by_its_rule(service: Any, story: Any) -> None:
    short, long = AMENDED + timedelta(minutes=10), AMENDED + timedelta(minutes=60)
    forgiven, counted = new_id(), new_id()
    await service.hear(*story.golden_june(), amendment(story, AMENDED))
    await service.hear(story.down(forgiven, short), story.recovered(forgiven, short, short + timedelta(minutes=14)))
    await service.hear(story.down(counted, long), story.recovered(counted, long, long + timedelta(minutes=15)))
    service.clock.set(LATER)
    days, _ = await page(service, story)
    assert days["2026-07-01"][0] == 900
    assert (await client_page(service, story))["2026-07-01"][0] == 900


async def test_a_day_in_which_the_rule_changes_is_measured_by_both(service: Any, story: Any) -> None:
    early, late = AMENDED - timedelta(hours=1), AMENDED + timedelta(hours=1)
    first, second = new_id(), new_id()
    await service.hear(*story.golden_june(), amendment(story, AMENDED))
    for outage, since in ((first, early), (second, late)):
        await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(minutes=10)))
    service.clock.set(LATER)
    days, sums = await page(service, story)
    assert days["2026-07-01"][0] == 600
    assert (await client_page(service, story))["2026-07-01"][0] == 600
    # 30 days but 13 hours of today, 25 minutes lost: 1500 of 2 548 800 seconds.
    assert sums[0][:2] == (30, "99.94")


async def test_a_suspension_changes_no_rule_and_stays_out_of_the_sums(service: Any, story: Any) -> None:
    suspended, resumed = (datetime(2026, 6, day, 8, tzinfo=UTC) for day in (20, 22))
    await service.hear(
        *story.golden_june(),
        story.contract("suspended", suspended),
        story.paused(suspended),
        story.contract("activated", resumed),
        story.restored(suspended, resumed, was="paused"),
    )
    service.clock.set(LATER)
    days, sums = await page(service, story)
    assert days == {"2026-06-09": (600, "99.31"), "2026-06-18": (300, "99.65")}
    # Two of the 29 days and 11 hours were not watched.
    assert [coverage for _, _, coverage in sums] == ["93.21", "95.24"]
    await service.hear(amendment(story, AMENDED))
    assert await page(service, story) == (days, sums)


async def states(service: Any, story: Any, *days: str) -> list[str]:
    """The states of days, which the page and the portal tell alike."""
    async with service.client() as visitor:
        (component,) = (await visitor.get(f"/status/{story.slug}.json")).json()["components"]
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        found = await contract_now(StoredFacts(unit), story.contract_id, service.clock.now())
    assert found is not None
    (counting,) = [system for system in found.systems if system.counts_for_sla]
    shown = {day["date"]: day["state"] for day in component["days"]}
    assert {day.date.isoformat(): day.state for day in counting.days} == shown
    return [shown[day] for day in days]


async def test_a_day_on_which_nothing_counted_as_unavailable_is_no_day_with_an_interruption(
    service: Any, story: Any
) -> None:
    story.rule["minimum_outage"] = "PT6M"
    await service.hear(*story.golden_june())  # ten minutes on the 9th, five on the 18th
    service.clock.set(LATER)
    assert await states(service, story, "2026-06-08", "2026-06-09", "2026-06-18") == ["up", "down", "up"]


async def test_a_day_outside_of_the_service_window_is_told_as_it_was_measured(service: Any, story: Any) -> None:
    weekly = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "00:00", "to": "24:00"}]
    story.rule["service_window"] = {"time_zone": "Europe/Paris", "weekly": weekly}
    saturday, sunday = (datetime(2026, 6, day, 8, tzinfo=UTC) for day in (20, 21))
    outage = (new_id(), saturday)
    await service.hear(
        *story.golden_june(),
        story.down(*outage),
        story.recovered(*outage, saturday + timedelta(hours=1)),
        story.unknown(sunday - timedelta(hours=10), reason="no_fresh_result"),
        story.restored(sunday - timedelta(hours=10), sunday + timedelta(hours=14)),
    )
    service.clock.set(LATER)
    days = [f"2026-06-{day}" for day in (18, 19, 20, 21, 22)]
    assert await states(service, story, *days) == ["down", "up", "up", "unknown", "up"]


async def test_a_day_with_a_forgiven_outage_is_none_with_an_interruption_to_visitors_nor_in_the_portal(
    service: Any, story: Any
) -> None:
    short, forgiven = AMENDED + timedelta(minutes=10), new_id()
    await service.hear(*story.golden_june(), amendment(story, AMENDED))
    await service.hear(story.down(forgiven, short), story.recovered(forgiven, short, short + timedelta(minutes=14)))
    service.clock.set(LATER)
    days, _ = await page(service, story)
    assert days.keys() == {"2026-06-09", "2026-06-18"}
    assert await client_page(service, story) == days
    assert await states(service, story, "2026-07-01") == ["up"]
