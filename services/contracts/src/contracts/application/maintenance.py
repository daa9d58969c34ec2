"""Maintenance windows: work that was planned in advance, for a client, some of its sites or environments."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.values import NO_NUL, Name, Reason, Request, TimeZone
from contracts.domain.maintenance import LONGEST
from contracts.domain.maintenance import cut_short as left_of
from shared.kernel.intervals import Interval
from shared.kernel.wall_clock import MOST_OCCURRENCES, Recurrence, RecurrenceError, WallClockWindow
from shared.values import Instant

MOST_COVERED = 50

_EXAMPLE: dict[str, JsonValue] = {
    "client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11",
    "title": "Montée de version du serveur",
    "description": "Redémarrage, puis vérification des formulaires.",
    "site_ids": [],
    "environment_ids": ["0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a12"],
    "time_zone": "Europe/Paris",
    "starts": "2027-06-08T02:00",
    "ends": "2027-06-08T04:00",
    "recurrence": "FREQ=MONTHLY;BYDAY=2TU;COUNT=6",
}


def _exists(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such date or time of day") from None
    return text


LocalTime: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=16, max_length=16, pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"),
    AfterValidator(_exists),
]
"""A local time to the minute, in the window's own zone: 2026-06-10T02:00."""
Status: TypeAlias = Literal["scheduled", "cancelled"]


class WindowFields(Request):
    """When, and what is covered: these sites and environments, or without any of them all that the client has."""

    client_id: UUID
    title: Name = Field(examples=["Montée de version du serveur"])
    description: Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)] = ""
    site_ids: list[UUID] = Field(default_factory=list, max_length=MOST_COVERED)
    environment_ids: list[UUID] = Field(default_factory=list, max_length=MOST_COVERED)
    time_zone: TimeZone = Field(
        description="IANA name of the zone that the local times are of", examples=["Europe/Paris"]
    )
    starts: LocalTime = Field(description="local time of the first beginning", examples=["2027-06-08T02:00"])
    ends: LocalTime = Field(
        description="local time of the first end, at most 31 days later", examples=["2027-06-08T04:00"]
    )
    recurrence: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[A-Z0-9=;,+-]+$")] | None = (
        Field(
            default=None,
            description="RFC 5545 rule of FREQ (DAILY to YEARLY), INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and "
            "WKST, with COUNT or a local UNTIL; null: once",
            examples=["FREQ=MONTHLY;BYDAY=2TU;COUNT=6"],
        )
    )


class NewWindow(WindowFields):
    """A maintenance window to schedule."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        starts, ends = datetime.fromisoformat(self.starts), datetime.fromisoformat(self.ends)
        if not starts < ends <= starts + LONGEST:
            raise ValueError(f"ends must be after starts, by at most {LONGEST.days} days")
        return self


class CancelRequest(Request):
    """Why a window is called off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Done a week earlier"}]})

    reason: Reason


class Occurrence(BaseModel):
    """One stretch `[starts_at, ends_at)` of planned work."""

    starts_at: Instant
    ends_at: Instant


class MaintenanceWindow(WindowFields):
    """A maintenance window, as stored, with every occurrence. Of a cancelled one, those that have been stay."""

    model_config = ConfigDict(extra="ignore")

    window_id: UUID
    version: int = Field(ge=1)
    status: Status
    cancelled_at: Instant | None
    cancel_reason: str | None = Field(max_length=2000)
    occurrences: list[Occurrence] = Field(max_length=MOST_OCCURRENCES)
    created_at: Instant
    updated_at: Instant


async def schedule_window(work: Workspace, new: NewWindow) -> MaintenanceWindow:
    """A new window in the future; says `maintenance.scheduled`. Raises Unknown and Refused.

    What has passed is not declared planned afterwards: it would change what was measured.
    """
    with named_at("client_id"):
        await work.clients.get(new.client_id)
    await _check_covered(work, new)
    occurrences = _expanded(new)
    if occurrences[0].start < work.now:
        raise Refused("must be in the future: what has begun was not planned", "starts")
    window = MaintenanceWindow(
        **new.model_dump(),
        window_id=work.new_id(),
        version=1,
        status="scheduled",
        cancelled_at=None,
        cancel_reason=None,
        occurrences=[Occurrence(starts_at=start, ends_at=end) for start, end in occurrences],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.windows.add(window)
    work.announcer.maintenance_changed(window)
    return window


async def cancel_window(work: Workspace, window: MaintenanceWindow, reason: str) -> MaintenanceWindow:
    """The locked window, over from now on; says `maintenance.cancelled`. Raises NotNow when it is over anyway."""
    if window.status == "cancelled":
        raise NotNow("This window is cancelled already.")
    known = [Interval(occurrence.starts_at, occurrence.ends_at) for occurrence in window.occurrences]
    if known[-1].end <= work.now:
        raise NotNow("This window has passed: nothing of it is left to cancel.")
    left = left_of(known, work.now)
    cancelled = window.model_copy(
        update={
            "version": window.version + 1,
            "status": "cancelled",
            "cancelled_at": work.now,
            "cancel_reason": reason,
            "occurrences": [Occurrence(starts_at=start, ends_at=end) for start, end in left],
            "updated_at": work.now,
        }
    )
    await work.windows.save(cancelled)
    work.announcer.maintenance_changed(cancelled)
    return cancelled


async def _check_covered(work: Workspace, new: NewWindow) -> None:
    """Raises Refused for a site or environment that is not the client's."""
    sites = {site.site_id: site for site in await work.sites.of_client(new.client_id)}
    environments = {item.environment_id for site in sites.values() for item in site.environments}
    for field, wanted, known in (
        ("site_ids", new.site_ids, sites.keys()),
        ("environment_ids", new.environment_ids, environments),
    ):
        for position, one in enumerate(wanted):
            if one not in known:
                raise Refused("is not one of this client's", field, position)


def _expanded(new: NewWindow) -> list[Interval]:
    try:
        rule = Recurrence.parse(new.recurrence) if new.recurrence is not None else None
        starts, ends = datetime.fromisoformat(new.starts), datetime.fromisoformat(new.ends)
        occurrences = WallClockWindow(ZoneInfo(new.time_zone), starts, ends, rule).occurrences()
    except RecurrenceError as error:
        raise Refused(str(error), "recurrence") from None
    if not occurrences:
        raise Refused("there is no time between starts and ends: the clocks change then", "starts")
    return [Interval(start.astimezone(UTC), end.astimezone(UTC)) for start, end in occurrences]
