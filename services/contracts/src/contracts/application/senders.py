"""Who an agency's messages and papers come from, and how they end: its own name, never ours."""

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.identity import Tenant
from contracts.application.papers import spoken
from contracts.application.ports import Workspace
from contracts.application.values import Email, Name, Request, Texts
from shared.i18n import Translator
from shared.values import Instant


class SenderData(Request):
    """The person who signs for the agency, and the words before the name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Romain",
                    "role": {"fr": "Chef de projet", "en": "Project manager"},
                    "email": "romain@agency.example",
                    "phone": "+33 4 50 00 00 00",
                    "closing": {"fr": "À bientôt,", "en": "See you soon,"},
                }
            ]
        },
    )

    name: Name = Field(examples=["Romain"])
    role: Texts | None = None
    email: Email = Field(description="Answers go there.", examples=["romain@agency.example"])
    phone: Name | None = None
    closing: Texts = Field(description="What stands before the name.")


class Sender(BaseModel):
    """Who signs for the agency. Version 0: nobody was named yet."""

    version: int = Field(ge=0)
    sender: SenderData | None
    changed_at: Instant | None


async def sender_of(work: Workspace) -> Sender:
    """The agency's sender."""
    stored = await work.papers.sender()
    return Sender(version=0, sender=None, changed_at=None) if stored is None else stored


async def change_sender(work: Workspace, current: Sender, data: SenderData) -> Sender:
    """Another sender of a locked tenant."""
    changed = Sender(version=current.version + 1, sender=data, changed_at=work.now)
    await work.papers.put_sender(changed)
    return changed


def signature(tenant: Tenant, sender: SenderData | None, t: Translator) -> list[str]:
    """The lines at the end; without a sender the agency's name."""
    if sender is None:
        return [tenant.name]
    role = None if sender.role is None else spoken(sender.role, t)
    lines = [spoken(sender.closing, t), sender.name, role, tenant.name, sender.email, sender.phone]
    return [line for line in lines if line]
