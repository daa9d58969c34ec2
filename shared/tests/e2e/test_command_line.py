"""`upheld` as operators and scripts use it: processes of their own against the running product."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.ids import new_id
from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite

from .thread_client import CLIENT_ZONE, SignedContract, ThreadClient, eventually

DOCUMENT = """\
format: upheld.contract-document/1
key: hotel-du-lac-2026
client:
  name: Hôtel du Lac
  contacts:
    - name: Léa Martin
      email: lea@hotel-du-lac.example
      language: fr
      roles: [decider]
sites:
  - name: hotel-du-lac.example
    environments:
      - name: production
        url: https://hotel-du-lac.example/
plan:
  code: premium
terms:
  starts_on: 2026-06-08
  price:
    amount: 600.00
    currency: EUR
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """A shell of somebody: his own folder of contexts, and no more of the environment than he has."""

    stack: RunningStack
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def upheld(self, *words: str, typed: str = "", **variables: str) -> Done:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            **self.variables,
            **variables,
        }
        command = [sys.executable, "-m", "shared.cli", *words]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, env=environment, timeout=180, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def contexts(self) -> Path:
        return self.home / "config" / "upheld" / "contexts.json"

    def beside(self, *services: str) -> "Terminal":
        """The same beside the settings of services, as a shell that has read `.upheld/env` or one in their images."""
        settings = {
            name: value
            for service in services
            for name, value in self.stack.services.environment(service).items()
            if name.startswith(f"{service.upper()}_")
        }
        return Terminal(self.stack, self.home, {**self.variables, **settings})


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """A product of its own: parts of it are stopped here."""
    with running_postgres() as postgres, running_nats() as nats_server, running_stack_over(postgres, nats_server) as it:
        yield it


@pytest.fixture(scope="module")
def agency(stack: RunningStack) -> Tenant:
    return stack.new_tenant("Agence Lumière")


@pytest.fixture(scope="module")
def owner(stack: RunningStack, agency: Tenant) -> Iterator[ThreadClient]:
    with ThreadClient(stack, stack.token(agency)) as client:
        yield client


@pytest.fixture(scope="module")
def contract(owner: ThreadClient) -> Iterator[SignedContract]:
    """A contract in force, whose site answers."""
    with SmallSite() as site:
        yield owner.activate_contract(owner.create_client("Hôtel Bellevue"), [("Hôtel Bellevue", site.url("/"))])


@pytest.fixture
def stranger(stack: RunningStack, tmp_path: Path) -> Terminal:
    """Somebody who knows the addresses and has never logged in."""
    return Terminal(stack, tmp_path, {f"{one.upper()}_URL": stack.url(one) for one in stack.services.endpoints})


@pytest.fixture
def terminal(stranger: Terminal, agency: Tenant) -> Terminal:
    """Logged in as the owner of the agency; the addresses are those of the context now."""
    assert stranger.upheld("login", typed=agency.client_secret + "\n").status == 0
    return Terminal(stranger.stack, stranger.home)


def test_a_login_reads_the_key_from_standard_input_and_shows_it_nowhere(stranger: Terminal, agency: Tenant) -> None:
    done = stranger.upheld("login", "--name", "lumiere", typed=agency.client_secret + "\n")
    assert (done.status, done.out) == (0, "")
    assert f"Logged in as {agency.client_id}" in done.err
    assert stat.S_IMODE(stranger.contexts.stat().st_mode) == 0o600
    assert stat.S_IMODE(stranger.contexts.parent.stat().st_mode) == 0o700
    listed = Terminal(stranger.stack, stranger.home).upheld("contexts", "list")
    assert listed.out.splitlines()[1].split()[:3] == ["lumiere", "yes", agency.client_id]
    assert agency.client_secret not in done.out + done.err + listed.out + listed.err


def test_a_key_that_is_handed_over_comes_before_the_one_of_the_environment(stranger: Terminal, agency: Tenant) -> None:
    other = stranger.stack.new_tenant("Agence d'à côté")
    done = stranger.upheld("login", typed=agency.client_secret + "\n", UPHELD_CLIENT_SECRET=other.client_secret)
    assert f"Logged in as {agency.client_id}" in done.err
    nothing_handed_over = stranger.upheld("login", UPHELD_CLIENT_SECRET=other.client_secret)
    assert f"Logged in as {other.client_id}" in nothing_handed_over.err


def test_a_wrong_key_is_refused_with_what_to_do_next_and_not_remembered(stranger: Terminal, agency: Tenant) -> None:
    done = stranger.upheld("login", typed=f"{agency.client_id}_{'x' * 43}\n")
    assert (done.status, done.out) == (1, "")
    assert "Authentication is needed (401 unauthorized)" in done.err
    assert "Next: Log in again: upheld login" in done.err
    assert not stranger.contexts.exists()


def test_the_environment_of_make_run_is_enough_without_a_login(stranger: Terminal, agency: Tenant) -> None:
    done = stranger.upheld("-o", "json", "keys", "list", UPHELD_CLIENT_SECRET=agency.client_secret)
    assert agency.client_id in {key["prefix"] for key in done.json["data"]}
    assert not stranger.contexts.exists()


def test_a_contract_document_is_planned_applied_and_exported_again(terminal: Terminal, tmp_path: Path) -> None:
    document, copy = tmp_path / "contract.yaml", tmp_path / "copy.yaml"
    document.write_text(DOCUMENT)
    planned = terminal.upheld("contracts", "plan", str(document), "--check")
    assert planned.status == 1
    assert "Draft the contract hotel-du-lac-2026." in planned.out
    assert "hotel-du-lac-2026" in terminal.upheld("contracts", "apply", str(document), "--language", "fr").out
    found = terminal.upheld("-o", "json", "contracts", "list", "--status", "draft").json["data"]
    (drafted,) = [one for one in found if one["terms"]["external_key"] == "hotel-du-lac-2026"]
    assert terminal.upheld("contracts", "export", drafted["contract_id"], "--to", str(copy)).status == 0
    assert terminal.upheld("contracts", "plan", str(copy), "--check").status == 0
    assert "draft" in terminal.upheld("contracts", "show", drafted["contract_id"]).out


def test_a_refused_document_is_told_with_line_and_field_and_ends_with_1(terminal: Terminal) -> None:
    wrong = DOCUMENT.replace("600.00", "cheap")
    done = terminal.upheld("contracts", "plan", "-", typed=wrong)
    assert (done.status, done.out) == (1, "")
    assert "(422 validation-failed)" in done.err
    assert "  - #/terms/price/amount: Line 20:" in done.err
    assert "Next: Correct what is named above" in done.err
    as_json = terminal.upheld("-o", "json", "contracts", "plan", "-", typed=wrong)
    assert json.loads(as_json.err)["errors"][0]["pointer"] == "#/terms/price/amount"


@pytest.mark.parametrize(
    "words",
    [["incidents", "show", "42"], ["reports", "list", str(new_id()), "June"], ["nothing"], ["contexts", "use", "x"]],
)
def test_wrong_usage_ends_with_2(terminal: Terminal, words: list[str]) -> None:
    assert terminal.upheld(*words).status == 2


def test_an_incident_is_listed_acknowledged_and_resolved(
    terminal: Terminal, owner: ThreadClient, contract: SignedContract
) -> None:
    for title in ("The basket is empty", "The search finds nothing"):
        body = {"contract_id": contract.contract_id, "title": title, "severity": "minor", "description": "Seen"}
        owner.post("incidents", "/v1/incidents", body)
    first = terminal.upheld("-o", "json", "incidents", "list", "--contract", contract.contract_id, "--limit", "1")
    assert "There are more: --all reads them all." in first.err
    assert first.json["next_cursor"]
    everything = terminal.upheld("-o", "json", "incidents", "list", "--contract", contract.contract_id, "--all")
    assert (len(everything.json["data"]), everything.json["next_cursor"]) == (2, None)
    incident = first.json["data"][0]["incident_id"]
    done = terminal.upheld("incidents", "acknowledge", incident, "--note", "Looking at it")
    assert "acknowledged" in done.out
    assert terminal.upheld("-o", "json", "incidents", "reply", incident, "--note", "Internal").status == 0
    assert terminal.upheld("-o", "json", "incidents", "resolve", incident).json["status"] == "resolved"
    entries = terminal.upheld("-o", "json", "incidents", "timeline", incident, "--all").json["data"]
    notes = {entry["note"]: entry["audience"] for entry in entries if entry["note"]}
    assert notes == {"Looking at it": "agency", "Internal": "agency"}
    again = terminal.upheld("incidents", "acknowledge", incident)
    assert (again.status, "Next: " in again.err) == (1, True)


def test_keys_are_made_rotated_and_revoked_without_being_shown_where_they_need_not(
    terminal: Terminal, tmp_path: Path, agency: Tenant
) -> None:
    file = tmp_path / "key"
    made = terminal.upheld("keys", "create", "--name", "Second owner", "--role", "owner", "--to", str(file))
    secret = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in made.out + made.err
    assert terminal.upheld("keys", "create", "--name", "x", "--role", "owner", "--to", str(file)).status == 1

    urls = {f"{one.upper()}_URL": terminal.stack.url(one) for one in terminal.stack.services.endpoints}
    assert terminal.upheld("login", "--name", "second", typed=secret, **urls).status == 0
    rotated = terminal.upheld("keys", "rotate")  # of the context, which goes on with the new one
    assert rotated.status == 0, rotated.err
    keys = terminal.upheld("-o", "json", "keys", "list", "--all").json["data"]
    of_second = [key for key in keys if key["name"] == "Second owner"]
    assert [key["revoked_at"] is None for key in of_second] == [False, True]
    kept = json.loads(terminal.contexts.read_text())["contexts"]["second"]["key"]
    assert kept.startswith(of_second[1]["prefix"])
    assert kept not in rotated.out + rotated.err
    assert terminal.upheld("-c", "default", "keys", "revoke", of_second[1]["api_key_id"]).status == 0
    refused = terminal.upheld("login", "--name", "second", typed=kept, **urls)
    assert (refused.status, agency.client_secret in refused.err) == (1, False)


def test_nobody_locks_himself_out_by_rotating_the_key_that_he_uses(
    terminal: Terminal, tmp_path: Path, agency: Tenant
) -> None:
    terminal.upheld("keys", "create", "--name", "Third", "--role", "owner", "--to", str(tmp_path / "third"))
    third = (tmp_path / "third").read_text().strip()
    urls = {f"{one.upper()}_URL": terminal.stack.url(one) for one in terminal.stack.services.endpoints}
    for name in ("third", "same"):
        assert terminal.upheld("login", "--name", name, typed=third, **urls).status == 0
    # Of the environment: the shell that has set it would be left with a dead one.
    (mine,) = [one for one in _keys(terminal) if third.startswith(one["prefix"])]
    refused = terminal.upheld("keys", "rotate", mine["api_key_id"], UPHELD_CLIENT_SECRET=third, **urls)
    assert (refused.status, "--keep-old" in refused.err) == (2, True)
    assert len([one for one in _keys(terminal) if one["name"] == "Third"]) == 1
    # Of a context: every context that has it goes on with the new one, which stands in the named file as well.
    rotated = terminal.upheld("keys", "rotate", "--to", str(tmp_path / "fourth"))
    assert rotated.status == 0, rotated.err
    fourth = (tmp_path / "fourth").read_text().strip()
    kept = json.loads(terminal.contexts.read_text())["contexts"]
    assert {kept[name]["key"] for name in ("third", "same")} == {fourth} != {third}
    assert kept["default"]["key"] == agency.client_secret
    assert terminal.upheld("-c", "same", "keys", "list").status == 0
    assert terminal.upheld("login", "--name", "old", typed=third, **urls).status == 1
    # By somebody else's hand: the contexts that have it go on as well.
    (next_one,) = [one for one in _keys(terminal) if fourth.startswith(one["prefix"])]
    done = terminal.upheld("-c", "default", "keys", "rotate", next_one["api_key_id"])
    assert (done.status, "third, same" in done.err) == (0, True)
    assert terminal.upheld("-c", "third", "keys", "list").status == 0


def _keys(terminal: Terminal) -> list[Any]:
    found: list[Any] = terminal.upheld("-o", "json", "keys", "list", "--all").json["data"]
    return found


@pytest.mark.slow
def test_dead_letters_are_listed_shown_retried_and_resolved_beside_the_services(
    terminal: Terminal, stack: RunningStack
) -> None:
    letters = sorted([str(new_id()), str(new_id())])
    with psycopg.connect(stack.database_url) as connection:
        for letter in letters:
            connection.execute(
                "insert into incidents.dead_letter (id, consumer, event_id, subject, stream, stream_seq, payload, "
                "error, deliveries, failed_at) values (%s, 'incidents', %s, 'contracts.client.1.created.v1', "
                "'CONTRACTS', 7, 'no event', 'Boom: it broke\nin detail', 8, now())",
                [letter, new_id()],
            )
    outside = terminal.upheld("dead-letters", "list")
    assert (outside.status, "kubectl exec" in outside.err) == (1, True)
    beside = terminal.beside("incidents", "reporting")
    listed = beside.upheld("-o", "json", "dead-letters", "list")
    assert [(one["service"], one["id"]) for one in listed.json["data"]] == [("incidents", one) for one in letters]
    page = beside.upheld("dead-letters", "list", "--limit", "1")
    assert ("Boom: it broke" in page.out, letters[1] in page.out) == (True, False)
    assert "There are more" in page.err
    assert beside.upheld("dead-letters", "show", letters[0]).json["payload"] == "no event"
    retried = beside.upheld("dead-letters", "retry", letters[0])
    assert (retried.status, "not an event" in retried.err) == (1, True)
    for letter in letters:
        assert beside.upheld("dead-letters", "resolve", letter, "--reason", "a test").status == 0
    assert beside.upheld("-o", "json", "dead-letters", "list").json["data"] == []


@pytest.mark.slow
def test_what_belongs_to_the_installation_is_done_beside_contracts(
    terminal: Terminal, stack: RunningStack, agency: Tenant
) -> None:
    beside = terminal.beside("contracts")
    assert "client_secret" in beside.upheld("-o", "json", "tenants", "create", "--name", "Agence Deux").json
    listed = beside.upheld("-o", "json", "tenants", "list").json["data"]
    assert {"Agence Lumière", "Agence Deux"} <= {one["name"] for one in listed}
    forwarded = beside.upheld("admin", "contracts", "dead-letters", "list", "--json")
    assert (forwarded.status, forwarded.out) == (0, "")
    assert "contracts: the worker's relay leads" in beside.upheld("reconcile").out
    assert "will be published again" in beside.upheld("replay", "--since", "2026-01-01").out
    assert beside.upheld("replay", "--since", "yesterday").status == 2


@pytest.mark.slow
def test_the_doctor_finds_nothing_wrong_and_then_the_service_that_is_away(
    terminal: Terminal, stack: RunningStack, agency: Tenant, tmp_path: Path
) -> None:
    beside = terminal.beside(*stack.services.endpoints)
    urls = {f"{one.upper()}_URL": stack.url(one) for one in stack.services.endpoints}
    metrics = {f"{one.upper()}_OPS_URL": stack.ops_url(one) for one in stack.services.endpoints}
    assert beside.upheld("login", typed=agency.client_secret, **urls, **metrics).status == 0
    well = beside.upheld("-o", "json", "doctor")
    assert {one["service"] for one in well.json["data"]} == {"all", "contracts", "probes", "incidents", "reporting"}
    looked_at = {(one["service"], one["check"]) for one in well.json["data"] if one["state"] == "ok"}
    checks = {"ready", "outbox", "dead letters", "consumers"}
    assert looked_at >= {(service, check) for service in stack.services.endpoints for check in checks}
    assert looked_at >= {("all", "versions"), ("all", "clocks"), ("contracts", "key"), ("probes", "schedule")}
    # A context that is named is asked over HTTP alone, and the metrics tell the same.
    named = terminal.upheld("-c", "default", "-o", "json", "doctor")
    assert {(one["service"], one["check"]) for one in named.json["data"] if one["state"] == "ok"} >= looked_at
    # In the image of a service nobody has logged in: it tells of that service, and names what it does not see.
    in_image = Terminal(stack, tmp_path / "container").beside("contracts").upheld("-o", "json", "doctor")
    assert (in_image.status, "Not seen: contracts (ready); probes (ready, outbox" in in_image.err) == (3, True)
    seen = {one["service"] for one in json.loads(in_image.out)["data"] if one["state"] != "unknown"}
    assert seen == {"contracts"}
    stack.kill_service("probes")
    try:
        ill = terminal.upheld("-o", "json", "doctor")
        assert ill.status == 1
        (wrong,) = [one for one in json.loads(ill.out)["data"] if one["state"] == "bad"]
        assert (wrong["service"], wrong["check"], bool(wrong["next_step"])) == ("probes", "reachable", True)
        lines = [line.split()[:3] for line in terminal.upheld("doctor").out.splitlines()]
        assert ["probes", "reachable", "bad"] in lines
    finally:
        stack.start_service("probes")


@pytest.mark.slow
def test_the_newest_edition_of_a_report_is_downloaded(
    terminal: Terminal, stack: RunningStack, contract: SignedContract, tmp_path: Path
) -> None:
    here = contract.activated_at.astimezone(CLIENT_ZONE)
    month = f"{here:%Y-%m}"
    early = terminal.upheld("reports", "download", contract.contract_id, month)
    assert (early.status, "has no edition yet" in early.err) == (1, True)
    next_month = (here.replace(day=1) + timedelta(days=32)).replace(day=1, hour=3, minute=0)
    stack.shift_clock(next_month - stack.clock.now())
    words = ("reports", "list", contract.contract_id, month)
    # Tokens of last month are replaced; reporting hears of the key that signs the new ones in its own time.
    eventually(lambda: "scheduled" in terminal.upheld(*words).out or None, 120.0, "an edition")
    target = tmp_path / "report.pdf"
    download = ("reports", "download", contract.contract_id, month, "--to", str(target))
    assert "Edition 1" in terminal.upheld(*download, "--language", "fr").err
    assert target.read_bytes().startswith(b"%PDF-")
    assert "--force" in terminal.upheld(*download).err
    told = terminal.upheld("reports", "download", contract.contract_id, month, "--form", "csv", "--to", "-")
    assert (told.status, "," in told.out or ";" in told.out) == (0, True)
