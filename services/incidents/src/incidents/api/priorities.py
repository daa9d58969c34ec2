"""How urgent the work was called: per agency, client and contract, month by month, with what makes up each figure."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import literal, select

from incidents.adapters.priority_counts import (
    Wanted,
    arbitrated,
    came_in,
    clients_of_contracts,
    quota_of,
    severity_at,
    whole_at,
)
from incidents.adapters.repository import SqlContracts
from incidents.adapters.tables import ContractTermsRow, TimelineRow, WorkItemRow
from incidents.api.dependencies import Reader, agency_only
from incidents.api.periods import REACH
from incidents.domain.months import month_span, months_later
from incidents.domain.priorities import CameIn, Priorities, percent_text, points_text, together
from shared.auth import Principal
from shared.kernel.intervals import Interval
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, ValidationFailed
from shared.service import Unit
from shared.values import Instant, Month, TimeZone


def _of_the_agency(principal: Reader) -> Principal:
    return agency_only(principal)


router = APIRouter(prefix="/v1/priorities", tags=["queue"], dependencies=[Depends(_of_the_agency)])

_ITEM = "0197a1c2-0000-7000-8000-000000000501"
_CONTRACT = "0197a1c2-0000-7000-8000-000000000201"
_CLIENT = "0197a1c2-0000-7000-8000-000000000101"
_INT: Any = {"format": "int32"}
_RULE: dict[str, Any] = {
    "contract_id": _CONTRACT,
    "number": "C-2026-0001",
    "urgent_severities": ["critical"],
    "quota_percent": 25,
    "came_in": 5,
    "urgent": 2,
    "urgent_percent": "40.00",
    "quota_exceeded": True,
}
_FIGURES: dict[str, Any] = {
    "came_in": 5,
    "by_severity": {"critical": 2, "minor": 3},
    "urgent": 2,
    "urgent_percent": "40.00",
    "over_quota": 1,
}


def _zone(
    time_zone: Annotated[
        TimeZone | None,
        Query(description="whose months: all clients are counted in the same ones; left out: Europe/Paris"),
    ] = None,
) -> ZoneInfo:
    return time_zone or ZoneInfo("Europe/Paris")


InZone = Annotated[ZoneInfo, Depends(_zone)]
OfClient = Annotated[UUID | None, Query(description="only this client's; left out: all of the agency's")]
OfContract = Annotated[UUID | None, Query(description="only this contract's")]


class PriorityFigures(BaseModel):
    """Incidents and requests that came in, and how many were urgent by the contract that they came under."""

    came_in: int = Field(json_schema_extra=_INT)
    by_severity: dict[str, int] = Field(description="by the severity that each had when the month ended")
    urgent: int = Field(json_schema_extra=_INT)
    urgent_percent: str | None = Field(max_length=20, description="two decimals, truncated; null when nothing came in")
    over_quota: int = Field(json_schema_extra=_INT, description="contracts with more urgent ones than their quota")


class PriorityMonth(PriorityFigures):
    """The figures of one month."""

    month: Month
    from_: Instant = Field(alias="from")
    to: Instant
    complete: bool = Field(description="false: the month is not over")
    change_points: str | None = Field(
        max_length=20,
        description="percentage points against the newest earlier month of this answer in which something came in",
    )
    arbitrations: int = Field(json_schema_extra=_INT, description="how often the client's decider was asked to decide")
    ranked: int = Field(json_schema_extra=_INT, description="how often somebody gave an item its place")


class PriorityTrend(BaseModel):
    """How much was urgent, month by month, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "client_id": _CLIENT,
                    "contract_id": None,
                    "time_zone": "Europe/Paris",
                    "as_of": "2026-07-01T06:00:00Z",
                    "months": [
                        _FIGURES
                        | {
                            "month": "2026-06",
                            "from": "2026-05-31T22:00:00Z",
                            "to": "2026-06-30T22:00:00Z",
                            "complete": True,
                            "change_points": "6.67",
                            "arbitrations": 1,
                            "ranked": 1,
                        }
                    ],
                }
            ]
        }
    )

    client_id: UUID | None
    contract_id: UUID | None
    time_zone: str = Field(max_length=60)
    as_of: Instant
    months: list[PriorityMonth] = Field(max_length=36)


class ContractPriorities(BaseModel):
    """One contract in a month: what it called urgent, and what came of that."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE]})

    contract_id: UUID
    number: str = Field(max_length=100)
    urgent_severities: list[str] = Field(max_length=20, description="by its version in force when the month ended")
    quota_percent: int = Field(json_schema_extra=_INT, description="more than this is too much")
    came_in: int = Field(json_schema_extra=_INT)
    urgent: int = Field(json_schema_extra=_INT)
    urgent_percent: str | None = Field(max_length=20, description="two decimals, truncated; null when nothing came in")
    quota_exceeded: bool = Field(description="by the exact share")


class ClientPriorities(PriorityFigures):
    """One client in a month, beside the month before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _FIGURES
                | {
                    "client_id": _CLIENT,
                    "client_name": "Boulangerie Martin",
                    "month": "2026-06",
                    "urgent_percent_before": "33.33",
                    "change_points": "6.67",
                    "contracts": [_RULE],
                }
            ]
        }
    )

    client_id: UUID
    client_name: str = Field(max_length=300)
    month: Month
    urgent_percent_before: str | None = Field(max_length=20, description="of the month before")
    change_points: str | None = Field(max_length=20, description="percentage points against the month before")
    contracts: list[ContractPriorities] = Field(max_length=1_000, description="what the client's figures are made of")


class Judgement(BaseModel):
    """Somebody judged an item anew."""

    at: Instant
    by: str = Field(max_length=300)
    before: str = Field(max_length=100)
    after: str = Field(max_length=100)
    reason: str | None = Field(max_length=10_000)


class PriorityItem(BaseModel):
    """An incident or a request that a month counts, and how its severity came about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item_id": _ITEM,
                    "number": "INC-2026-0005",
                    "title": "Orders fail",
                    "client_id": _CLIENT,
                    "contract_id": _CONTRACT,
                    "opened_at": "2026-06-08T09:00:00Z",
                    "severity": "critical",
                    "urgent": True,
                    "judgements": [
                        {
                            "at": "2026-06-08T09:20:00Z",
                            "by": "Léa Martin",
                            "before": "minor",
                            "after": "critical",
                            "reason": "Nobody can order.",
                        }
                    ],
                }
            ]
        }
    )

    item_id: UUID
    number: str = Field(max_length=30)
    title: str = Field(max_length=300)
    client_id: UUID
    contract_id: UUID
    opened_at: Instant
    severity: str = Field(max_length=100, description="when the month ended")
    urgent: bool = Field(description="the contract called this severity urgent then")
    judgements: list[Judgement] = Field(max_length=1_000, description="until the month ended, oldest first")


@router.get("", summary="Read how much is called urgent")
async def get_priorities(
    unit: Unit,
    time_zone: InZone,
    client_id: OfClient = None,
    contract_id: OfContract = None,
    month: Annotated[Month | None, Query(description="the last one; null is this one")] = None,
    months: Annotated[int, Query(ge=1, le=36, json_schema_extra=_INT, description="how many")] = 12,
) -> PriorityTrend:
    """Per month: what came in by severity, the share that was urgent, and how often a decider was asked to arbitrate.

    An item counts in the month in which it came in, with the severity that it had when the month ended.
    """
    last = _in_reach(month, unit, time_zone)
    spans = [month_span(months_later(last, back), time_zone) for back in range(1 - months, 1)]
    wanted = Wanted(client_id, contract_id)
    found = [together(each.values()) for each in await came_in(unit, spans, wanted)]
    asked = await arbitrated(unit, spans, wanted)
    told: list[PriorityMonth] = []
    before: Priorities | None = None
    for span, figures, (arbitrations, ranked) in zip(spans, found, asked, strict=True):
        told.append(
            PriorityMonth.model_validate(
                {
                    **_shown(figures),
                    "month": span.start.astimezone(time_zone).date(),
                    "from": span.start,
                    "to": span.end,
                    "complete": span.end <= unit.now,
                    "change_points": _change(figures, before),
                    "arbitrations": arbitrations,
                    "ranked": ranked,
                }
            )
        )
        before = before if figures.share is None else figures
    return PriorityTrend(
        client_id=client_id, contract_id=contract_id, time_zone=time_zone.key, as_of=unit.now, months=told
    )


@router.get("/clients", summary="Compare clients by how much is called urgent")
async def list_priorities_of_clients(
    unit: Unit,
    params: PageParams,
    time_zone: InZone,
    month: Annotated[Month | None, Query(description="null is this one")] = None,
) -> Page[ClientPriorities]:
    """Every client that has or had a contract, with what each of his contracts calls urgent and what came of it."""
    wanted = _in_reach(month, unit, time_zone)
    spans = [month_span(months_later(wanted, back), time_zone) for back in (-1, 0)]
    page: Page[UUID] = await paginate(
        unit.session,
        clients_of_contracts(),
        columns=(ContractTermsRow.client_id,),
        params=params,
        to_item=lambda row: row,
    )
    names = await _names(unit, page.data)
    earlier, present = await came_in(unit, spans, Wanted(client_ids=tuple(page.data)))
    contracts = SqlContracts(unit)
    return Page[ClientPriorities](
        data=[
            await _client(contracts, client_id, names.get(client_id, ""), wanted, earlier, present)
            for client_id in page.data
        ],
        next_cursor=page.next_cursor,
    )


@router.get("/items", summary="List what came in, with how its urgency came about")
async def list_priority_items(
    unit: Unit,
    params: PageParams,
    time_zone: InZone,
    month: Annotated[Month | None, Query(description="null is this one")] = None,
    client_id: OfClient = None,
    contract_id: OfContract = None,
    severity: Annotated[
        str | None, Query(max_length=100, description="only of this one, as it was when the month ended")
    ] = None,
) -> Page[PriorityItem]:
    """The incidents and requests that a month's figures count, newest first: as many as the figure says."""
    span = month_span(_in_reach(month, unit, time_zone), time_zone)
    end = literal(span.end)
    then = severity_at(end)
    query: Any = select(WorkItemRow, then.label("then")).where(
        *Wanted(client_id, contract_id).conditions(),
        WorkItemRow.opened_at >= span.start,
        WorkItemRow.opened_at < span.end,
        whole_at(end),
    )
    page: Page[Any] = await paginate(
        unit.session,
        query if severity is None else query.where(then == severity),
        columns=(WorkItemRow.opened_at, WorkItemRow.id),
        params=params,
        to_item=lambda row: row,
        descending=True,
    )
    judged = await _judgements(unit, [row[0].id for row in page.data], span)
    contracts = SqlContracts(unit)
    await contracts.read_ahead({row[0].contract_id for row in page.data})
    return Page[PriorityItem](
        data=[
            PriorityItem(
                item_id=row[0].id,
                number=row[0].number,
                title=row[0].title,
                client_id=row[0].client_id,
                contract_id=row[0].contract_id,
                opened_at=row[0].opened_at,
                severity=row[1],
                urgent=row[1] in (await quota_of(contracts, row[0].contract_id, span, unit.now)).severities,
                judgements=judged.get(row[0].id, []),
            )
            for row in page.data
        ],
        next_cursor=page.next_cursor,
    )


def _in_reach(month: date | None, unit: Unit, zone: ZoneInfo) -> date:
    if month is None:
        return unit.now.astimezone(zone).date()
    if abs(month - unit.now.date()) > REACH:
        detail = "State a month within ten years of now."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="month")])
    return month


def _shown(figures: Priorities) -> dict[str, Any]:
    return {
        "came_in": figures.came_in,
        "by_severity": figures.by_severity,
        "urgent": figures.urgent,
        "urgent_percent": None if figures.share is None else percent_text(figures.share),
        "over_quota": figures.over,
    }


def _change(figures: Priorities, before: Priorities | None) -> str | None:
    if figures.share is None or before is None or before.share is None:
        return None
    return points_text(figures.share, before.share)


async def _client(
    contracts: SqlContracts,
    client_id: UUID,
    name: str,
    month: date,
    earlier: Mapping[tuple[UUID, UUID], CameIn],
    present: Mapping[tuple[UUID, UUID], CameIn],
) -> ClientPriorities:
    mine = {contract_id: part for (whose, contract_id), part in present.items() if whose == client_id}
    before = together(part for (whose, _), part in earlier.items() if whose == client_id)
    figures = together(mine.values())
    rules = []
    for contract_id, part in sorted(mine.items()):
        known = await contracts.newest(contract_id)
        alone = together([part])
        rules.append(
            {
                "contract_id": contract_id,
                "number": "" if known is None else known.number,
                "urgent_severities": sorted(part.quota.severities),
                "quota_percent": part.quota.percent,
                "came_in": part.total,
                "urgent": part.urgent,
                "urgent_percent": None if alone.share is None else percent_text(alone.share),
                "quota_exceeded": part.over,
            }
        )
    return ClientPriorities.model_validate(
        {
            **_shown(figures),
            "client_id": client_id,
            "client_name": name,
            "month": month,
            "urgent_percent_before": None if before.share is None else percent_text(before.share),
            "change_points": _change(figures, before),
            "contracts": rules,
        }
    )


async def _names(unit: Unit, client_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What each client is called in the newest version of any of his contracts."""
    row = ContractTermsRow
    found = await unit.session.execute(
        select(row.client_id, row.state["client"]["name"].astext)
        .where(row.client_id.in_(client_ids))
        .order_by(row.effective_from, row.version)
    )
    return {each[0]: each[1] or "" for each in found}


async def _judgements(unit: Unit, item_ids: Sequence[UUID], span: Interval) -> dict[UUID, list[Judgement]]:
    found: dict[UUID, list[Judgement]] = {}
    rows = await unit.session.scalars(
        select(TimelineRow)
        .where(TimelineRow.item_id.in_(item_ids), TimelineRow.kind == "classified", TimelineRow.at < span.end)
        .order_by(TimelineRow.at, TimelineRow.id)
    )
    for row in rows:
        found.setdefault(row.item_id, []).append(
            Judgement(
                at=row.at,
                by=row.actor_name,
                before=row.data["before"],
                after=row.data["after"],
                reason=row.note,
            )
        )
    return found
