"""What is refused where people look is refused in words: pages for them, where other addresses answer programs."""

from collections.abc import Callable
from typing import Final

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reporting.adapters.own_domains import OwnDomains
from reporting.adapters.portal_words import refusal, refusal_title
from reporting.adapters.rendering import translator_for
from reporting.api.head_requests import PAGES, HeadRequests
from reporting.api.pages import message_response, wants_html
from reporting.api.portal_session import PORTAL, message, reader_of
from reporting.api.public_pages import no_page
from shared.problems import MEDIA_TYPE
from shared.worker import Runtime

_GOES_ON: Final = ("allow", "retry-after", "connection", "x-request-id")
_NO_ADDRESS: Final = {400, 404, 405, 410, 422}
"""What is answered to a visitor who only opens an address: it is none, whatever is wrong with it."""


class ProblemsInWords:
    """ASGI middleware: a problem document becomes a page in the reader's language, with its status: below /portal, and
    below /status for who looks with a browser.

    Most of what a reader can do wrong has its own words already. This is for what no route answers: an address that is
    none, a form that is too long, a fault of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        in_words = _words_for(scope) if scope["type"] == "http" else None
        if in_words is None:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        replaced: Message | None = None

        async def answer(told: Message) -> None:
            nonlocal replaced
            if told["type"] == "http.response.start":
                if _is_problem(told) and (in_words is _in_portal or told["status"] not in (401, 403)):
                    replaced = told
                    return
            elif replaced is not None:
                if not told.get("more_body"):
                    page = in_words(Request(scope), int(replaced["status"]))
                    for name, value in MutableHeaders(raw=replaced["headers"]).items():
                        if name in _GOES_ON:
                            page.headers[name] = value
                    await page(scope, receive, send)
                return
            await send(told)

        await self._app(scope, receive, answer)


def _words_for(scope: Scope) -> Callable[[Request, int], Response] | None:
    if scope["path"] == PORTAL or scope["path"].startswith(f"{PORTAL}/"):
        return _in_portal
    return _on_page if scope["path"].startswith(PAGES) and wants_html(Request(scope)) else None


def _is_problem(told: Message) -> bool:
    return MutableHeaders(raw=told["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _in_portal(request: Request, status: int) -> Response:
    t = reader_of(request)
    return message(request, status, refusal_title(t, status), refusal(t, status), t)


def _on_page(request: Request, status: int) -> Response:
    t = translator_for(request.query_params.get("lang"), request.headers.get("accept-language"), "en")
    if request.method == "GET" and status in _NO_ADDRESS:
        return no_page(request, t, status)
    return message_response(request, t, status, refusal_title(t, status), refusal(t, status))


def around(app: ASGIApp, runtime: Runtime) -> ASGIApp:
    """What stands before all routes: pages on domains of their own, heads of pages, and words for people."""
    return OwnDomains(HeadRequests(ProblemsInWords(app)), runtime)
