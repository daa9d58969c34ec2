"""`python -m probes api|worker|all|runner|migrate|…`"""

import asyncio
import sys

from probes.main import SERVICE
from probes.settings import RunnerSettings
from probes.worker import runner_process
from shared.service import service_cli
from shared.service_process import new_loop
from shared.settings import InvalidSettings, load_settings
from shared.telemetry import configure_logging


def main(argv: list[str]) -> int:
    """A runner starts without a database; every other command is the shared one."""
    if argv != ["runner"]:
        return service_cli(SERVICE, argv)
    try:
        settings = load_settings(RunnerSettings)
    except InvalidSettings as error:
        print(f"The runner cannot start. Set these environment variables:\n{error}", file=sys.stderr)
        return 2
    configure_logging(settings, service="probes-runner")
    with asyncio.Runner(loop_factory=new_loop) as loop:
        return loop.run(runner_process([], settings))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
