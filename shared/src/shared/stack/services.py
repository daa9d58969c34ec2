"""The four services as processes: their environment, their start in order, and commands that they offer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import sql

from shared.stack.ports import LOOPBACK
from shared.stack.problems import StackProblem
from shared.stack.processes import ChildProcess
from shared.stack.waiting import Patience

OUR_PREFIX = "UPHELD_"
DRAIN_SECONDS = 15.0


class ServiceFailed(StackProblem):
    """A process of a service ended by itself. The message names it and shows what it wrote last."""


@dataclass(frozen=True)
class Endpoint:
    """Where one service listens."""

    service: str
    port: int
    ops_port: int
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://{self.host}:{self.port}"

    @property
    def ops_url(self) -> str:
        """Base URL of health and metrics."""
        return f"http://{self.host}:{self.ops_port}"

    @property
    def variable(self) -> str:
        """The start of the service's environment variables: `CONTRACTS`."""
        return self.service.upper()


@dataclass(frozen=True)
class ServiceAccess:
    """What one service is given: URLs with its own passwords."""

    database_url: str
    migration_database_url: str
    nats_url: str
    extra: Mapping[str, str] = field(default_factory=dict)
    """More settings without their prefix; the caller's environment wins over them."""


def environment_of(
    service: str,
    endpoints: Mapping[str, Endpoint],
    access: ServiceAccess,
    *,
    clock_file: Path | None = None,
    migrating: bool = False,
) -> dict[str, str]:
    """The environment of a service's process.

    What the person at the keyboard set for this service (`INCIDENTS_SMTP_HOST`) is passed on; what he set for another
    service or for the stack is not: no process sees a password that it has no use for.
    """
    here = endpoints[service]
    prefix = f"{here.variable}_"
    others = tuple(f"{name.upper()}_" for name in endpoints if name != service)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith((*others, OUR_PREFIX, "PYTEST_"))
    }
    for name, value in access.extra.items():
        environment.setdefault(prefix + name, value)
    issuer = endpoints["contracts"].url
    environment |= {
        prefix + "DATABASE_URL": access.database_url,
        prefix + "NATS_URL": access.nats_url,
        prefix + "HOST": here.host,
        prefix + "PORT": str(here.port),
        prefix + "OPS_PORT": str(here.ops_port),
        prefix + "TOKEN_ISSUER": issuer,
        prefix + "JWKS_URL": f"{issuer}/.well-known/jwks.json",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault(prefix + "PUBLIC_URL", here.url)
    if service == "reporting":  # its portal asks them as any frontend does
        for other in {"contracts", "incidents"} & set(endpoints):
            environment.setdefault(f"{prefix}{other.upper()}_URL", endpoints[other].url)
    environment.pop(prefix + "CLOCK_FILE", None)
    environment.pop(prefix + "MIGRATION_DATABASE_URL", None)
    if clock_file is not None:
        environment[prefix + "CLOCK_FILE"] = str(clock_file)
    if migrating:
        environment[prefix + "MIGRATION_DATABASE_URL"] = access.migration_database_url
    return environment


def migrations_of(service: str) -> Path:
    """The folder of a service's migrations, found without importing the service.

    Raises LookupError when the service is not installed.
    """
    found = find_spec(service)
    if found is None or found.origin is None:
        raise LookupError(f"there is no service {service} in this environment")
    return Path(found.origin).parent / "migrations"


class ServiceProcesses:
    """All services of the product, as `python -m <service> all`.

    `sources` is a folder with the repository of another release, whose services run instead of the installed ones.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        access: Mapping[str, ServiceAccess],
        *,
        logs: Path,
        clock_file: Path | None = None,
        sources: Path | None = None,
    ) -> None:
        self.endpoints = dict(endpoints)
        self._access = dict(access)
        self._logs = logs
        self._clock_file = clock_file
        self._sources = sources
        self.processes: dict[str, ChildProcess] = {}

    @property
    def installed(self) -> bool:
        """Whether these are the services of this environment."""
        return self._sources is None

    def environment(self, service: str, *, migrating: bool = False) -> dict[str, str]:
        """What a process of this service gets; tests use it to run one more."""
        environment = environment_of(
            service, self.endpoints, self._access[service], clock_file=self._clock_file, migrating=migrating
        )
        if self._sources is not None:  # which Python finds before the packages that are installed
            packages = [
                self._sources / "shared/src",
                *(self._sources / f"services/{one}/src" for one in self.endpoints),
            ]
            environment["PYTHONPATH"] = os.pathsep.join(map(str, packages))
        return environment

    def of_sources(self, sources: Path | None, endpoints: Mapping[str, Endpoint], logs: Path) -> "ServiceProcesses":
        """The services as another release has them, over the same servers; None: as they are installed."""
        return ServiceProcesses(endpoints, self._access, logs=logs, clock_file=self._clock_file, sources=sources)

    def run_command(self, service: str, *arguments: str, migrating: bool = False, seconds: float = 120.0) -> str:
        """Run `python -m <service> …` to its end and give what it printed. Raises ServiceFailed if it fails."""
        command = [sys.executable, "-m", service, *arguments]
        said = f"`python -m {service} {' '.join(arguments)}`"
        try:
            outcome = subprocess.run(  # noqa: S603 - one of our own services
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                env=self.environment(service, migrating=migrating),
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceFailed(f"{said} did not end within {seconds:.0f} seconds.") from error
        if outcome.returncode != 0:
            written = "\n".join((outcome.stdout + outcome.stderr).rstrip().splitlines()[-15:])
            raise ServiceFailed(f"{said} failed with exit code {outcome.returncode}; it wrote last:\n{written}")
        return outcome.stdout

    def ask_command(self, service: str, *arguments: str) -> dict[str, Any]:
        """Run a command that prints one JSON object (its last line that starts with a brace) and give the object."""
        printed = self.run_command(service, *arguments)
        for line in reversed(printed.splitlines()):
            if line.startswith("{"):
                try:
                    answer = json.loads(line)
                except ValueError:
                    break
                return dict(answer)
        try:
            return dict(json.loads(printed))
        except ValueError as error:
            raise ServiceFailed(f"`python -m {service} {' '.join(arguments)}` did not print a JSON object.") from error

    def migrate(self) -> list[str]:
        """Bring the schemas that are behind to the newest revision, two services at a time. Gives their names."""
        behind = [service for service in self.endpoints if not self._is_migrated(service)]
        with ThreadPoolExecutor(2) as pool:
            for outcome in [pool.submit(self.run_command, one, "migrate", migrating=True) for one in behind]:
                outcome.result()
        return behind

    def _is_migrated(self, service: str) -> bool:
        """Look before we start a Python of its own for nothing, which takes most of the time of a second run."""
        from shared.migrations import head_revision  # noqa: PLC0415  (brings Alembic, which no other command needs)

        folder = migrations_of(service)
        if not (folder / "versions").is_dir():
            return False
        schema = sql.Identifier(service)
        try:
            with psycopg.connect(self._access[service].database_url, connect_timeout=5) as connection:
                rows = connection.execute(
                    sql.SQL("select version_num from {}.alembic_version").format(schema)
                ).fetchall()
        except psycopg.Error:
            return False  # no table yet; anything worse is for `migrate` to tell
        return rows == [(head_revision(folder),)]

    def start(self) -> None:
        """Start every service that does not run."""
        for service in self.endpoints:
            self.start_one(service)

    def start_one(self, service: str) -> None:
        """Start a service, or start it again after its end."""
        running = self.processes.get(service)
        if running is not None and running.running:
            return
        process = ChildProcess(
            service,
            [sys.executable, "-m", service, "all"],
            log=self._logs / f"{service}.log",
            environment=self.environment(service),
        )
        process.start()
        self.processes[service] = process

    def wait_until_ready(self, patience: Patience) -> None:
        """Wait until /readyz of every service answers 200. Raises ServiceFailed when one ends or takes too long."""
        deadline = time.monotonic() + patience.seconds
        waiting = list(self.processes)
        reason = ""
        with httpx.Client(trust_env=False, timeout=5.0) as client:
            while waiting:
                self.raise_if_one_ended()
                service = waiting[0]
                try:
                    answer = client.get(f"{self.endpoints[service].url}/readyz")
                    if answer.status_code == httpx.codes.OK:
                        waiting.pop(0)
                        continue
                    reason = f"it answered {answer.status_code}: {answer.text[:300]}"
                except httpx.HTTPError as error:
                    reason = f"{type(error).__name__}"
                if time.monotonic() > deadline:
                    raise ServiceFailed(
                        f"{service} was not ready within {patience.seconds:.0f} seconds ({reason}); it wrote last:\n"
                        f"{self.processes[service].last_lines()}"
                    )
                patience.pause(0.05)

    def raise_if_one_ended(self) -> None:
        """Raise ServiceFailed when a process that should run has ended."""
        for service, process in self.processes.items():
            if not process.running:
                raise ServiceFailed(
                    f"{service} ended by itself with exit code {process.exit_code}; the last lines of {process.log}:\n"
                    f"{process.last_lines()}"
                )

    def stop(self, seconds: float = DRAIN_SECONDS, *, hurry: Callable[[], bool] = lambda: False) -> list[str]:
        """Ask all to drain at once, wait, and end those that do not. Gives the names of those that had to be ended."""
        started = [process for process in self.processes.values() if process.running]
        for process in started:
            process.request_stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not hurry() and any(process.running for process in started):
            time.sleep(0.05)
        late = [process for process in started if process.running]
        for process in late:
            process.kill()
        self.processes = {}
        return [process.name for process in late]
