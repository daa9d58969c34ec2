"""Public pages for feed readers, calendars and other people's pages."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from reporting.adapters import feeds
from reporting.api.dependencies import Lang
from reporting.api.pages import PUBLIC
from reporting.api.public_pages import FOR_SOME, NOT_MODIFIED, Pages, PublicPages, Slug
from reporting.application.status_page import StatusPageContent
from shared.etag import IfNoneMatch
from shared.i18n import Translator

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])


def _documented(media_type: str, description: str, kind: str = "string") -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": description, "content": {media_type: {"schema": {"type": kind}}}},
        304: NOT_MODIFIED,
        **FOR_SOME,
    }


async def _answer(
    pages: PublicPages,
    slug: str,
    lang: str | None,
    media_type: str,
    write: Callable[[StatusPageContent, str, Translator], bytes],
) -> Response:
    found = await pages.read(slug)
    t = pages.translator(found, lang)
    return pages.answer(found, write(found.content, found.url, t), media_type, language=t.language)


@router.get(
    "/feed.atom",
    summary="Follow a status page as Atom",
    response_class=Response,
    responses=_documented("application/atom+xml", "Outages and planned work, what was said last first"),
    openapi_extra=PUBLIC,
)
async def get_status_page_atom(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """RFC 4287; stays the same while nothing happens."""
    return await _answer(pages, slug, lang, "application/atom+xml", feeds.atom)


@router.get(
    "/feed.json",
    summary="Follow a status page as JSON Feed",
    response_class=Response,
    responses=_documented("application/feed+json", "Outages and planned work, what was said last first", "object"),
    openapi_extra=PUBLIC,
)
async def get_status_page_feed(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """JSON Feed 1.1; stays the same while nothing happens."""
    return await _answer(pages, slug, lang, "application/feed+json", feeds.json_feed)


@router.get(
    "/maintenance.ics",
    summary="Subscribe to the planned work of a status page",
    response_class=Response,
    responses=_documented("text/calendar", "Planned work as a calendar"),
    openapi_extra=PUBLIC,
)
async def get_status_page_calendar(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """RFC 5545: over within 14 days, in progress, or to come within 30 days."""
    return await _answer(pages, slug, lang, "text/calendar; charset=utf-8", feeds.calendar)


@router.get(
    "/badge.svg",
    summary="Show the state of a status page as a badge",
    response_class=Response,
    responses=_documented("image/svg+xml", "The page in one line"),
    openapi_extra=PUBLIC,
)
async def get_status_page_badge(
    pages: Pages, slug: Slug, lang: Lang = None, if_none_match: IfNoneMatch = None
) -> Response:
    """A picture of 20 pixels in height whose text is readable on its ground and read out by screen readers."""

    def write(content: StatusPageContent, _url: str, t: Translator) -> bytes:
        return feeds.badge(content, t)

    return await _answer(pages, slug, lang, "image/svg+xml", write)
