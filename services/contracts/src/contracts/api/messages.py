"""Messages in the agency's own words: templates with their versions, who sends them, and what they say."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from contracts.adapters import paper_stores
from contracts.adapters.paper_files import message_html
from contracts.api.dependencies import SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import message_templates, senders, sent_messages
from contracts.application.errors import named_at
from contracts.application.message_templates import (
    Address,
    Filled,
    Message,
    MessageRequest,
    MessageTemplate,
    MessageTemplateContent,
    MessageTemplates,
    Preview,
    PreviewRequest,
)
from contracts.application.papers import language_of
from contracts.application.senders import Sender, SenderData
from contracts.application.sent_messages import SentMessages
from contracts.application.service_desk_words import catalogues
from contracts.application.values import Code
from shared.auth import Principal
from shared.etag import IfMatch
from shared.i18n import Translator
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1", tags=["messages"], route_class=VersionedRoute)

AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]
TemplateCode = Annotated[Code, Path(description="Of a template.", examples=["hours_explanation"])]


@router.get("/tenant/sender", summary="Read who messages come from", responses=SHOWN)
async def get_tenant_sender(response: Response, work: Work, _who: AgencyReader) -> Sender:
    """Who signs for the agency; version 0 before somebody was named."""
    sender = await senders.sender_of(work)
    tagged(response, sender.version)
    return sender


@router.put("/tenant/sender", summary="Say who messages come from", responses=SHOWN)
async def put_tenant_sender(
    data: SenderData, response: Response, work: Work, if_match: IfMatch, _who: AgencyWriter
) -> Sender:
    """Stands at the end of messages and papers from now on."""
    await work.tenants.locked(work.tenant_id)
    current = await senders.sender_of(work)
    if_match.require(current.version)
    sender = await senders.change_sender(work, current, data)
    tagged(response, sender.version)
    return sender


@router.get("/message-templates", summary="List the templates of messages")
async def list_message_templates(work: Work, _who: AgencyReader) -> MessageTemplates:
    """Ours, and the agency's own, which take the place of ours with the same code; there are at most 100 own ones."""
    return await message_templates.all_templates(work)


@router.get("/message-templates/{template_code}", summary="Read a template of messages", responses=SHOWN)
async def get_message_template(
    template_code: TemplateCode, response: Response, work: Work, _who: AgencyReader
) -> MessageTemplate:
    """The version that is used now; 0 is ours."""
    template = await message_templates.template_of(work, template_code)
    tagged(response, template.version)
    return template


@router.put("/message-templates/{template_code}", summary="Write a template of messages", responses=SHOWN)
async def put_message_template(
    template_code: TemplateCode,
    content: MessageTemplateContent,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: AgencyWriter,
) -> MessageTemplate:
    """A further version, for messages from now on. What could not be sent is refused here: variables that are not
    declared, blocks that are not closed, a table within a line.
    """
    await work.tenants.locked(work.tenant_id)
    stored = await work.papers.newest("message", template_code)
    present = 0 if stored is None else stored.number
    if_match.require(present)
    template = await message_templates.write_template(work, template_code, present, content)
    tagged(response, template.version)
    return template


@router.get("/message-templates/{template_code}/versions", summary="List the versions of a template")
async def list_message_template_versions(
    template_code: TemplateCode, unit: Unit, work: Work, params: PageParams, _who: AgencyReader
) -> Page[MessageTemplate]:
    """Every version that the agency wrote, first to last; none of them is ever changed."""
    await message_templates.template_of(work, template_code)
    page = await paper_stores.list_versions(unit, params, "message", template_code)
    return Page(data=[message_templates.as_template(each) for each in page.data], next_cursor=page.next_cursor)


@router.post(
    "/message-template-previews", summary="Preview a template of messages", responses=responses_for(ValidationFailed)
)
async def preview_message_template(preview: PreviewRequest, _who: AgencyReader) -> Preview:
    """The message with the examples of its variables; keeps nothing."""
    t = catalogues().translator(preview.language)
    return _shown(message_templates.previewed(preview, t), t)


@router.post(
    "/contracts/{contract_id}/messages",
    summary="Write a message about a contract",
    responses=responses_for(Conflict, ValidationFailed),
)
async def write_message(contract_id: UUID, wanted: MessageRequest, work: Work, _who: AgencyReader) -> Message:
    """Subject, text and HTML, ready to be sent. Nothing is left open: what is missing or not declared is a 422 that
    names each value. Nothing is sent or kept here.
    """
    contract = await work.contracts.get(contract_id)
    with named_at("template_code"):
        template = await message_templates.template_of(work, wanted.template_code)
    known = await message_templates.known_of(work, contract, wanted)
    usual = known.client.language if known.contact is None else known.contact.language
    t = catalogues().translator(wanted.language or usual)
    filled = message_templates.written(template.template, known, wanted.values, t)
    sender, contact = known.sender, known.contact
    return Message(
        **_shown(filled, t).model_dump(),
        template_code=template.template_code,
        template_version=template.version,
        sender=None if sender is None else Address(name=sender.name, email=sender.email),
        recipient=None if contact is None else Address(name=contact.name, email=contact.email),
    )


@router.post(
    "/contracts/{contract_id}/sent-messages",
    summary="Send a message about a contract",
    status_code=202,
    responses=responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def send_message(contract_id: UUID, wanted: MessageRequest, work: Work, _who: AgencyWriter) -> SentMessages:
    """Writes the message and has it mailed: to the contact that is named, else to everybody at the client who decides,
    each in his language. Values that are given are for one person: where several decide, `contact_id` names him. What
    cannot be written for one of them is sent to nobody. When each left and was opened is told by reporting:
    `GET /v1/contracts/{contract_id}/message-deliveries`.
    """
    return await sent_messages.send_message(work, await work.contracts.get(contract_id), wanted)


def _shown(filled: Filled, t: Translator) -> Preview:
    return Preview(
        language=language_of(t),
        subject=filled.subject,
        text=message_templates.text_of(filled, t),
        html=message_html(filled, t),
    )
