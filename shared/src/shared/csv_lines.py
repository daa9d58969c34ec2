"""Tables as comma-separated values (RFC 4180) that a spreadsheet may open without harm."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

# The wide forms count as the narrow ones where East Asian languages are set. Where the comma is the decimal sign, lines
# are split at semicolons and quotes around a text with commas are no quotes: a cell can begin in the middle of a text,
# with quotes before what counts.
_FORMULA: Final = re.compile(r"(\A|[;\t\r\n])(?=\"*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """The lines of these rows. What a spreadsheet would take for a formula has an apostrophe before it: where a text
    begins, and wherever one could be split.
    """
    lines = io.StringIO()
    csv.writer(lines).writerows([_harmless(cell) for cell in row] for row in rows)
    return lines.getvalue()


def _harmless(cell: object) -> object:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell
