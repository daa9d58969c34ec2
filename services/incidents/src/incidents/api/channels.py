"""Notification channels besides mail, and the log of every try to deliver a message."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from incidents.adapters import channel_store as store
from incidents.adapters.channel_addresses import ChannelAddress, UnusableAddressError, check_address
from incidents.adapters.channel_tables import ChannelRow, NotificationTryRow
from incidents.adapters.on_call_repository import hold_people, known_contracts
from incidents.api.channel_models import ChannelAnswer, ChannelChange, NewChannel, TryAnswer, TryResult
from incidents.api.dependencies import Box, Reader, Writer, agency_only
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    FieldError,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ValidationFailed,
    responses_for,
)
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/notification-channels", tags=["alerts"], route_class=IdempotentRoute)
tries = APIRouter(prefix="/v1/notification-tries", tags=["alerts"])

_VERSIONED = responses_for(PreconditionFailed, PreconditionRequired)


@router.post(
    "",
    status_code=201,
    summary="Add a notification channel",
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def create_notification_channel(
    body: NewChannel, unit: Unit, principal: Writer, box: Box, runtime: CurrentRuntime, response: Response
) -> ChannelAnswer:
    """From now on messages of its kinds go there too, to a person when he may be disturbed. Mail goes on as before."""
    agency_only(principal)
    if body.person_id is not None and body.person_id not in await hold_people(unit.session, [body.person_id]):
        raise _not_found("There is no person with this id.", "#/person_id")
    if body.contract_id is not None and not await known_contracts(unit.session, [body.contract_id]):
        raise _not_found("There is no contract with this id.", "#/contract_id")
    url = body.url.get_secret_value()
    address = await _checked(url, runtime)
    row = ChannelRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        person_id=body.person_id,
        contract_id=body.contract_id,
        name=body.name,
        scheme=address.scheme,
        shown=address.shown,
        address=box.seal(url),
        language=body.language,
        kinds=list(dict.fromkeys(body.kinds)),
        enabled=body.enabled,
        version=1,
        created_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    response.headers["Location"] = f"/v1/notification-channels/{row.id}"
    response.headers["ETag"] = etag(row.version)
    return ChannelAnswer.of_row(row)


@router.get("", summary="List notification channels")
async def list_notification_channels(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    person_id: UUID | None = None,
    contract_id: UUID | None = None,
) -> Page[ChannelAnswer]:
    """In the order in which they were made, without their addresses."""
    agency_only(principal)
    selected = store.channels()
    if person_id is not None:
        selected = selected.where(ChannelRow.person_id == person_id)
    if contract_id is not None:
        selected = selected.where(ChannelRow.contract_id == contract_id)
    return await paginate(unit.session, selected, columns=(ChannelRow.id,), params=params, to_item=ChannelAnswer.of_row)


@router.get("/{channel_id}", summary="Read a notification channel")
async def get_notification_channel(
    channel_id: UUID, unit: Unit, principal: Reader, response: Response
) -> ChannelAnswer:
    """One channel, without its address."""
    agency_only(principal)
    row = await _row(unit, channel_id)
    response.headers["ETag"] = etag(row.version)
    return ChannelAnswer.of_row(row)


@router.patch("/{channel_id}", summary="Change a notification channel", responses=_VERSIONED)
async def update_notification_channel(
    channel_id: UUID,
    body: ChannelChange,
    unit: Unit,
    principal: Writer,
    box: Box,
    runtime: CurrentRuntime,
    if_match: IfMatch,
    response: Response,
) -> ChannelAnswer:
    """A merge patch: what is left out stays. What waits for the channel goes to its new address."""
    agency_only(principal)
    row = await _row(unit, channel_id, lock=True)
    if_match.require(row.version)
    if body.url is not None:
        url = body.url.get_secret_value()
        address = await _checked(url, runtime)
        row.scheme, row.shown, row.address = address.scheme, address.shown, box.seal(url)
    if body.kinds is not None:
        row.kinds = list(dict.fromkeys(body.kinds))
    for name in body.model_fields_set & {"name", "language", "enabled"}:
        setattr(row, name, getattr(body, name))
    row.version += 1
    await unit.session.flush()
    response.headers["ETag"] = etag(row.version)
    return ChannelAnswer.of_row(row)


@router.delete("/{channel_id}", status_code=204, summary="Remove a notification channel", responses=_VERSIONED)
async def remove_notification_channel(channel_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """Nothing more is sent there, and its address is forgotten. What was sent stays in the log."""
    agency_only(principal)
    row = await _row(unit, channel_id, lock=True)
    if_match.require(row.version)
    row.removed_at, row.address = unit.now, b""
    row.version += 1


@tries.get("", summary="List tries to deliver messages")
async def list_notification_tries(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    item_id: UUID | None = None,
    channel_id: UUID | None = None,
    result: Annotated[
        list[TryResult] | None, Query(max_length=4, description="any of these; gave_up and refused never arrived")
    ] = None,
) -> Page[TryAnswer]:
    """Newest first: when what was tried where, what came of it, and when it is tried again. Mail and channels alike."""
    agency_only(principal)
    selected = store.tries()
    if item_id is not None:
        selected = selected.where(NotificationTryRow.item_id == item_id)
    if channel_id is not None:
        selected = selected.where(NotificationTryRow.channel_id == channel_id)
    if result:
        selected = selected.where(NotificationTryRow.result.in_(result))
    return await paginate(
        unit.session,
        selected,
        columns=(NotificationTryRow.at, NotificationTryRow.id),
        params=params,
        to_item=TryAnswer.of_row,
        descending=True,
    )


async def _row(unit: Unit, channel_id: UUID, *, lock: bool = False) -> ChannelRow:
    row = await store.channel(unit.session, channel_id, lock=lock)
    if row is None:
        raise NotFound("There is no notification channel with this id.")
    return row


async def _checked(url: str, runtime: CurrentRuntime) -> ChannelAddress:
    try:
        # Loading a plugin for the first time takes a while, which others should not have to wait for.
        return await asyncio.to_thread(check_address, url, runtime.settings.allowed_networks)
    except UnusableAddressError as error:
        raise ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer="#/url")]) from None


def _not_found(detail: str, pointer: str) -> NotFound:
    return NotFound(detail, errors=[FieldError(detail=detail, pointer=pointer)])
