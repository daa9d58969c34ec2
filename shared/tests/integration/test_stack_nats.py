"""The embedded NATS: what each user may say, what survives, what its configuration promises."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import FetchTimeoutError, NotFoundError

from shared.events import stream_of
from shared.jetstream import ADVISORY_STREAM, connect, declare_stream, event_stream, inbox_prefix
from shared.stack.nats_server import (
    OPERATOR,
    RESULT_STREAM,
    SERVICES,
    WORK_STREAM,
    NatsServer,
    render_configuration,
    runner_user,
    usual_users,
)
from shared.stack.problems import StackProblem
from shared.stack.waiting import Patience
from shared.testing.servers import temporary_folder

REFUSED = "permissions violation"
RUNNER = "runner-paris"
OTHER_RUNNER = "runner-rome"


@asynccontextmanager
async def connected(server: NatsServer, user: str, **options: Any) -> AsyncIterator[tuple[Client, list[str]]]:
    """A connection and the list of the errors that the server sent to it."""
    errors: list[str] = []

    async def note(error: Exception) -> None:
        errors.append(str(error).lower())

    url = server.url(user) if not user.startswith("runner-") else f"nats://{user}:of-{user}@127.0.0.1:{server.port}"
    client = await nats.connect(
        url, error_cb=note, allow_reconnect=False, connect_timeout=30, inbox_prefix=inbox_prefix(user), **options
    )
    try:
        yield client, errors
    finally:
        await client.close()


async def answered(client: Client) -> None:
    """Until the server has answered, refusals included, to everything that was sent so far."""
    for _ in range(2):  # nats-py sends its first PING ahead of what waits to be sent
        await client.flush(timeout=30)


async def publishes(server: NatsServer, user: str, subject: str) -> bool:
    async with connected(server, user) as (client, errors):
        await client.publish(subject, b"{}")
        await answered(client)
        return not any(REFUSED in error for error in errors)


async def hears(server: NatsServer, user: str, subject: str) -> bool:
    async with connected(server, user) as (client, errors):
        await client.subscribe(subject)
        await answered(client)
        return not any(REFUSED in error for error in errors)


async def make_streams(server: NatsServer) -> None:
    """Every stream of the product as its owner makes it, with one message, and the consumers of everybody."""
    for owner in SERVICES:
        async with connected(server, owner) as (client, errors):
            js = client.jetstream()
            await declare_stream(js, ADVISORY_STREAM)
            await declare_stream(js, event_stream(owner))
            await js.publish(f"{owner}.thing.1.happened.v1", b"{}")
            assert errors == []
    async with connected(server, "probes") as (client, errors):
        js = client.jetstream()
        await js.add_stream(
            StreamConfig(name=WORK_STREAM, subjects=["probe-work.>"], retention=RetentionPolicy.WORK_QUEUE)
        )
        await js.add_stream(
            StreamConfig(name=RESULT_STREAM, subjects=["probe-results.>"], retention=RetentionPolicy.WORK_QUEUE)
        )
        await js.add_consumer(RESULT_STREAM, ConsumerConfig(durable_name="recorder"))
        await js.publish("probe-work.paris", b"check this")
        await js.publish("probe-results.paris", b"it was up")
        assert errors == []
    for owner in SERVICES:
        async with connected(server, owner) as (client, errors):
            for stream in (*map(stream_of, SERVICES), ADVISORY_STREAM.name):
                await client.jetstream().add_consumer(stream, ConsumerConfig(durable_name=owner))
            assert errors == []


def passwords() -> dict[str, str]:
    return {user: f"password-of-{user}" for user in (*SERVICES, OPERATOR)}


def let_in(server: NatsServer, *locations: str) -> None:
    """From now on each of these locations, and no other, has one runner."""
    users = [runner_user(place, place, f"of-runner-{place}").entry() for place in locations]
    server.runners_file.write_text(json.dumps({"users": users}))
    server.reload()


@pytest.fixture
def server_with_runners(own_nats_server: NatsServer) -> NatsServer:
    """A server that two runners at two locations may connect to."""
    let_in(own_nats_server, "paris", "rome")
    return own_nats_server


def test_the_rendered_configuration_syncs_every_message_before_it_is_acknowledged(tmp_path: Path) -> None:
    rendered = render_configuration(port=4222, monitor_port=8222, store=tmp_path, users=usual_users(passwords()))
    assert "sync_interval: always" in rendered
    assert "host: 127.0.0.1" in rendered


def test_the_running_server_says_that_it_syncs_always(nats_server: NatsServer) -> None:
    answer = httpx.get(f"{nats_server.monitor_url}/jsz?config=true", trust_env=False)
    assert answer.json()["config"]["sync_always"] is True


def test_the_configuration_with_its_passwords_is_for_its_owner_only(nats_server: NatsServer) -> None:
    assert (nats_server.folder / "nats.conf").stat().st_mode & 0o777 == 0o600


def is_let_in(server: NatsServer, **who: str) -> bool:
    """Tell whether the server takes this user. By hand: a client of nats-py that is refused leaves its socket open."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"CONNECT {json.dumps({'verbose': False, **who})}\r\nPING\r\n".encode())
        answer = b""
        while b"PONG" not in answer:
            if not (part := connection.recv(4096)):
                assert b"-ERR 'Authorization Violation'" in answer
                return False
            answer += part
    return True


def test_nobody_connects_without_a_password(nats_server: NatsServer) -> None:
    assert not is_let_in(nats_server)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_publishes_its_own_events_and_nobody_elses(nats_server: NatsServer, service: str) -> None:
    assert await publishes(nats_server, service, f"{service}.thing.1.happened.v1")
    for other in SERVICES:
        if other != service:
            assert not await publishes(nats_server, service, f"{other}.thing.1.happened.v1")


async def test_work_and_results_of_probes_are_for_probes_and_its_runner(server_with_runners: NatsServer) -> None:
    server = server_with_runners
    assert await publishes(server, "probes", "probe-work.paris")
    assert await publishes(server, "probes", "probe-results.paris")
    assert await publishes(server, RUNNER, "probe-results.paris")
    assert not await publishes(server, RUNNER, "probe-work.paris")
    assert not await publishes(server, "contracts", "probe-results.paris")


async def test_a_runner_hears_its_own_answers_and_nothing_else(server_with_runners: NatsServer) -> None:
    server = server_with_runners
    assert await hears(server, RUNNER, f"_INBOX_{RUNNER}.>")
    others = (*SERVICES, OPERATOR, OTHER_RUNNER)
    for subject in (*(f"_INBOX_{other}.>" for other in others), "_INBOX.>", "_R_.>", "probe-work.>", "$JS.>", ">"):
        assert not await hears(server, RUNNER, subject), subject
    for inbox in (f"_INBOX_{RUNNER}.x", *(f"_INBOX_{other}.x" for other in others)):
        assert not await publishes(server, RUNNER, inbox), inbox


@pytest.mark.parametrize("user", SERVICES)
async def test_nobody_hears_what_is_meant_for_another(nats_server: NatsServer, user: str) -> None:
    assert await hears(nats_server, user, f"_INBOX_{user}.>")
    others = {*SERVICES, OPERATOR} - {user}
    for subject in (*(f"_INBOX_{other}.>" for other in others), "_INBOX.>", "contracts.>", "$JS.>", ">"):
        assert not await hears(nats_server, user, subject), subject
    for inbox in ("_INBOX.x", f"_INBOX_{user}.x", *(f"_INBOX_{other}.x" for other in others)):
        assert not await publishes(nats_server, user, inbox), inbox


async def test_the_services_own_way_to_connect_asks_for_answers_where_its_user_may_hear_them(
    nats_server: NatsServer,
) -> None:
    for user in (*SERVICES, OPERATOR):
        client = await connect(nats_server.url(user), "test")
        assert client.new_inbox().startswith(f"_INBOX_{user}.")
        await client.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_every_stream_of_events_and_acknowledges_for_itself(
    own_nats_server: NatsServer, service: str
) -> None:
    await make_streams(own_nats_server)
    async with connected(own_nats_server, service) as (client, errors):
        js = client.jetstream(timeout=5.0)
        for publisher in SERVICES:
            stream = stream_of(publisher)
            subscription = await js.pull_subscribe_bind(service, stream)
            (event,) = await subscription.fetch(1, timeout=5)
            await event.in_progress()
            await event.ack_sync(timeout=5)
            assert (await js.get_msg(stream, 1)).subject == event.subject
            assert (await js.stream_info(stream)).state.messages == 1
        given_up = await js.pull_subscribe_bind(service, ADVISORY_STREAM.name)
        with pytest.raises(nats.errors.TimeoutError):
            await given_up.fetch(1, timeout=0.2)
        await client.publish(f"$JS.ACK.{ADVISORY_STREAM.name}.{service}.1.1.1.1.0")
        await answered(client)
        assert errors == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_touches_neither_stream_nor_consumer_of_another(
    own_nats_server: NatsServer, service: str
) -> None:
    await make_streams(own_nats_server)
    for other in (one for one in SERVICES if one != service):
        stream = stream_of(other)
        for api in (
            *(f"STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "RESTORE")),
            *(
                f"CONSUMER.{verb}.{stream}.{other}"
                for verb in ("DELETE", "DURABLE.CREATE", "CREATE", "MSG.NEXT", "INFO")
            ),
            *(f"CONSUMER.{verb}.{stream}.{other}" for verb in ("PAUSE", "RESET", "UNPIN")),
            f"CONSUMER.CREATE.{stream}",
        ):
            assert not await publishes(own_nats_server, service, f"$JS.API.{api}"), api
        for stream in map(stream_of, SERVICES):
            assert not await publishes(own_nats_server, service, f"$JS.ACK.{stream}.{other}.1.1.1.1.0"), stream


@pytest.mark.parametrize("user", SERVICES)
async def test_nobody_deletes_what_is_stored_not_even_his_own(nats_server: NatsServer, user: str) -> None:
    for stream in (*map(stream_of, SERVICES), ADVISORY_STREAM.name, WORK_STREAM, RESULT_STREAM):
        for verb in ("DELETE", "PURGE", "MSG.DELETE"):
            assert not await publishes(nats_server, user, f"$JS.API.STREAM.{verb}.{stream}")
        for durable in (*SERVICES, "recorder", "runner-paris"):
            assert not await publishes(nats_server, user, f"$JS.API.CONSUMER.DELETE.{stream}.{durable}")


async def test_work_and_results_of_probes_are_pulled_by_probes_and_its_runner_only(
    own_nats_server: NatsServer,
) -> None:
    await make_streams(own_nats_server)
    for service in (one for one in SERVICES if one != "probes"):
        for stream, durable in ((WORK_STREAM, "runner-paris"), (RESULT_STREAM, "recorder")):
            for verb in ("CREATE", "DURABLE.CREATE", "MSG.NEXT"):
                for name in (durable, service):
                    assert not await publishes(own_nats_server, service, f"$JS.API.CONSUMER.{verb}.{stream}.{name}")
            assert not await publishes(own_nats_server, service, f"$JS.API.STREAM.MSG.GET.{stream}")
            assert not await publishes(own_nats_server, service, f"$JS.ACK.{stream}.{durable}.1.1.1.1.0")
    async with connected(own_nats_server, "probes") as (client, errors):
        recorder = await client.jetstream().pull_subscribe_bind("recorder", RESULT_STREAM)
        (results,) = await recorder.fetch(1, timeout=5)
        assert results.data == b"it was up"
        await results.ack_sync(timeout=5)
        assert errors == []


async def make_work(server: NatsServer) -> None:
    """Every stream, and the work consumers of two locations as the scheduler declares them; work for both."""
    await make_streams(server)
    async with connected(server, "probes") as (client, errors):
        for place in ("paris", "rome"):
            queue = ConsumerConfig(durable_name=f"runner-{place}", filter_subjects=[f"probe-work.{place}"])
            await client.jetstream().add_consumer(WORK_STREAM, queue)
        await client.jetstream().publish("probe-work.rome", b"check that")
        assert errors == []


async def test_a_runner_takes_its_locations_work_and_hands_in_its_results(server_with_runners: NatsServer) -> None:
    await make_work(server_with_runners)
    async with connected(server_with_runners, RUNNER) as (client, errors):
        js = client.jetstream(timeout=5.0)
        queue = await js.pull_subscribe_bind(RUNNER, WORK_STREAM)
        (work,) = await queue.fetch(1, timeout=30)
        assert work.data == b"check this"
        await work.in_progress()
        await work.ack_sync(timeout=30)
        with pytest.raises(FetchTimeoutError):  # with the server's heartbeats until then
            await queue.fetch(1, timeout=8, heartbeat=0.5)
        assert (await js.publish("probe-results.paris", b"good")).stream == RESULT_STREAM
        assert errors == []


async def test_a_runner_touches_nothing_but_its_locations_work_and_results(server_with_runners: NatsServer) -> None:
    server = server_with_runners
    await make_work(server)
    streams = (*map(stream_of, SERVICES), ADVISORY_STREAM.name, RESULT_STREAM, WORK_STREAM)
    refused = [
        "probe-results.rome",
        "probe-results.paris.rome",
        "probe-work.paris",
        "$JS.API.INFO",
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.NAMES",
        *(f"{service}.thing.2.happened.v1" for service in SERVICES),
        *(
            f"$JS.API.STREAM.{verb}.{stream}"
            for stream in streams
            for verb in ("INFO", "CREATE", "UPDATE", "MSG.GET", "DELETE", "PURGE", "MSG.DELETE")
        ),
        *(
            f"$JS.API.CONSUMER.{verb}.{stream}.{durable}"
            for stream in streams
            for verb in ("CREATE", "DURABLE.CREATE", "MSG.NEXT", "INFO", "DELETE", "PAUSE", "RESET", "UNPIN")
            for durable in (*SERVICES, "recorder", RUNNER, OTHER_RUNNER)
            if (stream, verb, durable) != (WORK_STREAM, "MSG.NEXT", RUNNER)
        ),
        *(f"$JS.API.DIRECT.GET.{stream}" for stream in streams),
        f"$JS.ACK.{RESULT_STREAM}.recorder.1.1.1.1.0",
        f"$JS.ACK.{WORK_STREAM}.{OTHER_RUNNER}.1.1.1.1.0",
        f"$JS.ACK.{WORK_STREAM}.{RUNNER}.{WORK_STREAM}.{OTHER_RUNNER}.1.1.1.1.0",
    ]
    async with connected(server, RUNNER) as (client, errors):
        for subject in refused:
            await client.publish(subject, b"{}")
        await answered(client)
    for subject in refused:
        assert any(REFUSED in error and f'"{subject.lower()}"' in error for error in errors), subject


@pytest.mark.parametrize(
    "elsewhere",
    [
        "contracts.thing.2.happened.v1",
        "probe-results.rome",
        "$JS.API.CONSUMER.MSG.NEXT.PROBE_WORK.runner-rome",
        "$JS.ACK.PROBE_WORK.runner-rome.1.3.1.1.0",
    ],
)
async def test_a_runner_cannot_have_answers_sent_where_it_may_not_speak(
    server_with_runners: NatsServer, elsewhere: str
) -> None:
    server = server_with_runners
    await make_work(server)
    async with connected(server, "probes") as (client, _):
        (taken,) = await (await client.jetstream().pull_subscribe_bind(OTHER_RUNNER, WORK_STREAM)).fetch(1, timeout=5)
        assert taken.reply.startswith("$JS.ACK.PROBE_WORK.runner-rome.1.")
        target = taken.reply if elsewhere.startswith("$JS.ACK") else elsewhere
        async with connected(server, RUNNER) as (runner, _):
            take = f"$JS.API.CONSUMER.MSG.NEXT.{WORK_STREAM}.{RUNNER}"
            await runner.publish(take, b"1", reply=target)
            await runner.publish(take, b'{"batch": 1, "no_wait": true}', reply=target)
            await runner.publish("probe-results.paris", b"good", reply=target)
            next_one = b'+NXT {"batch": 1, "no_wait": true}'
            await runner.publish(f"$JS.ACK.{WORK_STREAM}.{RUNNER}.1.1.1.1.0", next_one, reply=target)
            await runner.publish("probe-results.paris", b"good", headers={"Nats-Trace-Dest": target})
            await answered(runner)
        async with connected(server, OPERATOR) as (operator, _):
            js = operator.jetstream()
            assert (await js.stream_info("CONTRACTS")).state.messages == 1
            rome = await js.consumer_info(WORK_STREAM, OTHER_RUNNER)
            assert (rome.num_ack_pending, rome.num_waiting) == (1, 0)
            with pytest.raises(NotFoundError):
                await js.get_last_msg(RESULT_STREAM, "probe-results.rome")


async def test_who_is_gone_at_a_reload_is_disconnected_and_nobody_else_notices(server_with_runners: NatsServer) -> None:
    server, ended = server_with_runners, asyncio.Event()

    async def closed() -> None:
        ended.set()

    async with (
        connected(server, RUNNER, closed_cb=closed),
        connected(server, OTHER_RUNNER) as (stays, errors),
        connected(server, "probes") as (service, service_errors),
    ):
        let_in(server, "rome", "bonn")
        await asyncio.wait_for(ended.wait(), 30)
        await answered(stays)
        await answered(service)
        assert errors == service_errors == []
    assert await publishes(server, "runner-bonn", "probe-results.bonn")
    assert is_let_in(server, user=OTHER_RUNNER, **{"pass": f"of-{OTHER_RUNNER}"})
    assert not is_let_in(server, user=RUNNER, **{"pass": f"of-{RUNNER}"})


def test_a_reload_that_the_server_does_not_take_is_one_sentence(own_nats_server: NatsServer) -> None:
    own_nats_server.runners_file.write_text("users: nobody [")
    with pytest.raises(StackProblem, match=r"^NATS has not taken the users of .*runners\.conf; see "):
        own_nats_server.reload(Patience(1))
    assert own_nats_server.running


async def test_an_acknowledged_message_survives_a_killed_server(own_nats_server: NatsServer) -> None:
    port = own_nats_server.port
    async with connected(own_nats_server, "contracts") as (client, _):
        js = client.jetstream()
        await js.add_stream(StreamConfig(name="CONTRACTS", subjects=["contracts.>"]))
        await js.publish("contracts.contract.1.activated.v1", b"kept")
        own_nats_server.kill()
    own_nats_server.start()
    assert own_nats_server.port == port
    async with connected(own_nats_server, "contracts") as (client, _):
        assert (await client.jetstream().get_msg("CONTRACTS", 1)).data == b"kept"


def test_a_server_that_a_thread_started_outlives_the_thread(own_nats_server: NatsServer) -> None:
    own_nats_server.kill()
    thread = threading.Thread(target=own_nats_server.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert own_nats_server.running


async def test_a_wiped_volume_has_no_streams(own_nats_server: NatsServer) -> None:
    async with connected(own_nats_server, "contracts") as (client, _):
        await client.jetstream().add_stream(StreamConfig(name="CONTRACTS", subjects=["contracts.>"]))
    own_nats_server.kill()
    own_nats_server.wipe()
    own_nats_server.start()
    async with connected(own_nats_server, "contracts") as (client, _):
        with pytest.raises(NotFoundError):
            await client.jetstream().stream_info("CONTRACTS")


async def test_streams_may_declare_more_room_than_the_disk_has_today(own_nats_server: NatsServer) -> None:
    async with connected(own_nats_server, "contracts") as (client, _):
        config = StreamConfig(name="CONTRACTS", subjects=["contracts.>"], max_bytes=500 * 1024**3)
        await client.jetstream().add_stream(config)


def test_a_taken_port_is_one_sentence_that_names_the_variable() -> None:
    with temporary_folder("test") as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = NatsServer(folder, log=folder / "log", users=usual_users(passwords()), port=port, monitor_port=port)
        with pytest.raises(StackProblem, match=rf"^Port {port} .*is taken.*UPHELD_NATS_PORT"):
            server.start()


def test_a_missing_program_is_one_sentence() -> None:
    with (
        temporary_folder("test") as folder,
        pytest.raises(StackProblem, match=r"^UPHELD_NATS_SERVER is .*not a program"),
    ):
        NatsServer(folder, log=folder / "log", users=[], binary=folder / "absent")


def test_a_store_that_cannot_be_used_is_one_sentence(own_nats_server: NatsServer) -> None:
    own_nats_server.stop()
    own_nats_server.wipe()
    own_nats_server.store.write_text("a file in the place of the folder")
    with pytest.raises(StackProblem) as raised:
        own_nats_server.start()
    assert "\n" not in str(raised.value)
