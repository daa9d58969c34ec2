"""Editions of reports: a month as it was told on a day, and what a later edition corrects of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Final, Generic, Literal, TypeAlias, TypeVar
from uuid import UUID, uuid5

from pydantic import ConfigDict, Field

from reporting.application import examples
from reporting.application.report import (
    AsMeasured,
    Brand,
    DecisionLine,
    LiveMonthlyReport,
    MonthlyReport,
    Shown,
    Text,
    report_without_money,
)
from reporting.application.report_parts import HoursPart, ReportParts, Texts
from reporting.application.report_template import ReportTemplateContent, TemplateContent
from reporting.domain.editions import Subject, SubjectKind, Told, differences, only_adds
from reporting.domain.review_periods import ReportKind
from shared.values import Instant, Month, instant_text

Reason: TypeAlias = Literal["scheduled", "addition", "correction", "commentary"]
NAMESPACE: Final = UUID("0d7d2f0a-9a0e-5a53-8a6e-3f1f7c8f4b21")
MOST_COMMENTARY: Final = 20_000


class UnknownEdition(LookupError):
    """There is no such edition, or none that may be seen."""


class ReportChange(Shown):
    """What an edition tells otherwise than the one before. `listed`: what is told about came or went as a whole."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.REPORT_CHANGE))

    subject: SubjectKind
    id: Text = Field(description="of the environment's stretch, the incident, the clock, or what else it is about")
    name: Text = Field(description="`withdrawn`, as `before` is, of an entry that was named by its text and went")
    names: Texts = Field(default_factory=dict, description="what people call it, by language, where `name` is a code")
    measure: Text
    before: Text | None
    after: Text | None


class Commentary(Shown):
    """What the agency says about the month, per language. It changes no figure."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.COMMENTARY))

    fr: Annotated[str, Field(max_length=MOST_COMMENTARY)] | None = None
    en: Annotated[str, Field(max_length=MOST_COMMENTARY)] | None = None

    def in_language(self, language: str) -> str | None:
        """In the reader's language, else in the other one: a commentary that was written is not kept from anybody."""
        first, second = (self.fr, self.en) if language == "fr" else (self.en, self.fr)
        return first or second


class EditionHead(Shown):
    """What every edition says of itself, whatever it is of."""

    report_id: UUID
    contract_id: UUID
    month: Month = Field(description="of a review the first month of its period")
    edition: int = Field(ge=1)
    issued_at: Instant
    reason: Reason = Field(
        description="`scheduled`: the first one; `addition`: what the month was settled with has come, and nothing is "
        "told otherwise; `correction`: facts that became known late changed what it tells; "
        "`commentary`: the same figures under another commentary, or other notes"
    )
    changes: list[ReportChange] = Field(
        json_schema_extra={"maxItems": 10_000}, description="against the edition before"
    )
    content_hash: str = Field(
        description="SHA-256 of `report` as this answer has it, byte for byte", json_schema_extra={"maxLength": 64}
    )


class Edition(EditionHead):
    """A month of a contract as it was told: never changed afterwards. A correction is the next edition."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.EDITION))

    commentary: Commentary
    report: MonthlyReport


EditionT = TypeVar("EditionT", bound=EditionHead)
TemplateT = TypeVar("TemplateT", bound=TemplateContent)


@dataclass(frozen=True)
class Issued(Generic[EditionT, TemplateT]):
    """An edition with how its pages look: all of it is as it was on the day of issue.

    `content`: the report as it is stored, the text whose SHA-256 is `content_hash`.
    """

    edition: EditionT
    brand: Brand
    template: TemplateT
    content: str

    @property
    def text(self) -> str:
        """The edition as JSON, with the report byte for byte as it was issued, whatever later releases add to it."""
        head = self.edition.model_dump_json(by_alias=True, exclude={"report"})
        return f'{head[:-1]},"report":{self.content}}}'


IssuedEdition: TypeAlias = Issued[Edition, ReportTemplateContent]


def without_money(issued: IssuedEdition) -> IssuedEdition:
    """The edition for somebody who may not read what the contract costs; its hash is of what he is shown."""
    edition = issued.edition
    content = content_without_money(issued.content)
    shown = {
        "report": report_without_money(edition.report),
        "changes": changes_without_money(edition.changes),
        "content_hash": hash_of(content),
    }
    return replace(issued, edition=edition.model_copy(update=shown), content=content)


def content_without_money(content: str) -> str:
    """The stored text of a report for somebody who may not read what the contract costs."""
    report = json.loads(content)
    report["parts"]["settlement"] = None
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"))


def changes_without_money(changes: Sequence[ReportChange]) -> list[ReportChange]:
    """What an edition changed, for the same reader."""
    return [change for change in changes if change.subject != "settlement"]


def hash_of(content: str) -> str:
    """SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class NextEdition:
    """What is to be issued. `keep_content`: the figures are those of the edition before, byte for byte."""

    number: int
    reason: Reason
    changes: list[ReportChange]
    keep_content: bool


FIRST_EDITION: Final = NextEdition(1, "scheduled", [], keep_content=False)


def report_id(contract_id: UUID, month: date, kind: ReportKind = "monthly") -> UUID:
    """The id of a contract's month or review, whoever computes it; all its editions share it."""
    period = f"{month:%Y-%m}" if kind == "monthly" else f"{kind}/{month:%Y-%m}"
    return uuid5(NAMESPACE, f"{contract_id}/{period}")


def next_edition(last: Edition | None, report: MonthlyReport, commentary: Commentary) -> NextEdition | None:
    """What a reading of the month is worth beside the last edition; None when it says nothing else."""
    if last is None:
        return FIRST_EDITION
    before, after = told_of(last.report), told_of(report)
    return following_edition(last.edition, before, after, commented=commentary != last.commentary)


def beside_edition(report: MonthlyReport, last: Edition | None) -> LiveMonthlyReport:
    """A month as it is computed now, saying which edition of it counts and whether that says the same."""
    differs = last is None or bool(differences(told_of(last.report), told_of(report)))
    return LiveMonthlyReport(
        **dict(report),
        edition=None if last is None else last.edition,
        edition_issued_at=None if last is None else last.issued_at,
        provisional=differs,
    )


def following_edition(last: int, before: Told, after: Told, *, commented: bool) -> NextEdition | None:
    """What a reading is worth after edition `last`, which told `before`; None when it says nothing else.

    :param commented: what the agency says beside the figures is otherwise.
    """
    found = differences(before, after)
    changes = [
        ReportChange.model_validate(
            {
                "subject": change.subject.kind,
                "id": change.subject.id,
                "name": change.subject.name,
                "names": change.subject.names,
                "measure": change.measure,
                "before": change.before,
                "after": change.after,
            }
        )
        for change in found
    ]
    if changes:
        reason: Reason = "addition" if only_adds(found) else "correction"
        return NextEdition(last + 1, reason, changes, keep_content=False)
    if commented:
        return NextEdition(last + 1, "commentary", [], keep_content=True)
    return None


def told_of(report: MonthlyReport) -> Told:
    """Everything of a report that a correction must name: figures, verdicts, instants; neither names nor proofs."""
    told: dict[Subject, Mapping[str, str | None]] = {}
    for figure in report.uptime.figures:
        key = f"{figure.environment_id}/{instant_text(figure.from_)}"
        told[Subject("uptime", key, f"{figure.site_name} · {figure.environment_name}")] = {
            "uptime_percent": figure.uptime_percent,
            "target_percent": figure.target_percent,
            "coverage_percent": figure.coverage_percent,
            "met": plain(figure.met),
            "down_seconds": plain(figure.down_seconds),
            "degraded_seconds": plain(figure.degraded_seconds),
            "maintenance_seconds": plain(figure.maintenance_seconds),
            "unknown_seconds": plain(figure.unknown_seconds),
            "paused_seconds": plain(figure.paused_seconds),
            "outages": plain(figure.outages),
            "to": instant_text(figure.to),
            **_before_decisions(figure.as_measured),
        }
    for decision in report.uptime.decisions:
        told[Subject("decision", str(decision.outage_decision_id), decision.category)] = decision_told(decision)
    for line in report.incidents.items:
        told[Subject("incident", str(line.incident_id), line.number)] = {
            "severity": line.severity,
            "status": line.status,
            "began_at": instant_text(line.began_at),
            "ended_at": plain_instant(line.ended_at),
            "duration_seconds": plain(line.duration_seconds),
        }
        for clock in line.clocks:
            told[Subject("promise", str(clock.clock_id), f"{line.number} · {clock.metric}")] = {
                "verdict": clock.verdict,
                "target_seconds": plain(clock.target_seconds),
                "elapsed_seconds": plain(clock.elapsed_seconds),
                "due_at": plain_instant(clock.due_at),
                "actual_at": plain_instant(clock.actual_at),
            }
    for times in report.response_times:
        name = f"{times.site_name} · {times.environment_name}"
        told[Subject("response_time", str(times.environment_id), name)] = {
            "checks": plain(times.checks),
            "p50_ms": plain(times.p50_ms),
            "p95_ms": plain(times.p95_ms),
            "p99_ms": plain(times.p99_ms),
        }
    return {**told, **_told_of_parts(report.parts)}


AS_MEASURED: Final = "_as_measured"
"""Ends the name of a measure before the decisions on outages."""


def _before_decisions(measured: AsMeasured | None) -> Mapping[str, str | None]:
    """The figure before the decisions, where there are any: who reads the one reads the other."""
    if measured is None:
        return {}
    said: Mapping[str, str | None] = {
        "uptime_percent": measured.uptime_percent,
        "coverage_percent": measured.coverage_percent,
        "met": plain(measured.met),
        "down_seconds": plain(measured.down_seconds),
        "degraded_seconds": plain(measured.degraded_seconds),
        "maintenance_seconds": plain(measured.maintenance_seconds),
        "unknown_seconds": plain(measured.unknown_seconds),
        "paused_seconds": plain(measured.paused_seconds),
    }
    return {name + AS_MEASURED: value for name, value in said.items()}


def decision_told(decision: DecisionLine) -> Mapping[str, str | None]:
    """What is told of a decision on an outage that a figure rests on."""
    return {
        "category": decision.category,
        "outage_id": str(decision.outage_id),
        "from": instant_text(decision.from_),
        "to": instant_text(decision.to),
        "reason": decision.reason,
        "proposed_by": decision.proposed_by,
        "approved_by": decision.approved_by,
        "approved_at": instant_text(decision.approved_at),
    }


def _told_of_parts(parts: ReportParts) -> Told:
    told: dict[Subject, Mapping[str, str | None]] = {}
    for work in parts.work:
        subject = Subject("work", str(work.id), work.number or work.title, numbered=work.number is not None)
        told[subject] = {
            "kind": work.kind,
            "at": instant_text(work.at),
        }
    told |= told_of_hours(parts.hours)
    for deliverable in parts.deliverables:
        told[Subject("deliverable", deliverable.code, deliverable.code, deliverable.name)] = {
            "state": deliverable.state,
            "proof_count": plain(deliverable.proof_count),
        }
    for advisory in parts.advisories:
        told[Subject("advisory", str(advisory.advisory_id), advisory.kind, advisory.title)] = {
            "status": advisory.status,
            "delivered_at": plain_instant(advisory.delivered_at),
            "acknowledged_at": plain_instant(advisory.acknowledged_at),
            "answered_at": plain_instant(advisory.answered_at),
        }
    if parts.settlement is not None:
        owed = parts.settlement
        told[Subject("settlement", str(owed.settlement_id), owed.currency)] = {
            "number": plain(owed.number),
            "hash": owed.hash,
            "net": owed.net,
            "tax": owed.tax,
            "gross": owed.gross,
        }
        for amount in owed.lines:
            subject = Subject("settlement", f"{owed.settlement_id}/{amount.code}", amount.code, amount.text)
            told[subject] = {"amount": amount.amount}
    return told


def told_of_hours(hours: HoursPart | None) -> Told:
    """What is told of the hours of a month: of all of them, and of each line."""
    if hours is None:
        return {}
    told: dict[Subject, Mapping[str, str | None]] = {
        Subject("hours", "total", ""): {
            "real_minutes": plain(hours.real_minutes),
            "available_minutes": plain(hours.available_minutes),
            "accounted_minutes": plain(hours.accounted_minutes),
            "remaining_minutes": plain(hours.remaining_minutes),
            "overage_minutes": plain(hours.overage_minutes),
        }
    }
    for line in hours.lines:
        told[Subject("hours", f"line/{line.code}", line.code, line.name)] = {
            "real_minutes": plain(line.real_minutes),
            "included_minutes": plain(line.included_minutes),
            "accounted_minutes": plain(line.accounted_minutes),
            "remaining_minutes": plain(line.remaining_minutes),
            "overage_minutes": plain(line.overage_minutes),
        }
    return told


def plain(value: float | bool | None) -> str | None:
    """A figure or a verdict as exact text."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain_instant(value: datetime | None) -> str | None:
    """An instant as exact text."""
    return None if value is None else instant_text(value)
