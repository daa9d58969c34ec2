"""The address that other systems post to: public, guarded by an unguessable word in the address."""

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request

from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.intake_store import source_at, token_hash
from incidents.adapters.reception import JSON, MAIL, Delivery, Reception
from incidents.api.intake_models import IntakeAnswer
from shared.brake import Brake
from shared.http_edge import BODY_LIMIT
from shared.problems import (
    Conflict,
    InvalidJson,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
    responses_for,
)
from shared.service import CurrentRuntime

router = APIRouter(tags=["intake"])

MAIL_LIMIT = 25 * 1024 * 1024
"""Bytes of a mail that is pushed; what most mail servers take."""
RAW_BODIES = {"/v1/intake/{intake_token}": {JSON: BODY_LIMIT, MAIL: MAIL_LIMIT}}
"""What is read here and not at the edge, so that a faulty delivery leaves a receipt too. A mail comes in only once its
source is found.
"""

DELIVERIES_PER_MINUTE = 300
REFUSALS_PER_MINUTE = 600
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_EXAMPLE = {
    "version": "4",
    "groupKey": '{}:{alertname="DiskFull"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "upheld",
    "groupLabels": {"alertname": "DiskFull"},
    "commonLabels": {"alertname": "DiskFull", "severity": "critical"},
    "commonAnnotations": {"summary": "The disk of db1 is full"},
    "externalURL": "http://alertmanager.example:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "instance": "db1", "severity": "critical"},
            "annotations": {"summary": "The disk of db1 is full"},
            "startsAt": "2026-06-08T09:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph",
            "fingerprint": "c6eadffa33fcdf37",
        }
    ],
}
_DOCUMENTED: dict[str, Any] = {
    "security": [],
    "requestBody": {
        "required": True,
        "description": "JSON as the kind of the source sends it, or a mail (RFC 5322) for a mail source",
        "content": {
            JSON: {"schema": {"type": "object", "additionalProperties": True}, "example": _EXAMPLE},
            MAIL: {"schema": {"type": "string", "format": "binary", "maxLength": MAIL_LIMIT}},
        },
    },
}

Token = Annotated[
    str,
    Path(
        max_length=100,
        description="the word that was shown when the source was made",
        examples=["Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s"],
    ),
]


@router.post(
    "/v1/intake/{intake_token}",
    summary="Hand something in",
    openapi_extra=_DOCUMENTED,
    responses=responses_for(
        InvalidJson,
        Unauthorized,
        NotFound,
        Conflict,
        TooLarge,
        UnsupportedMediaType,
        ValidationFailed,
        TooManyRequests,
    ),
)
async def hand_in(request: Request, runtime: CurrentRuntime, intake_token: Token) -> IntakeAnswer:
    """What the source has to say: alerts, issues, tickets, mails. The same delivery twice changes nothing.

    Each delivery leaves a receipt that the agency can read, a refused one too. Sign it when the source asks for that.
    """
    if not _TOKEN.fullmatch(intake_token):
        raise _unknown(request)
    hashed = token_hash(intake_token)
    _brake(request, "intake_brake", DELIVERIES_PER_MINUTE).pass_by(hashed)
    async with runtime.units.for_every_tenant() as unit:
        row = await source_at(unit, hashed)
    if row is None:
        raise _unknown(request)
    settings = incidents_settings(runtime.settings)
    reception = Reception(runtime.units, box_of(settings), default_recipients(settings))
    delivery = Delivery(
        body=await request.body(),
        media_type=request.headers.get("content-type", "").partition(";")[0].strip().lower(),
        headers={name.lower(): value for name, value in request.headers.items()},
    )
    return IntakeAnswer.model_validate(await reception.take(row.tenant_id, row.id, delivery))


def _unknown(request: Request) -> NotFound:
    """Nobody takes anything there. Raises TooManyRequests instead for an address that guesses."""
    address = request.client.host if request.client else ""
    _brake(request, "intake_refusals", REFUSALS_PER_MINUTE).pass_by(address)
    return NotFound("Nothing is taken in at this address. Ask the agency for the present one.")


def _brake(request: Request, name: str, per_minute: int) -> Brake:
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, Brake(per_minute))
    brake: Brake = getattr(state, name)
    return brake
