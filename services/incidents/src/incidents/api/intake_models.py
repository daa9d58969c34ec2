"""Requests and answers about what comes in."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StrictBool, StrictInt, model_validator

from incidents.adapters.intake_tables import (
    CallRow,
    ExternalTicketRow,
    IntakeMailRow,
    IntakeReceiptRow,
    IntakeSourceRow,
)
from incidents.api.models import LongText, Title
from incidents.domain.work_item import Severity
from shared.json_path import query_of
from shared.values import Instant, Name, forbid_unknown

Kind = Literal["alertmanager", "issue_alert", "generic", "mail", "external_tool"]
SignatureScheme = Literal["none", "standard_webhooks", "hmac_sha256"]
FIELDS: Mapping[str, frozenset[str]] = {
    "alertmanager": frozenset(),
    "issue_alert": frozenset(),
    "mail": frozenset(),
    "generic": frozenset({"title", "description", "severity", "dedup_key", "occurred_at", "state"}),
    "external_tool": frozenset(
        {"external_id", "title", "description", "severity", "state", "occurred_at", "comment", "author", "automatic"}
        | {"origin", "item", "created_id"}
    ),
}
REQUIRED: Mapping[str, frozenset[str]] = {
    "generic": frozenset({"title"}),
    "external_tool": frozenset({"external_id"}),
}
STATES: Mapping[str, frozenset[str]] = {
    "generic": frozenset({"firing", "resolved"}),
    "external_tool": frozenset({"open", "acknowledged", "mitigated", "resolved", "closed"}),
}


def _json_path(path: str) -> str:
    query_of(path)
    return path


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", value):
        raise ValueError("write a host name or an address, without scheme and port")
    return value


def _one_line(password: SecretStr) -> SecretStr:
    # Behind a line end the server would read another command.
    if re.search(r"[\x00-\x1f\x7f]", password.get_secret_value()):
        raise ValueError("write the password without line ends and other control characters")
    return password


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is no address; write one such as https://tickets.example/hooks") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise ValueError("write an absolute https address, such as https://tickets.example/hooks")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("leave user name, password and fragment out of the address; what is sent is signed instead")
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        raise ValueError("an address has no spaces, control characters or backslashes")
    return url


Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
HeaderName = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", examples=["X-Hub-Signature-256"])
]
Severities = Annotated[
    dict[Word, Severity],
    Field(
        max_length=50,
        description="the sender's words for severities, beside the usual ones (critical, error, warning …)",
        examples=[{"P1": "critical", "P2": "major"}],
    ),
]
CallbackUrl = Annotated[
    str,
    Field(min_length=10, max_length=2_000, examples=["https://tickets.example/hooks/upheld"]),
    AfterValidator(_address),
]


class FieldFrom(BaseModel):
    """Where a field is found: a JSONPath, whose first text counts; `default` where it selects nothing."""

    model_config = forbid_unknown(examples=[{"path": "$.alert.title"}])

    path: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_json_path)] | None = Field(
        default=None, description="JSONPath (RFC 9535) into the body", examples=["$.alert.title"]
    )
    values: dict[Word, Word] = Field(
        default_factory=dict, max_length=50, description="the sender's words and ours", examples=[{"P1": "critical"}]
    )
    default: Word | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "FieldFrom":
        if self.path is None and self.default is None:
            raise ValueError("give a path, a default, or both")
        return self


class Mailbox(BaseModel):
    """A mailbox that is looked into by IMAP, without changing anything in it."""

    model_config = forbid_unknown(
        examples=[
            {"host": "imap.agency.example", "username": "support@agency.example", "password": "correct horse battery"}
        ]
    )

    host: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_host)]
    port: StrictInt = Field(default=993, ge=1, le=65535, json_schema_extra={"format": "int32"})
    security: Literal["tls", "starttls"] = "tls"
    username: str = Field(min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]+$")
    password: Annotated[
        SecretStr,
        Field(min_length=1, max_length=500, json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]+$"}),
        AfterValidator(_one_line),
    ]
    folder: str = Field(default="INBOX", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\"\\]+$")
    every_seconds: StrictInt = Field(default=60, ge=15, le=86_400, json_schema_extra={"format": "int32"})


class MailboxView(BaseModel):
    """A mailbox as it may be shown, and how looking into it goes."""

    host: str = Field(max_length=253)
    port: int
    security: Literal["tls", "starttls"]
    username: str = Field(max_length=254)
    folder: str = Field(max_length=200)
    every_seconds: int
    polled_at: Instant | None = Field(description="when it was last looked into without a fault")
    error: str | None = Field(max_length=500, description="why the last look failed, and what to do")


_SOURCE: dict[str, Any] = {
    "contract_id": "0197a1c2-0000-7000-8000-000000000201",
    "kind": "generic",
    "name": "Backup server",
    "default_severity": "major",
    "mapping": {
        "title": {"path": "$.message"},
        "dedup_key": {"path": "$.job"},
        "state": {"path": "$.status", "values": {"failed": "firing", "ok": "resolved"}},
    },
}


class NewIntakeSource(BaseModel):
    """Somebody who will tell us things, under one contract."""

    model_config = forbid_unknown(examples=[_SOURCE])

    contract_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    kind: Kind
    name: Name
    enabled: StrictBool = True
    default_severity: Severity = Severity.MAJOR
    severities: Severities = Field(default_factory=dict)
    mapping: dict[str, FieldFrom] = Field(
        default_factory=dict,
        max_length=20,
        description="where each field is found. generic: title, description, severity, dedup_key, occurred_at, state"
        " (firing, resolved). external_tool: external_id, title, description, severity, occurred_at, comment, author,"
        " automatic, origin, state (open, acknowledged, mitigated, resolved, closed), item (number or id of an item of"
        " ours that the ticket was made for), created_id (in the answer to item.opened; external_id without it)",
    )
    settle_seconds: StrictInt = Field(
        default=300,
        ge=0,
        le=86_400,
        description="what fires again so soon after it was resolved is the same incident",
        json_schema_extra={"format": "int32"},
    )
    signature: SignatureScheme = Field(
        default="none", description="what a delivery must be signed with; Sentry signs with hmac_sha256"
    )
    signature_header: HeaderName | None = Field(
        default=None, description="the header of hmac_sha256; X-Signature-256, for Sentry Sentry-Hook-Signature"
    )
    secret: Annotated[SecretStr, Field(min_length=16, max_length=200)] | None = Field(
        default=None, description="the sender's signing secret, if he chooses it; without it one is made and shown"
    )
    replay_window_seconds: StrictInt = Field(
        default=300,
        ge=30,
        le=3_600,
        description="how far the timestamp of Standard Webhooks may be from our clock",
        json_schema_extra={"format": "int32"},
    )
    mailbox: Mailbox | None = Field(default=None, description="of a mail source that is looked into by IMAP")
    callback_url: CallbackUrl | None = Field(
        default=None, description="where an external tool hears of changes to its items"
    )
    hands_over: StrictBool = Field(
        default=True, description="whether incidents and requests that are opened here become tickets of the tool"
    )
    internal_notes: StrictBool = Field(
        default=False, description="whether the tool is also told what is for the agency only"
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "NewIntakeSource":
        check_mapping(self.kind, self.mapping)
        if self.mailbox is not None and self.kind != "mail":
            raise ValueError("only a source of the kind mail has a mailbox")
        if self.callback_url is not None and self.kind != "external_tool":
            raise ValueError("only a source of the kind external_tool has a callback_url")
        if self.secret is not None and self.signature == "none":
            raise ValueError("a secret is for a signature: say which, or leave the secret out")
        return self


def check_mapping(kind: str, mapping: Mapping[str, FieldFrom]) -> None:
    """Raises ValueError for a mapping that the kind does not have, lacks, or that translates into unknown words."""
    unknown = mapping.keys() - FIELDS[kind]
    if unknown:
        known = ", ".join(sorted(FIELDS[kind])) or "no field at all"
        raise ValueError(f"a source of the kind {kind} maps {known}, not {', '.join(sorted(unknown))[:200]}")
    missing = REQUIRED.get(kind, frozenset()) - mapping.keys()
    if missing:
        raise ValueError(f"a source of the kind {kind} needs a mapping of {', '.join(sorted(missing))}")
    state = mapping.get("state")
    wrong = {*(state.values.values() if state else ())} - STATES.get(kind, frozenset())
    if wrong:
        raise ValueError(f"state is one of {', '.join(sorted(STATES[kind]))}, not {', '.join(sorted(wrong))[:200]}")


def _left_out() -> Any:
    """Default of a key that may be left out; null is refused, because there is nothing to remove."""
    return Field(default_factory=lambda: None)


class IntakeSourceChange(BaseModel):
    """What changes; a key that is left out stays as it is. Kind and contract of a source never change."""

    model_config = forbid_unknown(examples=[{"enabled": False}])

    name: Name = _left_out()
    enabled: StrictBool = _left_out()
    default_severity: Severity = _left_out()
    severities: Severities = _left_out()
    mapping: Annotated[dict[str, FieldFrom], Field(max_length=20)] = _left_out()
    settle_seconds: Annotated[StrictInt, Field(ge=0, le=86_400, json_schema_extra={"format": "int32"})] = _left_out()
    replay_window_seconds: Annotated[StrictInt, Field(ge=30, le=3_600, json_schema_extra={"format": "int32"})] = (
        _left_out()
    )
    mailbox: Mailbox = _left_out()
    callback_url: CallbackUrl = _left_out()
    hands_over: StrictBool = _left_out()
    internal_notes: StrictBool = _left_out()


_VIEW: dict[str, Any] = {
    "source_id": "0197a1c2-0000-7000-8000-000000000601",
    "version": 1,
    "contract_id": _SOURCE["contract_id"],
    "client_id": "0197a1c2-0000-7000-8000-000000000101",
    "site_id": None,
    "environment_id": None,
    "kind": "generic",
    "name": "Backup server",
    "enabled": True,
    "default_severity": "major",
    "severities": {},
    "mapping": {"title": {"path": "$.message", "values": {}, "default": None}},
    "settle_seconds": 300,
    "signature": "none",
    "signature_header": "X-Signature-256",
    "replay_window_seconds": 300,
    "mailbox": None,
    "callback_url": None,
    "hands_over": False,
    "internal_notes": False,
    "created_at": "2026-06-08T09:00:00Z",
    "updated_at": "2026-06-08T09:00:00Z",
    "last_received_at": None,
}


class IntakeSourceView(BaseModel):
    """A source. Its address and its secrets are shown when they are made, and never again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    source_id: UUID
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    kind: Kind
    name: str = Field(max_length=100)
    enabled: bool
    default_severity: Severity
    severities: dict[str, Severity] = Field(max_length=50)
    mapping: dict[str, FieldFrom] = Field(max_length=20)
    settle_seconds: int
    signature: SignatureScheme
    signature_header: str = Field(max_length=100)
    replay_window_seconds: int
    mailbox: MailboxView | None
    callback_url: str | None = Field(max_length=2_000)
    hands_over: bool = Field(description="of an external tool: items that are opened here become tickets there")
    internal_notes: bool = Field(description="of an external tool: it is told what is for the agency only, too")
    created_at: Instant
    updated_at: Instant
    last_received_at: Instant | None

    @classmethod
    def of(cls, row: IntakeSourceRow) -> "IntakeSourceView":
        """The view of a row."""
        return cls.model_validate(columns(row))


def columns(row: IntakeSourceRow) -> dict[str, Any]:
    """What a row shows of itself."""
    shown = {name: getattr(row, name) for name in IntakeSourceView.model_fields if name not in ("source_id", "mailbox")}
    box = row.mailbox
    mailbox = None if box is None else box | {"polled_at": row.polled_at, "error": row.poll_error}
    return shown | {"source_id": row.id, "mailbox": mailbox}


class CreatedIntakeSource(IntakeSourceView):
    """A new source with its address and secrets, this once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _VIEW
                | {
                    "token": "Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
                    "path": "/v1/intake/Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
                    "secret": None,
                    "callback_secret": None,
                }
            ]
        }
    )

    token: str = Field(max_length=100, description="the unguessable part of the address")
    path: str = Field(max_length=200, description="where to POST to")
    secret: str | None = Field(max_length=200, description="to sign deliveries with; null when none is asked for")
    callback_secret: str | None = Field(max_length=200, description="what we sign with when we tell the external tool")


class RotatedAddress(BaseModel):
    """A new address; the one before it has stopped working."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
                    "path": "/v1/intake/Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
                }
            ]
        }
    )

    token: str = Field(max_length=100)
    path: str = Field(max_length=200)


class RotatedIntakeSecret(BaseModel):
    """A new signing secret; the one before it is taken for 24 hours more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"secret": "whsec_MfKQ9r8GKYqrTwjU", "previous_secret_valid_until": "2026-06-09T09:00:00Z"}]
        }
    )

    secret: str = Field(max_length=200)
    previous_secret_valid_until: Instant


class RotatedCallbackSecret(BaseModel):
    """A new secret that an external tool verifies what we tell it with; the one before it signs nothing any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"callback_secret": "whsec_MfKQ9r8GKYqrTwjU"}]})

    callback_secret: str = Field(max_length=200)


class DryRun(BaseModel):
    """An example of what a source would send."""

    model_config = forbid_unknown(
        examples=[{"body": {"message": "Backup failed", "job": "nightly", "status": "failed"}}]
    )

    body: Any = Field(description="the JSON body of a delivery")


class ReadSignal(BaseModel):
    """What one matter of the body would be read as. `severity` is ours."""

    key: str = Field(max_length=200)
    state: str | None = Field(max_length=20)
    title: str = Field(max_length=200)
    description: str = Field(max_length=10_000)
    severity: Severity
    fired_at: Instant | None
    resolved_at: Instant | None
    comment: str | None = Field(default=None, max_length=10_000)
    author: str | None = Field(default=None, max_length=200)
    automatic: bool = False


class DryRunAnswer(BaseModel):
    """What the body would be read as. Nothing was changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "signals": [
                        {
                            "key": "nightly",
                            "state": "firing",
                            "title": "Backup failed",
                            "description": "",
                            "severity": "major",
                            "fired_at": None,
                            "resolved_at": None,
                        }
                    ]
                }
            ]
        }
    )

    signals: list[ReadSignal] = Field(max_length=1_000)


class TakenItem(BaseModel):
    """One matter of a delivery and the item that it belongs to; null when it belongs to none."""

    key: str = Field(max_length=500, description="the sender's name of it: fingerprint, issue, ticket, Message-ID")
    incident_id: UUID | None
    number: str | None = Field(max_length=30)


class IntakeAnswer(BaseModel):
    """What a delivery is about. Sent again, it is answered the same and changes nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "key": "c6eadffa33fcdf37",
                            "incident_id": "0197a1c2-0000-7000-8000-000000000501",
                            "number": "INC-2026-0001",
                        }
                    ]
                }
            ]
        }
    )

    items: list[TakenItem] = Field(max_length=1_000)


class ReceiptResult(TakenItem):
    """What became of one matter of a delivery."""

    what: str = Field(
        max_length=30,
        description="opened, recovered, opened_and_recovered, fired_again, commented, moved, held, automatic, echo,"
        " unchanged",
    )


class ReceiptView(BaseModel):
    """One delivery, and what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "receipt_id": "0197a1c2-0000-7000-8000-000000000611",
                    "received_at": "2026-06-08T09:00:00Z",
                    "delivery": "msg_2",
                    "outcome": "refused",
                    "status": 422,
                    "error": "The mapping of `title` finds no text in this body.",
                    "media_type": "application/json",
                    "size": 2,
                    "excerpt": "{}",
                    "results": [],
                }
            ]
        }
    )

    receipt_id: UUID
    received_at: Instant
    delivery: str | None = Field(max_length=200, description="the sender's own id of it")
    outcome: Literal["accepted", "unchanged", "held", "automatic", "refused"]
    status: int = Field(description="the HTTP status that it was answered with")
    error: str | None = Field(max_length=1_000)
    media_type: str = Field(max_length=100)
    size: int
    excerpt: str = Field(max_length=2_000, description="the beginning of the body, without secrets")
    results: list[ReceiptResult] = Field(max_length=1_000)

    @classmethod
    def of_row(cls, row: IntakeReceiptRow) -> "ReceiptView":
        """The view of a row."""
        shown = {name: getattr(row, name) for name in cls.model_fields if name != "receipt_id"}
        return cls.model_validate(shown | {"receipt_id": row.id})


class MappingView(BaseModel):
    """Which ticket of the tool is which item of ours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "external_id": "FLOW-17",
                    "incident_id": "0197a1c2-0000-7000-8000-000000000501",
                    "number": "INC-2026-0001",
                    "told_version": 3,
                    "mapped_at": "2026-06-08T09:00:00Z",
                }
            ]
        }
    )

    external_id: str = Field(max_length=200)
    incident_id: UUID
    number: str = Field(max_length=30)
    told_version: int = Field(description="the item's newest version that the tool was told of, or told us")
    mapped_at: Instant

    @classmethod
    def of_row(cls, row: Any) -> "MappingView":
        """The view of a row with its item's number."""
        ticket: ExternalTicketRow = row[0]
        assert ticket.external_id is not None  # those that wait for their ticket are not listed
        return cls(
            external_id=ticket.external_id,
            incident_id=ticket.item_id,
            number=row.number,
            told_version=ticket.told_version,
            mapped_at=ticket.mapped_at,
        )


class AttachmentView(BaseModel):
    """A file that came with a mail."""

    name: str = Field(max_length=200)
    media_type: str = Field(max_length=100)
    size: int
    not_kept: str | None = Field(default=None, max_length=500, description="why its content was not kept")


class HeldMail(BaseModel):
    """A mail that nobody knows where to put: accept it or discard it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "held_id": "0197a1c2-0000-7000-8000-000000000621",
                    "source_id": "0197a1c2-0000-7000-8000-000000000601",
                    "version": 1,
                    "state": "held",
                    "incident_id": None,
                    "received_at": "2026-06-08T09:00:00Z",
                    "sender": "somebody@elsewhere.example",
                    "sender_name": "Somebody",
                    "subject": "The shop is slow",
                    "body": "Since this morning.",
                    "attachments": [],
                    "reason": "unknown_sender",
                }
            ]
        }
    )

    held_id: UUID
    source_id: UUID
    version: int
    state: Literal["held", "item", "discarded", "automatic"]
    incident_id: UUID | None
    received_at: Instant
    sender: str = Field(max_length=254)
    sender_name: str = Field(max_length=200)
    subject: str = Field(max_length=200)
    body: str = Field(max_length=10_000)
    attachments: list[AttachmentView] = Field(max_length=50)
    reason: str | None = Field(
        max_length=50,
        description="unknown_sender; not_a_contact: one of the agency's, who reports nothing by mail; item_over: about"
        " an item (incident_id) that is closed; too_many: more mails of this sender in an hour than a person writes",
    )

    @classmethod
    def of_row(cls, row: IntakeMailRow) -> "HeldMail":
        """The view of a row."""
        shown = {name: getattr(row, name) for name in cls.model_fields if name not in ("held_id", "incident_id")}
        return cls.model_validate(shown | {"held_id": row.id, "incident_id": row.item_id})


class Acceptance(BaseModel):
    """What to do with a held mail: open an item with this severity, or put it on one that is there."""

    model_config = forbid_unknown(examples=[{"severity": "major"}])

    severity: Severity | None = Field(default=None, description="of the new item; the source's own without it")
    incident_id: UUID | None = Field(default=None, description="an item under the source's contract to comment on")


class CallItem(BaseModel):
    """The item that a call opens."""

    model_config = forbid_unknown(examples=[{"title": "Checkout shows an error", "severity": "major"}])

    title: Title
    severity: Severity
    site_id: UUID | None = None
    environment_id: UUID | None = None


class NewCall(BaseModel):
    """A telephone call, written down by whoever took it."""

    model_config = forbid_unknown(
        examples=[
            {
                "contract_id": "0197a1c2-0000-7000-8000-000000000201",
                "caller": "Léa Martin",
                "number": "+33 1 23 45 67 89",
                "called_at": "2026-06-08T10:30:00+02:00",
                "notes": "Paying by card ends on a blank page.",
                "opens": {"title": "Checkout shows an error", "severity": "major"},
            }
        ]
    )

    contract_id: UUID
    caller: Name = Field(description="who called")
    number: str | None = Field(
        default=None, min_length=2, max_length=40, pattern=r"^\+?[0-9][0-9 ()./-]*$", examples=["+33 1 23 45 67 89"]
    )
    called_at: Instant = Field(description="when the telephone rang: the clocks of the item start then")
    taken_by: Name | None = Field(default=None, description="who took the call; you, without it")
    notes: LongText = ""
    opens: CallItem | None = Field(default=None, description="the item that the call opens")
    incident_id: UUID | None = Field(default=None, description="the item under the contract that the call was about")

    @model_validator(mode="after")
    def _one_item_at_most(self) -> "NewCall":
        if self.opens is not None and self.incident_id is not None:
            raise ValueError("a call opens an item or was about one: give opens or incident_id, not both")
        return self


class CallView(BaseModel):
    """A telephone call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call_id": "0197a1c2-0000-7000-8000-000000000631",
                    "contract_id": "0197a1c2-0000-7000-8000-000000000201",
                    "client_id": "0197a1c2-0000-7000-8000-000000000101",
                    "incident_id": "0197a1c2-0000-7000-8000-000000000501",
                    "opened_item": True,
                    "caller": "Léa Martin",
                    "number": "+33 1 23 45 67 89",
                    "called_at": "2026-06-08T08:30:00Z",
                    "taken_by": "Ada Martin",
                    "notes": "Paying by card ends on a blank page.",
                    "calendar": "support",
                    "within_hours": True,
                    "recorded_at": "2026-06-08T09:00:00Z",
                }
            ]
        }
    )

    call_id: UUID
    contract_id: UUID
    client_id: UUID
    incident_id: UUID | None
    opened_item: bool = Field(description="whether the call opened the item, or was about one that was there")
    caller: str = Field(max_length=100)
    number: str | None = Field(max_length=40)
    called_at: Instant
    taken_by: str = Field(max_length=200)
    notes: str = Field(max_length=10_000)
    calendar: str | None = Field(max_length=100, description="the hotline's hours by the contract in force then")
    within_hours: bool | None = Field(description="whether the hotline was open then; null when no hours were agreed")
    recorded_at: Instant

    @classmethod
    def of_row(cls, row: CallRow) -> "CallView":
        """The view of a row."""
        shown = {name: getattr(row, name) for name in cls.model_fields if name not in ("call_id", "incident_id")}
        return cls.model_validate(shown | {"call_id": row.id, "incident_id": row.item_id})
