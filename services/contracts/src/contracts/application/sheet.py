"""The inclusion and exclusion sheet of a contract: what a client gets, line by line, and what he does not."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from contracts.application.contracts import Contract
from contracts.application.sites import Site, SiteKind
from contracts.application.values import Texts
from shared.i18n import Translator

SectionCode = Literal["included", "needs_scoping", "excluded"]


class SheetLine(BaseModel):
    """One line. `source` is where it stands in the contract, `code` its name there."""

    source: Literal["deliverable", "scope"]
    code: str
    text: str


class SheetSection(BaseModel):
    """What is included, what is scoped first, or what is excluded."""

    code: SectionCode
    title: str
    lines: list[SheetLine] = Field(max_length=1100)


class SheetSite(BaseModel):
    """A site under the contract, and what kind it is of."""

    name: str
    kind: SiteKind
    kind_in_words: str


class Sheet(BaseModel):
    """The sheet in one language. It names the sites, and has every line of the contract that says what is included or
    not, and no other.
    """

    contract_number: str
    language: str
    title: str
    plan: str
    sites_title: str
    sites: list[SheetSite] = Field(max_length=100)
    sections: list[SheetSection] = Field(max_length=3)


def sheet_of(contract: Contract, sites: Sequence[Site], t: Translator) -> Sheet:
    """The sheet of a contract over these sites, as its terms are: those in force, or those of the draft."""

    def word(texts: Texts) -> str:
        text: str = getattr(texts, t.language)
        return text

    scope = contract.terms.scope

    def categories(verdict: Literal["in", "out", "needs_scoping"]) -> list[SheetLine]:
        named = [] if scope is None else scope.of(verdict)
        return [
            SheetLine(source="scope", code=item.code, text=_with_limit(word(item.name), item.limit_minutes, t))
            for item in named
        ]

    deliverables = [
        SheetLine(source="deliverable", code=item.code, text=word(item.name)) for item in contract.deliverables
    ]
    return Sheet(
        contract_number=contract.number,
        language=t.language,
        title=t.gettext("What the contract includes, and what it does not"),
        plan=contract.plan.title[t.language],
        sites_title=t.gettext("What it is for"),
        sites=[SheetSite(name=site.name, kind=site.kind, kind_in_words=_kind(site.kind, t)) for site in sites],
        sections=[
            SheetSection(code="included", title=t.gettext("Included"), lines=[*deliverables, *categories("in")]),
            SheetSection(
                code="needs_scoping", title=t.gettext("Scoped and estimated first"), lines=categories("needs_scoping")
            ),
            SheetSection(code="excluded", title=t.gettext("Not included"), lines=categories("out")),
        ],
    )


def _kind(kind: SiteKind, t: Translator) -> str:
    return {
        "website": t.gettext("website"),
        "web_application": t.gettext("web application"),
        "mobile_application": t.gettext("mobile application"),
        "api": t.gettext("API"),
        "back_office": t.gettext("back office"),
    }[kind]


def _with_limit(name: str, minutes: int | None, t: Translator) -> str:
    if minutes is None:
        return name
    return t.gettext("%(name)s (up to %(time)s each)", name=name, time=t.work(minutes))
