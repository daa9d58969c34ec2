"""Papers: documents that the service makes of what it knows, in one language, before they are given any look.

A paper is text all through. JSON, HTML, PDF and plain text show the same words in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, Field

from contracts.application.values import Language, Texts
from contracts.domain.message_template import Table
from shared.i18n import Translator
from shared.values import Instant

PaperKind: TypeAlias = Literal[
    "plain_terms",
    "support_model",
    "breach_notice",
    "settlement_statement",
    "configuration_report",
    "register_export",
    "price_sheet",
]
PAPER_KINDS: Final[tuple[PaperKind, ...]] = get_args(PaperKind)

SECTIONS: Final[Mapping[PaperKind, tuple[str, ...]]] = {
    "plain_terms": (
        "parties", "included", "scoped", "excluded", "status_pages", "reaction", "uptime", "hours", "price", "term",
        "support", "obligations", "remedies", "clauses", "not_agreed",
    ),
    "support_model": ("scope", "responsibilities", "levels", "coverage", "targets", "escalation"),
    "breach_notice": ("parties", "breaches", "figures", "demand", "consequences"),
    "settlement_statement": ("promised", "owed", "totals", "deliverables", "responsibility", "proof"),
    "configuration_report": ("items",),
    "register_export": ("entries",),
    "price_sheet": ("plans",),
}  # fmt: skip
"""Every section that a kind of paper can have, in our order."""

MOST_ROWS: Final = 5_000
"""A table longer than this is exported as CSV only: nobody reads a hundred pages."""


class PaperTable(BaseModel):
    """Rows under a head."""

    columns: list[str] = Field(max_length=20)
    numeric: list[bool] = Field(max_length=20, description="Which columns are figures.")
    rows: list[list[str]] = Field(max_length=MOST_ROWS)
    total: list[str] | None = None


class PaperSection(BaseModel):
    """A part of a paper under its title."""

    code: str
    title: str
    paragraphs: list[str] = Field(default_factory=list, max_length=1000)
    items: list[str] = Field(default_factory=list, max_length=2000, description="Points of a list.")
    tables: list[PaperTable] = Field(default_factory=list, max_length=10)


class Paper(BaseModel):
    """A document in one language."""

    kind: PaperKind
    language: Language
    title: str
    subtitle: str
    as_of: Instant = Field(description="What it says is so as of this instant.")
    as_of_in_words: str
    notices: list[str] = Field(max_length=10, description="What must be read with it: a draft, an indicative price.")
    introduction: list[str] = Field(max_length=100, description="The agency's own words before it.")
    sections: list[PaperSection] = Field(max_length=20)
    closing: list[str] = Field(max_length=100, description="The agency's own words after it.")
    signature: list[str] = Field(max_length=20, description="Who sends it.")


def spoken(texts: Texts | Mapping[str, str], t: Translator) -> str:
    """The words in the translator's language."""
    if isinstance(texts, Mapping):
        return texts[t.language]
    text: str = getattr(texts, t.language)
    return text


def language_of(t: Translator) -> Language:
    """The translator's language as papers name it."""
    return "fr" if t.language == "fr" else "en"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    figures: Sequence[int] = (),
    total: Sequence[str] | None = None,
) -> PaperTable:
    """A table whose columns at these places are figures."""
    return PaperTable(
        columns=list(columns),
        numeric=[place in figures for place in range(len(columns))],
        rows=[list(row) for row in rows],
        total=None if total is None else list(total),
    )


def in_template(shown: PaperTable) -> Table:
    """The table as a template knows it."""
    return Table(
        columns=tuple(shown.columns),
        numeric=tuple(shown.numeric),
        rows=tuple(tuple(row) for row in shown.rows),
        total=None if shown.total is None else tuple(shown.total),
    )
