"""Requests and answers about people, on-call schedules and escalation."""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from incidents.adapters.on_call_tables import (
    CoverGapRow,
    EscalationLevelRow,
    OverrideRow,
    PersonRow,
    PolicyRow,
    ScheduleRow,
)
from incidents.application.definitions import (
    PolicyDefinition,
    QuietHoursDefinition,
    Role,
    ScheduleDefinition,
    ShortName,
)
from incidents.domain.on_call import Span
from shared.mail import ADDRESS_PATTERN
from shared.values import Instant, TimeZone, forbid_unknown

_PERSON = "0197a1c2-0000-7000-8000-000000000601"
_SCHEDULE = "0197a1c2-0000-7000-8000-000000000611"

_VERSION: dict[str, Any] = {"format": "int64"}


def _examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


# --- People ----------------------------------------------------------------------------------------------------------


class PersonDefinition(BaseModel):
    """Somebody of the agency who can be on call, or be told of something."""

    model_config = forbid_unknown(
        examples=[
            {
                "name": "Ada Martin",
                "email": "ada@agency.example",
                "language": "fr",
                "time_zone": "Europe/Paris",
                "roles": ["manager"],
            }
        ]
    )

    user_id: UUID | None = Field(default=None, description="the user of the agency who this is; null if he is none")
    name: ShortName
    email: str = Field(max_length=254, pattern=ADDRESS_PATTERN, examples=["ada@agency.example"])
    language: Literal["en", "fr"] = "en"
    time_zone: TimeZone
    roles: list[Role] = Field(default=[], max_length=10, description="what escalation levels may ask for")


class PersonAnswer(PersonDefinition):
    """A person of the desk."""

    model_config = _examples(
        {
            "person_id": _PERSON,
            "version": 1,
            "user_id": None,
            "name": "Ada Martin",
            "email": "ada@agency.example",
            "language": "fr",
            "time_zone": "Europe/Paris",
            "roles": ["manager"],
            "created_at": "2026-06-01T08:00:00Z",
        }
    )

    person_id: UUID
    version: int = Field(ge=1, json_schema_extra=_VERSION)
    created_at: Instant

    @classmethod
    def of_row(cls, row: PersonRow) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(
            {
                "person_id": row.id,
                "version": row.version,
                "user_id": row.user_id,
                "name": row.name,
                "email": row.email,
                "language": row.language,
                "time_zone": row.time_zone,
                "roles": row.roles,
                "created_at": row.created_at,
            }
        )


class QuietHoursAnswer(QuietHoursDefinition):
    """When a person is not disturbed; version 0 until somebody says so: never."""

    version: int = Field(ge=0, json_schema_extra=_VERSION)


# --- Schedules -------------------------------------------------------------------------------------------------------


class ScheduleAnswer(ScheduleDefinition):
    """An on-call schedule as it stands."""

    schedule_id: UUID
    version: int = Field(ge=1, json_schema_extra=_VERSION)
    created_at: Instant

    @classmethod
    def of_row(cls, row: ScheduleRow, layers: list[dict[str, Any]]) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(
            {
                "schedule_id": row.id,
                "version": row.version,
                "name": row.name,
                "contract_ids": row.contract_ids,
                "layers": layers,
                "created_at": row.created_at,
            }
        )


class NewOverride(BaseModel):
    """Somebody instead of the layers. Of two overrides that overlap, the one that was made later counts."""

    model_config = forbid_unknown(
        examples=[
            {
                "person_id": _PERSON,
                "from": "2030-12-24T08:00:00+01:00",
                "to": "2030-12-26T08:00:00+01:00",
                "reason": "Swapped with Léa",
            }
        ]
    )

    person_id: UUID
    from_: Instant | None = Field(default=None, alias="from", description="null is now; never in the past")
    to: Instant
    reason: str = Field(default="", max_length=500, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.to <= self.from_:
            raise ValueError("an override ends after it begins")
        return self


class OverrideAnswer(BaseModel):
    """An override; one that was cancelled counts until then."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "override_id": "0197a1c2-0000-7000-8000-000000000621",
                    "schedule_id": _SCHEDULE,
                    "person_id": _PERSON,
                    "from": "2030-12-24T07:00:00Z",
                    "to": "2030-12-26T07:00:00Z",
                    "reason": "Swapped with Léa",
                    "created_at": "2026-06-08T09:00:00Z",
                    "cancelled_at": None,
                }
            ]
        },
    )

    override_id: UUID
    schedule_id: UUID
    person_id: UUID
    from_: Instant = Field(alias="from")
    to: Instant
    reason: str = Field(max_length=500)
    created_at: Instant
    cancelled_at: Instant | None

    @classmethod
    def of_row(cls, row: OverrideRow) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(
            {
                "override_id": row.id,
                "schedule_id": row.schedule_id,
                "person_id": row.person_id,
                "from": row.starts_at,
                "to": row.ends_at,
                "reason": row.reason,
                "created_at": row.created_at,
                "cancelled_at": row.cancelled_at,
            }
        )


class CoverSpan(BaseModel):
    """Who is in charge from an instant up to another, and why."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "2026-06-08T07:00:00Z",
                    "to": "2026-06-15T07:00:00Z",
                    "person_id": _PERSON,
                    "name": "Ada Martin",
                    "why": "layer",
                    "layer": "Week",
                    "override_id": None,
                }
            ]
        },
    )

    from_: Instant = Field(alias="from")
    to: Instant
    person_id: UUID | None = Field(description="null: nobody is there")
    name: str | None = Field(max_length=100)
    why: Literal["override", "layer", "nobody"]
    layer: str | None = Field(max_length=100)
    override_id: UUID | None

    @classmethod
    def of(cls, span: Span, names: dict[UUID, str]) -> Self:
        """The answer that tells a span."""
        return cls.model_validate(
            {
                "from": span.start,
                "to": span.end,
                "person_id": span.person_id,
                "name": names.get(span.person_id) if span.person_id is not None else None,
                "why": span.why.value,
                "layer": span.layer,
                "override_id": span.override_id,
            }
        )


class ScheduleCover(BaseModel):
    """The cover of one schedule over a period: spans without holes or overlaps."""

    model_config = _examples(
        {
            "schedule_id": _SCHEDULE,
            "name": "Operations",
            "spans": CoverSpan.model_config["json_schema_extra"]["examples"],  # type: ignore[index]
        }
    )

    schedule_id: UUID
    name: str = Field(max_length=100)
    spans: list[CoverSpan] = Field(max_length=100_000)


class OnCallNow(BaseModel):
    """Who is on call at one instant by one schedule."""

    model_config = _examples(
        {
            "schedule_id": _SCHEDULE,
            "schedule": "Operations",
            "at": "2026-06-08T09:00:00Z",
            "person_id": _PERSON,
            "name": "Ada Martin",
            "why": "layer",
            "layer": "Week",
            "override_id": None,
        }
    )

    schedule_id: UUID
    schedule: str = Field(max_length=100)
    at: Instant
    person_id: UUID | None = Field(description="null: nobody is there")
    name: str | None = Field(max_length=100)
    why: Literal["override", "layer", "nobody"]
    layer: str | None = Field(max_length=100)
    override_id: UUID | None


class CoverGapItem(BaseModel):
    """Hours that a contract promises and nobody covers."""

    model_config = _examples(
        {
            "gap_id": "0197a1c2-0000-7000-8000-000000000641",
            "contract_id": "0197a1c2-0000-7000-8000-000000000201",
            "client_id": "0197a1c2-0000-7000-8000-000000000101",
            "starts_at": "2026-06-20T07:00:00Z",
            "ends_at": "2026-06-22T07:00:00Z",
            "opened_at": "2026-06-08T09:00:00Z",
            "cleared_at": None,
            "cleared_because": None,
        }
    )

    gap_id: UUID
    contract_id: UUID
    client_id: UUID
    starts_at: Instant
    ends_at: Instant | None = Field(description="null: it goes on as far as we look ahead")
    opened_at: Instant = Field(description="when it was found")
    cleared_at: Instant | None
    cleared_because: Literal["covered", "not_promised", "over"] | None

    @classmethod
    def of_row(cls, row: CoverGapRow) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(
            {name: getattr(row, name) for name in cls.model_fields if name != "gap_id"} | {"gap_id": row.id}
        )


# --- Escalation ------------------------------------------------------------------------------------------------------


class PolicyAnswer(PolicyDefinition):
    """An escalation policy as it stands. Items that are open keep the version of their opening."""

    policy_id: UUID
    version: int = Field(ge=1, json_schema_extra=_VERSION)
    created_at: Instant

    @classmethod
    def of_row(cls, row: PolicyRow, written: dict[str, Any]) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(written | {"policy_id": row.id, "version": row.version, "created_at": row.created_at})


class ToldPerson(BaseModel):
    """Whom a level asked."""

    person_id: UUID | None = Field(description="null: a contact of the contract, or an alert address")
    name: str = Field(max_length=254)
    waits_until: Instant | None = Field(description="the message waits until then: the person is in quiet hours")


class EscalationLevelAnswer(BaseModel):
    """One level of an item's escalation."""

    level: int = Field(ge=1, json_schema_extra={"format": "int32"})
    due_at: Instant | None = Field(description="null: nothing that is known now will make it due")
    fired_at: Instant | None
    outcome: Literal["told", "waiting", "nobody", "overtaken"] | None = Field(
        description="waiting: everybody is in quiet hours; nobody: there was nobody to ask, so that the agency's alert"
        " addresses were told; overtaken: it was found due after what it was for had ended"
    )
    told: list[ToldPerson] = Field(max_length=1000)

    @classmethod
    def of_row(cls, row: EscalationLevelRow, due: dict[int, Any]) -> Self:
        """The answer that tells a row; one that has not fired is due as of now."""
        return cls.model_validate(
            {
                "level": row.level,
                "due_at": due.get(row.level) if row.fired_at is None else row.due_at,
                "fired_at": row.fired_at,
                "outcome": row.outcome,
                "told": row.told,
            }
        )


class EscalationAnswer(BaseModel):
    """The escalation of an item: the policy as it was when the item opened, and what has become of its levels."""

    model_config = _examples(
        {
            "item_id": "0197a1c2-0000-7000-8000-000000000501",
            "policy_id": "0197a1c2-0000-7000-8000-000000000631",
            "policy_version": 3,
            "policy": PolicyDefinition.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]
            "levels": [
                {
                    "level": 1,
                    "due_at": "2026-06-08T09:01:11Z",
                    "fired_at": "2026-06-08T09:01:11Z",
                    "outcome": "told",
                    "told": [{"person_id": _PERSON, "name": "Ada Martin", "waits_until": None}],
                }
            ],
        }
    )

    item_id: UUID
    policy_id: UUID | None = Field(description="null: no policy concerned it when it opened, or nobody has looked yet")
    policy_version: int | None = Field(json_schema_extra=_VERSION)
    policy: PolicyDefinition | None
    levels: list[EscalationLevelAnswer] = Field(max_length=20)
