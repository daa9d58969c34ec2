"""The drill: all is lost but a backup of PostgreSQL and the secrets, and an empty installation goes on from there.

`make drill` runs it and prints what was kept and how long it took. Of JetStream nothing is kept: its streams are filled
again from the outboxes. `deploy/backup-and-restore.md` says the same steps for an installation.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from psycopg import sql
from workspace import ROOT

from shared.outbound_http import usual_authorities
from shared.stack.binaries import postgresql_binaries
from shared.stack.bootstrap import bootstrap
from shared.stack.folders import Memory
from shared.stack.nats_server import NatsServer
from shared.stack.postgres_server import PostgresServer
from shared.testing.running_stack import RunningStack, running_stack_over
from shared.testing.servers import role_passwords, running_nats, running_postgres
from shared.testing.small_site import SmallSite
from shared.testing.third_party import verified_log
from shared.values import instant_text

from ..e2e.thread_client import (
    ThreadClient,
    eventually,
)
from .database_structure import Structure, behind, differences, sequences, structure
from .outages import agreed, connected, dead_letters, hear_by_webhook, live_through_an_outage, told
from .storm import SERVICES, unfinished

PAGE = "/restored"
T = TypeVar("T")
Rows = dict[str, dict[str, int]]
"""Per table: the hash of each row, and how many rows have it."""

TOLD_AND_HEARD = {
    **{(service, "outbox"): "event_id, envelope::text" for service in SERVICES},
    **{(service, "inbox"): "consumer, event_id" for service in SERVICES},
    ("reporting", "event"): "event_id, payload",
}
"""What services told and heard, by what never changes of it: when an event was put on its stream does."""


def tables(connection: psycopg.Connection[Any], *, never_changed: bool = False) -> list[tuple[str, str]]:
    """Every table of the services; partitions count with their table. `never_changed`: rows are only ever added."""
    return connection.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = any(%s) and c.relkind in ('r', 'p') and not c.relispartition "
        "and not (%s and has_any_column_privilege(n.nspname || '_app', c.oid, 'update')) order by 1, 2",
        [list(SERVICES), never_changed],
    ).fetchall()


def rows_of(connection: psycopg.Connection[Any], schema: str, table: str, columns: str = "t::text") -> dict[str, int]:
    """The hash of every row, and how often it is there."""
    query = sql.SQL("select md5(row({columns})::text), count(*) from {table} t group by 1").format(
        columns=sql.SQL(columns),  # constants of this file
        table=sql.Identifier(schema, table),
    )
    return dict(connection.execute(query).fetchall())


def everything(connection: psycopg.Connection[Any]) -> Rows:
    return {f"{schema}.{table}": rows_of(connection, schema, table) for schema, table in tables(connection)}


def what_never_changes(connection: psycopg.Connection[Any]) -> Rows:
    """What no service may ever take back."""
    found = {
        f"{schema}.{table}": rows_of(connection, schema, table)
        for schema, table in tables(connection, never_changed=True)
    }
    for (schema, table), columns in TOLD_AND_HEARD.items():
        found[f"{schema}.{table}"] = rows_of(connection, schema, table, columns)
    return found


def missing(before: Rows, after: Rows) -> list[str]:
    """What there is less of than before, in words."""
    said = []
    for table, rows in before.items():
        lost = sum(max(0, count - after[table].get(row, 0)) for row, count in rows.items())
        if lost:
            said.append(f"{lost} of {sum(rows.values())} rows of {table}")
    return said


def program(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(postgresql_binaries() / name), *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Held:
    """What a database held at one instant."""

    content: Rows
    kept: Rows
    """Of it what never changes."""
    structure: Structure
    sequences: Mapping[str, int]


def back_up(url: str, file: Path) -> Held:
    """A backup while the services work, and what was in the database at that very instant."""
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        ((snapshot,),) = connection.execute("select pg_export_snapshot()").fetchall()
        # Sequences know no snapshot: those of the backup are read later, and have given no fewer numbers.
        given, built = sequences(connection, SERVICES), structure(connection, SERVICES)
        program("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={file}", url)
        return Held(everything(connection), what_never_changes(connection), built, given)


def restore(server: PostgresServer, file: Path) -> str:
    """Roles, and then the backup into a database that was not there, by the statement of the guide over what a newer
    release has made. Gives the superuser's URL of the database."""
    url = server.url("upheld")
    bootstrap(url, SERVICES, {service: role_passwords(server, service) for service in SERVICES})
    guide = (ROOT / "deploy/backup-and-restore.md").read_text(encoding="utf-8")
    (emptied,) = re.findall(r"psql upheld -c '(drop schema [^']+)'", guide)
    with psycopg.connect(url) as connection:
        for service in SERVICES:
            connection.execute(f"create table {service}.of_a_newer_release (id int)".encode())
        connection.execute(emptied.encode())
    program("pg_restore", "--clean", "--if-exists", "--exit-on-error", f"--dbname={url}", str(file))
    return url


def wait_for_calm(stack: RunningStack) -> None:
    """Until every event is on its stream and was taken by whoever listens."""

    def calm() -> bool | None:
        with connected(stack.database_url) as connection:
            return not any(unfinished(lambda text: connection.execute(text.encode()).fetchall())) or None

    eventually(calm, 120, "every event is on its stream and was taken")


def whole(thread: ThreadClient, folder: Path, checkpoint: dict[str, Any]) -> bool:
    """Whether the audit log follows from a checkpoint that was kept elsewhere, as a third party finds out."""
    verifier = thread.call("GET", "reporting", "/v1/audit-log/verifier").content
    lines = thread.call("GET", "reporting", "/v1/audit-log/export").text.splitlines(keepends=True)
    status, said = verified_log(folder, verifier, lines, checkpoint)
    assert status == 0, said
    return "WHOLE." in said


def lost_of_the_streams(server: NatsServer, url: str) -> list[str]:
    """The services whose stream does not hold each event of its outbox exactly once."""
    address = f"{server.monitor_url}/jsz?accounts=true&streams=true"
    accounts = httpx.get(address, trust_env=False, timeout=30, verify=usual_authorities()).json()["account_details"]
    held = {
        stream["name"].lower(): stream["state"]["messages"]
        for account in accounts
        for stream in account.get("stream_detail", [])
    }
    with connected(url) as connection:
        written = {
            service: connection.execute(f"select count(*) from {service}.outbox".encode()).fetchall()[0][0]
            for service in SERVICES
        }
    # A server that has just started may not tell of each stream yet.
    return [
        f"{service}: {held.get(service, 0)} of {written[service]}"
        for service in SERVICES
        if held.get(service, 0) != written[service]
    ]


def under_way(url: str) -> int:
    """Mails and deliveries of webhooks that have not left."""
    with connected(url) as connection:
        ((count,),) = connection.execute(
            "select (select count(*) from incidents.notification where state = 'pending') "
            "+ (select count(*) from reporting.delivery where status = 'pending')"
        ).fetchall()
    return int(count)


SMALL = """
create schema small;
create role small_app;
grant usage on schema small to small_app;
create table small.thing (id bigint generated always as identity primary key, tenant int not null, name text unique,
                          at timestamptz default now(), check (tenant > 0));
alter table small.thing enable row level security, force row level security;
create policy own on small.thing using (tenant = 1) with check (tenant = 1);
create index by_tenant on small.thing (tenant) where name is not null;
grant select, insert on small.thing to small_app;
grant update (name) on small.thing to small_app;
create function small.stop() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
revoke execute on function small.stop() from public;
create trigger stop before delete on small.thing for each row execute function small.stop();
create view small.names as select name from small.thing;
alter default privileges in schema small grant select on tables to small_app;
insert into small.thing (tenant, name) values (1, 'a'), (1, 'b');
"""
LEFT_OUT = {
    "drop policy own on small.thing": "policies: lacks own on small.thing",
    "alter policy own on small.thing using (true)": "policies: has besides own on small.thing",
    "alter table small.thing disable row level security": "tables: lacks small.thing",
    "alter table small.thing no force row level security": "tables: lacks small.thing",
    "alter table small.thing owner to small_app": "tables: lacks small.thing",
    "revoke insert on small.thing from small_app": "grants: lacks table small.thing: small_app may INSERT",
    "revoke update (name) on small.thing from small_app": "grants: lacks column small.thing.name: small_app may UPDATE",
    "grant delete on small.thing to public": "grants: has besides table small.thing: everybody may DELETE",
    "revoke usage on schema small from small_app": "grants: lacks schema small: small_app may USAGE",
    "grant execute on function small.stop() to public": "grants: has besides function small.stop(): everybody",
    "alter default privileges in schema small revoke select on tables from small_app": "grants: lacks default small r",
    "alter table small.thing drop constraint thing_tenant_check": "constraints: lacks thing_tenant_check",
    "alter table small.thing drop constraint thing_name_key": "indexes: lacks CREATE UNIQUE INDEX thing_name_key",
    "drop index small.by_tenant": "indexes: lacks CREATE INDEX by_tenant",
    "alter table small.thing alter at drop default": "columns: lacks small.thing.at",
    "alter table small.thing alter tenant drop not null": "columns: lacks small.thing.tenant",
    "drop trigger stop on small.thing": "triggers: lacks CREATE TRIGGER stop",
    "alter table small.thing disable trigger stop": "triggers: lacks CREATE TRIGGER stop",
    "create or replace function small.stop() returns trigger language plpgsql as $$ begin return old; end $$": (
        "functions: lacks CREATE OR REPLACE FUNCTION small.stop()"
    ),
    "create or replace view small.names as select name || '' as name from small.thing": "views: lacks small.names",
}


def test_what_a_restore_leaves_out_is_found_whatever_it_is(own_postgres_server: PostgresServer) -> None:
    with psycopg.connect(own_postgres_server.url("postgres")) as connection:
        connection.execute(SMALL)
        whole_one, given = structure(connection, ["small"]), sequences(connection, ["small"])
        assert differences(whole_one, structure(connection, ["small"])) == []
        for statement, found in LEFT_OUT.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
                said = differences(whole_one, structure(connection, ["small"]))
                assert any(line.startswith(found) for line in said), (statement, said)
        assert given == {"small.thing_id_seq": 2}
        connection.execute("select setval('small.thing_id_seq', 1)")
        assert behind(given, sequences(connection, ["small"])) == ["small.thing_id_seq: 1 after 2"]
        connection.rollback()


@pytest.mark.slow
def test_a_backup_restored_into_an_empty_installation_lacks_nothing_and_goes_on(tmp_path: Path) -> None:
    memory, backup = Memory(), tmp_path / "upheld.dump"
    took: dict[str, float] = {}

    def timed(step: str, act: Callable[[], T]) -> T:
        began = time.monotonic()
        done = act()
        took[step] = round(time.monotonic() - began, 2)
        return done

    with SmallSite() as site:
        with running_postgres() as postgres, running_nats() as nats:
            with running_stack_over(postgres, nats, memory=memory) as stack:
                tenant = stack.new_tenant("Agency that keeps backups")
                with ThreadClient(stack, stack.token(tenant)) as thread:
                    hear_by_webhook(thread, site)
                    contract = agreed(thread, site, PAGE)
                    incident_id = live_through_an_outage(thread, site, contract, PAGE)["incident_id"]
                    wait_for_calm(stack)
                    # What is on its way at the instant of the backup is sent once more after it: at least once.
                    eventually(lambda: not under_way(stack.database_url) or None, 60, "all was sent")
                    checkpoint = thread.post("reporting", "/v1/audit-checkpoints")
                    as_of = instant_text(stack.clock.now())
                    before = told(thread, contract, incident_id, as_of)
                held = timed("backup", lambda: back_up(stack.database_url, backup))
                assert {"reporting.audit_entry", "contracts.contract_state"} <= set(held.kept)
                assert all(
                    held.structure[kind] for kind in ("policies", "grants", "constraints", "indexes", "triggers")
                )
                heard = len(site.received)
                for service in SERVICES:
                    stack.kill_service(service)
            postgres.kill()
            nats.kill()

        with running_postgres() as postgres, running_nats() as nats:
            url = timed("restore", lambda: restore(postgres, backup))
            with connected(url) as connection:
                assert missing(held.content, everything(connection)) == []
                assert differences(held.structure, structure(connection, SERVICES)) == []
                assert behind(held.sequences, sequences(connection, SERVICES)) == []
            began = time.monotonic()
            with running_stack_over(postgres, nats, memory=memory) as stack:
                took["start"] = round(time.monotonic() - began, 2)
                timed("streams filled again", lambda: wait_for_calm(stack))
                with connected(url) as connection:
                    assert missing(held.kept, what_never_changes(connection)) == []
                server = nats
                eventually(
                    lambda: lost_of_the_streams(server, url) == [] or None, 30, "each event is on its stream once"
                )
                with ThreadClient(stack, stack.token(tenant)) as thread:
                    assert told(thread, contract, incident_id, as_of) == before
                    assert whole(thread, tmp_path, checkpoint) is True
                    # Nobody is told anew what he was told before the loss.
                    assert [mail["subject"] for mail in stack.mailbox.messages] == []
                    assert len(site.received) == heard
                    later = timed("next outage", lambda: live_through_an_outage(thread, site, contract, PAGE))
                    assert later["number"] != before["incident"]["number"]
                    eventually(lambda: len(stack.mailbox.messages) or None, 60, "a mail tells of the next outage")
                    wait_for_calm(stack)
                    assert dead_letters(url) == []
    figures = {
        "tables": len(held.content),
        "rows": sum(sum(rows.values()) for rows in held.content.values()),
        "rows_that_never_change": sum(sum(rows.values()) for rows in held.kept.values()),
        "events": sum(sum(held.kept[f"{service}.outbox"].values()) for service in SERVICES),
        "besides": {kind: len(lines) for kind, lines in held.structure.items()} | {"sequences": len(held.sequences)},
        "backup_bytes": backup.stat().st_size,
        "seconds": took,
    }
    print(json.dumps(figures, indent=2))
