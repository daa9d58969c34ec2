"""Changes of webhooks and their deliveries, each with everything that belongs to it."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from reporting.adapters.delivery_queue import Said, queue
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Delivery, Webhook
from reporting.adapters.webhook_signatures import new_key_pair, new_secret
from reporting.application.webhooks import DeliveryIsUnderWay, TooManyKeys, WebhookIsDisabled
from reporting.domain.retries import GivenUp
from shared.unit_of_work import UnitOfWork

MOST_BEFORE: Final = 5
"""Generations of keys that sign beside the present one: each makes every delivery longer."""

Before: TypeAlias = tuple[bytes, bytes | None, datetime]
"""Keys from before, sealed: the secret, the private key where there was one, and until when they sign."""


def keys_before(webhook: Webhook, now: datetime) -> Sequence[Before]:
    """The keys that still sign beside the present ones, the newest first."""
    found = read_keys(webhook.earlier_keys)
    if webhook.previous_secret is not None and webhook.previous_secret_until is not None:
        found.insert(0, (webhook.previous_secret, webhook.previous_signing_key, webhook.previous_secret_until))
    return [each for each in found if each[2] > now]


def read_keys(stored: Sequence[Any]) -> list[Before]:
    """The keys in `Webhook.earlier_keys`."""
    return [
        (b64decode(secret), b64decode(private) if private is not None else None, datetime.fromisoformat(until))
        for secret, private, until in stored
    ]


def written_keys(keys: Sequence[Before]) -> list[Any]:
    """Keys as `Webhook.earlier_keys` holds them."""
    return [
        [b64encode(secret).decode(), b64encode(private).decode() if private is not None else None, until.isoformat()]
        for secret, private, until in keys
    ]


def touch(webhook: Webhook, now: datetime) -> None:
    """A change that readers see."""
    webhook.version += 1
    webhook.updated_at = now


def rotate_keys(webhook: Webhook, box: SecretBox, now: datetime, overlap: timedelta) -> tuple[str, datetime | None]:
    """Gives a webhook new keys; the present ones go on signing beside them for `overlap`, so that a receiver can change
    over without losing anything. Returns the new secret and that end; None: what got out signs nothing any more.

    Keys from before go on until the time that was promised for them, however often there are new ones: whoever rotates
    again because he got no answer leaves receivers the keys that they have. Raises TooManyKeys.
    """
    before = keys_before(webhook, now) if overlap else []
    if len(before) >= MOST_BEFORE:
        raise TooManyKeys(MOST_BEFORE, min(until for _, _, until in before))
    webhook.earlier_keys = written_keys(before)
    secret = new_secret()
    private_key, public_key = new_key_pair()
    until = now + overlap if overlap else None
    webhook.previous_secret = webhook.secret if until else None
    webhook.previous_signing_key = webhook.signing_key if until else None
    webhook.previous_public_key = webhook.public_key if until else None
    webhook.previous_secret_until = until
    webhook.secret, webhook.signing_key, webhook.public_key = box.seal(secret), box.seal(private_key), public_key
    touch(webhook, now)
    return secret, until


def set_enabled(webhook: Webhook, enabled: bool, now: datetime) -> None:
    """Switches a webhook on or off by hand. On: what its receiver was like before is forgotten."""
    if enabled == webhook.enabled:
        return
    webhook.enabled = enabled
    webhook.failing_since = None
    webhook.resting_until = None
    webhook.slow = False
    webhook.disabled_reason = None if enabled else "by_hand"
    webhook.disabled_at = None if enabled else now


def disable(webhook: Webhook, reason: GivenUp, now: datetime) -> bool:
    """Switches a webhook off because of its receiver. False when it was off already: there is nothing to say then."""
    if not webhook.enabled:
        return False
    webhook.enabled = False
    webhook.disabled_reason = reason
    webhook.disabled_at = now
    touch(webhook, now)
    return True


async def send_again(uow: UnitOfWork, webhook: Webhook, delivery: Delivery) -> None:
    """Sends a delivery again at once, delivered or failed, with a new schedule; its attempts so far stay visible. An
    ordered webhook gets it after what it gets of the same aggregate at the moment.

    Raises WebhookIsDisabled or DeliveryIsUnderWay.
    """
    if not webhook.enabled:
        raise WebhookIsDisabled
    if delivery.status == "pending":
        raise DeliveryIsUnderWay
    await queue(uow, webhook, [Said.parse(delivery.payload)], again=True)
    await uow.session.refresh(delivery)
