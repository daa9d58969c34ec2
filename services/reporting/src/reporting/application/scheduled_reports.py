"""Documents that an agency has sent after every month: which are wanted, and what an edition of one tells."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from reporting.application.access_report import AccessReport
from reporting.application.decision_log import DecisionsReport, LogEntry, LogKind
from reporting.application.editions import (
    FIRST_EDITION,
    EditionHead,
    Issued,
    NextEdition,
    following_edition,
    plain_instant,
    told_of_hours,
)
from reporting.application.examples import example
from reporting.application.facts import ContractState, KnownContract
from reporting.application.hours_report import HoursReport
from reporting.application.measuring import active_states
from reporting.application.report_template import DocumentTemplateContent
from reporting.application.reporting import zones_of
from reporting.domain.editions import Subject, SubjectKind, Told
from reporting.domain.period import month_bounds
from reporting.domain.review_periods import ScheduledKind


def _edition(kind: ScheduledKind, report: type[BaseModel]) -> JsonDict:
    """The example of an edition, with the example of what it tells."""
    (told,) = report.model_json_schema()["examples"]
    return {
        "report_id": "3b7e4c1e-6a34-5a6b-8a6e-3f1f7c8f4b24",
        "contract_id": "0198f000-0000-7000-8000-000000000201",
        "month": "2026-06",
        "edition": 1,
        "issued_at": "2026-07-01T07:00:05Z",
        "reason": "scheduled",
        "changes": [],
        "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "kind": kind,
        "report": told,
    }


class HoursEdition(EditionHead):
    """The hours of a month as they were told: never changed afterwards. A correction is the next edition."""

    model_config = ConfigDict(json_schema_extra=example(_edition("hours", HoursReport)))

    kind: Literal["hours"]
    report: HoursReport


class AccessEdition(EditionHead):
    """The accesses of a month as they were told. It has one edition: the log is only ever added to."""

    model_config = ConfigDict(json_schema_extra=example(_edition("access", AccessReport)))

    kind: Literal["access"]
    report: AccessReport


class DecisionsEdition(EditionHead):
    """The log of decisions, risks and actions at the end of a month, as it was told. A correction is a new edition."""

    model_config = ConfigDict(json_schema_extra=example(_edition("decisions", DecisionsReport)))

    kind: Literal["decisions"]
    report: DecisionsReport


ScheduledEdition: TypeAlias = HoursEdition | AccessEdition | DecisionsEdition
IssuedHours: TypeAlias = Issued[HoursEdition, DocumentTemplateContent]
IssuedAccess: TypeAlias = Issued[AccessEdition, DocumentTemplateContent]
IssuedDecisions: TypeAlias = Issued[DecisionsEdition, DocumentTemplateContent]
IssuedScheduled: TypeAlias = IssuedHours | IssuedAccess | IssuedDecisions
FOR_DECIDERS: Final[frozenset[ScheduledKind]] = frozenset({"access"})
"""What is for those who may read the contract, and not for all of a client's people."""


def is_usual(kind: ScheduledKind, state: ContractState) -> bool:
    """Whether a contract has a document sent where its agency said nothing else: one with lines of hours has them."""
    return kind == "hours" and state.hours is not None and bool(state.hours.lines)


def is_usual_after(kind: ScheduledKind, versions: Sequence[KnownContract], month: date) -> bool:
    """The same of a month: whether it is so of what was in force in it, and not suspended as a whole."""
    return any(is_usual(kind, state) for state in active_states(versions, *month_bounds(month, zones_of(versions))))


def next_hours(last: HoursEdition | None, report: HoursReport) -> NextEdition | None:
    """What a reading of the hours is worth beside the last edition; None when it says nothing else.

    Lines and their sums are compared: minutes of a ticket are minutes of its line.
    """
    if last is None:
        return FIRST_EDITION
    return following_edition(
        last.edition, told_of_hours(last.report.hours), told_of_hours(report.hours), commented=False
    )


_NAMED: Final[Mapping[LogKind, SubjectKind]] = {"action": "action", "risk": "risk", "decision": "agreed"}


def next_decisions(last: DecisionsEdition | None, report: DecisionsReport) -> NextEdition | None:
    """What a reading of the log is worth beside the last edition; None when it says nothing else."""
    if last is None:
        return FIRST_EDITION
    before, after = _told_of_log(last.report.entries), _told_of_log(report.entries)
    return following_edition(last.edition, before, after, commented=False)


def _told_of_log(entries: Sequence[LogEntry]) -> Told:
    return {
        Subject(_NAMED[entry.kind], str(entry.id), entry.what): {
            "status": entry.state,
            "due_at": plain_instant(entry.due_at),
            "done_at": plain_instant(entry.done_at),
            "treatment": entry.treatment,
            "decided_on": None if entry.decided_on is None else entry.decided_on.isoformat(),
        }
        for entry in entries
    }
