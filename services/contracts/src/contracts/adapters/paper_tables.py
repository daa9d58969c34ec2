"""The tables of templates and senders."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class TemplateVersionRow(Base):
    """One version of a template; inserted, never changed."""

    __tablename__ = "template_version"
    __table_args__ = (CheckConstraint("kind in ('message', 'paper')", name="kind"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class SenderRow(Base):
    """Who an agency's messages and papers come from."""

    __tablename__ = "sender"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"), primary_key=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
