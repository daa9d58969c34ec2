"""The tables that lists of items are found and followed by: words, kept filters, facts in their order."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.tables import Base, TimelineRow, WorkItemRow, metadata


class ItemWordsRow(Base):
    """The words of an item, once as the client's people may read them and once with all that the agency wrote.

    Triggers on items and timelines write these rows; nothing else does.
    """

    __tablename__ = "item_words"
    __table_args__ = (
        Index("ix_item_words_words", "words", postgresql_using="gin"),
        CheckConstraint("audience in ('client','agency')", name="audience"),
    )

    item_id: Mapped[UUID] = mapped_column(ForeignKey(WorkItemRow.id), primary_key=True)
    audience: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    words: Mapped[str] = mapped_column(TSVECTOR)


class SavedFilterRow(Base):
    """A filter of the list of items that somebody keeps under a name. `client_id` null: he is of the agency."""

    __tablename__ = "saved_filter"
    __table_args__ = (
        UniqueConstraint("tenant_id", "owner_id", "name"),
        Index("ix_saved_filter_tenant_id_created_at_id", "tenant_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    owner_id: Mapped[str]
    owner_name: Mapped[str]
    name: Mapped[str]
    shared: Mapped[bool] = mapped_column(Boolean)
    filters: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ItemFactRow(Base):
    """A line of a timeline that streams tell. `position` is its place among the tenant's facts, null until it has one.

    Places are given after the commit, one look at a time: what commits late comes later, and none is passed over.
    """

    __tablename__ = "item_fact"
    __table_args__ = (
        UniqueConstraint("tenant_id", "position"),
        Index("ix_item_fact_unplaced", "entry_id", postgresql_where=text("position IS NULL")),
        Index("ix_item_fact_recorded_at", "recorded_at"),
        CheckConstraint("audience in ('client','agency')", name="audience"),
    )

    entry_id: Mapped[UUID] = mapped_column(ForeignKey(TimelineRow.id), primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    audience: Mapped[str]
    recorded_at: Mapped[datetime]
    position: Mapped[int | None] = mapped_column(BigInteger)


class ItemStreamRow(Base):
    """How far a tenant's facts have their places, and up to which of them they are forgotten."""

    __tablename__ = "item_stream"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
    forgotten: Mapped[int] = mapped_column(BigInteger)


ITEM_FACTS: Table = metadata.tables["incidents.item_fact"]
