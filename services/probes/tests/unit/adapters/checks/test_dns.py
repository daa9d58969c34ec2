"""DNS checks against a real name server on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any, cast

import pytest
from pydantic import ValidationError

from probes.adapters.checks import dns as dns_checks
from probes.adapters.checks.dns import DnsChecks
from probes.adapters.checks.dns_lookup import look_up
from probes.adapters.checks.finding import Finding
from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.network import DnsCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

from ....network_servers import NameServer, name_server


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with name_server() as running:
        yield running


@pytest.fixture
def checks() -> DnsChecks:
    return DnsChecks(AddressGuard([ip_network("127.0.0.0/8")]))


async def asked(checks: DnsChecks, server: NameServer, name: str, *, seconds: float = 5, **more: Any) -> Finding:
    check = DnsCheck(name=name, resolver="127.0.0.1", resolver_port=server.port, **more)
    return await checks.check(check, seconds)


def told(finding: Finding) -> tuple[Reason, str]:
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    return finding.failure.reason, finding.failure.detail


def answer_of(finding: Finding) -> dict[str, Any]:
    assert finding.failure is not None
    answers = cast(list[dict[str, Any]], finding.failure.evidence["dns"])
    assert len(answers) == 1
    return answers[0]


async def test_a_name_that_has_a_record_is_good(checks: DnsChecks, server: NameServer) -> None:
    server.records["hotel.example", "A"] = ["192.0.2.7"]
    finding = await asked(checks, server, "hotel.example.")
    assert (finding.outcome, finding.failure, finding.remote_address) == (Outcome.GOOD, None, "127.0.0.1")
    assert 0 < finding.timings.first_byte <= finding.timings.total


@pytest.mark.parametrize(
    ("record_type", "records", "expected"),
    [
        ("A", ["192.0.2.7", "192.0.2.8"], "192.0.2.8"),
        ("AAAA", ["2001:db8::7"], "2001:0DB8:0:0:0:0:0:7"),
        ("MX", ["10 Mail.Hotel.example."], "10 mail.hotel.example"),
        ("TXT", ['"v=spf1 " "-all"'], "v=spf1 -all"),
        ("NS", ["ns1.hotel.example."], "NS1.hotel.example."),
        ("CNAME", ["other.example."], "other.example"),
        ("SOA", ["ns1.hotel.example. admin.hotel.example. 7 3600 600 86400 60"],
         "ns1.hotel.example admin.hotel.example 7 3600 600 86400 60"),
        ("CAA", ['0 issue "letsencrypt.org"'], "0 issue letsencrypt.org"),
        ("SRV", ["0 5 5060 sip.hotel.example."], "0 5 5060 sip.hotel.example."),
        ("PTR", ["hotel.example."], "hotel.example"),
    ],
)  # fmt: skip
async def test_every_type_of_record_can_be_expected(
    checks: DnsChecks, server: NameServer, record_type: str, records: list[str], expected: str
) -> None:
    server.records["hotel.example", record_type] = records
    good = await asked(checks, server, "hotel.example", record_type=record_type, values=(expected,))
    assert good.outcome is Outcome.GOOD, told(good)
    del server.records["hotel.example", record_type]
    bad = await asked(checks, server, "hotel.example", record_type=record_type, values=(expected,))
    assert told(bad)[0] is Reason.CONTENT


async def test_an_answer_that_differs_says_how(checks: DnsChecks, server: NameServer) -> None:
    server.records["hotel.example", "A"] = ["192.0.2.7", "192.0.2.66"]
    subset = await asked(checks, server, "hotel.example", values=("192.0.2.7",))
    exact = await asked(checks, server, "hotel.example", values=("192.0.2.7",), values_match="exact")
    other = await asked(checks, server, "hotel.example", values=("192.0.2.9",))
    assert subset.outcome is Outcome.GOOD
    assert told(exact) == (Reason.CONTENT, "The answer differs: 192.0.2.66 is there too.")
    assert told(other) == (Reason.CONTENT, "The answer differs: 192.0.2.9 is missing.")
    assert answer_of(other)["values"] == ["192.0.2.66", "192.0.2.7"]


async def test_an_answer_that_changes_between_two_checks_is_noticed_at_the_next(
    checks: DnsChecks, server: NameServer
) -> None:
    server.records["hotel.example", "A"] = ["192.0.2.7"]
    before = await asked(checks, server, "hotel.example", values=("192.0.2.7",), values_match="exact")
    server.records["hotel.example", "A"] = ["10.0.0.1"]
    after = await asked(checks, server, "hotel.example", values=("192.0.2.7",), values_match="exact")
    assert before.outcome is Outcome.GOOD
    assert told(after) == (Reason.CONTENT, "The answer differs: 192.0.2.7 is missing, 10.0.0.1 is there too.")


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("SERVFAIL", "it failed to find the answer"),
        ("NXDOMAIN", "the name does not exist"),
        ("REFUSED", "it does not answer such questions"),
    ],
)
async def test_every_refusal_is_told_and_can_be_what_is_expected(
    checks: DnsChecks, server: NameServer, code: str, meaning: str
) -> None:
    server.codes["hotel.example"] = code
    finding = await asked(checks, server, "hotel.example")
    assert told(finding) == (Reason.ANSWER, f"The name server answered {code}, not NOERROR: {meaning}.")
    assert answer_of(finding)["response_code"] == code
    assert (await asked(checks, server, "hotel.example", response_code=code)).outcome is Outcome.GOOD


async def test_a_name_that_should_be_gone_and_is_not_is_bad(checks: DnsChecks, server: NameServer) -> None:
    server.records["old.example", "A"] = ["192.0.2.7"]
    finding = await asked(checks, server, "old.example", response_code="NXDOMAIN")
    assert told(finding) == (Reason.ANSWER, "The name server answered NOERROR, not NXDOMAIN.")


@pytest.mark.parametrize("recursive", [True, False])
async def test_aliases_in_a_circle_are_told(checks: DnsChecks, server: NameServer, recursive: bool) -> None:
    server.recursive = recursive
    server.records["a.example", "CNAME"] = ["b.example."]
    server.records["b.example", "CNAME"] = ["a.example."]
    finding = await asked(checks, server, "a.example")
    way = "a.example → b.example → a.example"
    assert told(finding) == (Reason.ANSWER, f"The aliases of the name lead in a circle: {way}")
    assert answer_of(finding)["aliases"] == ["b.example", "a.example"]


async def test_aliases_without_end_are_not_followed_for_ever(checks: DnsChecks, server: NameServer) -> None:
    server.recursive = False
    for number in range(100):
        server.records[f"n{number}.example", "CNAME"] = [f"n{number + 1}.example."]
    finding = await asked(checks, server, "n0.example")
    assert told(finding)[0] is Reason.ANSWER and "never end" in told(finding)[1]
    assert len(server.asked) < 20


@pytest.mark.parametrize("recursive", [True, False])
async def test_an_alias_leads_to_its_addresses(checks: DnsChecks, server: NameServer, recursive: bool) -> None:
    server.recursive = recursive
    server.records["www.example", "CNAME"] = ["cdn.example."]
    server.records["cdn.example", "A"] = ["192.0.2.7"]
    finding = await asked(checks, server, "www.example", values=("192.0.2.7",))
    assert finding.outcome is Outcome.GOOD
    assert len(server.asked) == (1 if recursive else 2)


async def test_an_answer_that_does_not_fit_is_asked_for_over_tcp(checks: DnsChecks, server: NameServer) -> None:
    server.truncated = True
    server.records["hotel.example", "TXT"] = [f'"{number}{"x" * 200}"' for number in range(40)]
    finding = await asked(checks, server, "hotel.example", record_type="TXT")
    assert finding.outcome is Outcome.GOOD
    assert [over_tcp for over_tcp, _, _ in server.asked] == [False, True]
    assert finding.timings.connect > 0


async def test_a_name_with_addresses_of_one_version_only_has_none_of_the_other(
    checks: DnsChecks, server: NameServer
) -> None:
    server.records["six.example", "AAAA"] = ["2001:db8::7"]
    assert (await asked(checks, server, "six.example", record_type="AAAA")).outcome is Outcome.GOOD
    assert told(await asked(checks, server, "six.example")) == (Reason.CONTENT, "The name has no A record.")


async def test_a_single_lost_datagram_is_no_failure(checks: DnsChecks, server: NameServer) -> None:
    server.records["hotel.example", "A"] = ["192.0.2.7"]
    server.lost = 1
    finding = await asked(checks, server, "hotel.example", seconds=0.9)
    assert finding.outcome is Outcome.GOOD


async def test_a_silent_server_costs_its_deadline_and_no_more(checks: DnsChecks, server: NameServer) -> None:
    server.silent = True
    since = asyncio.get_running_loop().time()
    finding = await asked(checks, server, "hotel.example", seconds=0.3)
    took = asyncio.get_running_loop().time() - since
    assert told(finding) == (Reason.TIMEOUT, "There was no complete answer within 0.3 s.")
    assert finding.failure is not None and finding.failure.evidence["phase"] == "first_byte"
    assert answer_of(finding)["response_code"] is None
    assert 0.25 < took < 2


async def test_a_port_on_which_nobody_listens_is_told_at_once(checks: DnsChecks) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
    finding = await checks.check(DnsCheck(name="hotel.example", resolver="127.0.0.1", resolver_port=port), 5)
    assert told(finding) == (Reason.CONNECT, "The name server takes no questions: Connection refused")


async def test_an_answer_that_is_no_dns_is_told(checks: DnsChecks, server: NameServer) -> None:
    server.garbled = True
    assert told(await asked(checks, server, "hotel.example"))[0] is Reason.PROTOCOL


async def test_a_resolver_in_a_private_network_is_not_asked(server: NameServer) -> None:
    finding = await asked(DnsChecks(AddressGuard()), server, "hotel.example")
    assert told(finding)[0] is Reason.ADDRESS_REFUSED
    assert finding.failure is not None and finding.failure.evidence["refused_addresses"] == ["127.0.0.1"]
    assert server.asked == []


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "ü" * 64 + ".example", "a..example", ".example"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        DnsCheck(name=name)


async def test_an_internationalised_name_is_asked_for_as_it_is_registered(
    checks: DnsChecks, server: NameServer
) -> None:
    server.records["xn--htel-vqa.example", "A"] = ["192.0.2.7"]
    assert (await asked(checks, server, "hôtel.example")).outcome is Outcome.GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "hotel example"},
        {"record_type": "ANY"},
        {"values": ["192.0.2"]},
        {"record_type": "AAAA", "values": ["192.0.2.7"]},
        {"values": ["192.0.2.7"], "response_code": "NXDOMAIN"},
        {"resolver": "https://dns.example/"},
        {"resolver_port": 0},
        {"resolver_port": True},
    ],
)
def test_what_cannot_be_met_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configuration_of({"kind": "dns", "name": "hotel.example"} | wrong)


def test_a_configuration_comes_back_from_its_document() -> None:
    check = DnsCheck(name="hotel.example", record_type="MX", values=("10 mail.hotel.example",), values_match="exact")
    assert configuration_of(document_of(check)) == check
    assert check.address == "dns:hotel.example?type=MX"


async def test_what_the_locations_own_resolver_says_of_inner_networks_is_not_told(
    checks: DnsChecks, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.records["db.hotel.example", "A"] = ["10.1.2.3", "127.0.0.9"]

    async def ask_here(*args: Any, **more: Any) -> None:
        answer, _, _, exchange = args
        await look_up(answer, ["127.0.0.1"], server.port, exchange, **more)

    monkeypatch.setattr(dns_checks, "look_up", ask_here)
    check = DnsCheck(name="db.hotel.example", values=("192.0.2.1",), values_match="exact")
    finding = await checks.check(check, 5)
    assert finding.failure is not None and "10.1.2.3" not in str(finding.failure)
    assert "an address that is not public is there too, 127.0.0.9 is there too" in finding.failure.detail
