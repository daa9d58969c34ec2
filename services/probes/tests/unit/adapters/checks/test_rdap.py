"""Domain checks against a registry on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import certifi
import pytest

from probes.adapters.checks.finding import Finding
from probes.adapters.checks.rdap import DomainChecks, registered_domain
from probes.application.checks.domain import DomainCheck
from probes.domain.states import Outcome, Reason
from shared.kernel.clock import FixedClock

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


class Registry:
    """IANA's list and the server of one registry. `domains` are its objects; `answers` replaces an answer by path."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.domains: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            self.asked.append(path)
            writer.write(self.answers.get(path) or self.answer(path))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def answer(self, path: str) -> bytes:
        if path == "/dns.json":
            return reply({"services": [[["example", "fr"], [f"{self.url}/rdap/"]]]})
        known = self.domains.get(path.removeprefix("/rdap/domain/"))
        return reply(known) if known is not None else reply({"errorCode": 404}, "404 Not Found")

    def register(self, domain: str, days: float | None = None, **more: Any) -> None:
        """A name whose registration ends so many days from now, or of which no end is published."""
        events = []
        if days is not None:
            events = [{"eventAction": "expiration", "eventDate": (NOW + timedelta(days=days)).isoformat()}]
        card = ["vcard", [["fn", {}, "text", "Registrar SAS"]]]
        self.domains[domain] = {
            "events": events,
            "entities": [{"roles": ["registrar"], "vcardArray": card}],
            "status": ["active"],
            **more,
        }


def reply(document: Any, status: str = "200 OK", *headers: str) -> bytes:
    body = json.dumps(document).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


@asynccontextmanager
async def checking(registry: Registry, *, allowed: bool = True) -> AsyncIterator[Callable[..., Any]]:
    networks = [ip_network("127.0.0.0/8")] if allowed else []
    checks = DomainChecks(networks, certifi.where(), FixedClock(NOW), f"{registry.url}/dns.json")

    async def check(name: str, seconds: float = 5, **more: Any) -> Finding:
        return await checks.check(DomainCheck.model_validate({"name": name, **more}), seconds)

    try:
        yield check
    finally:
        await checks.aclose()


async def test_the_registered_name_is_looked_up_and_its_end_observed(registry: Registry) -> None:
    registry.register("hotel.example", 40)
    async with checking(registry) as check:
        finding = await check("www.Hotel.example")
    assert finding.outcome is Outcome.GOOD and finding.timings.total > 0
    assert finding.observations["domain"] == {
        "domain": "hotel.example",
        "expires_at": "2026-07-18T09:00:00Z",
        "registrar": "Registrar SAS",
        "status": ["active"],
        "source": "registry",
    }


async def test_the_list_of_registries_is_read_once(registry: Registry) -> None:
    registry.register("hotel.example", 40)
    async with checking(registry) as check:
        findings = await asyncio.gather(*(check("hotel.example") for _ in range(5)))
    assert [finding.outcome for finding in findings] == [Outcome.GOOD] * 5
    assert registry.asked.count("/dns.json") == 1


async def test_a_registration_that_has_ended_and_one_that_is_lost_are_bad(registry: Registry) -> None:
    registry.register("ended.example", -1)
    registry.register("lost.example", 300, status=["redemption period"])
    async with checking(registry) as check:
        ended, lost, unknown = [await check(name) for name in ("ended.example", "lost.example", "unknown.example")]
    for finding, reason, told in (
        (ended, Reason.STALE, "expired on 2026-06-07"),
        (lost, Reason.ANSWER, "redemption period"),
        (unknown, Reason.ANSWER, "does not know unknown.example"),
    ):
        assert finding.outcome is Outcome.BAD and finding.failure is not None
        assert finding.failure.reason is reason and told in finding.failure.detail
    assert ended.observations["domain"]["expires_at"] == "2026-06-07T09:00:00Z"


async def test_where_the_registry_says_no_date_a_given_one_counts(registry: Registry) -> None:
    registry.register("quiet.example")
    async with checking(registry) as check:
        for name in ("quiet.example", "hotel.ch"):  # one without a date, one without a server
            blocked = await check(name)
            assert blocked.outcome is Outcome.BLOCKED and blocked.observations == {}
            assert blocked.failure is not None and "expires_on" in blocked.failure.detail
            good = await check(name, expires_on="2026-08-01")
            assert good.outcome is Outcome.GOOD
            assert good.observations["domain"]["source"] == "manual"
            assert good.observations["domain"]["expires_at"] == "2026-08-01T00:00:00Z"
        late = await check("quiet.example", expires_on="2026-06-01")
    assert late.outcome is Outcome.BAD


async def test_redirects_are_followed_but_not_for_ever(registry: Registry) -> None:
    registry.register("hotel.example", 40)
    registry.answers["/rdap/domain/moved.example"] = reply({}, "302 Found", "Location: /rdap/domain/hotel.example")
    registry.answers["/rdap/domain/round.example"] = reply({}, "302 Found", "Location: /rdap/domain/round.example")
    async with checking(registry) as check:
        assert (await check("moved.example")).outcome is Outcome.GOOD
        endless = await check("round.example")
    assert endless.outcome is Outcome.BLOCKED
    assert endless.failure is not None and "redirects without end" in endless.failure.detail


@pytest.mark.parametrize(
    "answer",
    [
        reply({}, "429 Too Many Requests"),
        reply([]),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{{{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"[" * 100_000,
        b"no HTTP at all",
    ],
)
async def test_an_answer_that_is_none_blocks_the_view_and_is_no_outage(registry: Registry, answer: bytes) -> None:
    registry.answers["/rdap/domain/hotel.example"] = answer
    async with checking(registry) as check:
        finding = await check("hotel.example")
    assert finding.outcome is Outcome.BLOCKED and finding.failure is not None


async def test_a_registry_that_hangs_costs_the_deadline(registry: Registry) -> None:
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(hangs, "127.0.0.1", 0)
    registry.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, checking(registry) as check:
        finding = await check("hotel.example", 0.3)
    assert finding.outcome is Outcome.BLOCKED
    assert finding.failure is not None and "within 0.3 s" in finding.failure.detail


async def test_a_registry_at_a_private_address_is_not_asked(registry: Registry) -> None:
    async with checking(registry, allowed=False) as check:
        finding = await check("hotel.example")
    assert finding.outcome is Outcome.BLOCKED and registry.asked == []


async def test_a_public_suffix_is_nobodys_name(registry: Registry) -> None:
    async with checking(registry) as check:
        finding = await check("co.uk")
    assert finding.failure is not None and finding.failure.reason is Reason.INVALID_TARGET


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("www.hotel.co.uk", "hotel.co.uk"),
        ("a.b.hotel.fr.", "hotel.fr"),
        ("hôtel.fr", "xn--htel-vqa.fr"),
        ("page.github.io", "github.io"),
        ("com", None),
    ],
)
def test_the_registered_name_is_one_label_below_the_suffix(name: str, registered: str | None) -> None:
    assert registered_domain(name) == registered
