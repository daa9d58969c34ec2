"""What happens to items, as it happens: a stream of server-sent events for frontends.

A stream reads the stored facts by place and sends them at its reader's pace: what waits for a slow reader waits in the
database, not here. Between two readings it holds nothing but its place.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Hashable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager, suppress
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Receive, Scope, Send

from incidents.adapters import item_facts
from incidents.adapters.defaults import incidents_settings
from incidents.adapters.item_facts import Kept
from incidents.adapters.item_search import ItemFilter
from incidents.adapters.tables import TimelineRow, WorkItemRow
from incidents.api.dependencies import Reader, audience_of
from incidents.api.item_filters import Wanted
from incidents.api.models import AssigneeAnswer, TimelineEntry
from incidents.domain.work_item import Kind, Status
from shared.auth import Principal
from shared.http_edge import EVENT_STREAM
from shared.problems import NotFound, TooManyRequests, responses_for
from shared.service import CurrentRuntime
from shared.unit_of_work import UnitsOfWork
from shared.worker import Runtime

router = APIRouter(prefix="/v1/items", tags=["items"])

LOOK_SECONDS = 0.5
"""How often a process looks for new facts, whatever the number of its streams."""
SEND_SECONDS = 60.0
"""A reader who takes nothing in for so long is gone."""
AT_ONCE = 100
PER_PERSON: Final = 5
"""Streams of one person or key in a process: a browser opens no more to one place either."""
LONGEST: Final = 3600
_RETRY_MS = 2000

_log = structlog.get_logger(__name__)

_EXAMPLE = (
    'retry: 2000\nid: 41\nevent: begin\ndata: {"position": 41}\n\n'
    'id: 42\nevent: fact\ndata: {"item": {"number": "INC-2026-0001", ...}, "entry": {"kind": "acknowledged", ...}}\n\n'
    'id: 43\nevent: left\ndata: {"item_id": "0197a1c2-0000-7000-8000-000000000501", "number": "INC-2026-2"}\n\n'
    ":\nid: 57\n\n"
)
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "one event of the stream",
    "properties": {
        "id": {
            "type": "string",
            "pattern": "^[0-9]{1,19}$",
            "maxLength": 19,
            "description": "resume with the last one",
        },
        "event": {"type": "string", "enum": ["begin", "reset", "fact", "left"]},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "one line of JSON"},
        "retry": {"type": "integer", "minimum": 0, "maximum": 60_000, "description": "milliseconds"},
    },
}
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": (
            "`begin` (a new stream) or `reset` (the id asked for cannot be resumed: read the list again), then `fact` "
            "for each line on a timeline, with the item as it stands, or `left` when that item does not pass the "
            "filter (any more). An event without data only moves the id on."
        ),
        "content": {EVENT_STREAM: {"schema": _EVENT, "examples": {"stream": {"value": _EXAMPLE}}}},
    }
}


class FactItem(BaseModel):
    """An item as a stream tells it: enough for a line of a list."""

    item_id: UUID
    kind: Kind
    number: str
    version: int
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    severity: str
    title: str
    status: Status
    assignee: AssigneeAnswer | None
    support_level: int

    @classmethod
    def of_row(cls, row: WorkItemRow) -> "FactItem":
        """What is told of a row."""
        assignee = {"id": row.assignee_id, "name": row.assignee_name} if row.assignee_id is not None else None
        same = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate(same | {"item_id": row.id, "assignee": assignee})


class ItemFact(BaseModel):
    """The data of the event `fact`."""

    item: FactItem
    entry: TimelineEntry

    @classmethod
    def of(cls, item: WorkItemRow, entry: TimelineRow) -> "ItemFact":
        """What is told of a line of an item's timeline."""
        return cls(item=FactItem.of_row(item), entry=TimelineEntry.of_row(entry))


class News:
    """What the streams of a process share: one look at the database for all of them, and whose how many are."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._kept: dict[UUID, Kept] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        self._streams: Counter[Hashable] = Counter()

    def check_room(self, principal: Principal, most: int) -> None:
        """Raises TooManyRequests when no stream more may begin: of this person, of the clients', or of the tenant's.

        :param most: of the tenant's; the people of its clients have half of them, so that its own can always follow.
        """
        person, tenant, *clients = _counted_as(principal)
        if self._streams[person] >= PER_PERSON:
            said = f"You follow items by {PER_PERSON} streams already. Close one, or narrow less and share it."
        elif self._streams[tenant] >= most:
            said = f"Your agency follows items by {most} streams already. Close one, or narrow less and share it."
        elif any(self._streams[each] >= max(1, most // 2) for each in clients):
            said = (
                "The people of the agency's clients follow items by as many streams as they may. Read the list instead."
            )
        else:
            return
        raise TooManyRequests(said, headers={"Retry-After": "5"}, limit="streams")

    @contextmanager
    def counted(self, principal: Principal) -> Iterator[None]:
        """Counts a stream while it lasts."""
        counted = _counted_as(principal)
        self._streams.update(counted)
        try:
            yield
        finally:
            self._streams.subtract(counted)
            for each in counted:
                if not self._streams[each]:
                    del self._streams[each]

    async def kept(self, tenant_id: UUID, *, fresh: bool = False) -> Kept:
        """How far a tenant's facts reach, by a look that is half a second old at most; `fresh`: by one of now."""
        async with self._looking:
            if fresh or time.monotonic() - self._looked_at >= LOOK_SECONDS:
                async with self._units.for_every_tenant() as unit:
                    await item_facts.place(unit.session)
                async with self._units.for_every_tenant() as unit:
                    self._kept = await item_facts.kept(unit.session)
                self._looked_at = time.monotonic()
        return self._kept.get(tenant_id, Kept())


def _counted_as(principal: Principal) -> list[Hashable]:
    tenant_id = principal.tenant_id
    return [(tenant_id, principal.subject), tenant_id, *([(tenant_id,)] if principal.client_id is not None else [])]


class EventStream(Response):
    """Sends what a generator gives until it ends, the reader goes, or takes nothing in any more, counted meanwhile."""

    media_type = EVENT_STREAM

    def __init__(self, pieces: AsyncGenerator[str, None], counted: AbstractContextManager[None]) -> None:
        # No buffering by proxies on the way, and no copy kept anywhere.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._counted:
            sending = asyncio.create_task(self._send(send))
            gone = asyncio.create_task(_disconnected(receive))
            try:
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, gone):
                    task.cancel()
                await asyncio.gather(sending, gone, return_exceptions=True)
            if not sending.cancelled():
                with suppress(OSError):  # gone in the middle of a word
                    sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with suppress(TimeoutError):
            async with aclosing(self._pieces):
                async for piece in self._pieces:
                    async with asyncio.timeout(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
        ended: Message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(ended)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/stream",
    summary="Follow items as things happen to them",
    response_class=Response,
    responses=_DOCUMENTED | responses_for(NotFound, TooManyRequests),
)
async def stream_items(
    request: Request,
    runtime: CurrentRuntime,
    principal: Reader,
    wanted: Wanted,
    last_event_id: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, le=2**63 - 1, description="id of the last event that was read"),
    ] = None,
    for_seconds: Annotated[
        int | None,
        Query(
            ge=0,
            le=LONGEST,
            description="end after so long, 0 with what is there now; unless said, when the token expires",
        ),
    ] = None,
) -> Response:
    """Server-sent events of the items that the filters are about, the client's people's without notes for the agency.

    Resumed with `Last-Event-ID` it goes on without gaps or repeats. It ends when the token expires and when this
    process stops: connect again, to this or another one. Facts can be told for two weeks.
    """
    news = _news(request, runtime)
    most = incidents_settings(runtime.settings).streams_per_tenant
    news.check_room(principal, most)
    stream = _Stream(request, runtime, news, principal, wanted, last_event_id, for_seconds)
    return EventStream(stream.pieces(), news.counted(principal))


def _news(request: Request, runtime: Runtime) -> News:
    state = request.app.state
    if not hasattr(state, "item_news"):
        state.item_news = News(runtime.units)
    news: News = state.item_news
    return news


class _Stream:
    """One reader's stream."""

    def __init__(
        self,
        request: Request,
        runtime: Runtime,
        news: News,
        principal: Principal,
        wanted: ItemFilter,
        last_event_id: int | None,
        for_seconds: int | None,
    ) -> None:
        self._readiness = request.app.state.readiness
        self._runtime = runtime
        self._news = news
        self._principal = principal
        self._wanted = wanted
        self._asked = last_event_id
        self._heartbeat = incidents_settings(runtime.settings).stream_heartbeat_seconds
        self._until = time.monotonic() + for_seconds if for_seconds is not None else None

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text of the stream, piece by piece."""
        try:
            async with aclosing(self._told()) as told:
                async for piece in told:
                    yield piece
        except SQLAlchemyError as error:
            # The reader connects again and goes on where he was; meanwhile it may work.
            _log.warning("item_stream_broken", error=type(error).__name__)

    async def _told(self) -> AsyncGenerator[str, None]:
        kept = await self._news.kept(self._principal.tenant_id, fresh=True)
        position = self._asked if self._asked is not None and kept.has(self._asked) else kept.last
        yield f"retry: {_RETRY_MS}\n" + self._beginning(position)
        beaten = time.monotonic()
        while True:
            while position < kept.last:
                text, position = await self._read(position, kept.last)
                if text:
                    yield text
                    beaten = time.monotonic()
                if self._is_over(at_least=False):
                    return
            if self._is_over(at_least=True):
                return
            if time.monotonic() - beaten >= self._heartbeat:
                yield f":\nid: {position}\n\n"
                beaten = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            kept = await self._news.kept(self._principal.tenant_id)
            if position < kept.forgotten:
                position = kept.last
                yield self._reset(position)

    def _beginning(self, position: int) -> str:
        if self._asked is None:
            return _event(position, "begin", {"position": position})
        return self._reset(position) if position != self._asked else "\n"

    @staticmethod
    def _reset(position: int) -> str:
        detail = "What happened since the id that you asked for is not kept any more. Read the list again."
        return _event(position, "reset", {"position": position, "detail": detail})

    async def _read(self, position: int, last: int) -> tuple[str, int]:
        """The next facts as text, and the place up to which they reach."""
        principal = self._principal
        units = self._runtime.units
        async with units.for_tenant(principal.tenant_id, client_id=principal.client_id) as unit:
            rows = await item_facts.told_after(
                unit.session, self._wanted, audience_of(principal), after=position, up_to=last, most=AT_ONCE
            )
        text = "".join(
            _event(place, "fact", ItemFact.of(item, entry).model_dump(mode="json"))
            if passes
            else _event(place, "left", {"item_id": str(item.id), "number": item.number})
            for place, entry, item, passes in map(tuple, rows)
        )
        return text, rows[-1].position if len(rows) == AT_ONCE else last

    def _is_over(self, *, at_least: bool) -> bool:
        """Whether to end. `at_least`: everything that is there has been told."""
        if self._readiness.draining or self._runtime.clock.now() >= self._principal.expires_at:
            return True
        return at_least and self._until is not None and time.monotonic() >= self._until


def _event(position: int, name: str, data: dict[str, Any]) -> str:
    return f"id: {position}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
