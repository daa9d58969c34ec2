"""What each service says about itself in its OpenAPI document, held against what it does: by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from shared.testing.running_stack import RunningStack

from .conftest import SERVICES, World

pytestmark = pytest.mark.xdist_group("stack")

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
LONGEST = 240
"""Seconds after which a run is given up; it takes a tenth of that."""


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_what_its_document_says(
    service: str, running_stack: RunningStack, world: World, owned: dict[str, str], tmp_path: Path
) -> None:
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
        ],
        check=False,
        cwd=tmp_path,  # it leaves files behind where it runs
        env={
            **os.environ,
            "PYTHONPATH": str(CONFIGURATION.parent),
            **variables(running_stack.token(world.tenant), owned),
        },
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    assert count_of_operations(report) > 0


def variables(token: str, owned: dict[str, Any]) -> dict[str, str]:
    """The environment that the configuration names."""
    ids = {name: owned[name] for name in ("contract_id", "client_id", "site_id", "incident_id", "slug")}
    return {"UPHELD_TEST_TOKEN": token} | {f"UPHELD_TEST_{name.upper()}": value for name, value in ids.items()}


def count_of_operations(report: Path) -> int:
    """How many operations a JUnit report tells of."""
    return len(ElementTree.parse(report).getroot().findall(".//testcase"))
