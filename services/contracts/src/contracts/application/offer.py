"""What an offer states: when (coverage), how (channels and modes), who (the team), and which kinds of maintenance."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from contracts.application.deliverables import MaintenanceType
from contracts.application.values import Code, Reason, Request, Texts

Channel = Literal["portal", "mail", "phone", "chat"]
Mode = Literal["remote", "on_site"]


class TeamRole(Request):
    """Who works for the client: a role, and how many people have it."""

    role: Texts = Field(examples=[{"fr": "Développeur", "en": "Developer"}])
    people: Annotated[int, Field(strict=True, ge=1, le=100, json_schema_extra={"format": "int32"})] = 1


class Offer(Request):
    """When, how and by whom the client is served. What is null or empty is not chosen yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "coverage_calendar": "business_hours",
                    "channels": ["portal", "mail"],
                    "intervention_modes": ["remote"],
                    "team": [{"role": {"fr": "Développeur", "en": "Developer"}, "people": 2}],
                    "maintenance_types": ["corrective", "preventive"],
                }
            ]
        },
    )

    coverage_calendar: Code | None = Field(default=None, description="When: a calendar.", examples=["business_hours"])
    channels: list[Channel] = Field(default_factory=list, max_length=4, description="How requests are taken.")
    intervention_modes: list[Mode] = Field(default_factory=list, max_length=2, description="How work is done.")
    on_site_needs: Reason | None = Field(
        default=None, description="What is done on site, defined beforehand; required exactly with the mode on_site."
    )
    team: list[TeamRole] = Field(default_factory=list, max_length=50, description="Who.")
    maintenance_types: list[MaintenanceType] = Field(
        default_factory=list, max_length=4, description="Which kinds of maintenance: those of all that is promised."
    )

    @model_validator(mode="after")
    def _needs_come_with_the_mode(self) -> Self:
        if self.on_site_needs is not None and "on_site" not in self.intervention_modes:
            raise ValueError("on_site_needs is given, and intervention_modes has no on_site")
        for name in ("channels", "intervention_modes", "maintenance_types"):
            chosen = getattr(self, name)
            if len(set(chosen)) != len(chosen):
                raise ValueError(f"{name} names one thing twice")
        return self
