"""A paper as a page, a PDF by PDF/UA-1 (tagged, fonts embedded), a workbook, plain text; a message as HTML for mail."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.adapters.invoice_files import displayed
from contracts.application.message_templates import Filled
from contracts.application.papers import Paper, PaperTable
from contracts.domain.message_template import Table
from shared.i18n import Translator
from shared.workbook import Worksheet, workbook

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class PaperPage:
    """The page, and the one stylesheet that is in it."""

    html: bytes
    style: str


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def paper_page(paper: Paper) -> PaperPage:
    """The paper as a page of HTML: escaped, without scripts, ready to print."""
    style = (TEMPLATES / "paper.css").read_text("utf-8")
    html = _environment().get_template("paper.html").render(paper=paper, style=Markup(style))  # noqa: S704  (our own)
    return PaperPage(html.encode(), style)


async def paper_pdf(paper: Paper, author: str) -> bytes:
    """The paper as a PDF, made off the event loop. A box stands for a letter that its fonts do not have."""
    return await asyncio.to_thread(_pdf, paper, author)


def _pdf(paper: Paper, author: str) -> bytes:
    import typst  # noqa: PLC0415  (long to import, and only whoever makes a file needs it)

    sheet = _displayable({**paper.model_dump(mode="json"), "author": author})
    return typst.compile(
        (TEMPLATES / "paper.typ").read_bytes(),
        sys_inputs={"paper": json.dumps(sheet, ensure_ascii=False)},
        format="pdf",
        pdf_standards="ua-1",
        timestamp=paper.as_of.replace(microsecond=0),  # a PDF knows no fractions
        ignore_system_fonts=True,
    )


def _displayable(value: Any) -> Any:
    if isinstance(value, str):
        return displayed(value)
    if isinstance(value, list):
        return [_displayable(each) for each in value]
    if isinstance(value, dict):
        return {name: _displayable(each) for name, each in value.items()}
    return value


def paper_workbook(
    paper: Paper, author: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> bytes:
    """The records of a paper under `name`, then each of its tables. Nothing in it is ever a formula."""
    tables = [
        Worksheet(section.title, table.columns, [*table.rows, *([] if table.total is None else [table.total])])
        for section in paper.sections
        for table in section.tables
    ]
    return workbook(paper.title, author, paper.as_of, [Worksheet(name, columns, rows), *tables])


def paper_text(paper: Paper) -> str:
    """The paper as plain text."""
    lines = [paper.title, "=" * len(paper.title), paper.subtitle, paper.as_of_in_words, ""]
    for part in (*paper.notices, *paper.introduction):
        lines += [part, ""]
    for section in paper.sections:
        lines += [section.title, "-" * len(section.title)]
        lines += [*section.paragraphs, *(f"- {item}" for item in section.items)]
        for table in section.tables:
            lines += _text_lines(table)
        lines.append("")
    for part in paper.closing:
        lines += [part, ""]
    return "\n".join([*lines, *paper.signature]).rstrip() + "\n"


def _text_lines(table: PaperTable) -> list[str]:
    rows = [table.columns, *table.rows, *([] if table.total is None else [table.total])]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(row, widths, table.numeric, strict=True)
        )
        return " | ".join(cells).rstrip()

    return [line(rows[0]), "-+-".join("-" * width for width in widths), *map(line, rows[1:])]


def message_html(filled: Filled, t: Translator) -> str:
    """The body of a message as HTML for mail programs: paragraphs and tables, everything escaped, styles in place."""
    parts: list[tuple[str, Any]] = []
    for piece in filled.body:
        if isinstance(piece, Table):
            parts.append(("table", piece))
        else:
            paragraphs = [part.strip("\n") for part in piece.split("\n\n")]
            parts += [("text", part.splitlines()) for part in paragraphs if part.strip()]
    return _environment().get_template("message.html").render(language=t.language, subject=filled.subject, parts=parts)
