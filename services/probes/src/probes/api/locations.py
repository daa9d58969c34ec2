"""Locations over HTTP: where monitors are checked from, and whether what comes from there counts."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, func, select

from probes.adapters.tables import LocationRow, LocationStateRow
from probes.api.dependencies import Reader
from shared.pagination import Page, PageParams, paginate
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/locations", tags=["locations"])


class Location(BaseModel):
    """A place that monitors are checked from. One that is not active is no longer asked.

    While `suspect_since` is set, most of what it looks at failed at once, or it does not reach what every place should
    reach: its results are kept, flagged, and decide nothing.
    """

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "oslo",
                    "active": True,
                    "suspect_since": "2026-06-08T08:50:00.25Z",
                    "suspect_reason": "most_failed",
                    "monitors": 42,
                    "last_result_at": "2026-06-08T08:49:59.9Z",
                }
            ]
        },
    )

    name: str = Field(max_length=40)
    active: bool
    suspect_since: Instant | None
    suspect_reason: Literal["most_failed", "controls_unreachable"] | None
    monitors: int = Field(ge=0, le=2**31, description="that you may see and that are checked from here")
    last_result_at: Instant | None = Field(description="the newest check of theirs that counted")

    @classmethod
    def of(cls, row: Any) -> "Location":
        return cls(
            name=row.name,
            active=row.active,
            suspect_since=row.suspect_since,
            suspect_reason=row.suspect_reason,
            monitors=row.monitors or 0,
            last_result_at=row.last_result_at,
        )


def _locations() -> Select[Any]:
    seen = (
        select(
            LocationStateRow.location,
            func.count().label("monitors"),
            func.max(LocationStateRow.last_at).label("last_result_at"),
        )
        .group_by(LocationStateRow.location)
        .subquery()
    )
    return select(
        LocationRow.name,
        LocationRow.active,
        LocationRow.suspect_since,
        LocationRow.suspect_reason,
        seen.c.monitors,
        seen.c.last_result_at,
    ).join(seen, seen.c.location == LocationRow.name, isouter=True)


@router.get("", summary="List locations")
async def list_locations(unit: Unit, principal: Reader, params: PageParams) -> Page[Location]:
    """Every place that monitors are or were checked from, by name."""
    return await paginate(unit.session, _locations(), columns=(LocationRow.name,), params=params, to_item=Location.of)
