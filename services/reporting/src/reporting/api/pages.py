"""Answers that browsers read: HTML with its security headers, conditional requests, negotiation of problems."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qs

from fastapi import Request, Response

from reporting.adapters.rendering import RenderedPage, message_page
from shared.etag import etag, not_modified
from shared.i18n import Translator

HTML = "text/html; charset=utf-8"
MOST_FIELDS: Final = 10


async def form_fields(request: Request) -> Mapping[str, Sequence[str]]:
    """What a browser sent of a form. Nothing when it has more fields than any of ours: then it is none of ours."""
    try:
        return parse_qs((await request.body()).decode(errors="replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}


def wants_html(request: Request) -> bool:
    """Whether a person is looking: browsers name text/html, programs do not."""
    return "text/html" in request.headers.get("accept", "")


def page_response(
    request: Request,
    page: RenderedPage,
    translator: Translator,
    *,
    cache_control: str,
    modified_at: datetime | None = None,
    status: int = 200,
) -> Response:
    """The page, or 304 when the reader has it already."""
    headers = {
        "Cache-Control": cache_control,
        "Content-Language": translator.language,
        "Vary": "Accept-Language, Accept",
    }
    if modified_at is not None:
        headers["Last-Modified"] = format_datetime(modified_at, usegmt=True)
    if status == 200:
        unchanged = unchanged_response(request, page.digest, headers, modified_at)
        if unchanged is not None:
            return unchanged
        headers["ETag"] = etag(page.digest)
    headers |= {
        "Content-Security-Policy": page.content_security_policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(page.html, status_code=status, headers=headers, media_type=HTML)


def unchanged_response(
    request: Request, digest: str, headers: dict[str, str], modified_at: datetime | None
) -> Response | None:
    """A 304 by If-None-Match, or without one by If-Modified-Since (RFC 9110, section 13.2.2)."""
    if "if-none-match" in request.headers:
        return not_modified(request, digest, headers=headers)
    since = request.headers.get("if-modified-since")
    if since is None or modified_at is None:
        return None
    try:
        known = parsedate_to_datetime(since)
    except (ValueError, OverflowError):
        return None
    if known.tzinfo is None or known < modified_at.replace(microsecond=0):
        return None
    return Response(status_code=304, headers={"ETag": etag(digest)} | headers)


def message_response(request: Request, translator: Translator, status: int, title: str, text: str) -> Response:
    """A page that only says something."""
    return page_response(
        request, message_page(translator, title, text), translator, cache_control="no-store", status=status
    )
