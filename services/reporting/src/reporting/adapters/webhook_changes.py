"""Changes of webhooks and their deliveries, each with everything that belongs to it."""

import base64
import secrets
from datetime import datetime, timedelta

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Delivery, Webhook
from reporting.application.webhooks import DeliveryIsUnderWay, WebhookIsDisabled
from reporting.domain.retries import GivenUp

SECRET_BYTES = 32
ROTATION_OVERLAP = timedelta(hours=24)
"""How long the secret before the newest one still signs, so that a receiver can change over without losing anything."""


def new_secret() -> str:
    """A fresh signing secret in the form of Standard Webhooks: `whsec_` and 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def touch(webhook: Webhook, now: datetime) -> None:
    """A change that readers see."""
    webhook.version += 1
    webhook.updated_at = now


def rotate_secret(webhook: Webhook, box: SecretBox, now: datetime) -> tuple[str, datetime]:
    """Gives a webhook a new secret; the present one goes on signing for 24 hours. Returns the new one and that end.

    A rotation during a rotation drops the oldest secret: two sign, never three.
    """
    secret = new_secret()
    until = now + ROTATION_OVERLAP
    webhook.previous_secret = webhook.secret
    webhook.previous_secret_until = until
    webhook.secret = box.seal(secret)
    touch(webhook, now)
    return secret, until


def set_enabled(webhook: Webhook, enabled: bool, now: datetime) -> None:
    """Switches a webhook on or off by hand. On: its past failures are forgotten."""
    if enabled == webhook.enabled:
        return
    webhook.enabled = enabled
    webhook.failing_since = None
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


def send_again(webhook: Webhook, delivery: Delivery, now: datetime) -> None:
    """Sends a delivery again at once, delivered or failed, with a new schedule; its attempts so far stay visible.

    Raises WebhookIsDisabled or DeliveryIsUnderWay.
    """
    if not webhook.enabled:
        raise WebhookIsDisabled
    if delivery.due_at is not None:
        raise DeliveryIsUnderWay
    delivery.status = "pending"
    delivery.tried_before = delivery.attempts
    delivery.due_at = now
    delivery.first_attempt_at = None
    delivery.finished_at = None
