"""Where applications report how often they crashed, and what they reported."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from probes.adapters import queries
from probes.adapters.announce import EventAnnouncer
from probes.adapters.crash_rows import counts_since, crash_reports, keep_counts, monitor_reported_to
from probes.adapters.monitors import SqlMonitors
from probes.adapters.tables import CrashReportRow
from probes.api.dependencies import From, Reader, To, check_order
from probes.api.pings import Token, known_form, unknown
from probes.api.report_models import Count
from probes.application.checks.reported import CrashReports
from probes.application.crashes import judge_crashes
from probes.domain.crashes import CrashCount
from probes.domain.monitors import CRASH_RATE
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, NotFound, TooManyRequests, ValidationFailed, responses_for
from shared.service import CurrentRuntime, Unit
from shared.values import Instant, forbid_unknown

router = APIRouter(tags=["reported"])

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]

_COUNT: dict[str, Any] = {
    "period_start": "2026-06-08T08:00:00Z",
    "period_end": "2026-06-08T09:00:00Z",
    "platform": "ios",
    "version": "4.2.0",
    "sessions": 1840,
    "crashes": 7,
    "users": 1102,
    "crash_free_users": 1096,
}


class CrashCounts(BaseModel):
    """What one platform and version of an application counted in a period. The same period again replaces it."""

    model_config = forbid_unknown(examples=[_COUNT])

    period_start: Instant
    period_end: Instant = Field(description="after the start, and not in the future")
    platform: Word
    version: Word
    sessions: Count
    crashes: Count = Field(description="sessions that ended in a crash: at most all of them")
    users: Count | None = None
    crash_free_users: Count | None = Field(default=None, description="given exactly when users is")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.period_start >= self.period_end:
            raise ValueError("the period ends before it begins")
        if self.crashes > self.sessions:
            raise ValueError("more sessions crashed than there were")
        if (self.users is None) != (self.crash_free_users is None):
            raise ValueError("give users and crash_free_users, or neither")
        if self.users is not None and self.crash_free_users is not None and self.crash_free_users > self.users:
            raise ValueError("more users met no crash than there were")
        return self


class CrashReportBody(BaseModel):
    """Counts of any number of periods, platforms and versions."""

    model_config = forbid_unknown(examples=[{"counts": [_COUNT]}])

    counts: list[CrashCounts] = Field(min_length=1, max_length=200)


class CrashReportTaken(BaseModel):
    """What the sliding window says now. Without enough sessions it says nothing."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"sessions": 1840, "crashes": 7, "conclusive": True, "good": True}]},
    )

    sessions: int = Field(ge=0)
    crashes: int = Field(ge=0)
    conclusive: bool
    good: bool | None = Field(description="null unless it is conclusive")


class CrashReport(BaseModel):
    """What was counted in a period, as it was told last."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        json_schema_extra={"examples": [_COUNT | {"received_at": "2026-06-08T09:01:00Z"}]},
    )

    period_start: Instant
    period_end: Instant
    platform: str = Field(max_length=60)
    version: str = Field(max_length=60)
    sessions: int = Field(ge=0)
    crashes: int = Field(ge=0)
    users: int | None = Field(ge=0)
    crash_free_users: int | None = Field(ge=0)
    received_at: Instant


@router.post(
    "/v1/crash-reports/{token}",
    summary="Report crashes",
    openapi_extra={"security": []},
    responses=responses_for(NotFound, TooManyRequests),
)
async def report_crashes(
    request: Request, runtime: CurrentRuntime, token: Token, body: CrashReportBody
) -> CrashReportTaken:
    """Counts per period, platform and version, from the application or a webhook of whoever collects them.

    Beyond the agreed share of crashes in the sliding window the monitor is down, and an incident follows.
    """
    hashed = known_form(request, token)
    async with runtime.units.for_every_tenant() as unit:
        monitors = SqlMonitors(unit.session)
        monitor_id = await monitor_reported_to(unit.session, hashed, CRASH_RATE)
        monitor = (await monitors.locked([monitor_id])).get(monitor_id) if monitor_id is not None else None
        if monitor is not None:
            for index, count in enumerate(body.counts):
                if count.period_end > unit.now:
                    detail = "A period is reported when it is over: period_end lies in the future."
                    place = f"#/counts/{index}/period_end"
                    raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=place)])
            subject = monitor.subject
            counts = [_count(each) for each in body.counts]
            await keep_counts(unit.session, subject.monitor_id, subject.tenant_id, subject.client_id, counts, unit.now)
            window = CrashReports.model_validate(subject.configuration).threshold().window
            known = await counts_since(unit.session, subject.monitor_id, unit.now - window)
            verdict = await judge_crashes(monitor, known, monitors, EventAnnouncer(unit), unit.now)
    if monitor is None:
        raise unknown(request)
    return CrashReportTaken(
        sessions=verdict.sessions,
        crashes=verdict.crashes,
        conclusive=verdict.conclusive,
        good=verdict.failure is None if verdict.conclusive else None,
    )


def _count(told: CrashCounts) -> CrashCount:
    return CrashCount(
        start=told.period_start,
        end=told.period_end,
        platform=told.platform,
        version=told.version,
        sessions=told.sessions,
        crashes=told.crashes,
        users=told.users,
        crash_free_users=told.crash_free_users,
    )


@router.get("/v1/monitors/{monitor_id}/crash-reports", summary="List the crash reports of a monitor")
async def list_crash_reports(
    monitor_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[CrashReport]:
    """What was counted in the periods that end in the period asked for, newest first. Without one: all of it."""
    check_order(since, until)
    if await queries.monitor(unit.session, monitor_id) is None:
        raise NotFound("There is no monitor with this id.")
    row = CrashReportRow
    return await paginate(
        unit.session,
        crash_reports(monitor_id, since, until),
        columns=(row.period_end, row.period_start, row.platform, row.version),
        params=params,
        to_item=CrashReport.model_validate,
        descending=True,
    )
