"""Every figure that probing has to reach, measured one scenario after the other; prints JSON.

    python services/probes/benchmarks/figures.py [--full]

A few minutes; with --full the ten minutes of 10,000 monitors at 30 s instead of one minute of 1,000. Each scenario is a
process of its own. Progress goes to standard error.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def scenarios(*, full: bool) -> dict[str, Sequence[str]]:
    """Name to the command that measures it."""
    found: dict[str, Sequence[str]] = {
        "cpu_of_an_https_check_beside_blackbox_at_25_a_second": ("beside_blackbox.py", "--rate=25"),
        "cpu_of_an_https_check_beside_blackbox_at_100_a_second": ("beside_blackbox.py", "--rate=100"),
        "failing_check_to_event": ("whole_path.py", "--monitors=200", "--interval=5", "--seconds=60", "--outages=40"),
        "1000_monitors_at_20_s": (
            "whole_path.py", "--monitors=1000", "--interval=20", "--seconds=60", "--outages=0", "--restart",
        ),
        "storage": ("storage.py",),
    }  # fmt: skip
    if full:
        found["10000_monitors_at_30_s"] = (
            "whole_path.py", "--monitors=10000", "--interval=30", "--seconds=600", "--outages=0", "--restart",
            "--runner-apart",
        )  # fmt: skip
    return found


def main() -> None:
    """Prints one JSON object: the answer of each scenario by its name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    found: dict[str, Any] = {}
    for name, (script, *options) in scenarios(full=parser.parse_args().full).items():
        print(f"{name} …", file=sys.stderr, flush=True)
        answer = subprocess.run(
            [sys.executable, str(HERE / script), *options], stdout=subprocess.PIPE, check=True, text=True
        )
        found[name] = json.loads(answer.stdout)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
