"""Pytest plugin that ties tests to rows of the acceptance table: ``@pytest.mark.capability("K15", "K16")``.

Every run refuses a row that the table does not have. With ``--capability-report FILE`` a run also writes what became
of each marked test, which `make capabilities` turns into the table of rows that are shown to work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pytest

Outcome = Literal["passed", "failed", "skipped"]

TABLE = Path("shared/tests/capabilities.json")
"""The acceptance table, relative to the repository: a list of rows with id, service, item, capability and check."""

PROPERTY = "capability"
"""Rows travel as a user property of the test report, which survives pytest-xdist's worker processes."""


def known_rows(root: Path) -> frozenset[str]:
    """Identifiers of all rows of the table in the repository at ``root``."""
    return frozenset(row["id"] for row in json.loads((root / TABLE).read_text(encoding="utf-8")))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--capability-report``."""
    parser.addoption(
        "--capability-report",
        metavar="FILE",
        type=Path,
        default=None,
        help="write the outcome of every test marked with rows of the acceptance table to this JSON file",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Starts the report where one is asked for; worker processes of pytest-xdist send theirs to the controller."""
    path = config.getoption("--capability-report")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(CapabilityReport(path), "capability-report")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Reads the marks. Raises pytest.UsageError naming every test with a row that is not in the table, or with none."""
    marked = [(item, mark) for item in items for mark in item.iter_markers("capability")]
    if not marked:
        return
    rows = known_rows(config.rootpath)
    problems = []
    for item, mark in marked:
        unknown = [row for row in mark.args if row not in rows]
        if unknown:
            problems.append(f"{item.nodeid}: no row {', '.join(map(repr, unknown))} in {TABLE}")
        elif not mark.args:
            problems.append(f"{item.nodeid}: name the rows that the test shows, as in capability('K15')")
        item.user_properties.extend((PROPERTY, row) for row in mark.args)
    if problems:
        raise pytest.UsageError("\n".join(problems))


class CapabilityReport:
    """Collects the outcome of marked tests during one run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, list[str]] = {}
        self._outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test. A test passed when its call passed and neither set-up nor tear-down failed."""
        rows = sorted(set(_rows(report.user_properties)))
        if not rows:
            return
        self._rows[report.nodeid] = rows
        before = self._outcomes.get(report.nodeid)
        # An expected failure shows nothing, like a skipped test.
        if report.failed or before == "failed":
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped or before == "skipped":
            self._outcomes[report.nodeid] = "skipped"
        elif report.when == "call":
            self._outcomes[report.nodeid] = "passed"

    def pytest_sessionfinish(self) -> None:
        """Writes ``{"tests": [{"test": node id, "rows": [...], "outcome": "passed" | "failed" | "skipped"}]}``."""
        tests = [
            {"test": nodeid, "rows": rows, "outcome": self._outcomes.get(nodeid, "failed")}
            for nodeid, rows in sorted(self._rows.items())
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"tests": tests}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _rows(properties: Iterable[tuple[str, object]]) -> Iterable[str]:
    return (str(value) for name, value in properties if name == PROPERTY)
