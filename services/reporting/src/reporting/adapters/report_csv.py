"""An edition as a table: one line per measure, exact, with the codes of the API."""

from collections.abc import Iterator
from typing import Final

from reporting.application.editions import AS_MEASURED, Edition, told_of
from shared.csv_lines import csv_lines
from shared.workbook import number_of

COLUMNS = ("month", "edition", "subject", "id", "name", "measure", "value")
_UNITS: Final = ("_percent", "_seconds", "_minutes", "_ms")
_FIGURES: Final = frozenset({"checks", "outages", "number", "proof_count", "net", "tax", "gross", "amount"})
"""The measures that are numbers, beside those that end with a unit. All else is text, whatever it looks like."""


def report_csv(edition: Edition) -> str:
    """Every measure that a correction would name. Where there is nothing to measure the value is empty."""
    return csv_lines([COLUMNS, *measure_rows(edition)])


def measure_rows(edition: Edition) -> Iterator[tuple[object, ...]]:
    """One line per measure, by COLUMNS; a figure is a number, and so is one below nothing."""
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
                "" if value is None else number_of(value) if _is_figure(measure) else value,
            )


def _is_figure(measure: str) -> bool:
    plain = measure.removesuffix(AS_MEASURED)
    return plain in _FIGURES or plain.endswith(_UNITS)
