"""Evidence of amounts and hours: contracts closes them, reporting packs them, and a process without either computes."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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

from contracts.adapters.workspace import workspace_of
from contracts.application.provisioning import create_tenant
from contracts.main import SERVICE as CONTRACTS
from contracts.settings import ContractsSettings
from reporting.adapters.evidence_verifier import EVIDENCE, Doubt, archive, canonical, check, hours_figures, key_id_of
from reporting.application.period_measure import measurement_id
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

SERVICES: Final = Path(__file__).parents[3] / "services"
AFTER_JULY: Final = datetime(2026, 8, 3, 9, tzinfo=UTC)
AFTER_AUGUST: Final = datetime(2026, 9, 2, 9, tzinfo=UTC)
TERMS: Final[dict[str, Any]] = {
    "commercial": {"billing": ["flat"], "tax": {"category": "S", "rate": "20"}},
    "credits": {"tiers": [{"credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]},
    "penalties": {
        "targets": [
            {"metric": "response", "unit": "PT1H", "percent_per_started_unit": "5", "cap_percent": "30"},
        ]
    },
    "settlement": {"cumulation": "sum", "cap_percent": "50"},
    "hours": {
        "lines": [
            {"code": "technical", "name": {"fr": "Technique", "en": "Technical"}, "included_minutes": 120},
            {"code": "steering", "name": {"fr": "Pilotage", "en": "Steering"}, "included_minutes": 60},
        ],
        "pooled": False,
        "rollover": {"policy": "one_period"},
        "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
        "accounting": {"unit_minutes": 15, "per": "entry"},
    },
}


@dataclass
class Ledger:
    """Contracts and reporting over their databases, one clock, and the events between them; one contract in force."""

    clock: FixedClock
    tokens: TokenMint
    contracts: Runtime
    reporting: Runtime
    apps: dict[str, FastAPI]
    http: httpx.AsyncClient
    open_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
    tenant_id: UUID = field(default_factory=new_id)
    secret: tuple[str, str] = ("", "")
    contract: dict[str, Any] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """A request of the agency's owner to contracts, with a token of this instant."""
        form = {"grant_type": "client_credentials", "client_id": self.secret[0], "client_secret": self.secret[1]}
        token = (await self.http.post("/v1/oauth/token", data=form)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        answer = await self.http.request(method, path, json=body, headers=bearer, **how)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def signed(self) -> None:
        """A contract over a site, signed by both and in force from 8 June 2026 on."""
        async with self.contracts.units.for_tenant(new_id()) as uow:
            made = await create_tenant(workspace_of(uow), "Agence Lumière")
        self.tenant_id = made.tenant.tenant_id
        self.secret = (made.key.prefix, made.key.client_secret)
        contact = {"name": "Léa Martin", "email": "lea@hotel.example", "language": "fr", "roles": ["decider"]}
        client = await self.ask("POST", "/v1/clients", {"name": "Hôtel du Lac", "contacts": [contact]})
        environment = {"name": "production", "url": "https://hotel.example/", "counts_for_sla": True}
        whose = {"client_id": client["client_id"]}
        site = await self.ask("POST", "/v1/sites", whose | {"name": "hotel.example", "environments": [environment]})
        draft = await self.ask(
            "POST",
            "/v1/contracts",
            {
                **whose,
                "plan_code": "premium",
                "site_ids": [site["site_id"]],
                "starts_on": "2026-06-08",
                "price": {"amount": "600.00", "currency": "EUR"},
                "alert_emails": ["alerts@agency.example"],
                "status_page": {"slug": "hotel-du-lac", "name": "Hôtel du Lac"},
                "signatories": {
                    "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
                    "client": {"name": "Léa Martin", "email": "lea@hotel.example"},
                },
                **TERMS,
            },
        )
        contract = await self.step(draft, "propose")
        for party in ("agency", "client"):
            contract = await self.step(contract, "sign", party=party, document_hash=contract["document"]["hash"])
        self.contract = await self.step(contract, "activate")
        self.contract["site"] = site

    async def step(self, contract: dict[str, Any], step: str, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask("POST", f"/v1/contracts/{contract['contract_id']}/{step}", body or None)
        return found

    def said(self, name: str, aggregate_id: object, version: int = 1, **data: Any) -> bytes:
        """An event as its publisher's example says it, about this contract, with other data."""
        path = SERVICES / name.partition(".")[0] / "schemas" / "examples" / f"{name}.json"
        envelope = json.loads(path.read_text(encoding="utf-8"))
        aggregate = name.split(".")[1]
        whose = {key: self.contract[key] for key in ("contract_id", "client_id")}
        envelope |= {
            "id": str(new_id()),
            "tenantid": str(self.tenant_id),
            "subject": f"{aggregate}/{aggregate_id}",
            "aggregateversion": version,
            "time": self.clock.now().isoformat().replace("+00:00", "Z"),
        }
        return json.dumps(envelope | {"data": envelope["data"] | whose | data}).encode()

    async def heard(self, *events: bytes) -> None:
        """What other services said, which both hear."""
        for event in events:
            for service, runtime in ((CONTRACTS, self.contracts), (REPORTING, self.reporting)):
                assert service.handlers is not None
                await EventProcessor(service.handlers, runtime.units, service.name).process(event)

    async def relay(self) -> None:
        """What contracts said is heard by reporting; what was heard before is passed over."""
        async with self.contracts.units.for_every_tenant() as unit:
            query = text("select convert_to(envelope::text, 'UTF8') from contracts.outbox order by id")
            said = (await unit.session.execute(query)).scalars().all()
        assert REPORTING.handlers is not None
        for payload in said:
            await EventProcessor(REPORTING.handlers, self.reporting.units, "reporting").process(bytes(payload))

    async def settled(self, on: str, *steps: str) -> dict[str, Any]:
        """The settlement of the period of a day, brought as far as these steps lead, and told to reporting."""
        wanted = {"contract_id": self.contract["contract_id"], "on": on}
        found: dict[str, Any] = await self.ask("POST", "/v1/settlements", wanted)
        for step in steps:
            body = {"reason": "Measured again"} if step == "correct" else None
            found = await self.ask("POST", f"/v1/settlements/{found['settlement_id']}/{step}", body)
        await self.relay()
        return found

    async def answer(self, rest: str, **how: Any) -> httpx.Response:
        whose: dict[str, Any] = {"tenant_id": self.tenant_id, "lifetime": timedelta(days=400)} | how
        async with self.open_client(self.apps["reporting"], self.tokens.mint(**whose)) as client:
            path = f"/v1/contracts/{self.contract['contract_id']}/evidence/{rest}"
            return await client.get(path)

    async def pack(self, rest: str) -> bytes:
        answer = await self.answer(rest)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        return answer.content


@pytest.fixture
async def ledger(
    service_database: Callable[[str], DatabaseUrls],
    clock: FixedClock,
    tokens: TokenMint,
    api_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[Ledger]:
    """Both over fresh databases, on Monday 8 June 2026, with a contract in force from then on."""
    key = SecretStr("k" * 32)
    legal = ContractsSettings(database_url=SecretStr(service_database("contracts").app), secret_key=key)
    reports = ReportingSettings.model_validate(
        {"database_url": SecretStr(service_database("reporting").app), "secret_key": key}
        | {"public_url": "https://reports.agency.example"}
    )
    runtimes = [build_runtime(legal, CONTRACTS.registry, clock), build_runtime(reports, REPORTING.registry, clock)]
    apps = {
        "contracts": create_app(CONTRACTS, legal, runtime=runtimes[0]),
        "reporting": tokens.trust(create_app(REPORTING, reports, runtime=runtimes[1])),
    }
    async with apps["contracts"].router.lifespan_context(apps["contracts"]):
        transport = httpx.ASGITransport(app=apps["contracts"], raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://contracts.test") as http:
            found = Ledger(clock, tokens, runtimes[0], runtimes[1], apps, http, api_client)
            await found.signed()
            yield found
    for runtime in runtimes:
        await runtime.close()


async def a_bad_july(ledger: Ledger) -> dict[str, Any]:
    """99.89 % of July, a response that was two hours and a bit late, and more work than was included. Gives the event
    that told the uptime.
    """
    ledger.clock.set(AFTER_JULY)
    site = ledger.contract["site"]
    starts, ends = "2026-06-30T22:00:00Z", "2026-07-31T22:00:00Z"
    figure = json.loads(ledger.said("reporting.uptime.period_measured.v1", "x"))["data"]["figures"][0] | {
        "environment_id": site["environments"][0]["environment_id"],
        "site_id": site["site_id"],
        "starts_at": starts,
        "ends_at": ends,
        "numerator": 2_675_454,
        "denominator": 2_678_400,
        "met": False,
        "uptime_percent": "99.890008",
    }
    month_id = str(measurement_id(UUID(ledger.contract["contract_id"]), date(2026, 7, 1)))
    measured: dict[str, Any] = {
        "month": "2026-07-01",
        "starts_at": starts,
        "ends_at": ends,
        "met": False,
        "figures": [figure],
    }
    clock_id, incident_id, at = str(new_id()), str(new_id()), "2026-07-14T09:30:00Z"
    clock: dict[str, Any] = {
        "clock_id": clock_id,
        "metric": "response",
        "policy": "critical-response@1",
        "target_seconds": 1800,
    }
    breached = clock | {"elapsed_seconds": 1801, "at": at, "breach_after": at, "due_at": at, "count": 1}
    reading = breached | {"state": "breached", "verdict": "breached", "elapsed_seconds": 9_900, "clock_version": 1}
    uptime = ledger.said("reporting.uptime.period_measured.v1", month_id, measurement_id=month_id, **measured)
    await ledger.heard(
        uptime,
        ledger.said("incidents.clock.breached.v1", clock_id, incident_id=incident_id, **breached),
        ledger.said(
            *("incidents.incident.resolved.v1", incident_id, 6),
            incident_id=incident_id,
            clocks=[
                {key: value for key, value in reading.items() if key != "at"} | {"stopped_at": None, "facts": None}
            ],
        ),
        *(
            ledger.said(
                *("incidents.time_entry.recorded.v1", entry_id),
                time_entry_id=entry_id,
                item_id=None,
                item_version=None,
                worked_on=day,
                real_minutes=minutes,
                audience=audience,
            )
            for entry_id, day, minutes, audience in (
                (str(new_id()), "2026-06-20", 30, "client"),
                (str(new_id()), "2026-07-10", 100, "client"),
                (str(new_id()), "2026-07-11", 70, "agency"),
            )
        ),
    )
    entries = f"/v1/contracts/{ledger.contract['contract_id']}/hours/entries"
    by_hand = {"line": "steering", "work_class": "coordination", "worked_on": "2026-07-15", "real_minutes": 40}
    await ledger.ask("POST", entries, by_hand | {"person_name": "Nadia Benali", "note": "Monthly meeting"})
    return dict(json.loads(uptime))


def signed_anew(files: dict[str, bytes], changes: dict[str, bytes]) -> bytes:
    """The pack with other files, hashed and signed by a key that is in it: a good signature, by somebody else."""
    changed = {path: content for path, content in (files | changes).items() if path != "signature.json"}
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    manifest = json.loads(changed.pop("manifest.json"))
    (line, *_) = json.loads(files["keys.json"])
    changed["keys.json"] = canonical([line | {"public_key": public.hex(), "key_id": key_id_of(public)}])
    manifest["files"] = {
        name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in changed.items()
    }
    changed["manifest.json"] = canonical(manifest)
    signature = {"key_id": key_id_of(public), "signature": key.sign(EVIDENCE + changed["manifest.json"]).hex()}
    return archive(sorted({**changed, "signature.json": canonical(signature)}.items()))


def event_of(files: dict[str, bytes], aggregate: str) -> tuple[str, dict[str, Any]]:
    """The path and the content of the one event about such a thing."""
    (found,) = [
        (path, json.loads(content))
        for path, content in files.items()
        if path.startswith("events/") and json.loads(content)["subject"].startswith(f"{aggregate}/")
    ]
    return found


def whatever_byte_is_changed_the_answer_is_no(pack: bytes) -> None:
    check(pack)
    signature = pack.index(opened_pack(pack)["signature.json"])
    places = st.one_of(
        st.integers(0, len(pack) - 1),
        st.integers(signature, signature + 120),
        st.integers(len(pack) - 400, len(pack) - 1),
    )

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(place=places, flipped=st.integers(1, 255))
    def a_changed_byte_is_found(place: int, flipped: int) -> None:
        changed = bytearray(pack)
        changed[place] ^= flipped
        with pytest.raises(Doubt):
            check(bytes(changed))

    a_changed_byte_is_found()


async def test_what_is_owed_is_computed_again_offline_from_uptime_clocks_hours_and_the_contract(
    ledger: Ledger, tmp_path: Path
) -> None:
    await a_bad_july(ledger)
    closed = await ledger.settled("2026-07-15", "review", "close")
    pack = await ledger.pack("2026-07/amounts")
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert verified_pack(tmp_path, pack, knows_zones=False)[0] == 0
    assert said.startswith("YES. The settlement of 2026-07-01 computed again from ")
    files = opened_pack(pack)
    amounts = json.loads(files["amounts.json"])
    assert [(line["code"].partition(":")[0], line["amount"], line["follows_from"]) for line in amounts["lines"]] == [
        ("fee", "600.00", "events"),
        ("overage", "132.00", "events"),
        ("credit", "-60.00", "events"),
        ("penalty", "-90.00", "events"),
    ]
    assert (amounts["net"], amounts["gross"], amounts["hash"]) == (
        closed["net"],
        closed["gross"],
        closed["closed_hash"],
    )
    assert "582.00 EUR net, 698.40 gross; of its lines 4 follow from events" in said
    assert "Not proved: that every clock is in the pack" in said
    assert (amounts["computed_at"], amounts["told_since"], amounts["clocks_left_out"]) == (
        "2026-08-03T09:00:00Z",
        [],
        [],
    )
    assert "600,00" in files["explanation.fr.txt"].decode()
    assert "€600.00" in files["explanation.en.txt"].decode()
    assert await ledger.pack("2026-07/amounts") == pack
    whatever_byte_is_changed_the_answer_is_no(pack)


async def test_an_amount_that_its_events_do_not_give_is_found_even_under_a_good_signature(ledger: Ledger) -> None:
    await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review", "close")
    files = opened_pack(await ledger.pack("2026-07/amounts"))
    check(signed_anew(files, {}))

    path, settlement = event_of(files, "settlement")

    def no_penalty(event: dict[str, Any]) -> None:
        content = event["data"]["settlement"]
        del content["lines"][3]
        (by_tax,) = content["totals"]["by_tax"]
        by_tax |= {"net": "672.00", "tax_amount": "134.40"}
        content["totals"] |= {"net": "672.00", "tax": "134.40", "gross": "806.40"}
        event["data"]["hash"] = sha256(canonical(content)).hexdigest()

    def nothing_measured(event: dict[str, Any]) -> None:
        content = event["data"]["settlement"]
        content["commitments"], content["lines"] = [], content["lines"][:2]
        (by_tax,) = content["totals"]["by_tax"]
        by_tax |= {"net": "732.00", "tax_amount": "146.40"}
        content["totals"] |= {"net": "732.00", "tax": "146.40", "gross": "878.40"}
        event["data"]["hash"] = sha256(canonical(content)).hexdigest()

    forged = json.loads(files[path])
    nothing_measured(forged)
    with pytest.raises(Doubt, match="An uptime that counts"):
        check(signed_anew(files, {path: canonical(forged)}))
    no_penalty(settlement)
    with pytest.raises(Doubt, match="not what the contract gives for what was measured"):
        check(signed_anew(files, {path: canonical(settlement)}))

    cases: list[tuple[str, Callable[[Any], Any], str]] = [
        ("uptime", lambda data: data["figures"][0].update(numerator=2_678_400), "another one than was measured"),
        ("incident", lambda data: data["clocks"][0].update(elapsed_seconds=1_900), "another one than its clock told"),
        ("incident", lambda data: data.update(severity="minor"), "The severity of"),
        ("incident", lambda data: data["clocks"][0].update(breach_after="2026-07-14T09:31:00Z"), "another instant"),
        ("contract", lambda data: data["price"].update(amount="500.00"), "the contract said otherwise"),
        ("contract", lambda data: data["remedies"].update(cap_percent="1"), "not what the contract gives"),
        ("hours_month", lambda data: data.update(billed_minutes=0), "closed with other figures"),
    ]
    for aggregate, change, reason in cases:
        path, event = event_of(files, aggregate)
        change(event["data"])
        with pytest.raises(Doubt, match=reason):
            check(signed_anew(files, {path: canonical(event)}))
    amounts = json.loads(files["amounts.json"])
    assert amounts["not_proved"] == ["every_clock_is_in_the_pack"]
    amounts |= {"net": "1.00"}
    with pytest.raises(Doubt, match="not those of the settlement"):
        check(signed_anew(files, {"amounts.json": canonical(amounts)}))
    for language, shown in (("en", b"600.00"), ("fr", b"600,00")):
        explained = f"explanation.{language}.txt"
        with pytest.raises(Doubt, match="shows other amounts"):
            check(signed_anew(files, {explained: files[explained].replace(shown, shown[::-1], 1)}))


async def test_a_pack_of_an_earlier_release_is_checked_as_it_was(ledger: Ledger) -> None:
    await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review", "close")
    files = opened_pack(await ledger.pack("2026-07/amounts"))
    path, settlement = event_of(files, "settlement")
    del settlement["data"]["computed_at"]
    amounts = json.loads(files["amounts.json"])
    for name in ("computed_at", "told_since", "clocks_left_out", "not_proved"):
        del amounts[name]
    said = check(signed_anew(files, {path: canonical(settlement), "amounts.json": canonical(amounts)}))
    assert "Not proved: that no clock is left out" in said
    with pytest.raises(Doubt, match="not those of the settlement"):  # one of now says it
        check(signed_anew(files, {"amounts.json": canonical(amounts)}))


def measured_again(told: dict[str, Any], at: datetime) -> bytes:
    """What was told at an instant of an uptime that had been told: its second version, in which nothing was missed."""
    (figure,) = told["data"]["figures"]
    data = told["data"] | {"version": 2, "figures": [figure | {"numerator": 2_678_400, "met": True}]}
    when = {"id": str(new_id()), "time": at.isoformat().replace("+00:00", "Z"), "aggregateversion": 2}
    return json.dumps(told | when | {"data": data}).encode()


async def test_what_is_told_between_review_and_closing_is_named_and_not_in_the_amounts(ledger: Ledger) -> None:
    uptime = await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review")
    again = measured_again(uptime, AFTER_JULY + timedelta(hours=1))
    ledger.clock.set(AFTER_JULY + timedelta(hours=1))
    await ledger.heard(again)
    ledger.clock.set(AFTER_JULY + timedelta(hours=2))
    closed = await ledger.settled("2026-07-15", "close")
    files = opened_pack(await ledger.pack("2026-07/amounts"))
    said = check(signed_anew(files, {}))
    assert f"{closed['net']} EUR net" in said
    assert "1 events were told after it was computed and are not in it" in said
    amounts = json.loads(files["amounts.json"])
    assert (closed["net"], amounts["computed_at"]) == ("582.00", "2026-08-03T09:00:00Z")
    assert amounts["told_since"] == [json.loads(again)["id"]]
    explained = files["explanation.en.txt"].decode()
    assert "1 event was told between then and the closing: it is in this pack, not in the amounts." in explained
    path, settlement = event_of(files, "settlement")
    for moved in ("2026-07-31T21:59:59Z", "2026-08-03T11:00:01Z"):
        settlement["data"]["computed_at"] = moved
        with pytest.raises(Doubt, match="before its period was over, or after it was closed"):
            check(signed_anew(files, {path: canonical(settlement)}))
    settlement["data"]["computed_at"] = "2026-08-03T10:30:00Z"
    with pytest.raises(Doubt, match="An uptime that counts"):
        check(signed_anew(files, {path: canonical(settlement)}))


def clock_of(ledger: Ledger, state: str) -> tuple[str, bytes, bytes]:
    """A response of July that its clock told was missed; its item told last that it reads so or otherwise."""
    clock_id, incident_id, at = str(new_id()), str(new_id()), "2026-07-20T09:30:00Z"
    clock: dict[str, Any] = {
        **{"clock_id": clock_id, "metric": "response", "policy": "critical-response@1", "count": 1},
        **{"target_seconds": 1800, "elapsed_seconds": 1801, "breach_after": at, "due_at": at},
    }
    reading = clock | {"state": state, "verdict": None, "clock_version": 1, "stopped_at": None, "facts": None}
    told = ledger.said("incidents.clock.breached.v1", clock_id, incident_id=incident_id, at=at, **clock)
    item = ledger.said("incidents.incident.changed.v1", incident_id, 7, incident_id=incident_id, clocks=[reading])
    return clock_id, told, item


async def test_a_clock_that_was_told_of_is_in_the_settlement_or_left_out_with_a_reason(ledger: Ledger) -> None:
    await a_bad_july(ledger)
    clock_id, *told = clock_of(ledger, "running")
    await ledger.heard(*told)
    await ledger.settled("2026-07-15", "review", "close")
    files = opened_pack(await ledger.pack("2026-07/amounts"))
    check(signed_anew(files, {}))
    amounts = json.loads(files["amounts.json"])
    assert amounts["clocks_left_out"] == [{"clock": clock_id, "metric": "response", "reason": "taken_back"}]
    assert f"Not in it: Response ({clock_id}): taken back since" in files["explanation.en.txt"].decode()
    (path,) = [each for each in files if each.startswith("events/") and b'"state": "running"' in files[each]]
    missed = json.loads(files[path])
    missed["data"]["clocks"][0]["state"] = "breached"
    with pytest.raises(Doubt, match="and the settlement leaves it out"):
        check(signed_anew(files, {path: canonical(missed)}))
    with pytest.raises(Doubt, match="and the settlement leaves it out"):  # with nothing that takes it back
        check(signed_anew({name: content for name, content in files.items() if name != path}, {}))


async def test_a_settlement_without_a_clock_that_had_been_told_of_has_no_pack_until_it_is_corrected(
    ledger: Ledger,
) -> None:
    await a_bad_july(ledger)
    clock_id, *told = clock_of(ledger, "breached")
    assert REPORTING.handlers is not None
    for each in told:
        await EventProcessor(REPORTING.handlers, ledger.reporting.units, REPORTING.name).process(each)
    await ledger.settled("2026-07-15", "review", "close")
    answer = await ledger.answer("2026-07/amounts")
    assert answer.status_code == 409
    assert f"The clock {clock_id} was told of, and the settlement leaves it out." in answer.json()["detail"]
    assert "/correct" in answer.json()["detail"]
    await ledger.heard(*told)
    await ledger.settled("2026-07-15", "correct", "review", "close")
    assert "of its lines 5 follow from events" in check(await ledger.pack("2026-07/amounts"))


async def test_a_correction_is_proved_with_the_version_that_it_corrects(ledger: Ledger) -> None:
    uptime = await a_bad_july(ledger)
    first = await ledger.settled("2026-07-15", "review", "close")
    before = await ledger.pack("2026-07/amounts")
    await ledger.heard(measured_again(uptime, AFTER_JULY + timedelta(hours=1)))
    assert await ledger.pack("2026-07/amounts") == before, "what was told after closing changes nothing"
    ledger.clock.set(AFTER_JULY + timedelta(hours=2))
    await ledger.ask("POST", f"/v1/settlements/{first['settlement_id']}/correct", {"reason": "Measured again"})
    for step in ("review", "close"):
        await ledger.ask("POST", f"/v1/settlements/{first['settlement_id']}/{step}")
    await ledger.relay()
    pack = await ledger.pack("2026-07/amounts")
    assert "642.00 EUR net" in check(pack)
    files = opened_pack(pack)
    assert json.loads(files["amounts.json"])["number"] == 2
    older = [
        path
        for path, content in files.items()
        if path.startswith("events/") and json.loads(content)["data"].get("hash") == first["closed_hash"]
    ]
    rest = {path: content for path, content in files.items() if path not in older}
    with pytest.raises(Doubt, match="is not in the pack"):
        check(signed_anew(rest, {}))


async def test_a_settlement_that_does_not_rest_on_what_had_been_told_of_the_uptime_has_no_pack(ledger: Ledger) -> None:
    uptime = await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review", "close")
    again = measured_again(uptime, AFTER_JULY - timedelta(hours=1))
    assert REPORTING.handlers is not None
    await EventProcessor(REPORTING.handlers, ledger.reporting.units, REPORTING.name).process(again)
    answer = await ledger.answer("2026-07/amounts")
    assert (answer.status_code, "An uptime that counts" in answer.json()["detail"]) == (409, True)


async def test_the_hours_of_a_month_are_computed_again_offline_from_its_entries_and_what_june_left(
    ledger: Ledger, tmp_path: Path
) -> None:
    await a_bad_july(ledger)
    await ledger.settled("2026-06-15", "review", "close")
    await ledger.settled("2026-07-15", "review", "close")
    pack = await ledger.pack("2026-07/hours")
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert verified_pack(tmp_path, pack, knows_zones=False)[0] == 0
    assert said.startswith("YES. The hours of 2026-07 computed again from 3 entries: ")
    files = opened_pack(pack)
    hours = json.loads(files["hours.json"])
    path = f"/v1/contracts/{ledger.contract['contract_id']}/hours"
    shown = await ledger.ask("GET", path, params={"month": "2026-07"})
    assert {name: shown[name] for name in hours if name.endswith("_minutes")} == {
        name: value for name, value in hours.items() if name.endswith("_minutes")
    }
    assert [(line["code"], line["accounted_minutes"], line["over"]) for line in hours["lines"]] == [
        ("technical", 255, True),
        ("steering", 45, False),
    ]
    # Who worked, and a note that is only for the agency, is in no pack.
    whole = b"".join(files.values())
    assert b"Monthly meeting" not in whole
    told = [json.loads(files[each]) for each in files if each.startswith("events/")]
    assert {each["data"]["audience"] for each in told if each["subject"].startswith("time_entry/")} == {"client"}
    assert "- Technique : inclus 2 h (120 min)" in re.sub("[\u00a0\u202f]", " ", files["explanation.fr.txt"].decode())
    assert await ledger.pack("2026-07/hours") == pack
    whatever_byte_is_changed_the_answer_is_no(pack)


async def test_hours_that_their_entries_do_not_give_are_found_even_under_a_good_signature(ledger: Ledger) -> None:
    await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review", "close")
    files = opened_pack(await ledger.pack("2026-07/hours"))
    check(signed_anew(files, {}))
    months = {
        json.loads(content)["data"]["month"]: path
        for path, content in files.items()
        if path.startswith("events/") and json.loads(content)["subject"].startswith("hours_month/")
    }

    def changed(month: str, change: Callable[[dict[str, Any]], Any]) -> bytes:
        event = json.loads(files[months[month]])
        change(event["data"])
        return signed_anew(files, {months[month]: canonical(event)})

    cases: list[tuple[str, Callable[[Any], Any], str]] = [
        ("2026-07-01", lambda data: data.update(accounted_minutes=1), "says accounted_minutes 1"),
        ("2026-07-01", lambda data: data["lines"][0].update(overage_minutes=600), "says lines"),
        ("2026-07-01", lambda data: data["entries"].pop(), "its entries and the contract give"),
        ("2026-07-01", lambda data: data["entries"][0].update(work_class="other"), "than the service desk told"),
        ("2026-07-01", lambda data: data["brought"].clear(), "its entries and the contract give"),
        ("2026-06-01", lambda data: data["carried"].clear(), "what the one before left"),
    ]
    for month, change, reason in cases:
        with pytest.raises(Doubt, match=reason):
            check(changed(month, change))
    rest = {path: content for path, content in files.items() if path != months["2026-06-01"]}
    with pytest.raises(Doubt, match="The month before"):
        check(signed_anew(rest, {}))
    explained = "explanation.en.txt"
    with pytest.raises(Doubt, match="shows other hours"):
        check(signed_anew(files, {explained: files[explained].replace(b"(120 min)", b"(180 min)", 1)}))


async def test_work_that_is_counted_twice_or_by_another_month_or_dearer_is_found_though_all_figures_follow(
    ledger: Ledger,
) -> None:
    await a_bad_july(ledger)
    await ledger.settled("2026-07-15", "review", "close")
    files = opened_pack(await ledger.pack("2026-07/hours"))
    told = {path: json.loads(content) for path, content in files.items() if path.startswith("events/")}
    versions = [event["data"] for event in told.values() if event["subject"].startswith("contract/")]
    (path,) = [path for path, event in told.items() if event["data"].get("month") == "2026-07-01"]
    desk = {event["data"]["time_entry_id"] for event in told.values() if event["subject"].startswith("time_entry/")}

    def twice(entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        entries.append(entry | {"hours_entry_id": str(new_id())})

    def taken_back(entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        entries.append(entry | {"hours_entry_id": str(new_id()), "real_minutes": -entry["real_minutes"]})

    def by_hand_in_june(entries: list[dict[str, Any]], _: dict[str, Any]) -> None:
        next(each for each in entries if each["time_entry_id"] is None)["worked_on"] = "2026-06-30"

    cases: list[tuple[Callable[[list[dict[str, Any]], dict[str, Any]], Any], str]] = [
        (twice, "or its work is"),
        (taken_back, "than the service desk told"),
        (by_hand_in_june, "is of another month"),
        (lambda _, entry: entry.update(multipliers=["3"]), "than the service desk told"),
        (lambda _, entry: entry.update(work_item_id=str(new_id())), "than the service desk told"),
    ]
    for change, reason in cases:
        event = json.loads(files[path])
        data = event["data"]
        change(data["entries"], next(each for each in data["entries"] if each["time_entry_id"] in desk))
        names = {line["code"]: line["name"] for line in data["lines"]}
        with pytest.raises(Doubt, match=reason):
            data |= hours_figures(data, versions)
            data["lines"] = [line | {"name": names[line["code"]]} for line in data["lines"]]
            check(signed_anew(files, {path: canonical(event)}))


async def test_what_was_not_closed_or_is_another_agencys_or_is_not_for_staff_has_no_pack(ledger: Ledger) -> None:
    await a_bad_july(ledger)
    await ledger.relay()
    for rest in ("amounts", "hours"):
        assert (await ledger.answer(f"2026-07/{rest}")).status_code == 404
    await ledger.settled("2026-07-15", "review", "close")
    client_id = ledger.contract["client_id"]
    for rest in ("amounts", "hours"):
        assert (await ledger.answer(f"2026-07/{rest}", tenant_id=new_id())).status_code == 404
        assert (
            await ledger.answer(f"2026-07/{rest}", role="client_staff", client_id=UUID(client_id))
        ).status_code == 403
        decider = await ledger.answer(f"2026-07/{rest}", role="client_decider", client_id=UUID(client_id))
        assert (decider.status_code, decider.content == await ledger.pack(f"2026-07/{rest}")) == (200, True)
