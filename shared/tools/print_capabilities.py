"""Run the tests that are marked with rows of the acceptance table and print which rows they show; last line `N of 226`.

A row counts when at least one test carries its identifier and every test that carries it passed. Standard output holds
the table alone, what pytest says goes to standard error.

Run: ``.venv/bin/python shared/tools/print_capabilities.py [--report FILE]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workspace import ROOT

TABLE = ROOT / "shared/tests/capabilities.json"
REPORT = ROOT / ".upheld/capabilities.json"
NO_TESTS_COLLECTED = 5
TESTS_FAILED = 1
# The longest text of a row that is printed, in characters: the table stays readable on one screen.
TEXT_WIDTH = 76


@dataclass(frozen=True)
class Row:
    """A row of the acceptance table with the number of its tests that passed, failed and did not run."""

    id: str
    service: str
    capability: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def shown(self) -> bool:
        """Whether the row counts."""
        return self.passed > 0 and self.failed == 0

    @property
    def state(self) -> str:
        """The word that the table prints."""
        if self.failed:
            return "failing"
        if self.passed:
            return "shown"
        return "skipped" if self.skipped else "-"


def read_rows(table: Path, report: Path) -> list[Row]:
    """Rows in the order of the table with the outcomes of a report.

    Raises ValueError when the report names a row that the table does not have.
    """
    counts: dict[str, dict[str, int]] = {}
    for test in json.loads(report.read_text(encoding="utf-8"))["tests"]:
        for row in test["rows"]:
            outcomes = counts.setdefault(row, {"passed": 0, "failed": 0, "skipped": 0})
            outcomes[test["outcome"]] += 1
    rows = [
        Row(row["id"], row["service"], _text(row), **counts.pop(row["id"], {}))
        for row in json.loads(table.read_text(encoding="utf-8"))
    ]
    if counts:
        raise ValueError(f"{report} names rows that the table does not have: {', '.join(sorted(counts))}")
    return rows


def _text(row: dict[str, str]) -> str:
    # "idem" repeats the row above; its own item says what it is about.
    text = row["item"] if row["capability"].startswith("idem") else row["capability"]
    return text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1].rstrip() + "…"


def table_lines(rows: list[Row]) -> list[str]:
    """The printed table: every row, the totals per service, and last `N of M`."""
    lines = [f"{'row':<5}{'service':<11}{'state':<9}{'tests':>5}  capability"]
    lines += [
        f"{row.id:<5}{row.service:<11}{row.state:<9}{row.passed or '':>5}  {row.capability}".rstrip() for row in rows
    ]
    lines.append("")
    for service in dict.fromkeys(row.service for row in rows):
        own = [row for row in rows if row.service == service]
        lines.append(f"{service:<11}{sum(row.shown for row in own):>4} of {len(own)}")
    lines.append(f"{sum(row.shown for row in rows)} of {len(rows)}")
    return lines


def run_marked_tests(report: Path) -> int:
    """Run the marked tests and write their outcomes to ``report``; pytest's exit status."""
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "capability", f"--capability-report={report}"]
    return subprocess.run(command, cwd=ROOT, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when no marked test failed, 1 when one did, pytest's own when it could not run them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--report", type=Path, help="print this report of an earlier run instead of running the tests")
    options = parser.parse_args(arguments)
    status = 0
    if options.report is None:
        status = run_marked_tests(REPORT)
        if status not in {0, TESTS_FAILED, NO_TESTS_COLLECTED} or not REPORT.is_file():
            print("The marked tests could not be run; what pytest says is above.", file=sys.stderr)
            return status or 1
    rows = read_rows(TABLE, options.report or REPORT)
    print("\n".join(table_lines(rows)))
    return 1 if status == TESTS_FAILED or any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
