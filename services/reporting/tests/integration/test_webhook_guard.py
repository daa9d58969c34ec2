"""Where a webhook may lead: guarded like a probe, at every try, by the guard that everything of ours uses."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from reporting.adapters.webhook_sender import EXCERPT, WebhookSender
from reporting.adapters.webhook_signatures import Keys, new_secret
from shared.ids import new_id
from shared.outbound_http import guarded_client

from .webhook_receiver import add, deliveries, outage, receiving, work

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2001::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that anything tries to connect a socket to."""
    tried: list[str] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        tried.append(str(address[0]))
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    return tried


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def tried(url: str, *answers: Sequence[str], allowed: Sequence[str] = (), times: int = 1) -> list[Any]:
    """How tries over the guarded client went, with a resolver of ours."""
    results = []
    async with guarded_client(allowed, resolver=resolving(*answers)) as http:
        sender = WebhookSender(http, timeout_seconds=5)
        for _ in range(times):
            keys = [Keys(new_secret(), None)]
            result, _ = await sender.send(url, new_id(), b"{}", keys, datetime.now(UTC))
            results.append(result)
    return results


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_not_connected_to(address: str, connections: list[str]) -> None:
    for resolved in ([address], ["93.184.216.34", address]):
        (result,) = await tried("https://hooks.example/x", resolved)
        assert result.status_code is None
        assert "refused" in result.error
    assert connections == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::ffff:7f00:1]", "localhost", "LOCALHOST."]
)
async def test_an_address_in_other_words_is_the_same_address(host: str, connections: list[str]) -> None:
    """As the system's own resolver reads them, and as it reads them only when something is sent."""
    async with guarded_client(()) as http:
        sender = WebhookSender(http, timeout_seconds=5)
        result, _ = await sender.send(
            f"https://{host}/x", new_id(), b"{}", [Keys(new_secret(), None)], datetime.now(UTC)
        )
    assert result.status_code is None
    assert result.error
    assert connections == []


async def test_a_proxy_of_the_machine_is_no_way_around_the_guard(
    connections: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        (result,) = await tried("http://hooks.example/x", ["10.0.0.1"])
        assert (result.status_code, "refused" in result.error) == (None, True)
    assert (proxy.received, connections) == ([], [])


async def test_a_name_is_resolved_and_checked_at_every_try_and_what_was_checked_is_connected_to(
    connections: list[str],
) -> None:
    async with receiving() as receiver:
        url = f"http://rebinding.example:{receiver.port}/x"
        answers = (["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"])
        results = await tried(url, *answers, allowed=["127.0.0.0/8"], times=4)
    assert [result.status_code for result in results] == [204, None, 204, None]
    assert len(receiver.received) == 2
    assert receiver.received[0][0]["host"] == f"rebinding.example:{receiver.port}"


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:{port}/other"])
async def test_a_redirect_is_an_answer_and_a_failure(service: Any, story: Any, location: str) -> None:
    async with receiving() as receiver:
        for status in (301, 302, 303, 307, 308):
            receiver.answers.append((status, {"Location": location.format(port=receiver.port)}, b""))
        webhook = await add(service, story, receiver.url)
        for _ in range(5):
            await service.hear(outage(service, story))
        await work(service, rounds=5)
        assert len(receiver.received) == 5
    for each in await deliveries(service, story, webhook):
        (attempt,) = each["attempts"]
        assert (each["status"], "redirects are not followed" in attempt["error"]) == ("pending", True)
        assert "location" not in attempt["response_headers"]


async def test_of_an_endless_answer_the_beginning_is_read_and_its_status_counts() -> None:
    async with receiving((200, {"Server": "endless"}, b"x" * 5_000_000)) as receiver:
        (result,) = await tried(receiver.url, ["127.0.0.1"], allowed=["127.0.0.0/8"])
    assert (result.status_code, result.error) == (200, None)
    assert result.response_excerpt == "x" * EXCERPT
    assert result.response_headers == {"server": "endless"}


async def test_a_receiver_that_dribbles_its_answer_is_not_waited_for_to_the_end() -> None:
    async with receiving() as receiver:
        receiver.answers.append((200, {"Content-Length": "10"}, b""))  # says more than it sends
        receiver.keep_open = True
        (result,) = await tried(receiver.url, ["127.0.0.1"], allowed=["127.0.0.0/8"])
        receiver.released.set()
    assert (result.status_code, result.error) == (200, None)
    assert 1_500 < result.duration_ms < 4_500


async def test_what_is_kept_of_an_answer_holds_no_secret() -> None:
    secret = new_secret()
    said = f"signed with {secret}, not whsk_abcdefgh; Authorization: Bearer abc.def-123 \x00".encode()
    headers = {"Set-Cookie": "session=1", "X-Api-Key": "k", "X-Request-Id": "r-1", "Content-Type": "text/plain"}
    async with receiving((500, headers, said)) as receiver:
        (result,) = await tried(receiver.url, ["127.0.0.1"], allowed=["127.0.0.0/8"])
    assert result.response_headers == {"content-type": "text/plain", "x-request-id": "r-1"}
    assert result.response_excerpt == "signed with whsec_…, not whsk_…; Authorization: Bearer … \ufffd"


async def test_the_log_shows_what_was_sent_and_answered_without_secrets_or_signatures(service: Any, story: Any) -> None:
    async with receiving((503, {"Retry-After": "7", "Server": "s"}, b"later")) as receiver:
        webhook = await add(service, story, receiver.url)
        event = outage(service, story)
        await service.hear(event)
        await work(service)
    ((sent, _),) = receiver.received
    (listed,) = await deliveries(service, story, webhook)
    assert "request" not in listed, "a list is not for reading bodies"
    (attempt,) = listed["attempts"]
    assert attempt["sent_timestamp"] == int(sent["webhook-timestamp"])
    assert attempt["response_headers"] == {"retry-after": "7", "server": "s"}
    assert attempt["response_excerpt"] == "later"
    async with service.client(story) as client:
        path = f"/v1/webhooks/{webhook['webhook_id']}/deliveries/{listed['delivery_id']}"
        answer = await client.get(path)
    request = answer.json()["request"]
    assert (request["method"], request["url"]) == ("POST", receiver.url)
    assert request["headers"] == {"content-type": "application/cloudevents+json", "webhook-id": sent["webhook-id"]}
    assert (request["body_bytes"], request["body_excerpt"]) == (len(event), event.decode()[:2_000])
    for secret in (webhook["secret"], *sent["webhook-signature"].split(), "whsec_", "whsk_"):
        assert secret not in answer.text
    for name, value, found in (
        ("event_type", "probes.monitor.down.v1", 1),
        ("event_type", "probes.monitor.up.v1", 0),
        ("event_id", sent["webhook-id"], 1),
        ("event_id", str(new_id()), 0),
    ):
        assert len(await deliveries(service, story, webhook, **{name: value})) == found
