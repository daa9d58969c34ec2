"""How the desk that serves a contract works: severities, priorities, further targets, freezes, escalation.

It stands beside the response commitment and leans on it: lengths of time are counted in the hours of its calendar.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Annotated, Literal, Self, TypeAlias, get_args
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.application.errors import Fault
from contracts.application.values import Code, Duration, Name, Request, SeverityCode, Texts
from shared.values import LocalDate

Impact = Literal["availability", "security", "data", "operations"]
Criticality = Literal["low", "medium", "high"]
Decider = Literal["client_decider", "client_staff", "owner", "operator"]

IMPACTS: tuple[Impact, ...] = get_args(Impact)
CRITICALITIES: tuple[Criticality, ...] = get_args(Criticality)

ON_CALL = "on_call"
"""Role of whoever the on-call schedule names."""

Rank: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=20, json_schema_extra={"format": "int32"})]
SharePercent: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})]
Minutes: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1_000_000, json_schema_extra={"format": "int32"})]
Days: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3650, json_schema_extra={"format": "int32"})]
Codes: TypeAlias = Annotated[list[Code], Field(max_length=20)]


class SeverityEntry(Request):
    """One severity: what programs and people call it. Rank 1 is the most urgent one."""

    code: SeverityCode = Field(examples=["critical"])
    rank: Rank
    names: Texts = Field(examples=[{"fr": "bloquant", "en": "critical"}])
    synonyms: list[Name] = Field(
        default_factory=list, max_length=20, description="Further words, in any language.", examples=[["blocker"]]
    )


class MatrixEntry(Request):
    """The severity of what has this impact and this criticality."""

    impact: Impact
    criticality: Criticality
    severity: Code


_SEVERITIES = (
    ("critical", "bloquant", "critical", ("critique", "blocking", "blocker")),
    ("major", "majeur", "major", ()),
    ("minor", "mineur", "minor", ()),
    ("temporary", "temporaire", "temporary", ()),
)
_MATRIX: dict[Impact, tuple[str, str, str]] = {
    "availability": ("minor", "major", "critical"),
    "security": ("major", "critical", "critical"),
    "data": ("major", "major", "critical"),
    "operations": ("minor", "minor", "major"),
}


USUAL_SEVERITIES = frozenset(code for code, *_ in _SEVERITIES)
"""The severities of a contract that lists none of its own."""


def _severities() -> list[SeverityEntry]:
    return [
        SeverityEntry(code=code, rank=rank, names=Texts(fr=fr, en=en), synonyms=list(synonyms))
        for rank, (code, fr, en, synonyms) in enumerate(_SEVERITIES, start=1)
    ]


def _matrix() -> list[MatrixEntry]:
    return [
        MatrixEntry(impact=impact, criticality=criticality, severity=severity)
        for impact, row in _MATRIX.items()
        for criticality, severity in zip(CRITICALITIES, row, strict=True)
    ]


class Priority(Request):
    """Where the contract stands in the queue, and how a severity is found."""

    rank: Annotated[int, Field(strict=True, ge=1, le=9, json_schema_extra={"format": "int32"})] = Field(
        default=3, description="Place in the queue at equal severity: 1 is answered first."
    )
    matrix: list[MatrixEntry] = Field(
        default_factory=_matrix, max_length=12, description="One entry for each impact and criticality."
    )
    decided_by: list[Decider] = Field(
        default=["client_decider"],
        min_length=1,
        max_length=4,
        description="Who decides the order of the work and judges a severity for good.",
    )


class DeskTarget(Request):
    """What is promised for one severity beside response and repair: null is no promise of that kind."""

    severity: Code
    mitigation: Duration | None = Field(default=None, description="How soon there is a workaround.", examples=["PT2H"])
    next_reply: Duration | None = Field(
        default=None, description="How soon each further message is answered.", examples=["PT1H"]
    )


class UrgentQuota(Request):
    """What is urgent, and how much of the work may be."""

    severities: Codes = Field(default_factory=lambda: ["critical"])
    quota_percent: Annotated[int, Field(strict=True, ge=0, le=100, json_schema_extra={"format": "int32"})] = 20
    window_days: Days = 30


class PostMortemRule(Request):
    """Which incidents are gone over afterwards: by severity, or when they come back this often within a time."""

    severities: Codes = Field(default_factory=lambda: ["critical"])
    recurrences: Annotated[int, Field(strict=True, ge=2, le=100, json_schema_extra={"format": "int32"})] = 3
    within_days: Days = 30
    due: Duration = "PT40H"


class Acceptance(Request):
    """How long the client has to refuse what was delivered; then it is accepted tacitly."""

    due: Duration = "PT45H"


class Backlog(Request):
    """How many items may wait, and after how many quiet days one is proposed for closing."""

    cap: Annotated[int, Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})] = 40
    stale_after_days: Days = 60


class FreezePeriod(Request):
    """Days on which changes need an approval of their own: local dates of the client, both included."""

    name: Name = Field(examples=["Admissions"])
    from_: LocalDate = Field(alias="from", examples=["2026-03-01"])
    to: LocalDate = Field(examples=["2026-03-31"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise ValueError("ends before it begins: `to` is before `from`")
        return self


class EscalationEntry(Request):
    """Who is involved next: at a share of the clock, or by hierarchy, when the level before hands the item up."""

    level: Rank
    role: Code = Field(examples=["on_call"])
    percent: SharePercent | None = Field(default=None, description="Share of the clock; null: by hierarchy.")


def _escalation() -> list[EscalationEntry]:
    return [
        EscalationEntry(level=1, role=ON_CALL, percent=50),
        EscalationEntry(level=2, role="manager", percent=90),
    ]


class ServiceDesk(Request):
    """How the desk works: what is left out has the value that is shown."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "priority": {"rank": 1},
                    "targets": [{"severity": "critical", "mitigation": "PT2H", "next_reply": "PT1H"}],
                    "freezes": [{"name": "Admissions", "from": "2026-03-01", "to": "2026-03-31"}],
                    "hotline_calendar": "business_hours",
                }
            ]
        },
    )

    severities: list[SeverityEntry] = Field(default_factory=_severities, min_length=1, max_length=20)
    priority: Priority = Field(default_factory=Priority)
    targets: list[DeskTarget] = Field(default_factory=list, max_length=20)
    warnings_percent: list[SharePercent] = Field(
        default_factory=lambda: [50, 75, 90], max_length=20, description="Shares of a clock at which somebody is told."
    )
    urgent: UrgentQuota = Field(default_factory=UrgentQuota)
    post_mortem: PostMortemRule = Field(default_factory=PostMortemRule)
    acceptance: Acceptance = Field(default_factory=Acceptance)
    micro_evolution_limit_minutes: Minutes = Field(default=240, description="What takes longer is a change.")
    change_size_cap_minutes: Minutes = Field(default=2400, description="What takes longer is split.")
    backlog: Backlog = Field(default_factory=Backlog)
    freezes: list[FreezePeriod] = Field(default_factory=list, max_length=100)
    escalation: list[EscalationEntry] = Field(default_factory=_escalation, max_length=20)
    hotline_calendar: Code | None = Field(
        default=None, description="Name of a calendar of the agency; null: there is no hotline."
    )
    assigned_user_ids: list[UUID] = Field(
        default_factory=list, max_length=100, description="Who of the agency works for this contract; empty: anybody."
    )
    round_the_clock: StrictBool = Field(
        default=False, description="Somebody is on call at every hour: an hour that nobody covers is an error."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValidationError.from_exception_data(
                type(self).__name__,
                [
                    InitErrorDetails(
                        type=PydanticCustomError("service_desk", "{message}", {"message": fault.detail}),
                        loc=fault.path,
                        input=None,
                    )
                    for fault in faults
                ],
            )
        return self

    def _faults(self) -> Iterator[Fault]:
        yield from self._faults_of_severities()
        yield from self._faults_of_matrix()
        yield from self._faults_of_targets()
        for place, codes in (("urgent", self.urgent.severities), ("post_mortem", self.post_mortem.severities)):
            for index, code in enumerate(codes):
                yield from self._unknown(code, place, "severities", index)
            yield from _twice(codes, "severity", place, "severities")
        yield from _twice(self.priority.decided_by, "role", "priority", "decided_by")
        yield from _twice(self.warnings_percent, "percentage", "warnings_percent")
        if self.change_size_cap_minutes < self.micro_evolution_limit_minutes:
            yield Fault(("change_size_cap_minutes",), "is less than micro_evolution_limit_minutes")
        yield from self._faults_of_escalation()
        yield from _twice(self.assigned_user_ids, "user", "assigned_user_ids")

    def _faults_of_severities(self) -> Iterator[Fault]:
        yield from _twice([entry.rank for entry in self.severities], "rank", "severities")
        meant: dict[str, int] = {}
        for index, entry in enumerate(self.severities):
            words = (entry.code, entry.names.fr, entry.names.en, *entry.synonyms)
            taken = next((word for word in words if meant.setdefault(_plain(word), index) != index), None)
            if taken is not None:
                yield Fault(("severities", index), f"{taken} means another severity of this contract already")

    def _faults_of_matrix(self) -> Iterator[Fault]:
        seen: set[tuple[Impact, Criticality]] = set()
        for index, entry in enumerate(self.priority.matrix):
            cell = entry.impact, entry.criticality
            if cell in seen:
                yield Fault(("priority", "matrix", index), f"is a second entry for {_cell(*cell)}")
            seen.add(cell)
            yield from self._unknown(entry.severity, "priority", "matrix", index, "severity")
        for impact, criticality in product(IMPACTS, CRITICALITIES):
            if (impact, criticality) not in seen:
                yield Fault(("priority", "matrix"), f"has no entry for {_cell(impact, criticality)}")

    def _faults_of_targets(self) -> Iterator[Fault]:
        for index, target in enumerate(self.targets):
            yield from self._unknown(target.severity, "targets", index, "severity")
            if target.mitigation is None and target.next_reply is None:
                yield Fault(
                    ("targets", index), "promises nothing: give mitigation, next_reply or both, or leave it out"
                )
        yield from _twice([target.severity for target in self.targets], "severity", "targets")

    def _faults_of_escalation(self) -> Iterator[Fault]:
        for index, entry in enumerate(self.escalation):
            if entry.level != index + 1:
                yield Fault(("escalation", index, "level"), f"must be {index + 1}: levels follow one another from 1 on")
        shares = [(index, entry.percent) for index, entry in enumerate(self.escalation) if entry.percent is not None]
        for (_, before), (index, percent) in pairwise(shares):
            if percent < before:
                yield Fault(("escalation", index, "percent"), f"is less than {before}, that of a level before")
        if self.round_the_clock and not any(entry.role == ON_CALL for entry in self.escalation):
            yield Fault(
                ("round_the_clock",), f"needs a level of escalation with the role {ON_CALL}: nobody would be called"
            )

    def _unknown(self, code: str, *path: str | int) -> Iterator[Fault]:
        if code not in {entry.code for entry in self.severities}:
            yield Fault(path, f"{code} is none of the severities of this contract")

    def fitted(self, hours: str | None, own_hours: str | None) -> "ServiceDesk":
        """The desk of a plan in a contract whose response commitment counts by the calendar `hours` (None: has none).

        What the plan promised by its own calendar `own_hours` only is left out: with no hours there is nothing to count
        in, and with others nobody has said that somebody is there at every hour.
        """
        changes: dict[str, object] = {}
        if hours is None:
            changes["targets"] = []
        if hours is None or hours != own_hours:
            changes["round_the_clock"] = False
        return self.model_copy(update=changes)


def _plain(word: str) -> str:
    """A word as people are heard who write it in capitals or without accents."""
    decomposed = unicodedata.normalize("NFKD", word.strip().casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _cell(impact: str, criticality: str) -> str:
    return f"impact {impact} with criticality {criticality}"


def _twice(values: Iterable[object], noun: str, *path: str | int) -> Iterator[Fault]:
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield Fault((*path, index), f"names the {noun} {value} twice")
        seen.add(value)
