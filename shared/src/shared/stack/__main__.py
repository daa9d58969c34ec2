"""`python -m shared.stack run | token | clock | env | change-key | forget-key | reset`: Upheld on one machine."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from shared.stack.clock_shift import ClockShift
from shared.stack.facts import read_facts
from shared.stack.folders import DataFolder, Memory
from shared.stack.nats_server import SERVICES
from shared.stack.problems import StackProblem
from shared.stack.settings import stack_settings
from shared.stack.supervisor import Signals, Stack


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except StackProblem as problem:
        print(f"upheld: {problem}", file=sys.stderr)
    except OSError as error:  # a disk that fills up or a folder that goes away while we run
        print(f"upheld: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="start everything and stay until Ctrl-C")
    run.set_defaults(command=_run)
    token = commands.add_parser("token", help="print a bearer token of the administrator")
    token.set_defaults(command=_token)
    clock = commands.add_parser("clock", help="show or shift the clock of the running services")
    how = clock.add_mutually_exclusive_group()
    how.add_argument("--advance", metavar="P1D", help="move on by an ISO 8601 duration")
    how.add_argument("--set", metavar="2026-12-01T00:00:00Z", help="jump to an instant")
    how.add_argument("--reset", action="store_true", help="back to the machine's time")
    clock.set_defaults(command=_clock)
    env = commands.add_parser("env", help="print the facts of the stack for a shell to evaluate")
    env.set_defaults(command=_env)
    change_key = commands.add_parser("change-key", help="make another key that seals; the one before it still opens")
    change_key.set_defaults(command=_change_key)
    forget_key = commands.add_parser("forget-key", help="forget the key before it, once everything is sealed anew")
    forget_key.set_defaults(command=_forget_key)
    for of_a_key in (change_key, forget_key):
        of_a_key.add_argument("service", choices=SERVICES)
    reset = commands.add_parser("reset", help="delete all data of the stopped stack")
    reset.set_defaults(command=_reset)
    return parser


def _folder() -> DataFolder:
    return DataFolder(stack_settings().data_dir)


def _run(options: argparse.Namespace) -> int:
    with Signals().listening() as signals:
        return Stack(stack_settings(), signals).run()


def _token(options: argparse.Namespace) -> int:
    facts = read_facts(_folder())
    url = facts["UPHELD_TOKEN_URL"]
    try:
        answer = httpx.post(
            url,
            data={"grant_type": "client_credentials"},
            auth=(facts["UPHELD_CLIENT_ID"], facts["UPHELD_CLIENT_SECRET"]),
            trust_env=False,
            timeout=10,
        )
    except httpx.HTTPError as error:
        raise StackProblem(f"Contracts does not answer at {url}: start Upheld with `make run` first.") from error
    if answer.status_code != httpx.codes.OK:
        raise StackProblem(f"Contracts gave no token for the administrator's key ({answer.status_code}): {answer.text}")
    print(answer.json()["access_token"])
    return 0


def _clock(options: argparse.Namespace) -> int:
    shift = ClockShift(_folder(), stack_settings())
    if options.advance is not None:
        shift.advance(options.advance)
    elif options.set is not None:
        shift.set(options.set)
    elif options.reset:
        shift.reset()
    offset = shift.offset
    said = f"shifted by {offset.total_seconds():+.0f} seconds" if offset else "the machine's time"
    print(f"{shift.now().isoformat(timespec='seconds')} ({said})")
    if not _folder().is_locked():
        print("Nothing runs: this holds from the next `make run` on.")
    return 0


def _env(options: argparse.Namespace) -> int:
    folder = _folder()
    read_facts(folder)
    print(folder.environment_file.read_text(), end="")
    return 0


def _change_key(options: argparse.Namespace) -> int:
    service = options.service
    with _kept_memory() as memory:
        memory.change_key(service)
    print(
        f"{service} seals with another key from the next `make run` on, and still opens what the one before sealed.\n"
        "Start it in a shell that has not read .upheld/env, whose keys win; then, in one that has read it anew:\n"
        f"  upheld admin {service} reseal-secrets\n"
        f"When that ends with status 0, stop it: `make forget-key SERVICE={service}`."
    )
    return 0


def _forget_key(options: argparse.Namespace) -> int:
    with _kept_memory() as memory:
        memory.forget_key(options.service)
    print(f"The key of {options.service} before the present one is forgotten.")
    return 0


@contextmanager
def _kept_memory() -> Iterator[Memory]:
    """What the stopped stack remembers, written down again as it is changed."""
    folder = _folder()
    folder.prepare()
    folder.lock()
    try:
        memory = folder.recall()
        yield memory
        folder.remember(memory)
    finally:
        folder.unlock()


def _reset(options: argparse.Namespace) -> int:
    folder = _folder()
    folder.forget()
    print(f"All data in {folder.path} is deleted.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
