"""Deliveries to webhooks: claimed by one worker at a time, tried, written down. `delivery_queue` fills the queue."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.delivery_queue import Said, may_be_told, release_next
from reporting.adapters.tables import Attempt, Delivery, Webhook, WebhookReplay
from reporting.adapters.webhook_changes import keys_before
from reporting.adapters.webhooks import TEST_EVENT
from reporting.domain.retries import SLOW, Decision
from shared.unit_of_work import UnitOfWork

RETENTION = timedelta(days=30)
"""How long a finished delivery and its attempts stay visible, and a finished replay."""

LEASE = timedelta(seconds=90)
"""How long a claimed delivery belongs to its worker; longer than a try can take. After a crash it is tried again."""


@dataclass(frozen=True)
class Sealed:
    """What one generation of a webhook's keys is in the database; without `signing_key` from before there were any."""

    secret: bytes
    signing_key: bytes | None


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
    is_ordered: bool
    is_withheld: bool
    """It must not be sent: the webhook has come to be for fewer clients since this was queued for it."""
    keys: tuple[Sealed, ...]
    """The newest first, the ones before them while receivers may still use them."""


# The webhooks for which something is to come are found by leaps through the index of their deliveries, and of each only
# as many rows are looked at as it may have: what it costs does not depend on how long somebody's backlog is. Turns are
# what is fair: whoever has nothing under way comes before whoever has something, however old his backlog is. That holds
# for those that are held back, too: behind the others they would have no turn while the others fill the room.
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
),
busy as (
    select named.webhook_id, named.under_way, w.failing_since is not null or w.slow as held_back
    from unnest(cast(:busy_ids as uuid[]), cast(:busy_counts as int[])) as named (webhook_id, under_way)
    join reporting.webhook w on w.webhook_id = named.webhook_id
),
candidate as (
    select due.delivery_id, due.due_at, due.held_back,
        due.under_way + row_number() over (partition by due.webhook_id order by due.due_at, due.delivery_id) as turn
    from waiting
    join reporting.webhook w on w.webhook_id = waiting.webhook_id
        and w.enabled and (w.resting_until is null or w.resting_until <= :now)
    left join busy on busy.webhook_id = w.webhook_id
    cross join lateral (
        select d.delivery_id, d.webhook_id, d.due_at, coalesce(busy.under_way, 0) as under_way,
            w.failing_since is not null or w.slow as held_back
        from reporting.delivery d
        where d.webhook_id = w.webhook_id and d.due_at <= :now
        order by d.due_at, d.delivery_id
        limit greatest(
            case when w.failing_since is null and not w.slow then :share else 1 end - coalesce(busy.under_way, 0), 0
        )
        for update skip locked
    ) due
),
placed as (
    select candidate.*,
        row_number() over (partition by held_back order by turn, due_at, delivery_id) as place
    from candidate
)
select delivery_id from placed
where not held_back
    or place <= :room_for_failing - (select coalesce(sum(busy.under_way), 0) from busy where busy.held_back)
order by turn, due_at, delivery_id
limit :room
""")
OLDEST_DELIVERY = text("""
select min((select min(d.due_at) from reporting.delivery d where d.webhook_id = w.webhook_id))
from reporting.webhook w where w.enabled and w.failing_since is null and not w.slow
""")
"""For metrics: since when something is due for a receiver that takes what it is sent. Others hold up themselves."""


async def claim(
    uow: UnitOfWork, room: int, *, share: int, room_for_failing: int, busy: Mapping[UUID, int]
) -> Sequence[Claimed]:
    """Takes at most `room` due deliveries of enabled webhooks and leases them to this worker.

    Of one webhook at most `share` are under way at one time, its oldest first; `busy` says how many of each are. Of one
    whose last try failed, or took long, it is a single one, and of all those together `room_for_failing`. So receivers
    that hang, and backlogs of whatever length, hold up nothing but themselves.
    """
    parameters = {
        "now": uow.now,
        "room": room,
        "share": share,
        "room_for_failing": room_for_failing,
        "busy_ids": list(busy),
        "busy_counts": [busy[webhook_id] for webhook_id in busy],
    }
    places = {found: place for place, found in enumerate((await uow.session.scalars(_DUE, parameters)).all())}
    due = await uow.session.execute(
        select(Delivery, Webhook)
        .join(Webhook, Webhook.webhook_id == Delivery.webhook_id)
        .where(Delivery.delivery_id.in_(places))
    )
    claimed: list[Claimed] = []
    for delivery, webhook in sorted(due.all(), key=lambda row: places[row[0].delivery_id]):
        delivery.attempts += 1
        delivery.due_at = uow.now + LEASE
        delivery.first_attempt_at = delivery.first_attempt_at or uow.now
        claimed.append(
            Claimed(
                delivery.delivery_id,
                webhook.webhook_id,
                delivery.event_id,
                delivery.payload,
                delivery.attempts,
                delivery.attempts - delivery.tried_before,
                webhook.url,
                delivery.aggregate is not None,
                _is_withheld(delivery, webhook),
                _keys(webhook, uow.now),
            )
        )
    return claimed


def _is_withheld(delivery: Delivery, webhook: Webhook) -> bool:
    """A test event tells of nobody; and without a filter, which is the rule, nothing has to be read."""
    if not webhook.client_ids or delivery.event_name == str(TEST_EVENT):
        return False
    return not may_be_told(webhook, Said.parse(delivery.payload))


def _keys(webhook: Webhook, now: datetime) -> tuple[Sealed, ...]:
    before = [Sealed(secret, signing_key) for secret, signing_key, _ in keys_before(webhook, now)]
    return Sealed(webhook.secret, webhook.signing_key), *before


@dataclass(frozen=True)
class Tried:
    """How a try went. `status_code` None: no answer, and `error` says why. `timestamp` is what was signed with."""

    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    timestamp: int | None = None
    response_headers: Mapping[str, str] | None = None
    response_excerpt: str | None = None


_WELL = text("""
with told as (
    select * from unnest(cast(:webhook_ids as uuid[]), cast(:slow as boolean[])) as t (webhook_id, slow)
),
changed as (
    select w.webhook_id, told.slow from reporting.webhook w join told on told.webhook_id = w.webhook_id
    where w.failing_since is not null or w.resting_until is not null or w.slow <> told.slow
    order by w.webhook_id
    for no key update of w
)
update reporting.webhook w set failing_since = null, resting_until = null, slow = changed.slow
from changed where w.webhook_id = changed.webhook_id
""")
_ARRIVED = text("""
with told as (
    select * from unnest(
        cast(:delivery_ids as uuid[]), cast(:attempts as int[]), cast(:ats as timestamptz[]), cast(:durations as int[]),
        cast(:status_codes as int[]), cast(:timestamps as bigint[]), cast(:headers as text[]), cast(:excerpts as text[])
    ) as t (delivery_id, attempt, at, duration_ms, status_code, sent_timestamp, headers, excerpt)
),
arrived as (
    update reporting.delivery d
    set status = 'delivered', due_at = null, finished_at = :now, last_status_code = told.status_code
    from told
    where d.delivery_id = told.delivery_id and d.attempts = told.attempt and d.status = 'pending'
    and d.aggregate is null
    returning d.delivery_id, d.tenant_id
)
insert into reporting.attempt (
    delivery_id, number, tenant_id, at, duration_ms, status_code, sent_timestamp, response_headers, response_excerpt
)
select told.delivery_id, told.attempt, arrived.tenant_id, told.at, told.duration_ms, told.status_code,
    told.sent_timestamp, cast(told.headers as jsonb), told.excerpt
from told join arrived on arrived.delivery_id = told.delivery_id
returning delivery_id
""")


async def record_arrived(uow: UnitOfWork, arrived: Sequence[tuple[Claimed, Tried]]) -> set[UUID]:
    """Writes down tries that were answered with success, all at once; the same as `record` does for each.

    Returns which were: not those of ordered webhooks, of removed ones, and those whose lease was over.
    """
    slow = {claimed.webhook_id: _is_slow(tried) for claimed, tried in arrived}
    await uow.session.execute(_WELL, {"webhook_ids": list(slow), "slow": list(slow.values())})
    found = await uow.session.scalars(
        _ARRIVED,
        {
            "now": uow.now,
            "delivery_ids": [claimed.delivery_id for claimed, _ in arrived],
            "attempts": [claimed.attempt for claimed, _ in arrived],
            "ats": [tried.at for _, tried in arrived],
            "durations": [tried.duration_ms for _, tried in arrived],
            "status_codes": [tried.status_code for _, tried in arrived],
            "timestamps": [tried.timestamp for _, tried in arrived],
            "headers": [json.dumps(dict(tried.response_headers or {})) for _, tried in arrived],
            "excerpts": [tried.response_excerpt for _, tried in arrived],
        },
    )
    return set(found.all())


def _is_slow(tried: Tried) -> bool:
    return timedelta(milliseconds=tried.duration_ms) >= SLOW


async def record(
    uow: UnitOfWork, claimed: Claimed, tried: Tried, decision: Decision, resting_until: datetime | None
) -> tuple[Delivery, Webhook] | None:
    """Writes down a try and what follows from it.

    None when nothing follows: the webhook was removed meanwhile, or the lease was over and another worker tries now;
    then only that this was tried is noted. The rows come back locked, so that the caller can go on with them in the
    same transaction.
    """
    rows = await _noted(uow, claimed, tried)
    if rows is None:
        return None
    delivery, webhook = rows
    webhook.slow = _is_slow(tried)
    if resting_until is not None or decision.outcome == "delivered":
        webhook.resting_until = resting_until
    if delivery.attempts != claimed.attempt or delivery.status != "pending":
        return None
    delivery.last_status_code = tried.status_code
    if decision.outcome == "again":
        delivery.due_at = decision.next_attempt_at
        webhook.failing_since = webhook.failing_since or tried.at
        return delivery, webhook
    delivery.status = "delivered" if decision.outcome == "delivered" else "failed"
    delivery.due_at = None
    delivery.finished_at = uow.now
    webhook.failing_since = None if decision.outcome == "delivered" else webhook.failing_since or tried.at
    await _let_the_next_go(uow, delivery)
    return delivery, webhook


async def withhold(uow: UnitOfWork, claimed: Claimed, tried: Tried) -> None:
    """Ends a delivery that must not be sent; `tried` says so in the log. Its receiver is not to blame."""
    rows = await _noted(uow, claimed, tried)
    if rows is None:
        return
    delivery, _ = rows
    if delivery.attempts == claimed.attempt and delivery.status == "pending":
        delivery.status = "failed"
        delivery.due_at = None
        delivery.finished_at = uow.now
        await _let_the_next_go(uow, delivery)


async def _noted(uow: UnitOfWork, claimed: Claimed, tried: Tried) -> tuple[Delivery, Webhook] | None:
    """The rows of a try, locked, with the try written down; None when the webhook was removed meanwhile."""
    webhook = await uow.session.get(Webhook, claimed.webhook_id, with_for_update={"key_share": True})
    delivery = await uow.session.get(Delivery, claimed.delivery_id, with_for_update={"key_share": True})
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
            sent_timestamp=tried.timestamp,
            response_headers=dict(tried.response_headers) if tried.response_headers is not None else None,
            response_excerpt=tried.response_excerpt,
        )
        .on_conflict_do_nothing()
    )
    return delivery, webhook


async def _let_the_next_go(uow: UnitOfWork, delivery: Delivery) -> None:
    if delivery.aggregate is not None:
        await uow.session.flush()
        await release_next(uow, delivery.webhook_id, [delivery.aggregate])


async def give_up(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Ends what is still to come for a webhook that gets nothing more; it can be replayed."""
    await uow.session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.status == "pending")
        .values(status="failed", due_at=None, finished_at=uow.now)
    )


async def prune(uow: UnitOfWork, limit: int = 1_000) -> int:
    """Deletes deliveries (with attempts) and replays that were finished before the retention; returns how many."""
    before = uow.now - RETENTION
    deliveries = select(Delivery.delivery_id).where(Delivery.finished_at < before).limit(limit).scalar_subquery()
    replays = select(WebhookReplay.replay_id).where(WebhookReplay.finished_at < before).limit(limit).scalar_subquery()
    deleted = 0
    for statement in (
        delete(Delivery).where(Delivery.delivery_id.in_(deliveries)).returning(Delivery.delivery_id),
        delete(WebhookReplay).where(WebhookReplay.replay_id.in_(replays)).returning(WebhookReplay.replay_id),
    ):
        deleted += len((await uow.session.execute(statement)).all())
    return deleted
