"""The page of one component of a status page: its days, what happened to it, its response times with every figure."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from reporting.adapters.rendering import RenderedPage, component_page
from reporting.api.dependencies import Lang
from reporting.api.pages import PUBLIC
from reporting.api.public_pages import A_PAGE, Pages, PublicPage, Slug
from shared.etag import IfNoneMatch
from shared.i18n import Translator
from shared.problems import NotFound

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])

Component = Annotated[UUID, Path(description="id of the component, as the page's JSON names it")]


@router.get(
    "/components/{component_id}",
    summary="Read the page of a component",
    response_class=Response,
    responses=A_PAGE,
    openapi_extra=PUBLIC,
)
async def get_status_page_component(
    pages: Pages, slug: Slug, component_id: Component, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """For people, with the tables behind the charts. For programs the same figures are in the page's JSON.

    An address at which there is nothing is a page too when a browser asks, and a problem document when a program does.
    """

    def render(found: PublicPage, t: Translator) -> RenderedPage:
        component = next((each for each in found.content.components if each.component_id == component_id), None)
        if component is None:
            raise NotFound(f"The page has no component with this id. /status/{slug}.json lists those that it has.")
        return component_page(
            found.page,
            component,
            t,
            back=found.way_back(2),
            private=found.private,
            remembered=found.remembered,
        )

    return await pages.show(slug, lang, render, place="..")
