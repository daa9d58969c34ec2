"""Deliveries as receivers verify them that are not ours: the reference libraries of Python and JavaScript."""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from shared.ids import new_id

from .webhook_receiver import add, deliveries, outage, receiving, work

JAVASCRIPT = Path(__file__).parents[1] / "javascript"
NO = "No matching signature found"

Delivery = tuple[dict[str, str], bytes]


@dataclass(frozen=True)
class Sent:
    """What a receiver got, the webhook that it came from, and one of another agency."""

    webhook: dict[str, Any]
    stranger: dict[str, Any]
    headers: dict[str, str]
    body: bytes

    @property
    def changed(self) -> bytes:
        """Another body of the same length."""
        return self.body.replace("☀".encode(), "☁".encode())


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with the library that `make javascript` installs."""
    found = shutil.which("node")
    if found is None or not (JAVASCRIPT / "node_modules" / "standardwebhooks").is_dir():
        pytest.skip("signatures are not verified in JavaScript: no Node.js here, or no `make javascript` before")
    return found


def verified_in_javascript(node: str, *asked: tuple[dict[str, str], Delivery]) -> list[bool | str]:
    """What the JavaScript library says of deliveries, each with the key to verify it by."""
    told = [{**key, "headers": headers, "body": body.decode()} for key, (headers, body) in asked]
    run = subprocess.run(
        [node, str(JAVASCRIPT / "verify.mjs")],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    verdicts: list[bool | str] = json.loads(run.stdout)
    return verdicts


def verified_in_python(secret: str, delivery: Delivery) -> bool:
    """Whether the Python library takes a delivery."""
    headers, body = delivery
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def verified_by_public_key(public_key: str, delivery: Delivery) -> bool:
    """Whether one of the v1a signatures is by the holder of this key."""
    headers, body = delivery
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split():
        version, _, encoded = signature.partition(",")
        if version == "v1a":
            try:
                key.verify(base64.b64decode(encoded), content)
            except InvalidSignature:
                continue
            return True
    return False


@pytest.fixture
async def sent(service: Any, story: Any, another_story: Any) -> Sent:
    """A delivery with letters and signs beyond ASCII in it: what is signed are bytes."""
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        stranger = await add(service, another_story(), receiver.url)
        story.site_name = "hôtel-d’été.example ☀"
        await service.hear(story.contract("activated", service.clock.now()))
        await work(service)
    ((headers, body),) = receiver.received
    assert "☀" in body.decode()
    return Sent(webhook, stranger, headers, body)


def test_a_delivery_is_taken_by_the_library_of_python_and_a_changed_byte_is_not(sent: Sent) -> None:
    secret, public_key = sent.webhook["secret"], sent.webhook["public_key"]
    assert verified_in_python(secret, (sent.headers, sent.body))
    assert not verified_in_python(secret, (sent.headers, sent.changed))
    assert not verified_in_python(sent.stranger["secret"], (sent.headers, sent.body))
    assert verified_by_public_key(public_key, (sent.headers, sent.body))
    assert not verified_by_public_key(public_key, (sent.headers, sent.changed))
    assert not verified_by_public_key(sent.stranger["public_key"], (sent.headers, sent.body))


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp"])
def test_a_delivery_under_another_id_or_of_another_time_is_not_taken(sent: Sent, changed: str) -> None:
    other = str(new_id()) if changed == "webhook-id" else str(int(sent.headers[changed]) - 1)
    headers = sent.headers | {changed: other}
    assert not verified_in_python(sent.webhook["secret"], (headers, sent.body))
    assert not verified_by_public_key(sent.webhook["public_key"], (headers, sent.body))


def test_a_delivery_is_taken_by_the_library_of_javascript_and_a_changed_byte_is_not(sent: Sent, node: str) -> None:
    webhook, stranger, headers, body, changed = sent.webhook, sent.stranger, sent.headers, sent.body, sent.changed
    secret, public = {"secret": webhook["secret"]}, {"public_key": webhook["public_key"]}
    assert verified_in_javascript(
        node,
        (secret, (headers, body)),
        (secret, (headers, changed)),
        ({"secret": stranger["secret"]}, (headers, body)),
        (public, (headers, body)),
        (public, (headers, changed)),
        ({"public_key": stranger["public_key"]}, (headers, body)),
    ) == [True, NO, NO, True, NO, NO]


async def test_for_the_overlap_both_generations_of_keys_are_taken_in_both_languages(
    service: Any, story: Any, node: str
) -> None:
    async with receiving() as receiver:
        before = await add(service, story, receiver.url)
        address = f"/v1/webhooks/{before['webhook_id']}"
        async with service.client(story) as client:
            after = (await client.post(f"{address}/rotate-secret", params={"overlap_hours": 48})).json()
            read = (await client.get(address)).json()
        assert (read["public_key"], read["previous_public_key"]) == (after["public_key"], before["public_key"])
        assert read["previous_secret_valid_until"] == "2026-06-10T09:00:00Z"
        await service.hear(outage(service, story))
        await work(service)
        service.clock.advance(timedelta(hours=48, seconds=1))
        await service.hear(outage(service, story))
        await work(service)
    during, later = receiver.received
    keys = [{name: each[name]} for each in (before, after) for name in ("secret", "public_key")]
    assert len(during[0]["webhook-signature"].split()) == 4
    assert verified_in_javascript(node, *((key, during) for key in keys)) == [True, True, True, True]
    assert verified_in_javascript(node, *((key, later) for key in keys)) == [NO, NO, True, True]
    assert [verified_in_python(each["secret"], during) for each in (before, after)] == [True, True]
    assert [verified_in_python(each["secret"], later) for each in (before, after)] == [False, True]
    assert [verified_by_public_key(each["public_key"], later) for each in (before, after)] == [False, True]


async def test_who_rotates_again_without_an_answer_leaves_receivers_the_keys_that_they_have(
    service: Any, story: Any
) -> None:
    async with receiving() as receiver:
        first = await add(service, story, receiver.url)
        address = f"/v1/webhooks/{first['webhook_id']}/rotate-secret"
        async with service.client(story) as client:
            lost = (await client.post(address)).json()
            service.clock.advance(timedelta(minutes=1))
            last = (await client.post(address, params={"overlap_hours": 48})).json()
        for hours in (23, 1, 24):
            service.clock.advance(timedelta(hours=hours))
            await service.hear(outage(service, story))
            await work(service)
    keys = [first, lost, last]
    assert [[verified_in_python(each["secret"], sent) for each in keys] for sent in receiver.received] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
    ]
    assert [verified_by_public_key(each["public_key"], receiver.received[0]) for each in keys] == [True] * 3


async def test_no_more_than_five_generations_of_keys_sign_beside_the_present_ones(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        address = f"/v1/webhooks/{webhook['webhook_id']}/rotate-secret"
        async with service.client(story) as client:
            for _ in range(5):
                assert (await client.post(address)).status_code == 200
            refused = await client.post(address)
            assert (refused.status_code, "until 2026-06-09T09:00:00Z" in refused.json()["detail"]) == (409, True)
            await service.hear(outage(service, story))
            await work(service)
            assert (await client.post(address, params={"overlap_hours": 0})).status_code == 200
            await service.hear(outage(service, story))
            await work(service)
    during, later = receiver.received
    assert [len(headers["webhook-signature"].split()) for headers, _ in (during, later)] == [12, 2]
    assert verified_in_python(webhook["secret"], during)


async def test_keys_that_got_out_sign_nothing_from_the_rotation_on(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        async with service.client(story) as client:
            address = f"/v1/webhooks/{webhook['webhook_id']}/rotate-secret"
            rotated = (await client.post(address, params={"overlap_hours": 0})).json()
            assert (await client.post(address, params={"overlap_hours": 169})).status_code == 422
        assert rotated["previous_secret_valid_until"] is None
        await service.hear(outage(service, story))
        await work(service)
    (delivery,) = receiver.received
    assert not verified_in_python(webhook["secret"], delivery)
    assert not verified_by_public_key(webhook["public_key"], delivery)
    assert verified_in_python(rotated["secret"], delivery)


async def test_a_webhook_from_before_there_were_key_pairs_signs_symmetrically_until_it_is_rotated(
    service: Any, story: Any
) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        async with service.runtime.units.for_every_tenant() as unit:
            rows = await unit.session.connection()
            await rows.exec_driver_sql("update reporting.webhook set signing_key = null, public_key = null")
        await service.hear(outage(service, story))
        await work(service)
        async with service.client(story) as client:
            rotated = (await client.post(f"/v1/webhooks/{webhook['webhook_id']}/rotate-secret")).json()
        await service.hear(outage(service, story))
        await work(service)
    first, second = receiver.received
    assert [each.partition(",")[0] for each in first[0]["webhook-signature"].split()] == ["v1"]
    assert verified_in_python(webhook["secret"], first)
    assert [each.partition(",")[0] for each in second[0]["webhook-signature"].split()] == ["v1", "v1a", "v1"]
    assert verified_by_public_key(rotated["public_key"], second)
    assert [each["status"] for each in await deliveries(service, story, webhook)] == ["delivered"] * 2
