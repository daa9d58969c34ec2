"""A document as a workbook: the exact measures, then each table of its page. Nothing in it is ever a formula."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from reporting.adapters.report_csv import COLUMNS, measure_rows
from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.sheet import ReportSheet
from reporting.application.editions import IssuedEdition
from shared.i18n import Translator
from shared.workbook import Worksheet, workbook


def report_xlsx(issued: IssuedEdition, t: Translator) -> bytes:
    """The file of an edition; the same bytes each time. A text stays a text, also one that looks like a formula."""
    edition = issued.edition
    return sheet_xlsx(report_sheet(issued, t), edition.issued_at, t.gettext("Measures"), COLUMNS, measure_rows(edition))


def sheet_xlsx(
    sheet: ReportSheet, made_at: datetime, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> bytes:
    """A document: first what programs read, under `name`, then its tables as people read them."""
    tables = (Worksheet(table.title, table.columns, table.rows or [[table.nothing]]) for table in sheet.tables)
    return workbook(sheet.title, sheet.author, made_at, [Worksheet(name, columns, rows), *tables])
