"""Who accessed what of a client's in a month, as a document for his own audit of confidentiality."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from reporting.application.examples import CONTRACT_LINE, example
from reporting.application.report import ReportContract
from shared.values import Instant, Month

_LINE: Final[JsonDict] = {
    "sequence": 18,
    "at": "2026-06-08T09:00:00Z",
    "service": "incidents",
    "operation": "get_incident",
    "resource": "/v1/incidents/0198f000-0000-7000-8000-000000000501",
    "actor_kind": "user",
    "actor_name": "Nadia Benali",
    "role": "operator",
    "outcome": "done",
}
Text = Annotated[str, Field(json_schema_extra={"maxLength": 2_000})]


class AccessLine(BaseModel):
    """Who read what, or went in where."""

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra=example(_LINE))

    sequence: int = Field(description="number of the entry in the agency's audit log")
    at: Instant
    service: Text
    operation: Text
    resource: Text
    actor_kind: Text
    actor_name: Text | None = Field(description="null when it is not kept any more")
    role: Text | None
    outcome: Literal["done", "refused"]


COLUMNS: Final[tuple[str, ...]] = tuple(AccessLine.model_fields)
"""Of the report for programs."""


class AccessReport(BaseModel):
    """The accesses of a month to what is a client's, as the log had them on the morning after it, newest first.

    An access is a client's where its address names him, one of his contracts, or what was said of him: a site, an
    incident, a request. A list that shows several clients names none, and is not told here; nor is what the agency
    keeps for itself: its margins, and what it recorded for nobody else.
    """

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "contract": CONTRACT_LINE,
                "month": "2026-06",
                "time_zone": "Europe/Paris",
                "language": "fr",
                "starts_at": "2026-05-31T22:00:00Z",
                "ends_at": "2026-06-30T22:00:00Z",
                "as_of": "2026-07-01T07:00:00Z",
                "total": 1,
                "accesses": [_LINE],
            }
        ),
    )

    contract: ReportContract
    month: Month
    time_zone: Annotated[str, Field(json_schema_extra={"maxLength": 100})]
    language: Annotated[str, Field(json_schema_extra={"maxLength": 10})]
    starts_at: Instant
    ends_at: Instant
    as_of: Instant
    total: int = Field(ge=0, description="how many there were; the newest of them are listed")
    accesses: list[AccessLine] = Field(json_schema_extra={"maxItems": 5_000})


def access_rows(accesses: Sequence[AccessLine]) -> list[list[object]]:
    """One line for each access, by COLUMNS."""
    return [["" if value is None else value for value in each.model_dump(mode="json").values()] for each in accesses]
