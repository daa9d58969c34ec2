"""Monitors that people add, change and remove over the API, and what a contract does to these changes."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr, TypeAdapter

from probes.adapters.check_secrets import check_secrets
from probes.adapters.plan import watched_monitors
from probes.api.models import KindName
from probes.application.checks.kinds import MonitorConfiguration
from probes.application.checks.secrets import HIDDEN
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.database import libpq_url
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import contract
from .reporting_world import Reporting

addresses = import_module("probes.migrations.versions.0005_addresses_without_secrets")
EVERY_30_S = {"interval_seconds": 30, "timeout_seconds": 10, "rechecks": 2, "recheck_spacing_seconds": 5}
PATH = "/v1/monitors"


@pytest.fixture
def database(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("probes")


@pytest.fixture
async def world(database: DatabaseUrls, clock: FixedClock) -> AsyncIterator[Reporting]:
    """A contract that has https://hotel.example/ checked every 30 seconds."""
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY), SERVICE.registry, clock
    )
    made = Reporting(runtime, clock, contract("https://hotel.example/"))
    await made.follow(made.given, monitoring=EVERY_30_S)
    yield made
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(role="operator", tenant_id=world.given.tenant_id)) as opened:
        yield opened


def body(world: Reporting, configuration: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "contract_id": str(world.given.contract_id),
        "environment_id": str(world.given.environment_id),
        "name": "Paiement",
        "configuration": configuration,
        **more,
    }


PAYMENT = {
    "kind": "http",
    "url": "https://payments.example/health",
    "headers": {"Authorization": "Bearer s3cret-word"},
}


async def added(client: httpx.AsyncClient, world: Reporting, configuration: Any = PAYMENT, **more: Any) -> Any:
    answer = await client.post(PATH, json=body(world, configuration, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def made_by_the_contract(client: httpx.AsyncClient) -> Any:
    (found,) = (await client.get(PATH, params={"source": "contract"})).json()["data"]
    return found


async def changed(client: httpx.AsyncClient, monitor_id: str, patch: dict[str, Any]) -> httpx.Response:
    read = await client.get(f"{PATH}/{monitor_id}")
    return await client.patch(f"{PATH}/{monitor_id}", json=patch, headers={"If-Match": read.headers["ETag"]})


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


def test_the_filter_knows_every_kind() -> None:
    schema = TypeAdapter(MonitorConfiguration).json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(get_args(KindName))


async def test_an_added_monitor_is_on_the_schedule_at_once_and_shows_no_secret(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    answer = await client.post(PATH, json=body(world, PAYMENT, third_party=True))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{made['monitor_id']}" and answer.headers["ETag"] == '"1"'
    assert made["source"] == "added" and made["third_party"] and not made["counts_for_sla"]
    assert made["configuration"] == {**PAYMENT, "headers": {"Authorization": HIDDEN}}
    assert made["cadence"] == {**EVERY_30_S, "recoveries": 1}
    listed = (await client.get(PATH, params={"kind": "http", "source": "added"})).json()["data"]
    assert [found["monitor_id"] for found in listed] == [made["monitor_id"]]
    assert "s3cret" not in answer.text + str(listed)
    assert made["monitor_id"] in await on_the_schedule(world)


SECRET_ADDRESSES = (
    "https://jo:s3cret@payments.example/health?page=1",
    "https://s3cret:@payments.example/health",
    "https://s3cret@payments.example/health#top",
    "https://payments.example/?page=1&api_key=s3cret&Token=s3cret&x=",
    "https://jo:pa:s3cret@payments.example/?password=s3cret#token=1",
)


@pytest.mark.parametrize("url", SECRET_ADDRESSES)
async def test_no_secret_of_an_address_is_shown_or_told(
    client: httpx.AsyncClient, world: Reporting, database: DatabaseUrls, url: str
) -> None:
    answer = await client.post(PATH, json=body(world, {"kind": "http", "url": url}))
    assert answer.status_code == 201, answer.text
    listed = await client.get(PATH, params={"source": "added"})
    with psycopg.connect(libpq_url(database.owner), autocommit=True) as owner:
        told = owner.execute("select envelope::text from probes.outbox").fetchall()
        assert told and "s3cret" not in answer.text + listed.text + str(told)
        shown = owner.execute("select url from probes.monitor where source = 'added'").fetchall()
        # What was stored before is mended to the same.
        owner.execute("update probes.monitor set url = %s where source = 'added'", (url,))
        owner.execute(addresses.ADDRESSES.replace("TABLE", "monitor"))
        assert owner.execute("select url from probes.monitor where source = 'added'").fetchall() == shown


@pytest.mark.parametrize(
    "configuration",
    [
        {"kind": "tcp", "host": "db.hotel.example", "port": 5432},
        {"kind": "dns", "name": "hotel.example"},
        {"kind": "icmp", "host": "hotel.example"},
        {"kind": "smtp", "host": "mail.hotel.example"},
        {"kind": "imap", "host": "mail.hotel.example"},
        {"kind": "websocket", "url": "wss://hotel.example/live"},
        {"kind": "tls", "host": "hotel.example"},
        {"kind": "domain", "name": "hotel.example"},
        {"kind": "heartbeat", "every_seconds": 3600},
        {"kind": "crash_rate", "app": "Hotel for iOS"},
    ],
    ids=lambda configuration: str(configuration["kind"]),
)
async def test_monitors_of_every_kind_can_be_added(
    client: httpx.AsyncClient, world: Reporting, configuration: dict[str, Any]
) -> None:
    made = await added(client, world, configuration)
    assert made["kind"] == configuration["kind"] and made["configuration"] == configuration
    asked = configuration["kind"] not in ("heartbeat", "crash_rate")
    assert (made["monitor_id"] in await on_the_schedule(world)) is asked


async def on_the_schedule(world: Reporting) -> set[str]:
    """What the scheduler would hand out."""
    url = world.runtime.settings.database_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
        return {str(watched.monitor_id) for watched in await watched_monitors(connection, world.clock.now())}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"cadence": {"interval_seconds": 29}}, "#/cadence/interval_seconds"),
        ({"cadence": {"timeout_seconds": 30}}, "#/cadence/timeout_seconds"),
        ({"cadence": {"rechecks": 21}}, "#/cadence/rechecks"),
        ({"contract_id": str(uuid4())}, "#/contract_id"),
        ({"environment_id": str(uuid4())}, "#/environment_id"),
        ({"parent_id": str(uuid4())}, "#/parent_id"),
        ({"configuration": {"kind": "http", "url": "ftp://hotel.example/"}}, "#/configuration/url"),
        ({"configuration": {"kind": "http"}}, "#/configuration/url"),
        ({"configuration": {"kind": "telepathy"}}, "#/configuration/kind"),
        (
            {"configuration": {**PAYMENT, "assertions": [{"type": "regex", "pattern": "("}]}},
            "#/configuration/assertions/0/pattern",
        ),
        (
            {"configuration": {"kind": "http", "url": "https://x.example/", "follow_redirects": "true"}},
            "#/configuration/follow_redirects",
        ),
        ({"configuration": {"kind": "heartbeat", "every_seconds": 60}, "cadence": {"rechecks": 1}}, "#/cadence"),
        ({"surprise": 1}, "#/surprise"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_invalid_monitor_never_reaches_the_scheduler(
    client: httpx.AsyncClient, world: Reporting, changes: dict[str, Any], pointer: str
) -> None:
    before = await on_the_schedule(world)
    answer = await client.post(PATH, json=body(world, PAYMENT) | changes)
    assert pointers(answer) == [pointer]
    assert await on_the_schedule(world) == before


async def test_a_repeated_request_adds_one_monitor(client: httpx.AsyncClient, world: Reporting) -> None:
    key = {"Idempotency-Key": '"one"'}
    first = await client.post(PATH, json=body(world, PAYMENT), headers=key)
    second = await client.post(PATH, json=body(world, PAYMENT), headers=key)
    assert second.json() == first.json() and second.headers["idempotency-replayed"] == "true"
    assert len((await client.get(PATH, params={"source": "added"})).json()["data"]) == 1


async def test_who_may_only_read_adds_and_changes_nothing(
    client: httpx.AsyncClient, world: Reporting, tokens: TokenMint
) -> None:
    made = await added(client, world)
    reader = {"Authorization": f"Bearer {tokens.mint(role='viewer', tenant_id=world.given.tenant_id)}"}
    stranger = {"Authorization": f"Bearer {tokens.mint(role='operator', tenant_id=uuid4())}"}
    where, every = f"{PATH}/{made['monitor_id']}", {"If-Match": "*"}
    assert (await client.post(PATH, json=body(world, PAYMENT), headers=reader)).status_code == 403
    assert (await client.patch(where, json={"name": "x"}, headers=reader | every)).status_code == 403
    assert (await client.delete(where, headers=reader | every)).status_code == 403
    assert pointers(await client.post(PATH, json=body(world, PAYMENT), headers=stranger)) == ["#/contract_id"]
    assert (await client.patch(where, json={"name": "x"}, headers=stranger | every)).status_code == 404
    assert (await client.delete(where, headers=stranger | every)).status_code == 404


async def test_an_added_monitor_can_be_changed_altogether_but_not_into_another_kind(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    monitor_id = (await added(client, world))["monitor_id"]
    world.clock.set(world.clock.now() + timedelta(minutes=1))
    answer = await changed(
        client,
        monitor_id,
        {
            "name": "Santé",
            "third_party": True,
            "cadence": {"interval_seconds": 60},
            "configuration": {"method": "HEAD", "headers": {"Accept": "text/plain"}},
        },
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["name"] == "Santé" and found["third_party"] and found["cadence"]["interval_seconds"] == 60
    assert found["configuration"]["method"] == "HEAD" and found["configuration"]["headers"]["Authorization"] == HIDDEN
    assert [entry["cadence"]["interval_seconds"] for entry in found["history"]] == [60, 30]
    stored = await world.rows("select configuration from probes.monitor where source = 'added'")
    opened = check_secrets(world.runtime.settings).opened(stored[0]["configuration"])
    assert opened["headers"] == {"Accept": "text/plain", "Authorization": "Bearer s3cret-word"}
    other = await changed(client, monitor_id, {"configuration": {"kind": "tcp", "host": "x.example", "port": 1}})
    assert pointers(other) == ["#/configuration/kind"]
    bad = await changed(client, monitor_id, {"configuration": {"accepted_status": [{"lowest": 1, "highest": 2}]}})
    first = "#/configuration/accepted_status/0"
    assert {f"{first}/lowest", f"{first}/highest"} <= set(pointers(bad))


async def test_a_stored_secret_is_not_sent_to_another_site(client: httpx.AsyncClient, world: Reporting) -> None:
    monitor_id = (await added(client, world))["monitor_id"]
    answer = await changed(client, monitor_id, {"configuration": {"url": "https://evil.example/"}})
    assert pointers(answer) == ["#/configuration"] and "another site" in answer.json()["detail"]
    new = {"url": "https://other.example/", "headers": {"Authorization": "Bearer new-word"}}
    assert (await changed(client, monitor_id, {"configuration": new})).status_code == 200


async def test_a_change_based_on_an_older_version_is_refused(client: httpx.AsyncClient, world: Reporting) -> None:
    monitor_id = (await added(client, world))["monitor_id"]
    assert (await client.patch(f"{PATH}/{monitor_id}", json={"name": "x"})).status_code == 428
    assert (await changed(client, monitor_id, {"name": "First"})).status_code == 200
    late = await client.patch(f"{PATH}/{monitor_id}", json={"name": "Second"}, headers={"If-Match": '"1"'})
    assert late.status_code == 412 and late.headers["ETag"] == '"2"'


async def test_what_a_contract_leaves_open_stays_adjusted_through_its_next_version(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    monitor_id = (await made_by_the_contract(client))["monitor_id"]
    patch = {
        "name": "Site de l'hôtel",
        "cadence": {"timeout_seconds": 4},
        "configuration": {
            "accepted_status": [{"lowest": 200, "highest": 401}],
            "headers": {"X-Api-Key": "k-123456"},
            "assertions": [{"type": "keyword", "text": "Bellevue"}],
        },
    }
    answer = await changed(client, monitor_id, patch)
    assert answer.status_code == 200, answer.text
    assert answer.json()["configuration"]["headers"] == {"X-Api-Key": HIDDEN}
    world.given.url = "https://hotel.example/fr/"
    await world.follow(world.given, 2, monitoring=EVERY_30_S | {"interval_seconds": 20, "timeout_seconds": 3})
    found = await made_by_the_contract(client)
    assert found["name"] == "Site de l'hôtel" and found["url"] == "https://hotel.example/fr/"
    assert found["configuration"]["url"] == "https://hotel.example/fr/"
    assert found["configuration"]["assertions"] == patch["configuration"]["assertions"]  # type: ignore[index]
    assert (found["cadence"]["interval_seconds"], found["cadence"]["timeout_seconds"]) == (20, 3)
    back = await changed(client, monitor_id, {"configuration": {"assertions": None, "headers": {"X-Api-Key": None}}})
    assert set(back.json()["configuration"]) == {"kind", "url", "accepted_status"}


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"configuration": {"url": "https://elsewhere.example/"}}, "#/configuration/url"),
        ({"configuration": {"method": "HEAD"}}, "#/configuration/method"),
        ({"configuration": {"headers": {"Host": "x"}}}, "#/configuration/headers"),
        ({"cadence": {"interval_seconds": 60}}, "#/cadence/interval_seconds"),
        ({"cadence": {"timeout_seconds": 11}}, "#/cadence/timeout_seconds"),
        ({"third_party": True}, "#/third_party"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_a_contract_decides_is_changed_by_amendment_only(
    client: httpx.AsyncClient, world: Reporting, patch: dict[str, Any], pointer: str
) -> None:
    before = await made_by_the_contract(client)
    assert pointers(await changed(client, before["monitor_id"], patch)) == [pointer]
    assert await made_by_the_contract(client) == before
    refused = await client.delete(f"{PATH}/{before['monitor_id']}", headers={"If-Match": "*"})
    assert refused.status_code == 409 and "amend" in refused.json()["detail"]


async def test_a_removed_monitor_is_paused_for_good_and_keeps_its_history(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    monitor_id = (await added(client, world))["monitor_id"]
    where, every = f"{PATH}/{monitor_id}", {"If-Match": "*"}
    world.clock.set(world.clock.now() + timedelta(minutes=1))
    assert (await client.delete(where, headers=every)).status_code == 204
    assert (await world.events())[-1][0] == "monitor.paused" and (await world.events())[-1][1]["reason"] == "removed"
    for version, status in ((2, "active"), (3, "suspended"), (4, "active")):
        await world.follow(world.given, version, status=status, monitoring=EVERY_30_S)
        found = (await client.get(where)).json()
        assert (found["state"], found["reason"]) == ("paused", "removed") and found["removed_at"]
    assert monitor_id not in await on_the_schedule(world)
    line = (await client.get(f"{where}/states")).json()["data"]
    assert [stretch["state"] for stretch in line] == ["paused", "unknown"]
    assert (await client.delete(where, headers=every)).status_code == 204
    assert (await client.patch(where, json={"name": "x"}, headers=every)).status_code == 409


async def test_a_monitor_can_depend_on_another_one_of_its_client(client: httpx.AsyncClient, world: Reporting) -> None:
    parent = (await made_by_the_contract(client))["monitor_id"]
    child = await added(client, world, parent_id=parent)
    assert child["parent_id"] == parent
    assert pointers(await changed(client, parent, {"parent_id": child["monitor_id"]})) == ["#/parent_id"]
    free = await changed(client, child["monitor_id"], {"parent_id": None})
    assert free.json()["parent_id"] is None and UUID(free.json()["monitor_id"])
