"""Files on items: attached by people, brought by mails, taken away again. The timeline keeps that they were there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from incidents.application.items import NotAllowedError
from incidents.application.ports import Attachment, Entry, Ports
from incidents.domain.attachments import MOST_PER_ITEM, File, RefusedFileError
from incidents.domain.work_item import Who, WorkItem

MANAGERS = frozenset({"owner"})
"""Roles that take away what somebody else attached."""


class TooManyFilesError(Exception):
    """An item has as many files as it may have."""

    def __init__(self) -> None:
        super().__init__(
            f"This item has {MOST_PER_ITEM} attachments, as many as it may have. Delete one, or send an archive."
        )


@dataclass(frozen=True)
class Brought:
    """What became of a file of a mail: kept as `attachment_id`, or not kept and why."""

    file: File
    attachment_id: UUID | None
    not_kept: str | None

    @property
    def described(self) -> dict[str, Any]:
        """What a timeline tells of it."""
        told: dict[str, Any] = {
            "name": self.file.name,
            "media_type": self.file.media_type,
            "size": len(self.file.content),
        }
        if self.attachment_id is not None:
            told["attachment_id"] = str(self.attachment_id)
        if self.not_kept is not None:
            told["not_kept"] = self.not_kept
        return told


async def attach(
    ports: Ports, item_id: UUID, file: File, *, audience: str, actor: Who
) -> tuple[Attachment, bool] | None:
    """Puts a file on an item, and whether it is new: the same file under the same name is there once.

    Raises RefusedFileError and TooManyFilesError.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    file.check()
    there = await ports.attachments.same(item.id, audience, file)
    if there is not None:
        return there, False
    added = await _add(ports, item, file, audience, actor, "api")
    await ports.items.tell(item, Entry("attached", ports.now, actor, "api", audience, data=_about(added)))
    return added, True


async def detach(ports: Ports, item_id: UUID, attachment_id: UUID, *, actor: Who, role: str) -> bool:
    """Takes a file away for good; False when there is none that one may see.

    Raises NotAllowedError unless it is one's own, or one manages the agency.
    """
    item = await ports.items.lock(item_id)
    there = await ports.attachments.of_item(item_id, attachment_id) if item is not None else None
    if item is None or there is None:
        return False
    if there.actor.id != actor.id and role not in MANAGERS:
        raise NotAllowedError("Only whoever attached it, or the owner of the agency, deletes it. Ask one of them.")
    await ports.attachments.remove(attachment_id)
    entry = Entry("attachment_deleted", ports.now, actor, "api", there.audience, data=_about(there))
    await ports.items.tell(item, entry)
    return True


async def keep_of_mail(
    ports: Ports, item_id: UUID, files: Iterable[File], *, audience: str, actor: Who
) -> Sequence[Brought]:
    """Puts the files of a mail on its item, under the limits of every file; what is refused is told and not kept."""
    item = await ports.items.lock(item_id)
    if item is None:
        return [Brought(file, None, None) for file in files]
    return [await _brought(ports, item, file, audience, actor) for file in files]


async def _brought(ports: Ports, item: WorkItem, file: File, audience: str, actor: Who) -> Brought:
    try:
        file.check()
        there = await ports.attachments.same(item.id, audience, file)
        kept = there or await _add(ports, item, file, audience, actor, "mail")
    except (RefusedFileError, TooManyFilesError) as refused:
        return Brought(file, None, str(refused))
    return Brought(file, kept.id, None)


async def _add(ports: Ports, item: WorkItem, file: File, audience: str, actor: Who, source: str) -> Attachment:
    if await ports.attachments.count(item.id) >= MOST_PER_ITEM:
        raise TooManyFilesError
    return await ports.attachments.add(item, file, audience=audience, actor=actor, source=source)


def _about(attachment: Attachment) -> Mapping[str, Any]:
    return {
        "attachment_id": str(attachment.id),
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "sha256": attachment.sha256.hex(),
    }


def refused_at_once(files: Iterable[File]) -> Sequence[Brought]:
    """The files of a mail that waits for somebody: those that will never be kept have their reason."""
    found = []
    for file in files:
        try:
            file.check()
        except RefusedFileError as refused:
            found.append(Brought(file, None, str(refused)))
        else:
            found.append(Brought(file, None, None))
    return found
