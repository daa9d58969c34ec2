"""The tables of notification channels, and of every try to deliver a message on any of them, mail included."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.on_call_tables import PersonRow
from incidents.adapters.tables import Base


class ChannelRow(Base):
    """Another way than mail to reach a person, or the room of a contract. `address` is the sealed Apprise URL.

    `shown` is all that is ever shown of it. One that was removed keeps its name for what has been sent.
    """

    __tablename__ = "notification_channel"
    __table_args__ = (
        Index("ix_notification_channel_tenant_id_id", "tenant_id", "id"),
        Index("ix_notification_channel_person_id", "person_id", postgresql_where=text("removed_at IS NULL")),
        CheckConstraint("(person_id is null) <> (contract_id is null)", name="owner"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey(PersonRow.id))
    contract_id: Mapped[UUID | None]
    name: Mapped[str]
    scheme: Mapped[str]
    shown: Mapped[str]
    address: Mapped[bytes] = mapped_column(LargeBinary)
    language: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    enabled: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class NotificationTryRow(Base):
    """One try to deliver one fact to one recipient, and what came of it. A fact of the log: only ever added.

    Without an item it is about a contract (nobody covers its hours), or advice. Facts that left as one message share
    `bundle_id`. The item and the message are named without a foreign key: checking one would hold the item's row, for
    which whoever holds it and queues the same message would wait.
    """

    __tablename__ = "notification_try"
    __table_args__ = (
        Index("ix_notification_try_tenant_id_at_id", "tenant_id", "at", "id"),
        Index("ix_notification_try_item_id_at_id", "item_id", "at", "id"),
        Index("ix_notification_try_channel_id_at_id", "channel_id", "at", "id"),
        CheckConstraint("result in ('sent','delayed','refused','gave_up')", name="result"),
        CheckConstraint("(result = 'delayed') = (next_try_at is not null)", name="next_of_delayed"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    item_id: Mapped[UUID | None]
    contract_id: Mapped[UUID | None]
    notification_id: Mapped[UUID | None]
    bundle_id: Mapped[UUID | None]
    channel_id: Mapped[UUID | None] = mapped_column(ForeignKey(ChannelRow.id))
    channel: Mapped[str]
    address: Mapped[str]
    kind: Mapped[str]
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    result: Mapped[str]
    error: Mapped[str | None]
    next_try_at: Mapped[datetime | None]
