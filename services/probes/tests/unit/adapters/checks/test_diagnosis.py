"""What is found out while something is down, by real name servers and ways on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from probes.adapters.checks.diagnosis import AT_ONCE, IN_RESERVE, Diagnostics
from probes.adapters.checks.finding import Finding
from probes.domain.states import Failure, Outcome, Reason
from shared.outbound_http import AddressGuard

from ....network_servers import NameServer, name_server

GOOD = Finding(Outcome.GOOD)
LOOPBACK = AddressGuard(["127.0.0.0/8"])


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with name_server() as running:
        running.records["hotel.example", "A"] = ["127.0.0.1"]
        yield running


@pytest.fixture
async def diagnostics(server: NameServer) -> AsyncIterator[Diagnostics]:
    made = Diagnostics(LOOPBACK, name_servers=(["127.0.0.1"], server.port))
    yield made
    await made.aclose()


def failing(reason: Reason = Reason.CONNECT, **evidence: Any) -> Finding:
    seen = {"url": "https://hotel.example/", "addresses": ["127.0.0.1"], "remote_address": None} | evidence
    return Finding(Outcome.BAD, failure=Failure(reason, "Connection refused", seen))


def evidence_of(finding: Finding) -> dict[str, Any]:
    assert finding.failure is not None
    return cast(dict[str, Any], finding.failure.evidence)


async def test_a_failure_that_confirms_carries_names_and_way(diagnostics: Diagnostics) -> None:
    evidence = evidence_of(await diagnostics.complete(uuid4(), failing(), patience=3))
    first, second = evidence["dns"]
    assert (first["record_type"], first["values"], first["response_code"]) == ("A", ["127.0.0.1"], "NOERROR")
    assert (second["record_type"], second["values"]) == ("AAAA", [])
    assert evidence["traceroute"]["reached"] is True
    assert [hop["address"] for hop in evidence["traceroute"]["hops"]] == ["127.0.0.1"]
    assert evidence["url"] == "https://hotel.example/"


async def test_the_first_failure_begins_it_and_does_not_wait(diagnostics: Diagnostics, server: NameServer) -> None:
    server.silent = True
    monitor = uuid4()
    since = time.monotonic()
    first = await diagnostics.complete(monitor, failing(), patience=0)
    second = await diagnostics.complete(monitor, failing(), patience=0)
    assert time.monotonic() - since < 0.2
    assert "dns" not in evidence_of(first) and "dns" not in evidence_of(second)
    third = await diagnostics.complete(monitor, failing(), patience=3)
    assert time.monotonic() - since < 4
    assert [answer["error"] for answer in evidence_of(third)["dns"]] == ["There was no answer within 2 s."] * 2
    assert evidence_of(third)["traceroute"]["reached"] is True


async def test_what_takes_too_long_is_handed_over_as_far_as_it_has_come(
    diagnostics: Diagnostics, server: NameServer
) -> None:
    server.silent = True
    evidence = evidence_of(await diagnostics.complete(uuid4(), failing(), patience=0.3))
    assert [answer["values"] for answer in evidence["dns"]] == [[], []]
    assert evidence["traceroute"]["reached"] is True


async def test_it_is_handed_over_once_per_run_of_failures(diagnostics: Diagnostics, server: NameServer) -> None:
    monitor = uuid4()
    assert "dns" in evidence_of(await diagnostics.complete(monitor, failing(), patience=3))
    asked = len(server.asked)
    assert "dns" not in evidence_of(await diagnostics.complete(monitor, failing(), patience=3))
    assert len(server.asked) == asked
    assert await diagnostics.complete(monitor, GOOD, patience=0) is GOOD
    assert "dns" in evidence_of(await diagnostics.complete(monitor, failing(), patience=3))


async def test_a_storm_of_failures_costs_no_more_than_the_reserve(diagnostics: Diagnostics, server: NameServer) -> None:
    since = time.process_time()

    async def storm(monitor: UUID) -> Finding:
        return await diagnostics.complete(monitor, failing(), patience=3)

    found = await asyncio.gather(*(storm(uuid4()) for _ in range(5000)))
    found += await asyncio.gather(*(storm(uuid4()) for _ in range(5000)))
    diagnosed = sum("dns" in evidence_of(finding) for finding in found)
    assert diagnosed == min(2 * AT_ONCE, IN_RESERVE)
    assert len(server.asked) == 2 * diagnosed
    assert time.process_time() - since < 60


async def test_who_missed_his_ration_leaves_it_to_others_until_he_has_been_good(diagnostics: Diagnostics) -> None:
    monitors = [uuid4() for _ in range(AT_ONCE + 1)]
    found = await asyncio.gather(*(diagnostics.complete(monitor, failing(), patience=3) for monitor in monitors))
    assert ["dns" in evidence_of(finding) for finding in found] == [True] * AT_ONCE + [False]
    missed = monitors[-1]
    assert "dns" not in evidence_of(await diagnostics.complete(missed, failing(), patience=3))
    await diagnostics.complete(missed, GOOD, patience=0)
    assert "dns" in evidence_of(await diagnostics.complete(missed, failing(), patience=3))


@pytest.mark.parametrize("reason", [Reason.ADDRESS_REFUSED, Reason.HTTP_STATUS, Reason.CONTENT, Reason.INVALID_TARGET])
async def test_failures_that_are_not_of_the_network_are_left_alone(
    diagnostics: Diagnostics, server: NameServer, reason: Reason
) -> None:
    finding = failing(reason)
    assert await diagnostics.complete(uuid4(), finding, patience=3) is finding
    assert server.asked == []


async def test_a_name_that_does_not_resolve_has_no_way(diagnostics: Diagnostics, server: NameServer) -> None:
    server.codes["hotel.example"] = "SERVFAIL"
    evidence = evidence_of(await diagnostics.complete(uuid4(), failing(Reason.DNS, addresses=[]), patience=3))
    assert [answer["response_code"] for answer in evidence["dns"]] == ["SERVFAIL", "SERVFAIL"]
    assert "traceroute" not in evidence


async def test_an_address_is_not_looked_up(diagnostics: Diagnostics, server: NameServer) -> None:
    failure = failing(url="tcp://127.0.0.1:25")
    evidence = evidence_of(await diagnostics.complete(uuid4(), failure, patience=3))
    assert "dns" not in evidence and server.asked == []
    assert evidence["traceroute"]["reached"] is True


async def test_a_refused_address_is_sent_nothing(server: NameServer) -> None:
    wary = Diagnostics(AddressGuard(), name_servers=(["127.0.0.1"], server.port))
    evidence = evidence_of(await wary.complete(uuid4(), failing(), patience=3))
    assert "dns" in evidence and "traceroute" not in evidence


async def test_what_a_dns_check_found_itself_stays(diagnostics: Diagnostics, server: NameServer) -> None:
    failure = failing(Reason.TIMEOUT, url="dns://127.0.0.1:53/hotel.example?type=A", dns=["its own"])
    assert evidence_of(await diagnostics.complete(uuid4(), failure, patience=3))["dns"] == ["its own"]


@pytest.mark.parametrize("finding", [GOOD, Finding(Outcome.BLOCKED, failure=Failure(Reason.TIMEOUT, "a wall", {}))])
async def test_what_is_not_bad_passes(diagnostics: Diagnostics, finding: Finding) -> None:
    assert await diagnostics.complete(uuid4(), finding, patience=3) is finding


async def test_addresses_of_inner_networks_are_not_told(server: NameServer) -> None:
    server.records["db.internal.example", "A"] = ["10.1.2.3", "127.0.0.1"]
    made = Diagnostics(LOOPBACK, name_servers=(["127.0.0.1"], server.port))
    evidence = evidence_of(await made.complete(uuid4(), failing(url="https://db.internal.example/"), patience=3))
    assert evidence["dns"][0]["values"] == ["an address that is not public", "127.0.0.1"]
    await made.aclose()
