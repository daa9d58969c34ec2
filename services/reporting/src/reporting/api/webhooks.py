"""Outbound webhooks: who is told what, and how that went."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import defer

from reporting.adapters.delivery_queue import release_all
from reporting.adapters.tables import Delivery, Webhook, WebhookReplay
from reporting.adapters.webhook_changes import rotate_keys, send_again, set_enabled, touch
from reporting.adapters.webhook_replays import begin_replay, find_replay
from reporting.adapters.webhooks import (
    add_webhook,
    attempts_of,
    find_delivery,
    find_webhook,
    queue_test,
    unknown_clients,
)
from reporting.api.dependencies import Box, Settings
from reporting.api.guarded_addresses import check_address
from reporting.api.webhook_models import (
    CreatedWebhook,
    DeliverySummary,
    DeliveryView,
    NewReplay,
    NewWebhook,
    ReplayView,
    RotatedSecret,
    WebhookChange,
    WebhookView,
    created_webhook,
)
from reporting.application.webhooks import WebhookIsDisabled
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, PreconditionFailed, ValidationFailed, responses_for
from shared.service import Unit, require

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

Manager = Annotated[Principal, Depends(require("webhooks:manage"))]
EVENT_NAME = r"^[a-z]{1,30}\.[a-z_]{1,30}\.[a-z_]{1,40}\.v[1-9][0-9]{0,2}$"
UNKNOWN = "There is no webhook with this id."
_IN_THE_CLEAR = "Use an https address: what is delivered must not travel in the clear."


async def _check_clients(unit: Unit, client_ids: Sequence[UUID]) -> None:
    """Refuses a filter that would never let anything through, and one of somebody else's client alike."""
    detail = "There is no client with this id, or Upheld has not heard of it here yet: look at /v1/clients."
    unknown = await unknown_clients(unit, client_ids)
    if unknown:
        errors = [FieldError(detail=detail, pointer=f"#/client_ids/{place}") for place in unknown]
        raise ValidationFailed(detail, errors=errors)


async def _found(unit: Unit, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    webhook = await find_webhook(unit, webhook_id, lock=lock)
    if webhook is None:
        raise NotFound(UNKNOWN)
    return webhook


@router.post("", status_code=201, summary="Add a webhook", responses=responses_for(Conflict))
async def create_webhook(
    body: NewWebhook, unit: Unit, _manager: Manager, settings: Settings, box: Box, response: Response
) -> CreatedWebhook:
    """Every event of the agency from now on that matches is delivered, signed as Standard Webhooks.

    An agency has at most 100 webhooks. The answer shows the secret, this once. For the same reason this route keeps no
    Idempotency-Key: a stored answer would be a stored secret. Repeated by mistake, it makes a second webhook, which can
    be deleted.
    """
    check_address(body.url, settings, "#/url", _IN_THE_CLEAR)
    await _check_clients(unit, body.client_ids)
    webhook, secret = await add_webhook(
        unit,
        box,
        url=body.url,
        description=body.description,
        event_types=list(dict.fromkeys(body.event_types)),
        client_ids=list(dict.fromkeys(body.client_ids)),
        ordered=body.ordered,
        enabled=body.enabled,
    )
    response.headers["Location"] = f"/v1/webhooks/{webhook.webhook_id}"
    response.headers["ETag"] = etag(webhook.version)
    response.headers["Cache-Control"] = "no-store"
    return created_webhook(webhook, secret)


@router.get("", summary="List webhooks")
async def list_webhooks(unit: Unit, _manager: Manager, params: PageParams) -> Page[WebhookView]:
    """The webhooks of the agency, oldest first."""
    return await paginate(
        unit.session,
        select(Webhook),
        columns=(Webhook.created_at, Webhook.webhook_id),
        params=params,
        to_item=WebhookView.of,
    )


@router.get(
    "/{webhook_id}",
    summary="Read a webhook",
    response_model=WebhookView,
    responses={304: {"description": "Not changed (`If-None-Match`)"}, **responses_for(NotFound)},
)
async def get_webhook(
    webhook_id: UUID,
    unit: Unit,
    _manager: Manager,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> WebhookView | Response:
    """One webhook, without its secret."""
    webhook = await _found(unit, webhook_id)
    unchanged = not_modified(request, webhook.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(webhook.version)
    return WebhookView.of(webhook)


@router.patch("/{webhook_id}", summary="Change a webhook", responses=responses_for(NotFound, PreconditionFailed))
async def update_webhook(
    webhook_id: UUID,
    body: WebhookChange,
    unit: Unit,
    _manager: Manager,
    settings: Settings,
    if_match: IfMatch,
    response: Response,
) -> WebhookView:
    """A merge patch: what is left out stays. Enabling a disabled webhook sends what waits and forgets its failures.

    Filters are for what happens from now on; but with `client_ids`, what waits and may not go there ends as `failed`.
    """
    webhook = await _found(unit, webhook_id, lock=True)
    if_match.require(webhook.version)
    if body.url is not None:
        check_address(body.url, settings, "#/url", _IN_THE_CLEAR)
        webhook.url = body.url
    if body.description is not None:
        webhook.description = body.description
    if body.event_types is not None:
        webhook.event_types = list(dict.fromkeys(body.event_types))
    if body.client_ids is not None:
        await _check_clients(unit, body.client_ids)
        webhook.client_ids = list(dict.fromkeys(body.client_ids))
    if body.ordered is not None:
        if webhook.ordered and not body.ordered:
            await release_all(unit, webhook_id)
        webhook.ordered = body.ordered
    if body.enabled is not None:
        set_enabled(webhook, body.enabled, unit.now)
    touch(webhook, unit.now)
    response.headers["ETag"] = etag(webhook.version)
    return WebhookView.of(webhook)


@router.delete(
    "/{webhook_id}", status_code=204, summary="Delete a webhook", responses=responses_for(NotFound, PreconditionFailed)
)
async def delete_webhook(webhook_id: UUID, unit: Unit, _manager: Manager, if_match: IfMatch) -> None:
    """Removes it with its deliveries and their attempts; nothing more is sent."""
    webhook = await _found(unit, webhook_id, lock=True)
    if_match.require(webhook.version)
    await unit.session.delete(webhook)


@router.post(
    "/{webhook_id}/rotate-secret", summary="Give a webhook a new secret", responses=responses_for(NotFound, Conflict)
)
async def rotate_webhook_secret(
    webhook_id: UUID,
    unit: Unit,
    _manager: Manager,
    box: Box,
    response: Response,
    overlap_hours: Annotated[
        int,
        Query(ge=0, le=168, description="how long the keys before go on signing; 0 when they have got out"),
    ] = 24,
) -> RotatedSecret:
    """A new secret and a new public key. For the overlap deliveries carry the signatures of both generations.

    Was there no answer? Rotate again: keys from before go on signing for the time that was promised for them.
    """
    webhook = await _found(unit, webhook_id, lock=True)
    secret, until = rotate_keys(webhook, box, unit.now, timedelta(hours=overlap_hours))
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(webhook.version)
    return RotatedSecret(secret=secret, public_key=webhook.public_key or "", previous_secret_valid_until=until)


@router.post(
    "/{webhook_id}/test", status_code=202, summary="Send a test event", responses=responses_for(NotFound, Conflict)
)
async def send_test_event(webhook_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """Queues an event `reporting.webhook.tested.v1` for this webhook alone, whatever it subscribed to."""
    webhook = await _found(unit, webhook_id)
    if not webhook.enabled:
        raise WebhookIsDisabled
    return DeliveryView.whole(webhook, queue_test(unit, webhook), [])


@router.get("/{webhook_id}/deliveries", summary="List the deliveries of a webhook", responses=responses_for(NotFound))
async def list_webhook_deliveries(
    webhook_id: UUID,
    unit: Unit,
    _manager: Manager,
    params: PageParams,
    status: Annotated[str | None, Query(pattern="^(pending|delivered|failed)$", max_length=20)] = None,
    event_type: Annotated[
        str | None,
        Query(max_length=120, pattern=EVENT_NAME, description="a full name", examples=["incidents.incident.opened.v1"]),
    ] = None,
    event_id: Annotated[UUID | None, Query(description="the `webhook-id` of a delivery")] = None,
) -> Page[DeliverySummary]:
    """Newest first, each with its tries. Finished deliveries are kept for 30 days."""
    await _found(unit, webhook_id)
    query = select(Delivery).options(defer(Delivery.payload)).where(Delivery.webhook_id == webhook_id)
    for column, wanted in (
        (Delivery.status, status),
        (Delivery.event_name, event_type),
        (Delivery.event_id, event_id),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    rows: list[Delivery] = []
    page = await paginate(
        unit.session,
        query,
        columns=(Delivery.created_at, Delivery.delivery_id),
        params=params,
        to_item=rows.append,
        descending=True,
    )
    attempts = await attempts_of(unit, [delivery.delivery_id for delivery in rows])
    return Page[DeliverySummary](
        data=[DeliverySummary.of(delivery, attempts[delivery.delivery_id]) for delivery in rows],
        next_cursor=page.next_cursor,
    )


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    summary="Read a delivery",
    responses=responses_for(NotFound),
)
async def get_webhook_delivery(webhook_id: UUID, delivery_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """One delivery with its tries and what is sent."""
    webhook, delivery = await _found_delivery(unit, webhook_id, delivery_id)
    return DeliveryView.whole(webhook, delivery, (await attempts_of(unit, [delivery_id]))[delivery_id])


async def _found_delivery(
    unit: Unit, webhook_id: UUID, delivery_id: UUID, *, lock: bool = False
) -> tuple[Webhook, Delivery]:
    webhook = await _found(unit, webhook_id, lock=lock)
    delivery = await find_delivery(unit, webhook_id, delivery_id, lock=lock)
    if delivery is None:
        raise NotFound("There is no delivery with this id for this webhook.")
    return webhook, delivery


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    status_code=202,
    summary="Send a delivery again",
    responses=responses_for(NotFound, Conflict),
)
async def retry_webhook_delivery(webhook_id: UUID, delivery_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """The same event with the same `webhook-id`, at once, with a new schedule. Works for delivered ones too."""
    webhook, delivery = await _found_delivery(unit, webhook_id, delivery_id, lock=True)
    await send_again(unit, webhook, delivery)
    return DeliveryView.whole(webhook, delivery, (await attempts_of(unit, [delivery_id]))[delivery_id])


@router.post(
    "/{webhook_id}/replays",
    status_code=202,
    summary="Send what happened since an instant again",
    responses=responses_for(NotFound, Conflict),
)
async def replay_webhook(
    webhook_id: UUID, body: NewReplay, unit: Unit, _manager: Manager, response: Response
) -> ReplayView:
    """Everything of that time that the filters let through, delivered before or not, oldest first and with the same
    `webhook-id`: also what happened while the webhook was disabled or did not exist. What is still to come is not sent
    twice. Hourly roll-ups are not kept and do not come back. Disable the webhook to stop it. The replay itself can be
    read for 30 days after its end.
    """
    webhook = await _found(unit, webhook_id, lock=True)
    replay = await begin_replay(unit, webhook, since=body.since, until=body.until, event_types=body.event_types)
    response.headers["Location"] = f"/v1/webhooks/{webhook_id}/replays/{replay.replay_id}"
    return ReplayView.of(replay)


@router.get("/{webhook_id}/replays", summary="List the replays of a webhook", responses=responses_for(NotFound))
async def list_webhook_replays(webhook_id: UUID, unit: Unit, _manager: Manager, params: PageParams) -> Page[ReplayView]:
    """Newest first. Finished replays are kept for 30 days."""
    await _found(unit, webhook_id)
    return await paginate(
        unit.session,
        select(WebhookReplay).where(WebhookReplay.webhook_id == webhook_id),
        columns=(WebhookReplay.created_at, WebhookReplay.replay_id),
        params=params,
        to_item=ReplayView.of,
        descending=True,
    )


@router.get("/{webhook_id}/replays/{replay_id}", summary="Read a replay", responses=responses_for(NotFound))
async def get_webhook_replay(webhook_id: UUID, replay_id: UUID, unit: Unit, _manager: Manager) -> ReplayView:
    """How far it has come."""
    replay = await find_replay(unit, webhook_id, replay_id)
    if replay is None:
        raise NotFound("There is no replay with this id for this webhook.")
    return ReplayView.of(replay)
