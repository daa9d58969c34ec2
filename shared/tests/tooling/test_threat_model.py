"""The threat model names tests that exist, one at least for each threat."""

import re
from pathlib import Path

from workspace import ROOT

TEST = re.compile(r"`(test_\w+)`")


def threats() -> list[list[str]]:
    text = (ROOT / "deploy/threat-model.md").read_text(encoding="utf-8").partition("## What could be done")[2]
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def written() -> set[str]:
    files: list[Path] = [*ROOT.glob("services/*/tests/**/test_*.py"), *ROOT.glob("shared/tests/**/test_*.py")]
    return {name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.M)}


def test_every_threat_names_a_test_and_every_test_that_is_named_exists() -> None:
    there = written()
    assert len(threats()) > 15
    for row in threats():
        named = TEST.findall(row[2])
        assert named, row[0]
        assert set(named) <= there, set(named) - there
