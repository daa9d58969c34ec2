"""One embedded NATS with JetStream, a user per service and per key of a runner.

Every message is on disk before it is acknowledged.
"""

import json
import re
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.jetstream import ADVISORIES, inbox_prefix
from shared.stack.binaries import nats_binary
from shared.stack.folders import cannot_write, write_private
from shared.stack.ports import LOOPBACK, free_ports, is_free
from shared.stack.problems import StackProblem, StopRequested
from shared.stack.processes import ChildProcess, is_alive, wait_for_end
from shared.stack.waiting import Patience

SERVICES = ("contracts", "probes", "incidents", "reporting")
OPERATOR = "operator"
RUNNERS_FILE = "runners.conf"
"""Included by the configuration: the users of runners, which `python -m probes runner-keys` writes."""

WORK_STREAM = "PROBE_WORK"
RESULT_STREAM = "PROBE_RESULTS"

_ACCOUNT = "UPHELD"
_RUNNERS_ACCOUNT = "RUNNERS"
_EXTRA_SUBJECTS = {"probes": ("probe-work.>", "probe-results.>")}
_EXTRA_STREAMS = {"probes": (WORK_STREAM, RESULT_STREAM)}
# A bookkeeping limit, not space: each stream declares how much it may grow, and by default the server refuses streams
# whose limits together exceed three quarters of the disk that is free today.
_STORE_LIMIT = "1TB"


@dataclass(frozen=True)
class NatsUser:
    """What one connection may publish and subscribe to (NATS subjects with wildcards); everything else is refused.

    `subscribe` None stands for the user's own inbox: answers and pulled messages come there, and nobody else reads
    them. `shared.jetstream.connect` asks for them there.
    """

    name: str
    password: str
    publish: Sequence[str]
    subscribe: Sequence[str] | None = None

    def permissions(self) -> dict[str, dict[str, list[str]]]:
        """The user's `permissions` as they stand in the server's configuration."""
        subscribe = [f"{inbox_prefix(self.name)}.>"] if self.subscribe is None else list(self.subscribe)
        return {"publish": {"allow": list(self.publish)}, "subscribe": {"allow": subscribe}}

    def entry(self) -> dict[str, object]:
        """The user as it stands in the server's configuration, password included."""
        return {"user": self.name, "password": self.password, "permissions": self.permissions()}


def stream_name(service: str) -> str:
    """The stream that holds a service's events."""
    return service.upper()


def service_user(service: str, password: str, services: Sequence[str] = SERVICES) -> NatsUser:
    """A service says its own events only, shapes no stream but its own, and consumes under its own name only.

    Reading is not restricted: events are for every service, and PostgreSQL decides what a person may see of them.
    Nobody deletes or purges: no code does. Subjects are all that the server compares. It looks neither into a
    declaration (a stream of one's own that republishes elsewhere) nor at the subject that an answer is to go to, so
    that these permissions hold mistakes and curiosity off, not a service that somebody has taken over.
    """
    own = (stream_name(service), *_EXTRA_STREAMS.get(service, ()))
    events = [stream_name(other) for other in services]
    return NatsUser(
        service,
        password,
        publish=(
            f"{service}.>",
            *_EXTRA_SUBJECTS.get(service, ()),
            *(f"$JS.API.STREAM.{verb}.{stream}" for stream in (*own, ADVISORIES) for verb in ("CREATE", "UPDATE")),
            *(f"$JS.API.STREAM.INFO.{stream}" for stream in (*events, *own[1:], ADVISORIES)),
            *(f"$JS.API.STREAM.MSG.GET.{stream}" for stream in events),
            *(subject for stream in (*events, ADVISORIES) for subject in _consuming(stream, service)),
            *(f"$JS.API.CONSUMER.INFO.{stream}.{service}" for stream in events),  # how far it is behind
            *(subject for stream in own[1:] for subject in _consuming(stream, "*")),
        ),
    )


def _consuming(stream: str, durable: str) -> tuple[str, ...]:
    """Declare a pull consumer, take from it, acknowledge. `durable` is a whole token: a name or `*`.

    An acknowledgement ends in five numbers. Not `>`: there is a longer form, in which these tokens would be a domain
    and an account, and the stream and the consumer, of anybody, come behind them.
    """
    return (
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.*.*.*.*.*",
    )


def runner_user(name: str, location: str, password: str) -> NatsUser:
    """Whoever holds one runner's key: takes the work of one location, hands in its results, and nothing else.

    `name` and `location` are letters, digits and hyphens; `password` may be the bcrypt hash of one.
    """
    return NatsUser(runner_name(name), password, publish=_runner_subjects(location))


def runner_name(name: str) -> str:
    """The user of a key, and the work consumer of a location: apart from those of services."""
    return f"runner-{name}"


def _runner_subjects(location: str) -> tuple[str, ...]:
    """`location` may be `*`."""
    queue = "*" if location == "*" else runner_name(location)
    _, take, acknowledge = _consuming(WORK_STREAM, queue)
    return (take, acknowledge, f"probe-results.{location}")


def operator_user(password: str) -> NatsUser:
    """May do everything: for the tests and for a person who repairs something."""
    return NatsUser(OPERATOR, password, publish=(">",), subscribe=(">",))


def usual_users(passwords: Mapping[str, str], services: Sequence[str] = SERVICES) -> list[NatsUser]:
    """The users of the product itself. `passwords` has one entry per service and one for `operator`."""
    users = [service_user(service, passwords[service], services) for service in services]
    return [*users, operator_user(passwords[OPERATOR])]


def render_accounts(users: Sequence[str], runners_file: str) -> list[str]:
    """The lines that say who may connect. `users` as they stand in the configuration, `runners_file` relative to it.

    Runners have an account of their own, because the server does not look at the subject that an answer is to go to:
    beside the services it could be that of an event. Only what is imported leads over there, and answers come back.
    The account stands here and not in the included file: the server does not join one that comes with a reload.
    """
    take, *others = subjects = _runner_subjects("*")
    exports: list[dict[str, str]] = [{"service": take, "response_type": "Stream"}]  # heartbeats, then a message
    exports += [{"service": subject} for subject in others]
    return [
        "accounts {",
        f"  {_ACCOUNT} {{",
        "    jetstream: enabled",
        "    users: [",
        *users,
        "    ]",
        "    exports: [",
        *(f"      {json.dumps(export)}" for export in exports),
        "    ]",
        "  }",
        f"  {_RUNNERS_ACCOUNT} {{",
        "    imports: [",
        *(f"      {json.dumps({'service': {'account': _ACCOUNT, 'subject': subject}})}" for subject in subjects),
        "    ]",
        "    # Users with their permissions, one per key: `python -m probes runner-keys` writes them.",
        f"    include {json.dumps(runners_file)}",
        "  }",
        "}",
    ]


def render_configuration(*, port: int, monitor_port: int, store: Path, users: Sequence[NatsUser]) -> str:
    """The server's configuration file, which holds passwords: keep it from others' eyes.

    JSON strings are valid in NATS configuration and spare us its quoting rules.
    """
    lines = [
        'server_name: "upheld"',
        f"host: {LOOPBACK}",
        f"port: {port}",
        f'http: "{LOOPBACK}:{monitor_port}"',
        "max_payload: 4MB",
        "jetstream {",
        f"  store_dir: {json.dumps(str(store))}",
        "  # The default acknowledges first and syncs within two minutes: a power cut would lose acknowledged events.",
        "  sync_interval: always",
        "  max_memory_store: 256MB",
        f"  max_file_store: {_STORE_LIMIT}",
        "}",
        *render_accounts([f"      {json.dumps(user.entry())}" for user in users], RUNNERS_FILE),
        "",
    ]
    return "\n".join(lines)


class NatsServer:
    """A server in `folder` that listens on loopback only."""

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        users: Sequence[NatsUser],
        port: int | None = None,
        monitor_port: int | None = None,
        binary: Path | None = None,
    ) -> None:
        """Ports that are None are chosen by the operating system at the first start, and kept for later ones."""
        self.folder = folder
        self.store = folder / "jetstream"
        self.port = port or 0
        self.monitor_port = monitor_port or 0
        self._fixed_port = port is not None
        self._fixed_monitor_port = monitor_port is not None
        self._users = {user.name: user for user in users}
        self._log = log
        self._binary = nats_binary(binary)
        self._process: ChildProcess | None = None

    # What it is -------------------------------------------------------------------------------------------------

    def url(self, user: str = OPERATOR) -> str:
        """The URL for one of the users. Raises KeyError when there is no such user."""
        return f"nats://{user}:{self._users[user].password}@{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The base URL of the monitoring endpoints (/healthz, /jsz, /varz)."""
        return f"http://{LOOPBACK}:{self.monitor_port}"

    @property
    def runners_file(self) -> Path:
        """The users of runners. Whoever changes them calls `reload`."""
        return self.folder / RUNNERS_FILE

    @property
    def process(self) -> ChildProcess | None:
        """The running server, for whoever watches it."""
        return self._process

    @property
    def running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.running

    def prefer_ports(self, port: int | None, monitor_port: int | None) -> None:
        """Use the ports of an earlier run where they are still free and nobody asked for certain ones."""
        if port is not None and not self._fixed_port and is_free(port):
            self.port = port
        if monitor_port is not None and not self._fixed_monitor_port and is_free(monitor_port):
            self.monitor_port = monitor_port

    # Life -------------------------------------------------------------------------------------------------------

    def start(self, patience: Patience | None = None) -> None:
        """Start and wait until JetStream answers. Raises StackProblem with one sentence when that cannot be."""
        patience = patience or Patience()
        try:
            self.store.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self._wait_for_orphan()
        attempts = 5
        for attempt in range(1, attempts + 1):
            if not self.port:
                self.port = free_ports(1)[0]
            if not self.monitor_port:
                self.monitor_port = free_ports(1)[0]
            if self._launch(patience):
                return
            if self._fixed_port and self._fixed_monitor_port:
                break
            if attempt < attempts:
                self.port = self.port if self._fixed_port else 0
                self.monitor_port = self.monitor_port if self._fixed_monitor_port else 0
        raise StackProblem(
            f"Port {self.port} or {self.monitor_port} is taken, so NATS cannot start: "
            "stop what uses it or set UPHELD_NATS_PORT and UPHELD_NATS_MONITOR_PORT."
        )

    def reload(self, patience: Patience | None = None) -> None:
        """Make the server read its users again: who is gone is disconnected, nobody else notices.

        Raises StackProblem when it does not take them: it goes on with those it had.
        """
        patience = patience or Patience()
        if self._process is None or not self.running:
            raise StackProblem("NATS does not run, so it cannot read its users again: it does when it starts.")
        deadline = time.monotonic() + patience.seconds
        with httpx.Client(trust_env=False, timeout=5.0) as client:
            before = self._loaded_at(client)
            self._process.send(signal.SIGHUP)
            while self._loaded_at(client) in (before, None):
                if time.monotonic() > deadline:
                    raise StackProblem(f"NATS has not taken the users of {self.runners_file}; see {self._log}.")
                patience.pause(0.02)

    def stop(self, seconds: float = 10.0) -> None:
        """Stop in order; what was acknowledged is on disk."""
        if self._process is not None:
            self._process.stop(seconds)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()

    def wipe(self) -> None:
        """Lose every stream, as a lost volume would. Only while the server does not run."""
        if self.running:
            raise RuntimeError("stop or kill the server before its volume is wiped")
        shutil.rmtree(self.store, ignore_errors=True)

    # How --------------------------------------------------------------------------------------------------------

    def _wait_for_orphan(self) -> None:
        """Two servers must never share a store; one whose supervisor was killed may still be closing it."""
        try:
            pid = int((self.folder / "nats.pid").read_text())
        except (OSError, ValueError):
            return
        part = str(self.folder / "nats.conf")
        if is_alive(pid, part) and not wait_for_end(pid, part, 15.0):
            raise StackProblem(f"Another NATS (process {pid}) still runs on {self.folder}: stop it with `kill {pid}`.")

    def _launch(self, patience: Patience) -> bool:
        """Start once; False when a port was taken."""
        configuration = self.folder / "nats.conf"
        content = render_configuration(
            port=self.port, monitor_port=self.monitor_port, store=self.store, users=list(self._users.values())
        )
        try:
            write_private(configuration, content)
            if not self.runners_file.exists():
                write_private(self.runners_file, "")
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        process = ChildProcess(
            "NATS",
            [str(self._binary), "--config", str(configuration), "--pid", str(self.folder / "nats.pid")],
            log=self._log,
            environment={},
            folder=self.folder,
            stop_signal=signal.SIGTERM,
            orphan_signal=signal.SIGTERM,
        )
        process.start()
        self._process = process
        deadline = time.monotonic() + patience.seconds
        with httpx.Client(trust_env=False, timeout=1.0) as client:
            while True:
                if not process.running:
                    return self._why_not(process.output())
                if self._answers(client) and process.running:
                    return True
                if time.monotonic() > deadline:
                    process.stop()
                    raise StackProblem(f"NATS did not answer within {patience.seconds:.0f} seconds; see {self._log}.")
                try:
                    patience.pause(0.02)
                except StopRequested:
                    process.stop()
                    raise

    def _loaded_at(self, client: httpx.Client) -> object:
        """When the server read its configuration last; None when it does not answer."""
        try:
            return client.get(f"{self.monitor_url}/varz").json()["config_load_time"]
        except httpx.HTTPError:
            return None

    def _answers(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.monitor_url}/healthz?js-enabled-only=true").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _why_not(self, output: str) -> bool:
        if "address already in use" in output:
            return False
        if "no space left on device" in output:
            raise StackProblem(f"The disk that holds {self.folder} is full, so NATS cannot start: free some space.")
        said = re.findall(r"(?:\[FTL\]|\[ERR\]|nats-server:)\s*(.*)", output)
        reason = said[-1].rstrip(".") if said else "it gave no reason"
        raise StackProblem(
            f"NATS cannot start on {self.folder}: {reason}; see {self._log}. Its streams are copies: after a damage, "
            f"delete {self.store} and the services fill them again."
        )
