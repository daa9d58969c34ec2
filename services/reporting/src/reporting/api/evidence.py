"""Evidence packs: what stands behind a figure, for somebody who does not trust us."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from reporting.adapters.evidence_amounts import amounts_pack, hours_pack
from reporting.adapters.evidence_clocks import incident_pack
from reporting.adapters.evidence_pack import Pack, month_pack
from reporting.adapters.facts import StoredFacts
from reporting.api.dependencies import Box
from reporting.api.reports import in_reach
from reporting.application.evidence import month_evidence, of_environment
from shared.auth import Principal
from shared.problems import Conflict, Forbidden, NotFound, responses_for
from shared.service import Unit, require
from shared.values import Month

router = APIRouter(prefix="/v1/contracts/{contract_id}/evidence", tags=["evidence"])

READINGS = frozenset(
    {
        "download_month_evidence",
        "download_figure_evidence",
        "download_incident_evidence",
        "download_clock_evidence",
        "download_amounts_evidence",
        "download_hours_evidence",
    }
)
"""Who took evidence away is recorded."""


async def _of_the_contract(principal: Annotated[Principal, Depends(require("reports:read"))]) -> Principal:
    """Raises Forbidden for a client's staff: what a contract said is in each pack byte for byte, its price too."""
    if not principal.may("contracts:read"):
        raise Forbidden(
            "An evidence pack has the contract in it, with its prices, so it is for those who may read the contract "
            "(scope contracts:read). Ask one of the client's deciders, or the agency, for it."
        )
    return principal


Reader = Annotated[Principal, Depends(_of_the_contract)]
ReaderOfMoney = Annotated[Principal, Depends(require("contracts:read"))]

ANSWERS: dict[int | str, dict[str, Any]] = {
    **responses_for(NotFound, Conflict),
    200: {
        "description": "A ZIP that `verify.py` in it checks without us: `python3 -I verify.py FILE`",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    },
}


def _answer(pack: Pack) -> Response:
    return StreamingResponse(
        iter(pack),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{pack.name}.zip"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get("/{month}", summary="Download the evidence of a month", response_class=Response, responses=ANSWERS)
async def download_month_evidence(contract_id: UUID, month: Month, unit: Unit, _reader: Reader, box: Box) -> Response:
    """What the month's figures rest on: the events byte for byte, the states, the rules, the hourly roll-ups, each time
    that the month was told, an explanation in French and English, hashes, a signature, and a verifier in one file.
    The contract is among the events, with its price: a pack is for those who may read it, and not for a client's staff.

    The same facts give the same bytes. Whoever distrusts this installation takes the verifier from the source. A pack
    of more than 64 MiB is refused: ask for one environment at a time then.
    """
    in_reach(month)
    evidence = await month_evidence(StoredFacts(unit), contract_id, month, now=unit.now)
    return _answer(await month_pack(unit, box, evidence, month))


@router.get(
    "/{month}/environments/{environment_id}",
    summary="Download the evidence of one environment's uptime",
    response_class=Response,
    responses=ANSWERS,
)
async def download_figure_evidence(
    contract_id: UUID, month: Month, environment_id: UUID, unit: Unit, _reader: Reader, box: Box
) -> Response:
    """The same for the figures of one environment alone."""
    in_reach(month)
    evidence = await month_evidence(StoredFacts(unit), contract_id, month, now=unit.now)
    return _answer(await month_pack(unit, box, of_environment(evidence, environment_id), month))


@router.get(
    "/{month}/amounts", summary="Download the evidence of what is owed", response_class=Response, responses=ANSWERS
)
async def download_amounts_evidence(
    contract_id: UUID, month: Month, unit: Unit, _reader: ReaderOfMoney, box: Box
) -> Response:
    """What the amounts of a month rest on: the closed settlement of the period that ends in it and those that it
    corrects, the versions of the contract with their prices, credits and penalties, the uptimes and clocks that it
    names, decisions who answers for a miss, and months of hours; and every clock that told of itself that it was met or
    missed in the period.

    The verifier computes fees, credits, penalties, sums and VAT again, and says of each line from what it follows. It
    names the clocks that are left out, with why, and what was told after the settlement was computed and before it was
    closed, which is not in it.
    """
    in_reach(month)
    return _answer(await amounts_pack(unit, box, contract_id, month))


@router.get("/{month}/hours", summary="Download the evidence of hours", response_class=Response, responses=ANSWERS)
async def download_hours_evidence(
    contract_id: UUID, month: Month, unit: Unit, _reader: ReaderOfMoney, box: Box
) -> Response:
    """What a closed month of hours rests on: its entries as they count, what the month before left, the versions of the
    contract with their lines and rules, and what the service desk told of the work.

    The verifier accounts each entry again and draws it from what was included and carried over, line by line.
    """
    in_reach(month)
    return _answer(await hours_pack(unit, box, contract_id, month))


@router.get(
    "/incidents/{incident_id}",
    summary="Download the evidence of an incident",
    response_class=Response,
    responses=ANSWERS,
)
async def download_incident_evidence(
    contract_id: UUID, incident_id: UUID, unit: Unit, _reader: Reader, box: Box
) -> Response:
    """What the clocks of an incident, a request or a change rest on: every event of it and of its outage byte for byte,
    the versions of the contract with their calendars, public holidays, and for each clock every stretch of time and why
    it counted or not.

    The verifier computes each clock again from what happened to it. Once all of them have ended the pack stays the
    same, whatever is amended later.
    """
    return _answer(await incident_pack(unit, box, contract_id, incident_id))


@router.get(
    "/incidents/{incident_id}/clocks/{clock_id}",
    summary="Download the evidence of a clock",
    response_class=Response,
    responses=ANSWERS,
)
async def download_clock_evidence(
    contract_id: UUID, incident_id: UUID, clock_id: UUID, unit: Unit, _reader: Reader, box: Box
) -> Response:
    """The same for one clock: how soon somebody answered, or how soon it worked again."""
    return _answer(await incident_pack(unit, box, contract_id, incident_id, clock_id))
