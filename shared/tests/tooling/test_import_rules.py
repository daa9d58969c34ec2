"""Every rule of the architecture is broken once, in a copy, and the machine that enforces it says so by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import check_domain_is_pure
import pytest
from workspace import ROOT

from .conftest import SourceTree

SCRIPTS = Path(sys.executable).parent

INDEPENDENT = "Rule 1: the four services never import one another"
SHARED = "Rule 1: shared imports no service"
LAYERS = "Rule 2: layers, exhaustive, import downwards only"
PURE = "Rule 3: domain and shared.kernel import no framework"
KERNEL_ONLY = "Rule 4: domain sees nothing of shared but shared.kernel"
ALL = (INDEPENDENT, SHARED, LAYERS, PURE, KERNEL_ONLY)

# Rule -> file and text to plant, and how the report names it.
BREAKS: dict[str, list[tuple[str, str, str]]] = {
    INDEPENDENT: [
        ("services/probes/src/probes/adapters/stray.py", "import contracts.domain", "probes.adapters.stray ->"),
        (
            "services/incidents/src/incidents/main.py",
            "def late():\n    import reporting",
            "incidents.main -> reporting",
        ),
    ],
    SHARED: [("shared/src/shared/stray.py", "from incidents import domain", "shared.stray -> incidents.domain")],
    LAYERS: [
        *(
            (
                f"services/contracts/src/contracts/{lower}.py",
                f"import contracts.{upper}",
                f"contracts.{lower.replace('/', '.')} -> ",
            )
            for lower, upper in (
                ("domain/stray", "application"),
                ("application/stray", "published"),
                ("published/stray", "adapters"),
                ("adapters/stray1", "api"),
                ("adapters/stray2", "handlers"),
                ("adapters/stray3", "jobs"),
                ("api/stray", "main"),
                ("jobs/stray", "worker"),
                ("settings", "adapters"),
            )
        ),
        ("services/contracts/src/contracts/loose.py", "", "contracts.loose"),
    ],
    PURE: [
        (
            "services/incidents/src/incidents/domain/stray1.py",
            "import sqlalchemy",
            "incidents.domain.stray1 -> sqlalchemy",
        ),
        ("services/incidents/src/incidents/domain/stray2.py", "import fastapi", "incidents.domain.stray2 -> fastapi"),
        ("services/reporting/src/reporting/domain/stray.py", "import logging", "reporting.domain.stray -> logging"),
        ("services/probes/src/probes/domain/stray1.py", "import socket", "probes.domain.stray1 -> socket"),
        ("services/probes/src/probes/domain/stray2.py", "from time import time", "probes.domain.stray2 -> time"),
        ("services/contracts/src/contracts/domain/stray.py", "import contracts.settings", "contracts.domain.stray -> "),
        ("shared/src/shared/kernel/stray.py", "import asyncio", "shared.kernel.stray -> asyncio"),
    ],
    KERNEL_ONLY: [
        ("services/contracts/src/contracts/domain/stray1.py", "import shared.events", "contracts.domain.stray1 -> "),
        ("services/probes/src/probes/domain/stray2.py", "from shared import ids", "probes.domain.stray2 -> shared.ids"),
    ],
}


def lint_imports(tree: SourceTree) -> tuple[dict[str, str], str]:
    """Runs import-linter over a copy; name of every contract -> KEPT or BROKEN, and the whole report."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, tree.source_paths)),
        "COLUMNS": "300",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [SCRIPTS / "lint-imports", "--no-cache", "--no-logo"],
        cwd=tree.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = {}
    for line in done.stdout.splitlines():
        name = next((name for name in ALL if line.startswith(name)), None)
        if name is not None and ("KEPT" in line or "BROKEN" in line):
            verdicts[name] = "BROKEN" if "BROKEN" in line else "KEPT"
    assert set(verdicts) == set(ALL), done.stdout + done.stderr
    assert (done.returncode != 0) == ("BROKEN" in verdicts.values()), done.stdout
    return verdicts, done.stdout


def test_the_unbroken_sources_keep_every_rule(source_tree: SourceTree) -> None:
    verdicts, _ = lint_imports(source_tree)
    assert verdicts == dict.fromkeys(ALL, "KEPT")
    assert list(check_domain_is_pure.find_violations(ROOT)) == []


@pytest.mark.parametrize("rule", ALL)
def test_every_planted_break_is_reported_under_its_rule(source_tree: SourceTree, rule: str) -> None:
    for path, text, _ in BREAKS[rule]:
        source_tree.plant(path, text)
    verdicts, printed = lint_imports(source_tree)
    assert verdicts[rule] == "BROKEN"
    findings = printed.split("Broken contracts")[1].partition(rule)[2]
    for _, _, finding in BREAKS[rule]:
        assert finding in findings


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("shared/src/shared/kernel/stray.py", "import shared.events", "shared.kernel may not import shared.events"),
        ("shared/src/shared/kernel/stray.py", "from .. import events", "shared.kernel may not import shared.events"),
        ("shared/src/shared/kernel/stray.py", "import random", "shared.kernel may not import random"),
        ("shared/src/shared/kernel/stray.py", "from urllib import request", "may not import urllib.request"),
        ("services/probes/src/probes/domain/stray.py", "from shared import ids", "may not import shared.ids"),
        ("services/probes/src/probes/domain/stray.py", "from ..adapters import x", "may not import probes.adapters.x"),
        ("services/probes/src/probes/domain/stray.py", "import numpy", "probes.domain may not import numpy"),
        ("services/probes/src/probes/domain/stray.py", "import importlib", "probes.domain may not import importlib"),
        ("services/probes/src/probes/domain/stray.py", "async def wait(): ...", "probes.domain is synchronous"),
        ("services/probes/src/probes/domain/stray.py", "import uuid\nx = uuid.uuid4()", "may not draw ids at random"),
        ("services/probes/src/probes/domain/stray.py", "from uuid import uuid4 as u\nx = u()", "draw ids at random"),
        ("services/probes/src/probes/domain/stray.py", "x = open('rules.txt')", "may not call open()"),
        ("services/probes/src/probes/domain/stray.py", "x = __import__('nats')", "may not call __import__()"),
    ],
)
def test_a_domain_may_import_only_what_computes(tmp_path: Path, path: str, text: str, reason: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text, encoding="utf-8")
    found = [str(violation) for violation in check_domain_is_pure.find_violations(tmp_path)]
    assert len(found) == 1
    assert path in found[0]
    assert reason in found[0]


@pytest.mark.parametrize(
    ("tool", "text", "finding"),
    [
        ("mypy", "def untyped(x):\n    return x", "no-untyped-def"),
        ("mypy", "x: int = 'text'", "assignment"),
        ("ruff", "import os", "F401"),
        ("ruff", "import datetime\nx = datetime.datetime.now()", "DTZ005"),
        ("ruff", f"x = '{'long' * 40}'", "E501"),
    ],
)
def test_rule_5_types_and_style_are_refused(tool: str, text: str, finding: str, tmp_path: Path) -> None:
    stray = tmp_path / "stray.py"
    stray.write_text(f"{text}\n", encoding="utf-8")
    settings = str(ROOT / "pyproject.toml")
    commands = {
        "mypy": [str(SCRIPTS / "mypy"), "--no-incremental", "--config-file", settings],
        "ruff": [str(SCRIPTS / "ruff"), "check", "--no-cache", "--config", settings],
    }
    command = [*commands[tool], str(stray)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert finding in done.stdout
