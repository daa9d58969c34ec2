"""The way to an address, through real routers in networks of the test's own."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from probes.adapters.checks.traceroute import Way, trace
from shared.outbound_http import AddressGuard

from ....own_network import in_own_network, other_networks

ALLOWED = AddressGuard(["10.99.0.0/16", "127.0.0.0/8", "fd99::/16"])


@pytest.fixture
def chain() -> Iterator[list[str]]:
    """The commands that put a router between us and 10.99.2.2 (fd99:2::2)."""
    with other_networks(2) as (router, target):
        in_router, in_target = f"nsenter -t {router} -n", f"nsenter -t {target} -n"
        at_once = "sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0"
        yield [
            *(f"{where} {at_once}".strip() for where in ("", in_router, in_target)),
            f"ip link add ours type veth peer name near netns {router}",
            "ip addr add 10.99.1.1/24 dev ours",
            "ip addr add fd99:1::1/64 dev ours nodad",
            "ip link set ours up",
            f"{in_router} ip addr add 10.99.1.2/24 dev near",
            f"{in_router} ip addr add fd99:1::2/64 dev near nodad",
            f"{in_router} ip link set near up",
            f"{in_router} ip link add far type veth peer name theirs netns {target}",
            f"{in_router} ip addr add 10.99.2.1/24 dev far",
            f"{in_router} ip addr add fd99:2::1/64 dev far nodad",
            f"{in_router} ip link set far up",
            f"{in_router} ip link set lo up",
            f"{in_router} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
            f"{in_target} ip link set lo up",
            f"{in_target} ip addr add 10.99.2.2/24 dev theirs",
            f"{in_target} ip addr add fd99:2::2/64 dev theirs nodad",
            f"{in_target} ip link set theirs up",
            f"{in_target} ip route add default via 10.99.2.1",
            f"{in_target} ip route add default via fd99:2::1",
            "ip route add default via 10.99.1.2",
            "ip route add default via fd99:1::2",
        ]


PATIENCE = 10.0
"""Seconds that a trace may take: far more than it needs, however busy the machine is."""


def way_to(
    address: str, prepare: Sequence[str] = (), guard: AddressGuard = ALLOWED, seconds: float = PATIENCE
) -> tuple[dict[str, Any], float]:
    """What was found, and how many seconds that took."""

    async def look() -> tuple[dict[str, Any], float]:
        way = Way(address)
        since = asyncio.get_running_loop().time()
        await trace(way, guard, seconds=seconds)
        return way.document(), asyncio.get_running_loop().time() - since

    return in_own_network(look, prepare=prepare, powerless=True)


def hops_of(way: dict[str, Any]) -> list[str | None]:
    return [hop["address"] for hop in cast(list[dict[str, Any]], way["hops"])]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.99.2.2", ["10.99.1.2", "10.99.2.2"]), ("fd99:2::2", ["fd99:1::2", "fd99:2::2"])],
)
def test_the_way_is_found_without_privilege(chain: list[str], address: str, expected: list[str]) -> None:
    way, took = way_to(address, chain)
    assert (way["reached"], way["address"], hops_of(way)) == (True, address, expected)
    assert all(hop["round_trip_ms"] > 0 and hop["error"] is None for hop in way["hops"])
    assert took < PATIENCE, "it answered before its time was over"


def test_a_way_that_ends_at_a_router_says_where_and_why(chain: list[str]) -> None:
    router = next(command for command in chain if "near up" in command).split(" ip ")[0]
    way, _ = way_to("10.99.9.9", [*chain, f"{router} ip route add unreachable 10.99.9.0/24"])
    assert way["reached"] is False and hops_of(way) == ["10.99.1.2"]
    assert way["hops"][0]["error"] == "No route to host"


def test_a_way_that_loses_itself_is_waited_for_no_longer_than_allowed(chain: list[str]) -> None:
    router = next(command for command in chain if "near up" in command).split(" ip ")[0]
    way, took = way_to("10.99.9.9", [*chain, f"{router} ip route add blackhole 10.99.9.0/24"], seconds=0.5)
    assert (way["reached"], way["hops"]) == (False, [])
    assert 0.4 < took < PATIENCE


def test_routers_with_addresses_of_nobodys_business_are_not_named(chain: list[str]) -> None:
    way, _ = way_to("10.99.2.2", chain, AddressGuard(["10.99.2.0/24"]))
    assert way["reached"] is True and hops_of(way) == [None, "10.99.2.2"]
    assert way["hops"][0]["round_trip_ms"] > 0


def test_a_refused_address_is_sent_nothing() -> None:
    assert way_to("127.0.0.1", guard=AddressGuard())[0] == {"address": "127.0.0.1", "reached": False, "hops": []}


def test_an_address_without_a_way_says_so_at_once() -> None:
    way, took = way_to("10.99.2.2")
    assert [(hop["address"], hop["error"]) for hop in way["hops"]] == [(None, "Network is unreachable")]
    assert took < PATIENCE


async def test_somebody_who_listens_has_been_reached() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 33_434))
        asyncio.get_running_loop().add_reader(listener, lambda: listener.sendto(b"hello", listener.recvfrom(512)[1]))
        way = Way("127.0.0.1")
        await trace(way, ALLOWED)
        asyncio.get_running_loop().remove_reader(listener)
    assert (way.reached, way.end, way.hops[0].address) == (True, 1, "127.0.0.1")
