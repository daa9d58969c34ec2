"""The risk register that the parties agree on: seven categories, each risk with an owner and what is left of it."""

from typing import Literal

from pydantic import ConfigDict, Field

from contracts.application.values import Code, Name, Reason, Request, Texts

RiskCategory = Literal[
    "operational",
    "it",
    "security",
    "local_representation",
    "geographic",
    "cultural",
    "knowledge",
]
RiskLevel = Literal["low", "medium", "high"]


class ContractRisk(Request):
    """One risk. Without an owner and a residual level nobody has thought it through yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "time_zone",
                    "category": "geographic",
                    "name": {"fr": "Décalage horaire de sept heures", "en": "Seven hours of time difference"},
                    "owner": "Nadia Benali",
                    "level": "high",
                    "measure": "An early shift on weekdays",
                    "residual_level": "low",
                }
            ]
        },
    )

    code: Code
    category: RiskCategory
    name: Texts
    owner: Name | None = Field(default=None, description="Who answers for it.")
    level: RiskLevel | None = Field(default=None, description="Before anything is done about it.")
    measure: Reason | None = Field(default=None, description="What is done about it.")
    residual_level: RiskLevel | None = Field(default=None, description="What is left then.")
