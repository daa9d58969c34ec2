"""Webhooks of the running product: the bytes of the stream, and a mail when a receiver is given up."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import nats
import pytest
from standardwebhooks import Webhook

from shared.events import Envelope, stream_of
from shared.ids import new_id
from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

from .desk_records import ANOMALY
from .thread_client import ThreadClient, eventually


async def on_the_stream(url: str, envelope: Envelope) -> bytes:
    """The newest message of an event's subject, as NATS has it."""
    client = await nats.connect(url)
    try:
        name = envelope.name
        subject = name.subject(envelope.subject.partition("/")[2])
        message = await client.jetstream().get_last_msg(stream_of(name.service), subject)
        return message.data or b""
    finally:
        await client.close()


def test_what_is_delivered_is_byte_for_byte_what_is_on_the_stream(
    running_stack: RunningStack, thread: ThreadClient, small_site: SmallSite
) -> None:
    path = f"/bytes-{new_id()}"
    hook = {"url": small_site.url(path), "event_types": ["contracts.client.*"]}
    webhook = thread.post("reporting", "/v1/webhooks", hook)
    client_id = thread.create_client("Hôtel d’Été ☀")

    def posted() -> tuple[dict[str, str], bytes] | None:
        return next((one for one in small_site.received if client_id.encode() in one[1]), None)

    headers, body = eventually(posted, 30, "the webhook is told of the client")
    assert headers["content-type"] == "application/cloudevents+json"
    Webhook(webhook["secret"]).verify(body, headers)
    assert asyncio.run(on_the_stream(running_stack.nats.url(), Envelope.parse(body))) == body
    thread.call("DELETE", "reporting", f"/v1/webhooks/{webhook['webhook_id']}", headers={"If-Match": "*"})


@pytest.mark.capability("X09")
def test_a_client_s_webhook_hears_nothing_of_the_agency_s_own_and_nothing_of_another_client(
    thread: ThreadClient, small_site: SmallSite
) -> None:
    """With what the services really say; the agency's own webhook hears all of it."""
    word, other_word, secret = (f"q{new_id().hex[-10:]}" for _ in range(3))
    contracts = [
        thread.activate_contract(thread.create_client(f"Hôtel {name}"), [(f"{name}.example", small_site.url("/calm"))])
        for name in (word, other_word)
    ]
    mine, other = contracts

    def hook(*client_ids: str) -> str | None:
        """None while reporting has not heard of the client."""
        try:
            body = {"url": small_site.url("/hook"), "client_ids": client_ids}
            return str(thread.post("reporting", "/v1/webhooks", body)["webhook_id"])
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                return None
            raise

    hooks = [eventually(lambda: hook(mine.client_id), 30, "reporting has heard of the client"), str(hook())]
    for contract, name in ((mine, word), (other, other_word)):
        for audience, said in (("agency", secret), ("client", name)):
            known = ANOMALY | {"contract_id": contract.contract_id, "audience": audience, "title": f"Known as {said}"}
            thread.post("incidents", "/v1/known-anomalies", known)
    for contract, title in ((other, f"Slow {other_word}"), (mine, f"Slow {word}")):
        thread.post(
            "incidents", "/v1/incidents", {"contract_id": contract.contract_id, "title": title, "severity": "minor"}
        )

    def bodies(webhook_id: str) -> list[str]:
        ids = {
            each["event_id"]
            for each in thread.get("reporting", f"/v1/webhooks/{webhook_id}/deliveries", limit=200)["data"]
            if each["status"] == "delivered"
        }
        return [body.decode() for headers, body in small_site.received if headers["webhook-id"] in ids]

    def all_arrived() -> bool | None:
        of_the_client, of_the_agency = map(bodies, hooks)
        return (
            any(f"Slow {word}" in each for each in of_the_client)
            and any(f"Slow {other_word}" in each for each in of_the_agency)
            and sum(secret in each for each in of_the_agency) == 2
        ) or None

    eventually(all_arrived, 30, "both webhooks are told of what is for them")
    told = bodies(hooks[0])
    assert any(f"Known as {word}" in each for each in told)
    assert [each for each in told if secret in each or other_word in each or other.client_id in each] == []
    for webhook_id in hooks:
        thread.call("DELETE", "reporting", f"/v1/webhooks/{webhook_id}", headers={"If-Match": "*"})


@contextmanager
def gone() -> Iterator[str]:
    """The address of a receiver that says that there is nobody any more."""

    class Gone(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(HTTPStatus.GONE)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Gone) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()


def test_a_receiver_that_is_gone_gets_nothing_more_and_the_agency_is_mailed(running_stack: RunningStack) -> None:
    """From the button that sends a test to the mail, in the language of whoever is alerted."""
    tenant = running_stack.new_tenant("Agency without a receiver")
    address = f"astreinte-{new_id()}@agence.example"
    with ThreadClient(running_stack, running_stack.token(tenant)) as thread, gone() as receiver:
        own = {"addresses": [{"email": address, "language": "fr"}]}
        thread.call("PUT", "incidents", "/v1/alert-addresses", own, headers={"If-Match": "*"})
        webhook = thread.post("reporting", "/v1/webhooks", {"url": receiver, "description": "Salon des opérateurs"})
        path = f"/v1/webhooks/{webhook['webhook_id']}"
        thread.post("reporting", f"{path}/test")

        def disabled() -> str | None:
            reason: str | None = thread.get("reporting", path)["disabled_reason"]
            return reason

        assert eventually(disabled, 30, "the webhook is switched off") == "gone"
        (delivery,) = [
            each for each in thread.get("reporting", f"{path}/deliveries")["data"] if "tested" in each["event_type"]
        ]
        assert (delivery["status"], delivery["last_status_code"]) == ("failed", 410)

    def mailed() -> str | None:
        found = [mail for mail in running_stack.mailbox.messages if mail["To"] == address]
        return str(found[0]["Subject"]) if found else None

    assert eventually(mailed, 60, "the agency is told by mail") == "Le webhook sur 127.0.0.1 ne reçoit plus rien"
