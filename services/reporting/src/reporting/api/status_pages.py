"""Public status pages: no token, no script, the same for every visitor."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import status_page as render
from reporting.adapters.rendering import translator_for
from reporting.api.dependencies import Lang, Settings
from reporting.api.pages import message_response, page_response, unchanged_response, wants_html
from reporting.application.report import Branded
from reporting.application.status_page import StatusPageContent, UnknownPage, status_page
from shared.etag import IfNoneMatch, content_etag
from shared.problems import NotFound
from shared.service import PublicUnit

router = APIRouter(prefix="/status", tags=["status pages"])

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

Slug = Annotated[
    str, Path(max_length=100, description="address of the page, from the contract", examples=["boulangerie-martin"])
]
NOT_MODIFIED = {"description": "The reader has the present version (`If-None-Match`, `If-Modified-Since`)"}


async def _content(unit: PublicUnit, slug: str) -> Branded[StatusPageContent]:
    if not _SLUG.fullmatch(slug):
        raise UnknownPage
    return await status_page(StoredFacts(unit), slug, unit.now)


def _cache_control(settings: Settings) -> str:
    seconds = settings.status_page_max_age_seconds
    return f"public, max-age={seconds}, stale-while-revalidate={seconds}, stale-if-error=86400"


@router.get(
    "/{slug}.json",
    summary="Read a status page as JSON",
    response_model=StatusPageContent,
    responses={304: NOT_MODIFIED},
    openapi_extra={"security": []},
)
async def get_status_page_json(
    request: Request, unit: PublicUnit, settings: Settings, slug: Slug, if_none_match: IfNoneMatch = None
) -> Response:
    """What the page says, for programs: components with their state, uptime and days, incidents in public words.

    Public and readable from any origin. The answer stays the same for a minute while nothing happens.
    """
    try:
        content = (await _content(unit, slug)).content
    except UnknownPage:
        raise NotFound("There is no status page at this address.") from None
    body = content.model_dump_json(by_alias=True).encode()
    tag = content_etag(body)
    headers = {"Cache-Control": _cache_control(settings), "Access-Control-Allow-Origin": "*"}
    unchanged = unchanged_response(request, tag.strip('"'), headers, content.updated_at)
    if unchanged is not None:
        return unchanged
    return Response(body, media_type="application/json", headers={**headers, "ETag": tag})


@router.get(
    "/{slug}",
    summary="Read a status page",
    response_class=Response,
    responses={
        200: {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}},
        304: NOT_MODIFIED,
    },
    openapi_extra={"security": []},
)
async def get_status_page(
    request: Request,
    unit: PublicUnit,
    settings: Settings,
    slug: Slug,
    lang: Lang = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The page for visitors, in the client's brand, in French or English, without scripts.

    An unknown address is a page too when a browser asks, and a problem document when a program does.
    """
    accepted = request.headers.get("accept-language")
    try:
        page = await _content(unit, slug)
    except UnknownPage:
        if not wants_html(request):
            raise NotFound("There is no status page at this address.") from None
        t = translator_for(lang, accepted, "en")
        text = t.gettext("There is no status page at this address. Check the link that you were given.")
        return message_response(request, t, 404, t.gettext("Page not found"), text)
    translator = translator_for(lang, accepted, page.content.language)
    return page_response(
        request,
        render(page, translator),
        translator,
        cache_control=_cache_control(settings),
        modified_at=page.content.updated_at,
    )
