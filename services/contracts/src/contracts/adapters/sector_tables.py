"""The tables of sector presets and promotions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class SectorPresetRow(Base):
    """What the contracts of a kind of client usually ask for; `content` is all of it."""

    __tablename__ = "sector_preset"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        Index("ix_sector_preset_page", "tenant_id", "created_at", "sector_preset_id"),
    )

    sector_preset_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    name: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PromotionRow(Base):
    """What is taken off the fee of plans between two days."""

    __tablename__ = "promotion"
    __table_args__ = (
        UniqueConstraint("tenant_id", "promotion_code"),
        Index("ix_promotion_page", "tenant_id", "created_at", "promotion_id"),
    )

    promotion_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    promotion_code: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
