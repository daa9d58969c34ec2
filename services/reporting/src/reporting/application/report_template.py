"""How an agency wants its reports: layout, order of the sections, its own texts in both languages."""

from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from reporting.domain.report_template import faults_of, order_faults

Section: TypeAlias = Literal[
    "availability", "incidents", "promises", "work", "hours", "deliverables", "advisories", "settlement", "sent"
]
Layout: TypeAlias = Literal["sections", "pillars"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
OF_REPORT: Final = ("CLIENT", "AGENCY", "CONTRACT", "MONTH", "EDITION")
OF_MAIL: Final = (*OF_REPORT, "CONTACT", "LINK", "LINK_ENDS")
LanguageCode: TypeAlias = Literal["fr", "en"]

_TEXTS: dict[str, Any] = {
    "introduction": "[CLIENT] : voici ce que votre contrat [CONTRACT] a apporté en [MONTH].",
    "closing": "À bientôt, [AGENCY]",
    "mail_subject": "Votre rapport de [MONTH]",
    "mail_body": "Bonjour [CONTACT],\n\nVotre rapport est prêt : [LINK]\n\n[AGENCY]",
}
EXAMPLE: Final[dict[str, Any]] = {"layout": "sections", "order": list(SECTIONS), "fr": _TEXTS, "en": {}}


class TemplateTexts(BaseModel):
    """The agency's own texts in a language; null: ours. Variables stand in brackets: `[CLIENT]`."""

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


class ReportTemplateContent(BaseModel):
    """Layout, order and texts. Every section stays in the report: an order leaves nothing out."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    layout: Layout = Field(
        default="sections", description="`pillars`: by security, stability, performance and controlled evolution"
    )
    order: list[Section] = Field(default=list(SECTIONS), max_length=20, description="every section once")
    fr: TemplateTexts = TemplateTexts()
    en: TemplateTexts = TemplateTexts()

    def texts(self, language: str) -> TemplateTexts:
        """The texts of a language."""
        return self.fr if language == "fr" else self.en


class TemplateFault(BaseModel):
    """What is wrong, and where in the template."""

    pointer: str
    detail: str


def faults_of_template(template: ReportTemplateContent) -> list[TemplateFault]:
    """Everything that would keep a report or a mail from being made as the agency wants it."""
    found = []
    wrong, left_out = order_faults(template.order, SECTIONS)
    if wrong:
        found.append(TemplateFault(pointer="#/order", detail=f"Each section once: {', '.join(wrong)} is there twice."))
    if left_out:
        found.append(TemplateFault(pointer="#/order", detail=f"These sections are missing: {', '.join(left_out)}."))
    for language in get_args(LanguageCode):
        texts = template.texts(language)
        for name, declared, required in (
            ("introduction", OF_REPORT, ()),
            ("closing", OF_REPORT, ()),
            ("mail_subject", OF_REPORT, ()),
            ("mail_body", OF_MAIL, ("LINK",)),
        ):
            text = getattr(texts, name)
            if text is None:
                continue
            faults = faults_of(text, declared, required)
            pointer = f"#/{language}/{name}"
            if faults.unknown:
                there = ", ".join(f"[{each}]" for each in declared)
                unknown = ", ".join(f"[{each}]" for each in faults.unknown)
                found.append(
                    TemplateFault(pointer=pointer, detail=f"There is no variable {unknown} here; use {there}.")
                )
            if faults.missing:
                missing = ", ".join(f"[{each}]" for each in faults.missing)
                found.append(
                    TemplateFault(
                        pointer=pointer, detail=f"The text must have {missing}: without it nobody can read the report."
                    )
                )
    return found
