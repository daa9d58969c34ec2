"""A review as a table: one line per figure of a month, trend, incident, action, risk, decision and recommendation."""

from collections.abc import Iterator
from typing import Any, Final

from reporting.application.editions import AS_MEASURED, decision_told
from reporting.application.review import Review, ReviewFigure, ReviewMonth
from shared.values import instant_text
from shared.workbook import number_of

COLUMNS: Final = ("subject", "id", "month", "name", "measure", "value")
"""Of a review for programs."""
_OF_MONTH: Final = (
    *("edition", "content_hash", "met", "met_as_measured", "incidents", "down_seconds"),
    *("promises_met", "promises_missed", "worked_minutes", "overage_minutes", "work_done"),
)
_OF_FIGURE: Final = ("uptime_percent", "uptime_display", "target_percent", "met")
_BEFORE_DECISIONS: Final = ("uptime_percent", "uptime_display", "met")


def review_rows(review: Review) -> Iterator[list[object]]:
    """One line per measure, by COLUMNS; exact, with the codes of the API; empty where nothing is known.

    No two lines have subject, id, month and measure in common: an environment has an id for each stretch of a month in
    which its promise did not change, as in the report of the month.
    """
    for month in review.months:
        yield from _month_rows(month)
    for trend in review.trends:
        yield ["trend", _plain(trend.environment_id), "", trend.subject, trend.measure, trend.direction]
    for subject, lines, key, name in (
        ("incident", review.incidents, "incident_id", "number"),
        ("action", review.actions, "action_id", "what"),
        ("risk", review.risks, "risk_id", "description"),
        ("decision", review.decisions, "decision_id", "what"),
        ("recommendation", review.recommendations, "id", "source"),
    ):
        for line in lines:
            said: dict[str, Any] = line.model_dump(mode="json")
            subject_id, named = said.pop(key), said.pop(name)
            for measure, value in said.items():
                if isinstance(value, dict):
                    for language, text in value.items():
                        yield [subject, subject_id, "", named, f"{measure}_{language}", text]
                else:
                    yield [subject, subject_id, "", named, measure, _plain(value)]


def _month_rows(month: ReviewMonth) -> Iterator[list[object]]:
    """A month, its figures, and the decisions on outages that they rest on."""
    named = month.month.isoformat()[:7]
    for measure in _OF_MONTH:
        yield ["month", "", named, "", measure, _plain(getattr(month, measure))]
    for figure in month.figures:
        stretch = f"{figure.environment_id}/{instant_text(figure.from_)}"
        for measure, value in _figure_told(figure):
            told = number_of(value) if isinstance(value, str) else _plain(value)
            yield ["environment", stretch, named, figure.environment, measure, told]
    for decision in month.outage_decisions:
        decision_id = str(decision.outage_decision_id)
        for measure, said in decision_told(decision).items():
            yield ["outage_decision", decision_id, named, decision.category, measure, _plain(said)]


def _figure_told(figure: ReviewFigure) -> Iterator[tuple[str, object]]:
    """The measures of a figure, and those before the decisions where there are any: who reads the one reads the
    other.
    """
    for measure in _OF_FIGURE:
        yield measure, getattr(figure, measure)
    if figure.as_measured is not None:
        for measure in _BEFORE_DECISIONS:
            yield measure + AS_MEASURED, getattr(figure.as_measured, measure)


def _plain(value: object) -> object:
    """What is a number is one; what somebody wrote stays as it is, whatever it looks like."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_of(str(value)) if isinstance(value, int | float) else str(value)
