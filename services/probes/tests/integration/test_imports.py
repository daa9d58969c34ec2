"""An export of Uptime Kuma: what it would become, what it becomes, and its past."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from probes.adapters.check_secrets import CheckSecrets, secrets_of
from probes.adapters.rollups import kept_figures
from probes.adapters.tables import MonitorRow
from probes.application.checks.secrets import HIDDEN
from probes.domain.rollup import NOTHING, hour_of
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import contract
from .reporting_world import Reporting

EXPORT = json.loads((Path(__file__).parents[1] / "data" / "uptime_kuma_backup.json").read_text())
EVERY_30_S = {"interval_seconds": 30, "timeout_seconds": 10, "rechecks": 2, "recheck_spacing_seconds": 5}
PATH = "/v1/imports/uptime-kuma"


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Reporting]:
    """On 8 June 2026 at 9:00: a contract that has nothing but its shop checked, every 30 seconds."""
    settings = ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY)
    runtime = build_runtime(settings, SERVICE.registry, clock)
    made = Reporting(runtime, clock, contract("https://shop.hotel.example/"))
    await made.follow(made.given, monitoring=EVERY_30_S)
    yield made
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(role="operator", tenant_id=world.given.tenant_id)) as opened:
        yield opened


def body(world: Reporting, **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": str(world.given.contract_id),
        "environment_id": str(world.given.environment_id),
        "backup": EXPORT,
    } | changes


async def imported(client: httpx.AsyncClient, world: Reporting, **changes: Any) -> dict[int, Any]:
    answer = await client.post(PATH, json=body(world, **changes))
    assert answer.status_code == 200, answer.text
    assert "pa55word" not in answer.text
    return {entry["monitor"]: entry for entry in answer.json()["entries"]}


async def test_a_dry_run_says_what_would_be_made_and_makes_nothing(client: httpx.AsyncClient, world: Reporting) -> None:
    answer = await client.post(PATH, json=body(world))
    assert answer.json()["dry_run"] is True and answer.json()["notifications_left_out"] == 1
    found = {entry["monitor"]: entry for entry in answer.json()["entries"]}
    assert [found[number]["outcome"] for number in range(1, 13)] == ["new"] * 7 + ["refused"] * 5
    assert found[1]["configuration"] == {
        "kind": "http",
        "url": "https://hotel.example/",
        "accepted_status": [{"lowest": 200, "highest": 299}, {"lowest": 401, "highest": 401}],
        "follow_redirects": False,
        "authentication": {"type": "basic", "username": "status", "password": HIDDEN},
    }
    assert found[2]["configuration"]["assertions"] == [{"type": "keyword", "text": "Disponibilités"}]
    assert found[2]["configuration"]["headers"] == {"Accept-Language": "fr"}
    assert len(found[2]["notes"]) == 2 and "30 seconds" in found[2]["notes"][0]
    assert found[3]["configuration"]["assertions"] == [
        {"type": "json_path", "path": "$.status.database", "condition": "equals", "value": "ok"}
    ]
    assert found[4]["configuration"] == {"kind": "tcp", "host": "db.hotel.example", "port": 5432}
    assert found[5]["configuration"] == {"kind": "icmp", "host": "[2001:db8::1]"}
    assert found[6]["configuration"]["record_type"] == "MX" and found[6]["configuration"]["resolver"] == "9.9.9.9"
    assert found[7]["configuration"]["every_seconds"] == 86_400 and "new address" in found[7]["notes"][0]
    why = [found[number]["detail"] for number in range(8, 13)]
    words = ["mqtt", "upside down", "paused", "JSONata", "is not an http or https address that can be asked for"]
    assert all(word in detail for word, detail in zip(words, why, strict=True)), why
    assert found[1]["past_checks"] == 13 and found[1]["monitor_id"] is None
    assert (await client.get("/v1/monitors", params={"source": "added"})).json()["data"] == []
    assert await world.rows("select * from probes.rollup") == []


async def test_an_export_becomes_monitors_once_however_often_it_is_sent(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    first = await imported(client, world, dry_run=False)
    assert [entry["outcome"] for entry in first.values()].count("new") == 7
    monitors = (await client.get("/v1/monitors", params={"source": "added"})).json()["data"]
    assert {monitor["name"] for monitor in monitors} == {first[number]["name"] for number in range(1, 8)}
    home = next(monitor for monitor in monitors if monitor["monitor_id"] == first[1]["monitor_id"])
    assert home["cadence"] == {
        "interval_seconds": 60,
        "timeout_seconds": 24,
        "rechecks": 2,
        "recheck_spacing_seconds": 20,
        "recoveries": 1,
    }
    again = await imported(client, world, dry_run=False)
    assert [again[number]["outcome"] for number in range(1, 8)] == ["exists"] * 7
    assert again[1]["monitor_id"] == first[1]["monitor_id"] and again[1]["past_checks"] == 0
    assert len((await client.get("/v1/monitors", params={"source": "added"})).json()["data"]) == 7


async def stored_as_before(world: Reporting, *, key: SecretStr | None = None) -> None:
    """What lies in the database in clear, as a release before this one wrote it; with a key, sealed with that one."""
    async with world.runtime.units.for_every_tenant() as unit:
        for row in await unit.session.scalars(select(MonitorRow)):
            opened = secrets_of(unit.session).opened(row.configuration)
            row.configuration = opened if key is None else CheckSecrets(key).closed(opened)


async def test_an_export_that_is_sent_again_before_old_monitors_are_sealed_adds_none_a_second_time(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    first = await imported(client, world, dry_run=False)
    await stored_as_before(world)
    assert await world.rows("select 1 from probes.monitor where configuration ? 'sealed'") == []
    again = await imported(client, world, dry_run=False)
    assert [again[number]["outcome"] for number in range(1, 8)] == ["exists"] * 7
    assert again[1]["monitor_id"] == first[1]["monitor_id"]
    assert len((await client.get("/v1/monitors", params={"source": "added"})).json()["data"]) == 7


async def test_nor_before_what_an_older_release_hid_less_of_is_sealed_anew(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    headers = {"X-Visitor": "guest", "X-Token": "s3cret-word"}
    entry = {"id": 1, "name": "Boutique", "type": "http", "url": "https://shop.example/", "interval": 60}
    export = {"version": "1.23.16", "monitorList": [entry | {"headers": json.dumps(headers)}]}
    assert (await imported(client, world, dry_run=False, backup=export))[1]["outcome"] == "new"
    async with world.runtime.units.for_every_tenant() as unit:
        (row,) = await unit.session.scalars(select(MonitorRow).where(MonitorRow.url == "https://shop.example/"))
        row.configuration = {**row.configuration, "headers": {"X-Visitor": "guest", "X-Token": HIDDEN}}
    assert (await imported(client, world, dry_run=False, backup=export))[1]["outcome"] == "exists"


async def test_nothing_is_imported_beside_a_monitor_that_may_be_the_same_and_cannot_be_opened(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    await imported(client, world, dry_run=False)
    await stored_as_before(world, key=SecretStr("x" * 40))
    answer = await client.post(PATH, json=body(world, dry_run=False))
    assert answer.status_code == 503 and "PROBES_PREVIOUS_SECRET_KEY" in answer.json()["detail"]
    assert len((await client.get("/v1/monitors", params={"source": "added"})).json()["data"]) == 7


async def test_the_past_becomes_rollups_and_results_of_a_place_of_its_own(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    found = await imported(client, world, dry_run=False)
    assert found[1]["past_checks"] == 13
    where = f"/v1/monitors/{found[1]['monitor_id']}"
    day = {"from": "2026-06-07T00:00:00Z", "to": "2026-06-08T00:00:00Z"}
    results = (await client.get(f"{where}/results", params=day)).json()["data"]
    assert [result["outcome"] for result in results].count("bad") == 2 and len(results) == 11
    assert {result["location"] for result in results} == {"imported"}
    assert results[-1]["started_at"] == "2026-06-07T06:00:00.123Z" and results[-1]["timings_ms"]["total"] == 86
    (number,) = (
        row["number"] for row in await world.rows("select * from probes.monitor where name = 'Hotel – accueil'")
    )
    first, end = hour_of(datetime(2026, 1, 1, tzinfo=UTC)), hour_of(world.clock.now()) + 1
    async with world.runtime.units.for_every_tenant() as unit:
        hours = await kept_figures(unit.session, [number], first, end)
    total = sum(hours.values(), NOTHING)
    assert len(hours) == 3 and total.outcomes == {"good": 10, "reported": 3} and total.expected == 0
    assert total.durations.total.count == 10
    line = (await client.get(f"{where}/states")).json()["data"]
    assert [stretch["state"] for stretch in line] == ["unknown"]


async def test_entries_go_where_the_caller_says(client: httpx.AsyncClient, world: Reporting) -> None:
    staging = uuid4()
    state = world.given.state(2, monitoring=EVERY_30_S)
    (site,) = state["sites"]
    site["environments"].append(
        {"environment_id": str(staging), "name": "staging", "url": None, "counts_for_sla": False}
    )
    await world.follow(world.given, 2, monitoring=EVERY_30_S, sites=[site])
    found = await imported(client, world, dry_run=False, environments=[{"monitor": 4, "environment_id": str(staging)}])
    assert found[4]["environment_id"] == str(staging) and found[1]["environment_id"] != str(staging)
    (monitor,) = (await client.get("/v1/monitors", params={"environment_id": str(staging)})).json()["data"]
    assert monitor["monitor_id"] == found[4]["monitor_id"]


async def test_the_objects_of_version_2_are_read_like_the_lists_of_version_1(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    backup = {"monitorList": {str(entry["id"]): entry for entry in EXPORT["monitorList"]}}
    assert len(await imported(client, world, backup=backup)) == 12


def changed_entry(number: int, **changes: Any) -> dict[str, Any]:
    entries = [dict(entry) for entry in EXPORT["monitorList"]]
    entries[number] |= changes
    return {"backup": {"monitorList": entries}}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"backup": {}}, "#/backup/monitorList"),
        ({"backup": {"monitorList": 5}}, "#/backup/monitorList"),
        (changed_entry(3, name=None), "#/backup/monitorList/3/name"),
        (changed_entry(2, interval="soon"), "#/backup/monitorList/2/interval"),
        (changed_entry(1, id=1), "#/backup/monitorList"),
        (
            {"backup": {"monitorList": [], "heartbeatList": {"1": [{"status": 1, "time": "yesterday"}]}}},
            "#/backup/heartbeatList/1/0/time",
        ),
        (
            {"backup": {"monitorList": [], "heartbeatList": {"1": [{"status": 7, "time": "2026-06-07 06:00:00"}]}}},
            "#/backup/heartbeatList/1/0/status",
        ),
        ({"contract_id": str(uuid4())}, "#/contract_id"),
        ({"environment_id": str(uuid4())}, "#/environment_id"),
        ({"environments": [{"monitor": 1, "environment_id": str(uuid4())}]}, "#/environments/0/environment_id"),
        ({"surprise": 1}, "#/surprise"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_export_is_refused_where_it_is_wrong(
    client: httpx.AsyncClient, world: Reporting, changes: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(PATH, json=body(world, dry_run=False) | changes)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert (await client.get("/v1/monitors", params={"source": "added"})).json()["data"] == []


async def test_a_mapping_of_nothing_is_a_mistake(client: httpx.AsyncClient, world: Reporting) -> None:
    mapping = [{"monitor": 99, "environment_id": str(world.given.environment_id)}]
    answer = await client.post(PATH, json=body(world, environments=mapping))
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/environments/0/monitor"]


async def test_an_export_that_is_too_large_is_refused(client: httpx.AsyncClient, world: Reporting) -> None:
    answer = await client.post(PATH, json=body(world, backup={"monitorList": [], "padding": "x" * 2**20}))
    assert answer.status_code == 413
