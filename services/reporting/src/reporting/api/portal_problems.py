"""Whatever is refused below /portal is refused in words: pages for people, where other addresses answer programs."""

from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reporting.adapters.own_domains import OwnDomains
from reporting.adapters.portal_words import refusal, refusal_title
from reporting.api.head_requests import HeadRequests
from reporting.api.portal_session import PORTAL, message, reader_of
from shared.problems import MEDIA_TYPE
from shared.worker import Runtime

_GOES_ON: Final = ("allow", "retry-after", "connection", "x-request-id")


class PortalProblems:
    """ASGI middleware: a problem document below /portal becomes a page in the reader's language, with its status.

    Most of what a client can do wrong has its own words already. This is for what no route answers: an address that is
    none, a form that is too long, a fault of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] == PORTAL or scope["path"].startswith(f"{PORTAL}/")):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        replaced: Message | None = None

        async def answer(told: Message) -> None:
            nonlocal replaced
            if told["type"] == "http.response.start":
                if MutableHeaders(raw=told["headers"]).get("content-type", "").startswith(MEDIA_TYPE):
                    replaced = told
                    return
            elif replaced is not None:
                if not told.get("more_body"):
                    await _page(scope, replaced, receive, send)
                return
            await send(told)

        await self._app(scope, receive, answer)


async def _page(scope: Scope, told: Message, receive: Receive, send: Send) -> None:
    request, status = Request(scope), int(told["status"])
    t = reader_of(request)
    response = message(request, status, refusal_title(t, status), refusal(t, status), t)
    for name, value in MutableHeaders(raw=told["headers"]).items():
        if name in _GOES_ON:
            response.headers[name] = value
    await response(scope, receive, send)


def around(app: ASGIApp, runtime: Runtime) -> ASGIApp:
    """What stands before all routes: pages on domains of their own, heads of pages, and the portal's words."""
    return OwnDomains(HeadRequests(PortalProblems(app)), runtime)
