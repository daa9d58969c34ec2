"""Works off due deliveries: claim, send, record. A crash between sending and recording sends once more, never loses."""

import asyncio
import secrets
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from reporting.adapters.announce import say_webhook_disabled
from reporting.adapters.deliveries import Claimed, Tried, claim, give_up, prune, record
from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.adapters.webhook_changes import disable
from reporting.adapters.webhook_sender import WebhookSender
from reporting.domain.retries import decide, given_up
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

IDLE_SECONDS = 0.5
PRUNE_SECONDS = 60.0


class DeliverWebhooks:
    """The job that sends what is due. Each try goes on by itself: one that takes long keeps no other from beginning."""

    def __init__(self, units: UnitsOfWork, sender: WebhookSender, box: SecretBox, concurrency: int) -> None:
        self._units = units
        self._sender = sender
        self._box = box
        self._concurrency = concurrency
        self._share = max(2, concurrency // 10)
        self._under_way: dict[asyncio.Task[None], UUID] = {}

    async def run(self) -> float:
        """Begins what is due as far as there is room, and waits until something ends, at most half a second.

        Raises what a try could not write down; its delivery is tried again when its lease is over.
        """
        self._forget_ended()
        room = self._concurrency - len(self._under_way)
        if room > 0:
            async with self._units.for_every_tenant() as uow:
                batch = await claim(
                    uow,
                    room,
                    share=self._share,
                    room_for_failing=self._concurrency // 2,
                    busy=Counter(self._under_way.values()),
                )
                at = uow.now
            for claimed in batch:
                self._under_way[asyncio.create_task(self._deliver(claimed, at))] = claimed.webhook_id
        if not self._under_way:
            return IDLE_SECONDS
        await asyncio.wait(self._under_way, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return 0.0

    async def finish(self) -> None:
        """Waits for what is under way; ends it when it is itself cancelled."""
        await asyncio.gather(*self._under_way)
        self._forget_ended()

    def _forget_ended(self) -> None:
        ended = [task for task in self._under_way if task.done()]
        for task in ended:
            del self._under_way[task]
        failed = [error for task in ended if (error := task.exception()) is not None]
        if failed:
            raise BaseExceptionGroup("tries of webhooks", failed)

    async def _deliver(self, claimed: Claimed, at: datetime) -> None:
        wait: timedelta | None = None
        try:
            readable = [self._box.open(sealed) for sealed in claimed.secrets]
        except Unreadable as error:
            tried = Tried(at, 0, None, str(error), None)
        else:
            tried, wait = await self._sender.send(claimed.url, claimed.event_id, claimed.payload, readable, at)
        async with self._units.for_every_tenant() as uow:
            decision = decide(
                attempt=claimed.attempt_of_schedule,
                status_code=tried.status_code,
                now=uow.now,
                retry_after=wait,
                jitter=secrets.randbelow(1_000) / 1_000,
            )
            rows = await record(uow, claimed, tried, decision)
            if rows is None:
                return
            delivery, webhook = rows
            reason = given_up(
                decision.outcome, first_attempt_at=delivery.first_attempt_at, failing_since=webhook.failing_since
            )
            if reason is not None and disable(webhook, reason, uow.now):
                say_webhook_disabled(uow, webhook, delivery, reason, uow.now)
                await give_up(uow, webhook.webhook_id)
        log.info(
            "webhook_tried",
            webhook_id=str(claimed.webhook_id),
            delivery_id=str(claimed.delivery_id),
            attempt=claimed.attempt,
            status_code=tried.status_code,
            outcome=decision.outcome,
        )


class PruneDeliveries:
    """The job that forgets deliveries after their retention."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """One batch; at once again while there is more."""
        async with self._units.for_every_tenant() as uow:
            deleted = await prune(uow)
        return 0.0 if deleted else PRUNE_SECONDS
