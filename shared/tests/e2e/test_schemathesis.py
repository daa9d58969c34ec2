"""What each service says about itself in its OpenAPI document, held against what it does: by schemathesis."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shared.testing.running_stack import RunningStack, Tenant

from .conftest import SERVICES
from .openapi_walk import Operation
from .repeatable import LIFE, Repeatable
from .thread_client import ThreadClient

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
LONGEST = 900
"""Seconds after which a run is given up; the longest takes a third of that."""


@pytest.fixture(scope="module")
def agency(running_stack: RunningStack) -> Tenant:
    """An agency of this module's own: whatever can be ended or revoked will be, its own keys too."""
    return running_stack.new_tenant("Agency of any request")


@pytest.fixture(scope="module")
def things(running_stack: RunningStack, agency: Tenant) -> dict[str, list[str]]:
    """Names of ids to things that exist: a contract in every state, incidents with and without an answer."""
    with ThreadClient(running_stack, running_stack.token(agency)) as thread:
        made = Repeatable(thread)
        incidents = [made.incident(), made.incident("acknowledge")]
        contracts = [made.contract(status) for status in LIFE]
        contracts += [thread.get("incidents", f"/v1/incidents/{each}")["contract_id"] for each in incidents]
        found = [thread.contract(each) for each in contracts]
        group = thread.post("probes", "/v1/monitor-groups", made.group())
        webhook = thread.post("reporting", "/v1/webhooks", {"url": "http://127.0.0.1:9/", "event_types": []})
        shown = thread.get("contracts", f"/v1/sites/{found[LIFE.index('active')]['terms']['site_ids'][0]}")
        return {
            "contract_id": contracts,
            "client_id": [contract["client_id"] for contract in found],
            "site_id": [contract["terms"]["site_ids"][0] for contract in found],
            "slug": [found[LIFE.index("active")]["terms"]["status_page"]["slug"]],
            "incident_id": incidents,
            "webhook_id": [webhook["webhook_id"]],
            "component_id": [each["environment_id"] for each in shown["environments"]],
            "monitor_id": [each["monitor_id"] for each in thread.get("probes", "/v1/monitors")["data"]],
            "group_id": [group["group_id"]],
            "plan_id": [each["plan_id"] for each in thread.get("contracts", "/v1/plans")["data"]],
        }


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES[::-1])  # contracts last: it revokes the key that tokens come from
def test_a_service_does_what_its_document_says(
    service: str,
    running_stack: RunningStack,
    agency: Tenant,
    things: dict[str, list[str]],
    every_operation: list[Operation],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    phases = ["examples", "fuzzing"]
    if pytestconfig.getoption("--any-request") == "long":
        phases.append("coverage")
    report = tmp_path / "junit.xml"
    url = running_stack.url(service)
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={CONFIGURATION}",
            "run",
            f"{url}/openapi.json",
            f"--url={url}",
            f"--report-junit-path={report}",
            f"--phases={','.join(phases)}",
        ],
        check=False,
        cwd=tmp_path,  # it leaves files behind where it runs
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(CONFIGURATION.parent), os.environ.get("PYTHONPATH")))),
            "UPHELD_TEST_TOKEN": running_stack.token(agency),
            "UPHELD_TEST_OWNED": json.dumps(things),
        },
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    found = run.stdout[max(run.stdout.find("= FAILURES ="), 0) :]  # its progress is before, advice behind
    assert run.returncode == 0, found[:20_000] + run.stderr
    cases = ElementTree.parse(report).getroot().findall(".//testcase")
    assert len(cases) >= sum(operation.service == service for operation in every_operation)
