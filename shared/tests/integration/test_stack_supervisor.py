"""`python -m shared.stack` as a person uses it: real servers and signals; other programs stand in for the services."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import shared
from shared.stack.binaries import nats_binary
from shared.stack.facts import read_facts
from shared.stack.folders import DataFolder, can_enter
from shared.stack.nats_server import SERVICES, NatsServer
from shared.stack.ports import free_ports
from shared.stack.postgres_server import PostgresServer
from shared.stack.processes import unprivileged_account
from shared.testing.servers import temporary_folder

START_SECONDS = 120.0


class Console:
    """A person at a terminal who runs `python -m shared.stack`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.data = base / "data"
        self.output = base / "output"
        self.python = [sys.executable]
        services = base / "services"
        for service in SERVICES:
            (services / service).mkdir(parents=True)
            (services / service / "__init__.py").touch()
            (services / service / "__main__.py").write_text(
                f"from stand_in_service import main\nraise SystemExit(main({service!r}))\n"
            )
        shutil.copy(Path(__file__).with_name("stand_in_service.py"), services)
        for path in (services, *services.rglob("*")):
            path.chmod(0o755)
        ports = free_ports(2 * len(SERVICES))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("UPHELD_")},
            "PYTHONPATH": str(services),
            "PYTHONDONTWRITEBYTECODE": "1",
            "UPHELD_DATA_DIR": str(self.data),
            **{f"UPHELD_{name.upper()}_PORT": str(ports[place]) for place, name in enumerate(SERVICES)},
            **{f"UPHELD_{name.upper()}_OPS_PORT": str(ports[4 + place]) for place, name in enumerate(SERVICES)},
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, standard output, standard error."""
        outcome = subprocess.run(
            [*self.python, "-m", "shared.stack", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**self.environment, **variables},
        )
        return outcome.returncode, outcome.stdout, outcome.stderr

    def start(self, **variables: str) -> "subprocess.Popen[bytes]":
        """Start `run` and leave it running."""
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                [*self.python, "-m", "shared.stack", "run"],
                stdout=output,
                stderr=output,
                env={**self.environment, **variables},
            )
        self._started.append(process)
        return process

    def run(self, **variables: str) -> "subprocess.Popen[bytes]":
        """Start `run` and wait until it says that it is ready."""
        process = self.start(**variables)
        self.wait_until(lambda: "Ready after" in self.written and "Stop" in self.written, process)
        return process

    @property
    def written(self) -> str:
        return self.output.read_text()

    def wait_until(self, condition: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            ended = process is not None and process.poll() is not None
            assert not ended, f"it ended with {process.returncode if process else None}:\n{self.written}"
            assert time.monotonic() < deadline, f"it took too long:\n{self.written}"
            time.sleep(0.02)

    def facts(self) -> dict[str, str]:
        return read_facts(DataFolder(self.data))

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()


def descendants(pid: int) -> dict[int, str]:
    """Every process below this one: pid to command line."""
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found |= {int(child): line} | descendants(int(child))
    return found


def living(processes: dict[int, str]) -> list[str]:
    """Which of them still run."""
    alive = []
    for pid, line in processes.items():
        try:
            now = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if now and now.split()[0] == line.split()[0]:
            alive.append(now)
    return alive


@pytest.fixture
def console() -> Iterator[Console]:
    with temporary_folder("stack") as base:
        person = Console(base)
        try:
            yield person
        finally:
            person.close()


def test_it_starts_everything_and_tells_where_it_is(console: Console) -> None:
    process = console.run()
    table = console.written
    for service in SERVICES:
        port = console.environment[f"UPHELD_{service.upper()}_PORT"]
        assert f"http://127.0.0.1:{port}/docs" in table
    facts = console.facts()
    assert facts["UPHELD_CLIENT_ID"] in table
    assert facts["UPHELD_CLIENT_SECRET"] in table
    for private in ("env", "state.json", "clock", "nats/nats.conf"):
        assert (console.data / private).stat().st_mode & 0o077 == 0, private
    sourced = subprocess.run(
        ["sh", "-c", f". {console.data}/env && echo $CONTRACTS_URL"], capture_output=True, text=True, check=True
    )
    assert sourced.stdout.strip() == facts["CONTRACTS_URL"]
    assert console.command("token")[1].strip() == f"token for {facts['UPHELD_CLIENT_ID']}"

    below = descendants(process.pid)
    names = " ".join(below.values())
    assert "postgres" in names and "nats-server" in names
    assert all(f"-m {service} all" in names for service in SERVICES)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert living(below) == []


def test_a_second_run_continues_with_the_same_data_ports_and_key(console: Console) -> None:
    first = console.run()
    before = console.facts()
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 0
    second = console.run()
    assert console.facts() == before
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == 0


def test_the_key_that_seals_is_changed_by_a_command_and_the_one_before_opens_until_it_is_forgotten(
    console: Console,
) -> None:
    code, _, said = console.command("change-key", "probes")
    assert (code, "`make run` makes the first one" in said) == (1, True)

    def keys() -> tuple[str, str | None]:
        running = console.run()
        facts = console.facts()
        for arguments in (("change-key", "probes"), ("forget-key", "probes")):
            code, _, said = console.command(*arguments)
            assert (code, "stop it first" in said) == (1, True)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
        assert "CONTRACTS_PREVIOUS_SECRET_KEY" not in facts
        return facts["PROBES_SECRET_KEY"], facts.get("PROBES_PREVIOUS_SECRET_KEY")

    first, none = keys()
    assert none is None
    code, printed, _ = console.command("change-key", "probes")
    assert (code, "upheld admin probes reseal-secrets" in printed) == (0, True)
    second, before = keys()
    assert (second != first, before) == (True, first)
    code, _, said = console.command("change-key", "probes")
    assert (code, "`make forget-key SERVICE=probes`" in said) == (1, True)
    assert console.command("forget-key", "probes")[0] == 0
    assert keys() == (second, None)
    code, _, said = console.command("forget-key", "probes")
    assert (code, "There is no key of probes before the present one" in said) == (1, True)


def test_only_one_supervisor_uses_a_data_folder(console: Console) -> None:
    process = console.run()
    others = {f"UPHELD_{name.upper()}_{kind}": "0" for name in SERVICES for kind in ("PORT", "OPS_PORT")}
    code, out, err = console.command("run", **others)
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"upheld: Upheld already runs on the data folder .* \(process {process.pid}\): .*\n", err)
    assert console.command("reset")[0] == 1
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert console.command("reset")[0] == 0
    assert not console.data.exists()


@pytest.mark.parametrize("kind", ["PORT", "OPS_PORT"])
def test_a_taken_port_is_one_sentence_that_names_the_port_and_the_variable(console: Console, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = console.command("run", **{f"UPHELD_INCIDENTS_{kind}": str(port)})
    assert (code, out) == (1, "")
    assert err == (
        f"upheld: Port {port}, which incidents needs, is taken: stop what uses it, "
        f"or choose another port with UPHELD_INCIDENTS_{kind}.\n"
    )


def test_one_port_for_two_services_is_one_sentence(console: Console) -> None:
    port = console.environment["UPHELD_PROBES_PORT"]
    code, _, err = console.command("run", UPHELD_REPORTING_PORT=port)
    assert code == 1
    assert err == f"upheld: Port {port} is given to two services: choose another with UPHELD_REPORTING_PORT.\n"


def one_sentence(error: str) -> bool:
    return error.startswith("upheld: ") and error.count("\n") == 1 and "Traceback" not in error


def test_a_broken_data_folder_is_one_sentence(console: Console) -> None:
    (console.data / "postgresql").mkdir(parents=True)
    (console.data / "postgresql" / "note.txt").write_text("not a database")
    code, _, err = console.command("run")
    assert code == 1
    assert one_sentence(err) and "is not a PostgreSQL cluster" in err


def test_a_damaged_memory_is_one_sentence(console: Console) -> None:
    console.data.mkdir()
    (console.data / "state.json").write_text("{")
    code, _, err = console.command("run")
    assert code == 1
    assert one_sentence(err) and "state.json is damaged" in err


def test_a_file_in_the_place_of_the_folder_is_one_sentence(console: Console) -> None:
    console.data.write_text("")
    code, _, err = console.command("run")
    assert code == 1
    assert one_sentence(err) and "there is a file in its place" in err


def test_a_folder_that_cannot_be_made_is_one_sentence(console: Console) -> None:
    code, _, err = console.command("run", UPHELD_DATA_DIR="/proc/upheld")
    assert code == 1
    assert one_sentence(err) and "set UPHELD_DATA_DIR" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_one_sentence(console: Console) -> None:
    console.data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(console.data)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        code, _, err = console.command("run")
    finally:
        subprocess.run(["umount", str(console.data)], check=True)
    assert code == 1
    assert one_sentence(err) and "is full" in err


def test_a_wrong_setting_is_one_sentence_that_names_it(console: Console) -> None:
    code, _, err = console.command("run", UPHELD_PROBES_PORT="eighty")
    assert code == 1
    assert one_sentence(err) and "UPHELD_PROBES_PORT" in err


def test_missing_programs_are_one_sentence(console: Console) -> None:
    code, _, err = console.command("run", UPHELD_POSTGRES_BIN=str(console.base))
    assert code == 1
    assert one_sentence(err) and "UPHELD_POSTGRES_BIN" in err
    code, _, err = console.command("run", UPHELD_NATS_SERVER=str(console.base / "absent"))
    assert code == 1
    assert one_sentence(err) and "UPHELD_NATS_SERVER" in err


def test_a_service_that_dies_is_named_with_its_last_words_and_stops_everything(console: Console) -> None:
    process = console.run(STAND_IN_REPORTING="dies")
    below = descendants(process.pid)
    assert process.wait(60) == 1
    assert "reporting ended by itself with exit code 9" in console.written
    assert "out of luck" in console.written
    assert "Traceback" not in console.written
    assert living(below) == []


def test_a_server_that_dies_is_named_and_stops_everything(console: Console) -> None:
    process = console.run()
    below = descendants(process.pid)
    nats = next(pid for pid, line in below.items() if "nats-server" in line.split()[0])
    os.kill(nats, signal.SIGKILL)
    assert process.wait(60) == 1
    assert "NATS ended by itself" in console.written
    assert living(below) == []


def test_a_migration_that_fails_shows_what_it_said(console: Console) -> None:
    code, _, err = console.command("run", STAND_IN_PROBES="refuses")
    assert code == 1
    assert "`python -m probes migrate` failed" in err
    assert "the schema is in a bad mood" in err
    assert "Traceback" not in err


def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_service(console: Console) -> None:
    process = console.run(STAND_IN_CONTRACTS="stubborn")
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert time.monotonic() - started < 5
    assert living(below) == []


def test_ctrl_c_while_it_starts_stops_what_has_started(console: Console) -> None:
    process = console.start()
    console.wait_until(lambda: "PostgreSQL answers" in console.written, process)
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert living(below) == []


def test_children_do_not_outlive_a_killed_supervisor_and_the_next_run_continues(console: Console) -> None:
    process = console.run(STAND_IN_CONTRACTS="stubborn")
    before = console.facts()
    below = descendants(process.pid)
    process.kill()
    process.wait()
    second = console.run()
    assert living(below) == []
    assert console.facts()["UPHELD_CLIENT_SECRET"] == before["UPHELD_CLIENT_SECRET"]
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0


def test_the_clock_of_the_embedded_stack_can_be_shifted(console: Console) -> None:
    process = console.run()
    assert "the machine's time" in console.command("clock")[1]
    assert "shifted by +86400 seconds" in console.command("clock", "--advance", "P1D")[1]
    assert (console.data / "clock").read_text().strip() == "86400.0"
    code, out, _ = console.command("clock", "--set", "2031-12-01T00:00:00Z")
    assert code == 0 and out.startswith("2031-12-01T00:00:0")
    for wrong in (("--advance", "P1M"), ("--set", "2031-12-01T00:00:00"), ("--advance", "P900Y")):
        code, _, err = console.command("clock", *wrong)
        assert code == 1 and one_sentence(err)
    code, out, _ = console.command("clock", "--reset")
    assert "the machine's time" in out and "Nothing runs" not in out
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert "Nothing runs: this holds from the next `make run` on." in console.command("clock", "--advance", "P1D")[1]


def test_commands_before_the_first_run_say_what_to_do(console: Console) -> None:
    for command in ("token", "clock", "env"):
        code, _, err = console.command(command)
        assert code == 1
        assert one_sentence(err) and "make run" in err


def test_it_uses_servers_that_already_run_and_leaves_their_clock_alone(
    console: Console, own_postgres_server: PostgresServer, nats_server: NatsServer
) -> None:
    servers = {
        "UPHELD_DATABASE_URL": own_postgres_server.url("elsewhere"),
        "UPHELD_NATS_URL": nats_server.url(),
    }
    process = console.run(**servers)
    names = " ".join(descendants(process.pid).values())
    assert "bin/postgres" not in names and "nats-server" not in names
    code, _, err = console.command("clock", "--advance", "P1D")
    assert code == 1 and one_sentence(err)
    assert "only with the embedded servers" in err
    first = console.facts()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert own_postgres_server.running and nats_server.running
    again = console.run(**servers)
    assert console.facts() == first
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0


def test_servers_that_do_not_answer_are_one_sentence(console: Console, own_postgres_server: PostgresServer) -> None:
    (port,) = free_ports(1)
    code, _, err = console.command("run", UPHELD_DATABASE_URL=f"postgresql://a:b@127.0.0.1:{port}/upheld")
    assert code == 1
    assert one_sentence(err) and "UPHELD_DATABASE_URL" in err and "start it, correct the URL, or unset" in err
    code, _, err = console.command(
        "run", UPHELD_DATABASE_URL=own_postgres_server.url("elsewhere"), UPHELD_NATS_URL=f"nats://127.0.0.1:{port}"
    )
    assert code == 1
    assert one_sentence(err) and "UPHELD_NATS_URL" in err
    code, _, err = console.command("run", UPHELD_DATABASE_URL="mysql://a:b@127.0.0.1/upheld")
    assert code == 1
    assert one_sentence(err) and "postgresql://" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_it_runs_as_an_ordinary_user(console: Console) -> None:
    account = unprivileged_account()
    assert account is not None
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(sys.executable).resolve(), Path("/usr/bin") / version, Path("/usr/local/bin") / version]
    python = next((one for one in candidates if one.exists() and can_enter(one.parent, account)), None)
    sources = Path(shared.__file__).parent.parent
    libraries = Path(pytest.__file__).parent.parent
    if python is None or not can_enter(sources, account) or not can_enter(libraries, account):
        pytest.skip("an ordinary user can reach no Python of this version, or not this checkout")
    console.base.chmod(0o777)
    console.python = [*("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", str(python))]
    console.environment["PYTHONPATH"] += f":{sources}:{libraries}"
    console.environment["UPHELD_NATS_SERVER"] = str(nats_binary())
    console.environment["HOME"] = "/nonexistent"
    process = console.run()
    assert console.data.stat().st_uid == account.uid
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that others cannot enter and a database that must")
def test_below_a_folder_that_others_cannot_enter_the_database_goes_elsewhere(console: Console) -> None:
    closed = console.base / "closed"
    closed.mkdir(mode=0o700)
    folder = DataFolder(closed / "data")
    elsewhere = folder.server_folder(unprivileged_account())
    assert closed not in elsewhere.parents
    process = console.run(UPHELD_DATA_DIR=str(folder.path))
    assert (elsewhere / "postgresql" / "PG_VERSION").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert console.command("reset", UPHELD_DATA_DIR=str(folder.path))[0] == 0
    assert not elsewhere.exists()
