"""The benchmark runs to its end; its figures are nobody's promise here."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed.py"
SMALL = "--runs 1 --sites 3 --reports 2 --pages 4 --seconds 0.1 --monitors 4 --per-contract 2 --days 3 --messages 5"


@pytest.mark.slow
async def test_the_benchmark_of_reporting_prints_its_figures() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SPEED), *SMALL.split()), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, failed = await process.communicate()
    assert process.returncode == 0, failed.decode()[-2000:]
    found = json.loads(said)["reporting_speed"]
    assert found["report"]["pdf_kb"] > 10
    assert found["batch"]["files"] == 10
    assert found["pages"]["median_warm_per_second"] > 0
    assert (found["rebuild"]["events"], found["rebuild"]["hourly_rollups"]) == (26, 144)
    assert all(found[name]["peak_mib"] > 0 for name in ("report", "batch", "pages", "rebuild"))
