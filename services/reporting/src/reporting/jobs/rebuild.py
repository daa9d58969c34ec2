"""Makes the projections again from what the streams said, while everything else goes on.

The streams keep 30 days, or 14 (probes). What was heard of them is kept byte for byte, events in `event` and the newest
roll-up of each hour in `rollup`: a rebuild first puts back there what took effect and is lost, as far as the streams
still have it, and then reads these two from one end to the other. Handlers say what becomes of an event, as they do
when it is heard.

Rows are written into tables beside the present ones. Each step is one transaction and says how far it came, so that
whoever is interrupted goes on from there. What is heard meanwhile is kept under growing numbers and read at the end,
when for a moment nothing more is heard; what differs then is written in the transaction of that moment.
"""

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.adapters.kept_rows import Gathering, Model
from reporting.adapters.next_generation import (
    STAGES,
    Difference,
    begin,
    heard_since,
    kept_events,
    kept_rollups,
    nothing_heard,
    one_at_a_time,
    switch,
    took_effect_and_is_lost,
    under_way,
)
from reporting.adapters.projections import remember_event
from reporting.adapters.rebuilt_tables import REBUILT, RebuildRow
from reporting.adapters.rollups import RollupRow
from reporting.adapters.tables import Event
from reporting.handlers import handlers
from reporting.handlers.everything import NOT_KEPT, keep_and_queue
from reporting.handlers.monitors import HourlyRollup, keep_measured_hour, keep_rollup
from shared.consumer import PermanentError, Subscription, parse_envelope, received_by
from shared.events import Envelope, EventName
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH: Final = 2_000
ASKED_AT_ONCE: Final = 64
"""Messages that a stream is asked for at one time."""
_ROLLUP: Final = EventName.parse("probes.rollup.hourly.v1")
_KEEPERS: Final[Mapping[Model, Table]] = {
    Event: cast(Table, Event.__table__),
    RollupRow: cast(Table, RollupRow.__table__),
}


class CannotRebuild(Exception):
    """The message says why; what was there before is still there."""


@dataclass(frozen=True)
class Progress:
    """How far a rebuild has come: what was read of about how much, and what was put back from the streams."""

    stage: str
    done: int
    whole: int
    restored: int


class Rebuild:
    """One rebuild. Without a connection to the streams it reads only what is kept."""

    def __init__(self, units: UnitsOfWork, js: JetStreamContext | None, *, batch: int = BATCH) -> None:
        self._units = units
        self._js = js
        self._batch = batch
        self._handlers: defaultdict[EventName, list[Subscription]] = defaultdict(list)
        for subscription in handlers:
            if str(subscription.name) not in NOT_KEPT:
                self._handlers[subscription.name].append(subscription)
        self._names = [str(name) for name in self._handlers]
        self._measured = Subscription(_ROLLUP, HourlyRollup, keep_measured_hour)
        self._rollup = Subscription(_ROLLUP, HourlyRollup, keep_rollup)

    async def begin(self, *, anew: bool = False) -> Progress:
        """Goes on with the rebuild that is under way, or begins one."""
        async with self._units.for_every_tenant() as unit:
            return _progress(await begin(unit, self._names, anew=anew))

    async def step(self) -> Progress | None:
        """The next batch. None when all that is left is the switch, or somebody else has finished the rebuild.

        Raises CannotRebuild for an event that no handler understands any more.
        """
        async with self._units.for_every_tenant() as unit:
            await one_at_a_time(unit.session)
            row = await under_way(unit.session)
            if row is None:
                return None
            gathering = _gathering(unit)
            match row.stage:
                case "streams":
                    await self._restore(unit.session, row, gathering)
                case "events":
                    await self._events(unit.session, row, gathering)
                case "rollups":
                    await self._rollups(unit.session, row, gathering)
                case _:
                    if await self._meanwhile(unit.session, row, gathering):
                        return None
            return _progress(row)

    async def switch(self, *, remove: bool = False) -> list[Difference]:
        """Reads what was heard last and switches. `remove`: also rows that come from no event that is kept."""
        async with self._units.for_every_tenant() as unit:
            await one_at_a_time(unit.session)
            row = await under_way(unit.session)
            if row is None:
                raise CannotRebuild("No rebuild is under way: another process has finished it.")
            if row.stage != STAGES[-1]:
                raise CannotRebuild("The rebuild has not read everything yet.")
            while not await self._meanwhile(unit.session, row, _gathering(unit)):
                pass
            return await switch(unit, remove=remove)

    async def _restore(self, session: AsyncSession, row: RebuildRow, gathering: Gathering) -> None:
        """The next messages of the next stream that is not read to its present end."""
        for stream in [declaration.stream for declaration in handlers.declarations()] if self._js else []:
            end = row.streams.get(stream)
            if end is not None and end[0] > end[1]:
                continue
            if end is None:
                end = await self._extent(stream)
            first, last = end
            payloads = await self._messages(stream, first, min(last, first + self._batch - 1))
            row.restored += await self._put_back(session, payloads, gathering)
            row.streams = {**row.streams, stream: [first + self._batch, last]}
            return
        _next(row)

    async def _extent(self, stream: str) -> tuple[int, int]:
        assert self._js is not None
        try:
            state = (await self._js.stream_info(stream)).state
        except NotFoundError:
            return 1, 0
        return max(1, state.first_seq), state.last_seq

    async def _messages(self, stream: str, first: int, last: int) -> list[bytes]:
        js = self._js
        assert js is not None
        asking = asyncio.Semaphore(ASKED_AT_ONCE)

        async def message(sequence: int) -> bytes:
            async with asking:
                try:
                    return (await js.get_msg(stream, sequence)).data or b""
                except NotFoundError:  # it reached its age meanwhile
                    return b""

        return [each for each in await asyncio.gather(*map(message, range(first, last + 1))) if each]

    async def _put_back(self, session: AsyncSession, payloads: Sequence[bytes], gathering: Gathering) -> int:
        """Keeps again what took effect and is not kept any more; how many events that were."""
        events: dict[UUID, tuple[Envelope, bytes]] = {}
        for payload in payloads:
            with contextlib.suppress(PermanentError):  # no event of ours, and a dead letter already
                envelope, _ = parse_envelope(payload)
                events[envelope.id] = envelope, payload
        kept = {each for each, (envelope, _) in events.items() if str(envelope.name) not in NOT_KEPT}
        lost = await took_effect_and_is_lost(session, list(events))
        for event_id, (envelope, payload) in events.items():
            if event_id not in lost:
                continue
            if event_id in kept:
                heard = received_by(Subscription(envelope.name, None, keep_and_queue), envelope, payload)
                await remember_event(gathering, heard, str(envelope.name))
            else:
                await self._rollup.handle(received_by(self._rollup, envelope, payload), gathering)
        await gathering.write(session, _KEEPERS)
        return len(lost & kept)

    async def _events(self, session: AsyncSession, row: RebuildRow, gathering: Gathering) -> None:
        found = await kept_events(session, self._names, row.position, self._batch)
        for each in found:
            await self._project(each.payload, gathering)
        await self._written(session, row, gathering, [each.event_id for each in found])

    async def _rollups(self, session: AsyncSession, row: RebuildRow, gathering: Gathering) -> None:
        found = await kept_rollups(session, row.position, self._batch)
        for each in found:
            await self._measure(each.payload, gathering)
        await self._written(session, row, gathering, [each.rollup_id for each in found])

    async def _written(
        self, session: AsyncSession, row: RebuildRow, gathering: Gathering, read: Sequence[UUID]
    ) -> None:
        await gathering.write(session, REBUILT)
        row.done += len(read)
        if len(read) < self._batch:
            _next(row)
        else:
            row.position = read[-1]

    async def _meanwhile(self, session: AsyncSession, row: RebuildRow, gathering: Gathering) -> bool:
        """A batch of what was heard since; True when there is no more, and nothing is heard until the commit."""
        end = await nothing_heard(session)
        events, rollups = await heard_since(session, self._names, row.heard, self._batch)
        for some in (events, rollups):
            if len(some) == self._batch:
                end = min(end, some[-1].heard)
        for each in events:
            if each.heard <= end:
                await self._project(each.payload, gathering)
        for each in rollups:
            if each.heard <= end:
                await self._measure(each.payload, gathering)
        await gathering.write(session, REBUILT)
        row.heard = end
        return len(events) < self._batch and len(rollups) < self._batch

    async def _project(self, payload: bytes, gathering: Gathering) -> None:
        envelope, name = parse_envelope(payload)
        for subscription in self._handlers[name]:
            await _handled(subscription, envelope, payload, gathering)

    async def _measure(self, compressed: bytes, gathering: Gathering) -> None:
        payload = zlib.decompress(compressed)
        await _handled(self._measured, parse_envelope(payload)[0], payload, gathering)


async def _handled(subscription: Subscription, envelope: Envelope, payload: bytes, gathering: Gathering) -> None:
    try:
        await subscription.handle(received_by(subscription, envelope, payload), gathering)
    except PermanentError as error:
        raise CannotRebuild(f"The event {envelope.id} cannot be read: {error}. Nothing was changed.") from error


def _gathering(unit: UnitOfWork) -> Gathering:
    """Handlers of a rebuild reach no session: what they write without `keep` is an error and no second effect."""
    return Gathering(
        session=cast(AsyncSession, None),
        now=unit.now,
        tenant_id=None,
        client_id=None,
        actor=unit.actor,
        registry=unit.registry,
    )


def _next(row: RebuildRow) -> None:
    row.stage, row.position = STAGES[STAGES.index(row.stage) + 1], None


def _progress(row: RebuildRow) -> Progress:
    return Progress(row.stage, row.done, row.whole, row.restored)
