"""The audit log of the running product: all services write it, anybody checks it, and what is done to it shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite
from shared.testing.third_party import bare_python, verified_log

from .thread_client import ThreadClient, eventually

WANTED = {
    ("contracts", "create_token"),
    ("contracts", "command: tenant"),
    ("contracts", "activate_contract"),
    ("probes", "create_check_test"),
    ("incidents", "report_incident"),
    ("incidents", "list_access_sessions"),
    ("reporting", "create_webhook"),
    ("reporting", "create_audit_checkpoint"),
}


@pytest.fixture(scope="module")
def thread(running_stack: RunningStack) -> Iterator[ThreadClient]:
    """The owner of an agency of this module's own."""
    tenant = running_stack.new_tenant("Agency that is audited")
    with ThreadClient(running_stack, running_stack.token(tenant)) as client:
        yield client


@pytest.fixture(scope="module")
def kept(thread: ThreadClient, small_site: SmallSite) -> dict[str, Any]:
    """Something was done in every service, and a checkpoint over it was kept elsewhere."""
    contract = thread.activate_contract(thread.create_client("Client"), [("Site", small_site.url("/audited"))])
    thread.post("probes", "/v1/check-tests", {"configuration": {"kind": "tcp", "host": "127.0.0.1", "port": 9}})
    incident = {"contract_id": contract.contract_id, "title": "Slow", "severity": "minor"}
    thread.post("incidents", "/v1/incidents", incident)
    thread.get("incidents", "/v1/access-sessions")
    thread.post("reporting", "/v1/webhooks", {"url": small_site.url("/hook"), "event_types": ["reporting.audit.*"]})
    thread.post("reporting", "/v1/audit-checkpoints")

    def all_is_recorded() -> bool | None:
        entries = thread.get("reporting", "/v1/audit-log", limit=200)["data"]
        return {(each["service"], each["operation"]) for each in entries} >= WANTED or None

    eventually(all_is_recorded, 60, f"the log tells of {WANTED}")
    checkpoint: dict[str, Any] = thread.post("reporting", "/v1/audit-checkpoints")
    return checkpoint


def test_a_third_party_has_nothing_of_ours(tmp_path: Path) -> None:
    for package in ("shared", "reporting", "psycopg", "cryptography"):
        run = bare_python(tmp_path, "-c", f"import {package}")
        assert (run.returncode, "ModuleNotFoundError" in run.stderr) == (1, True), package


@pytest.mark.capability("X06", "R24")
def test_a_third_party_verifies_the_log_without_the_database(
    thread: ThreadClient, kept: dict[str, Any], tmp_path: Path
) -> None:
    verifier = thread.call("GET", "reporting", "/v1/audit-log/verifier").content
    lines = thread.call("GET", "reporting", "/v1/audit-log/export").text.splitlines(keepends=True)
    status, said = verified_log(tmp_path, verifier, lines, kept)
    assert status == 0, said
    assert "WHOLE." in said

    entries = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "entry"]
    middle = entries[len(entries) // 2]
    edited = json.loads(lines[middle])
    edited["entry"]["outcome"] = "refused"
    changed = [*lines[:middle], json.dumps(edited) + "\n", *lines[middle + 1 :]]
    number = edited["entry"]["sequence"]
    status, said = verified_log(tmp_path, verifier, changed, kept)
    assert (status, f"Entry {number} was changed after it was recorded" in said) == (1, True), said

    status, said = verified_log(tmp_path, verifier, [*lines[:middle], *lines[middle + 1 :]], kept)
    assert (status, f"Entry {number} is missing" in said) == (1, True), said

    end = json.dumps({"kind": "end", "entries": kept["sequence"] - 1}) + "\n"
    cut = [line for line in lines if json.loads(line).get("entry", {}).get("sequence", 0) < kept["sequence"]]
    cut = [line for line in cut if json.loads(line).get("sequence", 0) < kept["sequence"]][:-1]
    status, said = verified_log(tmp_path, verifier, [*cut, end], kept)
    assert (status, "The end was cut off" in said) == (1, True), said


@pytest.mark.capability("X06", "R24")
def test_a_row_edited_and_a_tail_cut_in_the_database_are_found_by_what_a_webhook_carried_away(
    running_stack: RunningStack, thread: ThreadClient, kept: dict[str, Any], small_site: SmallSite, tmp_path: Path
) -> None:
    """Whoever has every right in the database has none over a checkpoint that an auditor was sent as it was made."""

    def carried() -> dict[str, Any] | None:
        events = [json.loads(body) for _, body in small_site.received if kept["hash"].encode() in body]
        return events[0] if events else None

    anchor = eventually(carried, 60, "the webhook was told of the checkpoint")
    assert anchor["type"] == "dev.upheld.reporting.audit.checkpoint_made.v1"
    verifier = thread.call("GET", "reporting", "/v1/audit-log/verifier").content

    def exported() -> list[str]:
        lines: list[str] = thread.call("GET", "reporting", "/v1/audit-log/export").text.splitlines(keepends=True)
        return lines

    assert verified_log(tmp_path, verifier, exported(), anchor)[0] == 0
    tenant, last = anchor["tenantid"], kept["sequence"]
    mine = "where tenant_id = %(tenant)s and sequence"
    edited = next(
        entry["sequence"]
        for entry in (json.loads(line).get("entry", {}) for line in exported())
        if entry.get("outcome") == "done" and entry["sequence"] < last
    )
    values = {"tenant": tenant, "edited": edited, "last": last}

    def owner(*statements: str) -> None:
        with psycopg.connect(running_stack.database_url) as connection:
            connection.execute("lock table reporting.audit_entry in share row exclusive mode")
            for statement in statements:
                connection.execute(statement.encode(), values)

    for table in ("audit_entry", "audit_checkpoint"):
        owner(f"create table public.{table} as select * from reporting.{table} where tenant_id = %(tenant)s")
    try:
        owner(f"update reporting.audit_entry set entry = replace(entry, 'done', 'refused') {mine} = %(edited)s")
        status, said = verified_log(tmp_path, verifier, exported(), anchor)
        assert (status, f"Entry {edited} was changed after it was recorded" in said) == (1, True), said
        owner(
            f"delete from reporting.audit_entry {mine} = %(edited)s",
            f"insert into reporting.audit_entry select * from public.audit_entry {mine} = %(edited)s",
        )
        assert verified_log(tmp_path, verifier, exported(), anchor)[0] == 0, "as it was"

        # With the end everything goes that is here about it: the checkpoints over it as well.
        owner(
            f"delete from reporting.audit_entry {mine} >= %(last)s",
            f"delete from reporting.audit_checkpoint {mine} >= %(last)s",
        )
        status, said = verified_log(tmp_path, verifier, exported(), anchor)
        # What is recorded from then on, this export for one, is numbered from the cut on: another entry in its place.
        found = "The end was cut off" in said or f"entry {last} is another one than was signed" in said
        assert (status, found) == (1, True), said
    finally:
        owner(
            f"delete from reporting.audit_entry {mine} = %(edited)s",
            f"delete from reporting.audit_entry {mine} >= %(last)s",
            f"insert into reporting.audit_entry select * from public.audit_entry {mine} = %(edited)s",
            f"insert into reporting.audit_entry select * from public.audit_entry {mine} >= %(last)s",
            f"delete from reporting.audit_checkpoint {mine} >= %(last)s",
            "insert into reporting.audit_checkpoint select * from public.audit_checkpoint on conflict do nothing",
            "drop table public.audit_entry, public.audit_checkpoint",
        )


@pytest.mark.capability("R37")
def test_the_access_log_tells_who_read_what(thread: ThreadClient, kept: dict[str, Any]) -> None:
    of_incidents = {"service": "incidents"}
    found = thread.call("GET", "reporting", "/v1/access-log", params=of_incidents).json()["data"]
    assert [each["operation"] for each in found] == ["list_access_sessions"]
    assert found[0]["actor_name"]
    table = thread.call("GET", "reporting", "/v1/access-log.csv", params=of_incidents).text
    assert "list_access_sessions" in table
