"""The machine's clock is read at one place; every other reading is found, in whatever spelling."""

from __future__ import annotations

from pathlib import Path

import check_time_is_injected
import pytest
from workspace import ROOT


def found_in(root: Path) -> list[str]:
    return [str(violation) for violation in check_time_is_injected.find_violations(root)]


def plant(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text, encoding="utf-8")


def test_the_sources_read_no_clock() -> None:
    assert found_in(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime, UTC\nx = datetime.now(UTC)",
        "from datetime import datetime as instant\nx = instant.utcnow()",
        "import datetime as d\nx = d.datetime.now(d.UTC)",
        "import datetime\nx = datetime.date.today()",
        "from dataclasses import field\nfrom datetime import datetime\nx = field(default_factory=datetime.now)",
        "import time\nx = time.time()",
        "def f():\n    from time import time_ns as ns\n    return ns()",
        "from sqlalchemy import func\nx = func.now()",
        "import sqlalchemy as sa\nx = sa.func.current_timestamp()",
        "from sqlalchemy.sql import func as f\nx = f.clock_timestamp()",
        "x = 'UPDATE monitor SET due_at = now() WHERE id = %s'",
        "x = f'SELECT {1} WHERE due_at < CURRENT_TIMESTAMP'",
    ],
)
@pytest.mark.parametrize(
    "folder", ["domain", "application", "adapters", "api", "handlers", "jobs", "migrations/versions"]
)
def test_a_reading_of_the_clock_is_found(tmp_path: Path, folder: str, text: str) -> None:
    path = f"services/incidents/src/incidents/{folder}/stray.py"
    plant(tmp_path, path, text)
    found = found_in(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(path)
    assert "injected Clock" in found[0]


def test_a_function_of_the_edge_covers_no_other_function(tmp_path: Path) -> None:
    text = "from datetime import UTC, datetime\ndef {}(): return datetime.now(UTC)\n"
    place = next(place for place in check_time_is_injected.EDGE if "::" in place)
    file, _, function = place.partition("::")
    plant(tmp_path, file, text.format(function))
    assert found_in(tmp_path) == []
    (tmp_path / file).write_text(text.format("another"), encoding="utf-8")
    assert len(found_in(tmp_path)) == 1


def test_every_place_of_the_edge_exists() -> None:
    for place in check_time_is_injected.EDGE:
        file, _, function = place.partition("::")
        assert f"def {function}" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        '"""Explains why now() and CURRENT_TIMESTAMP are refused."""',
        "import time\nstarted = time.monotonic()\ntook = time.perf_counter()",
        "def rule(now):\n    return now",
        "clock = object()\nx = clock.now",
        "x = 'knowledge and nowhere'",
    ],
)
def test_what_only_looks_like_a_clock_is_allowed(tmp_path: Path, text: str) -> None:
    plant(tmp_path, "services/incidents/src/incidents/application/stray.py", text)
    assert found_in(tmp_path) == []
