"""The onboarding checklist: the support model is clarified with the client in three parts."""

from pydantic import ConfigDict, Field

from contracts.application.values import Name, Reason, Request
from shared.values import LocalDate

PARTS = ("scope", "responsibilities", "service_levels")


class Clarified(Request):
    """When one part was clarified, and with whom at the client."""

    clarified_on: LocalDate = Field(examples=["2026-06-01"])
    clarified_with: Name = Field(examples=["Léa Martin"])
    notes: Reason | None = None


class Onboarding(Request):
    """The three parts; null is still to be clarified."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"scope": {"clarified_on": "2026-06-01", "clarified_with": "Léa Martin", "notes": None}}]
        },
    )

    scope: Clarified | None = None
    responsibilities: Clarified | None = None
    service_levels: Clarified | None = None
