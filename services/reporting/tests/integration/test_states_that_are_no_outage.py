"""Regional disturbances and planned work on the way from the monitor's events to the figure that is billed by."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ids import new_id

BEGAN = datetime(2026, 6, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 7, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def degraded(story: Any, since: datetime) -> bytes:
    data = {"previous_state": "up", "previous_since": instant(BEGAN), "since": instant(since), "reason": "regional"}
    found: bytes = story._say("degraded", since, data | {"locations": []}, staging=False)
    return found


def maintenance(story: Any, since: datetime, until: datetime) -> bytes:
    data = {
        "previous_state": "up",
        "previous_since": instant(BEGAN),
        "since": instant(since),
        "until": instant(until),
        "outage_id": None,
        "down_since": None,
    }
    found: bytes = story._say("maintenance", since, data, staging=False)
    return found


async def figure(service: Any, story: Any) -> dict[str, Any]:
    service.clock.set(LATER)
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["uptime"]["figures"][0]
    return found


def beginning(story: Any) -> list[bytes]:
    return [story.contract("activated", BEGAN), story.unknown(BEGAN), story.restored(BEGAN, BEGAN)]


@pytest.mark.parametrize(("weight", "percent"), [("0", "100.000000"), ("0.5", "99.636363")])
async def test_a_regional_disturbance_weighs_what_the_contract_says_and_is_no_outage(
    service: Any, story: Any, weight: str, percent: str
) -> None:
    story.rule["degraded_weight"] = weight
    since = BEGAN + 48 * HOUR
    events = [*beginning(story), degraded(story, since), story.restored(since, since + 4 * HOUR, was="degraded")]
    await service.hear(*events)
    found = await figure(service, story)
    # June from the 8th on, to its end in Paris: 22 days and 22 hours.
    assert (found["degraded_seconds"], found["down_seconds"], found["outages"]) == (4 * 3600, 0, 0)
    assert found["uptime_percent"] == percent
    assert [span["state"] for span in found["explanation"]] == ["up", "degraded", "up"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1)])
async def test_an_outage_beneath_a_window_counts_outside_of_it_in_whatever_order_it_becomes_known(
    service: Any, story: Any, order: tuple[int, ...]
) -> None:
    opens, closes = BEGAN + 48 * HOUR, BEGAN + 50 * HOUR
    down_since, up_at = opens - HOUR / 2, closes + HOUR / 4
    outage, first = new_id(), beginning(story)
    told = [
        story.down(outage, down_since),
        maintenance(story, opens, closes),
        story._say(
            "restored",
            closes,
            {
                "previous_state": "maintenance",
                "since": instant(opens),
                "restored_at": instant(closes),
                "state": "down",
                "outage_id": str(outage),
            },
            staging=False,
        ),
        story.recovered(outage, down_since, up_at),
    ]
    await service.hear(*first, *(told[index] for index in order))
    found = await figure(service, story)
    assert (found["maintenance_seconds"], found["down_seconds"], found["outages"]) == (7200, 1800 + 900, 1)
    assert [span["state"] for span in found["explanation"]] == ["up", "down", "maintenance", "down", "up"]


@pytest.mark.capability("P27")
@pytest.mark.parametrize(("treatment", "lost"), [("exclude", 0), ("up", 0), ("down", 7200)])
async def test_planned_work_counts_as_the_contract_says(service: Any, story: Any, treatment: str, lost: int) -> None:
    story.rule["maintenance"] = treatment
    opens, closes = BEGAN + 48 * HOUR, BEGAN + 50 * HOUR
    first = beginning(story)
    events = [maintenance(story, opens, closes), story.restored(opens, closes, was="maintenance")]
    await service.hear(*first, *events)
    found = await figure(service, story)
    month = (22 * 24 + 22) * 3600
    assert (found["maintenance_seconds"], found["down_seconds"]) == (7200, 0)
    assert found["denominator_seconds"] == (month - 7200 if treatment == "exclude" else month)
    assert float(found["uptime_percent"]) == pytest.approx(100 * (1 - lost / month), abs=1e-6)
