"""What is made available for a contract: people and infrastructure, from when until when, and how much of them."""

from typing import Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from contracts.application.service_desk import Minutes
from contracts.application.values import Name, Request
from shared.values import LocalDate


class Resource(Request):
    """A person or a piece of infrastructure that is made available; local dates of the client, both included."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "person",
                    "name": "Paul Girard",
                    "role": "Developer",
                    "dedicated": True,
                    "minutes_per_month": 1200,
                    "from": "2026-06-08",
                    "to": None,
                }
            ]
        },
    )

    kind: Literal["person", "infrastructure"]
    name: Name = Field(examples=["Paul Girard"])
    role: Name = Field(examples=["Developer"])
    user_id: UUID | None = Field(default=None, description="The person as a user of the agency, if there is one.")
    dedicated: StrictBool = Field(default=False, description="For this client only.")
    minutes_per_month: Minutes | None = Field(default=None, description="How much; null: as needed.")
    from_: LocalDate = Field(alias="from", examples=["2026-06-08"])
    to: LocalDate | None = Field(default=None, description="Last day; null is until further notice.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.to is not None and self.to < self.from_:
            raise ValueError("ends before it begins: `to` is before `from`")
        if self.user_id is not None and self.kind != "person":
            raise ValueError("only a person has a user_id")
        return self
