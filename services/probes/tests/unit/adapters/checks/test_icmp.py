"""ICMP checks against the kernel's own echo, on loopback and in networks of the test's own."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from probes.adapters.checks.connection import CheckFailed
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.icmp import Echoes, IcmpChecks, judge
from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.network import IcmpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

from ....own_network import in_own_network

LOOPBACK = AddressGuard(["127.0.0.0/8", "::1/128", "198.51.100.0/24"])


def check(
    host: str, seconds: float = 3, guard: AddressGuard = LOOPBACK, **more: Any
) -> Callable[[], Awaitable[Finding]]:
    configuration = IcmpCheck(host=host, **more)
    return lambda: IcmpChecks(guard).check(configuration, seconds)


def told(finding: Finding) -> tuple[Reason, str]:
    assert finding.failure is not None
    return finding.failure.reason, finding.failure.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("echo", [True, False], ids=["datagram", "raw"])
def test_a_machine_that_echoes_is_good_by_either_kind_of_socket(host: str, echo: bool) -> None:
    finding = in_own_network(check(host), echo=echo)
    assert (finding.outcome, finding.failure, finding.remote_address) == (Outcome.GOOD, None, host.strip("[]"))
    assert 0 < finding.timings.first_byte < finding.timings.total


def test_datagram_sockets_need_no_privilege() -> None:
    assert in_own_network(check("127.0.0.1"), echo=True, powerless=True).outcome is Outcome.GOOD


def test_a_location_that_may_send_nothing_says_so_and_blames_nobody() -> None:
    finding = in_own_network(check("127.0.0.1"), powerless=True)
    assert finding.outcome is Outcome.BLOCKED
    assert "net.ipv4.ping_group_range" in told(finding)[1] and "CAP_NET_RAW" in told(finding)[1]


@pytest.mark.parametrize("echo", [True, False], ids=["datagram", "raw"])
def test_a_machine_that_does_not_echo_is_unreachable_within_the_deadline(echo: bool) -> None:
    silence = ["sysctl -w net.ipv4.icmp_echo_ignore_all=1"]
    finding = in_own_network(check("127.0.0.1", seconds=0.5, count=4), prepare=silence, echo=echo)
    assert finding.outcome is Outcome.BAD
    assert told(finding) == (Reason.UNREACHABLE, "None of 4 echo requests came back.")
    assert finding.failure is not None
    assert finding.failure.evidence["echoes"] == {"sent": 4, "received": 0, "round_trips_ms": []}
    assert 400_000 < finding.timings.total < 1_500_000


def test_no_way_to_a_machine_is_told() -> None:
    finding = in_own_network(check("198.51.100.7"))
    assert told(finding) == (Reason.UNREACHABLE, "There is no way to the machine: Network is unreachable.")


def test_what_the_network_says_is_told() -> None:
    lost = ["ip route add unreachable 198.51.100.0/24"]
    assert told(in_own_network(check("198.51.100.7"), prepare=lost))[1].endswith("No route to host.")


async def test_a_private_address_is_not_sent_anything() -> None:
    finding = await check("127.0.0.1", guard=AddressGuard())()
    assert told(finding)[0] is Reason.ADDRESS_REFUSED
    assert finding.failure is not None and finding.failure.evidence["refused_addresses"] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("received", "allowed", "good"), [(10, 0, True), (9, 0, False), (9, 10, True), (5, 50, True), (4, 50, False)]
)
def test_more_loss_than_allowed_is_beyond_the_threshold(received: int, allowed: int, good: bool) -> None:
    configuration = IcmpCheck(host="hotel.example", count=10, max_loss_percent=allowed)
    echoes = Echoes(10, dict.fromkeys(range(received), 1000))
    if good:
        judge(configuration, echoes)
        return
    with pytest.raises(CheckFailed) as refused:
        judge(configuration, echoes)
    lost = 10 - received
    assert refused.value.reason is Reason.THRESHOLD
    assert refused.value.detail == f"{lost} of 10 echo requests were lost; at most {allowed} % may be."


def test_a_mean_round_trip_that_is_too_long_is_beyond_the_threshold() -> None:
    finding = in_own_network(check("127.0.0.1", max_round_trip_ms=0.0001))
    assert told(finding)[0] is Reason.THRESHOLD and "at most 0.0001 ms is allowed" in told(finding)[1]
    assert in_own_network(check("127.0.0.1", max_round_trip_ms=1000)).outcome is Outcome.GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "a b"},
        {"count": 0},
        {"count": 11},
        {"count": True},
        {"max_loss_percent": 100},
        {"max_round_trip_ms": 0},
    ],
)
def test_what_cannot_be_met_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configuration_of({"kind": "icmp", "host": "hotel.example"} | wrong)


def test_a_configuration_comes_back_from_its_document() -> None:
    configuration = IcmpCheck(host="hotel.example", count=5, max_round_trip_ms=80)
    assert configuration_of(document_of(configuration)) == configuration
    assert configuration.address == "icmp://hotel.example"
