"""Calendars of an agency: coverage hours with versions, each in force from its own instant on."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.application.errors import Refused
from contracts.application.ports import Workspace
from contracts.application.values import Code, Request, Texts
from shared.calendar_schema import BusinessCalendar
from shared.values import Instant

MOST_VERSIONS = 50

_OFFICE: dict[str, JsonValue] = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
}


class NewCalendar(Request):
    """A calendar to create, with its first version, which holds since ever."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "business_hours",
                    "title": {"fr": "Heures ouvrables", "en": "Business hours"},
                    "calendar": _OFFICE,
                }
            ]
        },
    )

    name: Code = Field(description="What contracts call the calendar.", examples=["business_hours"])
    title: Texts
    calendar: BusinessCalendar


class NewCalendarVersion(Request):
    """What the calendar says from an instant on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"effective_from": "2027-01-01T00:00:00+01:00", "calendar": _OFFICE}]},
    )

    effective_from: Instant = Field(description="In the future: what has passed was counted by what held then.")
    calendar: BusinessCalendar


class CalendarVersion(BaseModel):
    """One version, in force from `effective_from` (null: since ever) until the next one."""

    number: int = Field(ge=1)
    effective_from: Instant | None
    calendar: BusinessCalendar


class Calendar(BaseModel):
    """A calendar, as stored, with all its versions from the first to the last."""

    calendar_id: UUID
    version: int = Field(ge=1)
    name: str
    title: Texts
    versions: list[CalendarVersion] = Field(min_length=1, max_length=MOST_VERSIONS)
    created_at: Instant
    updated_at: Instant


async def create_calendar(work: Workspace, new: NewCalendar) -> Calendar:
    """A new calendar. Raises Taken when the name is in use."""
    calendar = Calendar(
        calendar_id=work.new_id(),
        version=1,
        name=new.name,
        title=new.title,
        versions=[CalendarVersion(number=1, effective_from=None, calendar=new.calendar)],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.calendars.add(calendar)
    return calendar


async def add_calendar_version(work: Workspace, calendar: Calendar, new: NewCalendarVersion) -> Calendar:
    """The locked calendar with one more version. Raises Refused for an instant that is not after all others.

    Contracts that were proposed before keep the versions that were signed: hours are part of what was agreed.
    """
    if new.effective_from <= work.now:
        raise Refused("must be in the future: a past month does not change", "effective_from")
    last = calendar.versions[-1]
    if last.effective_from is not None and new.effective_from <= last.effective_from:
        raise Refused(
            f"must be after the last version, which starts {last.effective_from.isoformat()}", "effective_from"
        )
    if len(calendar.versions) >= MOST_VERSIONS:
        raise Refused(f"A calendar has at most {MOST_VERSIONS} versions. Create another calendar.")
    version = CalendarVersion(number=last.number + 1, effective_from=new.effective_from, calendar=new.calendar)
    saved = calendar.model_copy(
        update={
            "versions": [*calendar.versions, version],
            "version": calendar.version + 1,
            "updated_at": work.now,
        }
    )
    await work.calendars.save(saved)
    return saved
