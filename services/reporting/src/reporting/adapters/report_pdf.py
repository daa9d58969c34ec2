"""An edition as a PDF by PDF/UA-1: tagged, fonts embedded, charts as vectors, the same bytes whenever it is made."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import structlog

from reporting.adapters.edition_sheet import edition_sheet
from reporting.adapters.sheet import ReportSheet
from reporting.application.issued import AnyIssued
from reporting.application.report import Brand
from reporting.application.report_template import Layout
from shared.i18n import Translator

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
NOTHING = TEMPLATE.with_name("nothing.typ")
_REMEMBERED: Final = 10
_STANDARD: Final = "ua-1"
_UNDISPLAYED = re.compile(r"the text .* could not be displayed")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NO_SUCH_LETTER = "□"
_ONE_LETTER = (
    b'#set document(title: "letter")\n#set text(font: ("Libertinus Serif", "New Computer Modern"), lang: "en")\n'
    b'#sys.inputs.at("letter")'
)


log = structlog.get_logger(__name__)


async def report_pdf(issued: AnyIssued, t: Translator, layout: Layout | None = None) -> bytes:
    """The file, made off the event loop. A box stands for a letter that the fonts do not have; the JSON has it."""
    return await asyncio.to_thread(pdf_of, issued, t, layout)


def pdf_of(issued: AnyIssued, t: Translator, layout: Layout | None = None) -> bytes:
    """The file of an edition."""
    return sheet_pdf(edition_sheet(issued, t, layout), issued.brand, issued.edition.issued_at)


def sheet_pdf(page: ReportSheet, brand: Brand, made_at: datetime) -> bytes:
    """The file of a document, with the brand's logo at its head; `made_at` is the date that it carries.

    A logo is no reason for a document not to be made: one that cannot be drawn is left out.
    """
    import typst  # noqa: PLC0415  (long to import, and only whoever makes a file needs it)

    sheet = page.model_dump(mode="json") | {"logo": brand.name or page.author}
    picture = list(brand.picture or b"")
    try:
        return typst.compile(
            TEMPLATE.read_bytes(),
            sys_inputs={
                "sheet": json.dumps(_displayable(sheet), ensure_ascii=False),
                "logo": json.dumps(picture),  # there is no way for bytes
            },
            format="pdf",
            pdf_standards=_STANDARD,
            timestamp=made_at.replace(microsecond=0),  # a PDF knows no fractions
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        if not picture:
            raise
        log.warning("logo_left_out", logo=brand.logo, error=str(error))
        return sheet_pdf(page, replace(brand, picture=None), made_at)
    finally:
        _forget()


def _forget() -> None:
    """Typst keeps what it laid out for the next ten documents, megabytes of each, and none of them has any use for it.

    So ten of nothing are made: some milliseconds.
    """
    import typst  # noqa: PLC0415  (as above)

    nothing = typst.Compiler(NOTHING, ignore_system_fonts=True)
    for _ in range(_REMEMBERED):
        nothing.compile(format="pdf")


def _displayable(value: Any) -> Any:
    if isinstance(value, str):
        plain = _CONTROL.sub("", value)
        return "".join(each if each.isascii() or _is_displayed(each) else _NO_SUCH_LETTER for each in plain)
    if isinstance(value, list):
        return [_displayable(each) for each in value]
    if isinstance(value, dict):
        return {name: _displayable(each) for name, each in value.items()}
    return value


@lru_cache(maxsize=10_000)
def _is_displayed(letter: str) -> bool:
    """Whether the fonts of the page have a letter; some milliseconds, once for each."""
    import typst  # noqa: PLC0415  (as above)

    try:
        typst.compile(
            _ONE_LETTER,
            sys_inputs={"letter": letter},
            format="pdf",
            pdf_standards=_STANDARD,
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        if _UNDISPLAYED.search(str(error)) is None:
            raise
        return False
    return True
