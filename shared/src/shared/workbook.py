"""Tables as a workbook (XLSX). Nothing in it is ever a formula, and the same tables give the same bytes."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import xlsxwriter

_LONGEST_NAME: Final = 31
_LONGEST_TEXT: Final = 32_767
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\']")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MOST_DIGITS: Final = 15
"""What a spreadsheet keeps of a number; one with more stays a text, so that no digit is lost."""


@dataclass(frozen=True)
class Worksheet:
    """A table under its name. Whole numbers and decimals are numbers; everything else is the text that it is."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


def workbook(title: str, author: str, made_at: datetime, sheets: Sequence[Worksheet]) -> bytes:
    """The file. A name that is too long, taken or not allowed in a workbook is changed as little as need be; a text
    longer than a cell may be is cut there.
    """
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"title": title, "author": author, "created": made_at.replace(tzinfo=None, microsecond=0)})
        heading = book.add_format({"bold": True})
        names: set[str] = set()
        for sheet in sheets:
            page = book.add_worksheet(_name(sheet.name, names))
            for column, name in enumerate(sheet.columns):
                page.write_string(0, column, _printable(name), heading)
            for line, row in enumerate(sheet.rows, start=1):
                for column, cell in enumerate(row):
                    if _is_number(cell):
                        page.write_number(line, column, cell)
                    else:
                        page.write_string(line, column, _printable("" if cell is None else str(cell)))
            page.freeze_panes(1, 0)
            page.autofit()
    return file.getvalue()


def number_of(text: str) -> Decimal | str:
    """A text as the number that it writes, if it writes it as we do and a spreadsheet can keep it; else itself: 007,
    1_000 and 1e5 stay what they are. For what is known to be a figure, never for what somebody wrote.
    """
    if _NUMBER.fullmatch(text) is None:
        return text
    number = Decimal(text)
    return number if _is_number(number) else text


def _is_number(cell: object) -> bool:
    if isinstance(cell, bool) or not isinstance(cell, int | Decimal):
        return False
    number = Decimal(cell)
    return number.is_finite() and len(number.as_tuple().digits) <= _MOST_DIGITS


def _name(title: str, taken: set[str]) -> str:
    """A name for a worksheet that no other has: short, without what Excel forbids."""
    plain = _NOT_IN_NAMES.sub(" ", _printable(title)).strip()[:_LONGEST_NAME] or "–"
    name, count = plain, 1
    while name.casefold() in taken:
        count += 1
        name = f"{plain[: _LONGEST_NAME - len(str(count)) - 1]} {count}"
    taken.add(name.casefold())
    return name


def _printable(text: str) -> str:
    return _CONTROL.sub("", text)[:_LONGEST_TEXT]
