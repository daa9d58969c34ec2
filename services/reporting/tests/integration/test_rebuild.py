"""Projections are made again from what the streams said while the service serves, and say what they said before."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
import psycopg
from pydantic import SecretStr
from sqlalchemy import select, text

from reporting.adapters.next_generation import one_at_a_time, under_way
from reporting.adapters.rebuilt_tables import REBUILT
from reporting.adapters.tables import metadata
from reporting.jobs.rebuild import Rebuild
from reporting.main import SERVICE
from shared.events import Envelope
from shared.ids import new_id
from shared.jetstream import declare_stream, event_stream
from shared.testing.databases import DatabaseUrls

from .test_response_times import measured, sum_up

PROJECTIONS = [metadata.tables[table.fullname.replace("rebuilt_", "")] for table in REBUILT.values()]
JULY = datetime(2026, 7, 1, 6, tzinfo=UTC)
NINTH = datetime(2026, 6, 20, 9, tzinfo=UTC)


async def digest(service: Any) -> dict[str, str]:
    """A hash over every row of each projection."""
    found = {}
    async with service.runtime.units.for_every_tenant() as unit:
        for table in PROJECTIONS:
            rows = (await unit.session.execute(select(table).order_by(*table.primary_key))).all()
            found[str(table.name)] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
    return found


async def execute(service: Any, *statements: str) -> None:
    """Does as the superuser what nobody else may."""
    async with await psycopg.AsyncConnection.connect(service.urls.superuser, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement)


async def report(service: Any, story: Any) -> Any:
    """The report of June, as a client reads it."""
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")
        return answer.json()


def hours(story: Any, count: int) -> list[bytes]:
    """Roll-ups of the hours before the first of July."""
    end = datetime(2026, 7, 1, tzinfo=UTC)
    return [story.measured(end - timedelta(hours=back)) for back in range(1, count + 1)]


async def rebuilt(service: Any, *, batch: int = 5, js: Any = None, remove: bool = False) -> dict[str, Any]:
    """A rebuild from beginning to end; what it found."""
    work = Rebuild(service.runtime.units, js, batch=batch)
    await work.begin()
    while await work.step() is not None:
        pass
    return {each.projection: (each.added, each.changed, each.unexplained) for each in await work.switch(remove=remove)}


MEASURED = "update reporting.uptime_period set due_at = null, ends_at = '2026-06-30T22:00:00Z'"


async def due(service: Any) -> set[Any]:
    """The clients whose measured months are to be looked at now."""
    async with service.runtime.units.for_every_tenant() as unit:
        found = text("select client_id from reporting.uptime_period where due_at = :now")
        return set(await unit.session.scalars(found, {"now": unit.now}))


async def test_a_rebuild_of_what_is_right_changes_nothing_and_makes_nothing_due(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story(slug="another")
    await service.hear(*story.golden_june(), *hours(story, 12), *other.golden_june(), *hours(other, 7))
    service.clock.set(JULY)
    await execute(service, MEASURED)
    before = await digest(service)
    assert {name for name, each in before.items() if each.startswith("0 ")} == {
        "client",
        "clock",
        "site",
        "site_page",
        "told_fact",
        "maintenance_window",
    }
    found = await rebuilt(service)
    assert set(found.values()) == {(0, 0, 0)}
    assert await digest(service) == before
    assert await due(service) == set()


async def test_a_step_of_a_rebuild_takes_as_long_as_it_takes(service: Any) -> None:
    async with service.runtime.units.for_every_tenant() as unit:
        await one_at_a_time(unit.session)
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            assert await unit.session.scalar(text(f"show {limit}")) == "0"


async def test_months_of_the_clients_whose_rows_were_otherwise_are_measured_again(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story(slug="another")
    await service.hear(*story.golden_june(), *other.golden_june())
    service.clock.set(JULY)
    await execute(
        service, MEASURED, f"delete from reporting.transition where client_id = '{story.client_id}' and number = 2"
    )
    assert (await rebuilt(service))["transition"] == (2, 0, 0)
    assert await due(service) == {story.client_id}


async def test_reports_of_months_that_are_over_are_due_again_be_the_first_one_issued_or_at_work(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    months = {"2026-05-01": "'2026-05-31T22:00:00Z', 1", "2026-06-01": "'2026-06-30T22:00:00Z', 0"}
    commented_early = {"2026-08-01": "null, 0"}
    whose = f"'{story.contract_id}', 'monthly', '{story.tenant_id}', '{story.client_id}', '{{}}', 0"
    columns = "contract_id, kind, tenant_id, client_id, commentary, commentary_version, month, ends_at, edition"
    rows = [f"({whose}, '{month}', {values})" for month, values in (months | commented_early).items()]
    await execute(
        service,
        f"insert into reporting.report_month ({columns}) values {', '.join(rows)}",
        "delete from reporting.transition where number = 2",
    )
    await rebuilt(service)
    async with service.runtime.units.for_every_tenant() as unit:
        found = await unit.session.scalars(text("select month from reporting.report_month where due_at is not null"))
        assert {str(month) for month in found} == set(months)


async def test_damage_is_mended_though_the_rebuild_is_killed_and_more_is_heard_and_nobody_notices(
    start_service: Callable[..., Any], story: Any
) -> None:
    service, undamaged = await start_service(), await start_service()
    events = [*story.golden_june(), *hours(story, 40)]
    outage = new_id()
    later = [
        [story.down(outage, NINTH), story.measured(NINTH)],
        [story.recovered(outage, NINTH, NINTH + timedelta(minutes=7))],
        list(story.incident(new_id(), outage, NINTH, recovered=NINTH + timedelta(minutes=7))),
    ]
    await service.hear(*events)
    await undamaged.hear(*events, *(event for some in later for event in some))
    service.clock.set(JULY)
    await execute(
        service,
        "delete from reporting.transition where number % 3 = 0",
        "update reporting.transition set at = at + interval '4 minutes' where entered = 'down'",
        "update reporting.incident set state = jsonb_set(state, '{severity}', '\"minor\"')",
        "delete from reporting.vouched",
        "delete from reporting.contract",
    )
    wrong = await report(service, story)
    coming = iter(later)
    work = Rebuild(service.runtime.units, None, batch=4)
    await work.begin()
    steps = 0
    while await work.step() is not None:
        steps += 1
        work = Rebuild(service.runtime.units, None, batch=4)  # the process before was killed, and this one goes on
        await work.begin()
        if steps % 3 == 0:
            await service.hear(*next(coming, []))
        elif steps < 3:
            assert await report(service, story) == wrong
    await service.hear(*(event for some in coming for event in some))
    assert steps > 12
    found = {each.projection: each for each in await work.switch()}
    assert found["contract"].added == 1
    assert found["incident"].changed == 2
    assert found["transition"].added > 0
    assert found["transition"].changed > 0
    assert sum(each.unexplained for each in found.values()) == 0
    assert await digest(service) == await digest(undamaged)
    assert (await report(service, story))["uptime"] == (await report(undamaged, story))["uptime"]
    assert set((await rebuilt(service)).values()) == {(0, 0, 0)}


async def test_what_was_lost_of_what_was_kept_comes_back_from_the_streams_and_what_is_to_come_is_left_to_the_consumer(
    start_service: Callable[..., Any], own_nats_server: Any, story: Any
) -> None:
    url = own_nats_server.url()
    service = await start_service(nats_url=SecretStr(url))
    events = [*story.golden_june(), *hours(story, 9)]
    unheard = story.down(new_id(), NINTH)
    client = await nats.connect(url)
    js = client.jetstream()
    for name in ("contracts", "probes", "incidents"):
        await declare_stream(js, event_stream(name), 1)
    for payload in [*events, unheard, b"no event"]:
        subject = "probes.monitor.x.down.v1"
        if payload != b"no event":
            envelope = Envelope.parse(payload)
            subject = envelope.name.subject(envelope.subject.partition("/")[2])
        await js.publish(subject, payload)
    await service.hear(*events)
    before = await digest(service)
    await execute(
        service,
        "create table kept as select event_id, payload from reporting.event",
        "delete from reporting.event where name like 'probes.%'",
        "delete from reporting.rollup",
        *(f"delete from {table.fullname}" for table in PROJECTIONS),
    )
    await rebuilt(service, js=js)
    await client.close()
    assert await digest(service) == before
    async with await psycopg.AsyncConnection.connect(service.urls.superuser, autocommit=True) as connection:
        same = await connection.execute(
            "select count(*), count(*) filter (where e.payload = k.payload)"
            " from kept k full join reporting.event e using (event_id)"
        )
        assert await same.fetchone() == (len(events) - 9, len(events) - 9)
        rollups = await connection.execute("select count(*) from reporting.rollup")
        assert await rollups.fetchone() == (9,)
        await connection.execute("drop table kept")
    assert await service.hear(unheard) == 1
    async with service.client(story) as reader:
        log = (await reader.get("/v1/audit-log?limit=100")).json()["data"]
    assert str(Envelope.parse(unheard).id) in {entry["event_id"] for entry in log}


async def test_rows_that_no_event_explains_stay_until_somebody_says_that_they_may_go(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june(), *hours(story, 3))
    before = await digest(service)
    await execute(
        service,
        "insert into reporting.incident select gen_random_uuid(), tenant_id, client_id, contract_id, version, number,"
        " status, began_at, ended_at, state from reporting.incident",
        "update reporting.vouched set until = until + interval '1 day'",
    )
    damaged = await digest(service)
    found = await rebuilt(service)
    assert (found["incident"], found["vouched"]) == ((0, 0, 2), (0, 0, 1))
    assert await digest(service) == damaged
    await rebuilt(service, remove=True)
    assert await digest(service) == before


async def test_an_event_that_no_handler_understands_any_more_stops_the_rebuild_before_anything_changed(
    service: Any, story: Any, capsys: Any
) -> None:
    await service.hear(*story.golden_june())
    before = await digest(service)
    await execute(
        service,
        "update reporting.event set payload = convert_to(replace(convert_from(payload, 'utf8'), 'down_since\":\"',"
        " 'down_since\":\"x'), 'utf8') where name = 'probes.monitor.down.v1'",
    )
    assert await SERVICE.commands["rebuild"](["--kept-only"], service.settings) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert await digest(service) == before


async def test_without_nats_the_command_says_what_to_do(service: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("reporting.api.commands.NATS_SECONDS", 0.2)
    settings = service.settings.model_copy(update={"nats_url": SecretStr("nats://127.0.0.1:1")})
    assert await SERVICE.commands["rebuild"]([], settings) == 1
    assert "--kept-only" in capsys.readouterr().err


async def test_a_process_that_is_killed_leaves_everything_as_it_was_and_the_next_one_goes_on(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june(), *hours(story, 60))
    before = await digest(service)
    await execute(service, "delete from reporting.transition")
    damaged = await digest(service)
    environment = os.environ | {
        "REPORTING_DATABASE_URL": service.urls.app,
        "REPORTING_SECRET_KEY": service.settings.secret_key.get_secret_value(),
        "REPORTING_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "reporting", "rebuild", "--kept-only", "--batch", "1"]

    async def start() -> Any:
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)

    process = await start()
    assert b"0 of about" in await process.stdout.readline()
    await asyncio.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await digest(service) == damaged
    process = await start()
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "transition: " in said
    assert await digest(service) == before


async def test_only_one_of_two_rebuilds_at_a_time_switches(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june(), *hours(story, 20))
    before = await digest(service)
    await execute(service, "delete from reporting.transition")

    async def run() -> int:
        return await SERVICE.commands["rebuild"](["--kept-only", "--batch", "3"], service.settings)

    assert sorted(await asyncio.gather(run(), run())) in ([0, 0], [0, 1])
    assert await digest(service) == before


async def test_whoever_comes_while_a_step_is_at_work_waits_for_its_turn_and_neither_is_killed(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june(), *hours(story, 3))
    work = Rebuild(service.runtime.units, None, batch=3)
    await work.begin()
    async with service.runtime.units.for_every_tenant() as unit:
        await one_at_a_time(unit.session)
        row = await under_way(unit.session)
        assert row is not None
        coming = asyncio.create_task(Rebuild(service.runtime.units, None, batch=3).begin())
        await asyncio.wait([coming], timeout=0.5)
        assert not coming.done()
        row.done += 1
        await unit.session.flush()
    assert (await coming).done == 1


async def test_a_table_that_somebody_holds_ends_the_command_with_what_to_do_and_the_next_one_goes_on(
    service: Any, story: Any, capsys: Any, monkeypatch: Any
) -> None:
    await service.hear(*story.golden_june(), *hours(story, 3))
    before = await digest(service)
    await execute(service, "delete from reporting.transition")
    monkeypatch.setattr("reporting.adapters.next_generation._PATIENCE", "200ms")
    async with await psycopg.AsyncConnection.connect(service.urls.superuser) as holding:
        await holding.execute("lock table reporting.event in row exclusive mode")
        assert await SERVICE.commands["rebuild"](["--kept-only"], service.settings) == 1
        said = capsys.readouterr().err
        assert "run the same command again" in said
        assert "Traceback" not in said
    assert await SERVICE.commands["rebuild"](["--kept-only"], service.settings) == 0
    assert await digest(service) == before


async def test_days_of_response_times_are_made_again_from_the_hours_that_are_kept(service: Any, story: Any) -> None:
    end = datetime(2026, 6, 20, tzinfo=UTC)
    told = [measured(story, end - timedelta(hours=back), 100_000 + back, 300_000) for back in range(1, 90)]
    await service.hear(*story.golden_june()[:5], *told)
    await sum_up(service)
    days = text("select contract_id, starts_at, ends_at, day, figures, sketches from reporting.response_day order by 2")

    async def found() -> list[Any]:
        async with service.runtime.units.for_every_tenant() as unit:
            return list((await unit.session.execute(days)).all())

    before = await found()
    assert len(before) == 5
    await execute(
        service,
        "delete from reporting.response_day where day = '2026-06-18'",
        "update reporting.response_day set figures = '{}' where day = '2026-06-17'",
    )
    await rebuilt(service)
    await sum_up(service)
    assert await found() == before


def test_the_rebuilt_tables_are_those_of_the_present(service_database: Callable[[str], DatabaseUrls]) -> None:
    columns = (
        "select column_name, data_type, is_nullable from information_schema.columns"
        " where table_schema = 'reporting' and table_name = %s order by 1"
    )
    with psycopg.connect(service_database("reporting").superuser) as connection:
        for name in (table.name for table in PROJECTIONS):
            assert (
                connection.execute(columns, [f"rebuilt_{name}"]).fetchall()
                == connection.execute(columns, [name]).fetchall()
            )
