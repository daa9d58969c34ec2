"""Checks made now over HTTP: of a monitor as it is configured, or of a configuration before it is saved."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from probes.adapters import queries
from probes.adapters.check_tests import PATIENCE, ask, check_tests, seconds_to_wait
from probes.adapters.locations import SqlLocations
from probes.adapters.tables import CheckTestRow
from probes.api.dependencies import Reader, Writer
from probes.api.models import CheckTimings
from probes.application.checks.kinds import CheckConfiguration, document_of
from probes.application.checks.secrets import masked
from probes.published.v1 import Reason
from shared.auth import Principal
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, TooManyRequests, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant, forbid_unknown

router = APIRouter(tags=["monitors"])

LocationName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]
LONGEST_SECONDS = 60

_ID = "0190a000-0000-7000-8000-000000000061"
_CONFIGURATION = {"kind": "http", "url": "https://boutique.example/"}
_BODY: dict[str, Any] = {
    "configuration": {
        **_CONFIGURATION,
        "authentication": {"type": "basic", "username": "status", "password": "correct horse"},
        "assertions": [{"type": "keyword", "text": "Panier"}],
    },
    "timeout_seconds": 10,
}
_RESULT: dict[str, Any] = {
    "outcome": "bad",
    "reason": "http_status",
    "detail": "The site answered with status 503.",
    "status_code": 503,
    "started_at": "2026-06-08T08:50:00.25Z",
    "timings_ms": {"name_lookup": 3.1, "connect": 11.8, "tls": 24.9, "first_byte": 42.0, "total": 83.4},
    "hops": [{"url": "https://boutique.example/", "status_code": 503, "remote_address": "93.184.215.14"}],
    "evidence": {"checked_at": "2026-06-08T08:50:00.25Z", "status_code": 503, "remote_address": "93.184.215.14"},
    "observations": {},
}
_TEST: dict[str, Any] = {
    "check_test_id": _ID,
    "monitor_id": None,
    "status": "done",
    "location": "default",
    "configuration": _CONFIGURATION,
    "timeout_seconds": 10,
    "asked_at": "2026-06-08T08:50:00Z",
    "asked_by": "Nadia Benali",
    "expires_at": "2026-06-08T08:50:40Z",
    "answered_at": "2026-06-08T08:50:00.4Z",
    "result": _RESULT,
}


class MonitorTestBody(BaseModel):
    """From where to check; left out, from any location."""

    model_config = forbid_unknown(examples=[{}])

    location: LocationName | None = None


class CheckTestBody(BaseModel):
    """A check to try before a monitor is made of it."""

    model_config = forbid_unknown(examples=[_BODY])

    configuration: CheckConfiguration
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=LONGEST_SECONDS)] = 10
    location: LocationName | None = Field(default=None, description="left out: any")


class CheckTestResult(BaseModel):
    """What the check found. `evidence` is there for a good answer too; `hops` are the redirects on the way."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_RESULT]})

    outcome: Literal["good", "bad", "blocked"]
    reason: Reason | None
    detail: str = Field(max_length=1000)
    status_code: int | None = Field(ge=0, le=999)
    started_at: Instant
    timings_ms: CheckTimings
    hops: list[dict[str, Any]] = Field(max_length=100)
    evidence: dict[str, Any]
    observations: dict[str, Any]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "CheckTestResult":
        """From a runner's result as it is stored."""
        evidence = dict(stored["evidence"] or {})
        return cls(
            outcome=stored["outcome"],
            reason=stored["reason"],
            detail=stored["detail"],
            status_code=stored["status_code"],
            started_at=datetime.fromisoformat(stored["started_at"]),
            timings_ms=CheckTimings(
                name_lookup=stored["name_lookup_us"] / 1000,
                connect=stored["connect_us"] / 1000,
                tls=stored["tls_us"] / 1000,
                first_byte=stored["first_byte_us"] / 1000,
                total=stored["took_us"] / 1000,
            ),
            hops=evidence.pop("hops", []),
            evidence=evidence,
            observations=stored["observations"] or {},
        )


class CheckTest(BaseModel):
    """A check that somebody wants made now. Nothing of it counts: it is on no schedule and in no figure.

    It is `running` until a runner has answered, and `expired` when none has by `expires_at`.
    """

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_TEST]})

    check_test_id: UUID
    monitor_id: UUID | None = Field(description="the monitor that it tries, if there is one")
    status: Literal["running", "done", "expired"]
    location: str = Field(max_length=40)
    configuration: dict[str, Any] = Field(description="what is secret is hidden")
    timeout_seconds: int = Field(ge=1, le=300)
    asked_at: Instant
    asked_by: str = Field(max_length=500)
    expires_at: Instant
    answered_at: Instant | None
    result: CheckTestResult | None

    @classmethod
    def of(cls, row: CheckTestRow, now: datetime) -> "CheckTest":
        running: Literal["running", "expired"] = "running" if now < row.expires_at else "expired"
        return cls(
            check_test_id=row.check_test_id,
            monitor_id=row.monitor_id,
            status="done" if row.answered_at is not None else running,
            location=row.location,
            configuration=masked(row.configuration),
            timeout_seconds=row.timeout_seconds,
            asked_at=row.asked_at,
            asked_by=row.asked_by,
            expires_at=row.expires_at,
            answered_at=row.answered_at,
            result=CheckTestResult.of(row.result) if row.result is not None else None,
        )


@router.post(
    "/v1/monitors/{monitor_id}/test",
    summary="Test a monitor now",
    status_code=202,
    responses=responses_for(Conflict, TooManyRequests),
)
async def test_monitor(
    monitor_id: UUID, body: MonitorTestBody, unit: Unit, principal: Writer, response: Response
) -> CheckTest:
    """Makes one check now, whatever the schedule says. Read the answer at `Location`; it is kept for a day."""
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    if not row.scheduled:
        raise Conflict("This monitor reports by itself: there is nothing that we could ask it.")
    return await _ask(
        unit,
        principal,
        response,
        # As it is stored: what is sealed stays so.
        configuration=row.configuration,
        timeout_seconds=row.timeout_seconds,
        location=body.location,
        monitor_id=monitor_id,
        client_id=row.client_id,
    )


@router.post(
    "/v1/check-tests", summary="Test a configuration", status_code=202, responses=responses_for(TooManyRequests)
)
async def create_check_test(body: CheckTestBody, unit: Unit, principal: Writer, response: Response) -> CheckTest:
    """Makes one check with a configuration that no monitor has yet. Read the answer at `Location`.

    Secrets are given in full; they are forgotten with the answer.
    """
    return await _ask(
        unit,
        principal,
        response,
        configuration=document_of(body.configuration),
        timeout_seconds=body.timeout_seconds,
        location=body.location,
    )


@router.get("/v1/check-tests", summary="List check tests")
async def list_check_tests(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    monitor_id: Annotated[UUID | None, Query(description="the monitor that they try")] = None,
) -> Page[CheckTest]:
    """The tests of the last day, newest first."""
    return await paginate(
        unit.session,
        check_tests(monitor_id=monitor_id),
        columns=(CheckTestRow.asked_at, CheckTestRow.check_test_id),
        params=params,
        to_item=lambda row: CheckTest.of(row, unit.now),
        descending=True,
    )


@router.get("/v1/check-tests/{check_test_id}", summary="Read a check test")
async def get_check_test(check_test_id: UUID, unit: Unit, principal: Reader) -> CheckTest:
    """Whether it is done, and what it found."""
    row = await unit.session.get(CheckTestRow, check_test_id)
    if row is None:
        raise NotFound("There is no check test with this id. They are kept for a day.")
    return CheckTest.of(row, unit.now)


async def _ask(
    unit: Unit,
    principal: Principal,
    response: Response,
    *,
    configuration: dict[str, Any],
    timeout_seconds: int,
    location: str | None,
    monitor_id: UUID | None = None,
    client_id: UUID | None = None,
) -> CheckTest:
    active = await SqlLocations(unit.session).active()
    if not active or (location is not None and location not in active):
        detail = f"Nothing is checked from there. Choose one of: {', '.join(active)}."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail[:1000], pointer="#/location")])
    wait = await seconds_to_wait(unit.session, principal.tenant_id, unit.now)
    if wait:
        detail = f"Too many tests within a minute. Try again in {wait} seconds."
        raise TooManyRequests(detail, headers={"Retry-After": str(wait)}, limit="check-tests")
    test = CheckTestRow(
        check_test_id=new_id(),
        tenant_id=principal.tenant_id,
        client_id=client_id,
        monitor_id=monitor_id,
        location=location or active[0],
        configuration=configuration,
        timeout_seconds=timeout_seconds,
        asked_at=unit.now,
        asked_by=principal.name,
        expires_at=unit.now + PATIENCE + timedelta(seconds=timeout_seconds),
    )
    await ask(unit.session, test)
    response.headers["Location"] = f"/v1/check-tests/{test.check_test_id}"
    return CheckTest.of(test, unit.now)
