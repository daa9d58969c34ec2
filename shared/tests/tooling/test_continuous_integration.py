"""What continuous integration calls: `make test` and nothing else, without input, or one clear sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from workspace import ROOT

BASH = shutil.which("bash") or "bash"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that stands for a machine's PATH; `make` says what it was asked and what it can read."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "cat"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    make(programs, "make", 'echo "asked for: $* in $PWD; input: [$(cat)]"')
    make(programs, "python3", 'case "$1" in --version) echo "Python 3.12.1" ;; esac')
    return programs


def make(programs: Path, name: str, text: str) -> None:
    program = programs / name
    program.unlink(missing_ok=True)
    program.write_text(f"#!{BASH}\n{text}\n", encoding="utf-8")
    program.chmod(0o755)


def run_in(folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    return subprocess.run(
        [BASH, str(script)],
        cwd=folder,
        env={"PATH": str(programs), "CI": "true"},
        input="something",
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_calls_make_test_in_the_repository_without_input(machine: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, machine)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"asked for: test in {ROOT}; input: []\n"


@pytest.mark.parametrize(("program", "packages"), [("chromium", "chromium"), ("npm", "nodejs npm")])
def test_it_installs_what_pages_are_looked_at_in_and_webhooks_verified_with(
    machine: Path, tmp_path: Path, program: str, packages: str
) -> None:
    asked = tmp_path / "asked"
    for other in ("chromium", "npm"):
        make(machine, other, "")
    (machine / program).unlink()
    make(machine, "apt-get", f'echo "$*" >> {asked}')
    assert run_in(tmp_path, machine).returncode == 0
    assert asked.read_text().splitlines()[-1].endswith(f"--no-install-recommends {packages}")
    asked.write_text("")
    make(machine, program, "")
    assert run_in(tmp_path, machine).returncode == 0
    assert asked.read_text() == ""
    (machine / program).unlink()
    make(machine, "apt-get", "exit 100")
    done = run_in(tmp_path, machine)
    assert (done.returncode, "skipped by name" in done.stderr) == (0, True)


def test_what_make_answers_is_what_it_answers(machine: Path, tmp_path: Path) -> None:
    make(machine, "make", "exit 3")
    assert run_in(tmp_path, machine).returncode == 3


@pytest.mark.parametrize("missing", ["make", "python3"])
def test_a_missing_program_is_named(machine: Path, tmp_path: Path, missing: str) -> None:
    (machine / missing).unlink()
    done = run_in(tmp_path, machine)
    assert done.returncode == 1
    assert done.stderr == f"{missing} is missing: install it and run this again.\n"


def test_an_old_python_is_named(machine: Path, tmp_path: Path) -> None:
    make(machine, "python3", 'case "$1" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac')
    done = run_in(tmp_path, machine)
    assert done.returncode == 1
    assert done.stderr == "Python 3.9.2 is too old: Python 3.11 or newer is needed as python3.\n"
