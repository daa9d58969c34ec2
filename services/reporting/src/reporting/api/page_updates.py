"""What people tell visitors of a status page about an incident that it shows: published, read and withdrawn.

An incident of a page is an outage, or what people put there (`page_incidents`): both are told of in the same way.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from reporting.adapters.facts import StoredFacts
from reporting.adapters.page_settings import client_of_page
from reporting.adapters.page_updates import PageUpdateRow, find_page_update, told_of_incident, write_on_page
from reporting.adapters.status_subscriptions import forget_mails_of_updates, look_at_page
from reporting.api.page_incidents import (
    AffectedComponent,
    PageIncident,
    Said,
    affected_of,
    impacts_of,
    shown_incident,
    shown_page,
)
from reporting.api.page_settings import Reader, Slug, Writer
from reporting.application import examples
from reporting.application.page_updates import (
    MOST_AFFECTED,
    MOST_UPDATES,
    IsMeasured,
    IsWithdrawn,
    Language,
    NotOverYet,
    TooManyPageUpdates,
    UnknownPageUpdate,
)
from reporting.application.status_page import RECENT
from reporting.domain.public_words import PublicIncidentStatus
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, PreconditionFailed, responses_for
from shared.service import Unit
from shared.values import Instant, forbid_unknown

router = APIRouter(
    prefix="/v1/status-pages/{slug}/incidents/{page_incident_id}/updates",
    tags=["status pages"],
    route_class=IdempotentRoute,
)

_TEXTS: dict[str, Any] = {"fr": "Cause trouvée, retour vers 14 h.", "en": "We found the cause, back by 14:00."}
_VIEW: dict[str, Any] = {
    "page_update_id": "0198f000-0000-7000-8000-0000000000e1",
    "version": 1,
    "slug": "boulangerie-martin",
    "page_incident_id": examples.OUTAGE,
    "status": "identified",
    "texts": _TEXTS,
    "components": None,
    "published_at": "2026-06-09T01:36:00Z",
    "published_by": "Nadia Benali",
    "withdrawn_at": None,
    "withdrawn_by": None,
}


class NewPageUpdate(BaseModel):
    """What visitors are to read, in French, English or both: a visitor reads his language, or the other one."""

    model_config = forbid_unknown(examples=[{"status": "identified", "texts": _TEXTS}])

    status: PublicIncidentStatus | None = Field(
        default=None, description="what the incident is called from now on; left out: what it is called already"
    )
    texts: dict[Language, Said] = Field(min_length=1, max_length=2, description="plain text by language")
    components: list[AffectedComponent] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_AFFECTED,
        description="what is affected from now on; left out: what was before. Of an outage it is measured",
    )


class PageUpdateView(BaseModel):
    """What visitors read, or read until it was withdrawn. It is never rewritten."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    page_update_id: UUID
    version: int = Field(ge=1, description="1, and 2 once it is withdrawn; the ETag")
    slug: str = Field(max_length=100)
    page_incident_id: UUID
    status: PublicIncidentStatus | None
    texts: dict[str, str]
    components: list[AffectedComponent] | None = Field(json_schema_extra={"maxItems": MOST_AFFECTED})
    published_at: Instant
    published_by: str = Field(json_schema_extra={"maxLength": 300})
    withdrawn_at: Instant | None
    withdrawn_by: str | None = Field(json_schema_extra={"maxLength": 300})

    @classmethod
    def of(cls, row: PageUpdateRow) -> "PageUpdateView":
        """The view of a row."""
        told = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate(told | {"components": affected_of(row.components)})


async def _found(
    unit: Unit, slug: str, page_incident_id: UUID, page_update_id: UUID, who: Principal, *, lock: bool = False
) -> PageUpdateRow:
    client_id = await client_of_page(unit, slug)
    row = await find_page_update(unit, slug, client_id, page_incident_id, page_update_id, lock=lock)
    if row is None or (who.client_id is not None and row.withdrawn_at is not None):
        raise UnknownPageUpdate
    return row


@router.post(
    "",
    status_code=201,
    summary="Publish an update of an incident on a status page",
    responses=responses_for(NotFound, Conflict),
    dependencies=[Idempotent],
)
async def publish_page_update(
    slug: Slug, page_incident_id: PageIncident, body: NewPageUpdate, unit: Unit, writer: Writer, response: Response
) -> PageUpdateView:
    """On the page, in its JSON and its feeds at once, and by mail to its subscribers: who may read the page reads it.

    Only of an incident that the page shows: an outage, or one that was put on it. Of the latter also while the page
    hides the sites that it is about: their client reads in the portal how they are. An outage that goes on cannot be
    called resolved, nor can anybody say what it does to its component: both are seen by measuring. One that is called
    `monitoring` is told as `identified` until its component answers.
    """
    client_id = await client_of_page(unit, slug)
    await write_on_page(unit, slug)
    page = await shown_page(unit, slug, client_id)
    people = await StoredFacts(unit).page_incidents(writer.tenant_id, [slug], client_id, unit.now - RECENT)
    by_people = any(each.page_incident_id == page_incident_id for each in people)
    outage = None if by_people else shown_incident(page, page_incident_id)
    components = None
    if body.components is not None:
        if outage is not None:
            raise IsMeasured
        components = impacts_of(page, body.components)
    if body.status == "resolved" and outage is not None and outage.ended_at is None:
        raise NotOverYet
    if await told_of_incident(unit, slug, client_id, page_incident_id) >= MOST_UPDATES:
        raise TooManyPageUpdates
    row = PageUpdateRow(
        page_update_id=new_id(),
        tenant_id=writer.tenant_id,
        client_id=client_id,
        slug=slug,
        page_incident_id=page_incident_id,
        version=1,
        status=body.status,
        texts=dict(body.texts),
        components=components,
        published_at=unit.now,
        published_by=writer.name,
        withdrawn_at=None,
        withdrawn_by=None,
    )
    unit.session.add(row)
    await look_at_page(unit, writer.tenant_id, slug)
    response.headers["Location"] = f"/v1/status-pages/{slug}/incidents/{page_incident_id}/updates/{row.page_update_id}"
    response.headers["ETag"] = etag(row.version)
    return PageUpdateView.of(row)


@router.get("", summary="List the updates of an incident on a status page", responses=responses_for(NotFound))
async def list_page_updates(
    slug: Slug, page_incident_id: PageIncident, unit: Unit, reader: Reader, params: PageParams
) -> Page[PageUpdateView]:
    """In the order in which they were published. What was withdrawn is there for the agency, not for its client."""
    client_id = await client_of_page(unit, slug)
    if not await told_of_incident(unit, slug, client_id, page_incident_id):
        shown_incident(await shown_page(unit, slug, client_id), page_incident_id)
    row = PageUpdateRow
    query = select(row).where(
        row.tenant_id == reader.tenant_id,
        row.slug == slug,
        row.client_id == client_id,
        row.page_incident_id == page_incident_id,
    )
    if reader.client_id is not None:
        query = query.where(row.withdrawn_at.is_(None))
    return await paginate(
        unit.session,
        query,
        columns=(row.published_at, row.page_update_id),
        params=params,
        to_item=PageUpdateView.of,
    )


@router.get(
    "/{page_update_id}",
    summary="Read an update of an incident on a status page",
    response_model=PageUpdateView,
    responses={304: {"description": "Not changed (`If-None-Match`)"}, **responses_for(NotFound)},
)
async def get_page_update(
    slug: Slug,
    page_incident_id: PageIncident,
    page_update_id: UUID,
    unit: Unit,
    reader: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> PageUpdateView | Response:
    """One update, with who published it, and who withdrew it."""
    row = await _found(unit, slug, page_incident_id, page_update_id, reader)
    unchanged = not_modified(request, row.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(row.version)
    return PageUpdateView.of(row)


@router.post(
    "/{page_update_id}/withdraw",
    summary="Withdraw an update of an incident on a status page",
    responses=responses_for(NotFound, Conflict, PreconditionFailed),
)
async def withdraw_page_update(
    slug: Slug,
    page_incident_id: PageIncident,
    page_update_id: UUID,
    unit: Unit,
    writer: Writer,
    if_match: IfMatch,
    response: Response,
) -> PageUpdateView:
    """Visitors read it no more, and mails about it that were not sent yet are not. To correct it, publish another one.

    What was mailed, and what others have read, cannot be taken back.
    """
    row = await _found(unit, slug, page_incident_id, page_update_id, writer, lock=True)
    if_match.require(row.version)
    if row.withdrawn_at is not None:
        raise IsWithdrawn
    row.version, row.withdrawn_at, row.withdrawn_by = row.version + 1, unit.now, writer.name
    await forget_mails_of_updates(unit, writer.tenant_id, slug, [page_update_id])
    response.headers["ETag"] = etag(row.version)
    return PageUpdateView.of(row)
