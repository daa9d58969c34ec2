"""How an agency wants its reports: layout, order of the sections, its own texts in both languages."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from reporting.domain.report_template import can_be_text, faults_of, order_faults
from reporting.domain.review_periods import SCHEDULED, ReviewKind, ScheduledKind
from shared.kernel.variable_names import nearest_variable

Section: TypeAlias = Literal[
    "availability", "incidents", "promises", "work", "hours", "deliverables", "advisories", "settlement", "sent"
]
Layout: TypeAlias = Literal["sections", "pillars"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
OF_REPORT: Final = ("CLIENT", "AGENCY", "CONTRACT", "MONTH", "EDITION")
IN_MAIL: Final = ("CONTACT", "LINK", "LINK_ENDS")
OF_MAIL: Final = (*OF_REPORT, *IN_MAIL)
OF_REVIEW: Final = ("CLIENT", "AGENCY", "CONTRACT", "PERIOD", "EDITION")
OF_MONTH: Final = ("CLIENT", "AGENCY", "CONTRACT", "MONTH")
DocumentKind: TypeAlias = Literal[ReviewKind, ScheduledKind]
DocumentSection: TypeAlias = Literal[
    "trends",
    "recommendations",
    "next_steps",
    "incidents",
    "actions",
    "risks",
    "decisions",
    "lines",
    "tickets",
    "accesses",
]
SECTIONS_OF: Final[Mapping[DocumentKind, tuple[DocumentSection, ...]]] = {
    "quarterly": ("trends", "recommendations", "next_steps"),
    "annual": ("trends", "recommendations", "next_steps"),
    "institutional": ("incidents", "actions", "risks", "decisions", "recommendations", "next_steps"),
    "hours": ("lines", "tickets"),
    "access": ("accesses",),
    "decisions": ("actions", "risks", "decisions"),
}
"""Documents beside the monthly report that an agency can word and order, each with its sections."""
LanguageCode: TypeAlias = Literal["fr", "en"]

_TEXTS: dict[str, Any] = {
    "introduction": "[CLIENT] : voici ce que votre contrat [CONTRACT] a apporté en [MONTH].",
    "closing": "À bientôt, [AGENCY]",
    "mail_subject": "Votre rapport de [MONTH]",
    "mail_body": "Bonjour [CONTACT],\n\nVotre rapport est prêt : [LINK]\n\n[AGENCY]",
}
EXAMPLE: Final[dict[str, Any]] = {"layout": "sections", "order": list(SECTIONS), "fr": _TEXTS, "en": {}}


DOCUMENT_EXAMPLE: Final[dict[str, Any]] = {
    "order": ["recommendations", "next_steps", "trends"],
    "fr": {"introduction": "[CLIENT] : ce que nous retenons de [PERIOD].", "mail_subject": "Votre revue de [PERIOD]"},
    "en": {},
}


class TemplateTexts(BaseModel):
    """The agency's own texts in a language; null: ours. Variables stand in brackets: `[CLIENT]`. In reviews `[PERIOD]`
    stands in the place of `[MONTH]`; documents that are sent after every month have no `[EDITION]`. A word in brackets
    that is none is refused; `[[Support]]` is shown as `[Support]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_TEXTS]})

    introduction: Annotated[str, Field(max_length=5_000)] | None = Field(
        default=None, description=f"before the figures; may use {', '.join(OF_REPORT)}"
    )
    closing: Annotated[str, Field(max_length=5_000)] | None = Field(
        default=None, description=f"after the figures; may use {', '.join(OF_REPORT)}"
    )
    mail_subject: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")] | None = Field(
        default=None, description=f"may use {', '.join(OF_REPORT)}"
    )
    mail_body: Annotated[str, Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, description=f"must use LINK; may use {', '.join(OF_MAIL)}"
    )


class TemplateContent(BaseModel):
    """What every template has: the agency's texts per language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fr: TemplateTexts = TemplateTexts()
    en: TemplateTexts = TemplateTexts()

    def texts(self, language: str) -> TemplateTexts:
        """The texts of a language."""
        return self.fr if language == "fr" else self.en


class ReportTemplateContent(TemplateContent):
    """Layout, order and texts. Every section stays in the report: an order leaves nothing out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    layout: Layout = Field(
        default="sections", description="`pillars`: by security, stability, performance and controlled evolution"
    )
    order: list[Section] = Field(default=list(SECTIONS), max_length=20, description="every section once")


class DocumentTemplateContent(TemplateContent):
    """Order and texts of a review, or of a document of a month. Every section of its kind stays in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [DOCUMENT_EXAMPLE]})

    order: list[DocumentSection] = Field(max_length=20, description="every section of the kind once")


def our_template(kind: DocumentKind) -> DocumentTemplateContent:
    """How a document is made for an agency that has no template of its own."""
    return DocumentTemplateContent(order=list(SECTIONS_OF[kind]))


class TemplateFault(BaseModel):
    """What is wrong, and where in the template."""

    pointer: str
    detail: str


def faults_of_template(template: ReportTemplateContent) -> list[TemplateFault]:
    """Everything that would keep a report or a mail from being made as the agency wants it."""
    return _order_faults(template.order, SECTIONS) + _text_faults(template, OF_REPORT)


def faults_of_document_template(kind: DocumentKind, template: DocumentTemplateContent) -> list[TemplateFault]:
    """The same of a review, or of a document that is sent after every month."""
    variables = OF_MONTH if kind in SCHEDULED else OF_REVIEW
    return _order_faults(template.order, SECTIONS_OF[kind]) + _text_faults(template, variables)


def _order_faults(order: Sequence[str], sections: Sequence[str]) -> list[TemplateFault]:
    found = []
    wrong, left_out = order_faults(order, sections)
    unknown = [name for name in wrong if name not in sections]
    twice = [name for name in wrong if name in sections]
    if unknown:
        there = ", ".join(sections)
        found.append(
            TemplateFault(pointer="#/order", detail=f"There is no section {', '.join(unknown)} here; use {there}.")
        )
    if twice:
        found.append(TemplateFault(pointer="#/order", detail=f"Each section once: {', '.join(twice)} is there twice."))
    if left_out:
        found.append(TemplateFault(pointer="#/order", detail=f"These sections are missing: {', '.join(left_out)}."))
    return found


def _text_faults(template: TemplateContent, variables: Sequence[str]) -> list[TemplateFault]:
    found = []
    for language in get_args(LanguageCode):
        texts = template.texts(language)
        for name, declared, required in (
            ("introduction", variables, ()),
            ("closing", variables, ()),
            ("mail_subject", variables, ()),
            ("mail_body", (*variables, *IN_MAIL), ("LINK",)),
        ):
            text = getattr(texts, name)
            if text is None:
                continue
            faults = faults_of(text, declared, required)
            pointer = f"#/{language}/{name}"
            if faults.unknown:
                found.append(TemplateFault(pointer=pointer, detail=_unknown(faults.unknown, declared)))
            if faults.missing:
                missing = ", ".join(f"[{each}]" for each in faults.missing)
                found.append(
                    TemplateFault(
                        pointer=pointer, detail=f"The text must have {missing}: without it nobody can read the report."
                    )
                )
    return found


def _unknown(names: Sequence[str], declared: Sequence[str]) -> str:
    """What names of no variable are told: which there are, which was probably meant, and how to write a mere text."""
    there = ", ".join(f"[{each}]" for each in declared)
    said = [f"There is no variable {', '.join(f'[{each}]' for each in names)} here; use {there}."]
    meant = dict.fromkeys(each for name in names if (each := nearest_variable(name, declared)) is not None)
    if meant:
        said.append(f"Did you mean {', '.join(f'[{each}]' for each in meant)}?")
    text = next((name for name in names if can_be_text(name)), None)
    if text is not None:
        said.append(f"If it is meant as text, write [[{text}]].")
    return " ".join(said)
