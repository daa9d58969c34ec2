"""Promised pages that cannot be watched, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from probes.adapters.tables import UnwatchedPagesRow
from probes.api.dependencies import Reader
from shared.pagination import Page, PageParams, paginate
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/unwatched-pages", tags=["groups"])


class UnwatchedPages(BaseModel):
    """Pages of an environment that a contract promises to watch, and why they cannot be watched as it says.

    What was watched of them before goes on as it was. Amend the contract: its next version is tried anew.
    """

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "unwatched_pages_id": "0190a000-0000-7000-8000-000000000071",
                    "client_id": "0190a000-0000-7000-8000-000000000020",
                    "contract_id": "0190a000-0000-7000-8000-000000000010",
                    "site_id": "0190a000-0000-7000-8000-000000000030",
                    "environment_id": "0190a000-0000-7000-8000-000000000031",
                    "name": "Hôtel Bellevue – production",
                    "contract_version": 3,
                    "reason": "The period has no time in it: the clocks change then.",
                    "found_at": "2026-06-08T08:50:00.25Z",
                    "ended_at": None,
                }
            ]
        },
    )

    unwatched_pages_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=500, description="the environment's")
    contract_version: int = Field(ge=1, le=2**53, description="the first one that asked for this")
    reason: str = Field(max_length=10_000)
    found_at: Instant
    ended_at: Instant | None = Field(
        description="since when the pages are watched, promised no longer, or refused for another reason"
    )


@router.get("", summary="List promised pages that cannot be watched")
async def list_unwatched_pages(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    environment_id: UUID | None = None,
    open_: Annotated[bool | None, Query(alias="open", description="whether it has not ended; null: either")] = None,
) -> Page[UnwatchedPages]:
    """What contracts promise of pages and what is not watched so, newest first; each reason once."""
    conditions = [
        column == value
        for column, value in (
            (UnwatchedPagesRow.client_id, client_id),
            (UnwatchedPagesRow.contract_id, contract_id),
            (UnwatchedPagesRow.environment_id, environment_id),
            (UnwatchedPagesRow.ended_at.is_(None), open_),
        )
        if value is not None
    ]
    return await paginate(
        unit.session,
        select(UnwatchedPagesRow).where(*conditions),
        columns=(UnwatchedPagesRow.found_at, UnwatchedPagesRow.unwatched_pages_id),
        params=params,
        to_item=UnwatchedPages.model_validate,
        descending=True,
    )
