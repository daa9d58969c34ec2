"""Outbound webhooks: who is told what, and how that went."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select

from reporting.adapters.tables import Delivery, Webhook
from reporting.adapters.webhook_changes import rotate_secret, send_again, set_enabled, touch
from reporting.adapters.webhooks import add_webhook, attempts_of, find_delivery, find_webhook, queue_test
from reporting.api.dependencies import Box, Settings
from reporting.api.webhook_models import (
    CreatedWebhook,
    DeliveryView,
    NewWebhook,
    RotatedSecret,
    WebhookChange,
    WebhookView,
    created_webhook,
    literal_address,
)
from reporting.application.webhooks import WebhookIsDisabled
from reporting.settings import ReportingSettings
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.outbound_http import AddressGuard, AddressRefused
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, PreconditionFailed, ValidationFailed, responses_for
from shared.service import Unit, require

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

Manager = Annotated[Principal, Depends(require("webhooks:manage"))]
UNKNOWN = "There is no webhook with this id."


def _check_address(url: str, settings: ReportingSettings) -> None:
    """Refuses at once what would be refused at every try: plain http, and addresses of private networks."""
    detail = None
    literal = literal_address(url)
    if literal is not None:
        try:
            AddressGuard(settings.allowed_networks).check(literal)
        except AddressRefused as refused:
            detail = f"This address cannot be used: {refused}."
    if detail is None and url.startswith("http:") and not settings.allowed_networks:
        detail = "Use an https address: what is delivered must not travel in the clear."
    if detail is not None:
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/url")])


async def _found(unit: Unit, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    webhook = await find_webhook(unit, webhook_id, lock=lock)
    if webhook is None:
        raise NotFound(UNKNOWN)
    return webhook


@router.post("", status_code=201, summary="Add a webhook")
async def create_webhook(
    body: NewWebhook, unit: Unit, _manager: Manager, settings: Settings, box: Box, response: Response
) -> CreatedWebhook:
    """Every event of the agency from now on that matches is delivered, signed as Standard Webhooks.

    The answer shows the secret, this once. For the same reason this route keeps no Idempotency-Key: a stored answer
    would be a stored secret. Repeated by mistake, it makes a second webhook, which can be deleted.
    """
    _check_address(body.url, settings)
    webhook, secret = add_webhook(
        unit,
        box,
        url=body.url,
        description=body.description,
        event_types=list(dict.fromkeys(body.event_types)),
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
    """A merge patch: what is left out stays. Enabling a disabled webhook sends what waits and forgets its failures."""
    webhook = await _found(unit, webhook_id, lock=True)
    if_match.require(webhook.version)
    if body.url is not None:
        _check_address(body.url, settings)
        webhook.url = body.url
    if body.description is not None:
        webhook.description = body.description
    if body.event_types is not None:
        webhook.event_types = list(dict.fromkeys(body.event_types))
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


@router.post("/{webhook_id}/rotate-secret", summary="Give a webhook a new secret", responses=responses_for(NotFound))
async def rotate_webhook_secret(
    webhook_id: UUID, unit: Unit, _manager: Manager, box: Box, response: Response
) -> RotatedSecret:
    """For 24 hours deliveries carry two signatures, by the new secret and by the one before it."""
    webhook = await _found(unit, webhook_id, lock=True)
    secret, until = rotate_secret(webhook, box, unit.now)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = etag(webhook.version)
    return RotatedSecret(secret=secret, previous_secret_valid_until=until)


@router.post(
    "/{webhook_id}/test", status_code=202, summary="Send a test event", responses=responses_for(NotFound, Conflict)
)
async def send_test_event(webhook_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """Queues an event `reporting.webhook.tested.v1` for this webhook alone, whatever it subscribed to."""
    webhook = await _found(unit, webhook_id)
    if not webhook.enabled:
        raise WebhookIsDisabled
    return DeliveryView.of(queue_test(unit, webhook), [])


@router.get("/{webhook_id}/deliveries", summary="List the deliveries of a webhook", responses=responses_for(NotFound))
async def list_webhook_deliveries(
    webhook_id: UUID,
    unit: Unit,
    _manager: Manager,
    params: PageParams,
    status: Annotated[str | None, Query(pattern="^(pending|delivered|failed)$", max_length=20)] = None,
) -> Page[DeliveryView]:
    """Newest first, each with its tries. Finished deliveries are kept for 30 days."""
    await _found(unit, webhook_id)
    query = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if status is not None:
        query = query.where(Delivery.status == status)
    page = await paginate(
        unit.session,
        query,
        columns=(Delivery.created_at, Delivery.delivery_id),
        params=params,
        to_item=lambda delivery: DeliveryView.of(delivery, []),
        descending=True,
    )
    attempts = await attempts_of(unit, [delivery.delivery_id for delivery in page.data])
    return Page[DeliveryView](
        data=[
            delivery.model_copy(update={"attempts": DeliveryView.attempts_of(attempts[delivery.delivery_id])})
            for delivery in page.data
        ],
        next_cursor=page.next_cursor,
    )


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    summary="Read a delivery",
    responses=responses_for(NotFound),
)
async def get_webhook_delivery(webhook_id: UUID, delivery_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """One delivery with its tries."""
    delivery = await find_delivery(unit, webhook_id, delivery_id)
    if delivery is None:
        raise NotFound("There is no delivery with this id for this webhook.")
    return DeliveryView.of(delivery, (await attempts_of(unit, [delivery_id]))[delivery_id])


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    status_code=202,
    summary="Send a delivery again",
    responses=responses_for(NotFound, Conflict),
)
async def retry_webhook_delivery(webhook_id: UUID, delivery_id: UUID, unit: Unit, _manager: Manager) -> DeliveryView:
    """The same event with the same `webhook-id`, at once, with a new schedule. Works for delivered ones too."""
    webhook = await _found(unit, webhook_id)
    delivery = await find_delivery(unit, webhook_id, delivery_id, lock=True)
    if delivery is None:
        raise NotFound("There is no delivery with this id for this webhook.")
    send_again(webhook, delivery, unit.now)
    return DeliveryView.of(delivery, (await attempts_of(unit, [delivery_id]))[delivery_id])
