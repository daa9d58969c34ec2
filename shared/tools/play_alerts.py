"""Plays the cases of `deploy/k8s/components/monitoring/alert_cases.yaml` over the alert rules, and says which fail.

They are played by our own reading of PromQL (`promql.py`), with the ranges of Prometheus 2 and of Prometheus 3, and by
promtool where it is installed: on Debian it comes with the package `prometheus`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from promql import failures_of, seconds
from workspace import ROOT

FOLDER = ROOT / "deploy/k8s/components/monitoring"
OF_RUNNERS = ROOT / "deploy/k8s/components/monitoring-runner"


def read_groups() -> list[dict[str, Any]]:
    """The groups of rules, those of runners among them; what both have is in one."""
    groups = []
    known: list[Any] = []
    for folder in (FOLDER, OF_RUNNERS):
        for group in yaml.safe_load((folder / "alerts.yaml").read_text(encoding="utf-8"))["spec"]["groups"]:
            groups.append(group | {"rules": [rule for rule in group["rules"] if rule not in known]})
            known += group["rules"]
    return groups


def read_cases() -> dict[str, Any]:
    """The cases, as promtool reads them."""
    return dict(yaml.safe_load((FOLDER / "alert_cases.yaml").read_text(encoding="utf-8")))


def failures(cases: dict[str, Any], groups: list[dict[str, Any]]) -> list[str]:
    """What does not fire as a case says, or fires when it should not, one line each."""
    rules = [rule for group in groups for rule in group["rules"]]
    every = seconds(cases["evaluation_interval"])
    return [
        f"{case['name']}: {failure} (Prometheus {3 if left_open else 2})"
        for case in cases["tests"]
        for left_open in (False, True)
        for failure in failures_of(case, rules, every, left_open=left_open)
    ]


def promtool_says(promtool: str, groups: list[dict[str, Any]]) -> str:
    """What promtool finds wrong with rules and cases; empty when nothing is."""
    # It compares words, too, where a rule has any, and those depend on figures.
    silent = [
        group
        | {"rules": [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]]}
        for group in groups
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "told.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
        (place / "rules.yaml").write_text(yaml.safe_dump({"groups": silent}), encoding="utf-8")
        shutil.copy(FOLDER / "alert_cases.yaml", place / "cases.yaml")
        said = ""
        for arguments in (["check", "rules", "told.yaml"], ["test", "rules", "cases.yaml"]):
            done = subprocess.run([promtool, *arguments], cwd=place, capture_output=True, text=True, check=False)
            said += "" if done.returncode == 0 else done.stdout + done.stderr
        return said


def main() -> int:
    """Exit status 1 when a case fails."""
    groups, cases = read_groups(), read_cases()
    found = failures(cases, groups)
    promtool = shutil.which("promtool")
    if promtool is None:
        sys.stderr.write("promtool is not installed: the cases are played by our own reading of PromQL only.\n")
    elif said := promtool_says(promtool, groups):
        found.append(said)
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"{len(cases['tests'])} cases are as expected.\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
