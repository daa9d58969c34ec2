"""What the recorder does with results that come twice, late, wrong or not at all."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
from sqlalchemy import Engine, event

from probes.adapters import reactions
from probes.adapters import result_rows as pack_of_rows
from probes.adapters.result_rows import StoredResult
from probes.jobs.recording import Recorder
from probes.settings import ProbesSettings
from shared.stack.nats_server import NatsServer
from shared.testing.small_site import SmallSite

from .conftest import Contract, Service, contract, eventually, working


async def monitor_of(service: Service, given: Contract) -> UUID:
    """A monitor that no runner of this test checks: its results are handed in by hand."""
    await service.tell(given, "activated", given.state(monitoring={"interval_seconds": 30}))
    found: UUID = await eventually(lambda: service.one("select monitor_id from probes.monitor"))
    return found


def result(monitor_id: UUID, at: datetime, good: bool, slot: int = 1, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "monitor_id": str(monitor_id),
        "slot": slot,
        "due_at": at.isoformat(),
        "started_at": at.isoformat(),
        "took_us": 1500,
        "outcome": "good" if good else "bad",
        "status_code": 200 if good else 500,
    }
    if not good:
        found |= {"reason": "http_status", "detail": "The site answered with status 500.", "evidence": {}}
        found["evidence"] = {
            "checked_at": at.isoformat(),
            "url": "http://127.0.0.1/",
            "timings_ms": {"total": 1.5},
            "addresses": [],
            "refused_addresses": [],
            "headers": {},
        }
    return found | changes


async def hand_in(
    service: Service,
    *results: Any,
    location: str = "default",
    sent_at: datetime | None = None,
    controls: dict[str, Any] | None = None,
) -> None:
    batch = {
        "runner": "test",
        "location": location,
        "sent_at": (sent_at or datetime.now(UTC)).isoformat(),
        "results": list(results),
        "controls": controls,
    }
    await service.js.publish(f"probe-results.{location}", json.dumps(batch).encode())


async def recorded(service: Service) -> None:
    """Waits until every batch was taken off the stream."""

    async def empty() -> bool:
        return bool((await service.js.stream_info("PROBE_RESULTS")).state.messages == 0)

    await eventually(empty)


async def test_results_that_come_twice_or_late_count_once(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    start = datetime.now(UTC)
    checks = [
        result(monitor, start, True, 1),
        result(monitor, start + timedelta(milliseconds=10), False, 2),
        result(monitor, start + timedelta(milliseconds=20), False, 2, attempt=1),
        result(monitor, start + timedelta(milliseconds=30), True, 3),
    ]
    for batch in (checks, checks[:2], [checks[3], checks[1]], checks):
        await hand_in(idle, *batch)
    await recorded(idle)
    assert await idle.said("recovered") == ["unknown", "restored", "down", "recovered"]
    assert await idle.one("select count(*) from probes.result") == 4
    assert await idle.one("select count(*) from probes.outage") == 1


async def test_a_late_result_is_kept_and_changes_no_state(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    start = datetime.now(UTC)
    await hand_in(idle, result(monitor, start + timedelta(milliseconds=100), True, 2))
    for _ in range(2):
        await hand_in(idle, result(monitor, start + timedelta(milliseconds=50), False, 1))
    await recorded(idle)
    assert await idle.said("restored") == ["unknown", "restored"]
    assert await idle.one("select count(*) from probes.result") == 2


async def test_a_poisoned_result_is_a_dead_letter_and_the_others_go_on(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    now = datetime.now(UTC)
    await hand_in(
        idle,
        {"monitor_id": "not an id"},
        result(monitor, now + timedelta(days=400), True),
        result(monitor, now, True, slot=2**40),
        result(uuid4(), now, True),
        result(monitor, now, True),
    )
    await idle.js.publish("probe-results.default", b"no json at all")
    foreign = {"runner": "x", "location": "default", "sent_at": now.isoformat(), "results": []}
    await idle.js.publish("probe-results.elsewhere", json.dumps(foreign).encode())
    await recorded(idle)
    assert await idle.said("restored") == ["unknown", "restored"]
    assert await idle.one("select count(*) from probes.result") == 1
    letters = await idle.rows("select consumer, stream, error from probes.dead_letter order by id")
    assert len(letters) == 5 and {letter["consumer"] for letter in letters} == {"recorder"}


def seen_by(name: str, **changes: Any) -> dict[str, Any]:
    """An observation as a check tells it."""
    values: dict[str, dict[str, Any]] = {
        "certificate": {
            "host": "127.0.0.1",
            "port": 443,
            "subject": "CN=hotel",
            "issuer": "CN=hotel",
            "fingerprint_sha256": "ff",
            "not_after": "0500-01-01T00:00:00Z",
            "verified_until": None,
            "expires_first": "CN=hotel",
            "verdict": "self_signed",
        },
        "content": {"hash": "aa", "size": 2, "region": "bb"},
        "version:php": {"component": "php", "version": "8.4.1"},
    }
    return {name: values[name] | changes}


@pytest.mark.parametrize(
    "poison",
    [
        {"certificate": {}},
        seen_by("certificate", not_after="500-01-01T00:00:00Z"),
        {"version:php": {}},
        {"content": {"hash": "1"}},
        {"nothing": {"that": "is known"}},
    ],
)
async def test_an_observation_that_nobody_can_read_is_a_dead_letter_and_its_check_counts(
    idle: Service, poison: dict[str, Any]
) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    now = datetime.now(UTC)
    await hand_in(
        idle,
        result(monitor, now, True, observations=seen_by("content") | poison),
        result(monitor, now + timedelta(milliseconds=5), True, slot=2),
    )
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result") == 2
    kept = await idle.rows("select name from probes.observation")
    assert kept == ([] if "content" in poison else [{"name": "content"}])
    (letter,) = await idle.rows("select payload from probes.dead_letter")
    assert json.loads(bytes(letter["payload"]))["observations"].keys() == poison.keys()


async def test_what_the_database_does_not_store_is_left_out_of_texts(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    now = datetime.now(UTC)
    bad = result(monitor, now, False, detail="It says a\x00b.")
    bad["evidence"]["headers"] = {"x\x00y": "a\x00b"}
    await hand_in(idle, bad)
    await hand_in(idle, result(monitor, now + timedelta(milliseconds=5), False, attempt=1))
    await recorded(idle)
    assert await idle.one("select count(*) from probes.dead_letter") == 0
    assert await idle.one("select count(*) from probes.outage") == 1


async def test_only_what_cannot_be_recorded_is_buried_and_its_neighbours_are_evaluated(
    idle: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    start = datetime.now(UTC)

    def instant(number: int) -> datetime:
        return start + timedelta(milliseconds=10 * number)

    poison = {"certificate": {}, **seen_by("version:php")}
    checks = [result(monitor, instant(number), number != 3, slot=number + 1) for number in range(7)]
    checks[3] |= {"status_code": 503}
    checks[4] |= {"outcome": "bad", "reason": "connect"}
    checks[5] |= {"observations": poison}
    refused = pack_of_rows.packed

    def packed(row: StoredResult) -> tuple[int, ...]:
        if row.status_code == 503:
            raise ValueError("cannot be stored")
        return refused(row)

    async def stumbles(*_: object) -> None:
        raise KeyError("version")

    monkeypatch.setattr(pack_of_rows, "packed", packed)
    monkeypatch.setattr(reactions, "REACTIONS", {"version": stumbles})
    await hand_in(idle, *checks)
    await recorded(idle)
    stored = await idle.rows("select slot from probes.result order by slot")
    assert [row["slot"] for row in stored] == [1, 2, 3, 5, 6, 7]
    letters = await idle.rows("select error, payload from probes.dead_letter order by id")
    assert [letter["error"].partition(":")[0] for letter in letters] == ["ValueError", "KeyError", "certificate"]
    assert json.loads(bytes(letters[0]["payload"]))["slot"] == 4


async def test_a_recorder_that_has_lost_its_lock_records_no_more(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    sessions = (
        "select pid from pg_stat_activity where application_name = 'probes recorder' and datname = current_database()"
    )
    (before,) = await idle.rows(sessions)
    await idle.rows(f"select pg_terminate_backend(pid) from ({sessions}) s")

    async def another() -> bool:
        return [row for row in await idle.rows(sessions) if row != before] != []

    await eventually(another, 10)
    await hand_in(idle, result(monitor, datetime.now(UTC), True))
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result") == 1


async def test_thousands_of_results_that_do_not_apply_hold_nobody_up(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    start = datetime.now(UTC)
    missed = [
        result(monitor, start + timedelta(microseconds=number), True, slot=number, outcome="missed", status_code=None)
        for number in range(5000)
    ]
    asked = 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    event.listen(Engine, "before_cursor_execute", count)
    for _ in range(2):
        for first in range(0, len(missed), 250):
            await hand_in(idle, *missed[first : first + 250])
    await recorded(idle)
    event.remove(Engine, "before_cursor_execute", count)
    assert await idle.one("select count(*) from probes.result") == len(missed)
    assert 0 < asked < len(missed), "results are looked for by the batch, not one by one"


async def test_a_runner_whose_clock_is_off_is_refused(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    wrong = datetime.now(UTC) + timedelta(seconds=8)
    await hand_in(idle, result(monitor, wrong, True), sent_at=wrong)
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result") == 0
    await hand_in(idle, result(monitor, datetime.now(UTC), True))
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result") == 1


async def test_a_missed_check_is_stored_once_and_says_nothing(idle: Service) -> None:
    monitor = await monitor_of(idle, contract("http://127.0.0.1:9/"))
    due = datetime.now(UTC)
    missed = result(monitor, due, True, outcome="missed", status_code=None)
    for _ in range(2):
        await hand_in(idle, missed, missed)
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result") == 1
    assert await idle.one("select state from probes.monitor") == "unknown"


async def test_time_without_results_is_unknown_and_a_restart_is_told_apart(
    settings: ProbesSettings, own_nats_server: NatsServer
) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        async with working(settings, own_nats_server.url()) as first:
            await first.tell(given, "activated", given.state())
            await first.said("unknown", "restored")
            await eventually(lambda: first.one("select count(*) >= 2 from probes.result"))
        await asyncio.sleep(4)
        async with working(settings, own_nats_server.url()) as second:
            await second.said("unknown", "restored", "unknown", "restored")
            line = await second.rows(
                "select state, reason, started_at, ended_at from probes.stretch order by started_at"
            )
    assert [row["state"] for row in line] == ["unknown", "up", "unknown", "up"]
    gap = line[2]
    assert gap["reason"] == "runner_restarted"
    assert gap["ended_at"] - gap["started_at"] > timedelta(seconds=2)


async def test_silence_while_running_is_told_without_a_new_result(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    await idle.tell(given, "activated", given.state())
    monitor = await eventually(lambda: idle.one("select monitor_id from probes.monitor"))
    at = datetime.now(UTC)
    await hand_in(idle, result(monitor, at, True))
    await idle.said("unknown", "restored", "unknown")
    unknown = (await idle.events())[-1].data
    assert unknown["reason"] == "no_fresh_result" and unknown["previous_state"] == "up"
    assert datetime.fromisoformat(unknown["since"]) == at + timedelta(seconds=1)


async def test_results_that_came_while_the_recorder_was_paused_are_recorded_before_it_tells_of_silence(
    idle: Service, own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = contract("http://127.0.0.1:9/")
    await idle.tell(given, "activated", given.state())
    monitor = await eventually(lambda: idle.one("select monitor_id from probes.monitor"))
    at = datetime.now(UTC)
    await hand_in(idle, result(monitor, at, True))
    await idle.said("unknown", "restored")
    later = at + timedelta(seconds=4)
    missed = [result(monitor, at + timedelta(seconds=n), True, slot=1 + n) for n in range(1, 5)]
    batch = {"runner": "test", "location": "default", "sent_at": later.isoformat(), "results": missed, "controls": None}

    def hand_in_from_elsewhere() -> None:
        stand_still_until(later)
        asyncio.run(publish(own_nats_server.url(), json.dumps(batch).encode()))

    proven = Recorder._prove_lead

    async def proven_and_paused(recorder: Recorder, connection: Any) -> None:
        """The worst moment: nothing was there, and before silence is looked for everything stands still."""
        await proven(recorder, connection)
        monkeypatch.undo()
        stand_still_until(at + timedelta(seconds=6))

    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(hand_in_from_elsewhere)
        monkeypatch.setattr(Recorder, "_prove_lead", proven_and_paused)
        await asyncio.sleep(4)
    await idle.said("unknown", "restored", "unknown")
    unknown = (await idle.events())[-1].data
    assert datetime.fromisoformat(unknown["since"]) == later + timedelta(seconds=1)


def stand_still_until(instant: datetime) -> None:
    """Nothing else that shares this thread does anything meanwhile."""
    time.sleep((instant - datetime.now(UTC)).total_seconds())


async def publish(url: str, batch: bytes) -> None:
    client = await nats.connect(url)
    await client.jetstream().publish("probe-results.default", batch)
    await client.close()
