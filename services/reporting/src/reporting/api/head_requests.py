"""HEAD of status pages and of what belongs to them: link previews, monitors and feed readers ask so."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES: Final = "/status/"


class HeadRequests:
    """ASGI middleware: HEAD below /status/ is answered as GET is, without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PAGES):
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"

        async def answer(told: Message) -> None:
            if told["type"] == "http.response.start":
                headers = MutableHeaders(raw=told["headers"])
                if "GET" in headers.get("allow", "").split(", "):
                    headers["allow"] = headers["allow"].replace("GET", "GET, HEAD")
            elif head and told["type"] == "http.response.body":
                told = {**told, "body": b""}
            await send(told)

        await self._app({**scope, "method": "GET"} if head else scope, receive, answer)
