"""What the incidents service publishes about the advice that it mails, version 1."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.events import PublishedEvent


class AdviceDelivered(PublishedEvent, aggregate="advice", name="delivered", key="mail_id"):
    """The mail server of a recipient, or one on the way to it, has accepted one sending of an advisory."""

    mail_id: UUID
    version: int = Field(ge=1)
    advisory_id: UUID
    client_id: UUID
    contract_id: UUID | None
    sending: int = Field(ge=1, description="1 is the first time that it was sent.")
    recipient: str = Field(max_length=320)
    language: Literal["fr", "en"]
    delivered_at: AwareDatetime
    message_id: str = Field(max_length=320, description="Message-ID of the mail.")

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "mail_id": "0197a1c2-0000-7000-8000-000000000651",
        "version": 1,
        "advisory_id": "0197a1c2-0000-7000-8000-000000000301",
        "client_id": "0197a1c2-0000-7000-8000-000000000101",
        "contract_id": "0197a1c2-0000-7000-8000-000000000201",
        "sending": 1,
        "recipient": "lea@hotel-du-lac.example",
        "language": "fr",
        "delivered_at": "2026-06-08T09:00:05Z",
        "message_id": "<0197a1c2-0000-7000-8000-000000000651@agency.example>",
    }
