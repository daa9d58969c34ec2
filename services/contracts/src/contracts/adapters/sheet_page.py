"""The inclusion and exclusion sheet as HTML: escaped, without scripts, ready to print."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.application.sheet import Sheet
from shared.i18n import Translator

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class SheetPage:
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


def sheet_page(sheet: Sheet, translator: Translator) -> SheetPage:
    """The sheet in the language of the translator."""
    style = (TEMPLATES / "sheet.css").read_text("utf-8")
    html = (
        _environment()
        .get_template("sheet.html")
        .render(
            language=translator.language,
            sheet=sheet,
            style=Markup(style),  # noqa: S704  (our own stylesheet)
        )
    )
    return SheetPage(html.encode(), style)
