"""A runner needs its key, the address of NATS and a network; without its key it gets no work."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from probes.adapters.runner_keys import RunnerKeys
from probes.api.commands import runner_keys
from probes.settings import RunnerSettings
from shared import jetstream
from shared.jetstream import connect, inbox_prefix
from shared.stack.binaries import nats_binary
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.testing.small_site import SmallSite

from ..certificates import Issued, issue, trust
from .conftest import Contract, Service, contract, eventually, settings_for, working
from .runners import runner_url, running

LOCATIONS = ("lyon", "oslo")
CADENCE = {"interval_seconds": 2, "timeout_seconds": 2, "rechecks": 3, "recheck_spacing_seconds": 0}


def command(*arguments: str, file: Path) -> subprocess.CompletedProcess[str]:
    """`python -m probes runner-keys` as a person types it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PROBES_LOCATIONS": ",".join(LOCATIONS),
        "PROBES_RUNNER_KEYS_FILE": str(file),
        "PROBES_SECRET_KEY": "k" * 40,
    }
    return subprocess.run(
        [sys.executable, "-m", "probes", "runner-keys", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def typed(
    capsys: pytest.CaptureFixture[str], *arguments: str, file: Path, **more: Any
) -> subprocess.CompletedProcess[str]:
    """The same without a process, which takes seconds to start."""
    settings = RunnerSettings(locations=LOCATIONS, runner_keys_file=file, **more)
    capsys.readouterr()
    code = asyncio.run(runner_keys(arguments, settings))
    said = capsys.readouterr()
    return subprocess.CompletedProcess(arguments, code, said.out, said.err)


def told_url(done: subprocess.CompletedProcess[str], server: NatsServer) -> str:
    """What `add` printed for the runner's environment, with the address filled in."""
    assert done.returncode == 0, done.stderr
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return variables["PROBES_NATS_URL"].replace("tls://", "nats://").replace("ADDRESS:4222", f"127.0.0.1:{server.port}")


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_kept_as_a_hash_that_its_owner_only_can_read(tmp_path: Path) -> None:
    file = tmp_path / "runners.conf"
    done = command("add", "lyon", file=file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PROBES_LOCATION=lyon\nPROBES_NATS_URL=tls://runner-lyon:")
    secret = done.stdout.partition("runner-lyon:")[2].partition("@")[0]
    assert len(secret) > 40
    assert secret not in file.read_text() and secret not in done.stderr
    assert RunnerKeys(file).all()[0].hash.startswith("$2b$")
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in command("list", file=file).stdout


def test_the_key_that_opens_a_locations_secrets_is_told_where_the_key_of_the_service_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {"secret_key": SecretStr("n" * 40), "previous_secret_key": SecretStr("o" * 40)}
    told = typed(capsys, "location-key", "lyon", file=tmp_path, **both).stdout
    keys = dict(line.split("=", 1) for line in told.splitlines())
    assert list(keys) == ["PROBES_LOCATION_KEY", "PROBES_PREVIOUS_LOCATION_KEY"]
    assert len({*keys.values()}) == 2 and {len(key) for key in keys.values()} == {44}
    assert told in typed(capsys, "add", "lyon", file=tmp_path / "runners.conf", **both).stdout
    assert not {*keys.values()} & {*typed(capsys, "location-key", "oslo", file=tmp_path, **both).stdout.split("=")}
    alone = {"secret_key": None}
    made = typed(capsys, "add", "lyon", file=tmp_path / "runners.conf", **alone)
    assert made.returncode == 0 and "LOCATION_KEY" not in made.stdout and "PROBES_LOCATION_KEY" in made.stderr
    refused = typed(capsys, "location-key", "lyon", file=tmp_path, **alone)
    assert (refused.returncode, refused.stdout, "PROBES_SECRET_KEY" in refused.stderr) == (1, "", True)


def test_keys_are_listed_with_their_locations_and_revoked_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runners.conf"
    for arguments in (("add", "oslo"), ("add", "lyon"), ("add", "lyon"), ("add", "lyon", "--name", "cellar")):
        assert typed(capsys, *arguments, file=file).returncode == 0
    assert typed(capsys, "list", file=file).stdout == "cellar lyon\nlyon lyon\nlyon-2 lyon\noslo oslo\n"
    assert typed(capsys, "revoke", "lyon", file=file).stdout == "lyon lyon revoked\n"
    assert typed(capsys, "list", file=file).stdout == "cellar lyon\nlyon-2 lyon\noslo oslo\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "rome"), "rome is not in PROBES_LOCATIONS (lyon, oslo): add it there first."),
        (("add", "lyon", "--name", "Über uns"), "'Über uns' is no name for a key"),
        (("add", "lyon", "--name", "cellar"), "There is a key cellar already: choose another name"),
        (("revoke", "attic"), "There is no key attic: `runner-keys list` names those there are."),
        (("list", "--file", "."), ". cannot be read (Is a directory)"),
        (("add", "lyon", "--file", "absent/runners.conf"), "There is no folder for absent/runners.conf"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    file = tmp_path / "runners.conf"
    RunnerKeys(file).add("lyon", "cellar")
    before = file.read_text()
    done = typed(capsys, *arguments, file=file)
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert file.read_text() == before


@pytest.mark.parametrize("text", ["users: [", '{"users": [{"user": "x"}]}', "[]", '{"users": 1}'])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "runners.conf"
    file.write_text(text)
    done = typed(capsys, "add", "lyon", file=file)
    assert done.returncode == 1 and "is not a file of runner keys" in done.stderr
    assert file.read_text() == text


def test_two_who_add_keys_at_once_lose_none(tmp_path: Path) -> None:
    file = tmp_path / "runners.conf"
    code = "import sys; from pathlib import Path; from probes.adapters.runner_keys import RunnerKeys\n"
    code += "for _ in range(5): RunnerKeys(Path(sys.argv[1])).add('lyon', None)"
    both = [subprocess.Popen([sys.executable, "-c", code, str(file)]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len({key.name for key in RunnerKeys(file).all()}) == 10


# --- what a key opens ------------------------------------------------------------------------------------------------


class Places:
    """A site of one client, looked at from two locations; each has a runner with a key."""

    def __init__(self, service: Service, server: NatsServer, given: Contract, logs: dict[str, Path]) -> None:
        self.service = service
        self.server = server
        self.given = given
        self.logs = logs

    async def looked_from(self, location: str) -> int:
        """How many checks were recorded from there."""
        count: int = await self.service.one(
            "select count(*) from probes.result r join probes.location l on l.number = r.location_number "
            "where l.name = :location",
            location=location,
        )
        return count

    async def goes_on(self, location: str, checks: int = 2) -> None:
        """Until there are so many more results from there."""
        seen = await self.looked_from(location)

        async def more() -> bool:
            return await self.looked_from(location) >= seen + checks

        await eventually(more)

    async def is_up(self) -> bool:
        return bool(await self.service.one("select state from probes.monitor") == "up")


@contextmanager
def two_runners(server: NatsServer, tmp_path: Path) -> Iterator[dict[str, Path]]:
    logs = {place: tmp_path / f"{place}.log" for place in LOCATIONS}
    with (
        running(runner_url(server, "lyon"), "lyon", logs["lyon"]),
        running(runner_url(server, "oslo"), "oslo", logs["oslo"]),
    ):
        yield logs


@pytest.fixture
async def places(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> AsyncIterator[Places]:
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False, locations=LOCATIONS)
    with SmallSite() as site, two_runners(own_nats_server, tmp_path) as logs:
        async with working(settings, own_nats_server.url()) as service:
            given = contract(site.url())
            await service.tell(given, "activated", given.state(monitoring=CADENCE))
            yield Places(service, own_nats_server, given, logs)


def lines(log: Path, event: str) -> list[dict[str, Any]]:
    whole = [line for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    return [found for found in map(json.loads, whole) if found["event"] == event]


async def test_a_runner_whose_key_is_revoked_gets_no_more_work_and_one_with_a_new_key_does(
    places: Places, tmp_path: Path
) -> None:
    for location in LOCATIONS:
        await places.goes_on(location)
    await eventually(places.is_up)

    assert command("revoke", "lyon", file=places.server.runners_file).returncode == 0
    places.server.reload()
    await places.goes_on("oslo")
    stopped_at = await places.looked_from("lyon")
    await places.goes_on("oslo", checks=4)
    assert await places.looked_from("lyon") == stopped_at

    async def calmly() -> list[dict[str, Any]]:
        refusals = lines(places.logs["lyon"], "nats_refuses_user")
        return refusals if any(refusal["next_try_seconds"] >= 4 for refusal in refusals) else []

    refusals = await eventually(calmly)
    assert refusals[0]["level"] == "error" and refusals[0]["user"] == "runner-lyon"
    assert len(places.logs["lyon"].read_text().splitlines()) < 20
    assert lines(places.logs["oslo"], "nats_disconnected") == []

    with running(
        told_url(command("add", "lyon", file=places.server.runners_file), places.server), "lyon", tmp_path / "new.log"
    ):
        places.server.reload()
        await places.goes_on("lyon")
    names = [event.name.event for event in await places.service.events()]
    assert "down" not in names and "degraded" not in names


async def test_a_monitor_that_no_key_looks_at_any_more_is_unknown_after_two_intervals_and_never_down(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",))
    log = tmp_path / "lyon.log"
    with SmallSite() as site, running(runner_url(own_nats_server, "lyon"), "lyon", log):
        async with working(settings, own_nats_server.url()) as service:
            given = contract(site.url())
            await service.tell(given, "activated", given.state(monitoring=CADENCE))
            await service.said("unknown", "restored")
            RunnerKeys(own_nats_server.runners_file).revoke("lyon")
            own_nats_server.reload()
            await service.said("unknown", "restored", "unknown")
            (last,) = await service.rows("select last_at, last_due from probes.location_state")
            unknown = (await service.rows("select started_at, state, reason from probes.stretch order by started_at"))[
                -1
            ]
            assert (unknown["state"], unknown["reason"]) == ("unknown", "no_fresh_result")
            assert 0 <= (unknown["started_at"] - last["last_due"]).total_seconds() <= 2 * 2
            names = [event.name.event for event in await service.events()]
    assert "down" not in names


async def test_a_runner_without_a_work_queue_waits_for_the_scheduler_to_make_it(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    log = tmp_path / "lyon.log"
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",))
    with SmallSite() as site, running(runner_url(own_nats_server, "lyon"), "lyon", log):

        async def waits() -> bool:
            return bool(lines(log, "runner_waits_for_queue"))

        await eventually(waits)
        async with working(settings, own_nats_server.url()) as service:
            given = contract(site.url())
            await service.tell(given, "activated", given.state(monitoring=CADENCE))
            await service.said("unknown", "restored")
    assert len(lines(log, "runner_waits_for_queue")) == 1


async def test_a_key_of_one_location_takes_no_work_and_hands_in_no_results_of_another(
    places: Places, tmp_path: Path
) -> None:
    log = tmp_path / "liar.log"
    with running(runner_url(places.server, "oslo", "liar"), "lyon", log):

        async def refused() -> list[dict[str, Any]]:
            return [found for found in lines(log, "nats_error") if "permissions violation" in found["error"].lower()]

        for found in await eventually(refused):
            assert "runner-lyon" in found["error"]
    url = runner_url(places.server, "oslo", "by-hand")
    errors: list[str] = []

    async def note(error: Exception) -> None:
        errors.append(str(error).lower())

    client = await nats.connect(url, error_cb=note, inbox_prefix=inbox_prefix("runner-by-hand"))
    await client.publish("probe-results.lyon", b"{}")
    for _ in range(2):  # nats-py sends its first PING ahead of what waits to be sent
        await client.flush(timeout=30)
    await client.close()
    assert errors == ['nats: permissions violation for publish to "probe-results.lyon"']


# --- the way there ---------------------------------------------------------------------------------------------------


@contextmanager
def with_tls(server: NatsServer, leaf: Issued) -> Iterator[None]:
    """The stopped server again, on its port, with TLS for those who want it: as deploy/README.md says."""
    private = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pair = server.folder / "tls.pem"
    pair.write_bytes(leaf.pem + private)
    configuration = server.folder / "with-tls.conf"
    configuration.write_text(
        'include "nats.conf"\n'
        f'tls {{ cert_file: "{pair}", key_file: "{pair}", handshake_first: "300ms" }}\n'
        "allow_non_tls: true\n"
    )
    process = subprocess.Popen([str(nats_binary()), "--config", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


async def test_a_runner_comes_over_tls_and_trusts_only_the_authority_of_its_file(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    ours, foreign = issue("Ours", authority=True), issue("Foreign", authority=True)
    leaf = issue("nats", ours, names=["127.0.0.1"])
    log, foreign_log = tmp_path / "lyon.log", tmp_path / "foreign.log"
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",))
    url = runner_url(own_nats_server, "lyon").replace("nats://", "tls://")
    own_nats_server.stop()
    trusting = {"PROBES_NATS_CA_FILE": trust(tmp_path, ours)}
    deceived = {"PROBES_NATS_CA_FILE": trust(tmp_path, foreign)}
    with SmallSite() as site, with_tls(own_nats_server, leaf):
        async with working(settings, own_nats_server.url()) as service:
            given = contract(site.url())
            await service.tell(given, "activated", given.state(monitoring=CADENCE))
            with running(url, "lyon", foreign_log, deceived):

                async def distrusts() -> bool:
                    return "CERTIFICATE_VERIFY_FAILED" in foreign_log.read_text()

                await eventually(distrusts)
            assert await service.one("select count(*) from probes.result where status_code = 200") == 0
            with running(url, "lyon", log, trusting):
                await service.said("unknown", "restored")


async def test_a_key_is_not_shown_to_a_server_that_says_it_has_no_tls_and_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jetstream, "FIRST_CONNECTION_SECONDS", 0.5)
    heard: list[bytes] = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1000,"headers":true}\r\n')
        if said := await reader.read(4096):
            heard.append(said)
        writer.close()

    server = await asyncio.start_server(pretend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connecting = asyncio.create_task(connect(f"tls://runner-lyon:not-for-you@127.0.0.1:{port}", "test"))

    async def twice() -> bool:
        return len(heard) >= 2

    try:
        await eventually(twice)
    finally:
        while not connecting.done():  # a cancellation may get lost in asyncio.wait_for: say it again
            connecting.cancel()
            await asyncio.wait({connecting}, timeout=1)
        server.close()
    assert all(said.startswith(b"\x16\x03") for said in heard)  # the beginning of a TLS handshake
    assert not any(b"not-for-you" in said for said in heard)
