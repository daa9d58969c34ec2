"""What a check needs to be let in lies nowhere in clear, and the check is let in all the same."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from nats.js.errors import NotFoundError
from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.check_secrets import CheckSecrets, LocationSecrets, location_key, secrets_of
from probes.adapters.messages import WORK
from probes.adapters.plan import watched_monitors
from probes.adapters.tables import MonitorRow
from probes.application.checks.secrets import HIDDEN, SEALED, basic_credentials
from probes.jobs.sealing import SealSecrets
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.database import libpq_url
from shared.secret_box import Unreadable
from shared.service import create_app
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock
from shared.unit_of_work import UnitsOfWork

from ..raw_site import Asked, RawSite, raw_site, reply
from .added import EVERY_SECOND, watch
from .conftest import Service, contract, eventually, settings_for, working
from .runners import runner_url, running

PASSWORD = "correct-horse-battery"
ALLOWED = basic_credentials("status", PASSWORD)
OLD, NEW = SecretStr("o" * 40), SecretStr("n" * 40)


def wanting(url: str) -> dict[str, Any]:
    authentication = {"type": "basic", "username": "status", "password": PASSWORD}
    return {"kind": "http", "url": url, "authentication": authentication}


@asynccontextmanager
async def guarded_site() -> AsyncIterator[RawSite]:
    """A site that lets in who knows the password, and remembers who asked."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        allowed = asked.headers.get("authorization") == ALLOWED
        writer.write(reply("in", "200 OK") if allowed else reply("out", "401 Unauthorized"))

    async with raw_site(answer) as site:
        yield site


def asked_wrongly(site: RawSite) -> list[Asked]:
    return [asked for asked in site.asked if asked.headers.get("authorization") != ALLOWED]


TABLES = """
select relname from pg_class where relnamespace = cast('probes' as regnamespace) and relkind in ('r', 'p')
and has_table_privilege(oid, 'select')
"""


async def everything_stored(units: UnitsOfWork) -> str:
    """Every row of every table of the service, as text."""
    found = []
    async with units.for_every_tenant() as unit:
        tables = await unit.session.scalars(text(TABLES))
        for table in list(tables):
            rows = await unit.session.scalars(text(f"select cast(t as text) from probes.{table} t"))
            found += [f"{table}: {row}" for row in rows]
    return "\n".join(found)


async def raw_work(service: Service) -> list[bytes]:
    """What waits on the stream of work, as it lies there."""
    try:
        info = await service.js.stream_info(WORK.name)
    except NotFoundError:
        return []
    found = []
    for number in range(max(1, info.state.first_seq), info.state.last_seq + 1):
        try:
            found.append((await service.js.get_msg(WORK.name, number)).data or b"")
        except NotFoundError:
            continue
    return found


async def state_of(service: Service, monitor_id: UUID) -> str:
    return str(await service.one("select state from probes.monitor where monitor_id = :id", id=monitor_id))


def holds(haystack: str) -> bool:
    """Whether the password can be read in it, also as it goes over HTTP."""
    return PASSWORD in haystack or ALLOWED.removeprefix("Basic ") in haystack


async def test_a_password_is_neither_in_a_row_nor_in_a_message_and_opens_the_site_at_its_location(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(
        service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",), secret_key=NEW
    )
    async with guarded_site() as site, working(settings, own_nats_server.url()) as service:
        await eventually(lambda: service.one("select count(*) = 1 from probes.location where active"))
        cadence = EVERY_SECOND.__class__(2, 2, 1, 0, 1)
        monitor_id = await watch(service, contract(site.url), wanting(site.url), cadence)
        waiting = await eventually(lambda: raw_work(service))
        item = json.loads(waiting[0])["items"][0]
        assert item["monitor_id"] == str(monitor_id) and item["check"]["authentication"]["password"] == HIDDEN
        stored = await everything_stored(service.runtime.units)
        assert str(monitor_id) in stored and not holds(stored)
        assert not holds(b"".join(waiting).decode())

        log = tmp_path / "lyon.log"
        more = {"PROBES_LOCATION_KEY": location_key(NEW, "lyon")}
        with running(runner_url(own_nats_server, "lyon"), "lyon", log, more):
            await eventually(lambda: _is(service, monitor_id, "up"))
        assert site.asked and asked_wrongly(site) == []
        assert not holds(await everything_stored(service.runtime.units) + log.read_text())
        assert not holds(str([event.to_bytes() for event in await service.events()]))


async def _is(service: Service, monitor_id: UUID, state: str) -> bool:
    return await state_of(service, monitor_id) == state


async def test_a_runner_without_the_key_of_its_location_looks_at_nothing_and_blames_nobody(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(
        service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",), secret_key=NEW
    )
    async with guarded_site() as site, working(settings, own_nats_server.url()) as service:
        await eventually(lambda: service.one("select count(*) = 1 from probes.location where active"))
        closed = await watch(service, contract(site.url), wanting(site.url))
        clear = await watch(service, contract(site.url), {"kind": "tcp", "host": "127.0.0.1", "port": site.port})
        foreign = {"PROBES_LOCATION_KEY": location_key(NEW, "oslo")}
        with running(runner_url(own_nats_server, "lyon"), "lyon", tmp_path / "lyon.log", foreign):
            await eventually(lambda: _is(service, clear, "up"))
            blocked = "select blocked_at is not null from probes.location_state where monitor_id = :id"
            await eventually(lambda: service.one(blocked, id=closed))
        assert await state_of(service, closed) == "unknown"
        assert [asked for asked in site.asked if asked.method] == []
        assert await service.one("select count(*) from probes.outage") == 0


@pytest.fixture
async def client(service: Service, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, service.runtime.settings, runtime=service.runtime))
    async with api_client(app, tokens.mint(role="operator", tenant_id=GIVEN.tenant_id)) as opened:
        yield opened


GIVEN = contract("http://127.0.0.1:9/")


async def test_wherever_people_put_a_secret_it_is_stored_sealed_and_shown_to_nobody(
    client: httpx.AsyncClient, service: Service
) -> None:
    await service.tell(GIVEN, "activated", GIVEN.state())
    (made,) = await eventually(lambda: service.rows("select monitor_id from probes.monitor"))
    place = {"contract_id": str(GIVEN.contract_id), "environment_id": str(GIVEN.environment_id), "name": "Paiement"}
    identity = {"authentication": {"type": "bearer", "token": PASSWORD}, "headers": {"X-Visitor": PASSWORD}}
    shown = []

    async def sent(method: str, path: str, body: Any, **headers: str) -> Any:
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        shown.append(answer.text)
        return answer

    addresses = [
        {
            "kind": "http",
            "url": f"https://jo:{PASSWORD}@a.example/?token={PASSWORD}",
            "method": "POST",
            "body": PASSWORD,
        },
        {"kind": "websocket", "url": "wss://a.example/", "headers": {"Cookie": PASSWORD}},
    ]
    for configuration in addresses:
        await sent("POST", "/v1/monitors", place | {"configuration": configuration})
    pages = [{"name": "Offers", "url": "https://hotel.example/offers"}]
    group = await sent("POST", "/v1/monitor-groups", place | {"configuration": identity, "pages": pages})
    path = f"/v1/monitors/{made['monitor_id']}"
    tag = (await client.get(path)).headers["ETag"]
    await sent("PATCH", path, {"configuration": {"headers": {"Authorization": PASSWORD}}}, **{"If-Match": tag})
    configuration = {"kind": "http", "url": "http://127.0.0.1:9/", **identity}
    await sent("POST", "/v1/check-tests", {"configuration": configuration})
    await sent("POST", f"{path}/test", {})
    assert not holds(await everything_stored(service.runtime.units))
    for listed in ("/v1/monitors", "/v1/monitor-groups", "/v1/check-tests"):
        shown.append((await client.get(listed)).text)
    assert not any(holds(text) or SEALED in text for text in shown)

    # What is sealed is what was given: a change of something else keeps it, and the schedule has it in full.
    group_path = f"/v1/monitor-groups/{group.json()['group_id']}"
    tag = (await client.get(group_path)).headers["ETag"]
    await sent("PATCH", group_path, {"name": "Offres"}, **{"If-Match": tag})
    url = service.runtime.settings.database_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
        scheduled = await watched_monitors(connection, service.runtime.clock.now())
    async with service.runtime.units.for_every_tenant() as unit:
        opened = [each.first.check(secrets_of(unit.session)) for each in scheduled]
    assert {"kind": "http", "url": pages[0]["url"], **identity} in opened
    assert all(each in opened for each in addresses)
    assert {"Authorization": PASSWORD} in [each.get("headers") for each in opened]


async def test_what_the_release_before_wrote_in_clear_is_sealed_once_the_roll_out_is_over(service: Service) -> None:
    async with guarded_site() as site:
        monitor_id = await watch(service, contract(site.url), wanting(site.url))
        async with service.runtime.units.for_every_tenant() as unit:
            values = {"document": json.dumps(wanting(site.url)), "id": monitor_id}
            changes = json.dumps({"kind": "http", "configuration": {"headers": {"Authorization": PASSWORD}}})
            columns = "configuration = cast(:document as jsonb), adjustments = cast(:changes as jsonb)"
            statement = text(f"update probes.monitor set {columns} where monitor_id = :id")
            await unit.session.execute(statement, values | {"changes": changes})
            secrets = secrets_of(unit.session)
        await eventually(lambda: _is(service, monitor_id, "up"))
        assert holds(await everything_stored(service.runtime.units))
        in_the_roll_out = SealSecrets(service.runtime.units, secrets)
        for _ in range(3):  # whoever runs it asks each minute
            assert await in_the_roll_out() > 500.0
        assert holds(await everything_stored(service.runtime.units))
        await SealSecrets(service.runtime.units, secrets, 0.0)()
        assert not holds(await everything_stored(service.runtime.units))
        seen = len(site.asked)

        async def more() -> bool:
            return len(site.asked) > seen + 2

        await eventually(more)
        assert asked_wrongly(site) == [] and await state_of(service, monitor_id) == "up"


async def test_what_the_release_before_sealed_and_hid_less_of_is_hidden_once_the_roll_out_is_over(
    service: Service,
) -> None:
    given = {"kind": "http", "url": "https://hotel.example/", "headers": {"X-Visitor": PASSWORD, "X-Token": "another"}}
    monitor_id = await watch(service, contract("https://hotel.example/"), given)
    shown = {"headers": {"X-Visitor": PASSWORD, "X-Token": HIDDEN}}
    async with service.runtime.units.for_every_tenant() as unit:
        row = await unit.session.get(MonitorRow, monitor_id)
        assert row is not None
        row.configuration = {**row.configuration, **shown}
        secrets = secrets_of(unit.session)
    assert holds(await everything_stored(service.runtime.units))
    await SealSecrets(service.runtime.units, secrets, 0.0)()
    assert not holds(await everything_stored(service.runtime.units))
    (stored,) = await service.rows("select configuration from probes.monitor")
    assert secrets.opened(stored["configuration"]) == given and not secrets.is_due(stored["configuration"])


async def test_the_key_is_changed_while_checks_go_on_and_then_the_old_one_is_not_needed(
    service_database: Callable[[str], DatabaseUrls],
    own_nats_server: NatsServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = service_database("probes")

    def with_keys(key: SecretStr, other: SecretStr | None) -> ProbesSettings:
        return settings_for(database, own_nats_server, secret_key=key, previous_secret_key=other)

    async with guarded_site() as site:

        async def goes_on(service: Service) -> None:
            seen = len(site.asked)

            async def more() -> bool:
                return len(site.asked) > seen + 1

            await eventually(more)
            await eventually(lambda: _is(service, monitor_id, "up"))

        async with working(with_keys(OLD, None), own_nats_server.url()) as service:
            monitor_id = await watch(service, contract(site.url), wanting(site.url))
            await goes_on(service)
        # First every process is told the new key beside the old one, then they change places.
        async with working(with_keys(OLD, NEW), own_nats_server.url()) as service:
            await goes_on(service)
        async with working(with_keys(NEW, OLD), own_nats_server.url()) as service:
            await goes_on(service)
            capsys.readouterr()
            assert await SERVICE.commands["reseal-secrets"]([], service.runtime.settings) == 0
            said = capsys.readouterr()
            assert "sealed 1 secrets with the present key" in said.out and "monitors: 1 of 1" in said.err
            await goes_on(service)
            assert await SERVICE.commands["reseal-secrets"]([], service.runtime.settings) == 0
            assert "sealed 0 secrets" in capsys.readouterr().out
        async with working(with_keys(NEW, None), own_nats_server.url()) as service:
            await goes_on(service)
            assert await service.one("select count(*) from probes.outage") == 0
    assert asked_wrongly(site) == []


async def test_before_going_back_to_a_release_that_knows_no_seal_all_of_it_is_opened(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    async with guarded_site() as site:
        await watch(service, contract(site.url), wanting(site.url))
        assert await SERVICE.commands["reseal-secrets"](["--in-clear"], service.runtime.settings) == 0
        assert "opened 1 secrets" in capsys.readouterr().out
        (stored,) = await service.rows("select configuration, adjustments from probes.monitor")
        assert (stored["configuration"], stored["adjustments"]) == (wanting(site.url), {})
        assert await SERVICE.commands["reseal-secrets"]([], service.runtime.settings) == 0
        assert not holds(await everything_stored(service.runtime.units))


async def test_a_key_that_was_lost_is_said_and_leaves_the_others_alone(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    async with guarded_site() as site:
        monitor_id = await watch(service, contract(site.url), wanting(site.url))
        changed = service.runtime.settings.model_copy(update={"secret_key": NEW})
        assert await SERVICE.commands["reseal-secrets"]([], changed) == 1
    assert f"no key opens the configuration of monitor {monitor_id}: give its secrets again" in capsys.readouterr().out


# --- without servers -----------------------------------------------------------------------------------------------

DOCUMENT = {"kind": "http", "url": "https://a.example/", "headers": {"Accept": "text/plain", "X-Token": PASSWORD}}


def test_a_document_without_secrets_is_stored_and_sent_as_it_is() -> None:
    document = {"kind": "tcp", "host": "a.example", "port": 22}
    secrets = CheckSecrets(NEW)
    assert secrets.closed(document) == secrets.for_location(document, "lyon") == secrets.opened(document) == document


def test_a_closed_document_shows_what_may_be_shown_and_opens_with_its_own_key_only() -> None:
    closed = CheckSecrets(OLD).closed(DOCUMENT)
    assert closed == DOCUMENT | {"headers": {"Accept": "text/plain", "X-Token": HIDDEN}, SEALED: closed[SEALED]}
    assert CheckSecrets(OLD).closed(closed) == closed
    assert CheckSecrets(NEW, OLD).opened(closed) == DOCUMENT
    assert CheckSecrets(NEW).as_far_as_known(closed) == closed
    with pytest.raises(Unreadable):
        CheckSecrets(NEW).opened(closed)


@pytest.fixture(params=["lyon", "oslo"])
def other_key(request: pytest.FixtureRequest) -> Iterator[str]:
    yield location_key(OLD if request.param == "lyon" else NEW, request.param)


def test_only_the_key_of_a_location_opens_what_is_sent_there(other_key: str) -> None:
    sent = CheckSecrets(NEW, OLD).for_location(DOCUMENT, "lyon")
    assert LocationSecrets(location_key(NEW, "lyon")).as_far_as_known(sent) == DOCUMENT
    assert LocationSecrets(other_key).as_far_as_known(sent) == LocationSecrets().as_far_as_known(sent) == sent
    assert LocationSecrets(other_key, location_key(NEW, "lyon")).as_far_as_known(sent) == DOCUMENT
    assert b64encode(PASSWORD.encode()).decode() not in str(sent) and PASSWORD not in str(sent)
    with pytest.raises(Unreadable):
        CheckSecrets(NEW).opened(sent)
