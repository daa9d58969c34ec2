"""How long incidents lasted in a month: each, and all of them together."""

from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select

from incidents.adapters.durations import lasting, spells_of
from incidents.adapters.tables import WorkItemRow
from incidents.api.dependencies import Reader
from incidents.api.models import SeverityCode
from incidents.api.months import contract_of, span_of
from incidents.application.ports import ContractFacts
from incidents.domain.durations import Spell, Stretch, lasted, over_by, together
from incidents.domain.work_item import Status
from shared.kernel.intervals import Interval, total, union
from shared.pagination import Page, PageParams, paginate
from shared.service import Unit
from shared.values import Instant, Month, Seconds, seconds

router = APIRouter(prefix="/v1/incident-durations", tags=["incidents"])

_INCIDENT = "0197a1c2-0000-7000-8000-000000000501"
_CONTRACT = "0197a1c2-0000-7000-8000-000000000201"
_CLIENT = "0197a1c2-0000-7000-8000-000000000101"

Of = Annotated[
    Literal["contract", "client"],
    Query(description="client: of every contract of the contract's client, in the months of this one's zone"),
]
InMonth = Annotated[Month, Query(description="a month in the contract's zone; months add up exactly")]


class SpellAnswer(BaseModel):
    """One time that an incident lasted: a reopened one has several."""

    from_: Instant = Field(alias="from")
    to: Instant | None = Field(description="null: it still lasts")
    ended_by: Literal["recovered", "monitoring_paused", "resolved", "closed"] | None = Field(
        description="what came first; monitoring_paused: nobody observed it any more; closed: merged into another"
    )


class IncidentDuration(BaseModel):
    """How long an incident lasted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "incident_id": _INCIDENT,
                    "number": "INC-2026-0001",
                    "contract_id": _CONTRACT,
                    "title": "Checkout shows an error",
                    "severity": "major",
                    "status": "resolved",
                    "counts_for_sla": True,
                    "merged_into_id": None,
                    "duration_seconds": 540,
                    "in_month_seconds": 540,
                    "spells": [{"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T09:09:00Z", "ended_by": "recovered"}],
                }
            ]
        }
    )

    incident_id: UUID
    number: str = Field(max_length=30)
    contract_id: UUID
    title: str = Field(max_length=200)
    severity: SeverityCode
    status: Status
    counts_for_sla: bool
    merged_into_id: UUID | None = Field(description="the incident that goes on for this one")
    duration_seconds: Seconds = Field(description="of all its spells, up to now")
    in_month_seconds: Seconds = Field(description="what of that lies in the month")
    spells: list[SpellAnswer] = Field(max_length=10_000)

    @classmethod
    def of(cls, row: WorkItemRow, spells: tuple[Spell, ...], period: Interval, now: datetime) -> "IncidentDuration":
        """The answer that tells an incident."""
        return cls.model_validate(
            {
                "incident_id": row.id,
                "number": row.number,
                "contract_id": row.contract_id,
                "title": row.title,
                "severity": row.severity,
                "status": row.status,
                "counts_for_sla": row.counts_for_sla,
                "merged_into_id": row.merged_into_id,
                "duration_seconds": seconds(total(union(spell.until(now) for spell in spells))),
                "in_month_seconds": seconds(total(lasted(spells, period, now))),
                "spells": [{"from": spell.began, "to": spell.ended, "ended_by": spell.ended_by} for spell in spells],
            }
        )


class StretchAnswer(BaseModel):
    """A stretch without a break in which these incidents lasted."""

    from_: Instant = Field(alias="from")
    to: Instant
    duration_seconds: Seconds
    numbers: list[Annotated[str, Field(max_length=30)]] = Field(max_length=10_000)

    @classmethod
    def of(cls, stretch: Stretch) -> "StretchAnswer":
        """The answer that tells a stretch."""
        span, names = stretch.span, list(stretch.names)
        return cls.model_validate(
            {"from": span.start, "to": span.end, "duration_seconds": seconds(span.length), "numbers": names}
        )


class DurationTotal(BaseModel):
    """How long incidents lasted together in a month: each instant counts once, however many there were at it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contract_id": _CONTRACT,
                    "client_id": _CLIENT,
                    "of": "contract",
                    "month": "2026-06",
                    "time_zone": "Europe/Paris",
                    "from": "2026-05-31T22:00:00Z",
                    "to": "2026-06-30T22:00:00Z",
                    "as_of": "2026-07-01T06:00:00Z",
                    "incidents": 2,
                    "ended": 2,
                    "not_counted": 0,
                    "total_seconds": 900,
                    "sum_seconds": 1020,
                    "explanation": [
                        {
                            "from": "2026-06-08T09:00:00Z",
                            "to": "2026-06-08T09:15:00Z",
                            "duration_seconds": 900,
                            "numbers": ["INC-2026-0001", "INC-2026-0002"],
                        }
                    ],
                }
            ]
        }
    )

    contract_id: UUID
    client_id: UUID
    of: Literal["contract", "client"]
    month: Month
    time_zone: str = Field(max_length=60)
    from_: Instant = Field(alias="from")
    to: Instant
    as_of: Instant = Field(description="what still lasts is counted up to here")
    incidents: int = Field(
        json_schema_extra={"format": "int32"},
        description="that lasted in the month and count for the contract; one that was merged is part of the other",
    )
    ended: int = Field(
        json_schema_extra={"format": "int32"}, description="those of them that were over when the month was"
    )
    not_counted: int = Field(
        json_schema_extra={"format": "int32"}, description="incidents of environments that do not count for it"
    )
    total_seconds: Seconds = Field(description="each instant once: the length of the explanation's stretches")
    sum_seconds: Seconds = Field(description="the durations in the month added up: more where incidents overlap")
    explanation: list[StretchAnswer] = Field(max_length=50_000)


@router.get("/{contract_id}", summary="List how long incidents lasted")
async def list_incident_durations(
    contract_id: UUID, month: InMonth, unit: Unit, principal: Reader, params: PageParams, of: Of = "contract"
) -> Page[IncidentDuration]:
    """Every incident that lasted at some instant of the month, newest first, those that do not count for the contract
    too: from its first failure, or else its detection, until service was back or work was declared done.
    """
    contract, period = await _asked(unit, contract_id, month)
    found: Page[Any] = await paginate(
        unit.session,
        _lasting(contract, of, period),
        columns=(WorkItemRow.opened_at, WorkItemRow.id),
        params=params,
        to_item=lambda row: row,
        descending=True,
    )
    spells = await spells_of(unit.session, found.data)
    return Page[IncidentDuration](
        data=[IncidentDuration.of(row, spells[row.id], period, unit.now) for row in found.data],
        next_cursor=found.next_cursor,
    )


@router.get("/{contract_id}/total", summary="Read how long incidents lasted together")
async def get_incident_duration_total(
    contract_id: UUID, month: InMonth, unit: Unit, principal: Reader, of: Of = "contract"
) -> DurationTotal:
    """The time of a month in which something that counts for the contract was wrong, and which incidents make it up."""
    contract, period = await _asked(unit, contract_id, month)
    rows = list((await unit.session.execute(_lasting(contract, of, period))).scalars())
    counted = [row for row in rows if row.counts_for_sla]
    spells = await spells_of(unit.session, counted)
    each = {row.number: lasted(spells[row.id], period, unit.now) for row in counted}
    stretches = together(each)
    whole = [row for row in counted if row.merged_into_id is None]
    return DurationTotal.model_validate(
        {
            "contract_id": contract.contract_id,
            "client_id": contract.client_id,
            "of": of,
            "month": month,
            "time_zone": contract.time_zone,
            "from": period.start,
            "to": period.end,
            "as_of": unit.now,
            "incidents": len(whole),
            "ended": sum(over_by(spells[row.id], period.end) for row in whole),
            "not_counted": len(rows) - len(counted),
            "total_seconds": seconds(total(stretch.span for stretch in stretches)),
            "sum_seconds": sum((seconds(total(spans)) for spans in each.values()), Fraction()),
            "explanation": [StretchAnswer.of(stretch) for stretch in stretches],
        }
    )


async def _asked(unit: Unit, contract_id: UUID, month: date) -> tuple[ContractFacts, Interval]:
    contract = await contract_of(unit, contract_id)
    return contract, span_of(month, contract, unit)


def _lasting(contract: ContractFacts, of: str, period: Interval) -> Select[WorkItemRow]:
    if of == "client":
        return lasting(period, client_id=contract.client_id)
    return lasting(period, contract_id=contract.contract_id)
