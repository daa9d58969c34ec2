"""How fast the desk answers under a contract, month by month."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from incidents.adapters.response_clocks import response_readings
from incidents.adapters.tables import WorkItemRow
from incidents.api.dependencies import Reader
from incidents.api.months import contract_of, span_of
from incidents.domain.months import month_span, months_later
from incidents.domain.reactivity import Reaction, Reactivity, reaction, reactivity
from incidents.domain.sla_clock import Verdict
from shared.kernel.intervals import Interval
from shared.service import Unit
from shared.values import Instant, Month, Seconds, seconds

router = APIRouter(prefix="/v1/reactivity", tags=["queue"])

_ITEM = "0197a1c2-0000-7000-8000-000000000501"
_CONTRACT = "0197a1c2-0000-7000-8000-000000000201"


class ReactionAnswer(BaseModel):
    """A response clock that a month's figures count."""

    item_id: UUID
    number: str = Field(max_length=30)
    verdict: Verdict | None
    decided_at: Instant | None = Field(description="when it was met, or when its time was over")
    answered_at: Instant | None
    elapsed_seconds: Seconds | None = Field(description="open hours without pauses until the answer")


class ReactivityOfMonth(BaseModel):
    """How fast the desk answered in one month. Null: nothing to tell of."""

    month: Month
    from_: Instant = Field(alias="from")
    to: Instant
    complete: bool = Field(description="false: the month is not over")
    met: int = Field(json_schema_extra={"format": "int32"}, description="answers within the promised time")
    breached: int = Field(json_schema_extra={"format": "int32"}, description="promised times that were over")
    met_percent: str | None = Field(
        max_length=32, description="of what was decided in the month; two decimals, truncated", examples=["95.23"]
    )
    answered: int = Field(json_schema_extra={"format": "int32"}, description="answers that were given in the month")
    median_seconds: Seconds | None = Field(description="half of the answers took no longer")
    p90_seconds: Seconds | None = Field(description="nine in ten answers took no longer")
    median_change_seconds: Seconds | None = Field(
        description="against the newest earlier month of this answer that has one; negative is faster"
    )
    reactions: list[ReactionAnswer] = Field(max_length=50_000, description="what the figures are made from")


class ReactivityTrend(BaseModel):
    """How fast the desk answered under a contract, month by month, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contract_id": _CONTRACT,
                    "time_zone": "Europe/Paris",
                    "as_of": "2026-07-01T06:00:00Z",
                    "months": [
                        {
                            "month": "2026-06",
                            "from": "2026-05-31T22:00:00Z",
                            "to": "2026-06-30T22:00:00Z",
                            "complete": True,
                            "met": 1,
                            "breached": 0,
                            "met_percent": "100.00",
                            "answered": 1,
                            "median_seconds": 480,
                            "p90_seconds": 480,
                            "median_change_seconds": -120,
                            "reactions": [
                                {
                                    "item_id": _ITEM,
                                    "number": "INC-2026-0001",
                                    "verdict": "met",
                                    "decided_at": "2026-06-08T09:08:00Z",
                                    "answered_at": "2026-06-08T09:08:00Z",
                                    "elapsed_seconds": 480,
                                }
                            ],
                        }
                    ],
                }
            ]
        }
    )

    contract_id: UUID
    time_zone: str = Field(max_length=60)
    as_of: Instant
    months: list[ReactivityOfMonth] = Field(max_length=36)


@router.get("/{contract_id}", summary="Read how fast the desk answers")
async def get_reactivity(
    contract_id: UUID,
    unit: Unit,
    principal: Reader,
    month: Annotated[Month | None, Query(description="the last one, in the contract's zone; null is this one")] = None,
    months: Annotated[int, Query(ge=1, le=36, json_schema_extra={"format": "int32"}, description="how many")] = 12,
) -> ReactivityTrend:
    """How long first answers to incidents and requests took, as their clocks counted, and the share of promises kept.

    A verdict counts in the month in which it fell, a time in the month of the answer. Percentiles are nearest ranks:
    always a time that was measured.
    """
    contract = await contract_of(unit, contract_id)
    zone = ZoneInfo(contract.time_zone)
    last = month if month is not None else unit.now.astimezone(zone).date()
    span_of(last, contract, unit)
    wanted = [months_later(last, back) for back in range(1 - months, 1)]
    spans = [month_span(each, zone) for each in wanted]
    readings = await response_readings(unit, contract_id, spans[0].start)
    known = [(item, reaction(reading)) for item, reading in readings]
    told: list[ReactivityOfMonth] = []
    before: timedelta | None = None
    for span in spans:
        figures = reactivity((each for _, each in known), span)
        told.append(_told(span, zone, figures, before, known, unit.now))
        before = before if figures.median is None else figures.median
    return ReactivityTrend(contract_id=contract.contract_id, time_zone=zone.key, as_of=unit.now, months=told)


def _told(
    span: Interval,
    zone: ZoneInfo,
    figures: Reactivity,
    before: timedelta | None,
    known: Sequence[tuple[WorkItemRow, Reaction]],
    now: datetime,
) -> ReactivityOfMonth:
    decided = figures.met + figures.breached
    hundredths = figures.met * 10_000 // decided if decided else None
    change = figures.median - before if figures.median is not None and before is not None else None
    return ReactivityOfMonth.model_validate(
        {
            "month": span.start.astimezone(zone).date(),
            "from": span.start,
            "to": span.end,
            "complete": span.end <= now,
            "met": figures.met,
            "breached": figures.breached,
            "met_percent": f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths is not None else None,
            "answered": figures.answered,
            "median_seconds": seconds(figures.median) if figures.median is not None else None,
            "p90_seconds": seconds(figures.ninetieth) if figures.ninetieth is not None else None,
            "median_change_seconds": seconds(change) if change is not None else None,
            "reactions": [
                {
                    "item_id": item.id,
                    "number": item.number,
                    "verdict": each.verdict,
                    "decided_at": each.decided_at,
                    "answered_at": each.answered_at,
                    "elapsed_seconds": seconds(each.took) if each.took is not None else None,
                }
                for item, each in known
                if each.touches(span)
            ],
        }
    )
