"""The drill: all is lost but a backup of PostgreSQL and the secrets, and an empty installation goes on from there.

`make drill` runs it and prints what was kept and how long it took. Of JetStream nothing is kept: its streams are filled
again from the outboxes. `deploy/backup-and-restore.md` says the same steps for an installation.
"""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from psycopg import sql

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


def back_up(url: str, file: Path) -> tuple[Rows, Rows]:
    """A backup while the services work, and what was in the database at that very instant."""
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        ((snapshot,),) = connection.execute("select pg_export_snapshot()").fetchall()
        program("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={file}", url)
        return everything(connection), what_never_changes(connection)


def restore(server: PostgresServer, file: Path) -> str:
    """Roles, and then the backup into a database that was not there. Gives the superuser's URL of the database."""
    url = server.url("upheld")
    bootstrap(url, SERVICES, {service: role_passwords(server, service) for service in SERVICES})
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
    accounts = httpx.get(address, trust_env=False, timeout=30).json()["account_details"]
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
    return [
        f"{service}: {held[service]} of {written[service]}" for service in SERVICES if held[service] != written[service]
    ]


def under_way(url: str) -> int:
    """Mails and deliveries of webhooks that have not left."""
    with connected(url) as connection:
        ((count,),) = connection.execute(
            "select (select count(*) from incidents.notification where state = 'pending') "
            "+ (select count(*) from reporting.delivery where status = 'pending')"
        ).fetchall()
    return int(count)


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
                content, kept = timed("backup", lambda: back_up(stack.database_url, backup))
                assert {"reporting.audit_entry", "contracts.contract_state"} <= set(kept)
                heard = len(site.received)
                for service in SERVICES:
                    stack.kill_service(service)
            postgres.kill()
            nats.kill()

        with running_postgres() as postgres, running_nats() as nats:
            url = timed("restore", lambda: restore(postgres, backup))
            with connected(url) as connection:
                assert missing(content, everything(connection)) == []
            began = time.monotonic()
            with running_stack_over(postgres, nats, memory=memory) as stack:
                took["start"] = round(time.monotonic() - began, 2)
                timed("streams filled again", lambda: wait_for_calm(stack))
                with connected(url) as connection:
                    assert missing(kept, what_never_changes(connection)) == []
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
        "tables": len(content),
        "rows": sum(sum(rows.values()) for rows in content.values()),
        "rows_that_never_change": sum(sum(rows.values()) for rows in kept.values()),
        "events": sum(sum(kept[f"{service}.outbox"].values()) for service in SERVICES),
        "backup_bytes": backup.stat().st_size,
        "seconds": took,
    }
    print(json.dumps(figures, indent=2))
