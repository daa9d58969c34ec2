"""A review as a table: one line per figure of a month, trend, incident, action, risk, decision and recommendation."""

from collections.abc import Iterator
from typing import Any, Final

from reporting.application.review import Review
from shared.workbook import number_of

COLUMNS: Final = ("subject", "id", "month", "name", "measure", "value")
"""Of a review for programs."""
_OF_MONTH: Final = (
    *("edition", "content_hash", "met", "incidents", "down_seconds", "promises_met", "promises_missed"),
    *("worked_minutes", "overage_minutes", "work_done"),
)
_OF_FIGURE: Final = ("uptime_percent", "uptime_display", "target_percent", "met")


def review_rows(review: Review) -> Iterator[list[object]]:
    """One line per measure, by COLUMNS; exact, with the codes of the API; empty where nothing is known."""
    for month in review.months:
        named = month.month.isoformat()[:7]
        for measure in _OF_MONTH:
            yield ["month", "", named, "", measure, _plain(getattr(month, measure))]
        for figure in month.figures:
            for measure in _OF_FIGURE:
                value = getattr(figure, measure)
                told = number_of(value) if isinstance(value, str) else _plain(value)
                yield ["environment", "", named, figure.environment, measure, told]
    for trend in review.trends:
        yield ["trend", "", "", trend.subject, trend.measure, trend.direction]
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


def _plain(value: object) -> object:
    """What is a number is one; what somebody wrote stays as it is, whatever it looks like."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_of(str(value)) if isinstance(value, int | float) else str(value)
