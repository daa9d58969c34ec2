"""Stretches of what was heard, queued for one webhook again: told by somebody, worked off by a job."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, tuple_

from reporting.adapters.delivery_queue import Said, is_for, queue
from reporting.adapters.tables import Delivery, Event, Webhook, WebhookReplay
from reporting.application.webhooks import NoSuchRange, ReplayIsRunning, WebhookIsDisabled
from reporting.domain.replays import fault_of
from reporting.domain.subscriptions import wants
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

BATCH = 200
"""Events that one transaction looks at."""
BACKLOG = 500
"""So many deliveries of a webhook may be to come while a replay adds to them: what happens now waits for no more."""
LOOK_AGAIN = timedelta(seconds=2)


async def begin_replay(
    uow: UnitOfWork, webhook: Webhook, *, since: datetime, until: datetime | None, event_types: Sequence[str]
) -> WebhookReplay:
    """Writes down that everything of `[since, until)` that the webhook's filters let through is to be sent to it again.

    `event_types` narrow it further. The webhook is locked. Raises WebhookIsDisabled, NoSuchRange or ReplayIsRunning.
    """
    if not webhook.enabled:
        raise WebhookIsDisabled
    fault = fault_of(since=since, until=until or uow.now, now=uow.now)
    if fault is not None:
        raise NoSuchRange(fault)
    running = select(func.count()).where(
        WebhookReplay.webhook_id == webhook.webhook_id, WebhookReplay.status == "running"
    )
    if await uow.session.scalar(running):
        raise ReplayIsRunning
    replay = WebhookReplay(
        replay_id=new_id(),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.webhook_id,
        since=since,
        until=until or uow.now,
        event_types=list(event_types),
        status="running",
        queued=0,
        position_at=None,
        position_id=None,
        due_at=uow.now,
        created_at=uow.now,
        finished_at=None,
    )
    uow.session.add(replay)
    return replay


async def find_replay(uow: UnitOfWork, webhook_id: UUID, replay_id: UUID) -> WebhookReplay | None:
    """A replay of a webhook that the unit may see."""
    replay = await uow.session.get(WebhookReplay, replay_id)
    return replay if replay is not None and replay.webhook_id == webhook_id else None


async def go_on(uow: UnitOfWork) -> bool:
    """Takes the replay that has waited longest a batch further. False when none is due."""
    due = (
        select(WebhookReplay)
        .where(WebhookReplay.due_at <= uow.now)
        .order_by(WebhookReplay.due_at, WebhookReplay.replay_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    replay = await uow.session.scalar(due)
    if replay is None:
        return False
    webhook = await uow.session.get_one(Webhook, replay.webhook_id)
    if not webhook.enabled:
        _end(replay, "stopped", uow.now)
        return True
    if await _to_come(uow, webhook.webhook_id) > BACKLOG - BATCH:
        replay.due_at = uow.now + LOOK_AGAIN
        return True
    heard = await _next_events(uow, replay)
    said = [each for each in map(Said.parse, (event.payload for event in heard)) if is_for(webhook, each)]
    said = [each for each in said if wants(replay.event_types, str(each.name))]
    replay.queued += await queue(uow, webhook, said, again=True)
    if len(heard) < BATCH:
        _end(replay, "finished", uow.now)
    else:
        replay.position_at, replay.position_id = heard[-1].occurred_at, heard[-1].event_id
        replay.due_at = uow.now
    return True


async def _next_events(uow: UnitOfWork, replay: WebhookReplay) -> Sequence[Event]:
    query = select(Event).where(
        Event.tenant_id == replay.tenant_id, Event.occurred_at >= replay.since, Event.occurred_at < replay.until
    )
    if replay.position_at is not None:
        query = query.where(tuple_(Event.occurred_at, Event.event_id) > (replay.position_at, replay.position_id))
    return (await uow.session.scalars(query.order_by(Event.occurred_at, Event.event_id).limit(BATCH))).all()


async def _to_come(uow: UnitOfWork, webhook_id: UUID) -> int:
    waiting = (
        select(Delivery.delivery_id)
        .where(Delivery.webhook_id == webhook_id, Delivery.due_at.is_not(None))
        .limit(BACKLOG)
    )
    return await uow.session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def _end(replay: WebhookReplay, status: str, now: datetime) -> None:
    replay.status = status
    replay.due_at = None
    replay.finished_at = now
