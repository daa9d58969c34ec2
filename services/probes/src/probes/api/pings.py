"""The addresses that jobs report to: public, guarded by an unguessable word in the address.

A report costs one statement, whatever is expected of the job: it is judged afterwards. What cannot be such a word
costs no transaction at all.
"""

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, FastAPI, Path, Request

from probes.adapters.heartbeat_rows import say_receiving, take_ping
from probes.api.report_models import PingPayload, PingReceived
from probes.domain.heartbeats import Signal
from shared.brake import Brake
from shared.problems import NotFound, TooManyRequests, responses_for
from shared.service import CurrentRuntime
from shared.worker import Runtime

log = structlog.get_logger()

SAY_EVERY_SECONDS = 2.0
REPORTS_PER_MINUTE = 120
REFUSALS_PER_MINUTE = 600
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")


@asynccontextmanager
async def receiving(app: FastAPI) -> AsyncIterator[None]:
    """While the API runs it says so: silence of a job counts only when its report could have come in."""
    saying = asyncio.create_task(_say_receiving(app.state.runtime))
    try:
        yield
    finally:
        saying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await saying


async def _say_receiving(runtime: Runtime) -> None:
    heard = True
    while True:
        try:
            async with runtime.units.for_every_tenant() as unit:
                await say_receiving(unit.session, unit.now)
            heard = True
        except Exception as error:  # without its database nobody can take reports, and that is what it must not say
            if heard:
                log.warning("receiving_is_not_recorded", error=f"{type(error).__name__}: {error}"[:200])
            heard = False
        await asyncio.sleep(SAY_EVERY_SECONDS)


router = APIRouter(prefix="/v1/pings", tags=["reported"], lifespan=receiving)

Token = Annotated[
    str,
    Path(
        max_length=100,
        description="the word that was shown when the address was made",
        examples=["Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s"],
    ),
]
_PUBLIC: dict[str, Any] = {"security": []}
_RESPONSES = responses_for(NotFound, TooManyRequests)


def new_token() -> str:
    """An unguessable word: 192 random bits."""
    return secrets.token_urlsafe(24)


def token_hash(token: str) -> bytes:
    """What is stored of it. A random word needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def known_form(request: Request, token: str) -> bytes:
    """The hash of a word that could be one. Raises NotFound, and TooManyRequests for one that comes too often."""
    if not _TOKEN.fullmatch(token):
        raise unknown(request)
    hashed = token_hash(token)
    _brake(request, "report_brake", REPORTS_PER_MINUTE).pass_by(hashed)
    return hashed


def unknown(request: Request) -> NotFound:
    """Nobody reports there. Raises TooManyRequests instead for an address that guesses."""
    address = request.client.host if request.client else ""
    _brake(request, "refusal_brake", REFUSALS_PER_MINUTE).pass_by(address)
    return NotFound("Nothing reports to this address. Ask the agency for the present one.")


def _brake(request: Request, name: str, per_minute: int) -> Brake:
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, Brake(per_minute))
    brake: Brake = getattr(state, name)
    return brake


async def _take(
    request: Request, runtime: Runtime, token: str, signal: Signal, payload: PingPayload | None
) -> PingReceived:
    hashed = known_form(request, token)
    document = payload.model_dump(mode="json", exclude_defaults=True) if payload is not None else {}
    async with runtime.units.for_every_tenant() as unit:
        received_at = await take_ping(unit.session, hashed, signal, document, unit.now)
    if received_at is None:
        raise unknown(request)
    return PingReceived(received_at=received_at)


@router.post("/{token}", summary="Report a success", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_success(
    request: Request, runtime: CurrentRuntime, token: Token, payload: PingPayload | None = None
) -> PingReceived:
    """The job ran and succeeded. Reporting twice does no harm."""
    return await _take(request, runtime, token, Signal.SUCCESS, payload)


@router.post("/{token}/start", summary="Report a start", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_start(
    request: Request, runtime: CurrentRuntime, token: Token, payload: PingPayload | None = None
) -> PingReceived:
    """The job begins. Its duration is measured from here, and bounded if the heartbeat says so."""
    return await _take(request, runtime, token, Signal.START, payload)


@router.post("/{token}/fail", summary="Report a failure", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_failure(
    request: Request, runtime: CurrentRuntime, token: Token, payload: PingPayload | None = None
) -> PingReceived:
    """The job ran and failed: an outage begins at this instant."""
    return await _take(request, runtime, token, Signal.FAIL, payload)


@router.get("/{token}", summary="Report a success by GET", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_success_by_get(request: Request, runtime: CurrentRuntime, token: Token) -> PingReceived:
    """The same as by POST, for what can only read an address."""
    return await _take(request, runtime, token, Signal.SUCCESS, None)


@router.get("/{token}/start", summary="Report a start by GET", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_start_by_get(request: Request, runtime: CurrentRuntime, token: Token) -> PingReceived:
    """The same as by POST, for what can only read an address."""
    return await _take(request, runtime, token, Signal.START, None)


@router.get("/{token}/fail", summary="Report a failure by GET", openapi_extra=_PUBLIC, responses=_RESPONSES)
async def report_failure_by_get(request: Request, runtime: CurrentRuntime, token: Token) -> PingReceived:
    """The same as by POST, for what can only read an address."""
    return await _take(request, runtime, token, Signal.FAIL, None)
