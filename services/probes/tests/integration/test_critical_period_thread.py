"""A traffic peak from end to end: a group over the API, checks over real servers, on a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from probes.adapters.result_rows import first_instant_of, outcome_of
from probes.domain.slots import Schedule
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.service import create_app
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint

from ..raw_site import Asked, RawSite, raw_site, reply
from .conftest import Contract, Service, contract, eventually, settings_for, working

BEGINS = datetime(2026, 12, 19, 8, tzinfo=UTC)
"""Nine o'clock in Paris."""
ENDS = BEGINS + timedelta(minutes=1)
SELDOM, OFTEN = 4, 2
TOLERANCE = timedelta(milliseconds=600)
"""How late a check may begin on a machine that runs the tests of others at the same time."""


@pytest.fixture
def clock_file(tmp_path: Path) -> Path:
    return tmp_path / "clock"


def set_clock(clock_file: Path, now: datetime) -> None:
    clock_file.write_text(str((now - datetime.now(UTC)).total_seconds()))


@pytest.fixture
async def service(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, clock_file: Path
) -> AsyncIterator[Service]:
    set_clock(clock_file, BEGINS - timedelta(seconds=30))
    settings: ProbesSettings = settings_for(service_database("probes"), own_nats_server, clock_file=clock_file)
    async with working(settings, own_nats_server.url()) as running:
        yield running


@pytest.fixture
async def site() -> AsyncIterator[RawSite]:
    """/offers answers at once, /booking takes four tenths of a second."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == "/booking":
            await asyncio.sleep(0.4)
        writer.write(reply("<h1>Bellevue</h1>"))

    async with raw_site(answer) as opened:
        yield opened


@pytest.fixture
def given(site: RawSite) -> Contract:
    return contract(f"{site.url}/")


@pytest.fixture
async def client(
    service: Service, given: Contract, tokens: TokenMint, api_client: ApiClient
) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, service.runtime.settings, runtime=service.runtime))
    async with api_client(app, tokens.mint(role="operator", tenant_id=given.tenant_id)) as opened:
        yield opened


async def create_group(client: httpx.AsyncClient, site: RawSite, given: Contract) -> Any:
    answer = await client.post(
        "/v1/monitor-groups",
        json={
            "contract_id": str(given.contract_id),
            "environment_id": str(given.environment_id),
            "name": "Offers and booking",
            "pages": [{"name": name.title(), "url": f"{site.url}/{name}"} for name in ("offers", "booking")],
            "configuration": {"profile": "mobile", "assertions": [{"type": "response_time", "at_most_ms": 950}]},
            "cadence": {"interval_seconds": SELDOM, "timeout_seconds": 1, "rechecks": 0},
            "critical_periods": [
                {
                    "name": "Opening of the season",
                    "time_zone": "Europe/Paris",
                    "starts": "2026-12-19T09:00",
                    "duration": "PT1M",
                    "interval_seconds": OFTEN,
                    "response_times": [{"at_most_ms": 200}],
                }
            ],
        },
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def checks_of(service: Service, monitor_id: str) -> list[tuple[datetime, int, str]]:
    """Beginning, slot and what was found, in the order of time."""
    rows = await service.rows(
        "select r.* from probes.result r join probes.monitor m on m.number = r.monitor_number "
        "where m.monitor_id = :id order by r.day, r.started_ms",
        id=UUID(monitor_id),
    )
    return [
        (
            first_instant_of(row["day"]) + timedelta(milliseconds=row["started_ms"]),
            row["slot"],
            outcome_of(row["attempt_and_outcome"])[1],
        )
        for row in rows
    ]


@pytest.mark.capability("P24")
async def test_in_a_traffic_peak_pages_are_checked_more_often_and_held_to_shorter_times(
    service: Service, client: httpx.AsyncClient, site: RawSite, given: Contract, clock_file: Path
) -> None:
    await service.tell(given, "activated", given.state())

    async def followed() -> bool:
        return bool((await client.get("/v1/monitors")).json()["data"])

    await eventually(followed)
    group = await create_group(client, site, given)
    offers, booking = (page["monitor_id"] for page in group["pages"])
    where = f"/v1/monitor-groups/{group['group_id']}"

    def checked(since: datetime, count: int) -> Callable[[], Any]:
        async def look() -> bool:
            return sum(began >= since for began, *_ in await checks_of(service, booking)) >= count

        return look

    async def state() -> str:
        return str((await client.get(where)).json()["state"])

    async def up() -> bool:
        return await state() == "up"

    await eventually(up)
    set_clock(clock_file, BEGINS - timedelta(seconds=10))
    ordinary_from = BEGINS - timedelta(seconds=8)
    await eventually(checked(BEGINS, 5), 30.0)
    shown = (await client.get(f"/v1/monitors/{booking}")).json()
    assert shown["cadence"]["interval_seconds"] == OFTEN and shown["critical_periods"] == ["Opening of the season"]
    assert shown["history"][0]["effective_from"] == "2026-12-19T08:00:00Z"
    assert shown["configuration"]["assertions"] == [{"type": "response_time", "at_most_ms": 200}]
    in_peak = (await client.get(where)).json()
    assert in_peak["state"] == "down" and in_peak["counts"]["down"] == 1 == in_peak["counts"]["up"]
    stopped = max(began for began, *_ in await checks_of(service, booking))
    set_clock(clock_file, ENDS - timedelta(seconds=3))
    await eventually(checked(ENDS, 2), 30.0)
    await eventually(up)

    checks = await checks_of(service, booking)
    before = [each for each in checks if ordinary_from <= each[0] < BEGINS]
    peak = [each for each in checks if BEGINS <= each[0] <= stopped]
    after = [each for each in checks if each[0] >= ENDS]
    assert {found for *_, found in before} == {"good"} == {found for *_, found in after}
    assert {found for *_, found in peak} == {"threshold"}
    seldom, often = (Schedule.of(UUID(booking), timedelta(seconds=seconds)) for seconds in (SELDOM, OFTEN))
    for some, schedule, since in ((before, seldom, ordinary_from), (peak, often, BEGINS), (after, seldom, ENDS)):
        slots = [slot for _, slot, _ in some]
        assert slots[0] == schedule.first_from(since), "the first slot of a cadence is its own, and it is not left out"
        assert {later - sooner for sooner, later in pairwise(slots)} <= {1}, "no slot is left out, and none comes twice"
        for began, slot, _ in some:
            assert timedelta() <= began - schedule.start_of(slot) < TOLERANCE
    (outage,) = (await client.get("/v1/outages", params={"monitor_id": booking})).json()["data"]
    assert outage["reason"] == "threshold"
    assert datetime.fromisoformat(outage["down_since"]) - peak[0][0] < timedelta(milliseconds=1)
    assert datetime.fromisoformat(outage["ended_at"]) >= ENDS
    assert (await client.get("/v1/outages", params={"monitor_id": offers})).json()["data"] == []
    told = [event for event in await service.events() if event.name.aggregate == "group"]
    assert [event.aggregateversion for event in told] == list(range(1, len(told) + 1))
    states = [event.data["state"] for event in told]
    assert [event.data["previous_state"] for event in told] == ["unknown", *states[:-1]]
    # While the test set the clock forward nothing was known.
    known = [state for state in states if state != "unknown"]
    assert [state for state, _ in groupby(known)] == ["up", "down", "up"]
    down = next(event.data for event in told if event.data["state"] == "down")
    assert [page["name"] for page in down["pages"]] == ["Booking"]
    assert datetime.fromisoformat(down["since"]) == datetime.fromisoformat(outage["down_since"])
    span = {"from": "2026-12-19T07:00:00Z", "to": "2026-12-19T09:00:00Z"}
    result = (await client.get(f"{where}/result", params=span)).json()
    pages = {page["monitor_id"]: page for page in result["pages"]}
    assert pages[booking]["inside"]["threshold_breaches"] >= len(peak)
    assert pages[booking]["outside"]["threshold_breaches"] == 0
    assert result["outside"]["slowest_page"] == booking and result["inside"]["slowest_page"] == offers
    assert pages[booking]["outside"]["p95_total_ms"] > 400 > pages[offers]["inside"]["p95_total_ms"]
