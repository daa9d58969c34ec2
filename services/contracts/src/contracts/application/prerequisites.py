"""Prerequisites: what the parties expect, what the client communicated, and what was found to be so.

What is expected is agreed, and stands in the contract. What is communicated and found happens afterwards: that is kept
beside the contract, and changes without an amendment.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.values import Code, Name, Request, Texts
from contracts.domain.prerequisites import Standing
from shared.values import Instant


class Prerequisite(Request):
    """Something that must be there, and how it is expected to be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "vpn",
                    "name": {"fr": "Accès VPN", "en": "VPN access"},
                    "expected": "Two accounts",
                }
            ]
        },
    )

    code: Code = Field(examples=["vpn"])
    name: Texts
    expected: Name = Field(examples=["Two accounts"])


class PrerequisiteFacts(Request):
    """What is known of a prerequisite by now; null is not yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"communicated": "Two accounts", "effective": "One account"}]},
    )

    communicated: Name | None = Field(default=None, description="What the client says.")
    effective: Name | None = Field(default=None, description="What was found.")


class PrerequisiteState(Prerequisite):
    """A prerequisite of a contract with its three states."""

    model_config = ConfigDict(extra="ignore")

    communicated: Name | None
    effective: Name | None
    standing: Standing = Field(description="gap: what was found is not what was expected; unknown: not found out yet.")
    version: int = Field(ge=0, description="Grows with every change; the ETag. 0: nothing was recorded yet.")
    recorded_by: str | None
    recorded_at: Instant | None


class PrerequisiteRecord(BaseModel):
    """What is kept of a prerequisite beside the contract."""

    contract_id: UUID
    client_id: UUID
    code: str
    version: int
    communicated: str | None
    effective: str | None
    recorded_by: str
    recorded_at: Instant


class Prerequisites(BaseModel):
    """Every prerequisite of a contract."""

    data: list[PrerequisiteState] = Field(max_length=100)
