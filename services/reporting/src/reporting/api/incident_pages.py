"""Pages of what happened: the list of it, and of each outage or incident all that was told."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from reporting.adapters.rendering import (
    RenderedPage,
    incident_page,
    incidents_page,
    parts_of_incident,
    parts_of_incidents,
    translator_for,
)
from reporting.api.dependencies import Lang
from reporting.api.page_incidents import PageIncident
from reporting.api.pages import page_response, wants_html
from reporting.api.public_pages import (
    FOR_SOME,
    FOR_THE_FEW,
    NOT_MODIFIED,
    NotAdmitted,
    Pages,
    PublicPage,
    PublicPages,
    Slug,
    admission_response,
    no_page_response,
)
from reporting.application.status_page import UnknownPage
from shared.etag import IfNoneMatch
from shared.i18n import Translator
from shared.problems import NotFound

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])

_HTML: Final[dict[str, Any]] = {"content": {"text/html": {"schema": {"type": "string"}}}}
_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The page", **_HTML},
    304: NOT_MODIFIED,
    403: FOR_THE_FEW | _HTML,
    **FOR_SOME,
}
Part = Annotated[int, Query(ge=1, le=1_000, description="of a page with several parts: which of them", examples=[1])]


async def _answer(
    request: Request,
    pages: PublicPages,
    slug: str,
    lang: str | None,
    place: str,
    render: Callable[[PublicPage, Translator], RenderedPage],
) -> Response:
    """The page that `render` makes, or what a visitor is told when there is none; `render` may raise NotFound."""
    try:
        found = await (pages.find(slug) if wants_html(request) else pages.read(slug))
    except NotAdmitted as asked:
        return admission_response(request, asked, lang, place=place)
    except UnknownPage:
        return no_page_response(request, lang)
    t = translator_for(lang, request.headers.get("accept-language"), found.content.language)
    try:
        page = render(found, t)
    except NotFound:
        if wants_html(request):
            return no_page_response(request, lang, found.content.language)
        raise
    return page_response(request, page, t, cache_control=pages.cache_control(found))


@router.get(
    "/incidents",
    summary="Read the list of what happened on a status page",
    response_class=Response,
    responses=_PAGE,
    openapi_extra={"security": []},
)
async def get_status_page_incidents(
    request: Request, pages: Pages, slug: Slug, lang: Lang = None, part: Part = 1, if_none_match: IfNoneMatch = None
) -> Response:
    """For people: outages and what was put on the page, 20 to a part. For programs the same is in the page's JSON."""

    def render(found: PublicPage, t: Translator) -> RenderedPage:
        parts = parts_of_incidents(found.content)
        if part > parts:
            raise NotFound(f"The list has {parts} parts. Leave `part` out for the first.")
        return incidents_page(
            found.page,
            t,
            back="./" if found.place == "." else f"../{found.content.slug}",
            private=found.private,
            remembered=found.remembered,
            part=part,
        )

    return await _answer(request, pages, slug, lang, ".", render)


@router.get(
    "/incidents/{page_incident_id}",
    summary="Read all that was told of an incident on a status page",
    response_class=Response,
    responses=_PAGE,
    openapi_extra={"security": []},
)
async def get_status_page_incident(
    request: Request,
    pages: Pages,
    slug: Slug,
    page_incident_id: PageIncident,
    lang: Lang = None,
    part: Part = 1,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """For people, every update in full, in parts where there is much. For programs the same is in the page's JSON."""

    def render(found: PublicPage, t: Translator) -> RenderedPage:
        shown = (*found.content.open_incidents, *found.content.recent_incidents)
        incident = next((each for each in shown if each.incident_id == page_incident_id), None)
        if incident is None:
            raise NotFound(f"The page shows no incident with this id. /status/{slug}.json lists those that it shows.")
        parts = len(parts_of_incident(incident))
        if part > parts:
            raise NotFound(f"What was told of it has {parts} parts. Leave `part` out for the first.")
        return incident_page(
            found.page,
            incident,
            t,
            back="../" if found.place == "." else f"../../{found.content.slug}",
            private=found.private,
            remembered=found.remembered,
            part=part,
        )

    return await _answer(request, pages, slug, lang, "..", render)
