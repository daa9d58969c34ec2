"""The desk where deliveries are handed in: checked, read, applied once, and kept with what came of them.

A delivery and its receipt are one transaction. What is refused changes nothing, and leaves a receipt of its own.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.adapters.intake_secrets import secrets_before
from incidents.adapters.intake_store import (
    SqlCorrespondence,
    SqlMatters,
    SqlTickets,
    add_receipt,
    find_source,
    rules_of,
    source_of,
    stored_answer,
)
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.mime import Mail, UnreadableMail, read_mail
from incidents.adapters.repository import ports_of
from incidents.adapters.secret_box import SecretBox
from incidents.adapters.secret_box import Unreadable as SealedOtherwise
from incidents.adapters.webhook_signatures import BadSignature, Scheme, verify
from incidents.application.correspondence import Letter, take_letter
from incidents.application.intake import Outcome, take_signal, take_ticket
from incidents.application.intake_formats import (
    Signal,
    ToolUpdate,
    Unreadable,
    alertmanager,
    external_tool,
    generic,
    sentry,
)
from incidents.application.items import UnknownContractError, UnknownSiteError
from incidents.application.ports import Ports, Recipient
from shared.events import Actor
from shared.http_edge import check_json
from shared.problems import (
    Conflict,
    FieldError,
    Problem,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from shared.telemetry import redact
from shared.time_source import SystemClock
from shared.unit_of_work import UnitOfWork, UnitsOfWork

EXCERPT = 2_000
JSON = "application/json"
MAIL = "message/rfc822"
_LOOKED_AT = 65_536
_WALL_CLOCK = SystemClock()


@dataclass(frozen=True)
class Delivery:
    """What was handed in. `headers` have lower-case names. `received_at`: when its mail server had it.

    `fetched`: we went and got it ourselves, so that nobody had to sign it.
    """

    body: bytes
    media_type: str
    headers: Mapping[str, str]
    received_at: datetime | None = None
    fetched: bool = False

    @property
    def name(self) -> str | None:
        """The sender's own id of the delivery; a second one of the same name is a repetition."""
        for header in ("webhook-id", "request-id", "idempotency-key"):
            value = self.headers.get(header, "").strip()
            if value:
                return value if len(value) <= 200 else hashlib.sha256(value.encode()).hexdigest()
        return None


@dataclass(frozen=True)
class Read:
    """What a body says: signals, or one update of a ticket, or one mail."""

    signals: Sequence[Signal] = ()
    update: ToolUpdate | None = None
    mail: Mail | None = None


class Reception:
    """Takes deliveries in. `agency` are the installation's own alert addresses."""

    def __init__(self, units: UnitsOfWork, box: SecretBox, agency: Sequence[Recipient]) -> None:
        self._units = units
        self._box = box
        self._agency = agency

    async def take(self, tenant_id: UUID, source_id: UUID, delivery: Delivery) -> dict[str, Any]:
        """The answer to a delivery. Raises the Problem to refuse it with, after having kept a receipt of that."""
        who = Actor(kind="system", id=f"intake:{source_id}", name="Intake")
        try:
            async with self._units.for_tenant(tenant_id, actor=who) as unit:
                return await self._take(unit, source_id, delivery)
        except Problem as problem:
            await self.refuse(tenant_id, source_id, delivery, problem)
            raise

    async def _take(self, unit: UnitOfWork, source_id: UUID, delivery: Delivery) -> dict[str, Any]:
        row = await find_source(unit, source_id)
        if row is None or not row.enabled:
            raise Conflict("This source is switched off. Switch it on, or stop sending.")
        if not delivery.fetched:
            self._check_signature(row, delivery, unit.now)
        if delivery.name is not None:
            answered = await stored_answer(unit, source_id, delivery.name)
            if answered is not None:
                return answered
        read = await read_delivery(row, delivery)
        try:
            outcomes = await self._apply(unit, row, read, delivery.received_at or unit.now)
        except (UnknownContractError, UnknownSiteError) as error:
            raise Conflict(f"The contract of this source does not cover it any more: {error}") from error
        answer = {"items": [_told(outcome) for outcome in outcomes]}
        whats = {outcome.what for outcome in outcomes}
        kept = next((what for what in ("held", "automatic") if what in whats), None)
        changed = any(outcome.what not in ("unchanged", "echo") for outcome in outcomes)
        add_receipt(
            unit,
            row,
            outcome=kept or ("accepted" if changed else "unchanged"),
            status=200,
            media_type=delivery.media_type,
            size=len(delivery.body),
            excerpt=excerpt_of(delivery),
            delivery=delivery.name,
            results=[_told(outcome) | {"what": outcome.what} for outcome in outcomes],
            answer=answer,
        )
        row.last_received_at = unit.now
        return answer

    def _check_signature(self, row: IntakeSourceRow, delivery: Delivery, now: datetime) -> None:
        sealed = [row.secret] if row.secret is not None else []
        sealed += [secret for secret, _ in secrets_before(row, now)]
        known = [secret for each in sealed if (secret := self._opened(each)) is not None]
        if sealed and not known:
            raise Unavailable("The secret of this source cannot be read here any more. Give the source a new one.")
        scheme: Scheme = row.signature  # type: ignore[assignment]  # one of its words, by the request model
        try:
            verify(
                scheme,
                known,
                delivery.headers,
                delivery.body,
                header=row.signature_header.lower(),
                # The sender signs by the real time, wherever the clock of the stack is shifted to.
                now=_WALL_CLOCK.now(),
                window=timedelta(seconds=row.replay_window_seconds),
            )
        except BadSignature as error:
            raise Unauthorized(str(error), headers={"WWW-Authenticate": 'Signature realm="upheld"'}) from error

    def _opened(self, sealed: bytes) -> str | None:
        """None for what was sealed with a key that is gone."""
        try:
            return self._box.open(sealed)
        except SealedOtherwise:
            return None

    async def _apply(
        self, unit: UnitOfWork, row: IntakeSourceRow, read: Read, received_at: datetime
    ) -> Sequence[Outcome]:
        ports, source = ports_of(unit, self._agency), source_of(row)
        if read.mail is not None:
            agency = await _agency(ports)
            letters = SqlCorrespondence(unit, row, agency)
            return [await take_letter(ports, letters, source, letter_of(read.mail), received_at)]
        if read.update is not None:
            return [await take_ticket(ports, SqlTickets(unit, row), source, read.update)]
        matters = SqlMatters(unit, row)
        found: dict[int, Outcome] = {}
        # Two deliveries at once lock what they share in the same order.
        for index, signal in sorted(enumerate(read.signals), key=lambda each: each[1].key):
            found[index] = await take_signal(ports, matters, source, signal)
        return [found[index] for index in range(len(read.signals))]

    async def refuse(self, tenant_id: UUID, source_id: UUID, delivery: Delivery, problem: Problem) -> None:
        """Keeps a receipt of what was refused, and why."""
        async with self._units.for_tenant(tenant_id) as unit:
            row = await find_source(unit, source_id)
            if row is not None:
                add_receipt(
                    unit,
                    row,
                    outcome="refused",
                    status=problem.status,
                    error=problem.detail,
                    media_type=delivery.media_type,
                    size=len(delivery.body),
                    excerpt=excerpt_of(delivery),
                )


async def _agency(ports: Ports) -> list[str]:
    return [recipient.email for recipient in await ports.alerts.agency()]


async def read_delivery(row: IntakeSourceRow, delivery: Delivery) -> Read:
    """What a body says, by the kind of its source. Raises the Problem to refuse it with."""
    wanted = MAIL if row.kind == "mail" else JSON
    if delivery.media_type != wanted:
        raise UnsupportedMediaType(f"Send the body to this source as {wanted}.", headers={"Accept-Post": wanted})
    if wanted == MAIL:
        try:
            return Read(mail=await asyncio.to_thread(read_mail, delivery.body))
        except UnreadableMail as error:
            raise ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer="#")]) from error
    check_json(delivery.body)
    body = json.loads(delivery.body)
    try:
        # In a thread: what a mapping asks of a body may take a while.
        return await asyncio.to_thread(read_body, row, body, delivery.headers)
    except Unreadable as error:
        detail = f"{error} The source is of the kind {row.kind}."
        raise ValidationFailed(detail, errors=[FieldError(detail=str(error), pointer=error.pointer)]) from error


def read_body(row: IntakeSourceRow, body: Any, headers: Mapping[str, str]) -> Read:
    """What a JSON body says, by the kind and mapping of its source. Raises Unreadable."""
    if row.kind == "alertmanager":
        return Read(signals=alertmanager(body))
    if row.kind == "issue_alert":
        return Read(signals=sentry(body, headers.get("sentry-hook-resource")))
    if row.kind == "external_tool":
        return Read(update=external_tool(body, rules_of(row)))
    return Read(signals=generic(body, rules_of(row)))


def letter_of(mail: Mail) -> Letter:
    """The mail as its use case knows it."""
    return Letter(
        message_id=mail.message_id,
        sender=mail.sender,
        sender_name=mail.sender_name,
        subject=mail.subject,
        text=mail.text,
        references=mail.references,
        nature=mail.nature,
        files=mail.files,
    )


def excerpt_of(delivery: Delivery) -> str:
    """The beginning of a body for whoever looks for a fault; of a mail only its header lines. Without secrets."""
    text = delivery.body[:_LOOKED_AT].decode("utf-8", "replace").replace("\x00", "\ufffd")
    if delivery.media_type == MAIL:
        head = text.replace("\r\n", "\n").split("\n\n", 1)[0].split("\n")
        shown = [line for line in head if line.lower().startswith(("from:", "subject:", "date:", "message-id:"))]
        return str(redact("\n".join(shown)))[:EXCERPT]
    try:
        document = json.loads(delivery.body)
        return json.dumps(redact(document), ensure_ascii=False).encode("utf-8", "replace").decode()[:EXCERPT]
    except (ValueError, RecursionError):
        return str(redact(text))[:EXCERPT]


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "key": outcome.key,
        "incident_id": str(outcome.item_id) if outcome.item_id else None,
        "number": outcome.number,
    }
