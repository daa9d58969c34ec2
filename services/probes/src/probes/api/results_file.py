"""Every check of a period as a file of comma-separated values, sent while it is being read."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from probes.adapters import queries
from probes.adapters.figures import begins_at, first_kept, location_names
from probes.adapters.result_rows import unpacked
from probes.adapters.result_slices import results_of_slice, slices
from probes.api.dependencies import From, Reader, To, period
from shared.csv_lines import csv_lines
from shared.problems import NotFound, responses_for
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])

COLUMNS: Final = (
    "started_at",
    "location",
    "slot",
    "attempt",
    "outcome",
    "reason",
    "status_code",
    "name_lookup_ms",
    "connect_ms",
    "tls_ms",
    "first_byte_ms",
    "total_ms",
    "maintenance",
    "quarantined",
)
_MILLISECOND = timedelta(milliseconds=1)


@router.get(
    "/{monitor_id}/results.csv",
    summary="Download the results of a monitor",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "One line per check, oldest first, after a line with the names of the columns",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
    },
)
async def download_monitor_results(
    monitor_id: UUID,
    unit: Unit,
    runtime: CurrentRuntime,
    principal: Reader,
    since: From = None,
    until: To = None,
) -> Response:
    """Every check that began in the period and is still kept. Without a period: the last day. Stop whenever you like.

    What is true in `maintenance` fell into planned work, what is true in `quarantined` was set aside because its place
    was under suspicion: neither counts. A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    start, end = period(since, until, unit.now)
    start = max(start, await first_kept(unit.session), await begins_at(unit.session, row))
    end = min(end, unit.now + _MILLISECOND)
    names = await location_names(unit.session)
    pieces = slices(start, end, timedelta(seconds=row.interval_seconds), len(names))

    async def lines() -> AsyncIterator[str]:
        yield csv_lines([COLUMNS])
        for first, last in pieces:
            # The request's own transaction is over by now.
            async with runtime.units.for_tenant(principal.tenant_id, client_id=principal.client_id) as reading:
                found = await results_of_slice(reading.session, row.number, first, last)
            if found:
                yield csv_lines(_cells(result, names) for result in found)

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": f'attachment; filename="results-{monitor_id}.csv"',
            "Cache-Control": "private, no-store",
        },
    )


def _cells(result: tuple[Any, ...], names: dict[int, str]) -> tuple[object, ...]:
    check = unpacked(result)
    return (
        _instant(check.started_at),
        names.get(check.location_number, ""),
        check.slot,
        check.attempt,
        check.outcome.value,
        check.reason.value if check.reason else "",
        check.status_code or "",
        check.name_lookup / 1000,
        check.connect / 1000,
        check.tls / 1000,
        check.first_byte / 1000,
        check.total / 1000,
        "true" if check.maintenance else "false",
        "true" if check.quarantined else "false",
    )


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
