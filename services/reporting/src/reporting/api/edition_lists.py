"""What was told, in lists: what was issued of a contract, its editions, and to whom each was sent."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Literal, Self, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from reporting.adapters.report_deliveries import NOBODY, Ended
from reporting.adapters.report_tables import ReportDelivery, ReportEdition, ReportMonth
from reporting.application.editions import (
    Reason,
    ReportChange,
    changes_without_money,
    content_without_money,
    hash_of,
    report_id,
)
from reporting.domain.review_periods import ReportKind
from shared.pagination import Page, PageParams, paginate
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, Month

Kind = TypeVar("Kind", bound=ReportKind)
Line = TypeVar("Line", bound=BaseModel)


class IssuedLine(BaseModel, Generic[Kind]):
    """Something that was issued, and its newest edition."""

    report_id: UUID
    kind: Kind
    month: Month
    edition: int = Field(ge=1, description="the newest")

    @classmethod
    def of(cls, row: ReportMonth) -> Self:
        """From a row."""
        kind = cast(Kind, row.kind)
        return cls(
            report_id=report_id(row.contract_id, row.month, kind), kind=kind, month=row.month, edition=row.edition
        )


class EditionLine(BaseModel):
    """An edition in a list: when and why it was issued, and what it changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "report_id": "5f0c8b1e-6a34-5a6b-8a6e-3f1f7c8f4b22",
                    "edition": 1,
                    "issued_at": "2026-07-01T00:00:05Z",
                    "reason": "scheduled",
                    "changes": [],
                    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                }
            ]
        }
    )

    report_id: UUID
    edition: int = Field(ge=1)
    issued_at: Instant
    reason: Reason
    changes: list[ReportChange] = Field(json_schema_extra={"maxItems": 10_000})
    content_hash: str = Field(json_schema_extra={"maxLength": 64})

    @classmethod
    def of(cls, row: ReportEdition, *, money: bool) -> "EditionLine":
        """From a row. `money`: whether the reader may read what the contract costs."""
        changes = [ReportChange.model_validate(change) for change in row.changes]
        return cls(
            report_id=report_id(row.contract_id, row.month, cast(ReportKind, row.kind)),
            edition=row.edition,
            issued_at=row.issued_at,
            reason=cast(Reason, row.reason),
            changes=changes if money else changes_without_money(changes),
            content_hash=row.content_hash if money else hash_of(content_without_money(row.content)),
        )


class ReportDeliveryLine(BaseModel):
    """An edition for one person by mail. Of its opening only the first instant is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "delivery_id": "0198f000-0000-7000-8000-000000000d01",
                    "edition": 1,
                    "contact_id": "0198f000-0000-7000-8000-000000000102",
                    "name": "Léa Martin",
                    "language": "fr",
                    "state": "seen",
                    "planned_at": "2026-07-01T00:00:05Z",
                    "sent_at": "2026-07-01T00:10:07Z",
                    "seen_at": "2026-07-01T07:12:00Z",
                    "ended_because": None,
                }
            ]
        }
    )

    delivery_id: UUID
    edition: int = Field(ge=1)
    contact_id: UUID | None = Field(description="null: nobody at the client decides, and it was sent to nobody")
    name: str = Field(description="empty where it was sent to nobody")
    language: str
    state: Literal["planned", "sent", "seen", "not_sent"]
    planned_at: Instant
    sent_at: Instant | None = Field(description="when the mail server took it")
    seen_at: Instant | None = Field(description="when its link was opened first, by somebody who may be watched")
    ended_because: Ended | None = Field(
        description="`superseded`: by the next edition before it left; `refused`: by the mail server for good; "
        "`template`: the agency's text asks for what is not known; `too_late`: it could not be sent for three days; "
        "`no_longer_decides`: the person was removed, or decides no more; `nobody_decides`: nobody at the client has "
        "the role `decider`: give it to a contact, and the next edition is sent to him; "
        "`no_longer_wanted`: the agency switched the document off before it left"
    )

    @classmethod
    def of(cls, row: ReportDelivery) -> "ReportDeliveryLine":
        """From a row."""
        state = "seen" if row.seen_at else "sent" if row.sent_at else "not_sent" if row.ended_at else "planned"
        told = {name: getattr(row, name) for name in cls.model_fields if name != "state"} | {"state": state}
        return cls.model_validate(told | {"contact_id": None if row.contact_id == NOBODY else row.contact_id})


async def page_of_issued(
    unit: UnitOfWork,
    contract_id: UUID,
    kinds: Sequence[ReportKind],
    params: PageParams,
    to_item: Callable[[ReportMonth], Line],
) -> Page[Line]:
    """What of these kinds was issued of a contract, by month."""
    row = ReportMonth
    return await paginate(
        unit.session,
        select(row).where(row.contract_id == contract_id, row.kind.in_(kinds), row.edition > 0),
        columns=(row.month, row.kind),
        params=params,
        to_item=to_item,
    )


async def page_of_editions(
    unit: UnitOfWork, contract_id: UUID, kind: ReportKind, month: Month, params: PageParams, *, money: bool = True
) -> Page[EditionLine]:
    """The editions, oldest first. `money`: whether the reader may read what the contract costs; only the report of a
    month tells of that.
    """
    row = ReportEdition
    return await paginate(
        unit.session,
        select(row).where(row.contract_id == contract_id, row.kind == kind, row.month == month),
        columns=(row.edition,),
        params=params,
        to_item=partial(EditionLine.of, money=money),
    )


async def page_of_deliveries(
    unit: UnitOfWork, contract_id: UUID, kind: ReportKind, month: Month, params: PageParams
) -> Page[ReportDeliveryLine]:
    """Every edition for every person to whom it was to be sent, those that were planned first in front."""
    row = ReportDelivery
    return await paginate(
        unit.session,
        select(row).where(row.contract_id == contract_id, row.kind == kind, row.month == month),
        columns=(row.planned_at, row.delivery_id),
        params=params,
        to_item=ReportDeliveryLine.of,
    )
