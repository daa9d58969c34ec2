"""What `make run` does: start everything in order, watch it, and stop everything in order."""

import contextlib
import hashlib
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from shared.stack.bootstrap import DATABASE, bootstrap, database_of, plain_url, with_database, with_role
from shared.stack.clock_shift import offset_in, write_offset
from shared.stack.facts import write_facts
from shared.stack.folders import Administrator, DataFolder, Memory
from shared.stack.mailbox import Mailbox
from shared.stack.nats_server import OPERATOR, SERVICES, NatsServer, usual_users
from shared.stack.ports import is_free
from shared.stack.postgres_server import PostgresServer
from shared.stack.problems import StackProblem, StopRequested
from shared.stack.processes import ChildProcess, unprivileged_account
from shared.stack.services import ServiceAccess, ServiceProcesses
from shared.stack.settings import StackSettings
from shared.stack.waiting import Patience
from shared.time_source import SystemClock

EMBEDDED = "embedded"
STATUS_PAGE_PATH = "/status"
_WATCH_SECONDS = 0.2


class Signals:
    """Counts the requests to stop: Ctrl-C, SIGTERM, a closed terminal."""

    def __init__(self) -> None:
        self.count = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator["Signals"]:
        """Take the signals over, and give them back at the end."""
        before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def stop(self) -> bool:
        """True after the first request."""
        return self.count > 0

    def hurry(self) -> bool:
        """True after the second request."""
        return self.count > 1


def say(text: str = "") -> None:
    """Tell the person at the keyboard, who may have gone."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Stack:
    """Everything that `make run` starts."""

    def __init__(self, settings: StackSettings, signals: Signals) -> None:
        self._settings = settings
        self._signals = signals
        self._folder = DataFolder(settings.data_dir)
        self._patience = Patience(settings.start_seconds, signals.stop)
        self._endpoints = settings.endpoints()
        self._memory = Memory()
        self._postgres: PostgresServer | None = None
        self._nats: NatsServer | None = None
        self._mailbox: Mailbox | None = None
        self._services: ServiceProcesses | None = None

    def run(self) -> int:
        """Start, watch, stop. Gives the exit code; raises StackProblem with what the person should know."""
        try:
            self._start()
            self._watch()
        except StopRequested:
            pass
        finally:
            self._stop()
        return 0

    # Start ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        started = time.monotonic()
        self._folder.prepare()
        self._folder.lock()
        self._check_ports()
        self._keep_previous_logs()
        self._memory = self._folder.recall()
        admin_url = self._start_database()
        nats_urls = self._start_nats()
        self._mailbox = self._start_mailbox()
        bootstrap(admin_url, SERVICES, {service: self._memory.roles_of(service) for service in SERVICES})
        services = self._services = self._make_services(admin_url, nats_urls)
        say("Bringing the schemas up to date …")
        services.migrate()
        self._patience.pause(0)
        administrator = self._administrator(services, admin_url)
        say("Starting contracts, probes, incidents and reporting …")
        services.start()
        services.wait_until_ready(self._patience)
        write_facts(self._folder, self._facts(admin_url, nats_urls, administrator))
        say(f"Ready after {time.monotonic() - started:.1f} seconds.\n")
        say(self._table(administrator))

    def _check_ports(self) -> None:
        given: dict[int, str] = {}
        for endpoint in self._endpoints.values():
            for port, variable in (
                (endpoint.port, f"UPHELD_{endpoint.variable}_PORT"),
                (endpoint.ops_port, f"UPHELD_{endpoint.variable}_OPS_PORT"),
            ):
                if port in given:
                    raise StackProblem(f"Port {port} is given to two services: choose another with {variable}.")
                given[port] = variable
                if not is_free(port, endpoint.host):
                    raise StackProblem(
                        f"Port {port}, which {endpoint.service} needs, is taken: stop what uses it, "
                        f"or choose another port with {variable}."
                    )

    def _keep_previous_logs(self) -> None:
        for log in self._folder.logs.glob("*.log"):
            if not log.name.endswith(".previous.log"):
                log.replace(log.with_suffix(".previous.log"))

    def _start_database(self) -> str:
        """Start PostgreSQL, or find the one that runs. Gives the URL of a role that may create roles."""
        settings = self._settings
        if settings.database_url is not None:
            url = plain_url(settings.database_url.get_secret_value())
            say(f"Using the PostgreSQL at {urlsplit(url).hostname}.")
            return with_database(url, database_of(url))
        server = PostgresServer(
            self._folder.server_folder(unprivileged_account()),
            log=self._folder.logs / "postgresql.log",
            superuser_password=self._memory.postgres_password,
            port=settings.postgres_port,
            binaries=settings.postgres_bin,
        )
        if server.is_new:  # a key of a database that is gone opens nothing
            self._memory.administrators.pop(EMBEDDED, None)
            self._folder.remember(self._memory)  # before the cluster is made: without its password it is lost
        server.prefer_port(self._memory.postgres_port)
        self._postgres = server
        server.start(self._patience)
        self._memory.postgres_port = server.port
        self._folder.remember(self._memory)
        say(f"PostgreSQL answers on port {server.port}.")
        return server.url(DATABASE)

    def _start_nats(self) -> dict[str, str]:
        """Start NATS, or find the one that runs. Gives the URL for each of its users."""
        settings = self._settings
        users = (*SERVICES, OPERATOR)
        if settings.nats_url is not None:
            url = settings.nats_url.get_secret_value()
            self._check_nats(url)
            return dict.fromkeys(users, url)
        server = NatsServer(
            self._folder.nats,
            log=self._folder.logs / "nats.log",
            users=usual_users({user: self._memory.nats_password(user) for user in users}),
            port=settings.nats_port,
            monitor_port=settings.nats_monitor_port,
            binary=settings.nats_server,
        )
        server.prefer_ports(self._memory.nats_port, self._memory.nats_monitor_port)
        self._nats = server
        server.start(self._patience)
        self._memory.nats_port, self._memory.nats_monitor_port = server.port, server.monitor_port
        self._folder.remember(self._memory)
        say(f"NATS answers on port {server.port}.")
        return {user: server.url(user) for user in users}

    def _check_nats(self, url: str) -> None:
        for one in url.split(","):
            parts = urlsplit(one.strip())
            try:
                address = (parts.hostname or "", parts.port or 4222)
            except ValueError:
                address = ("", 0)
            if parts.scheme not in {"nats", "tls", "ws", "wss"} or not address[0]:
                raise StackProblem("UPHELD_NATS_URL must look like nats://user:password@host:4222.")
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=5):
                say(f"Using the NATS at {address[0]}.")
                return
        raise StackProblem("The NATS server of UPHELD_NATS_URL does not answer: start it, or unset the variable.")

    def _start_mailbox(self) -> Mailbox:
        mailbox = Mailbox(self._folder, port=self._memory.mail_port)
        mailbox.start(self._patience)
        self._memory.mail_port = mailbox.port
        self._folder.remember(self._memory)
        return mailbox

    def _make_services(self, admin_url: str, nats_urls: Mapping[str, str]) -> ServiceProcesses:
        clock_file = None
        if self._settings.embedded:
            clock_file = self._folder.clock_file
            write_offset(self._folder, offset_in(self._folder))
        return ServiceProcesses(
            self._endpoints,
            {service: self._access(service, admin_url, nats_urls) for service in SERVICES},
            logs=self._folder.logs,
            clock_file=clock_file,
        )

    def _access(self, service: str, admin_url: str, nats_urls: Mapping[str, str]) -> ServiceAccess:
        passwords = self._memory.roles_of(service)
        mail_port = self._mailbox.port if self._mailbox else 0
        return ServiceAccess(
            database_url=with_role(admin_url, f"{service}_app", passwords.app),
            migration_database_url=with_role(admin_url, f"{service}_owner", passwords.owner),
            nats_url=nats_urls[service],
            extra=usual_extras(
                service,
                self._memory,
                mail_port=mail_port,
                runner_keys_file=self._nats.runners_file if self._nats else None,
            ),
        )

    def _administrator(self, services: ServiceProcesses, admin_url: str) -> Administrator:
        """The first administrator: remembered, or made now together with the first tenant."""
        key = EMBEDDED if self._postgres else _fingerprint(admin_url)
        known = self._memory.administrators.get(key)
        if known is None:
            answer = services.ask_command("contracts", "bootstrap", "--json")
            known = Administrator.model_validate({"client_id": answer.get("key_id"), **answer})
            self._memory.administrators[key] = known
            self._folder.remember(self._memory)
        return known

    # Watch and stop ---------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            self._patience.pause(_WATCH_SECONDS)
            if self._services is not None:
                self._services.raise_if_one_ended()
            for process in self._server_processes():
                if not process.running:
                    raise StackProblem(
                        f"{process.name} ended by itself with exit code {process.exit_code}; the last lines of "
                        f"{process.log}:\n{process.last_lines()}"
                    )

    def _server_processes(self) -> list[ChildProcess]:
        servers = (self._postgres, self._nats, self._mailbox)
        return [server.process for server in servers if server is not None and server.process is not None]

    def _stop(self) -> None:
        """Services first, so that they can still write down what they were doing."""
        hurry = self._signals.hurry
        if self._services is not None and self._services.processes:
            say("\nStopping: the services drain, then NATS and PostgreSQL close …")
            late = self._services.stop(self._settings.drain_seconds, hurry=hurry)
            if late:
                say(f"Ended without waiting: {', '.join(late)}.")
        if self._mailbox is not None:
            self._mailbox.stop()
        if self._nats is not None:
            self._nats.stop()
        if self._postgres is not None:
            self._postgres.stop(hard=hurry())
            say("Stopped. `make run` continues with the same data.")
        self._folder.unlock()

    # What people and scripts are told ---------------------------------------------------------------------------

    def _facts(self, admin_url: str, nats_urls: Mapping[str, str], administrator: Administrator) -> dict[str, str]:
        endpoints = self._endpoints
        facts = {
            "UPHELD_STACK": EMBEDDED if self._settings.embedded else "external",
            **{f"{one.variable}_URL": one.url for one in endpoints.values()},
            **{f"{one.variable}_OPS_URL": one.ops_url for one in endpoints.values()},
            "UPHELD_TOKEN_URL": f"{endpoints['contracts'].url}/v1/oauth/token",
            "UPHELD_STATUS_PAGES_URL": endpoints["reporting"].url + STATUS_PAGE_PATH,
            "UPHELD_TENANT_ID": administrator.tenant_id,
            "UPHELD_CLIENT_ID": administrator.client_id,
            "UPHELD_CLIENT_SECRET": administrator.client_secret,
            "UPHELD_ADMIN_DATABASE_URL": admin_url,
            "UPHELD_OPERATOR_NATS_URL": nats_urls[OPERATOR],
        }
        if self._nats is not None:
            facts["UPHELD_NATS_MONITOR_URL"] = self._nats.monitor_url
        if self._mailbox is not None:
            facts["UPHELD_MAIL_DIR"] = str(self._mailbox.folder)
        if self._settings.embedded:
            facts["UPHELD_CLOCK_FILE"] = str(self._folder.clock_file)
        # With these, commands like `python -m incidents dead-letters list` work from a shell.
        for service, endpoint in endpoints.items():
            access = self._access(service, admin_url, nats_urls)
            prefix = f"{endpoint.variable}_"
            facts |= {
                prefix + "DATABASE_URL": access.database_url,
                prefix + "MIGRATION_DATABASE_URL": access.migration_database_url,
                prefix + "NATS_URL": access.nats_url,
                prefix + "PORT": str(endpoint.port),
            }
            facts |= {prefix + name: value for name, value in access.extra.items()}
            if self._settings.embedded:
                facts[prefix + "CLOCK_FILE"] = str(self._folder.clock_file)
        return facts

    def _table(self, administrator: Administrator) -> str:
        rows = [("service", "API", "OpenAPI page", "metrics")]
        rows += [
            (one.service, one.url, f"{one.url}/docs", f"{one.ops_url}/metrics") for one in self._endpoints.values()
        ]
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        lines.append("")
        facts = [
            ("Status pages", f"{self._endpoints['reporting'].url}{STATUS_PAGE_PATH}/<slug of the contract's page>"),
            ("Administrator key", administrator.client_id),
            ("  its secret", administrator.client_secret),
            ("A bearer token", "make token"),
            ("For scripts", f". {_short(self._folder.environment_file)}"),
            ("Logs", f"{_short(self._folder.logs)}/"),
        ]
        if self._mailbox is not None:
            facts.append(("Mail", f"{_short(self._mailbox.folder)}/ (nothing leaves this machine)"))
        if self._settings.embedded:
            offset = offset_in(self._folder)
            if offset:
                facts.append(
                    ("Clock", f"shifted: {(SystemClock().now() + offset):%Y-%m-%d %H:%M:%S} UTC; `make clock`")
                )
        facts.append(("Stop", "Ctrl-C"))
        lines += [f"{name:<18} {value}" for name, value in facts]
        return "\n".join(lines)


def usual_extras(service: str, memory: Memory, *, mail_port: int, runner_keys_file: Path | None) -> dict[str, str]:
    """Settings that make sense on one machine; a variable of the same name in the caller's environment wins."""
    # What is watched and told on a developer's machine is usually on this machine.
    extras = {"ALLOWED_NETWORKS": "127.0.0.0/8,::1/128"} if service != "contracts" else {}
    if service == "probes":
        extras |= {"RUNNER_KEYS_FILE": str(runner_keys_file)} if runner_keys_file else {}
        # Its one location sees this machine. Where names do not resolve, their sites fail, and not the location.
        extras |= {"CONTROL_TARGETS": f"127.0.0.1:{mail_port}"} if mail_port else {}
    extras["SECRET_KEY"] = memory.secret(service)  # seals what is stored: must be the same at the next run
    if service in memory.previous_secrets:
        extras["PREVIOUS_SECRET_KEY"] = memory.previous_secrets[service]
    if service in {"contracts", "reporting"}:
        extras["PORTAL_SECRET"] = memory.secret("portal")
    if service in {"incidents", "reporting"}:
        extras |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail_port), "SMTP_STARTTLS": "never"}
    return extras


def _fingerprint(url: str) -> str:
    """Names a database without its password."""
    parts = urlsplit(url)
    return hashlib.sha256(f"{parts.hostname}:{parts.port}{parts.path}".encode()).hexdigest()[:16]


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
