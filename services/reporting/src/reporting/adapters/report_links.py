"""Links that open a report without signing in: signed, bound to one report, and ending."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
    raw = content.model_dump_json().encode()
    return f"{_text(raw)}.{_text(box.sign(raw))}"


def read_token(box: SecretBox, token: str, now: datetime) -> SharedReport:
    """What a token opens. Raises InvalidLink or ExpiredLink; a forged token is never told apart from nonsense."""
    encoded, _, signature = token.partition(".")
    try:
        raw, signed = _bytes(encoded), _bytes(signature)
        if not box.is_signed(raw, signed):
            raise InvalidLink
        content = _Content.model_validate(json.loads(raw))
    except (ValueError, binascii.Error, ValidationError):
        raise InvalidLink from None
    expires_at = datetime.fromtimestamp(content.e, UTC)
    if now >= expires_at:
        raise ExpiredLink
    return SharedReport(content.t, content.c, content.m, content.l, content.a, expires_at)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
