"""A business calendar as JSON, and the way from there to the kernel's calendar.

The same shape everywhere: in the calculators, in a contract's calendars, in the events between the services. What makes
no calendar is refused while the model is read, with the place of the fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    StrictBool,
    WithJsonSchema,
    model_validator,
)

from shared.kernel.calendar import (
    MINUTES_OF_A_DAY,
    Calendar,
    CalendarHistory,
    CalendarVersion,
    HolidayRegion,
    MonthDay,
    Window,
    in_order,
)
from shared.values import Instant, LocalDate, TimeZone, forbid_unknown

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00)")
_MONTH_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


def _parse_time(value: object) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a local time as HH:MM")
    hour, minute = (int(part) for part in match.groups() if part)
    return hour * 60 + minute


def _not_midnight_at_the_end(minute: int) -> int:
    if minute == MINUTES_OF_A_DAY:
        raise ValueError("24:00 is an end only; write 00:00 for the start of a day")
    return minute


def _time_text(minute: int) -> str:
    return "{:02}:{:02}".format(*divmod(minute, 60))


def _parse_month_day(value: object) -> MonthDay:
    if isinstance(value, str) and _MONTH_DAY.fullmatch(value):
        try:
            day = date.fromisoformat(f"2000-{value}")  # a leap year, so that 29 February can be written
        except ValueError:
            raise ValueError("there is no such day in any year") from None
        return day.month, day.day
    raise ValueError("write a day of the year as MM-DD")


def _left_out(value: object) -> bool:
    """What was left out is left out when it is written again: `always` suffers no other key beside it."""
    return not value


_time_writer = PlainSerializer(_time_text, return_type=str, when_used="json")

StartTime = Annotated[
    int,
    PlainValidator(_parse_time),
    AfterValidator(_not_midnight_at_the_end),
    _time_writer,
    WithJsonSchema(
        {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "maxLength": 5, "examples": ["09:00"]}
    ),
]
"""A local time ``HH:MM``, held as minutes after midnight."""

EndTime = Annotated[
    int,
    PlainValidator(_parse_time),
    _time_writer,
    WithJsonSchema(
        {"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "maxLength": 5, "examples": ["18:00"]}
    ),
]
"""A local time ``HH:MM`` or ``24:00``, held as minutes after midnight."""

YearDay = Annotated[
    MonthDay,
    PlainValidator(_parse_month_day),
    PlainSerializer(lambda day: "{:02}-{:02}".format(*day), return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
            "maxLength": 5,
            "examples": ["12-24"],
        }
    ),
]
"""A day of every year, ``MM-DD``, held as (month, day)."""


class _Opens(BaseModel):
    """What weekly windows and openings share: from when to when."""

    model_config = forbid_unknown()

    from_: StartTime = Field(alias="from", description="local time at which it opens")
    to: EndTime = Field(description="local time at which it closes, not included")
    to_next_day: StrictBool = Field(
        default=False,
        exclude_if=_left_out,
        description="it crosses midnight: `to` is on the next day and not later than `from`",
    )

    _window: Window = PrivateAttr()

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if self.to_next_day and self.to == MINUTES_OF_A_DAY:
            raise ValueError("24:00 is the end of the same day: leave `to_next_day` out")
        self._window = Window(self.from_, self.to + MINUTES_OF_A_DAY * self.to_next_day)
        return self

    @property
    def window(self) -> Window:
        """The kernel's value."""
        return self._window


class WeeklyWindow(_Opens):
    """A time of the day at which somebody is there, on some days of the week."""

    model_config = forbid_unknown(
        examples=[
            {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"},
            {"days": ["sat"], "from": "22:00", "to": "06:00", "to_next_day": True},
        ]
    )

    days: list[Day] = Field(min_length=1, max_length=7, description="the local days on which it starts")


class SpecialOpening(_Opens):
    """A time at which somebody is there on one date, whatever the week, holidays and closures say."""

    model_config = forbid_unknown(examples=[{"date": "2026-05-08", "from": "09:00", "to": "12:00"}])

    date: LocalDate


class PublicHolidays(BaseModel):
    """The legal public holidays of a country, or of one of its subdivisions, observed days included."""

    model_config = forbid_unknown(examples=[{"country": "FR", "subdivision": "6AE"}])

    country: str = Field(max_length=10, description="ISO 3166 code", examples=["FR"])
    subdivision: str | None = Field(
        default=None,
        exclude_if=_left_out,
        max_length=50,
        description="code of a part of the country with days of its own",
        examples=["6AE"],
    )

    _region: HolidayRegion = PrivateAttr()

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        self._region = HolidayRegion(self.country, self.subdivision)
        return self

    @property
    def region(self) -> HolidayRegion:
        """The kernel's value."""
        return self._region


class Closure(BaseModel):
    """Local dates on which nobody is there, both ends included."""

    model_config = forbid_unknown(examples=[{"from": "2026-08-01", "to": "2026-08-21"}])

    from_: LocalDate = Field(alias="from")
    to: LocalDate

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise ValueError("a closure ends on or after the date on which it starts")
        return self


class YearlyClosure(BaseModel):
    """Days of every year on which nobody is there, both ends included; 12-24 to 01-02 wraps the year."""

    model_config = forbid_unknown(examples=[{"from": "12-24", "to": "01-02"}])

    from_: YearDay = Field(alias="from")
    to: YearDay


def _week(windows: Iterable[WeeklyWindow]) -> tuple[tuple[Window, ...], ...]:
    listed = list(windows)
    return tuple(in_order([each.window for each in listed for named in each.days if named == day]) for day in DAYS)


def _by_date(openings: Iterable[SpecialOpening]) -> dict[date, tuple[Window, ...]]:
    windows: dict[date, list[Window]] = {}
    for opening in openings:
        windows.setdefault(opening.date, []).append(opening.window)
    return {day: in_order(starting) for day, starting in windows.items()}


def _weekly_without_overlap(windows: list[WeeklyWindow]) -> list[WeeklyWindow]:
    _week(windows)
    return windows


def _openings_without_overlap(openings: list[SpecialOpening]) -> list[SpecialOpening]:
    _by_date(openings)
    return openings


class BusinessCalendar(BaseModel):
    """When somebody is there. Times are local times of the zone; a window is `[from, to)`.

    Either `always` (24/7, then only the zone is given) or at least one weekly window: none is implied.
    Holidays and closures remove the windows that start on their dates; an opening replaces the weekly windows of its
    date and wins over both.
    """

    model_config = forbid_unknown(
        examples=[
            {
                "time_zone": "Europe/Paris",
                "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
                "holidays": {"country": "FR"},
                "closures": [{"from": "2026-08-01", "to": "2026-08-21"}],
                "yearly_closures": [{"from": "12-24", "to": "01-02"}],
                "openings": [{"date": "2026-05-08", "from": "09:00", "to": "12:00"}],
            },
            {"time_zone": "Europe/Paris", "always": True},
        ]
    )

    time_zone: TimeZone
    always: StrictBool = Field(
        default=False, exclude_if=_left_out, description="24/7; excludes every other key but `time_zone`"
    )
    weekly: Annotated[list[WeeklyWindow], AfterValidator(_weekly_without_overlap)] = Field(
        default=[],
        exclude_if=_left_out,
        max_length=50,
        description="windows that start on one day may touch, not overlap",
    )
    holidays: PublicHolidays | None = Field(default=None, exclude_if=_left_out)
    closures: list[Closure] = Field(default=[], exclude_if=_left_out, max_length=500)
    yearly_closures: list[YearlyClosure] = Field(default=[], exclude_if=_left_out, max_length=50)
    openings: Annotated[list[SpecialOpening], AfterValidator(_openings_without_overlap)] = Field(
        default=[], exclude_if=_left_out, max_length=500
    )

    _calendar: Calendar = PrivateAttr()

    @model_validator(mode="after")
    def _is_a_calendar(self) -> Self:
        if self.always and self.model_fields_set - {"always", "time_zone"}:
            raise ValueError("`always: true` is 24/7 and excludes every other key but `time_zone`")
        self._calendar = Calendar(
            zone=self.time_zone,
            weekly=None if self.always else _week(self.weekly),
            holidays=self.holidays.region if self.holidays else None,
            closures=tuple((each.from_, each.to) for each in self.closures),
            yearly_closures=tuple((each.from_, each.to) for each in self.yearly_closures),
            openings=_by_date(self.openings),
        )
        return self

    @property
    def calendar(self) -> Calendar:
        """The kernel's value. It remembers the days it computed: keep it where the same calendar is asked again."""
        return self._calendar


class DatedCalendar(BaseModel):
    """One version of a calendar and since when it is in force."""

    model_config = forbid_unknown(
        examples=[
            {
                "effective_from": None,
                "calendar": {
                    "time_zone": "Europe/Paris",
                    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
                    "holidays": {"country": "FR"},
                },
            }
        ]
    )

    effective_from: Instant | None = Field(description="null is since ever, and only for the first version")
    calendar: BusinessCalendar


def calendar_history(versions: Iterable[DatedCalendar]) -> CalendarHistory:
    """The kernel's calendar with its versions; raises ``ValueError`` when they are none, or not in ascending order."""
    return CalendarHistory(tuple(CalendarVersion(each.effective_from, each.calendar.calendar) for each in versions))


def _is_a_history(versions: list[DatedCalendar]) -> list[DatedCalendar]:
    calendar_history(versions)
    return versions


CalendarVersions = Annotated[
    list[DatedCalendar],
    Field(min_length=1, max_length=50, description="versions, in strictly ascending order of `effective_from`"),
    AfterValidator(_is_a_history),
]
"""All versions of one calendar; :func:`calendar_history` gives the kernel's value."""
