"""Messages in an agency's own words: templates with declared variables, in both languages, with their versions.

A template is checked when it is written, so that nothing can be sent half filled; what only the moment of sending can
know (the name of whom it is for) is checked then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from contracts.application.clients import Client, Contact, contact_of
from contracts.application.contracts import Contract
from contracts.application.errors import Fault, NotNow, Refused, Unknown, named_at
from contracts.application.hours_terms import TEN_HOURS, hours_block
from contracts.application.hours_words import covered_words
from contracts.application.identity import Tenant
from contracts.application.paper_ports import TemplateVersion
from contracts.application.papers import PaperTable, in_template, spoken, table
from contracts.application.ports import Workspace
from contracts.application.senders import SenderData, sender_of, signature
from contracts.application.sites import Site, SiteKind
from contracts.application.values import Code, Language, Name, Request, Texts
from contracts.application.wording import Paragraph
from contracts.domain import entitlements
from contracts.domain.message_template import (
    Kind,
    Table,
    Unfilled,
    Value,
    asked,
    faults,
    faults_of_a_line,
    fill,
    parse,
    shown,
)
from shared.i18n import Translator
from shared.values import Instant

MOST_TEMPLATES: Final = 100

VariableName: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Z][A-Z0-9_]{0,39}$")
]
Source = Literal[
    "given",
    "client.name",
    "contact.name",
    "contract.number",
    "contract.price",
    "plan.title",
    "sites.names",
    "agency.name",
    "sender.name",
    "sender.signature",
    "hours.total",
    "hours.lines",
    "hours.overage_rate",
    "hours.pooled",
    "hours.carried_over",
    "site.website",
    "site.web_application",
    "site.mobile_application",
    "site.api",
    "site.back_office",
]
_FLAGS: Final = frozenset({"hours.pooled", "hours.carried_over", *(f"site.{kind}" for kind in get_args(SiteKind))})
_TABLES: Final = frozenset({"hours.lines"})
_LINES: Final = frozenset({"sender.signature"})


def kind_of(source: Source) -> Kind:
    """What a variable with this source stands for."""
    if source in _FLAGS:
        return Kind.FLAG
    if source in _LINES:
        return Kind.LINES
    return Kind.TABLE if source in _TABLES else Kind.TEXT


class DeclaredVariable(Request):
    """A variable of a template: where its value comes from, what it is for, and how it may read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "PRENOM",
                    "source": "given",
                    "description": {"fr": "Prénom du destinataire", "en": "First name of the recipient"},
                    "example": {"fr": "Léa", "en": "Lea"},
                }
            ]
        },
    )

    name: VariableName = Field(examples=["PRENOM"])
    source: Source = Field(
        default="given",
        description="`given`: whoever sends the message says it; everything else is known of the contract.",
    )
    description: Texts
    example: Texts | None = Field(
        default=None, description="What a preview shows; required of what is given, ours for what is known."
    )
    optional: StrictBool = Field(default=False, description="Only of what is given: it may be left out.")


class MessageText(Request):
    """Subject and body in one language. `[NAME]` is a variable, `[?NAME]…[/NAME]` is there when it has a value.

    A word in brackets that is no variable is refused; `[[Support]]` is shown as `[Support]`.
    """

    subject: Name = Field(examples=["Maintenance annuelle – Explication"])
    body: Paragraph = Field(examples=["Bonjour [PRENOM],\n\nÀ bientôt"])


class MessageTemplateContent(Request):
    """A message in French and English with the variables that both may use."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "variables": [
                        {
                            "name": "PRENOM",
                            "description": {"fr": "Prénom du destinataire", "en": "First name of the recipient"},
                            "example": {"fr": "Léa", "en": "Lea"},
                        }
                    ],
                    "fr": {"subject": "Votre contrat", "body": "Bonjour [PRENOM],\n\nÀ bientôt"},
                    "en": {"subject": "Your contract", "body": "Hello [PRENOM],\n\nSee you soon"},
                }
            ]
        },
    )

    variables: list[DeclaredVariable] = Field(max_length=50)
    fr: MessageText
    en: MessageText

    def text(self, language: str) -> MessageText:
        """Subject and body of a language."""
        return self.fr if language == "fr" else self.en

    def kinds(self) -> dict[str, Kind]:
        """What each declared variable stands for."""
        return {variable.name: kind_of(variable.source) for variable in self.variables}


class MessageTemplate(BaseModel):
    """A template as it is used now. Version 0 is ours, which an agency may take the place of with its own."""

    template_code: str
    version: int = Field(ge=0)
    changed_at: Instant | None
    changed_by: str | None
    template: MessageTemplateContent


class MessageTemplates(BaseModel):
    """Every template that can be used."""

    data: list[MessageTemplate] = Field(max_length=MOST_TEMPLATES + 10)


class MessageRequest(Request):
    """Which message, to whom, in which language, with what only its sender knows."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"template_code": "hours_explanation", "values": {"PRENOM": "Léa"}}]},
    )

    template_code: Code = Field(examples=["hours_explanation"])
    contact_id: UUID | None = Field(default=None, description="Of the contract's client: whom it is for.")
    language: Language | None = Field(default=None, description="Left out: the contact's, else the client's.")
    values: dict[VariableName, Name] = Field(default_factory=dict, max_length=50)


class PreviewRequest(Request):
    """A template to look at before it is kept, with the examples of its variables."""

    template: MessageTemplateContent
    language: Language = "fr"
    without: list[VariableName] = Field(
        default_factory=list, max_length=50, description="Conditions that are not met, and options that are left out."
    )


class Address(BaseModel):
    """A person at a mail address."""

    name: str
    email: str


class Preview(BaseModel):
    """A message with the examples of its variables."""

    language: Language
    subject: str
    text: str
    html: str


class Message(Preview):
    """A message as it would be sent: nothing in it is open."""

    template_code: str
    template_version: int = Field(ge=0)
    sender: Address | None = Field(description="Null: the agency has named no sender.")
    recipient: Address | None


@dataclass(frozen=True)
class Filled:
    """Subject and body with all values; the body's tables stand between its texts."""

    subject: str
    body: Sequence[str | Table]


@cache
def shipped_templates() -> Mapping[str, MessageTemplateContent]:
    """Our own templates by code."""
    text = resources.files("contracts.application").joinpath("fixtures", "message_templates.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return {code: MessageTemplateContent.model_validate(template) for code, template in content.items()}


def _refused(found: Sequence[Fault]) -> Refused:
    refused = Refused(found[0].detail, *found[0].path)
    refused.faults = tuple(found)
    return refused


# --- keeping them ----------------------------------------------------------------------------------------------------


def check(content: MessageTemplateContent, *within: str) -> None:
    """Everything that would keep a message from being sent as it is meant. Raises Refused with all faults at once."""
    found: list[Fault] = []
    names = [variable.name for variable in content.variables]
    kinds = content.kinds()
    used: set[str] = set()
    for language in ("fr", "en"):
        for field, one_line in (("subject", True), ("body", False)):
            template: str = getattr(content.text(language), field)
            wrong = faults(template, kinds, one_line=one_line)
            found.extend(Fault((*within, language, field), detail) for detail in wrong)
            if not wrong:
                nodes = parse(template)
                used |= {*shown(nodes), *asked(nodes)}
    readable = not found
    for place, variable in enumerate(content.variables):
        at: tuple[str | int, ...] = (*within, "variables", place)
        if variable.name in names[:place]:
            found.append(Fault((*at, "name"), "is declared twice"))
        if variable.source == "given" and variable.example is None:
            found.append(Fault((*at, "example"), "is required of what whoever sends it says: previews show it"))
        if variable.source != "given" and variable.optional:
            found.append(Fault((*at, "optional"), "only what is given may be left out"))
        if readable and variable.name not in used:
            found.append(Fault((*at, "name"), "is used in neither language: use it, or do not declare it"))
    if found:
        raise _refused(found)


async def template_of(work: Workspace, code: str) -> MessageTemplate:
    """The template that is used now: the agency's own, else ours. Raises Unknown."""
    own = await work.papers.newest("message", code)
    if own is not None:
        return as_template(own)
    ours = shipped_templates().get(code)
    if ours is None:
        raise Unknown("message template", code)
    return _ours(code, ours)


async def all_templates(work: Workspace) -> MessageTemplates:
    """Every template that can be used, by code."""
    own = {each.code: as_template(each) for each in await work.papers.all_newest("message")}
    ours = {code: _ours(code, template) for code, template in shipped_templates().items()}
    return MessageTemplates(data=sorted((ours | own).values(), key=lambda each: each.template_code))


def _ours(code: str, template: MessageTemplateContent) -> MessageTemplate:
    return MessageTemplate(template_code=code, version=0, changed_at=None, changed_by=None, template=template)


async def write_template(work: Workspace, code: str, present: int, content: MessageTemplateContent) -> MessageTemplate:
    """A further version of a template of the locked tenant, after the present one (0: none yet). Raises Refused."""
    check(content)
    if present == 0 and len(await work.papers.all_newest("message")) >= MOST_TEMPLATES:
        raise Refused(f"is one template too many: an agency has at most {MOST_TEMPLATES}")
    version = TemplateVersion(
        kind="message",
        code=code,
        number=present + 1,
        content=content.model_dump(mode="json"),
        created_at=work.now,
        created_by=work.actor,
    )
    await work.papers.add(version)
    return as_template(version)


def as_template(version: TemplateVersion) -> MessageTemplate:
    """A stored version as a template."""
    return MessageTemplate(
        template_code=version.code,
        version=version.number,
        changed_at=version.created_at,
        changed_by=version.created_by,
        template=MessageTemplateContent.model_validate(version.content),
    )


# --- filling them ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What is known when a message is written."""

    tenant: Tenant
    sender: SenderData | None
    client: Client
    contact: Contact | None
    contract: Contract
    sites: Sequence[Site]


async def known_of(work: Workspace, contract: Contract, request: MessageRequest) -> Known:
    """What is known of a contract and of whom the message is for. Raises Unknown for the contact."""
    client = await work.clients.get(contract.client_id)
    with named_at("contact_id"):
        contact = None if request.contact_id is None else contact_of(client, request.contact_id)
    return Known(
        tenant=await work.tenants.get(work.tenant_id),
        sender=(await sender_of(work)).sender,
        client=client,
        contact=contact,
        contract=contract,
        sites=[await work.sites.get(site_id) for site_id in contract.terms.site_ids],
    )


def written(template: MessageTemplateContent, known: Known, given: Mapping[str, str], t: Translator) -> Filled:
    """The message for this contract.

    Raises Refused with a fault for each value that is missing or not declared, and NotNow where the contract or the
    agency lacks what the message tells of, or the template has a subject of several lines.
    """
    declared = {variable.name: variable for variable in template.variables}
    found = [
        Fault(("values", name), f"the template does not ask for {name}: it is not declared, or known of the contract")
        for name in given
        if name not in declared or declared[name].source != "given"
    ]
    found += [
        Fault(("values", name), f"[{name}] is required: {spoken(variable.description, t)}")
        for name, variable in declared.items()
        if variable.source == "given" and not variable.optional and name not in given
    ]
    if found:
        raise _refused(found)
    wrong = faults_of_a_line(template.text(t.language).subject, template.kinds())
    if wrong:  # it was kept when nobody looked for this yet
        raise NotNow(f"The subject of the template cannot be sent: {'. '.join(wrong)}. Write the template anew.")
    known_values = _values(known, t)
    values: dict[str, Value] = {
        name: given.get(name) if variable.source == "given" else known_values[variable.source]
        for name, variable in declared.items()
    }
    try:
        return _filled(template.text(t.language), values)
    except Unfilled as unfilled:
        lacking = [declared[name] for name in unfilled.names]
    to_say = [
        Fault(("values", variable.name) if variable.source == "given" else ("contact_id",), _lacking(variable))
        for variable in lacking
        if variable.source in ("given", "contact.name")
    ]
    if to_say:
        raise _refused(to_say)
    raise NotNow(". ".join(_lacking(variable) for variable in lacking) + ".")


def previewed(preview: PreviewRequest, t: Translator) -> Filled:
    """The message with the examples of its variables. Raises Refused as `check`, and for `without`."""
    check(preview.template, "template")
    strange = [name for name in preview.without if name not in preview.template.kinds()]
    if strange:
        raise Refused(f"{', '.join(strange)}: no such variable is declared", "without")
    values: dict[str, Value] = {
        variable.name: None if variable.name in preview.without else _example(variable, t)
        for variable in preview.template.variables
    }
    try:
        return _filled(preview.template.text(t.language), values)
    except Unfilled as unfilled:
        raise Refused(f"{unfilled}: the text shows it without asking whether it is there", "without") from None


def text_of(filled: Filled, t: Translator) -> str:
    """The body as plain text: of a table each row is a short list under its first cell."""
    return "".join(piece if isinstance(piece, str) else _table_text(piece, t) for piece in filled.body).strip() + "\n"


def _filled(text: MessageText, values: Mapping[str, Value]) -> Filled:
    subject = "".join(piece for piece in fill(text.subject, values) if isinstance(piece, str))
    return Filled(subject, fill(text.body, values))


def _table_text(shown_table: Table, t: Translator) -> str:
    lines = []
    for first, *others in shown_table.rows:
        lines.append(f"- {first}")
        for label, cell in zip(shown_table.columns[1:], others, strict=True):
            if cell:
                lines.append("  " + t.gettext("%(label)s: %(value)s", label=label, value=cell))
    if shown_table.total is not None:
        label, *cells = shown_table.total
        lines.append(t.gettext("%(label)s: %(value)s", label=label, value=" ".join(cell for cell in cells if cell)))
    return "\n".join(lines)


def _lacking(variable: DeclaredVariable) -> str:
    if variable.source == "contact.name":
        return f"[{variable.name}] is the name of a contact: say whom the message is for in contact_id"
    if variable.source == "sender.name":
        return f"[{variable.name}] is the name of the sender: name one with PUT /v1/tenant/sender"
    if variable.source.startswith("hours."):
        return f"[{variable.name}] tells of monthly hours, and this contract has none: choose another message"
    return f"[{variable.name}] has no value: give it one, or put it into a block that asks for it"


def _example(variable: DeclaredVariable, t: Translator) -> Value:
    match kind_of(variable.source):
        case Kind.FLAG:
            return True
        case Kind.TABLE:
            block = hours_block(TEN_HOURS, get_args(SiteKind))
            assert block is not None
            return in_template(hours_table(block, t))
        case Kind.TEXT | Kind.LINES:
            return f"({variable.source})" if variable.example is None else spoken(variable.example, t)


def _values(known: Known, t: Translator) -> Mapping[str, Value]:
    terms = known.contract.terms
    kinds = {site.kind for site in known.sites}
    hours = hours_of_contract(known.contract, known.sites)
    rate = None if hours is None else hours["overage_rate_per_hour"]
    flags = {f"site.{kind}": kind in kinds for kind in get_args(SiteKind)}
    return {
        "client.name": known.client.name,
        "contact.name": None if known.contact is None else known.contact.name,
        "contract.number": known.contract.number,
        "contract.price": t.money(terms.price.amount, terms.price.currency),
        "plan.title": spoken(known.contract.plan.title, t),
        "sites.names": t.enumeration([site.name for site in known.sites]),
        "agency.name": known.tenant.name,
        "sender.name": None if known.sender is None else known.sender.name,
        "sender.signature": "\n".join(signature(known.tenant, known.sender, t)),
        "hours.total": None if hours is None else t.work(hours["total_minutes"]),
        "hours.lines": None if hours is None else in_template(hours_table(hours, t)),
        "hours.overage_rate": None if rate is None else t.money(rate["amount"], rate["currency"]),
        "hours.pooled": hours is not None and bool(hours["pooled"]),
        "hours.carried_over": hours is not None and hours["rollover"]["policy"] != "none",
        **flags,
    }


def hours_of_contract(contract: Contract, sites: Sequence[Site]) -> dict[str, Any] | None:
    """The monthly hours of a contract over its sites, with their total; None where it has none."""
    promised = [item.parameters for item in contract.deliverables if item.type == entitlements.HOURS]
    return hours_block(promised[0], [site.kind for site in sites]) if promised else None


def hours_table(block: Mapping[str, Any], t: Translator) -> PaperTable:
    """The lines of a contract's monthly hours: what each covers and its volume, and the total, which nobody types."""
    return table(
        [t.gettext("Line"), t.gettext("What it covers"), t.gettext("Monthly volume")],
        [
            [spoken(line["name"], t), covered_words(line, t), t.work(line["included_minutes"])]
            for line in block["lines"]
        ],
        figures=[2],
        total=[t.gettext("Monthly total"), "", t.work(block["total_minutes"])],
    )
