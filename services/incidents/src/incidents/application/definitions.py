"""Schedules, escalation policies and quiet hours as people write them, and the way from there to the domain's values.

The same shape in requests, in answers and in what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from incidents.domain.escalation import Level, Policy, ShareOfClock, Target, Unacknowledged
from incidents.domain.on_call import Layer, Rotation
from incidents.domain.promises import Metric
from incidents.domain.quiet_hours import QuietHours
from incidents.domain.work_item import Severity
from shared.calendar_schema import BusinessCalendar, StartTime
from shared.values import LocalDate, TimeZone, forbid_unknown

ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
"""Something to read on one line: no control characters, and more than spaces."""

ShortName = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)]
Role = Annotated[
    str,
    Field(
        max_length=40,
        pattern="^[a-z][a-z_]{0,39}$",
        description="a role of a person of the desk or of a contact of the contract; `on_call` is whoever is on call"
        " for the contract",
        examples=["manager"],
    ),
]

_ROTATION: dict[str, Any] = {
    "person_ids": ["0197a1c2-0000-7000-8000-000000000601"],
    "every": 1,
    "unit": "weeks",
    "starts_on": "2026-06-08",
    "hand_over_at": "09:00",
    "time_zone": "Europe/Paris",
}

_FIRST, _LAST = date(2000, 1, 1), date(2100, 12, 31)


def _in_our_times(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"state a date from {_FIRST} to {_LAST}")
    return day


class RotationDefinition(BaseModel):
    """People in order, with a hand-over every so many days or weeks at a local time.

    A local time that does not exist (spring) moves forward by the length of the gap; of one that exists twice (autumn)
    it is the first.
    """

    model_config = forbid_unknown(examples=[_ROTATION])

    person_ids: list[UUID] = Field(min_length=1, max_length=50, description="in the order of their turns")
    every: int = Field(strict=True, ge=1, le=52, json_schema_extra={"format": "int32"})
    unit: Literal["days", "weeks"]
    starts_on: Annotated[LocalDate, AfterValidator(_in_our_times)] = Field(
        description="local date of the first hand-over; before it nobody is there. With weeks, every hand-over is on"
        " its day of the week"
    )
    hand_over_at: StartTime
    time_zone: TimeZone

    def rotation(self) -> Rotation:
        """The domain's value."""
        return Rotation(
            person_ids=tuple(self.person_ids),
            every_days=self.every * (7 if self.unit == "weeks" else 1),
            starts_on=self.starts_on,
            minute=self.hand_over_at,
            zone=self.time_zone,
        )


class LayerDefinition(BaseModel):
    """A rotation, at all times or within a calendar only."""

    model_config = forbid_unknown(examples=[{"name": "Week", "rotation": _ROTATION}])

    name: ShortName
    rotation: RotationDefinition
    hours: BusinessCalendar | None = Field(default=None, description="the layer covers only when it is open")

    def layer(self) -> Layer:
        """The domain's value."""
        return Layer(self.name, self.rotation.rotation(), self.hours.calendar if self.hours else None)


def layers_of(stored: Iterable[Any]) -> tuple[Layer, ...]:
    """The domain's values of stored layers."""
    return tuple(LayerDefinition.model_validate(each).layer() for each in stored)


class ScheduleDefinition(BaseModel):
    """Who is on call, in layers."""

    model_config = forbid_unknown(
        examples=[{"name": "Operations", "layers": [{"name": "Week", "rotation": _ROTATION}]}]
    )

    name: ShortName
    contract_ids: list[UUID] = Field(
        default=[], max_length=200, description="the contracts that it covers; none is every contract of the agency"
    )
    layers: list[LayerDefinition] = Field(
        min_length=1, max_length=10, description="the lowest first: the last one that covers an instant is in charge"
    )

    def person_places(self) -> Iterator[tuple[str, UUID]]:
        """Every person that is named, with the place of it."""
        for index, layer in enumerate(self.layers):
            for place, person_id in enumerate(layer.rotation.person_ids):
                yield f"#/layers/{index}/rotation/person_ids/{place}", person_id


class ClockShare(BaseModel):
    """A percentage of a target."""

    model_config = forbid_unknown(examples=[{"metric": "response", "percent": 50}])

    metric: Metric
    percent: int = Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})


class TargetDefinition(BaseModel):
    """One place to look for people: exactly one of the three."""

    model_config = forbid_unknown(examples=[{"role": "on_call"}])

    schedule_id: UUID | None = Field(default=None, description="whoever is on call by this schedule")
    person_id: UUID | None = None
    role: Role | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.schedule_id, self.person_id, self.role)) != 1:
            raise ValueError("state exactly one of `schedule_id`, `person_id` and `role`")
        return self


class LevelDefinition(BaseModel):
    """When a level is due, and whom it asks: the first of its people, in order, who is not in quiet hours."""

    model_config = forbid_unknown(
        examples=[{"clock": {"metric": "response", "percent": 50}, "notify": [{"role": "on_call"}]}]
    )

    clock: ClockShare | None = Field(default=None, description="due when this share of the target is used")
    unacknowledged_minutes: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=10_080,
        description="due this long after the opening, unless somebody has acknowledged by then",
        json_schema_extra={"format": "int32"},
    )
    notify: list[TargetDefinition] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _is_due_once(self) -> Self:
        if (self.clock is None) == (self.unacknowledged_minutes is None):
            raise ValueError("state exactly one of `clock` and `unacknowledged_minutes`")
        return self

    def level(self, number: int) -> Level:
        """The domain's value."""
        if self.clock is not None:
            when: ShareOfClock | Unacknowledged = ShareOfClock(self.clock.metric, self.clock.percent)
        else:
            assert self.unacknowledged_minutes is not None
            when = Unacknowledged(self.unacknowledged_minutes)
        return Level(number, when, tuple(Target(t.schedule_id, t.person_id, t.role) for t in self.notify))


class PolicyDefinition(BaseModel):
    """Who is told when work does not go on as promised. The levels are numbered from 1 in their order."""

    model_config = forbid_unknown(
        examples=[
            {
                "name": "Critical",
                "severities": ["critical"],
                "levels": [
                    {"clock": {"metric": "response", "percent": 50}, "notify": [{"role": "on_call"}]},
                    {"unacknowledged_minutes": 25, "notify": [{"role": "manager"}]},
                ],
            }
        ]
    )

    name: ShortName
    contract_id: UUID | None = Field(
        default=None, description="null is every contract that has no policy of its own for the severity"
    )
    severities: list[Severity] = Field(default=[], max_length=10, description="none is all of them")
    levels: list[LevelDefinition] = Field(min_length=1, max_length=20)

    def policy(self, policy_id: UUID, version: int) -> Policy:
        """The domain's value."""
        return Policy(
            id=policy_id,
            version=version,
            name=self.name,
            contract_id=self.contract_id,
            severities=frozenset(severity.value for severity in self.severities),
            levels=tuple(level.level(number) for number, level in enumerate(self.levels, start=1)),
        )

    def targets(self) -> Iterator[tuple[str, TargetDefinition]]:
        """Every target with the place of it."""
        for index, level in enumerate(self.levels):
            for place, target in enumerate(level.notify):
                yield f"#/levels/{index}/notify/{place}", target


class QuietHoursDefinition(BaseModel):
    """When a person is not disturbed. Messages wait until the hours end; clocks and escalations do not."""

    model_config = forbid_unknown(
        examples=[
            {
                "hours": {
                    "time_zone": "Europe/Paris",
                    "weekly": [
                        {
                            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                            "from": "22:00",
                            "to": "07:00",
                            "to_next_day": True,
                        }
                    ],
                },
                "breaks_through": ["critical"],
            }
        ]
    )

    hours: BusinessCalendar | None = Field(description="when it is open the person is quiet; null is never")
    breaks_through: list[Severity] = Field(
        default=[], max_length=10, description="severities of which a message does not wait"
    )

    @model_validator(mode="after")
    def _leave_some_time(self) -> Self:
        self.quiet_hours()
        return self

    def quiet_hours(self) -> QuietHours | None:
        """The domain's value; None for somebody who is never quiet."""
        if self.hours is None:
            return None
        return QuietHours(self.hours.calendar, frozenset(severity.value for severity in self.breaks_through))
