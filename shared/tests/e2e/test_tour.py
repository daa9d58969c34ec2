"""The README's tour as it stands, pasted into a shell, at an hour at which the client is a month ahead of UTC."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared.kernel.clock import Clock
from shared.stack.facts import write_facts
from shared.stack.folders import DataFolder
from shared.stack.ports import free_ports
from shared.testing.running_stack import RunningStack

from .thread_client import CLIENT_ZONE, FAST_MONITORING, client_month

ROOT = Path(__file__).parents[3]
TOUR_SECONDS = 120.0
MAKE = f"""
make() {{  # the two targets that the tour uses, without a look at whether the environment is the newest
  case "$2" in
    token) {sys.executable} -m shared.stack token ;;
    clock) {sys.executable} -m shared.stack clock --set="${{3#SET=}}" ;;
  esac
}}
"""


def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "shared/tools/demo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        ("2026-12-31T22:59:59Z", "2026-12"),
        ("2026-12-31T23:00:00Z", "2027-01"),
        ("2026-06-30T21:59:59Z", "2026-06"),
        ("2026-06-30T22:00:00Z", "2026-07"),
    ],
)
def test_the_month_of_a_report_is_the_clients(instant: str, month: str) -> None:
    assert client_month(datetime.fromisoformat(instant)) == month
    assert demo().client_month(instant) == month


@pytest.fixture
def facts(own_running_stack: RunningStack) -> DataFolder:
    """The folder that `make run` would have written, of a stack whose client begins a month before UTC does."""
    stack = own_running_stack
    stack.shift_clock(first_minutes_of_a_month(stack.clock) - stack.clock.now())
    administrator = stack.administrator()
    folder = DataFolder(stack.clock_file.parent)
    write_facts(
        folder,
        {
            **{f"{service.upper()}_URL": stack.url(service) for service in stack.services.endpoints},
            "UPHELD_TOKEN_URL": f"{stack.contracts_url}/v1/oauth/token",
            "UPHELD_CLIENT_ID": administrator.client_id,
            "UPHELD_CLIENT_SECRET": administrator.client_secret,
            "UPHELD_STACK": "embedded",
        },
    )
    return folder


def first_minutes_of_a_month(clock: Clock) -> datetime:
    """Five minutes into the client's next month; east of Greenwich the last hours of UTC's month."""
    later = (clock.now().astimezone(CLIENT_ZONE).replace(day=1) + timedelta(days=32)).date().replace(day=1)
    return datetime.combine(later, time(0, 5), CLIENT_ZONE).astimezone(UTC)


def tour(folder: DataFolder, site: Path) -> str:
    """The commands of the README. Only places are others, and the contract is checked every two seconds."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands: str
    (commands,) = re.findall(r"^```sh\n(set -eo pipefail\n.*?)^```", readme, re.MULTILINE | re.DOTALL)
    parameters = json.dumps({"uptime_monitoring": FAST_MONITORING})
    for there, here in {
        ". .upheld/env": f". {folder.environment_file}",
        "/tmp/bellevue": str(site),
        "8099": str(free_ports(1)[0]),
        "python3 -m http.server": f"{sys.executable} -m http.server",
        '"plan_code": "premium",': f'"plan_code": "premium", "deliverable_parameters": {parameters},',
    }.items():
        assert there in commands
        commands = commands.replace(there, here)
    return MAKE + commands


def documents(output: str) -> Iterator[Any]:
    """The JSON in what a shell printed, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while found := re.compile(r"^[{\"]", re.MULTILINE).search(output, at):
        document, at = decoder.raw_decode(output, found.start())
        yield document


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="the README's tour needs jq")
def test_the_tour_of_the_readme_shows_what_it_says(facts: DataFolder, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", tour(facts, tmp_path / "bellevue")],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "UPHELD_DATA_DIR": str(facts.path)},
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    shown = list(documents(done.stdout))
    states = [document["state"] for document in shown if "state" in document and isinstance(document, dict)]
    assert states == ["up", "down"], "the monitor is up before the site is broken, the page shows that it is down"
    *steps, told_at = [document for document in shown if isinstance(document, str)]
    assert steps == ["proposed", "signed", "active", "acknowledged"]
    assert datetime.fromisoformat(told_at), "the post-mortem says when it was complete"
    verdicts = {document["metric"]: document["verdict"] for document in shown if "metric" in document}
    assert verdicts == {"response": "met", "mitigation": "met", "repair": "met", "post_mortem": "met"}
    (report,) = [document for document in shown if "targets" in document]
    kept = {"met": 1, "breached": 0, "running": 0}
    assert report["targets"] == {"response": kept, "repair": kept}
    assert "/reports/shared?token=" in done.stdout
    month = datetime.fromisoformat(report["uptime"]["figures"][0]["from"])
    following = (month.astimezone(CLIENT_ZONE).replace(day=1) + timedelta(days=32)).replace(day=1)
    assert f"{following:%Y-%m}-01T01:00" in done.stdout.splitlines()[-2], "the month has ended"
