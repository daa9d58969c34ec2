"""Answers that browsers read: HTML with its security headers, conditional requests, negotiation of problems."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Request, Response

from reporting.adapters.rendering import RenderedPage, message_page
from shared.etag import etag, not_modified
from shared.i18n import Translator

HTML = "text/html; charset=utf-8"
HTML_CONTENT: Final[dict[str, Any]] = {"content": {"text/html": {"schema": {"type": "string"}}}}
"""How the document of the API describes an answer that is a page."""
FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 10


PUBLIC: Final[dict[str, Any]] = {"security": []}
"""How it describes what anybody may ask for."""


def form_of(field: str, longest: int) -> dict[str, Any]:
    """How the document of the API describes what takes a form with one field, from anybody."""
    schema = {"type": "object", "required": [field], "properties": {field: {"type": "string", "maxLength": longest}}}
    return {**PUBLIC, "requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


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
    status: int = 200,
) -> Response:
    """The page, or 304 when the reader has it already.

    Its tag alone tells: there is no Last-Modified, which counts in seconds and knows of none of the many things that a
    page says when each of them changed. Who asks with If-Modified-Since gets the page (RFC 9110, 13.1.3).
    """
    headers = {
        "Cache-Control": cache_control,
        "Content-Language": translator.language,
        "Vary": "Accept-Language, Accept",
    }
    if status == 200:
        unchanged = not_modified(request, page.digest, headers=headers)
        if unchanged is not None:
            return unchanged
        headers["ETag"] = etag(page.digest)
    headers |= {
        "Content-Security-Policy": page.content_security_policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(page.html, status_code=status, headers=headers, media_type=HTML)


def message_response(request: Request, translator: Translator, status: int, title: str, text: str) -> Response:
    """A page that only says something."""
    return page_response(
        request, message_page(translator, title, text), translator, cache_control="no-store", status=status
    )
