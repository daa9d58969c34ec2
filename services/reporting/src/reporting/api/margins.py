"""What contracts cost the agency and bring in, and how long things take. For the agency alone, whatever is asked."""

from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from reporting.adapters.agency_sheets import margin_sheet
from reporting.adapters.facts import StoredFacts
from reporting.adapters.margin_facts import (
    ended_items,
    keep_rates,
    locked_rates,
    rates_of,
    rates_row,
    settled_in,
    worked_in,
)
from reporting.adapters.rendering import translator_for
from reporting.adapters.tables import Contract
from reporting.api.dependencies import Lang
from reporting.api.documents import FILES, Document, Form, answer
from reporting.api.reports import in_reach
from reporting.application.brands import brand_of_papers
from reporting.application.facts import ContractState
from reporting.application.margins import (
    COLUMNS,
    MOST_RATES,
    READINGS_OF_MARGINS,
    ContractMargins,
    MarginLine,
    Rate,
    Rates,
    days_counted,
    lead_times_of_month,
    margin_of_month,
    margin_rows,
    revenues_of,
)
from reporting.application.report import Brand
from reporting.application.reporting import contract_line, known_versions, zones_of
from reporting.domain.period import always, month_bounds, month_of
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, Month

of_contracts = APIRouter(prefix="/v1/contracts/{contract_id}/margins", tags=["margins"])
router = APIRouter(prefix="/v1/margins", tags=["margins"])
rates_router = APIRouter(prefix="/v1/cost-rates", tags=["margins"])

READINGS = READINGS_OF_MARGINS
"""Who reads what the agency earns is written into the audit log."""
Reader = Annotated[Principal, Depends(require("costs:read"))]
"""What an hour of somebody costs is between him and the owner: no client's role has this scope, nor his colleagues'."""
Writer = Annotated[Principal, Depends(require("costs:write"))]
LastMonth = Annotated[Month | None, Query(description="the last one, in the contract's zone; left out: this one")]
Months = Annotated[int, Query(ge=1, le=36, json_schema_extra={"format": "int32"}, description="how many")]


class CostRatesView(BaseModel):
    """What hours cost the agency; version 0 while it has not said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "changed_at": "2026-06-08T09:00:00Z",
                    "rates": [
                        {"person_id": None, "valid_from": "2026-01-01", "hourly": "45.50", "currency": "EUR"},
                    ],
                }
            ]
        }
    )

    version: int = Field(ge=0)
    changed_at: Instant | None
    rates: list[Rate] = Field(max_length=MOST_RATES)


@rates_router.get("", summary="Read what hours cost")
async def get_cost_rates(unit: Unit, _who: Reader, response: Response) -> CostRatesView:
    """The agency's own rates: of single people, and of everybody else."""
    row = await rates_row(unit)
    response.headers["ETag"] = etag(0 if row is None else row.version)
    return CostRatesView(
        version=0 if row is None else row.version,
        changed_at=None if row is None else row.changed_at,
        rates=(await rates_of(unit)).rates,
    )


@rates_router.put(
    "", summary="Write what hours cost", responses=responses_for(PreconditionFailed, PreconditionRequired)
)
async def set_cost_rates(body: Rates, unit: Unit, _who: Writer, if_match: IfMatch, response: Response) -> CostRatesView:
    """The whole list. To change what an hour costs from a day on, add a rate: months before it stay as they are."""
    row = await locked_rates(unit)
    if_match.require(row.version)
    keep_rates(unit, row, body)
    response.headers["ETag"] = etag(row.version)
    return CostRatesView(version=row.version, changed_at=row.changed_at, rates=body.rates)


@router.get("", summary="Compare contracts by their margins")
async def list_margins(
    unit: Unit,
    _who: Reader,
    params: PageParams,
    month: Annotated[Month | None, Query(description="left out: this one, in each contract's zone")] = None,
) -> Page[MarginLine]:
    """What a month brought in, cost and left under each contract of the agency."""
    if month is not None:
        in_reach(month)
    page: Page[Any] = await paginate(
        unit.session, select(Contract), columns=(Contract.contract_id,), params=params, to_item=lambda row: row
    )
    states = [ContractState.model_validate(row.state) for row in page.data]
    rates = [rate.value() for rate in (await rates_of(unit)).rates]
    zones = {state.contract_id: always(ZoneInfo(state.client.time_zone)) for state in states}
    wanted = {state.contract_id: month or month_of(unit.now, zones[state.contract_id]) for state in states}
    if not states:
        return Page[MarginLine](data=[], next_cursor=page.next_cursor)
    ids = list(wanted)
    bounds = {each: month_bounds(wanted[each], zones[each]) for each in ids}
    earliest, latest = min(start for start, _ in bounds.values()), max(end for _, end in bounds.values())
    settled = await settled_in(unit, ids, earliest, latest)
    periods = {
        each: [
            (days_counted(wanted[each], revenue, zones[each]), revenue)
            for revenue in revenues_of(settled.get(each, ()), bounds[each])
        ]
        for each in ids
    }
    days = [counted for each in periods.values() for counted, _ in each]
    worked = await worked_in(unit, ids, min(first for first, _ in days), max(last for _, last in days))
    return Page[MarginLine](
        data=[
            MarginLine(
                contract_id=state.contract_id,
                number=state.number,
                client_name=state.client.name,
                margins=[
                    margin_of_month(
                        wanted[state.contract_id],
                        bounds[state.contract_id],
                        counted,
                        worked.get(state.contract_id, ()),
                        rates,
                        revenue,
                        usual_currency=state.client.currency,
                        now=unit.now,
                    )
                    for counted, revenue in periods[state.contract_id]
                ],
            )
            for state in states
        ],
        next_cursor=page.next_cursor,
    )


@of_contracts.get("", summary="Read costs, margins and lead times of a contract", responses=responses_for(NotFound))
async def get_margins(
    contract_id: UUID,
    unit: Unit,
    _who: Reader,
    response: Response,
    month: LastMonth = None,
    months: Months = 12,
) -> ContractMargins:
    """Per month what came in by the closed settlement of each period that ends in it, what the work of that period's
    days cost by the agency's rates, what is left, and how long things took from their opening to their end; each with
    what it is made of.
    """
    response.headers["Cache-Control"] = "private, no-store"
    made, _ = await _margins(unit, contract_id, month, months)
    return made


@of_contracts.get(
    "/{document_form}",
    summary="Download costs, margins and lead times of a contract",
    response_class=Response,
    responses={**responses_for(NotFound), **FILES},
)
async def download_margins(
    request: Request,
    contract_id: UUID,
    form: Form,
    unit: Unit,
    _who: Reader,
    month: LastMonth = None,
    months: Months = 12,
    lang: Lang = None,
) -> Response:
    """The same as a page, a PDF, a workbook, or CSV with one line per measure."""
    made, brand = await _margins(unit, contract_id, month, months)
    t = translator_for(lang, request.headers.get("accept-language"), made.language)
    document = Document(
        sheet=margin_sheet(made, brand, t),
        brand=brand,
        zone=made.time_zone,
        made_at=made.as_of,
        file_name=f"{made.contract.number}-margins",
        columns=COLUMNS,
        rows=list(margin_rows(made)),
    )
    return await answer(request, document, form, t)


async def _margins(
    unit: UnitOfWork, contract_id: UUID, month: date | None, months: int
) -> tuple[ContractMargins, Brand]:
    if month is not None:
        in_reach(month)
    facts = StoredFacts(unit)
    versions = await known_versions(facts, contract_id)
    newest, zones = versions[-1].state, zones_of(versions)
    wanted = _back(month or month_of(unit.now, zones), months)
    bounds = [month_bounds(each, zones) for each in wanted]
    rates = [rate.value() for rate in (await rates_of(unit)).rates]
    settled = (await settled_in(unit, [contract_id], bounds[0][0], bounds[-1][1])).get(contract_id, ())
    periods = [
        (each, span, days_counted(each, revenue, zones), revenue)
        for each, span in zip(wanted, bounds, strict=True)
        for revenue in revenues_of(settled, span)
    ]
    first, last = min(first for *_, (first, _), _ in periods), max(last for *_, (_, last), _ in periods)
    worked = (await worked_in(unit, [contract_id], first, last)).get(contract_id, ())
    ended = await ended_items(unit, newest.client.client_id, contract_id)
    made = ContractMargins(
        contract=contract_line(versions, min(bounds[-1][1], unit.now), await facts.names(contract_id)),
        time_zone=newest.client.time_zone,
        language=newest.client.language,
        as_of=unit.now,
        months=[
            margin_of_month(
                each,
                span,
                counted,
                worked,
                rates,
                revenue,
                usual_currency=newest.client.currency,
                now=unit.now,
            )
            for each, span, counted, revenue in periods
        ],
        lead_times=[
            lead_times_of_month(each, span, ended, unit.now) for each, span in zip(wanted, bounds, strict=True)
        ],
    )
    return made, await brand_of_papers(facts, versions[-1].tenant_id, newest)


def _back(last: date, months: int) -> list[date]:
    wanted = [last]
    while len(wanted) < months:
        wanted.insert(0, (wanted[0] - timedelta(days=1)).replace(day=1))
    return wanted
