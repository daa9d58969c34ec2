"""Maintenance windows: planned in local time, told as instants, called off without rewriting what has been."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.published.v1 import MaintenanceCancelled, MaintenanceScheduled
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/maintenance-windows"


def wanted(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "client_id": client["client_id"],
        "title": "Montée de version",
        "time_zone": "Europe/Paris",
        "starts": "2026-10-18T02:00",
        "ends": "2026-10-18T04:00",
        "recurrence": "FREQ=WEEKLY;COUNT=3",
    } | changes


async def test_a_window_is_expanded_over_the_change_of_clocks_and_told_with_every_occurrence(
    installation: Installation, agency: Agency
) -> None:
    client = await agency.client()
    site = await agency.site(client)
    environment = site["environments"][0]["environment_id"]
    window = await agency.make(PATH, wanted(client, environment_ids=[environment]))
    assert window["occurrences"] == [
        {"starts_at": "2026-10-18T00:00:00Z", "ends_at": "2026-10-18T02:00:00Z"},
        {"starts_at": "2026-10-25T00:00:00Z", "ends_at": "2026-10-25T03:00:00Z"},
        {"starts_at": "2026-11-01T01:00:00Z", "ends_at": "2026-11-01T03:00:00Z"},
    ]
    assert await agency.get(f"{PATH}/{window['window_id']}") == window
    (said,) = await installation.events(window["window_id"])
    told = MaintenanceScheduled.model_validate(said["data"])
    assert (told.status, len(told.occurrences), str(told.environment_ids[0])) == ("scheduled", 3, environment)


async def test_a_window_that_is_called_off_keeps_what_has_been(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    client = await agency.client()
    window = await agency.make(
        PATH, wanted(client, time_zone="UTC", starts="2026-06-09T02:00", ends="2026-06-09T04:00")
    )
    clock.advance(timedelta(hours=18))
    path = f"{PATH}/{window['window_id']}/cancel"
    cancelled = await agency.make(path, {"reason": "Moved"}, status=200)
    assert cancelled["status"] == "cancelled" and cancelled["cancel_reason"] == "Moved"
    assert cancelled["occurrences"] == [{"starts_at": "2026-06-09T02:00:00Z", "ends_at": "2026-06-09T03:00:00Z"}]
    await agency.refused(409, "POST", path, json={"reason": "Again"})
    told = MaintenanceCancelled.model_validate((await installation.events(window["window_id"]))[-1]["data"])
    assert told.version == 2 and len(told.occurrences) == 1


async def test_a_window_that_is_over_cannot_be_called_off(agency: Agency, clock: FixedClock) -> None:
    once = {"starts": "2026-06-09T02:00", "ends": "2026-06-09T04:00", "recurrence": None}
    window = await agency.make(PATH, wanted(await agency.client(), **once))
    clock.advance(timedelta(days=2))
    await agency.refused(409, "POST", f"{PATH}/{window['window_id']}/cancel", json={"reason": "Late"})


async def test_windows_are_listed_by_client_and_by_what_is_not_over(agency: Agency) -> None:
    client = await agency.client()
    early = await agency.make(PATH, wanted(client, starts="2026-07-01T02:00", ends="2026-07-01T04:00", recurrence=None))
    late = await agency.make(PATH, wanted(client))

    async def listed(**params: str) -> list[str]:
        answer = await agency.call("GET", PATH, params={"client_id": client["client_id"], **params})
        return [window["window_id"] for window in answer.json()["data"]]

    assert await listed() == [early["window_id"], late["window_id"]]
    assert await listed(ends_after="2026-08-01T00:00:00Z") == [late["window_id"]]


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        ({"starts": "2026-06-01T02:00", "ends": "2026-06-01T04:00", "recurrence": None}, "#/starts", "in the future"),
        ({"ends": "2026-10-18T01:00"}, "#", "after starts"),
        ({"starts": "2026-02-30T02:00"}, "#/starts", "no such date"),
        ({"starts": "2026-10-18T02:00:00Z"}, "#/starts", ""),
        ({"time_zone": "Mars/Olympus"}, "#/time_zone", "time zone"),
        ({"recurrence": "FREQ=WEEKLY"}, "#/recurrence", "when it ends"),
        ({"recurrence": "FREQ=WEEKLY;BYDAY=TU;COUNT=3"}, "#/recurrence", "must begin on"),
        ({"site_ids": ["0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a99"]}, "#/site_ids/0", "this client's"),
        ({"environment_ids": ["0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a99"]}, "#/environment_ids/0", "this client's"),
    ],
)
async def test_what_cannot_be_planned_is_refused_where_it_is_wrong(
    agency: Agency, changes: dict[str, Any], pointer: str, says: str
) -> None:
    problem = await agency.refused(422, "POST", PATH, json=wanted(await agency.client(), **changes))
    assert problem["errors"][0]["pointer"] == pointer
    assert says in problem["errors"][0]["detail"]


async def test_an_unknown_client_and_an_unknown_window_are_not_there(agency: Agency) -> None:
    nobody = {"client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a99"}
    problem = await agency.refused(404, "POST", PATH, json=wanted(nobody))
    assert problem["errors"][0]["pointer"] == "#/client_id"
    await agency.refused(404, "GET", f"{PATH}/{nobody['client_id']}")
    await agency.refused(404, "POST", f"{PATH}/{nobody['client_id']}/cancel", json={"reason": "x"})
