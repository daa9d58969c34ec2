"""Child processes that never outlive the process which started them."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.stack.problems import StackProblem

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Account:
    """The operating system account that a server runs as, when that is not our own."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """Give the account that PostgreSQL must run as, or None when our own will do.

    PostgreSQL refuses to run as root. As root we use `nobody`, which exists everywhere and owns nothing.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackProblem(
            "PostgreSQL refuses to run as root and this system has no account `nobody` to run it as; "
            "run as an ordinary user, or set UPHELD_DATABASE_URL to a server that already runs."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


A = TypeVar("A")
T = TypeVar("T")
_starter = ThreadPoolExecutor(1, thread_name_prefix="starts children")


def _in_lasting_thread(function: Callable[[A], T], argument: A) -> T:
    """Call a function in a thread that lives as long as this process.

    What Linux calls the death of the parent is the end of the *thread* that made the child: started from a thread of a
    test, a server would be stopped together with that thread.
    """
    return _starter.submit(function, argument).result()


class ChildProcess:
    """One process that we start, watch and stop, with its output in a file.

    It gets a session of its own, so that Ctrl-C in the terminal reaches only us and we stop the children in order. On
    Linux it is signalled when we end, even by SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        harder_signal: signal.Signals = signal.SIGKILL,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._account = account
        self._stop_signal = stop_signal
        self._harder_signal = harder_signal
        self._orphan_signal = orphan_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the process; its output is appended to the log file, which only we can read."""
        if not os.access(self._command[0], os.X_OK):
            raise StackProblem(f"Cannot start {self.name}: there is no program {self._command[0]}.")
        try:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StackProblem(f"Cannot write the log {self.log}: {error.strerror}.") from error
        try:
            self._log_start = os.fstat(descriptor).st_size
            self._process = _in_lasting_thread(self._spawn, descriptor)
        finally:
            os.close(descriptor)

    def _spawn(self, output: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - the command is built by us, never from input
            self._launched(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,
        )

    def _launched(self) -> list[str]:
        account = self._account
        user = [str(account.uid), str(account.gid)] if account else ["-1", "-1"]
        launch = [sys.executable, "-I", "-S", str(_LAUNCH)]
        return [*launch, str(os.getpid()), str(int(self._orphan_signal)), *user, *self._command]

    @property
    def pid(self) -> int | None:
        """The process id, or None before the first start."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """True from start until the process has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code (negative: killed by that signal), or None while it runs or before it started."""
        return self._process.poll() if self._process else None

    def wait(self, seconds: float) -> bool:
        """Wait for the end; tell whether it came in time."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def request_stop(self) -> None:
        """Send the polite signal, once, and return at once."""
        self.send(self._stop_signal)

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process still runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def stop(self, seconds: float = 10.0, *, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Stop politely, then harder, then with SIGKILL. Tell whether the polite way was enough.

        `seconds` is the patience of the first stage; the second gets a quarter of it. `hurry` is asked while waiting
        and ends the first stage when it says True (a second Ctrl-C).
        """
        if not self.running:
            return True
        self.request_stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not hurry():
            if self.wait(0.05):
                return True
        self.send(self._harder_signal)
        if not self.wait(max(seconds / 4, 1.0)):
            self.send(signal.SIGKILL)
            self.wait(10.0)
        return False

    def kill(self) -> None:
        """SIGKILL and wait: what a crash looks like."""
        self.send(signal.SIGKILL)
        self.wait(10.0)

    def output(self) -> str:
        """Everything that the process wrote since its last start (at most the last 64 KiB)."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, size - 65536))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def last_lines(self, count: int = 15) -> str:
        """The last lines that it wrote since its last start."""
        return "\n".join(self.output().rstrip().splitlines()[-count:])


def is_alive(pid: int, command_part: str) -> bool:
    """Tell whether process `pid` lives and its command line holds `command_part` (a pid may have a new owner)."""
    command_line = Path(f"/proc/{pid}/cmdline")
    if command_line.parent.parent.joinpath("self").exists():
        try:
            return command_part in command_line.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_for_end(pid: int, command_part: str, seconds: float) -> bool:
    """Wait for a process that is not our child to end; tell whether it did."""
    deadline = time.monotonic() + seconds
    while is_alive(pid, command_part):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
