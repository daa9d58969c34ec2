"""The tables of files: attachments of items, and what came with mails that somebody must sort first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.intake_tables import IntakeMailRow
from incidents.adapters.tables import Base, WorkItemRow


class AttachmentRow(Base):
    """A file on an item. `audience` agency hides it from the client's people. `content` is only read to be sent."""

    __tablename__ = "attachment"
    __table_args__ = (
        UniqueConstraint("item_id", "audience", "name", "sha256"),
        Index("ix_attachment_item_id_added_at_id", "item_id", "added_at", "id"),
        CheckConstraint("audience in ('client','agency')", name="audience"),
        CheckConstraint("source in ('api','mail')", name="source"),
        CheckConstraint("size = length(content)", name="size"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    audience: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    source: Mapped[str]
    added_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]


class HeldFileRow(Base):
    """A file of a mail that is held, until somebody accepts the mail or discards it."""

    __tablename__ = "held_file"

    mail_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeMailRow.id, ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
