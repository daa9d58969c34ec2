"""Changes of webhooks and their deliveries, each with everything that belongs to it."""

from datetime import datetime, timedelta

from reporting.adapters.delivery_queue import Said, queue
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Delivery, Webhook
from reporting.adapters.webhook_signatures import new_key_pair, new_secret
from reporting.application.webhooks import DeliveryIsUnderWay, WebhookIsDisabled
from reporting.domain.retries import GivenUp
from shared.unit_of_work import UnitOfWork


def touch(webhook: Webhook, now: datetime) -> None:
    """A change that readers see."""
    webhook.version += 1
    webhook.updated_at = now


def rotate_keys(webhook: Webhook, box: SecretBox, now: datetime, overlap: timedelta) -> tuple[str, datetime | None]:
    """Gives a webhook new keys; the present ones go on signing beside them for `overlap`, so that a receiver can change
    over without losing anything. Returns the new secret and that end; None: what got out signs nothing any more.

    A rotation during a rotation drops the oldest keys: two generations sign, never three.
    """
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
