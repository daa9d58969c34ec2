"""All routes of the records of the service desk, and how every record came to say what it says."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from incidents.adapters.records_tables import RecordVersionRow
from incidents.api import access, field_work, follow_up, learning, releases, time_entries
from incidents.api.dependencies import agency_only
from incidents.api.models import ActorAnswer
from incidents.api.record_desk import PERSON, ReadingDesk
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound
from shared.values import Instant

Kind = Literal[
    "action",
    "residual_risk",
    "decision",
    "post_mortem",
    "deployment",
    "delivery_record",
    "access_grant",
    "access_request",
    "access_session",
    "anomaly",
    "intervention",
    "evidence",
    "knowledge_entry",
    "feedback",
    "assistance",
    "time_entry",
]


class RecordVersion(BaseModel):
    """One version of a record as it was written, who wrote it and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "record_id": PERSON[:-2] + "41",
                    "version": 1,
                    "kind": "action",
                    "at": "2026-06-08T12:00:00Z",
                    "actor": {"kind": "user", "id": PERSON, "name": "Ada Martin"},
                    "state": {"what": "Raise the limit of connections"},
                }
            ]
        }
    )

    record_id: UUID
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    kind: Kind
    at: Instant
    actor: ActorAnswer
    state: dict[str, Any] = Field(description="the whole record as this version says it")

    @classmethod
    def of_row(cls, row: RecordVersionRow) -> "RecordVersion":
        """The answer that tells a version."""
        return cls.model_validate(
            {
                "record_id": row.record_id,
                "version": row.version,
                "kind": row.kind,
                "at": row.at,
                "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
                "state": row.state,
            }
        )


history = APIRouter(prefix="/v1/record-history", tags=["follow-up"])


@history.get("/{record_id}", summary="Read how a record came to be what it is")
async def get_record_history(record_id: UUID, desk: ReadingDesk, params: PageParams) -> Page[RecordVersion]:
    """Every version of a record of any kind, first to last: who wrote what, when. For the agency."""
    agency_only(desk.principal)
    found: Page[RecordVersion] = await paginate(
        desk.unit.session,
        select(RecordVersionRow).where(RecordVersionRow.record_id == record_id),
        columns=(RecordVersionRow.version,),
        params=params,
        to_item=RecordVersion.of_row,
    )
    if not found.data and params.cursor is None:
        raise NotFound("There is no record with this id.")
    return found


ROUTERS = [
    follow_up.actions,
    follow_up.risks,
    follow_up.decisions,
    follow_up.post_mortems,
    releases.deployments,
    releases.deliveries,
    access.grants,
    access.requests,
    access.sessions,
    field_work.anomalies,
    field_work.interventions,
    field_work.interventions_file,
    field_work.evidence,
    field_work.checklists,
    learning.knowledge,
    learning.feedback,
    learning.assistances,
    learning.training_needs,
    time_entries.time_entries,
    time_entries.time_entries_file,
    time_entries.time_totals,
    history,
]

TAGS = [
    {"name": "follow-up", "description": "Actions, residual risks, decisions, post-mortems; the history of records."},
    {"name": "releases", "description": "Deployments, submissions to stores, deliveries."},
    {"name": "access", "description": "Access grants, requests and sessions: who, what, how, when, why."},
    {"name": "field work", "description": "Known anomalies, interventions, evidence for the second level."},
    {"name": "learning", "description": "Knowledge, feedback, assistance and what users need training in."},
    {"name": "time", "description": "Work on hours lines: real and accounted minutes."},
]
