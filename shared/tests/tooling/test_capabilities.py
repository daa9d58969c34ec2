"""The acceptance table is whole, marks are checked against it, and only rows with passing tests are counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import print_capabilities
import pytest
from workspace import ROOT

TABLE = ROOT / "shared/tests/capabilities.json"


def run_pytest(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One test module in a repository of its own that has nothing but the table."""
    (folder / "shared/tests").mkdir(parents=True)
    shutil.copy(TABLE, folder / "shared/tests/capabilities.json")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    capability(*rows): rows\n", encoding="utf-8")
    (folder / "test_rows.py").write_text(f"import pytest\n{text}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "shared.testing.capabilities", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_the_table_has_every_row_once() -> None:
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    expected = {"contracts": 90, "probes": 31, "incidents": 55, "reporting": 40, "all four": 10}
    assert Counter(row["service"] for row in rows) == expected
    assert len({row["id"] for row in rows}) == len(rows) == 226
    assert all(row["capability"] and row["check"] and row["item"] for row in rows)


def test_an_unknown_row_stops_the_run_and_names_the_test(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "@pytest.mark.capability('K15', 'Z99')\ndef test_hours(): pass\n")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_rows.py::test_hours: no row 'Z99' in shared/tests/capabilities.json" in done.stderr


def test_a_mark_without_rows_stops_the_run(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "@pytest.mark.capability()\ndef test_hours(): pass\n")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "name the rows" in done.stderr


MIXED = """
@pytest.fixture
def breaks_afterwards():
    yield
    assert False
@pytest.fixture
def breaks_before():
    assert False
@pytest.mark.capability("K01", "K02")
def test_passes(): pass
@pytest.mark.capability("K02")
def test_fails(): assert False
@pytest.mark.capability("K03")
@pytest.mark.skip(reason="not today")
def test_is_skipped(): pass
@pytest.mark.capability("K04")
def test_breaks_in_its_tear_down(breaks_afterwards): pass
@pytest.mark.capability("K05")
def test_breaks_in_its_set_up(breaks_before): pass
@pytest.mark.capability("K06")
@pytest.mark.xfail
def test_is_known_to_fail(): assert False
@pytest.mark.capability("P01")
class TestSeveral:
    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.capability("P02")
    def test_twice(self, n): pass
def test_has_no_mark(): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "pytest-xdist"])
def test_only_rows_whose_tests_all_pass_are_counted(tmp_path: Path, workers: tuple[str, ...]) -> None:
    report = tmp_path / "out/report.json"
    run_pytest(tmp_path, MIXED, f"--capability-report={report}", *workers)
    rows = {row.id: row for row in print_capabilities.read_rows(TABLE, report)}
    states = {name: rows[name].state for name in ("K01", "K02", "K03", "K04", "K05", "K06", "K07", "P01", "P02")}
    assert states == {
        "K01": "shown",
        "K02": "failing",
        "K03": "skipped",
        "K04": "failing",
        "K05": "failing",
        "K06": "skipped",
        "K07": "-",
        "P01": "shown",
        "P02": "shown",
    }
    assert rows["P02"].passed == 2
    lines = print_capabilities.table_lines(list(rows.values()))
    assert lines[-1] == "3 of 226"
    assert "contracts     1 of 90" in lines
    assert "probes        2 of 31" in lines


def test_a_failing_row_makes_the_command_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    test = {"test": "a", "rows": ["K15"], "outcome": "passed"}
    report.write_text(json.dumps({"tests": [test]}), encoding="utf-8")
    assert print_capabilities.main(["--report", str(report)]) == 0
    assert capsys.readouterr().out.endswith("\n1 of 226\n")
    report.write_text(json.dumps({"tests": [test, test | {"test": "b", "outcome": "failed"}]}), encoding="utf-8")
    assert print_capabilities.main(["--report", str(report)]) == 1
    assert capsys.readouterr().out.endswith("\n0 of 226\n")


def test_a_report_with_an_unknown_row_is_refused(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"tests": [{"test": "a", "rows": ["K99"], "outcome": "passed"}]}), encoding="utf-8")
    with pytest.raises(ValueError, match="rows that the table does not have: K99"):
        print_capabilities.read_rows(TABLE, report)
