"""What messages and papers need from outside: an agency's own templates with their versions, and its sender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, Field

from shared.values import Instant

if TYPE_CHECKING:
    from contracts.application.senders import Sender

TemplateKind = Literal["message", "paper"]


class TemplateVersion(BaseModel):
    """One version of a template, as it was written; it is never changed."""

    kind: TemplateKind
    code: str
    number: int = Field(ge=1)
    content: dict[str, object] = Field(max_length=100)
    created_at: Instant
    created_by: str


class PaperStores(Protocol):
    """Templates and the sender of a tenant."""

    async def newest(self, kind: TemplateKind, code: str) -> TemplateVersion | None:
        """The version that is used now; None where the agency has none of its own."""

    async def version(self, kind: TemplateKind, code: str, number: int) -> TemplateVersion:
        """Raises Unknown."""

    async def all_newest(self, kind: TemplateKind) -> Sequence[TemplateVersion]:
        """The newest version of every template of a kind, by code."""

    async def add(self, version: TemplateVersion) -> None:
        """Keeps a version of a template of a locked tenant."""

    async def sender(self) -> Sender | None: ...

    async def put_sender(self, sender: Sender) -> None:
        """Writes the sender of a locked tenant."""
