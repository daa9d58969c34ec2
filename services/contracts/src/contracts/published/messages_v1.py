"""Messages that an agency wants sent to people of its clients, version 1."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import PublishedEvent


class Correspondent(BaseModel):
    """A person at a mail address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    email: str


class MessageWritten(PublishedEvent, aggregate="message", name="written", key="message_id"):
    """Somebody of the agency had a message written for one person, to be sent: all of it, with nothing left open.

    `sender` is to whom answers go; null where the agency has named nobody. Said once for each message.
    """

    message_id: UUID
    contract_id: UUID
    contract_number: str
    client_id: UUID
    client_name: str
    time_zone: str
    agency_name: str
    template_code: str
    template_version: int = Field(ge=0)
    contact_id: UUID
    recipient: Correspondent
    sender: Correspondent | None
    language: Literal["fr", "en"]
    subject: str
    text: str

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "message_id": "0190b5c8-7d4e-7c3a-9a51-0000000000f1",
        "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
        "contract_number": "C-2026-0001",
        "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
        "client_name": "Hôtel du Lac",
        "time_zone": "Europe/Paris",
        "agency_name": "Agence Lumière",
        "template_code": "hours_explanation",
        "template_version": 0,
        "contact_id": "0190b5c8-7d4e-7c3a-9a51-000000000003",
        "recipient": {"name": "Léa Martin", "email": "lea@hotel-du-lac.example"},
        "sender": {"name": "Romain", "email": "romain@agence-lumiere.example"},
        "language": "fr",
        "subject": "Maintenance annuelle – Explication",
        "text": "Bonjour Léa,\n\nVoici comment fonctionne votre maintenance annuelle.\n\nÀ bientôt,\nRomain\n",
    }
