"""Works off due deliveries: claim, send, record. A crash between sending and recording sends once more, never loses."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from reporting.adapters.announce import say_webhook_disabled
from reporting.adapters.deliveries import (
    Claimed,
    Sealed,
    Tried,
    claim,
    give_up,
    prune,
    record,
    record_arrived,
    withhold,
)
from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.adapters.webhook_changes import disable
from reporting.adapters.webhook_sender import WebhookSender
from reporting.adapters.webhook_signatures import Keys
from reporting.domain.retries import Outcome, decide, given_up, is_success, rests_until
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

IDLE_SECONDS = 0.5
GATHER_SECONDS = 0.02
"""So long what ends after the first waits for others, to be written down and followed up together."""
PRUNE_SECONDS = 60.0
WITHHELD = (
    "not sent: the webhook is for clients now, and this is about another one, about none, or for the agency alone"
)


@dataclass(frozen=True)
class Ended:
    """A try that is over; `wait`: how long its receiver asks us to wait."""

    claimed: Claimed
    tried: Tried
    wait: timedelta | None


class DeliverWebhooks:
    """The job that sends what is due. Each try goes on by itself: one that takes long keeps no other from beginning."""

    def __init__(self, units: UnitsOfWork, sender: WebhookSender, box: SecretBox, concurrency: int) -> None:
        self._units = units
        self._sender = sender
        self._box = box
        self._concurrency = concurrency
        self._share = max(2, concurrency // 10)
        self._under_way: dict[asyncio.Task[Ended], UUID] = {}

    async def run(self) -> float:
        """Writes down what has ended, begins what is due as far as there is room, and waits until something ends, at
        most half a second.

        Raises what could not be written down; those deliveries are tried again when their lease is over.
        """
        await self._note_ended()
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
                self._under_way[asyncio.create_task(self._try(claimed, at))] = claimed.webhook_id
        if not self._under_way:
            return IDLE_SECONDS
        ended, _ = await asyncio.wait(self._under_way, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return GATHER_SECONDS if ended and len(ended) < len(self._under_way) else 0.0

    async def finish(self) -> None:
        """Waits for what is under way, and writes it down; ends it when it is itself cancelled."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._note_ended()

    async def _note_ended(self) -> None:
        tasks = [task for task in self._under_way if task.done()]
        for task in tasks:
            del self._under_way[task]
        failed = [error for task in tasks if (error := task.exception()) is not None]
        ended = [task.result() for task in tasks if task.exception() is None]
        arrived = [each for each in ended if is_success(each.tried.status_code) and not each.claimed.is_ordered]
        noted: set[UUID] = set()
        if arrived:
            async with self._units.for_every_tenant() as uow:
                noted = await record_arrived(uow, [(each.claimed, each.tried) for each in arrived])
        for each in ended:
            if each.claimed.delivery_id in noted:
                _say_tried(each, "delivered")
            else:
                await self._note(each)
        if failed:
            raise BaseExceptionGroup("tries of webhooks", failed)

    async def _try(self, claimed: Claimed, at: datetime) -> Ended:
        if claimed.is_withheld:
            return Ended(claimed, Tried(at, 0, None, WITHHELD), None)
        try:
            keys = [self._opened(sealed) for sealed in claimed.keys]
        except Unreadable as error:
            return Ended(claimed, Tried(at, 0, None, str(error)), None)
        tried, wait = await self._sender.send(claimed.url, claimed.event_id, claimed.payload, keys, at)
        return Ended(claimed, tried, wait)

    async def _note(self, ended: Ended) -> None:
        claimed, tried = ended.claimed, ended.tried
        async with self._units.for_every_tenant() as uow:
            if claimed.is_withheld:
                await withhold(uow, claimed, tried)
                return
            decision = decide(
                attempt=claimed.attempt_of_schedule,
                status_code=tried.status_code,
                now=uow.now,
                retry_after=ended.wait,
                jitter=secrets.randbelow(1_000) / 1_000,
            )
            resting = rests_until(status_code=tried.status_code, now=uow.now, retry_after=ended.wait)
            rows = await record(uow, claimed, tried, decision, resting)
            if rows is None:
                return
            delivery, webhook = rows
            reason = given_up(
                decision.outcome, first_attempt_at=delivery.first_attempt_at, failing_since=webhook.failing_since
            )
            if reason is not None and disable(webhook, reason, uow.now):
                say_webhook_disabled(uow, webhook, delivery, reason, uow.now)
                await give_up(uow, webhook.webhook_id)
        _say_tried(ended, decision.outcome)

    def _opened(self, sealed: Sealed) -> Keys:
        signing_key = self._box.open(sealed.signing_key) if sealed.signing_key is not None else None
        return Keys(self._box.open(sealed.secret), signing_key)


def _say_tried(ended: Ended, outcome: Outcome) -> None:
    log.info(
        "webhook_tried",
        webhook_id=str(ended.claimed.webhook_id),
        delivery_id=str(ended.claimed.delivery_id),
        attempt=ended.claimed.attempt,
        status_code=ended.tried.status_code,
        outcome=outcome,
    )


class PruneDeliveries:
    """The job that forgets deliveries and replays after their retention."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """One batch; at once again while there is more."""
        async with self._units.for_every_tenant() as uow:
            deleted = await prune(uow)
        return 0.0 if deleted else PRUNE_SECONDS
