"""`python -m probes api|worker|all|runner|runner-keys|migrate|…`"""

import asyncio
import gc
import sys

gc.disable()  # while we import: nothing of that is garbage, and to look for some takes a third of the start

from probes.api.commands import runner_keys  # noqa: E402
from probes.main import SERVICE  # noqa: E402
from probes.settings import RunnerSettings  # noqa: E402
from probes.worker import runner_process  # noqa: E402
from shared.service import service_cli  # noqa: E402
from shared.service_process import CannotStart, imported, new_loop  # noqa: E402
from shared.settings import InvalidSettings, load_settings  # noqa: E402
from shared.telemetry import configure_logging  # noqa: E402


def main(argv: list[str]) -> int:
    """A runner and its keys need no database; every other command is the shared one."""
    if argv != ["runner"] and argv[:1] != ["runner-keys"]:
        return service_cli(SERVICE, argv)
    imported()
    try:
        settings = load_settings(RunnerSettings)
    except InvalidSettings as error:
        print(f"probes cannot start. Set these environment variables:\n{error}", file=sys.stderr)
        return 2
    configure_logging(settings, service="probes-runner")
    command = runner_process if argv == ["runner"] else runner_keys
    try:
        with asyncio.Runner(loop_factory=new_loop) as loop:
            return loop.run(command(argv[1:], settings))
    except CannotStart as error:
        print(f"probes: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
