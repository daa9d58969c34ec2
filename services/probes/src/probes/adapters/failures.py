"""Runs of failing checks with their evidence: those that were confirmed and those that were not, in one list."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, Uuid, cast, literal, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from probes.adapters.tables import BlipRow, OutageRow


def failing_runs(
    monitor_id: UUID, since: datetime | None, until: datetime | None
) -> tuple[Select[Any], tuple[ColumnElement[Any], ColumnElement[Any]]]:
    """The runs of one monitor that began in `[since, until)`, and the columns that sort them by their beginnings."""
    blips = select(
        BlipRow.first_at.label("began_at"),
        BlipRow.location.label("key"),
        BlipRow.ended_at.label("ended_at"),
        cast(null(), Uuid()).label("outage_id"),
        BlipRow.location.label("location"),
        BlipRow.failures.label("failures"),
    ).where(BlipRow.monitor_id == monitor_id, *_within(BlipRow.first_at, since, until))
    outages = select(
        OutageRow.down_since,
        cast(OutageRow.outage_id, Text()),
        OutageRow.ended_at,
        OutageRow.outage_id,
        cast(null(), Text()),
        OutageRow.failures,
    ).where(OutageRow.monitor_id == monitor_id, *_within(OutageRow.down_since, since, until))
    runs = union_all(blips, outages).subquery("runs")
    return select(*runs.c), (runs.c.began_at, runs.c.key)


def _within(column: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [
        column >= since if since is not None else literal(True),
        column < until if until is not None else literal(True),
    ]
