"""Whatever opens a connection to an address that somebody chose is given every hostile spelling of our own network.

A socket that this process was about to connect, or a connection at the trap on loopback, is a failure, whatever was
answered. libcurl opens its sockets unseen by Python: for it the finding tells, and the trap.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import check_outside_contact
import httpx
import pytest
from pydantic import SecretStr

import incidents.adapters.webhook_signatures as tool_signatures
from incidents.adapters.channel_addresses import UnusableAddressError, check_address
from incidents.adapters.chat import ChannelDelayedError, ChannelRefusedError, Chat
from incidents.adapters.fence import _watch_this_process
from incidents.adapters.imap import MailboxUnavailable
from incidents.jobs.external_tools import ExternalTools, _Claimed
from incidents.jobs.mailboxes import Mailboxes
from probes.adapters.checks import connection as probe_connection
from probes.adapters.checks.executors import Executors
from probes.adapters.checks.names import Names
from probes.adapters.checks.rdap import DomainChecks, _NotAnswered
from probes.adapters.checks.sightings import Sightings
from probes.adapters.checks.traceroute import Way, trace
from probes.domain.states import Outcome
from reporting.adapters.openid import BadDocument, Document, OpenIdProviders
from reporting.adapters.webhook_sender import WebhookSender
from reporting.adapters.webhook_signatures import Keys, new_secret
from reporting.application.single_sign_on import SignInFailed
from shared.auth import KeysError
from shared.ids import new_id
from shared.outbound_http import AddressGuard, guarded_client
from shared.time_source import SystemClock

PLAIN = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1"),
    *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),  # metadata of clouds
    *("192.88.99.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
)
OTHERWISE = (
    *("127.1", "0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1."),
    *("2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"),
)
SIXTH = (
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]"),
    *("[::ffff:0:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::10.0.0.1]"),
    *("[2002:7f00:1::]", "[2001::1]", "[100::1]", "[fe80::1]", "[fe80::1%25lo]", "[fd00:ec2::254]", "[fec0::1]"),
    *("[ff02::1]", "[5f00::1]", "[2001:db8::1]"),
)
NAMES = ("localhost", "LOCALHOST.", "a.localhost", "inside.test", "mapped.test", "metadata.test")
LETTERS = ("１２７.0.0.1", "127。0。0。1", "127．0．0．1", "①②⑦.0.0.1", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ")
MIXED_UP = (
    *("nowhere.test@127.0.0.1", "nowhere.test:80@127.0.0.1", "127.0.0.1?@nowhere.test", "127.0.0.1#@nowhere.test"),
    *("127.0.0.1\\@nowhere.test", "127.0.0.1%2f@nowhere.test", "%31%32%37.0.0.1", "127.0.0.1%00.nowhere.test"),
    *("127.0.0.1\x00.nowhere.test", "127.0.0.1 nowhere.test", "127.0.0.1\tx", "[::1]nowhere.test", "[127.0.0.1]"),
    *("127.0.0.1\r\nX-Header: y", "127.0.0.1%0d%0aX-Header:%20y"),
)
HOSTS = (*PLAIN, *OTHERWISE, *SIXTH, *NAMES, *LETTERS, *MIXED_UP)
OTHER_SCHEMES = (
    *("file:///etc/passwd", "file://127.0.0.1/etc/passwd", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/x"),
    *("ftp://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "tftp://127.0.0.1:{port}/", "scp://127.0.0.1:{port}/"),
    *("smb://127.0.0.1/x", "telnet://127.0.0.1:{port}", "unix:///run/postgresql/.s.PGSQL.5432", "//127.0.0.1:{port}/"),
    *("http:127.0.0.1:{port}", "http:///127.0.0.1:{port}/", "javascript:alert(1)", "data:text/plain,x", ""),
)
RESOLVED: Mapping[str, Sequence[str]] = {
    "localhost": ["127.0.0.1", "::1"],
    "inside.test": ["10.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
}
SECONDS = 3.0

Try = Callable[[str, str, int], Awaitable[Any]]
"""Is given a host, a URL of it and the port, and speaks to it; whatever it raises counts as not having done so."""


@dataclass(frozen=True)
class Place:
    """What speaks to an address that somebody chose: the modules that take part, and how it is made to."""

    modules: Sequence[str]
    attempt: Try
    by_url: bool = True


# --- the probes ------------------------------------------------------------------------------------------------------


async def checked(executors: Executors, document: Mapping[str, Any]) -> None:
    """Fails when the check says that it spoke to somebody."""
    finding = await executors.check(document, SECONDS)
    assert finding.outcome is not Outcome.GOOD, document
    assert finding.remote_address is None, document
    assert finding.failure is not None
    assert not finding.failure.evidence.get("addresses"), document


@cache
def executors() -> Executors:
    return Executors()


def by_document(kind: str, **more: Any) -> Try:
    async def attempt(host: str, url: str, port: int) -> None:
        shape = {"host": host.strip("[]"), "port": port} if "url" not in more else {}
        given = {
            name: value.format(host=host, url=url) if isinstance(value, str) else value for name, value in more.items()
        }
        await checked(executors(), {"kind": kind, **shape, **given})

    return attempt


async def ask_a_name_server(host: str, _url: str, port: int) -> None:
    document = {"kind": "dns", "name": "example.com", "resolver": host.strip("[]"), "resolver_port": port}
    await checked(executors(), document)


async def send_echoes(host: str, _url: str, _port: int) -> None:
    await checked(executors(), {"kind": "icmp", "host": host.strip("[]"), "count": 1})


async def explain_a_certificate(_host: str, url: str, _port: int) -> None:
    sightings = Sightings(AddressGuard(), __import__("certifi").where(), SystemClock())
    with suppress(ValueError):  # an address that no monitor can have
        assert await sightings.explain(url.replace("http:", "https:"), SECONDS) is None


async def look_for_the_way(host: str, _url: str, _port: int) -> None:
    way = Way(host.strip("[]"))
    await trace(way, AddressGuard(), seconds=0.1)
    assert way.hops == []


async def ask_a_registry(_host: str, url: str, _port: int) -> None:
    checks = DomainChecks((), __import__("certifi").where(), SystemClock())
    try:
        with pytest.raises(_NotAnswered):
            await checks._get(url)
    finally:
        await checks.aclose()


# --- what the worker and the portal send -----------------------------------------------------------------------------


async def send_a_webhook(_host: str, url: str, _port: int) -> None:
    async with guarded_client() as http:
        sender = WebhookSender(http, timeout_seconds=SECONDS)
        result, _ = await sender.send(url, new_id(), b"{}", [Keys(new_secret(), None)], datetime.now(UTC))
    assert result.status_code is None


async def tell_a_ticket_tool(_host: str, url: str, _port: int) -> None:
    secret = tool_signatures.new_secret()
    box: Any = SimpleNamespace(open=lambda _sealed: secret)
    units: Any = None
    async with guarded_client() as http:
        tools = ExternalTools(units, http, box, asyncio.Event())
        status, error, _ = await tools._try(_Claimed(new_id(), new_id(), new_id(), url, b"", b"{}", 1, None))
    assert (status, bool(error)) == (None, True)


async def look_into_a_mailbox(host: str, _url: str, port: int) -> None:
    nothing: Any = None
    box: Any = SimpleNamespace(open=lambda _sealed: "secret")
    settings: Any = SimpleNamespace(allowed_networks=())
    named = {"host": host, "port": port, "security": "tls", "username": "x", "folder": "INBOX"}
    row: Any = SimpleNamespace(
        mailbox=named, mailbox_password=b"", uid_validity=None, last_uid=None, created_at=datetime.now(UTC)
    )
    with pytest.raises((MailboxUnavailable, UnicodeError, ValueError)):
        await Mailboxes(nothing, nothing, box, settings, nothing)._looked(row)


async def notify_a_channel(host: str, _url: str, port: int) -> None:
    address = f"jsons://{host}:{port}/"
    with suppress(UnusableAddressError):
        check_address(address)
        with pytest.raises((ChannelRefusedError, ChannelDelayedError)):
            await Chat(()).send(address, "title", "body")


def a_provider(url: str) -> Document:
    return Document(issuer=url, authorization_endpoint=url, token_endpoint=url, jwks_uri=url, userinfo_endpoint=url)


async def ask_a_provider(_host: str, url: str, _port: int) -> None:
    """All four addresses that a provider has: what it says of itself, its keys, its tokens, what it tells of people."""
    refused = (httpx.HTTPError, httpx.InvalidURL, BadDocument, KeysError, SignInFailed, ValueError)
    provider: Any = SimpleNamespace(oidc_client_id="x", oidc_client_secret=SecretStr("secret"))
    async with guarded_client() as http:
        providers = OpenIdProviders(http)
        for asked in (
            partial(providers._read_document, url),
            partial(providers._keys_of(a_provider(url)).key, "kid"),
            partial(providers._ask_for_tokens, a_provider(url), provider, {}),
            partial(providers._told_about, url, {"access_token": "x"}, "subject"),
        ):
            with pytest.raises(refused):
                await asked()


PROBES, INCIDENTS, REPORTING = (
    "services/probes/src/probes/adapters/checks/",
    "services/incidents/src/incidents/",
    "services/reporting/src/reporting/adapters/",
)
CONNECTION = f"{PROBES}connection.py"
CLIENT = ("shared/src/shared/outbound_http.py", "shared/src/shared/worker.py")
PLACES: Mapping[str, Place] = {
    "http check": Place([f"{PROBES}http.py"], by_document("http", url="{url}")),
    "http check that follows": Place([f"{PROBES}http.py"], by_document("http", url="{url}", follow_redirects=True)),
    "version check": Place(
        [f"{PROBES}http.py"],
        by_document("version", url="{url}", component="php", source={"type": "generator"}),
    ),
    "export check": Place([f"{PROBES}http.py"], by_document("export", url="{url}", max_age_seconds=3600)),
    "tcp check": Place([CONNECTION], by_document("tcp"), by_url=False),
    "tls check": Place([CONNECTION], by_document("tls"), by_url=False),
    "smtp check": Place([CONNECTION], by_document("smtp"), by_url=False),
    "imap check": Place([CONNECTION], by_document("imap"), by_url=False),
    "websocket check": Place([CONNECTION, f"{PROBES}websocket.py"], by_document("websocket", url="{url}")),
    "dns check": Place([CONNECTION, f"{PROBES}dns_lookup.py"], ask_a_name_server, by_url=False),
    "icmp check": Place([CONNECTION, f"{PROBES}icmp.py"], send_echoes, by_url=False),
    "certificate of a site": Place([CONNECTION], explain_a_certificate),
    "way to a site": Place([f"{PROBES}traceroute.py"], look_for_the_way, by_url=False),
    "registry of a domain": Place([*CLIENT, f"{PROBES}rdap.py"], ask_a_registry),
    "webhook": Place([*CLIENT, f"{REPORTING}webhook_sender.py"], send_a_webhook),
    "provider of sign-in": Place([*CLIENT, f"{REPORTING}openid.py"], ask_a_provider),
    "ticket tool": Place([*CLIENT, f"{INCIDENTS}jobs/external_tools.py"], tell_a_ticket_tool),
    "mailbox": Place([*CLIENT, f"{INCIDENTS}adapters/imap.py"], look_into_a_mailbox, by_url=False),
    "notification channel": Place(
        [f"{INCIDENTS}adapters/{name}.py" for name in ("channel_addresses", "chat", "fence")],
        notify_a_channel,
        by_url=False,
    ),
}

# --- the trap --------------------------------------------------------------------------------------------------------

_WATCHED: list[str] = []
_WATCHING = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _WATCHING and event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        _WATCHED.append(f"{event} {arguments[1]}")


_watch_this_process()  # the fence judges first: what it refuses is not heard of
sys.addaudithook(_hear)


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """Every address that a socket of Python is about to be connected or sent to, in any thread."""
    global _WATCHING  # noqa: PLW0603  (a hook of the interpreter stays for good)
    _WATCHED.clear()
    _WATCHING = True
    yield _WATCHED
    _WATCHING = False


@pytest.fixture(autouse=True)
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name server is asked: names are those of `RESOLVED`, spelled-out addresses what the system reads in them."""
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{each} {name}\n" for name, found in RESOLVED.items() for each in found))
    monkeypatch.setattr(probe_connection, "names", Names(hosts, tmp_path / "none"))
    monkeypatch.setattr("probes.adapters.checks.names._reaches_the_sixth", lambda: False)
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *options: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        name = name.encode("idna").decode().lower().removesuffix(".")
        known = RESOLVED["localhost"] if name.endswith(".localhost") else RESOLVED.get(name)
        if known is not None:
            return [entry for each in known for entry in real(each, port, *options, **more)]
        more["flags"] = more.get("flags", 0) | socket.AI_NUMERICHOST
        return real(name, port, *options[:3], **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@asynccontextmanager
async def trap() -> AsyncIterator[tuple[int, list[Any]]]:
    """A port that listens on loopback, and who came."""
    came: list[Any] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    servers = [await asyncio.start_server(take, "127.0.0.1", 0)]
    port = servers[0].sockets[0].getsockname()[1]
    with suppress(OSError):  # a machine without IPv6
        servers.append(await asyncio.start_server(take, "::1", port))
    try:
        yield port, came
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize("name", PLACES)
async def test_no_spelling_of_our_own_network_is_connected_to(name: str, connections: list[str]) -> None:
    place = PLACES[name]
    async with trap() as (port, came):
        addresses = [(host, f"{scheme}://{host}:{port}/x") for host in HOSTS for scheme in ("http", "https")]
        if name == "websocket check":
            addresses = [(host, url.replace("http", "ws", 1)) for host, url in addresses]
        if place.by_url:
            addresses += [("127.0.0.1", url.format(port=port)) for url in OTHER_SCHEMES]
        else:
            addresses = addresses[::2]
        connections.clear()
        for start in range(0, len(addresses), 20):
            tries = (place.attempt(host, url, port) for host, url in addresses[start : start + 20])
            outcomes = await asyncio.gather(*tries, return_exceptions=True)
            for (_, url), outcome in zip(addresses[start:], outcomes, strict=False):
                assert outcome is None, (url, outcome)
        assert (came, connections) == ([], [])


def test_whatever_speaks_to_an_address_that_users_choose_takes_part() -> None:
    guarded = {path for path, who in check_outside_contact.OUTBOUND.items() if who == check_outside_contact.ANYONE}
    assert {module for place in PLACES.values() for module in place.modules} == guarded


async def test_the_trap_catches_whoever_is_not_guarded(connections: list[str]) -> None:
    async with trap() as (port, came):
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"http://2130706433:{port}/")).status_code == 200
        finding = await Executors([IPv4Network("127.0.0.0/8")]).check(
            {"kind": "http", "url": f"http://0x7f.1:{port}/"}, SECONDS
        )
        assert finding.outcome is Outcome.GOOD
    assert len(came) == 2
    assert any(str(port) in each for each in connections)
