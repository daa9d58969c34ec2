"""Names that hang hold up nobody, and answers that take long to judge hold up no deadline."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from probes.adapters.checks import connection, judging_room
from probes.adapters.checks.executors import Executors
from probes.adapters.checks.names import Names, NotResolved
from probes.domain.states import Outcome, Reason
from shared.outbound_http import system_resolver

from ....network_servers import NameServer, name_server
from ....raw_site import LOOPBACK, raw_site, reply, says


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with name_server() as made:
        yield made


@pytest.fixture
def names(server: NameServer, tmp_path: Path) -> Names:
    hosts, resolvers = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text("127.0.0.7 Mail.hotel.example mail # ours\n::1 mail\nnonsense here\n\n")
    resolvers.write_text("nameserver 127.0.0.1\nsearch hotel.example\noptions ndots:1\n")
    return Names(hosts, resolvers, port=server.port)


async def addresses(names: Names, host: str) -> list[str]:
    return [address for _, address in await names.addresses(host)]


async def test_an_address_is_itself_and_nobody_is_asked(names: Names, server: NameServer) -> None:
    assert await addresses(names, "127.0.0.1") == ["127.0.0.1"]
    assert await addresses(names, "2001:DB8::1") == ["2001:db8::1"]
    assert await addresses(names, "localhost") == ["127.0.0.1", "::1"]
    assert await addresses(names, "mail.hotel.example.") == ["127.0.0.7"]
    assert await addresses(names, "mail") == ["127.0.0.7", "::1"]
    assert server.asked == []


async def test_a_name_has_the_addresses_of_both_families(names: Names, server: NameServer) -> None:
    server.records = {
        ("www.hotel.example", "CNAME"): ["web.hotel.example."],
        ("web.hotel.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("web.hotel.example", "AAAA"): ["2001:db8::1"],
    }
    assert sorted(await addresses(names, "www.hotel.example")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert sorted(await addresses(names, "web")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"], "by the search list"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("NXDOMAIN", "Name or service not known"),
        ("NOERROR", "No address associated with hostname"),
        ("SERVFAIL", "Temporary failure in name resolution"),
    ],
)
async def test_a_name_without_an_address_is_told_as_the_system_would(
    names: Names, server: NameServer, code: str, said: str
) -> None:
    server.codes["gone.example"] = server.codes["gone.example.hotel.example"] = code
    with pytest.raises(NotResolved, match=said):
        await names.addresses("gone.example")


async def test_a_family_that_fails_does_not_take_the_other_along(names: Names, server: NameServer) -> None:
    server.records[("web.hotel.example", "A")] = ["192.0.2.1"]
    assert await addresses(names, "web.hotel.example") == ["192.0.2.1"]


async def test_hanging_names_hold_up_nobody_else(
    names: Names, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.silent = True
    monkeypatch.setattr(connection, "names", names)
    executors = Executors(LOOPBACK)

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        hanging = [
            asyncio.create_task(executors.check({"kind": "tcp", "host": f"hang{number}.example", "port": 80}, 2))
            for number in range(200)
        ]
        await asyncio.sleep(0.2)
        for host in ("127.0.0.1", "localhost"):
            finding = await executors.check({"kind": "tcp", "host": host, "port": port}, 1)
            assert finding.outcome is Outcome.GOOD, finding
        assert await asyncio.wait_for(system_resolver("127.0.0.1", 80), 1) == ["127.0.0.1"]
    for finding in await asyncio.gather(*hanging):
        assert finding.failure is not None and finding.failure.reason is Reason.TIMEOUT
    await executors.aclose()


JUDGED: dict[str, dict[str, Any]] = {
    "http": {"assertions": [{"type": "json_path", "path": "$", "condition": "exists"}]},
    "version": {"component": "php", "source": {"type": "json", "path": "$.php"}},
    "export": {"freshness": {"source": "json_path", "path": "$.at"}, "max_age_seconds": 3600},
}


@pytest.mark.parametrize("kind", JUDGED)
async def test_what_there_is_no_room_to_judge_in_time_is_not_bad(kind: str) -> None:
    executors = Executors(LOOPBACK)
    release = [judging_room._ROOM.submit(time.sleep, 1.5) for _ in range(4)]
    async with raw_site(says(reply("{}"))) as site:
        since = time.monotonic()
        finding = await executors.check({"kind": kind, "url": site.url, **JUDGED[kind]}, 0.5)
        assert time.monotonic() - since < 1
        assert finding.outcome is Outcome.BLOCKED and finding.failure is not None
        for each in release:
            each.result()
        later = await executors.check({"kind": kind, "url": site.url, **JUDGED[kind]}, 5)
    assert later.outcome is (Outcome.GOOD if kind == "http" else Outcome.BAD)
    await executors.aclose()
