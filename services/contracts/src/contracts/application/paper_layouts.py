"""How an agency wants its papers: the order of their sections, and its own words before and after, in both languages.

An order leaves nothing out: sections that it does not name follow in ours. What was agreed and what is owed stays in
the paper whatever somebody would rather not show.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.errors import Fault, Refused
from contracts.application.paper_ports import TemplateVersion
from contracts.application.papers import SECTIONS, Paper, PaperKind
from contracts.application.ports import Workspace
from contracts.application.senders import sender_of, signature
from contracts.application.values import Code, Request
from contracts.application.wording import Paragraph
from contracts.domain.message_template import Kind, faults, fill
from shared.i18n import Translator
from shared.values import Instant

VARIABLES: Final = ("AGENCY", "TITLE", "SUBTITLE", "AS_OF")
_EXAMPLE: Final[dict[str, Any]] = {
    "order": ["included", "excluded", "price"],
    "fr": {"introduction": "[AGENCY] vous explique votre contrat.", "closing": "Des questions ? Écrivez-nous."},
    "en": {"introduction": "[AGENCY] explains your contract.", "closing": "Any questions? Write to us."},
}


class LayoutTexts(Request):
    """The agency's own words in a language; null: none. Variables stand in brackets."""

    introduction: Paragraph | None = Field(default=None, description=f"may use {', '.join(VARIABLES)}")
    closing: Paragraph | None = Field(default=None, description=f"may use {', '.join(VARIABLES)}")


class PaperLayoutContent(Request):
    """Order and texts of one kind of paper."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    order: Annotated[list[Code], Field(max_length=20)] = Field(
        default_factory=list, description="Sections that come first; the others follow in our order."
    )
    fr: LayoutTexts = LayoutTexts()
    en: LayoutTexts = LayoutTexts()

    def texts(self, language: str) -> LayoutTexts:
        """The words of a language."""
        return self.fr if language == "fr" else self.en


class PaperLayout(BaseModel):
    """The layout that is used now. Version 0: the agency has none of its own."""

    paper_kind: PaperKind
    version: int = Field(ge=0)
    changed_at: Instant | None
    changed_by: str | None
    sections: list[str] = Field(max_length=20, description="Every section that this kind of paper can have.")
    layout: PaperLayoutContent


async def layout_of(work: Workspace, kind: PaperKind) -> PaperLayout:
    """The agency's own, or none."""
    stored = await work.papers.newest("paper", kind)
    if stored is None:
        return _shown(kind, 0, PaperLayoutContent())
    content = PaperLayoutContent.model_validate(stored.content)
    return _shown(kind, stored.number, content, stored)


def _shown(
    kind: PaperKind, version: int, content: PaperLayoutContent, stored: TemplateVersion | None = None
) -> PaperLayout:
    return PaperLayout(
        paper_kind=kind,
        version=version,
        changed_at=None if stored is None else stored.created_at,
        changed_by=None if stored is None else stored.created_by,
        sections=list(SECTIONS[kind]),
        layout=content,
    )


async def write_layout(work: Workspace, present: PaperLayout, content: PaperLayoutContent) -> PaperLayout:
    """A further version for the locked tenant. Raises Refused with everything that is wrong."""
    _check(present.paper_kind, content)
    version = TemplateVersion(
        kind="paper",
        code=present.paper_kind,
        number=present.version + 1,
        content=content.model_dump(mode="json"),
        created_at=work.now,
        created_by=work.actor,
    )
    await work.papers.add(version)
    return _shown(present.paper_kind, version.number, content, version)


def _check(kind: PaperKind, content: PaperLayoutContent) -> None:
    found = []
    for place, code in enumerate(content.order):
        if code not in SECTIONS[kind]:
            there = ", ".join(SECTIONS[kind])
            found.append(Fault(("order", place), f"this paper has no section {code}; it has: {there}"))
        elif code in content.order[:place]:
            found.append(Fault(("order", place), f"{code} stands here twice"))
    declared = dict.fromkeys(VARIABLES, Kind.TEXT)
    for language in ("fr", "en"):
        for field in ("introduction", "closing"):
            text: str | None = getattr(content.texts(language), field)
            wrong = [] if text is None else faults(text, declared)
            found += [Fault((language, field), detail) for detail in wrong]
    if found:
        refused = Refused(found[0].detail, *found[0].path)
        refused.faults = tuple(found)
        raise refused


async def laid_out(work: Workspace, paper: Paper, t: Translator) -> Paper:
    """The paper as the agency wants it, signed by its sender."""
    layout = (await layout_of(work, paper.kind)).layout
    tenant = await work.tenants.get(work.tenant_id)
    texts = layout.texts(paper.language)
    values = {
        "AGENCY": tenant.name,
        "TITLE": paper.title,
        "SUBTITLE": paper.subtitle,
        "AS_OF": paper.as_of_in_words,
    }
    places = {code: place for place, code in enumerate(layout.order)}
    ordered = sorted(paper.sections, key=lambda section: places.get(section.code, len(places)))
    return paper.model_copy(
        update={
            "sections": ordered,
            "introduction": _paragraphs(texts.introduction, values),
            "closing": _paragraphs(texts.closing, values),
            "signature": signature(tenant, (await sender_of(work)).sender, t),
        }
    )


def _paragraphs(text: str | None, values: dict[str, str]) -> list[str]:
    if text is None:
        return []
    filled = "".join(piece for piece in fill(text, dict(values)) if isinstance(piece, str))
    return [part.strip() for part in filled.split("\n\n") if part.strip()]
