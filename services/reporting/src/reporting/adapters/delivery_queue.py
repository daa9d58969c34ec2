"""The queue of deliveries: filled in the transaction of an event, by hand, and from what was heard before.

Of one aggregate of an ordered webhook one delivery is due and the others wait for it, without `due_at`. Whoever queues
for such a webhook, and whoever finishes a delivery to it, holds the webhook's lock, so that none waits for ever.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.tables import Delivery, Webhook
from reporting.domain.subscriptions import NEVER_DELIVERED, clients_in, concerns, is_internal, wants
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Said:
    """An event as it is delivered: what the filters look at, and its bytes."""

    event_id: UUID
    name: EventName
    subject: str
    version: int
    clients: frozenset[str]
    internal: bool
    payload: bytes

    @classmethod
    def of(cls, envelope: Envelope, payload: bytes) -> "Said":
        """A CloudEvent of ours, and its bytes as they came."""
        return cls(
            envelope.id,
            envelope.name,
            envelope.subject,
            envelope.aggregateversion,
            clients_in(envelope.data),
            is_internal(str(envelope.name), envelope.data),
            payload,
        )

    @classmethod
    def parse(cls, payload: bytes) -> "Said":
        """The same from its bytes alone."""
        return cls.of(Envelope.parse(payload), payload)

    @property
    def aggregate(self) -> str:
        """What its order is about: the subject, with the service, whose versions are counted apart."""
        return f"{self.name.service}.{self.subject}"


def is_for(webhook: Webhook, said: Said) -> bool:
    """Whether a webhook's filters let an event through."""
    return wants(webhook.event_types, str(said.name)) and may_be_told(webhook, said)


def may_be_told(webhook: Webhook, said: Said) -> bool:
    """Whether an event may go where a webhook leads, whatever it asks for: the half of its filters that keeps apart."""
    only = [str(client_id) for client_id in webhook.client_ids]
    return concerns(only, said.clients, internal=said.internal)


async def queue_deliveries(uow: UnitOfWork, said: Said, tenant_id: UUID) -> int:
    """One delivery of the event for every enabled webhook of the tenant that asked for it.

    Call it once per event, when it is heard for the first time: what was heard before a webhook existed is then not for
    it, by the order of this database's transactions. Instants do not decide: the clock of whoever said the event may
    be behind ours. Returns how many were queued.
    """
    if said.name.aggregate == NEVER_DELIVERED:
        return 0
    # Not even a unit for every tenant would queue an agency's event for another's webhook.
    mine = select(Webhook).where(Webhook.enabled, Webhook.tenant_id == tenant_id).order_by(Webhook.webhook_id)
    webhooks = [webhook for webhook in await uow.session.scalars(mine) if is_for(webhook, said)]
    rows = [_row(uow, webhook, said) for webhook in webhooks if not webhook.ordered]
    if rows:
        await uow.session.execute(insert(Delivery).values(rows).on_conflict_do_nothing())
    for webhook in webhooks:
        if webhook.ordered:
            await queue(uow, webhook, [said])
    return len(webhooks)


async def queue(uow: UnitOfWork, webhook: Webhook, said: Sequence[Said], *, again: bool = False) -> int:
    """Queues events for one webhook, in this order.

    :param again: also those that were delivered or given up before; what is still to come stays as it is.

    Returns how many of them were queued.
    """
    rows = [_row(uow, webhook, each) for each in said]
    if not rows:
        return 0
    if webhook.ordered:
        await lock(uow, webhook)
    statement = insert(Delivery).values(rows)
    if again:
        new = statement.excluded
        anew = {name: new[name] for name in ("status", "due_at", "aggregate", "aggregate_version")}
        statement = statement.on_conflict_do_update(
            index_elements=["webhook_id", "event_id"],
            set_={**anew, "tried_before": Delivery.attempts, "first_attempt_at": None, "finished_at": None},
            where=Delivery.status != "pending",
        )
    else:
        statement = statement.on_conflict_do_nothing()
    written = (await uow.session.execute(statement.returning(Delivery.delivery_id))).all()
    if webhook.ordered:
        await release_next(uow, webhook.webhook_id, {each.aggregate for each in said})
    return len(written)


def _row(uow: UnitOfWork, webhook: Webhook, said: Said) -> dict[str, Any]:
    return {
        "delivery_id": new_id(),
        "tenant_id": webhook.tenant_id,
        "webhook_id": webhook.webhook_id,
        "event_id": said.event_id,
        "event_name": str(said.name),
        "aggregate": said.aggregate if webhook.ordered else None,
        "aggregate_version": said.version if webhook.ordered else None,
        "payload": said.payload,
        "status": "pending",
        "attempts": 0,
        "tried_before": 0,
        "due_at": None if webhook.ordered else uow.now,
        "created_at": uow.now,
    }


async def lock(uow: UnitOfWork, webhook: Webhook) -> None:
    """Waits until nobody else queues for the webhook in order, or finishes a delivery to it."""
    mine = select(Webhook.webhook_id).where(Webhook.webhook_id == webhook.webhook_id)
    await uow.session.execute(mine.with_for_update(key_share=True))


_RELEASE = text("""
update reporting.delivery set due_at = :now where delivery_id in (
    select distinct on (d.aggregate) d.delivery_id
    from reporting.delivery d
    where d.webhook_id = :webhook_id and d.status = 'pending' and d.aggregate = any(cast(:aggregates as text[]))
    and not exists (
        select from reporting.delivery o
        where o.webhook_id = d.webhook_id and o.status = 'pending' and o.aggregate = d.aggregate
        and o.due_at is not null
    )
    order by d.aggregate, d.aggregate_version, d.delivery_id
)
""")


async def release_next(uow: UnitOfWork, webhook_id: UUID, aggregates: Collection[str]) -> None:
    """Makes the next of each aggregate due of which no other is: the one with the lowest version."""
    what = {"now": uow.now, "webhook_id": webhook_id, "aggregates": list(aggregates)}
    await uow.session.execute(_RELEASE, what)


async def release_all(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Ends the order of a webhook: nothing waits for anything else any more."""
    waiting = (Delivery.webhook_id == webhook_id, Delivery.status == "pending", Delivery.aggregate.is_not(None))
    await uow.session.execute(
        update(Delivery)
        .where(*waiting)
        .values(aggregate=None, aggregate_version=None, due_at=func.coalesce(Delivery.due_at, uow.now))
    )
