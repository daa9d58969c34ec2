"""Documents under control: the library of legal clauses, and the agency's manuals, procedures and certificates.

Each has versions with a date from which on they hold, and the approval of each. An approved version is never changed.
"""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from contracts.application.errors import NotNow, Unknown
from contracts.application.ports import Workspace
from contracts.application.values import Code, Name, Reason, Request, Texts
from contracts.application.wording import Paragraphs
from contracts.domain import controlled_documents as rules
from shared.values import Instant, LocalDate

MOST_VERSIONS = 100
DocumentKind = Literal["clause", "manual", "procedure", "policy", "certificate"]

_VERSION_EXAMPLE: dict[str, JsonValue] = {
    "text": {
        "fr": "Le prestataire répond des dommages directs, dans la limite des sommes versées sur un an.",
        "en": "The provider is liable for direct damage, up to what was paid in one year.",
    },
    "reference": None,
    "effective_on": "2026-01-01",
}


class NewDocumentVersion(Request):
    """What a document says from a day on: its text, or where it is kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_VERSION_EXAMPLE]})

    text: Paragraphs | None = None
    reference: Name | None = Field(
        default=None, description="Where it is kept, if not here.", examples=["QM-12 rev. 4"]
    )
    effective_on: LocalDate = Field(description="First day on which it holds.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.reference is None:
            raise ValueError("says nothing: give text or reference")
        return self


class NewControlledDocument(NewDocumentVersion):
    """A document to put under control, with its first version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "liability",
                    "kind": "clause",
                    "title": {"fr": "Responsabilité", "en": "Liability"},
                    **_VERSION_EXAMPLE,
                }
            ]
        },
    )

    code: Code = Field(examples=["liability"])
    kind: DocumentKind
    title: Texts

    @model_validator(mode="after")
    def _a_clause_has_a_text(self) -> Self:
        if self.kind == "clause" and self.text is None:
            raise ValueError("a clause stands in contracts: give its text")
        return self


class ApproveRequest(Request):
    """Who has read and approved a version: for a clause, who reviewed it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"approved_by": "Me Camille Roux", "notes": "As discussed"}]}
    )

    approved_by: Name
    notes: Reason | None = None


class Approval(ApproveRequest):
    """An approval, as recorded."""

    model_config = ConfigDict(extra="ignore")

    recorded_by: str
    approved_at: Instant


class DocumentVersion(BaseModel):
    """One version. Without an approval a clause is used and flagged; any other document cannot be used."""

    number: int = Field(ge=1)
    text: Paragraphs | None
    reference: str | None
    effective_on: LocalDate
    approval: Approval | None

    def as_value(self) -> rules.Version:
        """The version as the domain knows it."""
        return rules.Version(self.number, self.effective_on, self.approval is not None)


class ControlledDocument(BaseModel):
    """A document under control with all its versions."""

    controlled_document_id: UUID
    version: int = Field(ge=1)
    code: str
    kind: DocumentKind
    title: Texts
    versions: list[DocumentVersion] = Field(max_length=MOST_VERSIONS)
    created_at: Instant
    updated_at: Instant

    def in_force(self, on: date) -> DocumentVersion | None:
        """The version that a contract of this day can name: of a clause the newest, of others the newest approved."""
        values = [version.as_value() for version in self.versions]
        found = rules.newest(values, on) if self.kind == "clause" else rules.usable(values, on)
        return None if found is None else self.versions[found.number - 1]


async def create_document(work: Workspace, new: NewControlledDocument) -> ControlledDocument:
    """A new document with its first version, not approved yet. Raises Taken for its code."""
    document = ControlledDocument(
        controlled_document_id=work.new_id(),
        version=1,
        code=new.code,
        kind=new.kind,
        title=new.title,
        versions=[_version(1, new)],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.signing.documents.add(document)
    return document


async def add_version(work: Workspace, document: ControlledDocument, new: NewDocumentVersion) -> ControlledDocument:
    """The locked document with a further version. Raises NotNow when there are too many."""
    if len(document.versions) >= MOST_VERSIONS:
        raise NotNow(f"A document has at most {MOST_VERSIONS} versions. Put a new document under control.")
    versions = [*document.versions, _version(len(document.versions) + 1, new)]
    return await _save(work, document, versions)


async def approve_version(
    work: Workspace, document: ControlledDocument, number: int, approval: ApproveRequest
) -> ControlledDocument:
    """The locked document with an approved version. Raises Unknown, or NotNow when it is approved already."""
    if not 1 <= number <= len(document.versions):
        raise Unknown("version of this document", str(number))
    version = document.versions[number - 1]
    if version.approval is not None:
        raise NotNow("This version is approved already. Add another version to change what it says.")
    approved = version.model_copy(
        update={
            "approval": Approval(**approval.model_dump(), recorded_by=work.actor, approved_at=work.now),
        }
    )
    return await _save(work, document, [*document.versions[: number - 1], approved, *document.versions[number:]])


def _version(number: int, new: NewDocumentVersion) -> DocumentVersion:
    return DocumentVersion(
        number=number, text=new.text, reference=new.reference, effective_on=new.effective_on, approval=None
    )


async def _save(work: Workspace, document: ControlledDocument, versions: list[DocumentVersion]) -> ControlledDocument:
    saved = document.model_copy(update={"versions": versions, "version": document.version + 1, "updated_at": work.now})
    await work.signing.documents.save(saved)
    return saved
