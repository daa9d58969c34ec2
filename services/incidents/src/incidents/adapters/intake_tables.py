"""The tables of what comes in: sources, receipts, matters and the items they opened, mails, calls, tickets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.tables import Base, WorkItemRow


class IntakeSourceRow(Base):
    """Somebody who tells us things under one contract. Of its address only a hash is stored; secrets are sealed.

    `mailbox` is where a mail source looks by IMAP, `next_poll_at` when; `uid_validity` and `last_uid` are how far it
    has read. `callback_url` is where an external tool hears of changes. `hands_over`: items that are opened here become
    tickets there; `internal_notes`: what is for the agency only is told there too.
    """

    __tablename__ = "intake_source"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_intake_source_tenant_id", "tenant_id", "created_at", "id"),
        Index("ix_intake_source_next_poll_at", "next_poll_at", postgresql_where=text("next_poll_at IS NOT NULL")),
        CheckConstraint("kind in ('alertmanager','issue_alert','generic','mail','external_tool')", name="kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    site_id: Mapped[UUID | None]
    environment_id: Mapped[UUID | None]
    kind: Mapped[str]
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    enabled: Mapped[bool]
    default_severity: Mapped[str]
    severities: Mapped[dict[str, Any]]
    mapping: Mapped[dict[str, Any]]
    settle_seconds: Mapped[int] = mapped_column(Integer)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[str]
    signature_header: Mapped[str]
    replay_window_seconds: Mapped[int] = mapped_column(Integer)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_secret_until: Mapped[datetime | None]
    earlier_secrets: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    mailbox: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    mailbox_password: Mapped[bytes | None] = mapped_column(LargeBinary)
    next_poll_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    poll_error: Mapped[str | None]
    uid_validity: Mapped[int | None] = mapped_column(BigInteger)
    last_uid: Mapped[int | None] = mapped_column(BigInteger)
    callback_url: Mapped[str | None]
    callback_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    hands_over: Mapped[bool] = mapped_column(server_default=text("false"))
    internal_notes: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_received_at: Mapped[datetime | None]


class IntakeReceiptRow(Base):
    """One delivery and what came of it. `delivery` is the sender's own id of it; `answer` is repeated for that id."""

    __tablename__ = "intake_receipt"
    __table_args__ = (
        Index("ix_intake_receipt_source_id", "source_id", "received_at", "id"),
        Index("ix_intake_receipt_received_at", "received_at"),
        Index(
            "uq_intake_receipt_delivery",
            "source_id",
            "delivery",
            unique=True,
            postgresql_where=text("delivery IS NOT NULL"),
        ),
        CheckConstraint("outcome in ('accepted','unchanged','held','automatic','refused')", name="outcome"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"))
    received_at: Mapped[datetime]
    delivery: Mapped[str | None]
    outcome: Mapped[str]
    status: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(Integer)
    excerpt: Mapped[str]
    results: Mapped[list[dict[str, Any]]]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class IntakePointRow(Base):
    """At this instant a matter was wrong or right again, as its sender says. The same point is kept once."""

    __tablename__ = "intake_point"

    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]


class IntakeLinkRow(Base):
    """The item of one spell of a matter. `told` counts the episodes that the item knows of."""

    __tablename__ = "intake_link"
    __table_args__ = (Index("ix_intake_link_source_id", "source_id", "key", "begins_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"))
    key: Mapped[str]
    begins_at: Mapped[datetime]
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    told: Mapped[int] = mapped_column(Integer)


class IntakeMailRow(Base):
    """A mail that came in, once per Message-ID of a source. It belongs to an item, is held, or came to nothing.

    `state`: item (opened or commented), held, discarded, automatic. What is held keeps its text for whoever decides.
    """

    __tablename__ = "intake_mail"
    __table_args__ = (
        UniqueConstraint("source_id", "message_id"),
        Index("ix_intake_mail_message_id", "tenant_id", "message_id"),
        Index("ix_intake_mail_held", "tenant_id", "received_at", "id", postgresql_where=text("state = 'held'")),
        CheckConstraint("state in ('item','held','discarded','automatic')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"))
    message_id: Mapped[str]
    state: Mapped[str]
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkItemRow.id))
    received_at: Mapped[datetime]
    sender: Mapped[str]
    sender_name: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    attachments: Mapped[list[dict[str, Any]]]
    reason: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger)


class CallRow(Base):
    """A telephone call as somebody wrote it down. `within_hours`: inside of the hotline's hours; null: none agreed."""

    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_tenant_id", "tenant_id", "called_at", "id"),
        Index("ix_call_contract_id", "contract_id", "called_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey(WorkItemRow.id))
    opened_item: Mapped[bool]
    caller: Mapped[str]
    number: Mapped[str | None]
    called_at: Mapped[datetime]
    taken_by: Mapped[str]
    notes: Mapped[str]
    calendar: Mapped[str | None]
    within_hours: Mapped[bool | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class ExternalTicketRow(Base):
    """Which ticket of another tool is which item of ours. `told_version` is the item's newest that the tool knows.

    `external_id` is null while an item that was opened here waits for the id of its ticket; nothing else is told then.
    """

    __tablename__ = "external_ticket"
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        Index("ix_external_ticket_item_id", "item_id"),
    )

    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id), primary_key=True)
    external_id: Mapped[str | None]
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    told_version: Mapped[int] = mapped_column(BigInteger)
    comments: Mapped[list[Any]] = mapped_column(JSONB)
    mapped_at: Mapped[datetime]


class ExternalDeliveryRow(Base):
    """Something about an item on its way to another tool. `due_at` is set while a try is to come.

    `kind` opened asks the tool for a ticket; commented is a line of the timeline, `entry_id`.
    """

    __tablename__ = "external_delivery"
    __table_args__ = (
        Index(
            "uq_external_delivery_version",
            "source_id",
            "item_id",
            "item_version",
            unique=True,
            postgresql_where=text("entry_id IS NULL"),
        ),
        Index(
            "uq_external_delivery_entry",
            "source_id",
            "entry_id",
            unique=True,
            postgresql_where=text("entry_id IS NOT NULL"),
        ),
        Index("ix_external_delivery_due_at", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_external_delivery_source_id", "source_id", "created_at", "id"),
        CheckConstraint("state in ('pending','delivered','failed')", name="state"),
        CheckConstraint("kind in ('opened','changed','commented')", name="kind"),
        CheckConstraint("(kind = 'commented') = (entry_id is not null)", name="entry"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    source_id: Mapped[UUID] = mapped_column(ForeignKey(IntakeSourceRow.id, ondelete="CASCADE"))
    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id))
    item_version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(server_default="changed")
    entry_id: Mapped[UUID | None]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None]
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
