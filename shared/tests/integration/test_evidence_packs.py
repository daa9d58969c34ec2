"""Evidence of clocks: incidents says what happened, reporting packs it, and a process without either computes it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text

from incidents.jobs.clocks import DueClocks
from incidents.main import SERVICE as INCIDENTS
from incidents.settings import IncidentsSettings
from reporting.adapters.evidence_verifier import EVIDENCE, Doubt, archive, canonical, check, key_id_of
from reporting.main import SERVICE as REPORTING
from reporting.settings import ReportingSettings
from shared.consumer import EventProcessor
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.third_party import opened_pack, verified_pack
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime

EXAMPLE: Final = Path(__file__).parents[3] / "services/contracts/schemas/examples/contracts.contract.activated.v1.json"
OFFICE: Final = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
}
CLOSED_ON_WEDNESDAY: Final = {**OFFICE, "closures": [{"from": "2026-06-10", "to": "2026-06-10"}]}


@dataclass
class Pair:
    """Incidents and reporting over their databases, one clock, and the events between them."""

    clock: FixedClock
    tokens: TokenMint
    incidents: Runtime
    reporting: Runtime
    apps: dict[str, FastAPI]
    open_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
    tenant_id: UUID = field(default_factory=new_id)
    contract_id: UUID = field(default_factory=new_id)
    versions: int = 0

    def client(self, service: str, **how: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        whose: dict[str, Any] = {"tenant_id": self.tenant_id, "lifetime": timedelta(days=90)} | how
        return self.open_client(self.apps[service], self.tokens.mint(**whose))

    async def contract(self, calendar: dict[str, Any], **changes: Any) -> None:
        """A version of the contract, from now on, which both hear."""
        self.versions += 1
        envelope = json.loads(EXAMPLE.read_bytes())
        name = "activated" if self.versions == 1 else "amended"
        envelope |= {
            "id": str(new_id()),
            "type": f"dev.upheld.contracts.contract.{name}.v1",
            "subject": f"contract/{self.contract_id}",
            "tenantid": str(self.tenant_id),
            "time": self.now,
            "aggregateversion": self.versions,
        }
        state = envelope["data"]
        state |= {"contract_id": str(self.contract_id), "version": self.versions, "effective_from": self.now} | changes
        state["calendars"] |= {"office": [{"effective_from": None, "calendar": calendar}]}
        state["response"] |= {"calendar": "office"}
        payload = json.dumps(envelope).encode()
        for service, runtime in (("incidents", self.incidents), ("reporting", self.reporting)):
            handlers = {"incidents": INCIDENTS, "reporting": REPORTING}[service].handlers
            assert handlers is not None
            await EventProcessor(handlers, runtime.units, service).process(payload)

    @property
    def now(self) -> str:
        return self.clock.now().isoformat().replace("+00:00", "Z")

    async def relay(self) -> None:
        """What incidents said is heard by reporting, as its relay and the consumer would do; what was heard is passed
        over.
        """
        async with self.incidents.units.for_every_tenant() as unit:
            query = text("select convert_to(envelope::text, 'UTF8') from incidents.outbox order by id")
            said = (await unit.session.execute(query)).scalars().all()
        assert REPORTING.handlers is not None
        processor = EventProcessor(REPORTING.handlers, self.reporting.units, "reporting")
        for payload in said:
            await processor.process(bytes(payload))

    async def act(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self.client("incidents") as client:
            answer = await client.post(path, json=body or {})
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, service: str, path: str) -> httpx.Response:
        async with self.client(service) as client:
            return await client.get(path)

    async def pack(self, rest: str) -> bytes:
        answer = await self.get("reporting", f"/v1/contracts/{self.contract_id}/evidence/{rest}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        return answer.content


@pytest.fixture
async def pair(
    service_database: Callable[[str], DatabaseUrls],
    clock: FixedClock,
    tokens: TokenMint,
    api_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[Pair]:
    """Both over fresh databases, on Monday 8 June 2026, 11:00 in Paris."""
    key = SecretStr("k" * 32)
    desk = IncidentsSettings.model_validate(
        {"database_url": SecretStr(service_database("incidents").app), "secret_key": key}
        | {"smtp_host": "127.0.0.1", "smtp_from": "alerts@agency.example", "smtp_starttls": "never"}
    )
    reports = ReportingSettings.model_validate(
        {"database_url": SecretStr(service_database("reporting").app), "secret_key": key}
        | {"public_url": "https://reports.agency.example"}
    )
    runtimes = [build_runtime(desk, INCIDENTS.registry, clock), build_runtime(reports, REPORTING.registry, clock)]
    INCIDENTS.jobs(runtimes[0])  # tells the handlers the settings, as a starting worker does
    apps = {
        "incidents": tokens.trust(create_app(INCIDENTS, desk, runtime=runtimes[0])),
        "reporting": tokens.trust(create_app(REPORTING, reports, runtime=runtimes[1])),
    }
    yield Pair(clock, tokens, runtimes[0], runtimes[1], apps, api_client)
    for runtime in runtimes:
        await runtime.close()


@dataclass(frozen=True)
class Told:
    """An incident that had everything: a wait, an amendment, a night, another severity."""

    incident_id: str
    clocks: dict[str, str]


async def a_long_repair(pair: Pair) -> Told:
    await pair.contract(OFFICE)
    report = {
        "contract_id": str(pair.contract_id),
        "severity": "critical",
        "title": "Checkout fails",
        "description": ".",
    }
    incident = await pair.act("/v1/incidents", report)
    incident_id = incident["incident_id"]
    pair.clock.advance(timedelta(minutes=10, seconds=5))
    await pair.act(f"/v1/incidents/{incident_id}/acknowledge")
    pair.clock.advance(timedelta(hours=1))
    wait = {"reason": "waiting_for_client", "evidence": {"asked": "Which card?"}}
    await pair.act(f"/v1/items/{incident_id}/pauses", wait)
    pair.clock.advance(timedelta(hours=1, minutes=30))
    (pause,) = (await pair.get("incidents", f"/v1/items/{incident_id}/pauses")).json()["data"]
    await pair.act(f"/v1/items/{incident_id}/pauses/{pause['pause_id']}/resume", {"answer": {"said": "The blue one"}})
    # From Tuesday on the agency is closed on Wednesdays, and it is repaired on Thursday.
    pair.clock.advance(timedelta(days=1))
    await pair.contract(CLOSED_ON_WEDNESDAY)
    pair.clock.set(datetime(2026, 6, 11, 7, 30, tzinfo=UTC))
    await pair.act(f"/v1/incidents/{incident_id}/resolve")
    await pair.relay()
    return Told(incident_id, {clock["metric"]: clock["clock_id"] for clock in incident["clocks"]})


@pytest.mark.capability("R08")
async def test_the_evidence_of_a_clock_is_checked_offline_and_gives_what_incidents_said(
    pair: Pair, tmp_path: Path
) -> None:
    told = await a_long_repair(pair)
    repair = told.clocks["repair"]
    address = f"/v1/incidents/{told.incident_id}/clocks/{repair}"
    live = (await pair.get("incidents", address)).json()["reading"]
    pack = await pair.pack(f"incidents/{told.incident_id}/clocks/{repair}")

    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert said.startswith("YES. 1 clocks computed again from ")
    files = opened_pack(pack)
    (shown,) = json.loads(files["clocks.json"])
    figures = ("state", "policy", "target_seconds", "elapsed_seconds", "due_at", "breach_after")
    assert {name: shown[name] for name in figures} == {name: live[name] for name in figures}
    assert (shown["explanation"], shown["verdict"]) == (live["explanation"], live["cycles"][-1]["verdict"])
    # Events, calendar, explanation, hashes: all there, and the words in the client's language.
    assert {"waiting_for_client"} == {span["reason"] for span in shown["explanation"]} - {None}
    assert "closure" in {span["why"] for span in shown["explanation"]}
    kinds = {json.loads(each)["type"].split(".")[2] for name, each in files.items() if name.startswith("events/")}
    assert kinds == {"contracts", "incidents"}
    assert "2026-07-14" in json.loads(files["holidays.json"])["FR"]
    assert files["README.txt"].decode().startswith("Dossier de preuve")
    assert "attente du client" in files["explanation.fr.txt"].decode()
    assert "waiting for the client" in files["explanation.en.txt"].decode()
    assert set(json.loads(files["manifest.json"])["files"]) == set(files) - {"manifest.json", "signature.json"}

    key = json.loads(files["keys.json"])[0]["public_key"]
    assert verified_pack(tmp_path, pack, "--key", key)[0] == 0
    assert verified_pack(tmp_path, pack, "--key", "11" * 32)[0] == 1


@pytest.mark.capability("R08")
async def test_whatever_byte_of_it_is_changed_the_answer_is_no(pair: Pair) -> None:
    told = await a_long_repair(pair)
    pack = await pair.pack(f"incidents/{told.incident_id}/clocks/{told.clocks['response']}")
    assert "response met" in check(pack)

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(place=st.integers(0, len(pack) - 1), flipped=st.integers(1, 255))
    def a_changed_byte_is_found(place: int, flipped: int) -> None:
        changed = bytearray(pack)
        changed[place] ^= flipped
        with pytest.raises(Doubt):
            check(bytes(changed))

    a_changed_byte_is_found()


def signed_anew(files: dict[str, bytes], path: str, old: bytes, new: bytes) -> bytes:
    """What somebody with a key of his own makes of a pack."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    manifest = json.loads(files["manifest.json"])
    line = json.loads(files["keys.json"])[0]
    line |= {"public_key": public.hex(), "key_id": key_id_of(public), "endorsed_by": None, "endorsement": None}
    assert old in files[path]
    rest = files | {path: files[path].replace(old, new), "keys.json": b"[" + canonical(line) + b"]"}
    del rest["manifest.json"], rest["signature.json"]
    listed = {name: {"bytes": len(each), "sha256": sha256(each).hexdigest()} for name, each in rest.items()}
    described = canonical(manifest | {"files": listed})
    signature = {"key_id": key_id_of(public), "signature": key.sign(EVIDENCE + described).hex()}
    return archive(sorted((rest | {"manifest.json": described, "signature.json": canonical(signature)}).items()))


async def test_a_clock_that_its_facts_do_not_give_is_found_even_under_a_good_signature(pair: Pair) -> None:
    told = await a_long_repair(pair)
    files = opened_pack(await pair.pack(f"incidents/{told.incident_id}/clocks/{told.clocks['repair']}"))
    check(signed_anew(files, "clocks.json", b"repair", b"repair"))
    with pytest.raises(Doubt, match="shown otherwise"):
        check(signed_anew(files, "clocks.json", b'"why":"closure"', b'"why":"holiday"'))
    (newest,) = [
        path
        for path, each in files.items()
        if path.startswith("events/") and json.loads(each)["type"].endswith("incident.resolved.v1")
    ]
    for old, new in (
        (b'"reason":"waiting_for_client"', b'"reason":"out_for_lunch"'),
        (b'"kind":"resumed"', b'"kind":"reopened"'),
        (b'"verdict":"breached"', b'"verdict":"met"'),
    ):
        with pytest.raises(Doubt, match=r"its facts and its contract give"):
            check(signed_anew(files, newest, old, new))
    with pytest.raises(Doubt):
        check(signed_anew(files, "holidays.json", b'"FR"', b'"DE"'))


async def test_an_incident_has_all_of_its_clocks_and_no_later_amendment_changes_one_that_has_ended(
    pair: Pair, tmp_path: Path
) -> None:
    told = await a_long_repair(pair)
    pack = await pair.pack(f"incidents/{told.incident_id}")
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert verified_pack(tmp_path, pack, knows_zones=False)[0] == 0
    shown = json.loads(opened_pack(pack)["clocks.json"])
    # It was critical, so that somebody has to go over it: that clock still runs.
    assert {clock["metric"]: clock["state"] for clock in shown} == {
        "response": "met",
        "mitigation": "breached",
        "repair": "breached",
        "post_mortem": "running",
    }
    of_clock = f"incidents/{told.incident_id}/clocks/{told.clocks['repair']}"
    ended = await pair.pack(of_clock)
    pair.clock.advance(timedelta(days=30))
    await pair.contract(OFFICE)
    assert await pair.pack(of_clock) == ended


async def test_a_clock_that_runs_has_evidence_too_and_its_breach_is_in_it(pair: Pair, tmp_path: Path) -> None:
    await pair.contract(OFFICE)
    report = {
        "contract_id": str(pair.contract_id),
        "severity": "critical",
        "title": "Checkout fails",
        "description": ".",
    }
    incident = await pair.act("/v1/incidents", report)
    await pair.relay()
    address = f"incidents/{incident['incident_id']}"
    status, said = verified_pack(tmp_path, await pair.pack(address))
    assert (status, "response running" in said) == (0, True), said
    pair.clock.advance(timedelta(hours=1))
    await DueClocks(pair.incidents.units, pair.clock, []).run()
    await pair.relay()
    status, said = verified_pack(tmp_path, await pair.pack(address))
    assert (status, "response breached, 3600 of 1800 seconds used" in said) == (0, True), said


@pytest.mark.capability("R08")
async def test_an_incident_that_an_earlier_release_told_without_facts_is_told_again_by_itself(
    pair: Pair, tmp_path: Path
) -> None:
    told = await a_long_repair(pair)
    async with pair.reporting.units.for_every_tenant() as unit:
        await unit.session.execute(
            text(
                "update reporting.event set payload = convert_to(replace(convert_from(payload, 'UTF8'),"
                " '\"facts\"', '\"left_out\"'), 'UTF8') where name like 'incidents.incident.%'"
            )
        )
    async with pair.incidents.units.for_every_tenant() as unit:
        await unit.session.execute(text("update incidents.clock set told = told - 'facts'"))
    address = f"/v1/contracts/{pair.contract_id}/evidence/incidents/{told.incident_id}"
    refused = await pair.get("reporting", address)
    assert refused.status_code == 409
    assert "earlier release" in refused.json()["detail"]
    assert "told again within minutes" in refused.json()["detail"]

    await DueClocks(pair.incidents.units, pair.clock, []).run()
    await pair.relay()
    status, said = verified_pack(tmp_path, await pair.pack(f"incidents/{told.incident_id}"))
    assert (status, "repair breached" in said) == (0, True), said


async def test_what_is_missing_or_another_tenants_gives_none(pair: Pair) -> None:
    told = await a_long_repair(pair)
    base = f"/v1/contracts/{pair.contract_id}/evidence/incidents"
    assert (await pair.get("reporting", f"{base}/{new_id()}")).status_code == 404
    assert (await pair.get("reporting", f"{base}/{told.incident_id}/clocks/{new_id()}")).status_code == 404
    elsewhere = f"/v1/contracts/{new_id()}/evidence/incidents/{told.incident_id}"
    assert (await pair.get("reporting", elsewhere)).status_code == 404
    async with pair.client("reporting", tenant_id=new_id()) as client:
        assert (await client.get(f"{base}/{told.incident_id}")).status_code == 404
    # The contract has not arrived yet: what was heard does not give what was said.
    async with pair.reporting.units.for_every_tenant() as unit:
        await unit.session.execute(text("delete from reporting.contract_version"))
    refused = await pair.get("reporting", f"{base}/{told.incident_id}")
    assert (refused.status_code, "Ask again" in refused.json()["detail"]) == (409, True)
