"""Webhooks and their deliveries as rows."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Attempt, Delivery, Webhook
from reporting.adapters.webhook_changes import new_secret
from shared.events import TYPE_PREFIX, Envelope, EventName, schema_address
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

TEST_EVENT = EventName("reporting", "webhook", "tested", 1)
"""Sent to one webhook on demand; never published to the stream."""


def add_webhook(
    uow: UnitOfWork, box: SecretBox, *, url: str, description: str, event_types: Sequence[str], enabled: bool
) -> tuple[Webhook, str]:
    """A new webhook of the unit's tenant, and its secret, which cannot be read again."""
    assert uow.tenant_id is not None  # webhooks are made by callers, and a caller has a tenant
    secret = new_secret()
    webhook = Webhook(
        webhook_id=new_id(),
        tenant_id=uow.tenant_id,
        version=1,
        url=url,
        description=description,
        event_types=list(event_types),
        enabled=enabled,
        disabled_reason=None if enabled else "by_hand",
        disabled_at=None if enabled else uow.now,
        failing_since=None,
        secret=box.seal(secret),
        previous_secret=None,
        previous_secret_until=None,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(webhook)
    return webhook, secret


async def find_webhook(uow: UnitOfWork, webhook_id: UUID, *, lock: bool = False) -> Webhook | None:
    """A webhook that the unit may see."""
    return await uow.session.get(Webhook, webhook_id, with_for_update=lock or None)


async def find_delivery(uow: UnitOfWork, webhook_id: UUID, delivery_id: UUID, *, lock: bool = False) -> Delivery | None:
    """A delivery of a webhook that the unit may see."""
    delivery = await uow.session.get(Delivery, delivery_id, with_for_update=lock or None)
    return delivery if delivery is not None and delivery.webhook_id == webhook_id else None


async def attempts_of(uow: UnitOfWork, delivery_ids: Sequence[UUID]) -> dict[UUID, list[Attempt]]:
    """The attempts of deliveries, each list in order; one query for a whole page."""
    rows = await uow.session.scalars(
        select(Attempt).where(Attempt.delivery_id.in_(delivery_ids)).order_by(Attempt.delivery_id, Attempt.number)
    )
    found: dict[UUID, list[Attempt]] = {delivery_id: [] for delivery_id in delivery_ids}
    for attempt in rows:
        found[attempt.delivery_id].append(attempt)
    return found


def queue_test(uow: UnitOfWork, webhook: Webhook) -> Delivery:
    """A delivery with nothing to say but that it arrived, in the form of every event."""
    envelope = Envelope(
        id=new_id(),
        source="/services/reporting",
        type=f"{TYPE_PREFIX}{TEST_EVENT}",
        subject=f"webhook/{webhook.webhook_id}",
        time=uow.now,
        dataschema=schema_address(TEST_EVENT),
        tenantid=webhook.tenant_id,
        aggregateversion=webhook.version,
        correlationid=uow.correlation_id,
        data={"webhook_id": str(webhook.webhook_id), "requested_by": uow.actor.name},
    )
    delivery = Delivery(
        delivery_id=new_id(),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.webhook_id,
        event_id=envelope.id,
        event_name=str(TEST_EVENT),
        payload=envelope.to_bytes(),
        status="pending",
        attempts=0,
        tried_before=0,
        due_at=uow.now,
        last_status_code=None,
        created_at=uow.now,
        first_attempt_at=None,
        finished_at=None,
    )
    uow.session.add(delivery)
    return delivery
