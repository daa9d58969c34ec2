"""From what happened to what is said."""

from datetime import datetime
from urllib.parse import urlsplit

from reporting.adapters.tables import Delivery, Webhook
from reporting.domain.retries import GivenUp
from reporting.published.v1 import WebhookDisabled
from shared.unit_of_work import UnitOfWork


def say_webhook_disabled(uow: UnitOfWork, webhook: Webhook, delivery: Delivery, reason: GivenUp, at: datetime) -> None:
    """A webhook gets nothing more; said in the transaction that switches it off."""
    uow.publish(
        WebhookDisabled(
            webhook_id=webhook.webhook_id,
            host=urlsplit(webhook.url).hostname or "",
            description=webhook.description,
            reason=reason,
            disabled_at=at,
            failing_since=webhook.failing_since,
            last_status_code=delivery.last_status_code,
            delivery_id=delivery.delivery_id,
        ),
        version=webhook.version,
        tenant_id=webhook.tenant_id,
    )
