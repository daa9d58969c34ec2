"""Pages of what happened: the list of it, and of each outage or incident all that was told."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from reporting.adapters.rendering import (
    RenderedPage,
    incident_page,
    incidents_page,
    parts_of_incident,
    parts_of_incidents,
)
from reporting.api.dependencies import Lang
from reporting.api.page_incidents import PageIncident
from reporting.api.pages import PUBLIC
from reporting.api.public_pages import A_PAGE, Pages, PublicPage, Slug
from shared.etag import IfNoneMatch
from shared.i18n import Translator
from shared.problems import NotFound

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])

Part = Annotated[int, Query(ge=1, le=1_000, description="of a page with several parts: which of them", examples=[1])]


@router.get(
    "/incidents",
    summary="Read the list of what happened on a status page",
    response_class=Response,
    responses=A_PAGE,
    openapi_extra=PUBLIC,
)
async def get_status_page_incidents(
    pages: Pages, slug: Slug, lang: Lang = None, part: Part = 1, if_none_match: IfNoneMatch = None
) -> Response:
    """For people: outages and what was put on the page, 20 to a part. For programs the same is in the page's JSON."""

    def render(found: PublicPage, t: Translator) -> RenderedPage:
        parts = parts_of_incidents(found.content)
        if part > parts:
            raise NotFound(f"The list has {parts} parts. Leave `part` out for the first.")
        return incidents_page(
            found.page,
            t,
            back=found.way_back(1),
            private=found.private,
            remembered=found.remembered,
            part=part,
        )

    return await pages.show(slug, lang, render, place=".")


@router.get(
    "/incidents/{page_incident_id}",
    summary="Read all that was told of an incident on a status page",
    response_class=Response,
    responses=A_PAGE,
    openapi_extra=PUBLIC,
)
async def get_status_page_incident(
    pages: Pages,
    slug: Slug,
    page_incident_id: PageIncident,
    lang: Lang = None,
    part: Part = 1,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """For people, every update in full, in parts where there is much. For programs the same is in the page's JSON."""

    def render(found: PublicPage, t: Translator) -> RenderedPage:
        incident = next((each for each in found.content.incidents if each.incident_id == page_incident_id), None)
        if incident is None:
            raise NotFound(f"The page shows no incident with this id. /status/{slug}.json lists those that it shows.")
        parts = len(parts_of_incident(incident))
        if part > parts:
            raise NotFound(f"What was told of it has {parts} parts. Leave `part` out for the first.")
        return incident_page(
            found.page,
            incident,
            t,
            back=found.way_back(2),
            private=found.private,
            remembered=found.remembered,
            part=part,
        )

    return await pages.show(slug, lang, render, place="..")
