"""A document as it is printed: every text in the reader's language, nothing left to work out."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reporting.application.report import Brand
from reporting.domain.brand import palette, with_variables

NOTHING: Final = "–"


class SheetPart(BaseModel):
    """Base of the parts of a page."""

    model_config = ConfigDict(frozen=True)


class Tile(SheetPart):
    """A figure that is seen first."""

    label: str
    figure: str
    note: str


class Table(SheetPart):
    """A section with one table; `nothing` is said where it has no rows. The first column names the row."""

    code: str
    title: str
    columns: list[str]
    right: list[bool]
    rows: list[list[str]]
    nothing: str


class Group(SheetPart):
    """Sections under one heading, or under none; `nothing` is said where there is neither text nor section."""

    title: str
    paragraphs: list[str] = []
    tables: list[Table]
    nothing: str


class DayBar(SheetPart):
    """A day of a chart; `height` is the share of the tallest bar, 0 to 1."""

    label: str
    height: float


class Chart(SheetPart):
    """Bars by day, and the same in a sentence for whoever does not see them."""

    title: str
    alternative: str
    tallest: str
    bars: list[DayBar]


class SheetColours(SheetPart):
    """The brand on white paper: the band above, what is written on it, and headings. Each is read on its ground."""

    band: str
    on_band: str
    heading: str


def colours_of(brand: Brand) -> SheetColours:
    """The colours of a brand for what is printed: whatever its ground on screens is, paper is white."""
    own = with_variables(palette(brand.primary, None, None), brand.variables)
    return SheetColours(band=own.band, on_band=own.on_band, heading=own.link)


class ReportSheet(SheetPart):
    """A page."""

    language: Literal["fr", "en"]
    title: str
    author: str
    colours: SheetColours
    subtitle: str
    period: str
    edition: str
    introduction: list[str]
    commentary_title: str
    commentary: list[str]
    summary_title: str
    tiles: list[Tile]
    charts: list[Chart]
    groups: list[Group]
    closing: list[str]
    rules_title: str
    rules: list[str]
    footer: str

    @property
    def tables(self) -> list[Table]:
        """Every table, in the order of the page."""
        return [table for group in self.groups for table in group.tables]
