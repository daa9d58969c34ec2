"""The hours of a month as a document of their own: by line and by ticket."""

from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reporting.application import part_examples
from reporting.application.examples import CONTRACT_LINE, example
from reporting.application.report import MonthlyReport, ReportContract
from reporting.application.report_parts import HoursPart
from shared.values import Instant, Month

COLUMNS: Final = (
    *("month", "subject", "code", "item_id", "number", "name", "included_minutes", "worked_minutes"),
    *("used_minutes", "remaining_minutes", "overage_minutes"),
)
"""Of the report for programs: a row per line (`line`), their sum (`total`), and per ticket (`ticket`)."""


class HoursReport(BaseModel):
    """The hours of a month: by the newest issued edition of its report, or as they are known while there is none."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra=example(
            {
                "contract": CONTRACT_LINE,
                "month": "2026-06",
                "time_zone": "Europe/Paris",
                "language": "fr",
                "edition": 1,
                "as_of": "2026-06-30T22:00:00Z",
                "hours": part_examples.HOURS,
            }
        ),
    )

    contract: ReportContract
    month: Month
    time_zone: Annotated[str, Field(json_schema_extra={"maxLength": 100})]
    language: Annotated[str, Field(json_schema_extra={"maxLength": 10})]
    edition: int | None = Field(description="of the month's report; null: none was issued, figures are provisional")
    as_of: Instant
    hours: HoursPart | None = Field(description="null: no hours were agreed, and none were worked")


def hours_report(report: MonthlyReport, edition: int | None) -> HoursReport:
    """The part of a month's report that tells of hours."""
    return HoursReport(
        contract=report.contract,
        month=report.month,
        time_zone=report.time_zone,
        language=report.language,
        edition=edition,
        as_of=report.as_of,
        hours=report.parts.hours,
    )


def hours_rows(report: HoursReport) -> Iterator[list[object]]:
    """One row per line, their sum, one per ticket, by COLUMNS; exact minutes, empty where nothing is known."""
    month, hours = report.month.isoformat()[:7], report.hours
    if hours is None:
        return
    for line in hours.lines:
        figures = (
            *(line.included_minutes, line.real_minutes, line.accounted_minutes),
            *(line.remaining_minutes, line.overage_minutes),
        )
        name = line.name.get(report.language) or next(iter(line.name.values()), line.code)
        yield [month, "line", line.code, "", "", name, *map(_plain, figures)]
    sums = (hours.available_minutes, hours.real_minutes, hours.accounted_minutes)
    yield [month, "total", "", "", "", "", *map(_plain, (*sums, hours.remaining_minutes, hours.overage_minutes))]
    for ticket in hours.tickets:
        whose: tuple[UUID | None, str | None, str | None] = (ticket.item_id, ticket.number, ticket.title)
        yield [month, "ticket", ticket.line, *map(_text, whose), "", ticket.real_minutes, "", "", ""]


def _plain(minutes: int | None) -> object:
    return "" if minutes is None else minutes


def _text(value: object) -> str:
    return "" if value is None else str(value)
