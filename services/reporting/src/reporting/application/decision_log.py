"""The log of decisions, residual risks and actions under a contract, as it stood at an instant."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from reporting.application.examples import CONTRACT_LINE, example
from reporting.application.facts import Fact
from reporting.application.history import Told
from reporting.application.report import ReportContract
from shared.values import Instant, LocalDate, Month

LogKind: TypeAlias = Literal["action", "risk", "decision"]
LogState: TypeAlias = Literal["open", "overdue", "done", "unowned", "undecided", "decided", "in_force", "superseded"]
Text: TypeAlias = Annotated[str, Field(json_schema_extra={"maxLength": 10_000})]

_ENTRY: Final[JsonDict] = {
    "kind": "decision",
    "id": "0197a1c2-0000-7000-8000-000000000661",
    "item_id": "0197a1c2-0000-7000-8000-000000000501",
    "what": "The shop stays with its host until the end of the year.",
    "why": "Moving it before Christmas is a greater risk.",
    "state": "in_force",
    "owner_name": None,
    "treatment": None,
    "decided_by": "Léa Martin",
    "decided_on": "2026-06-08",
    "due_at": None,
    "done_at": None,
    "outcome": None,
    "supersedes_id": None,
    "recorded_at": "2026-06-08T12:00:00Z",
    "recorded_by": "Ada Martin",
    "audience": "client",
    "version": 1,
    "event_id": "0198f000-0000-7000-8000-000000000a09",
}


class LogEntry(BaseModel):
    """An action, a residual risk or a decision. What a kind does not have is null."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(_ENTRY),
    )

    kind: LogKind
    id: UUID
    item_id: UUID | None = Field(description="the incident, request, change or work order that it belongs to")
    what: Text
    why: Text | None = Field(description="the reason of a decision, or of how a risk is treated")
    state: LogState = Field(
        description="of an action: `open`, `overdue`, `done`; of a risk: `unowned`, `undecided`, `decided`; of a "
        "decision: `in_force`, `superseded`"
    )
    owner_name: Text | None
    treatment: Text | None = Field(description="of a risk: `accept`, `mitigate`, `transfer`")
    decided_by: Text | None
    decided_on: LocalDate | None
    due_at: Instant | None
    done_at: Instant | None
    outcome: Text | None
    supersedes_id: UUID | None = Field(description="of a decision: the one that it replaces")
    recorded_at: Instant
    recorded_by: Text | None
    audience: Literal["client", "agency"]
    version: int = Field(ge=1)
    event_id: UUID = Field(description="the event that said so")


COLUMNS: Final[tuple[str, ...]] = tuple(LogEntry.model_fields)
"""Of the log for programs."""


class DecisionsReport(BaseModel):
    """The log as it stood at the end of a month, as far as it is for the client."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "contract": CONTRACT_LINE,
                "month": "2026-06",
                "time_zone": "Europe/Paris",
                "language": "fr",
                "as_of": "2026-06-30T22:00:00Z",
                "total": 1,
                "entries": [_ENTRY],
            }
        ),
    )

    contract: ReportContract
    month: Month
    time_zone: Annotated[str, Field(json_schema_extra={"maxLength": 100})]
    language: Annotated[str, Field(json_schema_extra={"maxLength": 10})]
    as_of: Instant
    total: int | None = Field(
        default=None, ge=0, description="how many entries there were; null in editions of before that was told"
    )
    entries: list[LogEntry] = Field(
        json_schema_extra={"maxItems": 5_000}, description="the first of them in the order of the log"
    )


class _Recorder(Fact):
    name: str


class _Record(Fact):
    """What the three have in common, and what each has of its own."""

    item_id: UUID | None = None
    audience: Literal["client", "agency"] = "client"
    recorded_at: AwareDatetime
    recorded_by: _Recorder | None = None
    what: str = ""
    description: str = ""
    why: str | None = None
    reason: str | None = None
    owner_name: str | None = None
    treatment: str | None = None
    decided_by: str | None = None
    decided_on: date | None = None
    due_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None
    outcome: str | None = None
    supersedes_id: UUID | None = None


def log_entry(told: Told, as_of: datetime, superseded: Mapping[str, object]) -> LogEntry:
    """An entry as its newest event until `as_of` says it. `superseded`: the ids that a later decision replaces."""
    record = _Record.model_validate(told.data)
    return LogEntry.model_validate(
        {
            "kind": told.kind,
            "id": told.subject_id,
            "item_id": record.item_id,
            "what": record.what or record.description,
            "why": record.why or record.reason,
            "state": _state(told, record, as_of, superseded),
            "owner_name": record.owner_name,
            "treatment": record.treatment,
            "decided_by": record.decided_by,
            "decided_on": record.decided_on,
            "due_at": record.due_at,
            "done_at": record.done_at,
            "outcome": record.outcome,
            "supersedes_id": record.supersedes_id,
            "recorded_at": record.recorded_at,
            "recorded_by": None if record.recorded_by is None else record.recorded_by.name,
            "audience": record.audience,
            "version": told.version,
            "event_id": told.event_id,
        }
    )


def _state(told: Told, record: _Record, as_of: datetime, superseded: Mapping[str, object]) -> LogState:
    if told.kind == "decision":
        return "superseded" if told.subject_id in superseded else "in_force"
    if told.kind == "risk":
        if record.owner_name is None:
            return "unowned"
        return "decided" if record.treatment is not None else "undecided"
    if record.done_at is not None and record.done_at <= as_of:
        return "done"
    return "overdue" if record.due_at is not None and record.due_at < as_of else "open"


def cells(entry: LogEntry) -> list[object]:
    """An entry as a line, by COLUMNS: codes and instants as programs read them."""
    return ["" if value is None else value for value in entry.model_dump(mode="json").values()]
