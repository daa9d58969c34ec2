"""Webhooks and their deliveries as rows."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, select

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Attempt, Client, Delivery, Webhook
from reporting.adapters.webhook_signatures import new_key_pair, new_secret
from reporting.application.webhooks import TooManyWebhooks
from shared.events import TYPE_PREFIX, Envelope, EventName, schema_address
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

TEST_EVENT = EventName("reporting", "webhook", "tested", 1)
"""Sent to one webhook on demand; never published to the stream."""
MOST = 100
"""Webhooks of an agency: every event is looked at for each of them."""


async def add_webhook(
    uow: UnitOfWork,
    box: SecretBox,
    *,
    url: str,
    description: str,
    event_types: Sequence[str],
    client_ids: Sequence[UUID],
    ordered: bool,
    enabled: bool,
) -> tuple[Webhook, str]:
    """A new webhook of the unit's tenant, and its secret, which cannot be read again. Raises TooManyWebhooks."""
    assert uow.tenant_id is not None  # webhooks are made by callers, and a caller has a tenant
    if (await uow.session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST:
        raise TooManyWebhooks(MOST)
    secret = new_secret()
    private_key, public_key = new_key_pair()
    webhook = Webhook(
        webhook_id=new_id(),
        tenant_id=uow.tenant_id,
        version=1,
        url=url,
        description=description,
        event_types=list(event_types),
        client_ids=list(client_ids),
        ordered=ordered,
        enabled=enabled,
        disabled_reason=None if enabled else "by_hand",
        disabled_at=None if enabled else uow.now,
        failing_since=None,
        resting_until=None,
        slow=False,
        secret=box.seal(secret),
        signing_key=box.seal(private_key),
        public_key=public_key,
        previous_secret=None,
        previous_signing_key=None,
        previous_public_key=None,
        previous_secret_until=None,
        earlier_keys=[],
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(webhook)
    return webhook, secret


async def unknown_clients(uow: UnitOfWork, client_ids: Collection[UUID]) -> list[int]:
    """The places in a list of those that are no client that the unit may see."""
    known = set((await uow.session.scalars(select(Client.client_id).where(Client.client_id.in_(client_ids)))).all())
    return [place for place, client_id in enumerate(client_ids) if client_id not in known]


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
        aggregate=None,
        aggregate_version=None,
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
