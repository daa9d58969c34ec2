"""Heartbeats over a real database: reports over HTTP, time that passes, and what is said about it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from probes.application.adding_monitors import NotCovered, NotInForce
from probes.application.checks.reported import HeartbeatReports
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import Contract, Service, contract, eventually
from .reporting_world import Reporting, address_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NIGHTLY = HeartbeatReports(cron="0 2 * * *", time_zone="Europe/Paris", grace_seconds=7200)
DAILY_BACKUP = HeartbeatReports(
    every_seconds=86_400, grace_seconds=7200, min_size_bytes=1_000_000, max_shrink_percent=20, max_age_seconds=3600
)


@pytest.fixture
def database(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("probes")


@pytest.fixture
async def world(database: DatabaseUrls, clock: FixedClock) -> AsyncIterator[Reporting]:
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY), SERVICE.registry, clock
    )
    yield await Reporting.begin(runtime, clock)
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    lifetime = timedelta(days=400)
    token = tokens.mint(tenant_id=world.given.tenant_id, lifetime=lifetime)
    async with api_client(app, token) as opened:
        yield opened


async def stands(client: httpx.AsyncClient, monitor_id: object) -> str:
    answer = await client.get(f"/v1/heartbeats/{monitor_id}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["standing"])


async def names(world: Reporting) -> list[str]:
    return [name for name, _ in await world.events()]


@pytest.mark.capability("P11", "P12")
async def test_without_a_backup_for_26_hours_there_is_an_outage_and_an_event(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    backup = await world.add(DAILY_BACKUP)
    address = await address_of(client, backup)
    await world.pass_time(MINUTE)
    ok = {"size_bytes": 5_000_000, "age_seconds": 60, "message": "12 databases"}
    assert (await client.post(address, json=ok)).status_code == 200
    await world.pass_time(timedelta(hours=24) + MINUTE)
    assert await stands(client, backup) == "late"
    assert (await names(world)).count("heartbeat.late") == 1
    await world.pass_time(2 * HOUR)
    assert await stands(client, backup) == "missing"
    told = await world.events()
    assert [name for name, _ in told][-2:] == ["heartbeat.missed", "monitor.down"]
    down, missed = told[-1][1], told[-2][1]
    assert down["reason"] == "missing" and down["down_since"] == "2026-06-09T09:01:00Z"
    assert down["confirmed_at"] == "2026-06-09T11:01:00Z" and down["down_since_uncertainty_seconds"] == 0
    assert missed["last_success_at"] == "2026-06-08T09:01:00Z" and missed["name"] == "Sauvegarde nocturne"
    assert (await client.post(address, json=ok)).status_code == 200
    await world.pass_time(MINUTE)
    recovered = (await world.events())[-1]
    assert recovered[0] == "monitor.recovered" and recovered[1]["outage_id"] == down["outage_id"]
    (outage,) = (await client.get("/v1/outages")).json()["data"]
    assert outage["ending"] == "recovered" and outage["reason"] == "missing"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"size_bytes": 3_999_999, "age_seconds": 60}, "threshold"),
        ({"size_bytes": 4_000_000, "age_seconds": 3601}, "stale"),
        ({"size_bytes": 4_000_000, "age_seconds": 3600}, None),
        ({"age_seconds": 1}, "threshold"),
    ],
)
async def test_a_backup_that_shrank_or_is_old_is_an_outage(
    world: Reporting, client: httpx.AsyncClient, payload: dict[str, int], reason: str | None
) -> None:
    address = await address_of(client, await world.add(DAILY_BACKUP))
    await client.post(address, json={"size_bytes": 5_000_000, "age_seconds": 60})
    await client.post(address, json=payload)
    await world.pass_time(MINUTE)
    name, data = (await world.events())[-1]
    assert (data.get("reason") if name == "monitor.down" else None) == reason


async def test_a_job_that_fails_says_so_and_one_that_never_ends_is_found(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    monitor = await world.add(HeartbeatReports(every_seconds=3600, grace_seconds=60, max_duration_seconds=600))
    address = await address_of(client, monitor)
    assert (await client.get(f"{address}/start")).status_code == 200
    await world.pass_time(9 * MINUTE)
    assert await stands(client, monitor) == "running"
    await world.pass_time(2 * MINUTE)
    assert await stands(client, monitor) == "failed"
    name, data = (await world.events())[-1]
    assert (name, data["reason"], data["down_since"]) == ("monitor.down", "threshold", "2026-06-08T09:10:00.000001Z")
    await client.post(f"{address}/start")
    await client.post(address)
    await world.pass_time(MINUTE)
    assert await stands(client, monitor) == "on_time"
    assert (await client.post(f"{address}/fail", json={"message": "disk full"})).status_code == 200
    await world.pass_time(MINUTE)
    name, data = (await world.events())[-1]
    assert (name, data["reason"]) == ("monitor.down", "reported") and "disk full" in data["detail"]


async def test_a_nightly_job_is_expected_by_the_wall_clock_through_the_night_with_25_hours(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    world.clock.set(datetime(2026, 10, 24, 12, tzinfo=UTC))
    await world.receive()
    monitor = await world.add(NIGHTLY)
    assert (await client.get(f"/v1/heartbeats/{monitor}")).json()["standing"] == "new"
    await world.look()
    assert (await client.get(f"/v1/heartbeats/{monitor}")).json()["expected_at"] == "2026-10-25T00:00:00Z"
    address = await address_of(client, monitor)
    await world.pass_time(12 * HOUR + 5 * MINUTE)
    await client.post(address)
    await world.pass_time(MINUTE)
    assert (await client.get(f"/v1/heartbeats/{monitor}")).json()["expected_at"] == "2026-10-26T01:00:00Z"


async def test_after_an_hour_of_standstill_of_our_worker_nothing_is_missed_and_nothing_differs(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    every = HeartbeatReports(every_seconds=600, grace_seconds=60)
    monitor = await world.add(every)
    address = await address_of(client, monitor)
    start = world.clock.now()
    for minutes in (5, 12, 40):
        world.clock.set(start + minutes * MINUTE)
        await world.receive()
        await client.post(address)
    world.clock.set(start + 40 * MINUTE)
    async with world.runtime.units.for_every_tenant() as unit:
        from sqlalchemy import text

        await unit.session.execute(text("delete from probes.receiving"))
        await unit.session.execute(
            text("insert into probes.receiving values (:start, :now)"), {"start": start, "now": unit.now}
        )
    await world.pass_time(25 * MINUTE)
    line = await world.rows(
        "select state, started_at from probes.stretch where monitor_id = :id order by started_at", id=monitor
    )
    assert [(row["state"], (row["started_at"] - start) // MINUTE) for row in line] == [
        ("unknown", 0),
        ("up", 5),
        ("down", 22),
        ("up", 40),
        ("down", 50),
    ]


async def test_what_could_not_be_reported_because_we_were_away_is_unknown(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    monitor = await world.add(HeartbeatReports(every_seconds=3600, grace_seconds=300))
    address = await address_of(client, monitor)
    await client.post(address)
    await world.pass_time(50 * MINUTE)
    await world.pass_time(30 * MINUTE, receiving=False)
    assert await stands(client, monitor) == "unknown"
    name, data = (await world.events())[-1]
    assert (name, data["reason"]) == ("monitor.unknown", "reports_not_received")
    await client.post(address)
    await world.pass_time(MINUTE)
    assert (await world.events())[-1][0] == "monitor.restored"
    await world.pass_time(66 * MINUTE)
    assert (await world.events())[-1][0] == "monitor.down"


async def test_a_suspended_contract_expects_nothing_and_begins_anew(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    monitor = await world.add(HeartbeatReports(every_seconds=3600, grace_seconds=300))
    address = await address_of(client, monitor)
    await client.post(address)
    await world.pass_time(MINUTE)
    await world.follow(world.given, 2, status="suspended")
    await world.pass_time(5 * HOUR)
    assert (await client.post(address)).status_code == 200
    await world.follow(world.given, 3)
    await world.pass_time(30 * MINUTE)
    assert "monitor.down" not in await names(world)
    await world.pass_time(40 * MINUTE)
    name, data = (await world.events())[-1]
    assert name == "monitor.down" and data["down_since"] == "2026-06-08T15:01:00Z"


async def test_an_address_is_replaced_and_unguessable(
    world: Reporting, client: httpx.AsyncClient, database: DatabaseUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = await world.add(NIGHTLY)
    old = await address_of(client, monitor)
    new = await address_of(client, monitor)
    assert (await client.post(old)).status_code == 404 and (await client.post(new)).status_code == 200
    for wrong in ("/v1/pings/x", f"/v1/pings/{'A' * 32}", f"{new}A", "/v1/pings/%2e%2e"):
        answer = await client.post(wrong)
        assert answer.status_code == 404 and answer.headers["content-type"].startswith("application/problem+json")
    token = new.rpartition("/")[2]
    assert token not in "".join(capsys.readouterr())
    with psycopg.connect(database.owner) as connection:
        row = connection.execute("select t::text from probes.report_token t").fetchone()
    assert row is not None and token not in str(row[0])


async def test_bad_reports_are_refused_and_too_many_are_held_back(world: Reporting, client: httpx.AsyncClient) -> None:
    address = await address_of(client, await world.add(NIGHTLY))
    bodies: tuple[Any, ...] = (
        {"size_bytes": -1},
        {"size_bytes": 1.5},
        {"size_bytes": 2**63},
        {"duration_seconds": "1"},
        {"message": "x" * 10_241},
        {"unexpected": 1},
        {"versions": [{"component": "PHP", "version": "8"}]},
        [],
    )
    for body in bodies:
        answer = await client.post(address, json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert (await client.post(address, content=b"{", headers={"content-type": "application/json"})).status_code == 400
    assert (await client.put(address)).status_code == 405
    statuses = [(await client.get(address)).status_code for _ in range(130)]
    assert statuses.count(429) > 0 and set(statuses) == {200, 429}
    assert (await client.get(address)).headers["Retry-After"].isdecimal()


async def test_reports_are_listed_in_pages_and_belong_to_one_agency_and_client(
    world: Reporting, client: httpx.AsyncClient, tokens: TokenMint
) -> None:
    monitor = await world.add(NIGHTLY)
    address = await address_of(client, monitor)
    for size in (1, 2, 3):
        await client.post(address, json={"size_bytes": size, "duration_seconds": 1.5})
    first = await client.get(f"/v1/heartbeats/{monitor}/pings", params={"limit": 2})
    assert [ping["size_bytes"] for ping in first.json()["data"]] == [3, 2]
    rest = await client.get(first.links["next"]["url"])
    assert [ping["size_bytes"] for ping in rest.json()["data"]] == [1]
    assert len((await client.get("/v1/heartbeats", params={"standing": "new"})).json()["data"]) == 1
    assert (await client.get("/v1/heartbeats", params={"standing": "late"})).json()["data"] == []
    stranger = tokens.headers(tenant_id=uuid4())
    colleague = tokens.headers(role="client_staff", tenant_id=world.given.tenant_id, client_id=uuid4())
    for headers in (stranger, colleague):
        assert (await client.get("/v1/heartbeats", headers=headers)).json()["data"] == []
        for path in (f"/v1/heartbeats/{monitor}", f"/v1/heartbeats/{monitor}/pings"):
            assert (await client.get(path, headers=headers)).status_code == 404
    assert (await client.post(f"/v1/monitors/{monitor}/report-address", headers=stranger)).status_code == 404
    assert (await client.post(f"/v1/monitors/{monitor}/report-address", headers=colleague)).status_code == 403


async def test_a_report_cannot_be_changed(database: DatabaseUrls, world: Reporting) -> None:
    with psycopg.connect(database.app, autocommit=True) as connection:
        for statement in ("delete from probes.ping", "update probes.ping set signal = 'fail'", "truncate probes.ping"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


async def test_only_what_a_contract_in_force_covers_is_added(world: Reporting) -> None:
    known: Contract = world.given
    world.given = contract("")
    with pytest.raises(NotInForce):
        await world.add(NIGHTLY)
    world.given = Contract("", known.tenant_id, known.client_id, known.contract_id, uuid4())
    with pytest.raises(NotCovered):
        await world.add(NIGHTLY)


async def test_a_reported_failure_is_an_outage_in_the_running_service(service: Service, api_client: ApiClient) -> None:
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, service.runtime.settings, runtime=service.runtime))
    given = contract("")
    await service.tell(given, "activated", given.state() | {"monitoring": None})
    await eventually(lambda: service.one("select applied_at is not null from probes.contract_version"))
    world = Reporting(service.runtime, FixedClock(datetime.now(UTC)), given)
    monitor = await world.add(NIGHTLY)
    async with api_client(app, tokens.mint(tenant_id=given.tenant_id)) as client:
        address = await address_of(client, monitor)
        assert (await client.post(f"{address}/fail")).status_code == 200
        names = await service.said("unknown", "restored", "down")
        assert names == ["unknown", "restored", "down"]
        assert (await client.post(address)).status_code == 200
        await service.said("recovered")
    # Being heard from is no place that could fall silent: it stays as it is.
    assert await service.one("select array_agg(location) from probes.location_state") == ["heartbeat"]
