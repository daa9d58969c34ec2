"""Filters of the list of items that people keep under a name, for themselves or for everybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy import select

from incidents.adapters.item_search import saved_filter, saved_filters
from incidents.adapters.search_tables import SavedFilterRow
from incidents.api.dependencies import Reader
from incidents.api.item_filters import ItemFilters
from incidents.api.record_desk import Line
from incidents.domain.records import AlreadyThereError
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, Forbidden, NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/saved-filters", tags=["items"], route_class=IdempotentRoute)

_KEPT: dict[str, Any] = {
    "name": "Critical and open",
    "shared": True,
    "filters": {"status": ["open"], "severity": ["critical"], "q": "caisse"},
}
_SAVED: dict[str, Any] = _KEPT | {
    "saved_filter_id": "0197a1c2-0000-7000-8000-000000000551",
    "version": 1,
    "owner_name": "Ada Martin",
    "mine": True,
    "changed_at": "2026-06-08T09:12:00Z",
}
_CHANGED = responses_for(Conflict, PreconditionFailed, PreconditionRequired)


class SavedFilterBody(BaseModel):
    """A name and what it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_KEPT]})

    name: Line
    shared: StrictBool = Field(default=False, description="whether everybody who sees the same items may use it")
    filters: ItemFilters


class SavedFilter(BaseModel):
    """A filter that somebody keeps; `filter` of the lists takes its id."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SAVED]})

    saved_filter_id: UUID
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    name: str = Field(max_length=200)
    shared: bool
    filters: ItemFilters
    owner_name: str = Field(max_length=200)
    mine: bool = Field(description="whether you may change it")
    changed_at: Instant

    @classmethod
    def of(cls, row: SavedFilterRow, principal: Principal) -> SavedFilter:
        """The answer that tells a row."""
        same = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate(same | {"saved_filter_id": row.id, "mine": row.owner_id == principal.subject})


@router.post("", status_code=201, summary="Keep a filter", dependencies=[Idempotent], responses=responses_for(Conflict))
async def save_filter(body: SavedFilterBody, unit: Unit, principal: Reader, response: Response) -> SavedFilter:
    """Under a name that one has not used yet. What it names need not exist: it then finds nothing."""
    await _refuse_known_name(unit, principal, body.name)
    row = SavedFilterRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        client_id=principal.client_id,
        owner_id=principal.subject,
        owner_name=principal.name,
        name=body.name,
        shared=body.shared,
        filters=body.filters.kept(),
        version=1,
        created_at=unit.now,
        changed_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    response.headers["Location"] = f"/v1/saved-filters/{row.id}"
    return _answer(row, principal, response)


@router.get("", summary="List saved filters")
async def list_saved_filters(unit: Unit, principal: Reader, params: PageParams) -> Page[SavedFilter]:
    """One's own and those that others share, oldest first."""
    return await paginate(
        unit.session,
        saved_filters(principal.subject),
        columns=(SavedFilterRow.created_at, SavedFilterRow.id),
        params=params,
        to_item=lambda row: SavedFilter.of(row, principal),
    )


@router.get("/{saved_filter_id}", summary="Read a saved filter")
async def get_saved_filter(saved_filter_id: UUID, unit: Unit, principal: Reader, response: Response) -> SavedFilter:
    """One filter as it stands."""
    return _answer(await _found(unit, principal, saved_filter_id), principal, response)


@router.put("/{saved_filter_id}", summary="Change a saved filter", responses=_CHANGED)
async def change_saved_filter(
    saved_filter_id: UUID,
    body: SavedFilterBody,
    unit: Unit,
    principal: Reader,
    response: Response,
    if_match: IfMatch,
) -> SavedFilter:
    """Only whoever keeps it changes it; who uses a shared one gets what it says from then on."""
    row = await _own(unit, principal, saved_filter_id)
    if_match.require(row.version)
    if body.name != row.name:
        await _refuse_known_name(unit, principal, body.name)
    row.name, row.shared, row.filters = body.name, body.shared, body.filters.kept()
    row.version += 1
    row.changed_at = unit.now
    await unit.session.flush()
    return _answer(row, principal, response)


@router.delete("/{saved_filter_id}", status_code=204, summary="Delete a saved filter", responses=_CHANGED)
async def delete_saved_filter(saved_filter_id: UUID, unit: Unit, principal: Reader, if_match: IfMatch) -> None:
    """Only whoever keeps it deletes it."""
    row = await _own(unit, principal, saved_filter_id)
    if_match.require(row.version)
    await unit.session.delete(row)


def _answer(row: SavedFilterRow, principal: Principal, response: Response) -> SavedFilter:
    response.headers["ETag"] = etag(row.version)
    return SavedFilter.of(row, principal)


async def _found(unit: Unit, principal: Principal, filter_id: UUID, *, lock: bool = False) -> SavedFilterRow:
    row = await saved_filter(unit.session, filter_id, principal.subject, lock=lock)
    if row is None:
        raise NotFound("There is no saved filter with this id.")
    return row


async def _own(unit: Unit, principal: Principal, filter_id: UUID) -> SavedFilterRow:
    row = await _found(unit, principal, filter_id, lock=True)
    if row.owner_id != principal.subject:
        raise Forbidden(f"This filter is kept by {row.owner_name}. Ask for the change, or keep one of your own.")
    return row


async def _refuse_known_name(unit: Unit, principal: Principal, name: str) -> None:
    statement = select(SavedFilterRow.id).where(
        SavedFilterRow.owner_id == principal.subject, SavedFilterRow.name == name
    )
    if (await unit.session.execute(statement)).first() is not None:
        raise AlreadyThereError("You keep a filter of this name already. Change that one, or choose another name.")
