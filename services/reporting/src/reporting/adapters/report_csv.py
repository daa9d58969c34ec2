"""An edition as a table: one line per measure, exact, with the codes of the API."""

from collections.abc import Iterator

from reporting.application.editions import Edition, told_of
from shared.csv_lines import csv_lines

COLUMNS = ("month", "edition", "subject", "id", "name", "measure", "value")


def report_csv(edition: Edition) -> str:
    """Every measure that a correction would name. Where there is nothing to measure the value is empty."""
    return csv_lines([COLUMNS, *measure_rows(edition)])


def measure_rows(edition: Edition) -> Iterator[tuple[str | int, ...]]:
    """One line per measure, by COLUMNS."""
    month = edition.month.isoformat()[:7]
    for subject, measures in told_of(edition.report).items():
        for measure, value in measures.items():
            yield (
                month,
                edition.edition,
                subject.kind,
                subject.id,
                subject.name,
                measure,
                "" if value is None else value,
            )
