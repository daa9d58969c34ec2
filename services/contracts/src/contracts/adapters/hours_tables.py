"""The tables of the hours of contracts: what was worked, what was decided about it, what was closed and told.

What was worked, approved, closed and told is inserted and never changed. A review is decided, and what is known of an
item or of a reaction follows the newest version that was heard.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class OfContractRow(Base):
    """Whose a row is."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))


class HoursEntryRow(OfContractRow):
    """Work as it was told. `month` is the calendar month of `worked_on`; negative minutes take work back."""

    __tablename__ = "hours_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "time_entry_id"),
        UniqueConstraint("reverses_id"),
        Index(None, "contract_id", "recorded_at", "hours_entry_id"),
        Index(None, "contract_id", "month"),
        Index(None, "contract_id", "work_item_id"),
    )

    hours_entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    time_entry_id: Mapped[UUID | None]
    line: Mapped[str | None]
    work_class: Mapped[str]
    worked_on: Mapped[date] = mapped_column(Date)
    month: Mapped[date] = mapped_column(Date)
    real_minutes: Mapped[int]
    multipliers: Mapped[list[Any]]
    covered: Mapped[bool]
    work_item_id: Mapped[UUID | None]
    person_name: Mapped[str]
    note: Mapped[str | None]
    audience: Mapped[str]
    reverses_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class HoursItemRow(OfContractRow):
    """What the service desk says of an item that was worked on, by the newest of its versions that was heard."""

    __tablename__ = "hours_item"
    __table_args__ = (Index(None, "contract_id"),)

    work_item_id: Mapped[UUID] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    item_version: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime]


class HoursApprovalRow(OfContractRow):
    """The client approved that an item which is not in scope is done on the included hours."""

    __tablename__ = "hours_approval"
    __table_args__ = (UniqueConstraint("contract_id", "work_item_id"),)

    approval_id: Mapped[UUID] = mapped_column(primary_key=True)
    work_item_id: Mapped[UUID]
    approved_by: Mapped[str]
    evidence: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class HoursAdjustmentRow(OfContractRow):
    """A closed month that something told late touches, and the open month in which the difference is booked."""

    __tablename__ = "hours_adjustment"
    __table_args__ = (Index(None, "contract_id", "in_month"),)

    adjustment_id: Mapped[UUID] = mapped_column(primary_key=True)
    of_month: Mapped[date] = mapped_column(Date)
    in_month: Mapped[date] = mapped_column(Date)
    cause: Mapped[str]
    cause_id: Mapped[UUID]
    recorded_at: Mapped[datetime]


class ClosedHoursRow(OfContractRow):
    """A month that is closed, as it was counted then."""

    __tablename__ = "hours_month"

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    figures: Mapped[dict[str, Any]]
    closed_at: Mapped[datetime]
    closed_by: Mapped[str]


class HoursThresholdRow(OfContractRow):
    """A threshold that was told; `line` is empty for the pool."""

    __tablename__ = "hours_threshold"
    __table_args__ = (UniqueConstraint("contract_id", "month", "line", "percent"),)

    threshold_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(Date)
    line: Mapped[str]
    percent: Mapped[int]
    accounted_minutes: Mapped[int] = mapped_column(BigInteger)
    available_minutes: Mapped[int] = mapped_column(BigInteger)
    reached_at: Mapped[datetime]


class HoursReviewRow(OfContractRow):
    """The review of a contract's year. What it found is in `content`."""

    __tablename__ = "hours_review"
    __table_args__ = (
        UniqueConstraint("contract_id", "year_number"),
        Index(None, "tenant_id", "created_at", "review_id"),
    )

    review_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    year_number: Mapped[int]
    status: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class UsageFigureRow(Base):
    """How much a site was used in a month; the highest number of a month counts."""

    __tablename__ = "usage_figure"

    site_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.site.site_id"), primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    users: Mapped[int] = mapped_column(BigInteger)
    visits: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class ReactionRow(OfContractRow):
    """How long a response took, as its clock told; of several facts about one clock the newest one counts."""

    __tablename__ = "reaction"
    __table_args__ = (Index(None, "contract_id", "month"),)

    clock_id: Mapped[UUID] = mapped_column(primary_key=True)
    clock_version: Mapped[int] = mapped_column(BigInteger)
    month: Mapped[date] = mapped_column(Date)
    at: Mapped[datetime]
    elapsed_seconds: Mapped[int] = mapped_column(BigInteger)


class GrowthAlertRow(OfContractRow):
    """A month in which reactions were found to have become slower while the volume stayed; told once."""

    __tablename__ = "growth_alert"
    __table_args__ = (UniqueConstraint("contract_id", "month"),)

    alert_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(Date)
    content: Mapped[dict[str, Any]]
    raised_at: Mapped[datetime]
