"""While the key to the secrets of checks is missing nothing is lost: what cannot be opened stays sealed, or waits."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from probes.adapters.check_secrets import secrets_of
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.application.checks.secrets import HIDDEN, SEALED
from probes.jobs import housekeeping
from probes.jobs.housekeeping import FollowContracts
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.secret_box import Unreadable
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from .conftest import Contract, contract
from .reporting_world import Reporting

OLD, NEW = SecretStr("o" * 40), SecretStr("n" * 40)
TOKEN = {"X-Token": "s3cret-word"}
MONITORS = "/v1/monitors"
EVERY_30_S = {"interval_seconds": 30, "timeout_seconds": 10, "rechecks": 2, "recheck_spacing_seconds": 5}
EVERY_60_S = EVERY_30_S | {"interval_seconds": 60}
Knowing = Callable[..., AbstractAsyncContextManager[tuple[Reporting, httpx.AsyncClient]]]


@pytest.fixture
async def knowing(
    service_database: Callable[[str], DatabaseUrls], clock: FixedClock, tokens: TokenMint, api_client: ApiClient
) -> AsyncIterator[Knowing]:
    """The service and its API with these keys, over one database and one contract."""
    database, given = service_database("probes"), contract("https://hotel.example/")

    @asynccontextmanager
    async def started(key: SecretStr, previous: SecretStr | None = None) -> AsyncIterator[Any]:
        settings = ProbesSettings(database_url=SecretStr(database.app), secret_key=key, previous_secret_key=previous)
        runtime = build_runtime(settings, SERVICE.registry, clock)
        app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
        async with api_client(app, tokens.mint(role="operator", tenant_id=given.tenant_id)) as client:
            yield Reporting(runtime, clock, given), client
        await runtime.close()

    yield started


async def made_by_the_contract(client: httpx.AsyncClient) -> Any:
    (found,) = (await client.get(MONITORS, params={"source": "contract"})).json()["data"]
    return found


async def changed(client: httpx.AsyncClient, monitor_id: str, patch: dict[str, Any]) -> httpx.Response:
    read = await client.get(f"{MONITORS}/{monitor_id}")
    return await client.patch(f"{MONITORS}/{monitor_id}", json=patch, headers={"If-Match": read.headers["ETag"]})


async def with_a_token(world: Reporting, client: httpx.AsyncClient) -> str:
    """A monitor of the contract that somebody has given a name and a token."""
    await world.follow(world.given, monitoring=EVERY_30_S)
    monitor_id = str((await made_by_the_contract(client))["monitor_id"])
    answer = await changed(client, monitor_id, {"name": "Accueil", "configuration": {"headers": TOKEN}})
    assert answer.status_code == 200, answer.text
    return monitor_id


async def stored(world: Reporting) -> list[dict[str, Any]]:
    """What lies in the database of monitors, sealed as it is."""
    columns = "monitor_id, name, url, configuration, adjustments, interval_seconds, parent_id, state"
    return [dict(row) for row in await world.rows(f"select {columns} from probes.monitor order by number")]


async def checked_with(world: Reporting) -> list[Any]:
    """The headers of the checks, opened."""
    async with world.runtime.units.for_every_tenant() as unit:
        secrets = secrets_of(unit.session)
    return [secrets.opened(row["configuration"]).get("headers") for row in await stored(world)]


async def heard(world: Reporting, given: Contract, version: int) -> None:
    """A version of a contract is known and has come into effect, and nobody has followed it."""
    told = given.state(version, effective_from=world.clock.now().isoformat(), monitoring=EVERY_30_S)
    async with world.runtime.units.for_tenant(given.tenant_id) as unit:
        await SqlContractVersions(unit.session).keep(given.tenant_id, ContractState.model_validate(told), unit.now)


async def test_an_amendment_of_the_pace_holds_at_once_and_leaves_what_is_sealed_as_it_is(knowing: Knowing) -> None:
    async with knowing(OLD) as (world, client):
        await with_a_token(world, client)
        (before,) = await stored(world)
    async with knowing(NEW) as (world, _):
        await world.follow(world.given, 2, monitoring=EVERY_60_S)
        assert await stored(world) == [before | {"interval_seconds": 60}]
        await world.follow(world.given, 3, status="terminated", monitoring=EVERY_60_S)
        assert await stored(world) == [before | {"interval_seconds": 60, "state": "paused"}]
    async with knowing(NEW, OLD) as (world, _):
        await world.follow(world.given, 4, monitoring=EVERY_30_S)
        assert await checked_with(world) == [TOKEN]


async def test_an_amendment_of_the_address_waits_for_the_key_and_holds_as_soon_as_it_is_there(knowing: Knowing) -> None:
    async with knowing(OLD) as (world, client):
        await with_a_token(world, client)
        before = await stored(world)
    async with knowing(NEW) as (world, _):
        moved = replace(world, given=replace(world.given, url="https://new.hotel.example/"))
        with pytest.raises(Unreadable, match="give PROBES_PREVIOUS_SECRET_KEY back"):
            await moved.follow(moved.given, 2, monitoring=EVERY_30_S)
        assert await stored(world) == before
    async with knowing(NEW, OLD) as (world, _):
        await replace(world, given=moved.given).follow(moved.given, 2, monitoring=EVERY_30_S)
        assert await checked_with(world) == [TOKEN]
        assert [row["url"] for row in await stored(world)] == ["https://new.hotel.example/"]


async def follow_all(world: Reporting) -> None:
    """The job, until it has nothing more to do for now."""
    follow = FollowContracts(world.runtime.units)
    while await follow() == 0.0:
        pass


async def test_versions_that_wait_for_the_key_hold_up_no_other_contract_however_many_they_are(
    knowing: Knowing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "CONTRACTS", 1)
    async with knowing(OLD) as (world, client):
        await with_a_token(world, client)
        other = contract("https://inn.example/", world.given.tenant_id)
        await heard(world, replace(world.given, url="https://new.hotel.example/"), 2)
        await heard(world, other, 1)
    async with knowing(NEW) as (world, client):
        await follow_all(world)
        assert [row["url"] for row in await stored(world)] == ["https://hotel.example/", "https://inn.example/"]
    async with knowing(NEW, OLD) as (world, client):
        await follow_all(world)
        assert sorted(row["url"] for row in await stored(world)) == [
            "https://inn.example/",
            "https://new.hotel.example/",
        ]
        assert TOKEN in await checked_with(world)


async def test_a_change_that_would_drop_what_is_sealed_is_refused_and_says_what_to_do(knowing: Knowing) -> None:
    async with knowing(OLD) as (world, client):
        monitor_id = await with_a_token(world, client)
        before = await stored(world)
    async with knowing(NEW) as (world, client):
        for patch in ({"name": "Réception"}, {"cadence": {"timeout_seconds": 5}}):
            answer = await changed(client, monitor_id, patch)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            assert "PROBES_PREVIOUS_SECRET_KEY" in answer.json()["detail"]
            assert "again in full" in answer.json()["detail"]
        assert (await changed(client, monitor_id, {"configuration": {"headers": {"X-More": "1"}}})).status_code == 422
        assert await stored(world) == before
        # Who gives the secret again needs no key from before, and then everything can be changed.
        answer = await changed(client, monitor_id, {"name": "Réception", "configuration": {"headers": TOKEN}})
        assert answer.status_code == 200, answer.text
        assert await checked_with(world) == [TOKEN] and answer.json()["name"] == "Réception"
        assert (await changed(client, monitor_id, {"name": "Comptoir"})).status_code == 200
        assert await checked_with(world) == [TOKEN]


async def test_what_is_no_part_of_the_check_changes_without_the_key(knowing: Knowing) -> None:
    configuration = {"kind": "http", "url": "https://pay.example/", "headers": TOKEN}
    async with knowing(OLD) as (world, client):
        promised = await with_a_token(world, client)
        place = {"contract_id": str(world.given.contract_id), "environment_id": str(world.given.environment_id)}
        body = place | {"name": "Paiement", "configuration": configuration}
        added = (await client.post(MONITORS, json=body)).json()["monitor_id"]
        before = await stored(world)
    async with knowing(NEW) as (world, client):
        patch = {"name": "Caisse", "cadence": {"interval_seconds": 60}}
        assert (await changed(client, added, patch)).status_code == 200
        answer = await changed(client, promised, {"parent_id": added})
        assert answer.status_code == 200, answer.text
        first, second = await stored(world)
        assert first == before[0] | {"parent_id": second["monitor_id"]}
        assert second == before[1] | {"name": "Caisse", "interval_seconds": 60}
        assert second["configuration"]["headers"] == {"X-Token": HIDDEN} and SEALED in second["configuration"]
