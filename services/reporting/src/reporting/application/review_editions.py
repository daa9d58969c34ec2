"""Editions of reviews: which ones a contract promises, what was told of a period, and what a later edition corrects."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeAlias

from pydantic import ConfigDict, Field

from reporting.application import review_examples
from reporting.application.editions import (
    FIRST_EDITION,
    EditionHead,
    Issued,
    NextEdition,
    decision_told,
    following_edition,
    plain,
    plain_instant,
)
from reporting.application.examples import example
from reporting.application.facts import Deliverable, KnownContract
from reporting.application.measuring import active_states, lifetime
from reporting.application.report_template import DocumentTemplateContent
from reporting.application.reporting import zones_of
from reporting.application.review import Review, ReviewFigure, ReviewMonth, ReviewNotes
from reporting.domain.editions import Subject, SubjectKind, Told
from reporting.domain.period import month_bounds, zone_at
from reporting.domain.review_periods import ReviewKind, closes, first_month_of, goes_out_at, months_from
from shared.values import instant_text

_PROMISED_BY: Final[Mapping[tuple[str, str | None], ReviewKind]] = {
    ("performance_review", "quarterly"): "quarterly",
    ("performance_review", "yearly"): "annual",
    ("regular_reporting", "monthly"): "institutional",
}
"""Type of a deliverable and how often it comes back, to the review that delivers it."""

_TRENDS: Final[frozenset[SubjectKind]] = frozenset({"month", "hours", "uptime", "decision", "action", "recommendation"})
_SHOWN: Final[Mapping[ReviewKind, frozenset[SubjectKind]]] = {
    "quarterly": _TRENDS,
    "annual": _TRENDS,
    "institutional": frozenset({"incident", "action", "risk", "agreed"}),
}
"""What the pages of a review tell of: what is otherwise elsewhere is no reason to send it again."""


class ReviewEdition(EditionHead):
    """A review of a contract as it was told: never changed afterwards. A correction is the next edition."""

    model_config = ConfigDict(json_schema_extra=example(review_examples.EDITION))

    kind: ReviewKind
    notes: ReviewNotes
    report: Review


IssuedReview: TypeAlias = Issued[ReviewEdition, DocumentTemplateContent]


class ReviewReading(Review):
    """The newest edition of a review; a preview, which may read otherwise tomorrow, until there is one."""

    model_config = ConfigDict(json_schema_extra=example(review_examples.READING))

    edition: int | None = Field(description="null: none was issued, this is a preview")
    notes: ReviewNotes


# --- which are promised ----------------------------------------------------------------------------------------------


def reviews_closed_by(versions: Sequence[KnownContract], month: date) -> list[tuple[ReviewKind, date]]:
    """The promised reviews whose period is over when a month is: each with its first month.

    As the proofs of deliverables are judged: what was promised while the contract was active in that month is due,
    unless the contract ended first. A suspension that lasts the whole month asks for nothing.
    """
    start, end = month_bounds(month, zones_of(versions))
    alive = lifetime(versions, start, end)
    if alive is None or alive[1] < end:
        return []
    began_on = versions[-1].state.starts_on
    kinds = sorted(_promised(versions, start, end))
    return [(kind, first_month_of(kind, month, began_on)) for kind in kinds if closes(kind, month, began_on)]


def review_goes_out_at(versions: Sequence[KnownContract], kind: ReviewKind, first_month: date) -> datetime:
    """When the first edition of a review is due."""
    return morning_after(versions, months_from(first_month, kind)[-1])


def morning_after(versions: Sequence[KnownContract], month: date) -> datetime:
    """When what is told after a month goes out, in the zone that holds when the month ends."""
    zones = zones_of(versions)
    return goes_out_at(month, zone_at(month_bounds(month, zones)[1], zones))


def _promised(versions: Sequence[KnownContract], start: datetime, end: datetime) -> set[ReviewKind]:
    found = (
        _PROMISED_BY.get(_cadence(deliverable))
        for state in active_states(versions, start, end)
        for deliverable in state.deliverables
    )
    return {kind for kind in found if kind is not None}


def _cadence(deliverable: Deliverable) -> tuple[str, str | None]:
    return deliverable.type, deliverable.frequency


# --- what is told ----------------------------------------------------------------------------------------------------


def next_review(last: ReviewEdition | None, review: Review, notes: ReviewNotes) -> NextEdition | None:
    """What a reading of the period is worth beside the last edition; None when it says nothing else."""
    if last is None:
        return FIRST_EDITION
    before, after = told_of_review(last.report), told_of_review(review)
    return following_edition(last.edition, before, after, commented=notes != last.notes)


def told_of_review(review: Review) -> Told:
    """Everything of a review that a correction must name: figures, verdicts, instants; neither names nor proofs.

    A trend follows from the figures. The numbers of the editions that they are of are proofs. Nothing is named that a
    review of the kind does not show, nor when an action is due now: it may be moved for ever, and says nothing of the
    period.
    """
    told: dict[Subject, Mapping[str, str | None]] = {}
    for month in review.months:
        told |= _told_of_month(month)
    for incident in review.incidents:
        told[Subject("incident", str(incident.incident_id), incident.number)] = {
            "severity": incident.severity,
            "status": incident.status,
            "began_at": instant_text(incident.began_at),
            "ended_at": plain_instant(incident.ended_at),
            "duration_seconds": plain(incident.duration_seconds),
        }
    for action in review.actions:
        told[Subject("action", str(action.action_id), action.what)] = {
            "done_at": plain_instant(action.done_at),
        }
    for risk in review.risks:
        told[Subject("risk", str(risk.risk_id), risk.description)] = {
            "treatment": risk.treatment,
            "decided_on": None if risk.decided_on is None else risk.decided_on.isoformat(),
        }
    for decision in review.decisions:
        told[Subject("agreed", str(decision.decision_id), decision.what)] = {
            "decided_on": decision.decided_on.isoformat()
        }
    for recommendation in review.recommendations:
        name = recommendation.text.get(review.language) or next(iter(recommendation.text.values()), "")
        told[Subject("recommendation", str(recommendation.id), name)] = {"since": instant_text(recommendation.since)}
    return {subject: measures for subject, measures in told.items() if subject.kind in _SHOWN[review.kind]}


def _told_of_month(month: ReviewMonth) -> Told:
    named = month.month.isoformat()[:7]
    told: dict[Subject, Mapping[str, str | None]] = {
        Subject("month", named, named): {
            "met": plain(month.met),
            "incidents": plain(month.incidents),
            "down_seconds": plain(month.down_seconds),
            "promises_met": plain(month.promises_met),
            "promises_missed": plain(month.promises_missed),
            "work_done": plain(month.work_done),
        }
    }
    if month.worked_minutes is not None:
        told[Subject("hours", named, named)] = {
            "real_minutes": plain(month.worked_minutes),
        }
    for figure in month.figures:
        key = f"{named}/{figure.environment_id}/{instant_text(figure.from_)}"
        told[Subject("uptime", key, f"{named} · {figure.environment}")] = _told_of_figure(figure)
    for each in month.outage_decisions:
        told[Subject("decision", f"{named}/{each.outage_decision_id}", each.category)] = decision_told(each)
    return told


def _told_of_figure(figure: ReviewFigure) -> Mapping[str, str | None]:
    told: Mapping[str, str | None] = {
        "uptime_percent": figure.uptime_percent,
        "target_percent": figure.target_percent,
        "met": plain(figure.met),
    }
    before = figure.as_measured
    if before is None:
        return told
    return {**told, "uptime_percent_as_measured": before.uptime_percent, "met_as_measured": plain(before.met)}
