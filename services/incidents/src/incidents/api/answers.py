"""How the routes of the service desk answer: an item as it stands, and lists of items."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from incidents.adapters import queries
from incidents.adapters.repository import read_item
from incidents.adapters.tables import WorkItemRow
from incidents.api.desk_models import ItemAnswer, ItemLine, RequesterTold
from incidents.application.approvals import freezes_to_approve
from incidents.application.clocks import read_clocks
from incidents.application.ports import ClockView, Ports
from incidents.domain.work_item import DONE, Kind, Requester, Status, WorkItem
from shared.auth import Principal
from shared.etag import etag, not_modified
from shared.pagination import Page, Paging, paginate
from shared.problems import FieldError, NotFound, ValidationFailed
from shared.service import Unit

Found = tuple[WorkItem, list[ClockView]] | None


async def answer_with(ports: Ports, found: Found, response: Response) -> ItemAnswer:
    """The answer of an act: the item after it. Raises NotFound for None."""
    if found is None:
        raise NotFound("There is no such item.")
    item, clocks = found
    response.headers["ETag"] = etag(item.version)
    links, hand_overs = await ports.items.links(item.id), await ports.items.hand_overs(item.id)
    freezes = await freezes_to_approve(ports, item)
    return ItemAnswer.of(item, clocks, links, hand_overs, freezes, ports.now)


async def row_of(unit: Unit, item_id: UUID, kind: Kind | None = None) -> WorkItemRow:
    """The row of an item that the caller may see. Raises NotFound."""
    row = await queries.item(unit.session, item_id, kind)
    if row is None:
        raise NotFound("There is no such item.")
    return row


async def read_one(
    ports: Ports, unit: Unit, item_id: UUID, kind: Kind | None, request: Request, response: Response
) -> ItemAnswer | Response:
    """An item with its clocks as they read now; 304 only when it is done and all of them have ended: while a clock or
    the time of a level of support runs, the answer changes by itself.
    """
    item = await read_item(unit.session, await row_of(unit, item_id, kind))
    clocks = await read_clocks(ports, item)
    if (item.status in DONE or item.status is Status.RESOLVED) and have_ended(clocks):
        unchanged = not_modified(request, item.version)
        if unchanged is not None:
            return unchanged
    return await answer_with(ports, (item, clocks), response)


def have_ended(clocks: Iterable[ClockView]) -> bool:
    """Whether all of them have ended: what they read will not change by the passing of time."""
    return all(view.reading.state in ("met", "cancelled") or view.reading.cycles[-1].verdict for view in clocks)


async def list_of(unit: Unit, kind: Kind, params: Paging, **filters: Any) -> Page[ItemLine]:
    """Items of a kind, newest first."""
    found: Page[Any] = await paginate(
        unit.session,
        queries.items(kind, **filters),
        columns=(WorkItemRow.opened_at, WorkItemRow.id),
        params=params,
        to_item=lambda row: row,
        descending=True,
    )
    return Page[ItemLine](data=await lines(unit, found.data), next_cursor=found.next_cursor)


async def lines(unit: Unit, rows: Sequence[WorkItemRow]) -> list[ItemLine]:
    """The lines of these rows."""
    stamps = await queries.stamps(unit.session, rows)
    clocks = await queries.cached_clocks(unit.session, rows)
    return [ItemLine.of_row(row, stamps[row.id], clocks[row.id], unit.now) for row in rows]


def requester_of(told: RequesterTold | None, principal: Principal) -> Requester:
    """Who asks: whom the agency names, else the caller. A client's person asks for himself."""
    if told is None:
        return Requester(principal.kind, principal.subject, principal.name, None, None, "api")
    if principal.client_id is not None:
        detail = "Only the agency writes down what somebody else asks. Leave this out."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/requester")])
    return Requester("contact", None, told.name, told.email, told.phone, told.channel)
