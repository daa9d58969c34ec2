"""Figures over the API: the same whether they come from single checks or from roll-ups, and shown to nobody else."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.recording import record_checks
from probes.domain.states import Check, Failure, Outcome, Reason
from probes.jobs.housekeeping import KeepPartitions
from probes.jobs.rolling_up import FoldHours
from probes.main import SERVICE
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint

from .measured import WENT_WELL, Found, Measured, measured, reading

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
EVIDENCE = {
    "checked_at": "2026-06-08T09:00:30Z",
    "url": "https://example.org/",
    "status_code": 503,
    "addresses": ["192.0.2.1"],
    "refused_addresses": [],
    "timings_ms": {"total": 12.5},
    "headers": {"server": "nginx"},
}


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Measured]:
    clock.set(NINE)
    async with measured(service_database("probes"), clock) as made:
        yield made


@pytest.fixture
async def client(world: Measured, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with reading(world, app, tokens, api_client) as opened:
        yield opened


async def read(client: httpx.AsyncClient, world: Measured, what: str, **params: Any) -> dict[str, Any]:
    monitor = (await world.monitor()).subject.monitor_id
    named = {"since": "from", "until": "to"}
    values = {
        named.get(key, key): f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
        for key, value in params.items()
    }
    answer = await client.get(f"/v1/monitors/{monitor}/{what}", params=values)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def slow_in_the_end(number: int) -> Found:
    return (Outcome.GOOD, None, 100_000 if number % 20 else 500_000)


async def test_the_same_question_has_the_same_answer_before_and_after_the_roll_up(
    world: Measured, client: httpx.AsyncClient
) -> None:
    await world.check(NINE, NINE + 3 * HOUR, slow_in_the_end)
    world.clock.set(NINE + 3 * HOUR + 5 * MINUTE)
    asked = {"since": NINE, "until": NINE + 3 * HOUR, "resolution": "PT1H"}
    before = await read(client, world, "latency", **asked)
    await world.roll_up()
    assert await world.rows("select from probes.rollup") != []
    assert await read(client, world, "latency", **asked) == before
    (series,) = before["series"]
    assert series["location"] is None and [point["count"] for point in series["points"]] == [120, 120, 120]
    first = series["points"][0]
    assert first["at"] == "2026-06-08T09:00:00Z"
    assert (first["total"]["min"], first["total"]["max"], first["total"]["avg"]) == (100, 500, 120)
    assert first["total"]["p50"] == 100 and 495 <= first["total"]["p99"] <= 500
    assert first["tls"]["p50"] == 30 and before["from"] == "2026-06-08T09:00:00Z"


@pytest.mark.capability("P10")
async def test_a_month_has_an_average_and_percentiles_after_its_single_checks_are_gone(
    world: Measured, client: httpx.AsyncClient
) -> None:
    await world.check(NINE, NINE + 48 * HOUR, slow_in_the_end)
    world.clock.set(NINE + 48 * HOUR + 5 * MINUTE)
    await world.roll_up()
    world.clock.set(NINE + timedelta(days=60))
    await KeepPartitions(world.runtime.units, 35, 25)()
    while not await FoldHours(world.runtime.units)():
        pass
    assert await world.rows("select from probes.result") == []
    found = await read(client, world, "latency", since=NINE, until=NINE + timedelta(days=1), resolution="P1M")
    ((month,),) = [series["points"] for series in found["series"]]
    assert month["at"] == "2026-06-01T00:00:00Z" and month["count"] == 48 * 120
    assert month["total"]["avg"] == 120 and month["total"]["p50"] == 100 and 495 <= month["total"]["p99"] <= 500


@pytest.mark.capability("P06", "P19")
async def test_every_phase_has_its_figures_step_by_step_and_check_by_check(
    world: Measured, client: httpx.AsyncClient
) -> None:
    await world.check(NINE, NINE + HOUR, slow_in_the_end)
    world.clock.set(NINE + HOUR)
    minutes = await read(client, world, "latency", since=NINE, until=NINE + 10 * MINUTE, resolution="PT1M")
    assert [point["count"] for point in minutes["series"][0]["points"]] == [2] * 10
    raw = await read(client, world, "latency", since=NINE, until=NINE + 5 * MINUTE, resolution="raw")
    points = raw["series"][0]["points"]
    assert len(points) == 10 and points[0]["total"]["p50"] == 500 and points[1]["total"]["p95"] == 100
    assert points[1]["name_lookup"]["avg"] == 10 and points[1]["first_byte"]["avg"] == 30
    await world.roll_up()
    chosen = await read(client, world, "latency", since=NINE, until=NINE + 2 * HOUR)
    assert chosen["resolution"] == "PT1M" and chosen["series"][0]["points"][0]["total"]["p95"] >= 100


async def test_locations_are_shown_together_or_each_by_itself(world: Measured, client: httpx.AsyncClient) -> None:
    async with world.runtime.units.for_every_tenant() as unit:
        await SqlLocations(unit.session).configure(["default", "paris"], unit.now)
    await world.check(NINE, NINE + HOUR)
    await world.check(NINE, NINE + HOUR, lambda _: (Outcome.GOOD, None, 300_000), location="paris")
    world.clock.set(NINE + 2 * HOUR)
    await world.roll_up()
    asked: dict[str, Any] = {"since": NINE, "until": NINE + HOUR}
    for resolution in ("PT1H", "PT15M"):
        together = await read(client, world, "latency", **asked, resolution=resolution)
        assert [series["location"] for series in together["series"]] == [None]
        assert sum(point["count"] for point in together["series"][0]["points"]) == 240
        each = await read(client, world, "latency", **asked, resolution=resolution, per_location="true")
        assert [(s["location"], s["points"][0]["total"]["p50"]) for s in each["series"]] == [
            ("default", 100),
            ("paris", 300),
        ]


@pytest.mark.capability("P16")
async def test_regularity_is_proved_day_by_day(world: Measured, client: httpx.AsyncClient) -> None:
    """Checks that nobody made count as unrecorded: nothing is known of their time."""
    kinds: dict[int, Found | None] = {5: (Outcome.MISSED, None, 0), 6: (Outcome.BLOCKED, None, 9), 7: None}
    await world.check(NINE, NINE + 14 * HOUR, lambda number: kinds.get(number, WENT_WELL))
    world.clock.set(NINE + 16 * HOUR)
    for rolled_up in (False, True):
        if rolled_up:
            await world.roll_up()
        found = await read(client, world, "coverage")
        assert [day["day"] for day in found["days"]] == ["2026-06-08", "2026-06-09"]
        first, second = found["days"]
        assert (first["expected"], first["executed"], first["missed"], first["blocked"]) == (1800, 1677, 1, 1)
        assert first["unrecorded"] == 121 and first["percent"] == "93.166"
        assert (second["expected"], second["executed"], second["percent"]) == (120, 0, "0.000")
        assert found["total"]["expected"] == 1920 and found["total"]["executed"] == 1677


async def test_the_hour_that_goes_on_is_part_of_the_figures(world: Measured, client: httpx.AsyncClient) -> None:
    await world.check(NINE, NINE + HOUR / 2)
    world.clock.set(NINE + HOUR / 2)
    (day,) = (await read(client, world, "coverage"))["days"]
    assert (day["expected"], day["executed"], day["percent"]) == (60, 60, "100.000")
    found = await read(client, world, "latency", resolution="P1D")
    assert found["series"][0]["points"][0]["count"] == 60


async def test_nothing_measured_is_an_empty_answer(world: Measured, client: httpx.AsyncClient) -> None:
    assert (await read(client, world, "latency"))["series"] == []
    found = await read(client, world, "coverage")
    assert found["days"] == [] and found["total"]["percent"] is None


async def test_failing_checks_are_listed_with_their_evidence_whether_they_confirmed_or_not(
    world: Measured, client: httpx.AsyncClient
) -> None:
    monitor = await world.monitor()
    bad = Failure(Reason.HTTP_STATUS, "The site answered with status 503.", EVIDENCE)
    seconds = {0: None, 30: bad, 60: None, 90: bad, 95: bad, 100: bad, 120: None, 150: bad, 160: None}
    checks = []
    for slot, (second, failure) in enumerate(seconds.items()):
        at = NINE + timedelta(seconds=second)
        outcome = Outcome.BAD if failure else Outcome.GOOD
        checks.append((monitor.subject.monitor_id, Check("default", slot, 0, at, at, at, outcome, failure)))
    async with world.runtime.units.for_every_tenant() as unit:
        await record_checks(checks, SqlMonitors(unit.session), EventAnnouncer(unit), running_since=unit.now)
    found = (await read(client, world, "failures"))["data"]
    assert [(run["began_at"], run["outage_id"] is not None, run["location"]) for run in found] == [
        ("2026-06-08T09:02:30Z", False, "default"),
        ("2026-06-08T09:01:30Z", True, None),
        ("2026-06-08T09:00:30Z", False, "default"),
    ]
    assert found[1]["failures"][0]["evidence"]["status_code"] == 503
    page = await read(client, world, "failures", limit=2)
    rest = await read(client, world, "failures", limit=2, cursor=page["next_cursor"])
    assert page["data"] + rest["data"] == found
    part = await read(client, world, "failures", since=NINE + MINUTE, until=NINE + 2 * MINUTE)
    assert [run["began_at"] for run in part["data"]] == ["2026-06-08T09:01:30Z"]


BAD_INPUT = (
    ("latency?resolution=PT2M", 422),
    ("latency?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("latency?from=yesterday", 422),
    ("latency?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
    ("latency?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&resolution=PT1M", 422),
    ("latency?from=9999-12-31T23:59:59Z&resolution=raw", 200),
    ("latency?to=0001-01-01T00:00:00Z&resolution=P1M", 200),
    ("coverage?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
    ("coverage?to=0001-01-01T00:00:00Z", 200),
    ("coverage?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("failures?cursor=AAAA", 400),
    ("failures?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("results.csv?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("results.csv?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
)


@pytest.mark.parametrize(("path", "status"), BAD_INPUT)
async def test_bad_input_is_a_problem_document(
    world: Measured, client: httpx.AsyncClient, path: str, status: int
) -> None:
    world.clock.set(NINE + timedelta(days=3))
    answer = await client.get(f"/v1/monitors/{(await world.monitor()).subject.monitor_id}/{path}")
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_too_many_checks_are_refused_with_what_to_do(world: Measured, client: httpx.AsyncClient) -> None:
    await world.check(NINE, NINE + 10 * HOUR)
    world.clock.set(NINE + 10 * HOUR)
    monitor = (await world.monitor()).subject.monitor_id
    answer = await client.get(f"/v1/monitors/{monitor}/latency?resolution=raw&from=2026-06-08T09:00:00Z")
    assert answer.status_code == 422 and "shorter period" in answer.json()["detail"]
    assert (await client.get(f"/v1/monitors/{monitor}/latency")).status_code == 200


async def test_single_checks_that_are_gone_are_refused_with_what_to_do(
    world: Measured, client: httpx.AsyncClient
) -> None:
    await world.check(NINE, NINE + HOUR)
    world.clock.set(NINE + timedelta(days=50))
    await KeepPartitions(world.runtime.units, 35, 25)()
    async with world.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(text("select probes.ensure_result_partition(20620)"))
    monitor = (await world.monitor()).subject.monitor_id
    path = f"/v1/monitors/{monitor}/latency?from=2026-06-08T09:00:00Z&to=2026-06-08T10:00:00Z"
    answer = await client.get(f"{path}&resolution=PT5M")
    assert answer.status_code == 422 and "Ask for a later period" in answer.json()["detail"]
    assert (await client.get(path)).json()["resolution"] == "PT1H"


async def test_another_tenant_sees_no_figures(world: Measured, client: httpx.AsyncClient, tokens: TokenMint) -> None:
    await world.check(NINE, NINE + HOUR)
    monitor = (await world.monitor()).subject.monitor_id
    stranger = tokens.headers(role="viewer", tenant_id=uuid4())
    for what in ("latency", "coverage", "failures", "results.csv"):
        answer = await client.get(f"/v1/monitors/{monitor}/{what}", headers=stranger)
        assert answer.status_code == 404, what
