"""Status pages for their visitors: as a page and as JSON, with the pictures, and the form that takes a password."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from reporting.adapters.rendering import RenderedPage, parts_of
from reporting.adapters.rendering import status_page as render
from reporting.api.dependencies import Kind, Lang, Settings
from reporting.api.pages import FORM, PUBLIC, form_fields, form_of
from reporting.api.public_pages import A_PAGE, FOR_SOME, NOT_MODIFIED, Pages, PublicPage, Slug
from reporting.api.visits import visits_of
from reporting.application.status_page import StatusPageContent
from shared.etag import IfNoneMatch
from shared.i18n import Translator
from shared.problems import NotFound, TooManyRequests, responses_for

router = APIRouter(prefix="/status", tags=["status pages"])

RAW_BODIES: Final = {"/status/{slug}/enter": {FORM: 4_096}}
"""What browsers send of forms."""
_FOREVER: Final = "public, max-age=31536000, immutable"


@router.get(
    "/{slug}.json",
    summary="Read a status page as JSON",
    response_model=StatusPageContent,
    responses={304: NOT_MODIFIED, **FOR_SOME},
    openapi_extra=PUBLIC,
)
async def get_status_page_json(pages: Pages, slug: Slug, if_none_match: IfNoneMatch = None) -> Response:
    """What the page says, for programs: components with their state, uptime and days, incidents in public words.

    Public and readable from any origin. The answer stays the same for a minute while nothing happens.
    """
    found = await pages.read(slug)
    return pages.answer(found, found.content.model_dump_json(by_alias=True).encode(), "application/json")


@router.get(
    "/{slug}",
    summary="Read a status page",
    response_class=Response,
    responses=A_PAGE,
    openapi_extra=PUBLIC,
)
async def get_status_page(
    request: Request,
    pages: Pages,
    settings: Settings,
    slug: Slug,
    lang: Lang = None,
    refused: Annotated[
        Literal["1"] | None, Query(description="`1`: the password that was given is not that of the page")
    ] = None,
    part: Annotated[
        int, Query(ge=1, le=1_000, description="of a page with more than 50 components: which 50 of them", examples=[1])
    ] = 1,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The page for visitors, in the client's brand, in French or English, without scripts.

    An unknown address is a page too when a browser asks, and a problem document when a program does. While the
    database is away visitors get the page as it was read last, and it says so.
    """
    mails = settings.smtp_host is not None

    def kept(found: PublicPage, t: Translator) -> RenderedPage:
        if part > parts_of(found.content):
            raise NotFound(f"The page has {parts_of(found.content)} parts. Leave `part` out for the first.")

        def written() -> RenderedPage:
            return render(
                found.page,
                t,
                place=found.place,
                url=found.url,
                private=found.private,
                mails=mails,
                remembered=found.remembered,
                part=part,
            )

        how = (part, t.language, found.place, found.url, found.private, mails, found.remembered)
        return visits_of(request).renderings.of(found.page, how, written)

    return await pages.show(slug, lang, kept, refused=refused is not None)


@router.post(
    "/{slug}/enter",
    status_code=303,
    summary="Open a status page with its password",
    response_class=Response,
    responses={
        303: {"description": "Back to the page, with a cookie that opens it for 30 days"},
        **responses_for(NotFound, TooManyRequests),
    },
    openapi_extra=form_of("password", 200),
)
async def enter_status_page(request: Request, pages: Pages, slug: Slug, lang: Lang = None) -> Response:
    """The form of a page that is not for everybody. A wrong password leads back to the form, which says so."""
    given = await form_fields(request)
    found, cookie = await pages.enter(slug, given.get("password", [""])[0])
    asked = {} if lang is None else {"lang": pages.translator(found, lang).language}
    query = urlencode(asked if cookie else asked | {"refused": "1"})
    headers = {"Location": found.way_back(1) + (f"?{query}" if query else ""), "Cache-Control": "no-store"}
    if cookie is not None:
        headers["Set-Cookie"] = cookie
    return Response(status_code=303, headers=headers)


@router.get(
    "/{slug}/{picture}.png",
    summary="Read a picture of a status page",
    response_class=Response,
    responses={
        200: {"description": "The picture", "content": {"image/png": {"schema": {"type": "string"}}}},
        304: NOT_MODIFIED,
        **responses_for(NotFound),
    },
    openapi_extra=PUBLIC,
)
async def get_status_page_picture(
    pages: Pages,
    slug: Slug,
    picture: Kind,
    v: Annotated[
        str | None, Query(max_length=64, description="the version that the page names: kept for good by browsers")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The logo or the small picture of the page, also before somebody has entered its password."""
    found = await pages.picture_of(slug, picture)
    if found is None:
        raise NotFound("This page has no such picture.")
    digest, content = found
    return pages.picture(digest, content, _FOREVER if v == digest else "public, max-age=300")
