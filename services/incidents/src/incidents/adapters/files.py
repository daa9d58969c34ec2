"""Files as rows: the port of `application.attachments`, and what came with mails that are held."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.file_tables import AttachmentRow, HeldFileRow
from incidents.application.ports import Attachment
from incidents.domain.attachments import File
from incidents.domain.work_item import Who, WorkItem
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


class SqlAttachments:
    """`application.ports.Attachments`."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def same(self, item_id: UUID, audience: str, file: File) -> Attachment | None:
        return await self._one(
            AttachmentRow.item_id == item_id,
            AttachmentRow.audience == audience,
            AttachmentRow.name == file.name,
            AttachmentRow.sha256 == hashlib.sha256(file.content).digest(),
        )

    async def count(self, item_id: UUID) -> int:
        statement = select(func.count()).where(AttachmentRow.item_id == item_id)
        return (await self._uow.session.execute(statement)).scalar_one()

    async def add(self, item: WorkItem, file: File, *, audience: str, actor: Who, source: str) -> Attachment:
        if self._uow.tenant_id is None:
            raise ValueError("rows are written in a unit of work of their tenant")
        added = Attachment(
            id=new_id(),
            name=file.name,
            media_type=file.media_type,
            size=len(file.content),
            sha256=hashlib.sha256(file.content).digest(),
            audience=audience,
            source=source,
            added_at=self._uow.now,
            actor=actor,
        )
        same = ("id", "name", "media_type", "size", "sha256", "audience", "source", "added_at")
        # Core, not ORM: the content is not kept in memory with the session.
        row = insert(AttachmentRow).values(
            tenant_id=self._uow.tenant_id,
            client_id=item.subject.client_id,
            item_id=item.id,
            content=file.content,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            **{name: getattr(added, name) for name in same},
        )
        await self._uow.session.execute(row)
        return added

    async def of_item(self, item_id: UUID, attachment_id: UUID) -> Attachment | None:
        return await self._one(AttachmentRow.item_id == item_id, AttachmentRow.id == attachment_id)

    async def remove(self, attachment_id: UUID) -> None:
        await self._uow.session.execute(delete(AttachmentRow).where(AttachmentRow.id == attachment_id))

    async def _one(self, *conditions: Any) -> Attachment | None:
        row = (await self._uow.session.execute(select(AttachmentRow).where(*conditions))).scalar_one_or_none()
        return attachment_of(row) if row is not None else None


def attachment_of(row: AttachmentRow) -> Attachment:
    """The attachment of a row."""
    same = ("id", "name", "media_type", "size", "sha256", "audience", "source", "added_at")
    actor = Who(row.actor_kind, row.actor_id, row.actor_name)
    return Attachment(**{name: getattr(row, name) for name in same}, actor=actor)


def attachments(item_id: UUID) -> Select[AttachmentRow]:
    """The files on an item that the caller may see, unordered."""
    return select(AttachmentRow).where(AttachmentRow.item_id == item_id)


async def content(session: AsyncSession, attachment_id: UUID) -> bytes | None:
    """What is in a file; None when somebody has just deleted it."""
    statement = select(AttachmentRow.content).where(AttachmentRow.id == attachment_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def hold(uow: UnitOfWork, mail_id: UUID, owner: dict[str, UUID], files: Iterable[File]) -> None:
    """Keeps the files of a mail until somebody has decided about it."""
    rows = [
        {"mail_id": mail_id, "place": place, "name": each.name, "media_type": each.media_type, "content": each.content}
        for place, each in enumerate(files)
    ]
    if rows:
        await uow.session.execute(insert(HeldFileRow).values([row | owner for row in rows]))


async def release(uow: UnitOfWork, mail_id: UUID) -> Sequence[File]:
    """The files that were kept for a mail, which are not kept for it any more."""
    columns = (HeldFileRow.name, HeldFileRow.media_type, HeldFileRow.content)
    statement = select(*columns).where(HeldFileRow.mail_id == mail_id).order_by(HeldFileRow.place)
    found = [File(*row) for row in await uow.session.execute(statement)]
    await uow.session.execute(delete(HeldFileRow).where(HeldFileRow.mail_id == mail_id))
    return found
