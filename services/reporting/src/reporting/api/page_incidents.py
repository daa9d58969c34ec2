"""Incidents that people of the agency put on a status page: published, read and withdrawn.

What is wrong without any check that sees it: somebody reported it, or a ticket came of it. Nothing of the incident that
the agency works on is shown, but what is written here for visitors.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from reporting.adapters.facts import StoredFacts
from reporting.adapters.page_settings import client_of_page
from reporting.adapters.page_updates import (
    PageIncidentRow,
    PageUpdateRow,
    find_page_incident,
    shown_page_incident,
    withdraw_page_incident,
    write_on_page,
)
from reporting.adapters.status_subscriptions import forget_mails_of_updates, look_at_page
from reporting.adapters.tables import Incident
from reporting.api.page_settings import Reader, Slug, Writer
from reporting.application import examples
from reporting.application.facts import IncidentState
from reporting.application.page_updates import (
    LONGEST_AGO,
    MOST_AFFECTED,
    MOST_INCIDENTS,
    AlreadyOnThePage,
    IsWithdrawn,
    Language,
    NoSuchIncident,
    NotOnThePage,
    ShownAsOutage,
    TooManyPageIncidents,
    UnknownComponent,
    UnknownPageIncident,
)
from reporting.application.status_page import PublicIncident, ShownPage, UnknownPage, status_page
from reporting.domain.public_words import Impact, PublicIncidentStatus
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, PreconditionFailed, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant, forbid_unknown, instant_text

router = APIRouter(prefix="/v1/status-pages/{slug}/incidents", tags=["status pages"], route_class=IdempotentRoute)

PageIncident = Annotated[
    UUID,
    Path(
        description="id of an incident as the page's JSON names it: `incident_id`; of an outage it is its `outage_id`, "
        "of what people put on the page its `page_incident_id`"
    ),
]
Said = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=2_000,
        # Plain text of one or more lines that says something: no control characters but those that break and indent.
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
    ),
]
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"),
]
_AFFECTED: Final[dict[str, Any]] = {"component_id": examples.ENVIRONMENT, "impact": "partial"}
_TITLES: Final[dict[str, Any]] = {"fr": "Paiements refusés", "en": "Payments are refused"}
_TEXTS: Final[dict[str, Any]] = {
    "fr": "Certains paiements par carte échouent.",
    "en": "Some payments by card fail.",
}
_NEW: Final[dict[str, Any]] = {
    "incident_id": examples.INCIDENT["incident_id"],
    "titles": _TITLES,
    "components": [_AFFECTED],
    "status": "investigating",
    "texts": _TEXTS,
}
_VIEW: Final[dict[str, Any]] = {
    "page_incident_id": "0198f000-0000-7000-8000-0000000000e2",
    "version": 1,
    "slug": "boulangerie-martin",
    "incident_id": examples.INCIDENT["incident_id"],
    "titles": _TITLES,
    "components": [_AFFECTED],
    "started_at": "2026-06-09T01:30:00Z",
    "published_at": "2026-06-09T01:36:00Z",
    "published_by": "Nadia Benali",
    "withdrawn_at": None,
    "withdrawn_by": None,
}


class AffectedComponent(BaseModel):
    """What an incident does to one component of the page."""

    model_config = forbid_unknown(examples=[_AFFECTED])

    component_id: UUID = Field(description="as the page's JSON names it")
    impact: Impact = Field(description="`degraded`: it works, but badly; `partial`: some of it does not; `major`: none")


class NewPageIncident(BaseModel):
    """What visitors are to read first, in French, English or both: a visitor reads his language, or the other one."""

    model_config = forbid_unknown(examples=[_NEW])

    incident_id: UUID = Field(description="the client's incident that it is about. Nothing of that is shown by itself")
    titles: dict[Language, Title] = Field(min_length=1, max_length=2, description="one plain line by language")
    components: list[AffectedComponent] = Field(
        min_length=1, max_length=MOST_AFFECTED, description="what is affected, each component once"
    )
    started_at: Instant | None = Field(
        default=None, description="since when visitors have it, at most 90 days ago; left out: since now"
    )
    status: PublicIncidentStatus = Field(default="investigating", description="what it is called from now on")
    texts: dict[Language, Said] = Field(min_length=1, max_length=2, description="the first update: plain text")


class PageIncidentView(BaseModel):
    """An incident that people put on the page, as it was published. What was said since is in its updates."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    page_incident_id: UUID
    version: int = Field(ge=1, description="1, and 2 once it is withdrawn; the ETag")
    slug: str = Field(max_length=100)
    incident_id: UUID
    titles: dict[str, str]
    components: list[AffectedComponent] = Field(json_schema_extra={"maxItems": MOST_AFFECTED})
    started_at: Instant
    published_at: Instant
    published_by: str = Field(json_schema_extra={"maxLength": 300})
    withdrawn_at: Instant | None
    withdrawn_by: str | None = Field(json_schema_extra={"maxLength": 300})

    @classmethod
    def of(cls, row: PageIncidentRow) -> "PageIncidentView":
        """The view of a row."""
        told = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate(told | {"components": affected_of(row.components)})


def affected_of(stored: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    """Stored components as answers show them; None stays None."""
    if stored is None:
        return None
    return [{"component_id": each, "impact": stored[each]} for each in sorted(stored)]


def impacts_of(page: ShownPage, said: Sequence[AffectedComponent]) -> dict[str, Impact]:
    """Components as they are stored. Raises UnknownComponent, and ValidationFailed for one that is named twice."""
    shown = {each.component_id for each in page.content.components}
    found: dict[str, Impact] = {}
    for position, each in enumerate(said):
        if each.component_id not in shown:
            raise UnknownComponent(position)
        if str(each.component_id) in found:
            detail = "The component is named above already: name each once, with the one impact that it has."
            pointer = f"#/components/{position}/component_id"
            raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=pointer)])
        found[str(each.component_id)] = each.impact
    return found


async def shown_page(unit: Unit, slug: str, client_id: UUID) -> ShownPage:
    """The page as visitors see it. Raises NotOnThePage when at this address they see none of this client's."""
    try:
        page = await status_page(StoredFacts(unit), slug, unit.now)
    except UnknownPage:
        raise NotOnThePage from None
    if page.client_id != client_id:
        raise NotOnThePage
    return page


def shown_incident(page: ShownPage, page_incident_id: UUID) -> PublicIncident:
    """An incident that a page shows. Raises NotOnThePage."""
    found = next((each for each in page.content.incidents if each.incident_id == page_incident_id), None)
    if found is None:
        raise NotOnThePage
    return found


async def _found(
    unit: Unit, slug: str, page_incident_id: UUID, who: Principal, *, lock: bool = False
) -> PageIncidentRow:
    row = await find_page_incident(unit, slug, await client_of_page(unit, slug), page_incident_id, lock=lock)
    if row is None or (who.client_id is not None and row.withdrawn_at is not None):
        raise UnknownPageIncident
    return row


async def _check_incident(unit: Unit, client_id: UUID, incident_id: UUID) -> IncidentState:
    row = await unit.session.get(Incident, incident_id)
    if row is None or row.client_id != client_id:
        raise NoSuchIncident
    return IncidentState.model_validate(row.state)


@router.post(
    "",
    status_code=201,
    summary="Put an incident on a status page",
    responses=responses_for(NotFound, Conflict),
    dependencies=[Idempotent],
)
async def publish_page_incident(
    slug: Slug, body: NewPageIncident, unit: Unit, writer: Writer, response: Response
) -> PageIncidentView:
    """What no check sees: a client reported it, or a ticket came of it. It is told wherever the page tells of outages.

    It stands among them until an update calls it `resolved`, and 14 days longer. As long as it goes on the page says
    what it does to components, beside what is measured; it changes no figure of uptime. An outage needs nothing of
    this: the page shows it by itself.
    """
    client_id = await client_of_page(unit, slug)
    await write_on_page(unit, slug)
    page = await shown_page(unit, slug, client_id)
    state = await _check_incident(unit, client_id, body.incident_id)
    components = impacts_of(page, body.components)
    started_at = body.started_at or unit.now
    if not unit.now - LONGEST_AGO <= started_at <= unit.now:
        detail = f"It must be between {instant_text(unit.now - LONGEST_AGO)} and now: visitors have it, or had it."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/started_at")])
    if state.source.outage_id is not None:
        raise ShownAsOutage
    already = await shown_page_incident(unit, slug, body.incident_id)
    if already is not None:
        raise AlreadyOnThePage(already)
    if sum(1 for each in page.content.incidents if each.titles) >= MOST_INCIDENTS:
        raise TooManyPageIncidents
    common = {
        "tenant_id": writer.tenant_id,
        "client_id": client_id,
        "slug": slug,
        "page_incident_id": new_id(),
        "version": 1,
        "published_at": unit.now,
        "published_by": writer.name,
        "withdrawn_at": None,
        "withdrawn_by": None,
    }
    row = PageIncidentRow(
        incident_id=body.incident_id, titles=dict(body.titles), components=components, started_at=started_at, **common
    )
    unit.session.add(row)
    unit.session.add(
        PageUpdateRow(page_update_id=new_id(), status=body.status, texts=dict(body.texts), components=None, **common)
    )
    await look_at_page(unit, writer.tenant_id, slug)
    response.headers["Location"] = f"/v1/status-pages/{slug}/incidents/{row.page_incident_id}"
    response.headers["ETag"] = etag(row.version)
    return PageIncidentView.of(row)


@router.get("", summary="List what people put on a status page", responses=responses_for(NotFound))
async def list_page_incidents(slug: Slug, unit: Unit, reader: Reader, params: PageParams) -> Page[PageIncidentView]:
    """In the order in which they were published. What was withdrawn is there for the agency, not for its client."""
    client_id = await client_of_page(unit, slug)
    row = PageIncidentRow
    query = select(row).where(row.tenant_id == reader.tenant_id, row.slug == slug, row.client_id == client_id)
    if reader.client_id is not None:
        query = query.where(row.withdrawn_at.is_(None))
    return await paginate(
        unit.session,
        query,
        columns=(row.published_at, row.page_incident_id),
        params=params,
        to_item=PageIncidentView.of,
    )


@router.get(
    "/{page_incident_id}",
    summary="Read an incident that people put on a status page",
    response_model=PageIncidentView,
    responses={304: {"description": "Not changed (`If-None-Match`)"}, **responses_for(NotFound)},
)
async def get_page_incident(
    slug: Slug,
    page_incident_id: PageIncident,
    unit: Unit,
    reader: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> PageIncidentView | Response:
    """One incident, with who published it, and who withdrew it. Outages are in the page's JSON."""
    row = await _found(unit, slug, page_incident_id, reader)
    unchanged = not_modified(request, row.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(row.version)
    return PageIncidentView.of(row)


@router.post(
    "/{page_incident_id}/withdraw",
    summary="Take an incident from a status page",
    responses=responses_for(NotFound, Conflict, PreconditionFailed),
)
async def take_incident_from_page(
    slug: Slug,
    page_incident_id: PageIncident,
    unit: Unit,
    writer: Writer,
    if_match: IfMatch,
    response: Response,
) -> PageIncidentView:
    """It is on the page no more, nor is anything that was told of it, and mails that were not sent yet are not.

    For what should never have been there. What is over is called `resolved` by an update, and stays for 14 days.
    """
    await write_on_page(unit, slug)
    row = await _found(unit, slug, page_incident_id, writer, lock=True)
    if_match.require(row.version)
    if row.withdrawn_at is not None:
        raise IsWithdrawn
    withdrawn = await withdraw_page_incident(unit, row, writer.name)
    await forget_mails_of_updates(unit, writer.tenant_id, slug, withdrawn)
    response.headers["ETag"] = etag(row.version)
    return PageIncidentView.of(row)
