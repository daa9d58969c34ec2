"""Everything about a client as of an instant: each thing as the newest word of it was then."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reporting.application.examples import CLIENT, example
from shared.values import Instant

SubjectKind: TypeAlias = Literal[
    "client",
    "site",
    "contract",
    "configuration_item",
    "monitor",
    "maintenance",
    "obligation",
    "breach",
    "advisory",
    "incident",
    "request",
    "change",
    "work_order",
    "deployment",
    "delivery",
    "intervention",
    "anomaly",
    "action",
    "risk",
    "decision",
    "outage_decision",
    "time_entry",
    "hours_month",
    "hours_review",
    "settlement",
    "invoice",
    "credit_note",
    "report",
]
SUBJECTS: Final[tuple[SubjectKind, ...]] = get_args(SubjectKind)
"""What a history tells of, in the order of its document. Each of its events carries the whole state of its subject."""

FOLLOW_UP: Final[tuple[SubjectKind, ...]] = ("action", "risk", "decision")
NO_STATE: Final = frozenset({"contracts.contract.notice_due.v1"})
"""Events of these subjects that do not carry a state."""
_STATE: Final[dict[str, Any]] = {"what": "The shop stays with its host.", "decided_by": "Léa Martin"}


class Told(BaseModel):
    """A subject as an event tells it."""

    model_config = ConfigDict(frozen=True)

    kind: SubjectKind
    subject_id: str
    version: int
    at: Instant
    name: str
    event_id: UUID
    data: Mapping[str, Any]


class HistorySubject(BaseModel):
    """Something of a client's as it stood."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "kind": "decision",
                "subject_id": "0197a1c2-0000-7000-8000-000000000661",
                "name": "The shop stays with its host.",
                "status": None,
                "version": 1,
                "since": "2026-06-08T12:00:00Z",
                "event": "incidents.decision.recorded.v1",
                "event_id": "0198f000-0000-7000-8000-000000000a09",
                "state": _STATE,
            }
        ),
    )

    kind: SubjectKind
    subject_id: Annotated[str, Field(json_schema_extra={"maxLength": 300})]
    name: Annotated[str, Field(json_schema_extra={"maxLength": 20_000}, description="what people call it")]
    status: Annotated[str | None, Field(json_schema_extra={"maxLength": 100})]
    version: int = Field(ge=0)
    since: Instant = Field(description="when this was said")
    event: Annotated[str, Field(json_schema_extra={"maxLength": 200}, description="the event that said it")]
    event_id: UUID
    state: Mapping[str, Any] = Field(description="the whole of it, as the event carries it")


class ClientHistory(BaseModel):
    """Whose history, as of when, and how much there is of each kind."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "client_id": CLIENT,
                "client_name": "Boulangerie Martin",
                "as_of": "2026-06-30T22:00:00Z",
                "counts": {"client": 1, "contract": 1, "site": 1, "decision": 2},
            }
        )
    )

    client_id: UUID
    client_name: Annotated[str, Field(json_schema_extra={"maxLength": 300}, description="as he was called then")]
    as_of: Instant
    counts: dict[str, int] = Field(description="how many subjects of each kind were known then")


def subject_of(told: Told) -> HistorySubject:
    """A subject, named as people name it."""
    return HistorySubject(
        kind=told.kind,
        subject_id=told.subject_id,
        name=name_of(told.kind, told.data),
        status=told.name.split(".")[2] if told.kind == "monitor" else status_of(told.kind, told.data),
        version=told.version,
        since=told.at,
        event=told.name,
        event_id=told.event_id,
        state=told.data,
    )


_NAMED_BY: Final[tuple[str, ...]] = (
    "number",
    "title",
    "name",
    "what",
    "description",
    "configuration_item",
    "released_version",
    "line",
    "month",
    "year_until",
)
_ENOUGH: Final = 2


def name_of(kind: SubjectKind, data: Mapping[str, Any]) -> str:
    """What a state is called: its number and its title, or what else it is known by; French where it has languages."""
    if kind == "configuration_item":
        held = data.get("held")
        return " ".join(part for part in (str(data.get("name") or ""), _label(held)) if part)
    if kind == "time_entry":
        return " · ".join(str(data.get(name) or "") for name in ("worked_on", "person_name", "line"))
    if kind == "settlement":
        content = data.get("settlement")
        period = content.get("period") if isinstance(content, Mapping) else None
        parts = (content, "contract_number"), (period, "first")
        return " · ".join(str(held[name]) for held, name in parts if isinstance(held, Mapping) and held.get(name))
    said = [text for text in (_text(data.get(name)) for name in _NAMED_BY) if text]
    return " · ".join(said[:_ENOUGH]) or _text(data.get("kind"))


def status_of(kind: SubjectKind, data: Mapping[str, Any]) -> str | None:
    """The status that a state names, by whatever word its service has for it."""
    for name in ("result",) if kind == "deployment" else ("status", "state"):
        value = data.get(name)
        if isinstance(value, str) and value:
            return value
    held = data.get("held")
    return held.get("state") if isinstance(held, Mapping) and isinstance(held.get("state"), str) else None


def _label(held: object) -> str:
    return str(held.get("label") or "") if isinstance(held, Mapping) else ""


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("fr") or value.get("en")
    return value.strip() if isinstance(value, str) else ""
