"""Links that open a report without signing in: signed, bound to one report, and ending."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlencode
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from reporting.adapters.secret_box import SecretBox


class InvalidLink(Exception):
    """The token was not made here, or was changed."""


class ExpiredLink(Exception):
    """The token was good, and has ended."""


@dataclass(frozen=True)
class SharedReport:
    """What a link opens, and until when."""

    tenant_id: UUID
    contract_id: UUID
    month: date
    language: str
    as_of: datetime | None
    expires_at: datetime


class _Content(BaseModel):
    """The signed content, with short names: it travels in an address."""

    model_config = ConfigDict(extra="forbid")

    t: UUID
    c: UUID
    m: date
    l: str  # noqa: E741  (a key of the token)
    a: AwareDatetime | None
    e: int


def make_token(box: SecretBox, report: SharedReport) -> str:
    """The token of a link. Whoever has it can read this one report until it ends; nothing else."""
    content = _Content(
        t=report.tenant_id,
        c=report.contract_id,
        m=report.month,
        l=report.language,
        a=report.as_of,
        e=int(report.expires_at.timestamp()),
    )
    return _signed(box, content.model_dump_json().encode())


def read_token(box: SecretBox, token: str, now: datetime) -> SharedReport:
    """What a token opens. Raises InvalidLink or ExpiredLink; a forged token is never told apart from nonsense."""
    try:
        content = _Content.model_validate(_verified(box, token))
    except ValidationError:
        raise InvalidLink from None
    return SharedReport(content.t, content.c, content.m, content.l, content.a, _until(content.e, now))


def shared_address(token: str) -> str:
    """Where a shared report is read, below the public address."""
    return f"/reports/shared?{urlencode({'token': token})}"


@dataclass(frozen=True)
class SentLink:
    """Which mailed edition a link opens, and until when."""

    tenant_id: UUID
    delivery_id: UUID
    expires_at: datetime


class _Sent(BaseModel):
    """The signed content of such a link; its key `d` no other link has."""

    model_config = ConfigDict(extra="forbid")

    t: UUID
    d: UUID
    e: int


def make_sent_token(box: SecretBox, link: SentLink) -> str:
    """The token of a link in a mail. Whoever has it can read this one edition until it ends; nothing else."""
    content = _Sent(t=link.tenant_id, d=link.delivery_id, e=int(link.expires_at.timestamp()))
    return _signed(box, content.model_dump_json().encode())


def read_sent_token(box: SecretBox, token: str, now: datetime) -> SentLink:
    """What a token opens. Raises InvalidLink or ExpiredLink."""
    try:
        content = _Sent.model_validate(_verified(box, token))
    except ValidationError:
        raise InvalidLink from None
    return SentLink(content.t, content.d, _until(content.e, now))


def sent_address(public_url: str, token: str) -> str:
    """The address of a link in a mail. The token is in the query, because paths are written to access logs."""
    return f"{public_url.rstrip('/')}/reports/sent?{urlencode({'token': token})}"


def _signed(box: SecretBox, raw: bytes) -> str:
    return f"{_text(raw)}.{_text(box.sign(raw))}"


def _verified(box: SecretBox, token: str) -> object:
    encoded, _, signature = token.partition(".")
    try:
        raw, signed = _bytes(encoded), _bytes(signature)
        if not box.is_signed(raw, signed):
            raise InvalidLink
        return json.loads(raw)
    except (ValueError, binascii.Error):
        raise InvalidLink from None


def _until(instant: int, now: datetime) -> datetime:
    expires_at = datetime.fromtimestamp(instant, UTC)
    if now >= expires_at:
        raise ExpiredLink
    return expires_at


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
