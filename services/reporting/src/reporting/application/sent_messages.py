"""Messages that an agency had written and wants sent: kept word by word as an edition of their own."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from reporting.application.editions import EditionHead, Issued
from reporting.application.examples import example
from reporting.application.facts import Fact
from reporting.application.report_template import TemplateContent
from shared.values import Instant

_CONTRACT: Final[JsonDict] = {
    "number": "C-2026-0001",
    "client_name": "Boulangerie Martin",
    "agency_name": "Atelier Numérique",
}
_MESSAGE: Final[JsonDict] = {
    "message_id": "0198f000-0000-7000-8000-000000000f01",
    "template_code": "hours_explanation",
    "template_version": 0,
    "contract": _CONTRACT,
    "language": "fr",
    "time_zone": "Europe/Paris",
    "as_of": "2026-06-08T09:00:00Z",
    "reply_to": "romain@agency.example",
    "subject": "Maintenance annuelle – Explication",
    "text": "Bonjour Léa,\n\nVoici comment fonctionne votre maintenance annuelle.\n",
}
_EDITION: Final[JsonDict] = {
    "report_id": "4c8f5d1e-6a34-5a6b-8a6e-3f1f7c8f4b25",
    "contract_id": "0198f000-0000-7000-8000-000000000201",
    "month": "2026-06",
    "edition": 1,
    "issued_at": "2026-06-08T09:00:00Z",
    "reason": "scheduled",
    "changes": [],
    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "kind": "message",
    "report": _MESSAGE,
}


class Correspondent(Fact):
    """A person at a mail address."""

    name: str
    email: str


class WrittenMessage(Fact):
    """A message for one person as its event says it: whole, whether its contract was heard of or not."""

    message_id: UUID
    contract_id: UUID
    contract_number: str
    client_id: UUID
    client_name: str
    time_zone: str
    agency_name: str
    template_code: str
    template_version: int
    contact_id: UUID
    recipient: Correspondent
    sender: Correspondent | None = None
    language: str
    subject: str
    text: str


class MessageContract(BaseModel):
    """Which contract it is about, with the names of the day."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_CONTRACT))

    number: str = Field(json_schema_extra={"maxLength": 100})
    client_name: str = Field(json_schema_extra={"maxLength": 1_000})
    agency_name: str = Field(json_schema_extra={"maxLength": 1_000})


class SentMessage(BaseModel):
    """A message as it was sent."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(_MESSAGE))

    message_id: UUID
    template_code: str = Field(json_schema_extra={"maxLength": 100})
    template_version: int = Field(ge=0, description="0: ours")
    contract: MessageContract
    language: Annotated[str, Field(json_schema_extra={"maxLength": 10})]
    time_zone: Annotated[str, Field(json_schema_extra={"maxLength": 100})]
    as_of: Instant
    reply_to: str | None = Field(json_schema_extra={"maxLength": 254}, description="where answers go")
    subject: str = Field(json_schema_extra={"maxLength": 1_000})
    text: str = Field(json_schema_extra={"maxLength": 100_000})


class MessageEdition(EditionHead):
    """A message among those about a contract in a month: one edition each, and none of them changes another."""

    model_config = ConfigDict(json_schema_extra=example(_EDITION))

    kind: Literal["message"]
    report: SentMessage


IssuedMessage: TypeAlias = Issued[MessageEdition, TemplateContent]


def sent_message(written: WrittenMessage, at: datetime) -> SentMessage:
    """What is kept of a message."""
    return SentMessage(
        message_id=written.message_id,
        template_code=written.template_code,
        template_version=written.template_version,
        contract=MessageContract(
            number=written.contract_number, client_name=written.client_name, agency_name=written.agency_name
        ),
        language=written.language,
        time_zone=written.time_zone,
        as_of=at,
        reply_to=None if written.sender is None else written.sender.email,
        subject=written.subject,
        text=written.text,
    )
