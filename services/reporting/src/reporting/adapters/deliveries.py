"""The queue of deliveries to webhooks: filled in the transaction of an event, worked off by a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.tables import Attempt, Delivery, Webhook
from reporting.domain.retries import Decision
from reporting.domain.subscriptions import wants
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

RETENTION = timedelta(days=30)
"""How long a finished delivery and its attempts stay visible."""

LEASE = timedelta(seconds=90)
"""How long a claimed delivery belongs to its worker; longer than a try can take. After a crash it is tried again."""


async def queue_deliveries(uow: UnitOfWork, *, event_id: UUID, name: str, payload: bytes) -> int:
    """One delivery of the event for every enabled webhook of the unit's tenant that asked for it.

    Call it once per event, when it is heard for the first time: what was heard before a webhook existed is then not for
    it, by the order of this database's transactions. Instants do not decide: the clock of whoever said the event may
    be behind ours. Returns how many were queued.
    """
    webhooks = await uow.session.execute(
        select(Webhook.webhook_id, Webhook.tenant_id, Webhook.event_types).where(Webhook.enabled)
    )
    rows = [
        {
            "delivery_id": new_id(),
            "tenant_id": webhook.tenant_id,
            "webhook_id": webhook.webhook_id,
            "event_id": event_id,
            "event_name": name,
            "payload": payload,
            "status": "pending",
            "attempts": 0,
            "tried_before": 0,
            "due_at": uow.now,
            "created_at": uow.now,
        }
        for webhook in webhooks
        if wants(webhook.event_types, name)
    ]
    if rows:
        await uow.session.execute(insert(Delivery).values(rows).on_conflict_do_nothing())
    return len(rows)


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker tries now."""

    delivery_id: UUID
    webhook_id: UUID
    event_id: UUID
    payload: bytes
    attempt: int
    attempt_of_schedule: int
    url: str
    secrets: tuple[bytes, ...]
    """Sealed; the newest first, the one before it while receivers may still use it."""


# The webhooks for which something is to come are found by leaps through the index of their deliveries, and of each only
# as many rows are looked at as it may have: what it costs does not depend on how long somebody's backlog is.
_DUE = text("""
with recursive waiting (webhook_id) as (
    (select webhook_id from reporting.delivery where due_at is not null order by webhook_id limit 1)
    union all
    select (
        select d.webhook_id from reporting.delivery d
        where d.due_at is not null and d.webhook_id > waiting.webhook_id
        order by d.webhook_id limit 1
    )
    from waiting where waiting.webhook_id is not null
)
select delivery_id from (
    select due.*, row_number() over (partition by due.failing order by due.due_at, due.delivery_id) as place
    from waiting
    join reporting.webhook w on w.webhook_id = waiting.webhook_id and w.enabled
    left join unnest(cast(:busy_ids as uuid[]), cast(:busy_counts as int[])) as busy (webhook_id, under_way)
        on busy.webhook_id = w.webhook_id
    cross join lateral (
        select d.delivery_id, d.due_at, w.failing_since is not null as failing from reporting.delivery d
        where d.webhook_id = w.webhook_id and d.due_at <= :now
        order by d.due_at, d.delivery_id
        limit greatest(case when w.failing_since is null then :share else 1 end - coalesce(busy.under_way, 0), 0)
        for update skip locked
    ) due
) candidate
where not failing or place <= :room_for_failing - (
    select coalesce(sum(busy.under_way), 0)
    from unnest(cast(:busy_ids as uuid[]), cast(:busy_counts as int[])) as busy (webhook_id, under_way)
    join reporting.webhook w on w.webhook_id = busy.webhook_id and w.failing_since is not null
)
order by failing, due_at, delivery_id
limit :room
""")


async def claim(
    uow: UnitOfWork, room: int, *, share: int, room_for_failing: int, busy: Mapping[UUID, int]
) -> Sequence[Claimed]:
    """Takes at most `room` due deliveries of enabled webhooks and leases them to this worker.

    Of one webhook at most `share` are under way at one time, its oldest first; `busy` says how many of each are. Of one
    whose last try failed it is a single one, and of all those together `room_for_failing`. So receivers that hang, and
    backlogs of whatever length, hold up nothing but themselves.
    """
    parameters = {
        "now": uow.now,
        "room": room,
        "share": share,
        "room_for_failing": room_for_failing,
        "busy_ids": list(busy),
        "busy_counts": [busy[webhook_id] for webhook_id in busy],
    }
    due = await uow.session.execute(
        select(Delivery, Webhook)
        .join(Webhook, Webhook.webhook_id == Delivery.webhook_id)
        .where(Delivery.delivery_id.in_((await uow.session.scalars(_DUE, parameters)).all()))
        .order_by(Delivery.due_at, Delivery.delivery_id)
    )
    claimed: list[Claimed] = []
    for delivery, webhook in due:
        delivery.attempts += 1
        delivery.due_at = uow.now + LEASE
        delivery.first_attempt_at = delivery.first_attempt_at or uow.now
        secrets = [webhook.secret]
        if webhook.previous_secret is not None and (webhook.previous_secret_until or uow.now) > uow.now:
            secrets.append(webhook.previous_secret)
        claimed.append(
            Claimed(
                delivery.delivery_id,
                webhook.webhook_id,
                delivery.event_id,
                delivery.payload,
                delivery.attempts,
                delivery.attempts - delivery.tried_before,
                webhook.url,
                tuple(secrets),
            )
        )
    return claimed


@dataclass(frozen=True)
class Tried:
    """How a try went. `status_code` None: no answer, and `error` says why."""

    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response_excerpt: str | None


async def record(
    uow: UnitOfWork, claimed: Claimed, tried: Tried, decision: Decision
) -> tuple[Delivery, Webhook] | None:
    """Writes down a try and what follows from it; None when the webhook was removed meanwhile.

    The rows come back locked, so that the caller can go on with them in the same transaction.
    """
    webhook = await uow.session.get(Webhook, claimed.webhook_id, with_for_update=True)
    delivery = await uow.session.get(Delivery, claimed.delivery_id, with_for_update=True)
    if webhook is None or delivery is None:
        return None
    await uow.session.execute(
        insert(Attempt)
        .values(
            delivery_id=delivery.delivery_id,
            number=claimed.attempt,
            tenant_id=delivery.tenant_id,
            at=tried.at,
            duration_ms=tried.duration_ms,
            status_code=tried.status_code,
            error=tried.error,
            response_excerpt=tried.response_excerpt,
        )
        .on_conflict_do_nothing()
    )
    delivery.last_status_code = tried.status_code
    if decision.outcome == "again":
        delivery.due_at = decision.next_attempt_at
        webhook.failing_since = webhook.failing_since or tried.at
    else:
        delivery.status = "delivered" if decision.outcome == "delivered" else "failed"
        delivery.due_at = None
        delivery.finished_at = uow.now
        webhook.failing_since = None if decision.outcome == "delivered" else webhook.failing_since or tried.at
    return delivery, webhook


async def give_up(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Ends what is still to come for a webhook that gets nothing more; it can be retried by hand."""
    await uow.session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.due_at.is_not(None))
        .values(status="failed", due_at=None, finished_at=uow.now)
    )


async def prune(uow: UnitOfWork, limit: int = 1_000) -> int:
    """Deletes deliveries that were finished before the retention, with their attempts; returns how many."""
    old = select(Delivery.delivery_id).where(Delivery.finished_at < uow.now - RETENTION).limit(limit).scalar_subquery()
    deleted = await uow.session.execute(
        delete(Delivery).where(Delivery.delivery_id.in_(old)).returning(Delivery.delivery_id)
    )
    return len(deleted.all())
