"""The migrated schema is the one that the code expects, and what a release before it has written stays as it was.

`previous_release.json` holds every row that revision 0002 had after an outage from its beginning to its end, one whose
monitor was paused, and two reports of people, and how that release read their clocks at one instant.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from incidents.adapters.tables import metadata
from incidents.main import rebuild_clocks
from shared.migrations import drift, migrate
from shared.stack.services import migrations_of
from shared.testing.databases import DatabaseUrls, ServiceDatabases

from .conftest import Agreement, Desk, settings_for

PREVIOUS: dict[str, Any] = json.loads(Path(__file__).with_name("previous_release.json").read_text(encoding="utf-8"))
RENAMED = {"incident": "work_item", "incident_stamp": "item_stamp", "incident_number": "item_number"}


def test_the_migrations_make_the_tables_of_the_code(service_database: Callable[[str], DatabaseUrls]) -> None:
    assert drift(service_database("incidents").owner, "incidents", metadata) == []


async def test_the_command_rebuilds_every_cached_clock(
    desk: Desk, agreement: Agreement, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    await desk.execute("update incidents.clock_due set due_at = null, breach_after = null, next_due_at = null")
    assert await rebuild_clocks([], settings_for(desk.urls)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "rebuilt the clocks of 1 incidents"
    due = await desk.rows("select due_at from incidents.clock_due order by metric desc")
    assert [row["due_at"].isoformat() for row in due] == ["2026-06-08T09:30:00+00:00", "2026-06-08T13:00:00+00:00"]


@pytest.fixture
def upgraded(service_databases: ServiceDatabases) -> DatabaseUrls:
    """A database of the previous release with its rows, brought to the newest revision."""
    urls = service_databases.create_empty("incidents")
    folder = migrations_of("incidents")
    migrate(urls.owner, folder, "incidents", metadata, "0002")
    with psycopg.connect(urls.superuser) as connection:
        for table, rows in PREVIOUS["rows"].items():
            into = sql.Identifier("incidents", table)
            connection.execute(
                sql.SQL(
                    "insert into {} overriding system value select * from jsonb_populate_recordset(null::{}, %s)"
                ).format(into, into),
                [Jsonb(rows)],
            )
        connection.execute(
            "select setval(pg_get_serial_sequence('incidents.clock_event', 'id'), max(id)) from incidents.clock_event"
        )
    migrate(urls.owner, folder, "incidents", metadata)
    return urls


def as_it_was_named(row: dict[str, Any]) -> dict[str, Any]:
    """The row with `item_id` under its earlier name."""
    return {("incident_id" if name == "item_id" else name): value for name, value in row.items()}


def test_every_row_of_the_previous_release_is_there_with_all_that_it_said(upgraded: DatabaseUrls) -> None:
    with psycopg.connect(upgraded.superuser) as connection:
        connection.execute("set time zone 'UTC'")
        for table, before in PREVIOUS["rows"].items():
            name = sql.Identifier("incidents", RENAMED.get(table, table))
            found = connection.execute(sql.SQL("select to_jsonb(each_row) from {} each_row").format(name)).fetchall()
            after = [as_it_was_named(row) for (row,) in found]
            kept = [{column: row[column] for column in before[0]} for row in after]
            assert sorted(kept, key=repr) == sorted(before, key=repr), table


def test_the_upgraded_schema_is_the_one_of_the_code(upgraded: DatabaseUrls) -> None:
    assert drift(upgraded.owner, "incidents", metadata) == []


def test_what_orders_the_queue_is_known_of_terms_of_before_and_of_figures_that_contracts_does_not_say(
    upgraded: DatabaseUrls,
) -> None:
    said = {"3": 3, "1.0": 1, "null": None, "true": None, '"high"': None, "3000000000": None}
    with psycopg.connect(upgraded.superuser) as connection:
        zones = connection.execute("select distinct time_zone from incidents.contract_terms").fetchall()
        assert zones == [("Europe/Paris",)]
        for priority, known in said.items():
            found = connection.execute(
                """
                insert into incidents.contract_terms
                    (contract_id, version, tenant_id, client_id, status, effective_from, state, received_at)
                select gen_random_uuid(), 1, tenant_id, client_id, status, effective_from,
                    jsonb_set(state, '{plan}', %s), received_at
                from incidents.contract_terms limit 1
                returning plan_priority
                """,
                [f'{{"priority": {priority}}}'],
            ).fetchone()
            assert found == (known,), priority


def test_nobody_waits_for_the_terms_while_a_migration_waits_for_the_items(service_databases: ServiceDatabases) -> None:
    urls, folder = service_databases.create_empty("incidents"), migrations_of("incidents")
    migrate(urls.owner, folder, "incidents", metadata, "0016")
    waits = "select from pg_locks where relation = 'incidents.work_item'::regclass and not granted"
    with (
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(urls.superuser) as writer,
        psycopg.connect(urls.superuser, autocommit=True) as reader,
    ):
        writer.execute("lock incidents.work_item in row exclusive mode")
        migration = thread.submit(migrate, urls.owner, folder, "incidents", metadata)
        while reader.execute(waits).fetchone() is None:
            assert not migration.done(), migration.exception()
        writer.execute("set lock_timeout = '3s'")
        writer.execute("select from incidents.contract_terms")
        writer.commit()
        migration.result(30)
    assert drift(urls.owner, "incidents", metadata) == []


async def test_the_clocks_of_the_previous_release_read_the_same_and_go_on(
    make_desk: Callable[..., Desk], upgraded: DatabaseUrls
) -> None:
    desk = make_desk(upgraded)
    desk.clock.set(datetime.fromisoformat(PREVIOUS["as_of"]))
    agreement = Agreement(
        tenant_id=UUID(PREVIOUS["tenant_id"]),
        client_id=UUID(PREVIOUS["client_id"]),
        contract_id=UUID(PREVIOUS["contract_id"]),
    )

    async def read() -> dict[str, Any]:
        async with desk.client(agreement) as client:
            listed = (await client.get("/v1/incidents")).json()["data"]
            ids = {line["number"]: line["incident_id"] for line in listed}
            return {number: (await client.get(f"/v1/incidents/{found}")).json() for number, found in ids.items()}

    after = await read()
    assert after.keys() == PREVIOUS["incidents"].keys()
    for number, before in PREVIOUS["incidents"].items():
        told = {name: value for name, value in before.items() if name not in ("clocks", "timestamps")}
        assert {name: after[number][name] for name in told} == told
        for name, stamp in before["timestamps"].items():
            assert after[number]["timestamps"][name] == stamp
        same = [clock for clock in after[number]["clocks"] if clock["metric"] in ("response", "repair")]
        told_before = [{name: clock[name] for name in one} for clock, one in zip(same, before["clocks"], strict=True)]
        assert told_before == before["clocks"], number

    # What happened to each clock is told once. Nothing else is said again, also from an empty cache, nor that a share
    # was used up before contracts told to say so.
    for _ in range(2):
        await desk.due_clocks.run()
        assert await desk.due_clocks.rebuild() == len(after)
        desk.clock.advance(timedelta(minutes=2))
    said = await desk.said(agreement.tenant_id)
    assert {data["number"]: (name, version) for name, version, data in said} == {
        number: ("incident.clocks_changed.v1", incident["version"] + 1) for number, incident in after.items()
    }
    assert (len(said), all(clock["facts"] for _, _, data in said for clock in data["clocks"])) == (len(after), True)
    desk.clock.set(datetime.fromisoformat(PREVIOUS["as_of"]))
    assert await read() == {number: each | {"version": each["version"] + 1} for number, each in after.items()}
    desk.clock.set(datetime.fromisoformat("2026-06-08T14:53:01+00:00"))
    await desk.due_clocks.run()
    breached = [
        (data["incident_id"], data["metric"])
        for name, _, data in await desk.said(agreement.tenant_id)
        if name == "clock.breached.v1"
    ]
    assert sorted(breached) == sorted(
        (after[number]["incident_id"], metric)
        for number, metric in (("INC-2026-0003", "response"), ("INC-2026-0004", "repair"))
    )
