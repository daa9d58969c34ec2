"""The page of one component of a status page: its days, what happened to it, its response times with every figure."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from reporting.adapters.rendering import component_page, translator_for
from reporting.api.dependencies import Lang
from reporting.api.pages import page_response, wants_html
from reporting.api.public_pages import (
    FOR_SOME,
    FOR_THE_FEW,
    NOT_MODIFIED,
    NotAdmitted,
    Pages,
    Slug,
    admission_response,
    no_page_response,
)
from reporting.application.status_page import UnknownPage
from shared.etag import IfNoneMatch
from shared.problems import NotFound

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])

Component = Annotated[UUID, Path(description="id of the component, as the page's JSON names it")]
_HTML: Final[dict[str, Any]] = {"content": {"text/html": {"schema": {"type": "string"}}}}


@router.get(
    "/components/{component_id}",
    summary="Read the page of a component",
    response_class=Response,
    responses={
        200: {"description": "The page", **_HTML},
        304: NOT_MODIFIED,
        403: FOR_THE_FEW | _HTML,
        **FOR_SOME,
    },
    openapi_extra={"security": []},
)
async def get_status_page_component(
    request: Request,
    pages: Pages,
    slug: Slug,
    component_id: Component,
    lang: Lang = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """For people, with the tables behind the charts. For programs the same figures are in the page's JSON.

    An address at which there is nothing is a page too when a browser asks, and a problem document when a program does.
    """
    try:
        found = await (pages.find(slug) if wants_html(request) else pages.read(slug))
    except NotAdmitted as asked:
        return admission_response(request, asked, lang, place="..")
    except UnknownPage:
        return no_page_response(request, lang)
    content = found.content
    component = next((each for each in content.components if each.component_id == component_id), None)
    if component is None:
        if wants_html(request):
            return no_page_response(request, lang, content.language)
        raise NotFound(f"The page has no component with this id. /status/{slug}.json lists those that it has.")
    t = translator_for(lang, request.headers.get("accept-language"), content.language)
    page = component_page(
        found.page,
        component,
        t,
        back="../" if found.place == "." else f"../../{content.slug}",
        private=found.private,
        remembered=found.remembered,
    )
    return page_response(request, page, t, cache_control=pages.cache_control(found))
