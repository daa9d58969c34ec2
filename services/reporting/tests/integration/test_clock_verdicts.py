"""The report says of a clock what incidents said of it last, whatever order that was heard in."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ids import new_id

SIGNED = datetime(2026, 6, 1, 8, tzinfo=UTC)
SINCE = datetime(2026, 6, 8, 7, 59, 40, tzinfo=UTC)
"""Confirmed, so that the clocks open, twenty seconds later: at 8 o'clock."""


class Case:
    """An incident that was opened, and what incidents says of its clocks later."""

    def __init__(self, story: Any) -> None:
        self.story = story
        self.incident_id = new_id()
        (self.opened,) = story.incident(self.incident_id, None, SINCE)
        self.state: dict[str, Any] = json.loads(self.opened)["data"]
        self.told_of_clocks = 0

    @property
    def response(self) -> dict[str, Any]:
        clock: dict[str, Any] = self.state["clocks"][0]
        return clock

    def changed(self, minutes: int, *clocks: dict[str, Any], event: str = "clocks_changed") -> bytes:
        """An event of the incident: the response clock, and the repair clock if it is given, read otherwise now."""
        for clock, change in zip(self.state["clocks"], clocks, strict=False):
            clock.update(change)
        self.response["clock_version"] = self.told_of_clocks
        self.state["version"] += 1
        name = f"incidents.incident.{event}.v1"
        return bytes(self.story.event(name, self.incident_id, self.at(minutes), self.state, self.state["version"]))

    def said(self, verdict: str, minutes: int) -> bytes:
        """The response clock says by itself that it was breached or met."""
        self.told_of_clocks += 1
        identity = {key: self.state[key] for key in ("incident_id", "contract_id", "client_id")}
        told = {key: value for key, value in self.response.items() if key not in ("state", "verdict", "clock_version")}
        data = identity | told | {"at": self.at(minutes).isoformat()}
        name, clock_id = f"incidents.clock.{verdict}.v1", self.response["clock_id"]
        return bytes(self.story.event(name, clock_id, self.at(minutes), data, self.told_of_clocks))

    def at(self, minutes: int) -> datetime:
        return SINCE + timedelta(seconds=20, minutes=minutes)

    async def read(self, service: Any, minutes: int | None = None) -> list[dict[str, Any]]:
        """The clocks of the report, `minutes` after they opened (default: now)."""
        query = {"as_of": self.at(minutes).isoformat()} if minutes is not None else {}
        async with service.client(self.story) as client:
            answer = await client.get(f"/v1/contracts/{self.story.contract_id}/reports/2026-06", params=query)
        assert answer.status_code == 200, answer.text
        report = answer.json()
        (line,) = report["incidents"]["items"]
        verdicts = {name: report["targets"]["response"][name] for name in ("met", "breached", "running")}
        shown = line["clocks"][0]["verdict"]
        assert verdicts == {name: int(name == shown) for name in verdicts}
        clocks: list[dict[str, Any]] = line["clocks"]
        return clocks


@pytest.fixture
async def case(service: Any, story: Any) -> Case:
    await service.hear(story.contract("activated", SIGNED))
    service.clock.set(SINCE + timedelta(hours=2))
    return Case(story)


async def test_an_amended_target_is_the_one_that_the_report_shows(service: Any, case: Case) -> None:
    due = {"due_at": "2026-06-08T12:00:00Z", "breach_after": "2026-06-08T12:00:00Z"}
    amended = case.changed(5, {"policy": "critical-response@2", "target_seconds": 14400} | due)
    await service.hear(amended, case.opened)
    clock = (await case.read(service))[0]
    assert (clock["verdict"], clock["target_seconds"], clock["due_at"]) == ("running", 14400, "2026-06-08T12:00:00Z")


async def test_a_clock_that_the_end_of_the_contract_cancelled_is_not_counted(service: Any, case: Case) -> None:
    await service.hear(case.opened, case.changed(5, {"state": "cancelled"}, {"state": "cancelled"}))
    assert [clock["verdict"] for clock in await case.read(service)] == ["cancelled", "cancelled"]


async def test_a_clock_is_not_breached_before_incidents_says_so(service: Any, case: Case) -> None:
    await service.hear(case.opened)
    assert (await case.read(service))[0]["verdict"] == "running"
    await service.hear(case.said("breached", 30))
    assert (await case.read(service))[0]["verdict"] == "breached"
    assert (await case.read(service, 29))[0]["verdict"] == "running"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_a_breach_that_was_taken_back_is_none_in_whatever_order_it_is_heard(
    service: Any, case: Case, order: tuple[int, ...]
) -> None:
    events = [case.opened, case.said("breached", 30), case.changed(31, {"state": "paused", "elapsed_seconds": 2})]
    await service.hear(*(events[index] for index in order))
    assert (await case.read(service))[0]["verdict"] == "running"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
async def test_a_verdict_that_a_clock_says_after_one_was_taken_back_counts(
    service: Any, case: Case, order: tuple[int, ...]
) -> None:
    events = [
        case.opened,
        case.said("breached", 30),
        case.changed(31, {"state": "running", "breach_after": "2026-06-08T09:00:00Z"}),
        case.said("breached", 60),
    ]
    await service.hear(*(events[index] for index in order))
    assert (await case.read(service))[0]["verdict"] == "breached"
    assert (await case.read(service, 45))[0]["verdict"] == "running"


async def test_a_breach_that_only_the_change_tells_counts_from_its_own_instant(service: Any, case: Case) -> None:
    late = {"state": "breached", "breach_after": "2026-06-08T09:00:00Z", "due_at": "2026-06-08T09:00:00Z"}
    await service.hear(case.opened, case.changed(61, late))
    assert (await case.read(service))[0]["verdict"] == "breached"
    assert (await case.read(service, 45))[0]["verdict"] == "running"
    assert (await case.read(service, 60))[0]["verdict"] == "running"
