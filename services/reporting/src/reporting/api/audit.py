"""The audit log: what happened and who did it, as a chain that anybody can check; and who read what."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy import Select, select

from reporting.adapters import audit_verifier
from reporting.adapters.audit_checkpoints import checkpoint_line, make_checkpoint
from reporting.adapters.audit_export import exported_lines
from reporting.adapters.audit_keys import keys_of_tenant
from reporting.adapters.audit_queries import Wanted, access_of, accesses, every_access
from reporting.adapters.audit_tables import AuditCheckpoint, AuditEntry
from reporting.api.audit_models import Access, AuditLogEntry, Checkpoint, Kind
from reporting.api.dependencies import Box
from reporting.api.documents import CSV
from reporting.application.audit import LogIsBroken, NothingRecorded
from shared.auth import Principal
from shared.csv_lines import csv_lines
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, ValidationFailed, responses_for
from shared.service import CurrentRuntime, Unit, require
from shared.values import Instant

router = APIRouter(prefix="/v1/audit-log", tags=["audit"])
checkpoints = APIRouter(prefix="/v1/audit-checkpoints", tags=["audit"])
access = APIRouter(prefix="/v1", tags=["audit"])

READINGS = frozenset(
    {
        "list_audit_log",
        "export_audit_log",
        "list_audit_checkpoints",
        "list_access_log",
        "download_access_log",
    }
)
"""Who reads the log is written into it."""

Auditor = Annotated[Principal, Depends(require("audit:read"))]
ServiceName = Literal["contracts", "probes", "incidents", "reporting"]


def _wanted(
    actor_id: Annotated[str | None, Query(max_length=255, description="id of who did it")] = None,
    resource_id: Annotated[str | None, Query(max_length=300, description="id of what it was done to")] = None,
    service: Annotated[ServiceName | None, Query(description="where")] = None,
    operation: Annotated[str | None, Query(max_length=200, examples=["update_client"])] = None,
    since: Annotated[Instant | None, Query(alias="from", description="happened then or later")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="happened before then; after `from`")] = None,
) -> Wanted:
    if since is not None and until is not None and since >= until:
        detail = "The period ends before it begins: `to` must be after `from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
    return Wanted(
        actor_id=actor_id, resource_id=resource_id, service=service, operation=operation, since=since, until=until
    )


Filters = Annotated[Wanted, Depends(_wanted)]


@router.get("", summary="List the audit log")
async def list_audit_log(
    unit: Unit,
    _auditor: Auditor,
    params: PageParams,
    wanted: Filters,
    kind: Annotated[Kind | None, Query(description="changes, readings or events")] = None,
) -> Page[AuditLogEntry]:
    """Newest first. An entry says who, what, when and to what, never what was written: names of fields, no values.

    That it is read is itself recorded.
    """
    query = select(AuditEntry).where(*wanted.conditions())
    if kind is not None:
        query = query.where(AuditEntry.kind == kind)
    return await paginate(
        unit.session,
        query,
        columns=(AuditEntry.sequence,),
        params=params,
        to_item=AuditLogEntry.of,
        descending=True,
    )


@router.get(
    "/export",
    summary="Export the audit log",
    response_class=Response,
    responses={
        200: {
            "description": "JSON Lines: a header, the public keys, entries with checkpoints between them, an end",
            "content": {"application/jsonl": {"schema": {"type": "string"}}},
        },
    },
)
async def export_audit_log(unit: Unit, auditor: Auditor, box: Box, runtime: CurrentRuntime) -> Response:
    """The whole log, from its first entry, under a checkpoint that is made for it.

    `GET /v1/audit-log/verifier` checks the file without us. That it is exported is itself recorded, as the next entry.
    """
    with contextlib.suppress(NothingRecorded, LogIsBroken):  # shown as it is: the verifier says what is wrong with it
        await make_checkpoint(unit, box)
    return StreamingResponse(
        exported_lines(runtime.units, auditor.tenant_id),
        media_type="application/jsonl",
        headers={
            "Content-Disposition": 'attachment; filename="audit-log.jsonl"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get(
    "/verifier",
    summary="Download the verifier of exported audit logs",
    response_class=Response,
    responses={
        200: {
            "description": "One file for Python 3.9 or newer",
            "content": {"text/x-python": {"schema": {"type": "string"}}},
        },
    },
)
async def download_audit_verifier(_auditor: Auditor) -> Response:
    """Checks an export without us: `python3 -I audit_verifier.py audit-log.jsonl --checkpoint FILE`.

    One file without dependencies, short enough to be read first. Whoever distrusts this installation takes it from the
    published source.
    """
    return FileResponse(Path(audit_verifier.__file__), media_type="text/x-python", filename="audit_verifier.py")


@checkpoints.get("", summary="List audit checkpoints")
async def list_audit_checkpoints(unit: Unit, auditor: Auditor, params: PageParams) -> Page[Checkpoint]:
    """Newest first. One that was kept elsewhere must still be here, and still the same."""
    public = {key.key_id: key.public_key for key in await keys_of_tenant(unit, auditor.tenant_id)}
    return await paginate(
        unit.session,
        select(AuditCheckpoint),
        columns=(AuditCheckpoint.sequence,),
        params=params,
        to_item=lambda row: Checkpoint.model_validate(checkpoint_line(row, public.get(row.key_id, b""))),
        descending=True,
    )


@checkpoints.post(
    "",
    status_code=201,
    summary="Make an audit checkpoint now",
    responses=responses_for(Conflict),
)
async def create_audit_checkpoint(unit: Unit, auditor: Auditor, box: Box) -> Checkpoint:
    """Signs the newest entry. When nothing was recorded since the last checkpoint, that one is the answer.

    Refused when the log does not follow from its last checkpoint any more.
    """
    made = await make_checkpoint(unit, box)
    public = {key.key_id: key.public_key for key in await keys_of_tenant(unit, auditor.tenant_id)}
    return Checkpoint.model_validate(checkpoint_line(made, public[made.key_id]))


@access.get("/access-log", summary="List who accessed what")
async def list_access_log(unit: Unit, _auditor: Auditor, params: PageParams, wanted: Filters) -> Page[Access]:
    """Newest first: readings of evidence, files, exports, people, keys and this log; tokens that were given out;
    sessions in the client's systems; and what was refused.
    """
    return await paginate(
        unit.session,
        cast(Select[Any], accesses(wanted)),
        columns=(AuditEntry.sequence,),
        params=params,
        to_item=lambda row: Access.model_validate(access_of(row[0], row[1])),
        descending=True,
    )


@access.get(
    "/access-log.csv",
    summary="Download who accessed what",
    response_class=Response,
    responses={
        200: {
            "description": "One line per access, oldest first, after a line with the names of the columns",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
    },
)
async def download_access_log(unit: Unit, auditor: Auditor, runtime: CurrentRuntime, wanted: Filters) -> Response:
    """The same as a table. A text that a spreadsheet would take for a formula has an apostrophe before it."""
    return access_lines(runtime, auditor, wanted)


def access_lines(runtime: CurrentRuntime, auditor: Principal, wanted: Wanted) -> Response:
    """Lines of any number, oldest first."""
    columns = tuple(Access.model_fields)

    async def lines() -> AsyncIterator[str]:
        yield csv_lines([columns])
        async for found in every_access(runtime.units, auditor.tenant_id, wanted):
            yield csv_lines(_cells(each, columns) for each in found)

    return StreamingResponse(
        lines(),
        media_type=CSV,
        headers={
            "Content-Disposition": 'attachment; filename="access-log.csv"',
            "Cache-Control": "private, no-store",
        },
    )


def _cells(found: dict[str, Any], columns: tuple[str, ...]) -> list[object]:
    return ["" if found[column] is None else found[column] for column in columns]
