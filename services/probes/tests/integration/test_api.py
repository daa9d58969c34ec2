"""The API over a real database: what it shows, to whom, and what it refuses."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of
from probes.application.provisioning import bring_up_to_date
from probes.application.recording import record_checks
from probes.domain.states import Check, Failure, Outcome, Reason
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime

from ..keys import SERVICE_KEY
from .conftest import Contract, contract

FAILED = Failure(
    Reason.HTTP_STATUS,
    "The site answered with status 503.",
    {
        "checked_at": "2026-06-08T09:00:31Z",
        "url": "https://example.org/",
        "status_code": 503,
        "addresses": ["192.0.2.1"],
        "refused_addresses": [],
        "timings_ms": {"total": 12.5},
        "headers": {"server": "nginx"},
        "body_excerpt": "gone",
    },
)


class World:
    """Two agencies with a monitor each; the first has had an outage and has a second client."""

    def __init__(self, runtime: Runtime, clock: FixedClock) -> None:
        self.runtime = runtime
        self.clock = clock
        self.ours = contract("https://example.org/")
        self.colleague = contract("https://example.net/", self.ours.tenant_id)
        self.theirs = contract("https://example.com/")

    async def prepare(self) -> None:
        for given in (self.ours, self.colleague, self.theirs):
            await self.activate(given)
        start = self.clock.now()
        seconds = {1: True, 31: False, 36: False, 41: False, 61: True, 91: False, 96: True}
        await self.check(self.ours, [(start + timedelta(seconds=at), good) for at, good in seconds.items()])
        self.clock.set(start + timedelta(seconds=100))

    async def activate(self, given: Contract) -> None:
        state = ContractState.model_validate(
            given.state(
                monitoring={"interval_seconds": 30, "rechecks": 2, "recheck_spacing_seconds": 5},
                effective_from=self.clock.now().isoformat(),
            )
        )
        async with self.runtime.units.for_tenant(given.tenant_id) as unit:
            versions = SqlContractVersions(unit.session)
            await versions.keep(given.tenant_id, state, unit.now)
            await bring_up_to_date(
                given.contract_id,
                versions,
                SqlLocations(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                unit.now,
            )

    async def check(self, given: Contract, found: list[tuple[Any, bool]]) -> None:
        async with self.runtime.units.for_every_tenant() as unit:
            monitors = SqlMonitors(unit.session)
            (monitor,) = (await monitors.of_contract(given.contract_id)).values()
            checks = [
                Check("default", slot, 0, at, at, at, Outcome.GOOD if good else Outcome.BAD, None if good else FAILED)
                for slot, (at, good) in enumerate(found)
            ]
            await record_checks(
                [(monitor.subject.monitor_id, check) for check in checks],
                monitors,
                EventAnnouncer(unit),
                running_since=unit.now,
            )
            await Partitions().ensure(unit.session, {day_of(at) for at, _ in found})
            location = (await SqlLocations(unit.session).numbers())["default"]
            rows = [
                StoredResult(
                    monitor.number,
                    location,
                    check.slot,
                    0,
                    check.started_at,
                    check.outcome,
                    check.failure.reason if check.failure else None,
                    200 if check.failure is None else 503,
                    100,
                    200,
                    300,
                    400,
                    1000,
                )
                for check in checks
            ]
            await copy_results(unit.session, rows)


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[World]:
    settings = ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY)
    runtime = build_runtime(settings, SERVICE.registry, clock)
    made = World(runtime, clock)
    await made.prepare()
    yield made
    await runtime.close()


@pytest.fixture
async def client(world: World, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(role="viewer", tenant_id=world.ours.tenant_id)) as opened:
        yield opened


async def monitor_id(client: httpx.AsyncClient, given: Contract) -> UUID:
    answer = await client.get("/v1/monitors", params={"contract_id": str(given.contract_id)})
    (found,) = answer.json()["data"]
    return UUID(found["monitor_id"])


async def test_a_monitor_shows_what_is_watched_and_how_it_stands(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.get("/v1/monitors")
    assert answer.status_code == 200
    assert {found["url"] for found in answer.json()["data"]} == {"https://example.org/", "https://example.net/"}
    one = await client.get(f"/v1/monitors/{await monitor_id(client, world.ours)}")
    assert one.headers["ETag"] == '"1"'
    body = one.json()
    assert body["state"] == "up" and body["since"] == "2026-06-08T09:01:01Z" and body["outage_id"] is None
    assert body["cadence"]["interval_seconds"] == 30 and body["name"] == "Bellevue – production"
    assert [(entry["contract_version"], entry["effective_from"]) for entry in body["history"]] == [
        (1, "2026-06-08T09:00:00Z")
    ]
    (location,) = body["locations"]
    assert location["verdict"] == "up" and location["suspicion"] is None
    assert location["last_checked_at"] == "2026-06-08T09:01:36Z"


async def test_monitors_are_filtered(client: httpx.AsyncClient, world: World) -> None:
    async def count(**params: str) -> int:
        answer = await client.get("/v1/monitors", params=params)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["data"])

    assert await count(state="up") == 1 and await count(state="unknown") == 1 and await count(state="down") == 0
    assert await count(client_id=str(world.ours.client_id)) == 1
    assert await count(environment_id=str(world.ours.environment_id)) == 1
    assert await count(site_id=str(uuid4())) == 0


@pytest.mark.capability("P08")
async def test_every_check_behind_a_figure_can_be_read_in_pages(client: httpx.AsyncClient, world: World) -> None:
    path: str | None = f"/v1/monitors/{await monitor_id(client, world.ours)}/results?limit=3"
    found = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert [entry["slot"] for entry in found] == [6, 5, 4, 3, 2, 1, 0]
    assert [entry["outcome"] for entry in found] == ["good", "bad", "good", "bad", "bad", "bad", "good"]
    assert found[1] == {
        "started_at": "2026-06-08T09:01:31Z",
        "location": "default",
        "slot": 5,
        "attempt": 0,
        "outcome": "bad",
        "reason": "http_status",
        "status_code": 503,
        "maintenance": False,
        "quarantined": False,
        "timings_ms": {"name_lookup": 0.1, "connect": 0.2, "tls": 0.3, "first_byte": 0.4, "total": 1.0},
    }
    part = await client.get(
        f"/v1/monitors/{await monitor_id(client, world.ours)}/results",
        params={"from": "2026-06-08T09:00:31Z", "to": "2026-06-08T09:00:41Z"},
    )
    assert [entry["slot"] for entry in part.json()["data"]] == [2, 1]


async def test_the_state_line_and_the_blips_can_be_read(client: httpx.AsyncClient, world: World) -> None:
    monitor = await monitor_id(client, world.ours)
    line = (await client.get(f"/v1/monitors/{monitor}/states")).json()["data"]
    assert [(entry["state"], entry["started_at"], entry["ended_at"]) for entry in line] == [
        ("up", "2026-06-08T09:01:01Z", None),
        ("down", "2026-06-08T09:00:31Z", "2026-06-08T09:01:01Z"),
        ("up", "2026-06-08T09:00:01Z", "2026-06-08T09:00:31Z"),
        ("unknown", "2026-06-08T09:00:00Z", "2026-06-08T09:00:01Z"),
    ]
    period = {"from": "2026-06-08T09:00:31Z", "to": "2026-06-08T09:01:01Z"}
    part = (await client.get(f"/v1/monitors/{monitor}/states", params=period)).json()["data"]
    assert [entry["state"] for entry in part] == ["down"]
    (blip,) = (await client.get(f"/v1/monitors/{monitor}/blips")).json()["data"]
    assert (blip["first_at"], blip["ended_at"]) == ("2026-06-08T09:01:31Z", "2026-06-08T09:01:36Z")


@pytest.mark.capability("P07")
async def test_an_outage_has_exact_bounds_and_evidence(client: httpx.AsyncClient, world: World) -> None:
    (outage,) = (await client.get("/v1/outages")).json()["data"]
    assert outage["down_since"] == "2026-06-08T09:00:31Z" and outage["ended_at"] == "2026-06-08T09:01:01Z"
    assert outage["down_since_uncertainty_seconds"] == 30 and outage["ended_at_uncertainty_seconds"] == 20
    assert outage["duration_seconds"] == 30 and outage["unknown_seconds"] == 0 and outage["ending"] == "recovered"
    details = (await client.get(f"/v1/outages/{outage['outage_id']}")).json()
    assert len(details["failures"]) == 3
    assert details["failures"][0]["evidence"]["body_excerpt"] == "gone"
    assert details["locations"] == [{"location": "default", "verdict": "down", "failing_since": "2026-06-08T09:00:31Z"}]
    for params, expected in (
        ({"ongoing": "true"}, 0),
        ({"ongoing": "false"}, 1),
        ({"from": "2026-06-08T09:01:01Z"}, 0),
        ({"to": "2026-06-08T09:00:31Z"}, 0),
        ({"contract_id": str(world.ours.contract_id)}, 1),
        ({"monitor_id": str(uuid4())}, 0),
    ):
        assert len((await client.get("/v1/outages", params=params)).json()["data"]) == expected, params


async def test_an_agency_sees_nothing_of_another(client: httpx.AsyncClient, world: World, tokens: TokenMint) -> None:
    monitor = await monitor_id(client, world.ours)
    (outage,) = (await client.get("/v1/outages")).json()["data"]
    stranger = tokens.headers(tenant_id=world.theirs.tenant_id)
    assert [m["url"] for m in (await client.get("/v1/monitors", headers=stranger)).json()["data"]] == [
        "https://example.com/"
    ]
    assert (await client.get("/v1/outages", headers=stranger)).json()["data"] == []
    for path in (
        f"/v1/monitors/{monitor}",
        f"/v1/monitors/{monitor}/results",
        f"/v1/monitors/{monitor}/states",
        f"/v1/monitors/{monitor}/blips",
        f"/v1/outages/{outage['outage_id']}",
    ):
        assert (await client.get(path, headers=stranger)).status_code == 404, path


async def test_a_client_sees_its_own_monitors_only(client: httpx.AsyncClient, world: World, tokens: TokenMint) -> None:
    monitor = await monitor_id(client, world.ours)
    bound = tokens.headers(role="client_staff", tenant_id=world.ours.tenant_id, client_id=world.colleague.client_id)
    assert [m["url"] for m in (await client.get("/v1/monitors", headers=bound)).json()["data"]] == [
        "https://example.net/"
    ]
    assert (await client.get("/v1/outages", headers=bound)).json()["data"] == []
    assert (await client.get(f"/v1/monitors/{monitor}", headers=bound)).status_code == 404


BAD_INPUT = (
    ("/v1/monitors/not-an-id", 422),
    ("/v1/monitors?state=sleepy", 422),
    ("/v1/monitors?cursor=AAAA", 400),
    ("/v1/monitors?limit=0", 422),
    ("/v1/monitors/{monitor}/results?from=2026-06-08T09:00:00", 422),
    ("/v1/monitors/{monitor}/results?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("/v1/monitors/{monitor}/results?cursor=AAAA", 400),
    ("/v1/monitors/{monitor}/results?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
    ("/v1/monitors/{monitor}/results?from=9999-12-31T23:59:59Z", 200),
    ("/v1/monitors/{monitor}/results?to=0001-01-01T00:00:00Z", 200),
    ("/v1/outages?from=2026-06-09T00:00:00Z&to=2026-06-09T00:00:00Z", 422),
    ("/v1/outages/00000000-0000-0000-0000-000000000000", 404),
)


async def test_bad_input_is_a_problem_document_and_never_a_500(client: httpx.AsyncClient, world: World) -> None:
    monitor = await monitor_id(client, world.ours)
    for path, status in BAD_INPUT:
        answer = await client.get(path.format(monitor=monitor))
        assert answer.status_code == status, (path, answer.text)
        if status >= 400:
            assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_runner_may_not_read(client: httpx.AsyncClient, world: World, tokens: TokenMint) -> None:
    headers = tokens.headers(role="runner", tenant_id=world.ours.tenant_id)
    assert (await client.get("/v1/monitors", headers=headers)).status_code == 403
    assert (await client.get("/v1/monitors", headers={"Authorization": "Bearer x"})).status_code == 401
