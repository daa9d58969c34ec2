"""The lock fits the project files and this environment, and each way of being out of step is reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import lock_requirements
import pytest
from workspace import ROOT

from .conftest import SourceTree


@pytest.fixture
def locked_tree(source_tree: SourceTree) -> SourceTree:
    """A copy of the sources with the lock beside them."""
    shutil.copy(ROOT / lock_requirements.LOCK, source_tree.root / lock_requirements.LOCK)
    return source_tree


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_lock_is_in_step() -> None:
    assert lock_requirements.check() == []


def test_every_entry_has_hashes_and_no_line_holds_an_address() -> None:
    entries, problems = lock_requirements.read_lock((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert problems == []
    assert len(entries) > 80
    assert all(entry.hashes for entry in entries)
    # What `make` itself needs to install the rest and to build our packages without isolation.
    assert {"uv", "hatchling", "editables"} <= {entry.name for entry in entries}


def test_a_new_requirement_is_missed(locked_tree: SourceTree) -> None:
    edit(locked_tree.root / "services/probes/pyproject.toml", '"pycurl>=7.49,<8"', '"pycurl>=7.49,<8", "numpy>=2"')
    problems = lock_requirements.check(locked_tree.root)
    assert len(problems) == 1
    assert "services/probes/pyproject.toml needs numpy>=2, which is not locked" in problems[0]
    assert "lock_requirements.py" in problems[0]


def test_a_raised_requirement_is_not_satisfied(locked_tree: SourceTree) -> None:
    edit(locked_tree.root / "shared/pyproject.toml", '"structlog>=26,<27"', '"structlog>=97"')
    problems = lock_requirements.check(locked_tree.root)
    assert len(problems) == 1
    assert "needs structlog>=97, but" in problems[0]


def test_a_package_that_nobody_needs_any_more_is_named(locked_tree: SourceTree) -> None:
    edit(locked_tree.root / "services/probes/pyproject.toml", '"pycurl>=7.49,<8",', "")
    problems = lock_requirements.check(locked_tree.root)
    assert len(problems) == 1
    assert "nothing needs pycurl any more" in problems[0]


def test_a_transitive_requirement_taken_out_is_missed(locked_tree: SourceTree) -> None:
    lock = locked_tree.root / "requirements.lock"
    lines = lock.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if line.startswith("greenlet=="))
    end = next(index for index in range(start + 1, len(lines)) if not lines[index].startswith(" "))
    lock.write_text("".join(lines[:start] + lines[end:]), encoding="utf-8")
    assert any("greenlet" in problem for problem in lock_requirements.check(locked_tree.root))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example.org/simple",
        "structlog @ https://packages.example.org/structlog.whl",
        "-e ./shared",
        "# written by a machine at /home/somebody",
    ],
)
def test_addresses_options_and_paths_do_not_belong_in_the_lock(locked_tree: SourceTree, line: str) -> None:
    lock = locked_tree.root / "requirements.lock"
    lock.write_text(f"{line}\n{lock.read_text(encoding='utf-8')}", encoding="utf-8")
    problems = lock_requirements.check(locked_tree.root)
    assert len(problems) == 1
    assert problems[0].startswith("requirements.lock:1: only names, versions, markers and hashes belong in the lock")


def test_another_version_installed_than_locked_is_named(locked_tree: SourceTree) -> None:
    lock = locked_tree.root / "requirements.lock"
    entries, _ = lock_requirements.read_lock(lock.read_text(encoding="utf-8"))
    pluggy = next(entry for entry in entries if entry.name == "pluggy")
    edit(lock, f"pluggy=={pluggy.version}", "pluggy==1.6.99")
    problems = lock_requirements.check(locked_tree.root)
    assert problems == [f"pluggy 1.6.99 is locked but {pluggy.version} is installed here; run `make` to install it"]


def test_a_missing_lock_says_how_to_make_one(source_tree: SourceTree) -> None:
    assert lock_requirements.check(source_tree.root) == [f"requirements.lock is missing; {lock_requirements.ADVICE}"]
