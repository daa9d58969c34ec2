"""Messages that are to be sent: written here for each person, and mailed by who has a mail server and keeps account."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.application import message_templates
from contracts.application.clients import MOST_CONTACTS, Client, Contact
from contracts.application.contracts import Contract
from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.message_templates import Address, Known, MessageRequest, MessageTemplate
from contracts.application.papers import language_of
from contracts.application.ports import Workspace
from contracts.application.service_desk_words import catalogues
from contracts.application.values import Language

RECIPIENTS = "decider"
"""The role of those who are sent a message that names nobody: who decides what he pays for."""


class SentMessage(BaseModel):
    """A message for one person, on its way. Whether it left, and was opened, reporting tells by the same id."""

    message_id: UUID
    template_code: str
    template_version: int = Field(ge=0)
    contact_id: UUID
    recipient: Address
    language: Language
    subject: str


class SentMessages(BaseModel):
    """One message for each person that it is for."""

    data: list[SentMessage] = Field(max_length=MOST_CONTACTS)


class WrittenMessage(SentMessage):
    """The same with all that is needed to send it, whoever has heard of its contract or not."""

    contract_id: UUID
    contract_number: str
    client_id: UUID
    client_name: str
    time_zone: str
    agency_name: str
    sender: Address | None
    text: str


async def send_message(work: Workspace, contract: Contract, wanted: MessageRequest) -> SentMessages:
    """Writes the message for everybody that it is for, each in his language, and says so once all are whole.

    Raises Unknown and Refused for what is asked for, values for several people among it, and NotNow where nobody at the
    client decides, or where the contract or the agency lacks what the message tells of.
    """
    with named_at("template_code"):
        template = await message_templates.template_of(work, wanted.template_code)
    known = await message_templates.known_of(work, contract, wanted)
    people = [known.contact] if known.contact is not None else deciders(known.client)
    if len(people) > 1 and wanted.values:
        # A first name that is given would greet all of them by it.
        raise Refused(
            f"What is given ({', '.join(wanted.values)}) is for one person, and {len(people)} decide at this client: "
            f"send each of them a message of his own, and name him here",
            "contact_id",
        )
    messages = [_written(work, template, replace(known, contact=person), person, wanted) for person in people]
    for message in messages:
        work.announcer.message_written(message)
    return SentMessages(data=[SentMessage.model_validate(message, from_attributes=True) for message in messages])


def deciders(client: Client) -> Sequence[Contact]:
    """Who is sent what names nobody. Raises NotNow when there is none."""
    found = [contact for contact in client.contacts if RECIPIENTS in contact.roles]
    if not found:
        raise NotNow(
            "Nobody at the client decides, so there is no address to send it to. Give a contact the role `decider`, or "
            "say whom the message is for in contact_id."
        )
    return found


def _written(
    work: Workspace, template: MessageTemplate, known: Known, person: Contact, wanted: MessageRequest
) -> WrittenMessage:
    t = catalogues().translator(wanted.language or person.language)
    filled = message_templates.written(template.template, known, wanted.values, t)
    sender = known.sender
    return WrittenMessage(
        message_id=work.new_id(),
        template_code=template.template_code,
        template_version=template.version,
        contact_id=person.contact_id,
        recipient=Address(name=person.name, email=person.email),
        language=language_of(t),
        subject=filled.subject,
        contract_id=known.contract.contract_id,
        contract_number=known.contract.number,
        client_id=known.client.client_id,
        client_name=known.client.name,
        time_zone=known.client.time_zone,
        agency_name=known.tenant.name,
        sender=None if sender is None else Address(name=sender.name, email=sender.email),
        text=message_templates.text_of(filled, t),
    )
