"""The audit log of the running product: all services write it, anybody checks it, and what is done to it shows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

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


def verified(folder: Path, verifier: bytes, lines: list[str], kept: dict[str, Any]) -> tuple[int, str]:
    """The verifier as a third party runs it: a process that has the two files and nothing of ours."""
    for name, content in (
        ("verifier.py", verifier.decode()),
        ("log.jsonl", "".join(lines)),
        ("kept", json.dumps(kept)),
    ):
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    run = subprocess.run(
        [sys.executable, "-I", "-S", "verifier.py", "log.jsonl", "--checkpoint", "kept"],
        check=False,
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.mark.capability("X06", "R24")
def test_a_third_party_verifies_the_log_without_the_database(
    thread: ThreadClient, kept: dict[str, Any], tmp_path: Path
) -> None:
    verifier = thread.call("GET", "reporting", "/v1/audit-log/verifier").content
    lines = thread.call("GET", "reporting", "/v1/audit-log/export").text.splitlines(keepends=True)
    status, said = verified(tmp_path, verifier, lines, kept)
    assert status == 0, said
    assert "WHOLE." in said

    entries = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "entry"]
    middle = entries[len(entries) // 2]
    edited = json.loads(lines[middle])
    edited["entry"]["outcome"] = "refused"
    changed = [*lines[:middle], json.dumps(edited) + "\n", *lines[middle + 1 :]]
    number = edited["entry"]["sequence"]
    status, said = verified(tmp_path, verifier, changed, kept)
    assert (status, f"Entry {number} was changed after it was recorded" in said) == (1, True), said

    status, said = verified(tmp_path, verifier, [*lines[:middle], *lines[middle + 1 :]], kept)
    assert (status, f"Entry {number} is missing" in said) == (1, True), said

    end = json.dumps({"kind": "end", "entries": kept["sequence"] - 1}) + "\n"
    cut = [line for line in lines if json.loads(line).get("entry", {}).get("sequence", 0) < kept["sequence"]]
    cut = [line for line in cut if json.loads(line).get("sequence", 0) < kept["sequence"]][:-1]
    status, said = verified(tmp_path, verifier, [*cut, end], kept)
    assert (status, "The end was cut off" in said) == (1, True), said


@pytest.mark.capability("R37")
def test_the_access_log_tells_who_read_what(thread: ThreadClient, kept: dict[str, Any]) -> None:
    of_incidents = {"service": "incidents"}
    found = thread.call("GET", "reporting", "/v1/access-log", params=of_incidents).json()["data"]
    assert [each["operation"] for each in found] == ["list_access_sessions"]
    assert found[0]["actor_name"]
    table = thread.call("GET", "reporting", "/v1/access-log.csv", params=of_incidents).text
    assert "list_access_sessions" in table
