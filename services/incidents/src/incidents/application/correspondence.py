"""Mail that comes in: to which item it belongs, and what it may do.

A mail never moves a status and never stops a clock: its sender can be forged. A person's mail is a comment, or opens an
item when he is a contact of the contract. A contact's comment is what the client says: it ends waits for him and asks
for an answer, by which a forger gains nothing. What a program sent is noted as automatic, opens nothing and is answered
by nobody, so that two programs cannot talk to one another for ever (RFC 3834).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from incidents.application import attachments
from incidents.application import intake_items as items
from incidents.application.intake import IntakeSource, Outcome
from incidents.application.ports import Ports
from incidents.domain.attachments import File
from incidents.domain.intake import Nature, numbers_in
from incidents.domain.work_item import Who

BRAKE_AT = 30
"""So many mails of one sender within `BRAKE_WITHIN` are a program's that does not say so: what we write to him about
the item that each of them opens, it answers. What comes on top opens nothing, so that the two stop; nothing is lost.
"""
BRAKE_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Letter:
    """A mail as far as it matters here. `references` are the Message-IDs that it answers, the nearest first."""

    message_id: str
    sender: str
    sender_name: str
    subject: str
    text: str
    references: Sequence[str]
    nature: Nature
    files: Sequence[File]


@dataclass(frozen=True)
class Correspondent:
    """Somebody whose address we know. `party` agency: one of ours."""

    id: str
    name: str
    party: str


class Correspondence(Protocol):
    """Mails that came in and went out, and who is who."""

    async def hold(self, key: str) -> None: ...

    async def known(self, message_id: str) -> tuple[str, UUID | None] | None:
        """What became of a mail: its state and item; None when it has not come yet."""

    async def is_ours(self, message_id: str) -> bool:
        """Whether we sent it ourselves."""

    async def item_answered(self, references: Sequence[str], contract_id: UUID) -> UUID | None:
        """The item of the nearest mail, of ours or of somebody's, that is answered."""

    async def item_numbered(self, number: str, contract_id: UUID) -> UUID | None: ...

    async def correspondent(self, contract_id: UUID, address: str) -> Correspondent | None: ...

    async def taken_from(self, sender: str, since: datetime) -> int:
        """How many mails of this address that came since then have opened or commented on items."""

    async def keep(
        self, letter: Letter, *, state: str, item_id: UUID | None, reason: str | None, received_at: datetime
    ) -> UUID: ...


async def take_letter(
    ports: Ports, letters: Correspondence, source: IntakeSource, letter: Letter, received_at: datetime
) -> Outcome:
    """One mail, once per Message-ID. `received_at` is when its mail server had it: the clocks start then."""
    await letters.hold(letter.message_id)
    known = await letters.known(letter.message_id)
    if known is not None:
        state, item_id = known
        return await _told(ports, letter, item_id, "held" if state == "held" else "unchanged")
    if await letters.is_ours(letter.message_id):
        return Outcome(letter.message_id, None, None, "echo")
    received_at = min(received_at, ports.now)
    answered = await letters.item_answered(letter.references, source.contract_id)
    item_id = answered or await _numbered(letters, letter, source.contract_id)
    if item_id is not None:
        item_id = await items.that_goes_on(ports, item_id)
    sender = await letters.correspondent(source.contract_id, letter.sender)
    if letter.nature != "human":
        if item_id is not None:
            await _note_automatic(ports, source, letter, item_id, received_at)
        await letters.keep(letter, state="automatic", item_id=item_id, reason=letter.nature, received_at=received_at)
        return await _told(ports, letter, item_id, "automatic")
    reason = await _doubt(ports, letters, letter, item_id, sender, answers=answered is not None)
    if reason is not None:
        # What an item that is over is about is known all the same.
        about = item_id if reason == "item_over" else None
        await letters.keep(letter, state="held", item_id=about, reason=reason, received_at=received_at)
        return await _told(ports, letter, about, "held")
    what = "opened" if item_id is None else "commented"
    if item_id is None:
        item_id = await open_with(ports, source, letter, sender, received_at, source.default_severity)
    else:
        await comment_with(ports, letter, item_id, sender, received_at)
    await letters.keep(letter, state="item", item_id=item_id, reason=None, received_at=received_at)
    return await _told(ports, letter, item_id, what)


async def _doubt(
    ports: Ports,
    letters: Correspondence,
    letter: Letter,
    item_id: UUID | None,
    sender: Correspondent | None,
    *,
    answers: bool,
) -> str | None:
    """Why somebody has to decide what becomes of a person's mail; None: it is clear."""
    if item_id is not None and (answers or sender is not None):
        item = await items.read_item(ports, item_id)
        # Nobody looks at it any more, and "thank you" is no reason to open it again.
        closed = item is not None and item.over and (sender is None or sender.party == "client")
        return "item_over" if closed else None
    if item_id is not None or sender is None or sender.party != "client":
        return "unknown_sender" if sender is None else "not_a_contact"
    crowd = await letters.taken_from(letter.sender, ports.now - BRAKE_WITHIN) >= BRAKE_AT
    return "too_many" if crowd else None


async def open_with(
    ports: Ports,
    source: IntakeSource,
    letter: Letter,
    sender: Correspondent | None,
    received_at: datetime,
    severity: str,
) -> UUID:
    """An item reported by the sender of a mail."""
    who = _who(letter, sender)
    new = items.NewItem(
        contract_id=source.contract_id,
        site_id=source.site_id,
        environment_id=source.environment_id,
        severity=severity,
        title=letter.subject or "–",
        description=letter.text,
        occurred_at=None,
        reported_at=received_at,
    )
    item = await items.open_item(ports, new, who)
    if letter.files:
        data = {"attachments": await _kept(ports, letter, item.id, who), "message_id": letter.message_id}
        await items.comment(ports, item.id, "", who, at=received_at, source="mail", data=data)
    return item.id


async def comment_with(
    ports: Ports, letter: Letter, item_id: UUID, sender: Correspondent | None, received_at: datetime
) -> None:
    """A person's mail on the timeline of an item."""
    who = _who(letter, sender)
    data = _data(letter, await _kept(ports, letter, item_id, who))
    if sender is not None and sender.party == "client":
        await items.letter_of_client(ports, item_id, letter.text, who, at=received_at, data=data)
        return
    await items.comment(ports, item_id, letter.text, who, at=received_at, source="mail", data=data)


async def _note_automatic(
    ports: Ports, source: IntakeSource, letter: Letter, item_id: UUID, received_at: datetime
) -> None:
    files = await _kept(ports, letter, item_id, source.who, audience="agency")
    await items.comment(
        ports,
        item_id,
        letter.text,
        source.who,
        at=received_at,
        source="mail",
        audience="agency",
        kind="automatic_reply",
        data=_data(letter, files) | {"nature": letter.nature},
    )


async def _numbered(letters: Correspondence, letter: Letter, contract_id: UUID) -> UUID | None:
    for number in numbers_in(letter.subject):
        item_id = await letters.item_numbered(number, contract_id)
        if item_id is not None:
            return item_id
    return None


def _who(letter: Letter, sender: Correspondent | None) -> Who:
    name = sender.name if sender else letter.sender_name or letter.sender
    return Who("user", (sender.id if sender else letter.sender)[:200], name[:200])


async def _kept(
    ports: Ports, letter: Letter, item_id: UUID, who: Who, *, audience: str = "client"
) -> list[dict[str, Any]]:
    brought = await attachments.keep_of_mail(ports, item_id, letter.files, audience=audience, actor=who)
    return [each.described for each in brought]


def _data(letter: Letter, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "message_id": letter.message_id,
        "sender": letter.sender,
        "subject": letter.subject,
        "attachments": files,
    }


async def _told(ports: Ports, letter: Letter, item_id: UUID | None, what: str) -> Outcome:
    item = await items.read_item(ports, item_id) if item_id is not None else None
    return Outcome(letter.message_id, item.id if item else None, item.number if item else None, what)
