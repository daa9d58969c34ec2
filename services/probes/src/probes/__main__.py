"""`python -m probes api|worker|all|runner|runner-keys|migrate|…`"""

import asyncio
import sys

from probes.api.commands import runner_keys
from probes.main import SERVICE
from probes.settings import RunnerSettings
from probes.worker import runner_process
from shared.service import service_cli
from shared.service_process import new_loop
from shared.settings import InvalidSettings, load_settings
from shared.telemetry import configure_logging


def main(argv: list[str]) -> int:
    """A runner and its keys need no database; every other command is the shared one."""
    if argv != ["runner"] and argv[:1] != ["runner-keys"]:
        return service_cli(SERVICE, argv)
    try:
        settings = load_settings(RunnerSettings)
    except InvalidSettings as error:
        print(f"probes cannot start. Set these environment variables:\n{error}", file=sys.stderr)
        return 2
    configure_logging(settings, service="probes-runner")
    command = runner_process if argv == ["runner"] else runner_keys
    with asyncio.Runner(loop_factory=new_loop) as loop:
        return loop.run(command(argv[1:], settings))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
