"""Records as files of comma-separated values, sent while they are being read; and periods of lists."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from incidents.api.record_desk import RecordDesk
from shared.csv_lines import csv_lines
from shared.problems import FieldError, ValidationFailed
from shared.values import Instant, instant_text
from shared.worker import Runtime

From = Annotated[Instant | None, Query(alias="from", description="beginning of the period, included")]
To = Annotated[Instant | None, Query(alias="to", description="end of the period, not included")]

CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One line per record after a line with the names of the columns",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    },
}
_AT_ONCE = 500


def in_period(
    column: InstrumentedAttribute[datetime], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """The conditions of a period `[since, until)`. Raises ValidationFailed for a reversed one."""
    if since is not None and until is not None and since >= until:
        detail = "The period ends before it begins: `to` must be after `from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(column >= since)
    if until is not None:
        conditions.append(column < until)
    return conditions


def record_file(
    desk: RecordDesk, runtime: Runtime, row: type[Any], selected: Select[Any], columns: Sequence[str], name: str
) -> Response:
    """The selected records, oldest first, with these columns."""
    key = tuple_(row.recorded_at, row.id)
    principal = desk.principal

    async def lines() -> AsyncIterator[str]:
        yield csv_lines([columns])
        piece = selected
        while True:
            # The request's own transaction is over by now, and none is held while somebody reads slowly.
            async with runtime.units.for_tenant(principal.tenant_id, client_id=principal.client_id) as reading:
                found = await reading.session.execute(piece.order_by(row.recorded_at, row.id).limit(_AT_ONCE))
                rows = list(found.scalars())
                text = csv_lines([_cell(getattr(one, column)) for column in columns] for one in rows)
            if text:
                yield text
            if len(rows) < _AT_ONCE:
                return
            piece = selected.where(key > tuple_(rows[-1].recorded_at, rows[-1].id))

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


def _cell(value: Any) -> object:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else value
