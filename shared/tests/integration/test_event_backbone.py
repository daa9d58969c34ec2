"""The event backbone over a real PostgreSQL and a real NATS: nothing lost, nothing twice, nothing waited for."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from sqlalchemy import Uuid, column, insert, select, table, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared import consumer as consumer_module
from shared import relay as relay_module
from shared import worker
from shared.consumer import Consumer, EventProcessor, is_database_away, replay
from shared.dead_letters import DeadLetter, DeadLetters
from shared.events import Envelope, ReceivedEvent
from shared.ids import new_id
from shared.jetstream import (
    ADVISORY_STREAM,
    STREAM_DAYS,
    WRONG_LAST_SEQUENCE,
    StreamDeclaration,
    connect,
    declare_consumer,
    declare_stream,
    event_stream,
)
from shared.kernel.clock import FixedClock
from shared.outbox import RETENTION
from shared.relay import ForeignWriter, Relay
from shared.stack.nats_server import NatsServer
from shared.stack.postgres_server import PostgresServer
from shared.unit_of_work import UnitOfWork

from .event_services import EventServices, Moved, ParcelMoved, make_event_services

MORE_THAN_EVERY_TRY = 4.0
"""Seconds in which a message is delivered as often as it ever is, where nobody acknowledges within 0.2 s."""
TOO_COMPLEX = "do $$ begin raise exception using errcode = '54001'; end $$"
"""What psycopg calls operational, although the server is well: this statement can never succeed."""


@pytest.fixture
async def services(postgres_server: PostgresServer, clock: FixedClock) -> AsyncIterator[EventServices]:
    name = f"backbone_{new_id().hex}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        services = await make_event_services(postgres_server.url(name), clock)
        yield services
        await services.database.dispose()
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
async def js(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await connect(nats_server.url(), "tests")
    context = client.jetstream()
    for stream in ("PUBLISHER", "READER", "ADVISORIES"):
        with suppress(NotFoundError):
            await context.delete_stream(stream)
    yield context
    await client.close()


def relay_of(services: EventServices, js: JetStreamContext, stream_days: int = STREAM_DAYS) -> Relay:
    url = services.database.url.render_as_string(hide_password=False)
    return Relay("publisher", url, js, services.clock, stream_days=stream_days)


async def _run(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(_run(loop)) for loop in loops]
    try:
        yield tasks
    finally:
        pending = set(tasks)
        while pending:  # a cancellation can get lost, as the worker knows
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  (the condition is a row in a database)
            await asyncio.sleep(0.02)


async def kept_running(loop: Callable[[], Awaitable[None]]) -> None:
    """A loop as the worker keeps it: started again when it fails."""
    while True:
        with suppress(Exception):
            await loop()
        await asyncio.sleep(0.05)


def set_reachable(server: PostgresServer, services: EventServices, *, reachable: bool) -> None:
    """Whether the services' database takes connections; those that it has are cut with the last permission."""
    name = services.database.url.database
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections {str(reachable).lower()}".encode())
        if not reachable:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])


async def unpublished(services: EventServices) -> int:
    (row,) = await services.rows("select count(*) from publisher.outbox where published_at is null")
    return int(row[0])


def published(services: EventServices) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await unpublished(services) == 0

    return check


def has_seen(services: EventServices, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(await services.seen()) >= count

    return check


def consumer_loops(processor: EventProcessor, js: JetStreamContext) -> list[Callable[[], Awaitable[None]]]:
    return list(Consumer(processor, js).loops().values())


async def test_an_event_is_published_and_takes_effect_once(services: EventServices, js: JetStreamContext) -> None:
    tenant, parcel = new_id(), new_id()
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        await services.say(tenant, parcel, 1)
        await until(has_seen(services, 1))
        await until(published(services))
    assert await services.seen() == [(str(parcel), 1)]
    message = await js.get_msg("PUBLISHER", 1)
    assert message.subject == f"publisher.parcel.{parcel}.moved.v1"


async def test_metrics_tell_how_far_behind_its_stream_a_consumer_is(
    services: EventServices, js: JetStreamContext
) -> None:
    """Nobody consumes here: three events wait, and the figure is there without anybody who handles one."""
    processor = services.processor()
    async with running(relay_of(services, js).run):
        for version in (1, 2, 3):
            await services.say(new_id(), new_id(), version)
        await until(published(services))
    (declaration,) = processor.handlers.declarations()
    await declare_consumer(js, declaration)
    behind = consumer_module.PENDING.labels(processor.handlers.consumer, declaration.stream)

    async def told() -> bool:
        return next(iter(behind.collect())).samples[0].value == 3

    async with running(Consumer(processor, js).loops()["observe consumers"]):
        await until(told)


async def test_a_consumer_that_an_older_release_declared_again_hears_the_rest_again(
    services: EventServices, js: JetStreamContext
) -> None:
    processor = services.processor()
    (ours,) = processor.handlers.declarations()
    async with running(relay_of(services, js).run, *consumer_loops(processor, js)):
        await services.say(new_id(), new_id(), 1)
        await until(has_seen(services, 1))
    # A pod of the release before, which reads something else of the stream, was started again.
    theirs = replace(ours, filter_subjects=["publisher.parcel.*.lost.v1"])
    await declare_consumer(js, theirs)

    async def heard() -> bool:
        config = (await js.consumer_info(ours.stream, ours.durable)).config
        return set(config.filter_subjects or []) == {*ours.filter_subjects, *theirs.filter_subjects}

    async with running(Consumer(processor, js).loops()["observe consumers"]):
        await until(heard)


async def test_metrics_tell_how_long_events_wait_although_nobody_publishes(
    services: EventServices, js: JetStreamContext, clock: FixedClock
) -> None:
    """Somebody else leads, and hangs: a relay that only waits tells it all the same."""
    url = services.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    relay = relay_of(services, js)
    waits = relay_module.OLDEST.labels("publisher")

    async def told() -> bool:
        return next(iter(waits.collect())).samples[0].value >= 180

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as hanging:
        assert await relay._try_lead(hanging)
        await services.say(new_id(), new_id(), 1)
        clock.advance(timedelta(minutes=3))
        async with running(relay.run):
            await until(told)


async def test_outbox_and_stream_hold_the_same_bytes(services: EventServices, js: JetStreamContext) -> None:
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1, place="Saint-Étienne \N{SNOWMAN}")
        await until(published(services))
    (row,) = await services.rows("select envelope::text from publisher.outbox")
    message = await js.get_msg("PUBLISHER", 1)
    assert row[0].encode() == message.data == Envelope.parse(message.data or b"").to_bytes()


async def test_events_of_a_transaction_that_fails_are_never_said(services: EventServices, js: JetStreamContext) -> None:
    with pytest.raises(ZeroDivisionError):
        async with services.publisher.for_tenant(new_id()) as unit:
            unit.publish(ParcelMoved(parcel_id=new_id(), place="Lyon"), version=1)
            _ = 1 / 0
    assert await services.rows("select 1 from publisher.outbox") == []


async def test_rows_that_were_left_for_the_end_are_written_together_by_the_commit_and_only_by_it(
    services: EventServices,
) -> None:
    tenant = new_id()
    seen = table("seen", column("tenant_id", Uuid), column("parcel_id", Uuid), column("version"), schema="reader")
    add = insert(seen)
    rows = [{"tenant_id": tenant, "parcel_id": new_id(), "version": version} for version in (1, 2, 3)]
    with pytest.raises(ZeroDivisionError):
        async with services.reader.for_tenant(tenant) as unit:
            unit.write_at_the_end(add, rows[0])
            _ = 1 / 0
    assert await services.seen() == []
    async with services.reader.for_tenant(tenant) as unit:
        for row in rows:
            unit.write_at_the_end(add, row)
        assert (await unit.session.execute(select(seen))).all() == []
    assert await services.seen() == [(str(row["parcel_id"]), row["version"]) for row in rows]


async def test_two_events_with_one_version_of_an_aggregate_are_refused_at_commit(
    services: EventServices, js: JetStreamContext
) -> None:
    parcel = new_id()
    await services.say(new_id(), parcel, 1)
    with pytest.raises(IntegrityError):
        await services.say(new_id(), parcel, 1)


async def test_a_second_relay_waits_and_takes_over_when_the_first_stops(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(relay_of(services, js).run) as first:
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
        async with running(relay_of(services, js).run):
            first[0].cancel()
            await services.say(new_id(), new_id(), 1)
            await until(published(services))
    info = await js.stream_info("PUBLISHER")
    assert info.state.messages == 2


async def test_a_relay_that_wrongly_believes_it_leads_is_stopped_by_the_fence(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
    with pytest.raises(APIError) as refused:
        await js.publish(f"publisher.parcel.{new_id()}.moved.v1", b"{}", headers={"Nats-Expected-Last-Sequence": "0"})
    assert refused.value.err_code == WRONG_LAST_SEQUENCE


async def test_a_crash_between_publish_and_record_publishes_nothing_twice(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
    async with services.publisher.for_every_tenant() as unit:
        await unit.session.execute(
            text("update publisher.outbox set published_at = null, stream_seq = null where stream_seq = 2")
        )
    async with running(relay_of(services, js).run):
        await until(published(services))
    info = await js.stream_info("PUBLISHER")
    assert info.state.messages == 2
    assert await services.rows("select stream_seq from publisher.outbox order by id") == [(1,), (2,)]


async def test_what_was_published_longer_ago_than_it_is_kept_goes_except_the_newest(
    services: EventServices, js: JetStreamContext, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "PRUNE_EVERY_SECONDS", 0.05)
    kept = "select stream_seq from publisher.outbox order by id"
    for _ in range(3):
        await services.say(new_id(), new_id(), 1)
    async with running(relay_of(services, js).run):
        await until(published(services))
        await asyncio.sleep(0.2)
        assert await services.rows(kept) == [(1,), (2,), (3,)]
        clock.advance(RETENTION + timedelta(seconds=1))

        async def one_is_left() -> bool:
            return len(await services.rows(kept)) == 1

        await until(one_is_left)
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
        await until(one_is_left)
    assert await services.rows(kept) == [(4,)]


async def test_a_lost_stream_is_filled_again_and_nothing_takes_effect_twice(
    services: EventServices, js: JetStreamContext
) -> None:
    tenant = new_id()
    parcels = [new_id() for _ in range(20)]
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        for parcel in parcels:
            await services.say(tenant, parcel, 1)
        await until(has_seen(services, 20))
    await js.delete_stream("PUBLISHER")
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        late = new_id()
        await services.say(tenant, late, 1)
        await until(has_seen(services, 21))
        await until(published(services))
        await asyncio.sleep(0.5)
    assert sorted(await services.seen()) == sorted((str(parcel), 1) for parcel in [*parcels, late])
    info = await js.stream_info("PUBLISHER")
    assert info.state.messages == 21


async def test_a_message_of_another_writer_stops_the_relay(services: EventServices, js: JetStreamContext) -> None:
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
    await js.publish("publisher.parcel.x.moved.v1", b"not ours")
    with pytest.raises(ForeignWriter, match="not in the outbox"):
        await asyncio.wait_for(relay_of(services, js).run(), timeout=10)


async def test_a_stream_of_the_release_before_is_brought_to_other_days_with_all_that_it_holds(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
    before = await js.stream_info("PUBLISHER")
    assert (before.config.max_age, before.state.messages) == (30 * 86_400, 1)

    async with running(relay_of(services, js, stream_days=14).run, *consumer_loops(services.processor(), js)):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))

        async def both_heard() -> bool:
            return len(await services.seen()) == 2

        await until(both_heard)
    after = await js.stream_info("PUBLISHER")
    assert (after.config.max_age, after.state.messages, after.state.first_seq) == (14 * 86_400, 2, 1)
    assert after.created == before.created, "it is the same stream"


async def test_a_stream_that_is_full_lets_the_outbox_grow_and_drops_nothing(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = StreamDeclaration("PUBLISHER", ["publisher.>"], max_bytes=2_000)
    monkeypatch.setattr("shared.relay.event_stream", lambda *_: small)
    for _ in range(10):
        await services.say(new_id(), new_id(), 1)
    with suppress(APIError):
        await asyncio.wait_for(relay_of(services, js).run(), timeout=5)
    waiting = await unpublished(services)
    info = await js.stream_info("PUBLISHER")
    assert waiting > 0
    assert info.state.messages + waiting == 10


async def test_a_handler_that_fails_is_tried_again_later_without_its_first_effects(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "RETRY_DELAYS", (0.05,) * 7)
    tries = 0

    async def fail_twice(event: ReceivedEvent[Moved], uow: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("not yet")

    async with running(relay_of(services, js).run, *consumer_loops(services.processor(fail_twice), js)):
        await services.say(new_id(), new_id(), 1)
        await until(has_seen(services, 1))
    assert tries == 3
    assert len(await services.seen()) == 1


async def open_letters(services: EventServices) -> list[DeadLetter]:
    async with services.reader.for_every_tenant() as unit:
        return list(await DeadLetters(unit.session, "reader").open())


async def test_an_event_that_can_never_be_handled_is_dead_at_once_and_the_others_go_on(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        await services.say(new_id(), new_id(), 1, place="nowhere")
        await services.say(new_id(), new_id(), 1)
        await until(has_seen(services, 1))

        async def dead() -> bool:
            return len(await open_letters(services)) == 1

        await until(dead)
    (letter,) = await open_letters(services)
    assert letter.deliveries == 1
    assert "no such place" in letter.error
    assert json.loads(letter.payload)["data"]["place"] == "nowhere"


async def test_an_event_that_keeps_failing_is_dead_after_its_last_try_and_can_be_replayed(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "RETRY_DELAYS", (0.01,) * 7)
    broken = True

    async def fail(event: ReceivedEvent[Moved], uow: UnitOfWork) -> None:
        if broken:
            raise RuntimeError("still broken")

    processor = services.processor(fail)
    async with running(relay_of(services, js).run, *consumer_loops(processor, js)):
        await services.say(new_id(), new_id(), 1)

        async def dead() -> bool:
            return len(await open_letters(services)) == 1

        await until(dead)
    (letter,) = await open_letters(services)
    assert letter.deliveries == consumer_module.MAX_DELIVER
    assert await services.seen() == []
    with pytest.raises(RuntimeError):
        await replay(processor, letter.id)
    assert len(await open_letters(services)) == 1
    broken = False
    assert await replay(processor, letter.id) is True
    assert len(await services.seen()) == 1
    assert await open_letters(services) == []
    with pytest.raises(LookupError):
        await replay(processor, letter.id)


async def test_bytes_that_are_no_event_become_a_dead_letter(services: EventServices, js: JetStreamContext) -> None:
    await declare_stream(js, event_stream("publisher"))
    await js.publish(f"publisher.parcel.{new_id()}.moved.v1", b"\xff not json")
    async with running(*consumer_loops(services.processor(), js)):

        async def dead() -> bool:
            return len(await open_letters(services)) == 1

        await until(dead)
    (letter,) = await open_letters(services)
    assert letter.event_id is None
    assert letter.payload == b"\xff not json"


async def test_bytes_that_are_no_event_are_one_dead_letter_when_the_last_word_about_them_gets_lost(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "ACK_WAIT", 0.3)
    refusals = 0
    term = Msg.term

    async def lose_the_first(message: Msg) -> None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            await term(message)

    monkeypatch.setattr(Msg, "term", lose_the_first)
    await declare_stream(js, event_stream("publisher"))
    for number in (1, 2):
        await js.publish(f"publisher.parcel.{new_id()}.moved.v1", b"not json, number %d" % number)
    async with running(*consumer_loops(services.processor(), js)):

        async def all_refused() -> bool:
            return refusals == 3

        await until(all_refused)
    letters = await open_letters(services)
    assert sorted((letter.payload, letter.deliveries) for letter in letters) == [
        (b"not json, number 1", 2),
        (b"not json, number 2", 1),
    ]


async def give_up_on_the_first_event(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says an event whose handler kills the process at each delivery, until the server says that it gave up."""
    monkeypatch.setattr(consumer_module, "ACK_WAIT", 0.2)
    monkeypatch.setattr(consumer_module, "MAX_DELIVER", 2)

    async def hang(
        self: Consumer, stream: str, message: object
    ) -> None:  # the process is gone: nothing is acknowledged or refused any more
        raise asyncio.CancelledError

    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
    await declare_stream(js, ADVISORY_STREAM)

    async def given_up() -> bool:
        # Of this stream: other streams of the same server may have been held up, and given up on, too.
        info = await js.stream_info("ADVISORIES", subjects_filter="$JS.EVENT.ADVISORY.*.MAX_DELIVERIES.PUBLISHER.>")
        return bool(info.state.subjects)

    with monkeypatch.context() as patched:
        patched.setattr(Consumer, "_deliver", hang)
        dying = Consumer(services.processor(), js).loops()["consume PUBLISHER"]
        for _ in range(30):
            if await given_up():
                break
            with suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(dying(), timeout=1)
        assert await given_up()


async def test_an_event_whose_handler_kills_the_process_is_found_by_its_advisory(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_up_on_the_first_event(services, js, monkeypatch)
    async with running(*consumer_loops(services.processor(), js)):

        async def dead() -> bool:
            return len(await open_letters(services)) == 1

        await until(dead, seconds=15)
    (letter,) = await open_letters(services)
    assert "given up after 2 deliveries" in letter.error
    assert letter.event_id is not None


async def test_an_event_that_the_server_gave_up_on_is_kept_when_its_advisory_comes_while_the_database_is_away(
    services: EventServices, js: JetStreamContext, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_up_on_the_first_event(services, js, monkeypatch)
    loops = Consumer(services.processor(), js).loops()
    set_reachable(postgres_server, services, reachable=False)
    async with running(partial(kept_running, loops["consume ADVISORIES"])):
        await asyncio.sleep(MORE_THAN_EVERY_TRY)
        set_reachable(postgres_server, services, reachable=True)

        async def dead() -> bool:
            return len(await open_letters(services)) > 0

        await until(dead, seconds=15)
    (letter,) = await open_letters(services)
    assert letter.stream == "PUBLISHER"
    assert letter.event_id is not None


async def test_an_advisory_that_cannot_be_handled_yet_is_tried_for_ever(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(Consumer(services.processor(), js).loops()["consume ADVISORIES"]):

        async def declared() -> bool:
            with suppress(NotFoundError):
                return bool((await js.consumer_info("ADVISORIES", "reader")).config.max_deliver == -1)
            return False

        await until(declared)


async def test_what_the_server_gave_up_on_of_a_stream_that_only_another_release_reads_is_kept_as_well(
    services: EventServices, js: JetStreamContext
) -> None:
    await declare_stream(js, ADVISORY_STREAM)
    await declare_stream(js, event_stream("elsewhere"))
    try:
        await js.publish(f"elsewhere.parcel.{new_id()}.moved.v1", b"of another release")
        # The first one is about no event: a release of before gave up on an advisory.
        for stream in ("ADVISORIES", "ELSEWHERE"):
            advisory = {"stream": stream, "stream_seq": 1, "deliveries": 8, "timestamp": "2100-01-01T00:00:00Z"}
            subject = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.reader"
            await js.publish(subject, json.dumps(advisory).encode())
        async with running(Consumer(services.processor(), js).loops()["consume ADVISORIES"]):

            async def both_read() -> bool:
                with suppress(NotFoundError):
                    return bool((await js.consumer_info("ADVISORIES", "reader")).ack_floor.stream_seq == 2)
                return False

            await until(both_read)
        (letter,) = await open_letters(services)
        assert (letter.stream, letter.payload) == ("ELSEWHERE", b"of another release")
    finally:
        await js.delete_stream("ELSEWHERE")


async def test_a_dead_letter_that_cannot_be_written_waits_for_the_database(
    services: EventServices, js: JetStreamContext, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "ACK_WAIT", 0.2)
    await declare_stream(js, event_stream("publisher"))
    await js.publish(f"publisher.parcel.{new_id()}.moved.v1", b"\xff not json")
    loops = Consumer(services.processor(), js).loops()
    set_reachable(postgres_server, services, reachable=False)
    async with running(partial(kept_running, loops["consume PUBLISHER"])):
        await asyncio.sleep(MORE_THAN_EVERY_TRY)
        set_reachable(postgres_server, services, reachable=True)

        async def dead() -> bool:
            return len(await open_letters(services)) > 0

        await until(dead)
    (letter,) = await open_letters(services)
    assert letter.payload == b"\xff not json"


async def test_a_consumer_makes_the_stream_of_advisories_again_when_it_is_lost(
    services: EventServices, js: JetStreamContext
) -> None:
    async def there() -> bool:
        with suppress(NotFoundError):
            return bool((await js.consumer_info("ADVISORIES", "reader")).name)
        return False

    async with running(Consumer(services.processor(), js).loops()["consume ADVISORIES"]):
        await until(there)
        await js.delete_stream("ADVISORIES")
        await until(there, seconds=15)


async def test_an_advisory_about_a_lost_stream_buries_nothing_of_the_stream_that_took_its_place(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_up_on_the_first_event(services, js, monkeypatch)
    await js.delete_stream("PUBLISHER")
    async with services.publisher.for_every_tenant() as unit:
        await unit.session.execute(text("delete from publisher.outbox"))  # forgotten, as rows are after their retention
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1, place="Nantes")
        await until(published(services))
    assert b"Nantes" in ((await js.get_msg("PUBLISHER", 1)).data or b"")
    async with running(Consumer(services.processor(), js).loops()["consume ADVISORIES"]):

        async def read() -> bool:
            with suppress(NotFoundError):
                return bool((await js.consumer_info("ADVISORIES", "reader")).ack_floor.stream_seq == 1)
            return False

        await until(read)
    assert await open_letters(services) == []


async def test_a_consumer_that_waits_for_a_stream_starts_when_its_publisher_does(
    services: EventServices, js: JetStreamContext
) -> None:
    async with running(*consumer_loops(services.processor(), js)):
        await asyncio.sleep(0.3)
        async with running(relay_of(services, js).run):
            await services.say(new_id(), new_id(), 1)
            await until(has_seen(services, 1))


async def test_a_unit_of_work_sees_its_tenants_rows_only(services: EventServices, js: JetStreamContext) -> None:
    ours, theirs = new_id(), new_id()
    async with running(relay_of(services, js).run, *consumer_loops(services.processor(), js)):
        await services.say(ours, new_id(), 1)
        await services.say(theirs, new_id(), 1)
        await until(has_seen(services, 2))
    async with services.reader.for_every_tenant() as unit:
        await unit.session.execute(text("create role plain_reader"))
        await unit.session.execute(text("grant usage on schema reader to plain_reader"))
        await unit.session.execute(text("grant select on reader.seen to plain_reader"))
    for tenant in (ours, theirs):
        async with services.reader.for_tenant(tenant) as unit:
            await unit.session.execute(text("set local role plain_reader"))
            rows = (await unit.session.execute(text("select tenant_id from reader.seen"))).all()
            assert rows == [(UUID(str(tenant)),)]
    async with services.reader.for_every_tenant() as unit:
        await unit.session.execute(text("drop owned by plain_reader"))
        await unit.session.execute(text("drop role plain_reader"))


async def test_a_stream_that_is_lost_while_nobody_says_anything_is_filled_again(
    services: EventServices, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.relay.COMPARE_EVERY_SECONDS", 0.2)
    async with running(relay_of(services, js).run):
        await services.say(new_id(), new_id(), 1)
        await until(published(services))
        await js.delete_stream("PUBLISHER")
        async with running(*consumer_loops(services.processor(), js)):
            await until(has_seen(services, 1))


@pytest.mark.parametrize(
    ("statement", "away"),
    [("select pg_terminate_backend(pg_backend_pid())", True), ("select 1 / 0", False), (TOO_COMPLEX, False)],
)
async def test_only_a_database_that_cannot_be_reached_is_waited_for(
    statement: str, away: bool, services: EventServices, js: JetStreamContext
) -> None:
    with pytest.raises(DBAPIError) as failed:
        await services.rows(statement)
    assert is_database_away(failed.value) is away


async def test_a_worker_whose_broker_hangs_leaves_no_connection_open(
    own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "DRAIN_SECONDS", 0.2)
    url = own_nats_server.url()
    connections = worker.Connections(await connect(url, "relay"), await connect(url, "consumer"))
    assert own_nats_server.process is not None
    own_nats_server.process.send(signal.SIGSTOP)
    try:
        await connections.drain()
    finally:
        own_nats_server.process.send(signal.SIGCONT)
    assert connections.publishing.is_closed and connections.consuming.is_closed


async def test_a_connection_that_is_given_up_before_the_server_says_a_word_is_closed() -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        connecting = asyncio.create_task(connect(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", "test"))
        await asyncio.wait_for(came.wait(), 10)
        connecting.cancel()
        await asyncio.wait({connecting})
        await asyncio.wait_for(left.wait(), 10)
