"""The four services as real processes over the test servers: what end-to-end and chaos tests talk to."""

import asyncio
import contextlib
import importlib
import io
import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from shared.database import metadata_for
from shared.kernel.clock import Clock
from shared.migrations import migrate
from shared.operations import command_operation
from shared.outbound_http import usual_authorities
from shared.stack.bootstrap import bootstrap, with_role
from shared.stack.folders import Memory
from shared.stack.nats_server import SERVICES, NatsServer
from shared.stack.ports import free_ports
from shared.stack.postgres_server import PostgresServer
from shared.stack.services import Endpoint, ServiceAccess, ServiceFailed, ServiceProcesses, migrations_of
from shared.stack.supervisor import usual_extras
from shared.stack.waiting import Patience
from shared.testing.mailbox import Mailbox
from shared.testing.servers import role_passwords, temporary_folder
from shared.time_source import ShiftedClock

TOKEN_GOOD_FOR_SECONDS = 300.0


@dataclass(frozen=True)
class Tenant:
    """An agency with the key of its owner."""

    tenant_id: str
    name: str
    client_id: str
    client_secret: str


class RunningStack:
    """Addresses, tokens and means of destruction of a running product."""

    def __init__(
        self,
        services: ServiceProcesses,
        postgres: PostgresServer,
        nats: NatsServer,
        *,
        database_url: str,
        mailbox: Mailbox,
        clock_file: Path,
    ) -> None:
        self.services = services
        self.postgres = postgres
        self.nats = nats
        self.database_url = database_url
        """The superuser's: sees every schema."""
        self.mailbox = mailbox
        """Where the mails of the services arrive: `.messages`."""
        self.clock_file = clock_file
        self._tokens: dict[str, tuple[float, str]] = {}
        self._administrator: Tenant | None = None

    # Addresses --------------------------------------------------------------------------------------------------

    def url(self, service: str) -> str:
        """Base URL of a service's API."""
        return self.services.endpoints[service].url

    def ops_url(self, service: str) -> str:
        """Base URL of a service's health and metrics."""
        return self.services.endpoints[service].ops_url

    @property
    def contracts_url(self) -> str:
        """Base URL of contracts."""
        return self.url("contracts")

    @property
    def probes_url(self) -> str:
        """Base URL of probes."""
        return self.url("probes")

    @property
    def incidents_url(self) -> str:
        """Base URL of incidents."""
        return self.url("incidents")

    @property
    def reporting_url(self) -> str:
        """Base URL of reporting."""
        return self.url("reporting")

    # Tenants and tokens -----------------------------------------------------------------------------------------

    def new_tenant(self, name: str) -> Tenant:
        """A new agency with a key of its owner."""
        words = ("tenant", "create", "--name", name, "--json")
        if self.services.installed:  # a Python of its own takes three seconds to say the same
            environment = self.services.environment("contracts")
            return _tenant(json.loads(_in_this_process("contracts", words, environment)), name)
        return _tenant(self.services.ask_command("contracts", *words), name)

    def administrator(self) -> Tenant:
        """The first tenant, made at the first call as `make run` does."""
        if self._administrator is None:
            self._administrator = _tenant(self.services.ask_command("contracts", "bootstrap", "--json"), "first")
        return self._administrator

    def admin_token(self) -> str:
        """A bearer token of the first tenant's administrator."""
        return self.token(self.administrator())

    def token(self, tenant: Tenant) -> str:
        """A bearer token of a tenant's owner; the same one for five minutes of the services' time."""
        return self.token_for(tenant.client_id, tenant.client_secret)

    def token_for(self, client_id: str, client_secret: str) -> str:
        """A bearer token for any API key. Raises httpx.HTTPStatusError when contracts refuses."""
        now = ShiftedClock(self.clock_file).now().timestamp()
        good_until, token = self._tokens.get(client_id, (0.0, ""))
        # A clock that was moved back makes a token that is not valid yet, hence both bounds.
        if not good_until - TOKEN_GOOD_FOR_SECONDS <= now < good_until:
            answer = httpx.post(
                f"{self.contracts_url}/v1/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=(client_id, client_secret),
                trust_env=False,
                timeout=30,
                verify=usual_authorities(),
            )
            answer.raise_for_status()
            token = str(answer.json()["access_token"])
            self._tokens[client_id] = (now + TOKEN_GOOD_FOR_SECONDS, token)
        return token

    @contextmanager
    def client(self, service: str, tenant: Tenant | None = None) -> Iterator[httpx.Client]:
        """A client of one service's API, with a token of the tenant's owner (the administrator's if none is named)."""
        token = self.token(tenant or self.administrator())
        headers = {"Authorization": f"Bearer {token}"}
        how: dict[str, Any] = {"trust_env": False, "timeout": 30, "verify": usual_authorities()}
        with httpx.Client(base_url=self.url(service), headers=headers, **how) as client:
            yield client

    # Time -------------------------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clock that the services follow."""
        return ShiftedClock(self.clock_file)

    def shift_clock(self, ahead: timedelta) -> None:
        """Put the services' clock this far ahead of the machine's; returns when they have noticed."""
        self.clock_file.write_text(f"{ahead.total_seconds()}\n")
        time.sleep(0.25)

    # Releases ---------------------------------------------------------------------------------------------------

    @contextmanager
    def as_released(self, sources: Path | None) -> Iterator["RunningStack"]:
        """The same installation with the services of other sources, on ports of their own; nothing of them runs yet.

        None stands for the services as they are installed. Nothing is migrated; both releases may run at once.
        """
        with temporary_folder("release") as folder:
            services = self.services.of_sources(sources, _free_endpoints(), folder)
            try:
                yield RunningStack(
                    services,
                    self.postgres,
                    self.nats,
                    database_url=self.database_url,
                    mailbox=self.mailbox,
                    clock_file=self.clock_file,
                )
            finally:
                services.stop(5.0)

    # Destruction ------------------------------------------------------------------------------------------------

    def kill_service(self, service: str) -> None:
        """SIGKILL a service."""
        self.services.processes[service].kill()

    def start_service(self, service: str, *, ready: bool = True) -> None:
        """Start a service again on its port; with `ready`, wait until it answers."""
        self.services.start_one(service)
        if ready:
            self.services.wait_until_ready(Patience(60))

    def hold(self) -> None:
        """Stop the services in the middle of what they do, until `go_on`."""
        for process in self.services.processes.values():
            process.send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let held services continue."""
        for process in self.services.processes.values():
            process.send(signal.SIGCONT)

    def restart_nats(self, *, wipe: bool = False) -> None:
        """SIGKILL NATS and start it on the same port; `wipe` loses every stream in between."""
        self.nats.kill()
        if wipe:
            self.nats.wipe()
        self.nats.start()

    def restart_postgres(self) -> None:
        """SIGKILL PostgreSQL and start it on the same port and data."""
        self.postgres.kill()
        self.postgres.start()

    def logs(self, lines: int = 15) -> str:
        """What each service wrote last, without its answered requests, for the report of a failed test.

        Short on purpose: a report that is cut off must still show the failure itself.
        """
        told = []
        for service, process in self.services.processes.items():
            written = [
                line[: 6000 if '"exception"' in line else 600]
                for line in process.output().splitlines()
                if '"event": "request"' not in line
            ]
            told += [f"--- {service} ---", *written[-lines:]]
        return "\n".join(told)


@contextmanager
def running_stack_over(
    postgres: PostgresServer,
    nats: NatsServer,
    *,
    database: str = "upheld",
    extra: Mapping[str, Mapping[str, str]] | None = None,
    memory: Memory | None = None,
    sources: Path | None = None,
) -> Iterator[RunningStack]:
    """Start the four services over two servers in a database of their own, and stop them at the end.

    `extra` gives settings to single services, without their prefix: `{"probes": {"LOG_LEVEL": "debug"}}`.
    `memory` has the secrets of an earlier stack, without which nobody reads what that one sealed.
    `sources` is the repository of another release, which migrates and runs instead of the installed one.
    """
    memory = memory or Memory()
    endpoints = _free_endpoints()
    admin_url = postgres.url(database)
    passwords = {service: role_passwords(postgres, service) for service in SERVICES}
    bootstrap(admin_url, SERVICES, passwords)
    with temporary_folder("stack") as folder, Mailbox() as mailbox:
        clock_file = folder / "clock"
        clock_file.write_text("0\n")
        access = {}
        for service in SERVICES:
            usual = usual_extras(service, memory, mail_port=mailbox.port, runner_keys_file=nats.runners_file)
            usual["REQUEST_RATE"] = "0"  # one token asks here as fast as it can
            usual["DATABASE_IDLE_TRANSACTION_SECONDS"] = "0"  # `hold` stops processes in the middle of transactions
            access[service] = ServiceAccess(
                database_url=with_role(admin_url, f"{service}_app", passwords[service].app),
                migration_database_url=with_role(admin_url, f"{service}_owner", passwords[service].owner),
                nats_url=nats.url(service),
                extra={**usual, **(extra or {}).get(service, {})},
            )
        services = ServiceProcesses(endpoints, access, logs=folder, clock_file=clock_file, sources=sources)
        try:
            if sources is not None:
                services.migrate()
            else:  # in this process: `python -m <service> migrate` would take most of the time
                for service in SERVICES:
                    url = access[service].migration_database_url
                    migrate(url, migrations_of(service), service, metadata_for(service))
            services.start()
            services.wait_until_ready(Patience(90))
            yield RunningStack(services, postgres, nats, database_url=admin_url, mailbox=mailbox, clock_file=clock_file)
        finally:
            services.stop(5.0)


def _in_this_process(service: str, words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The last line that a command of the service's own prints, run here with the settings of that environment.

    In a thread, since who asks may have an event loop that runs.
    """
    described = importlib.import_module(f"{service}.main").SERVICE
    prefix = f"{service.upper()}_"
    given = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    settings = described.settings_class(**given)

    async def run() -> int:
        with command_operation(words[0]):
            return int(await described.commands[words[0]](list(words[1:]), settings))

    with io.StringIO() as printed, ThreadPoolExecutor(1) as thread:
        with contextlib.redirect_stdout(printed):
            status = thread.submit(asyncio.run, run()).result()
        if status != 0:
            raise ServiceFailed(f"`{' '.join(words)}` of {service} ended with {status}.")
        return printed.getvalue().splitlines()[-1]


def _free_endpoints() -> dict[str, Endpoint]:
    ports = iter(free_ports(2 * len(SERVICES)))
    return {service: Endpoint(service, next(ports), next(ports)) for service in SERVICES}


def _tenant(answer: Mapping[str, object], name: str) -> Tenant:
    return Tenant(
        tenant_id=str(answer["tenant_id"]),
        name=name,
        client_id=str(answer.get("client_id") or answer["key_id"]),
        client_secret=str(answer["client_secret"]),
    )
