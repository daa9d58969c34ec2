"""A small web site on loopback that can be broken and mended page by page: what demonstrations and tests probe.

It also takes what webhooks deliver.
"""

import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

PAGE = "<!doctype html><html lang=en><title>{name}</title><h1>{name}</h1><p>Welcome.</p></html>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever looked may hang up: that is no traceback between the figures of a benchmark."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class SmallSite:
    """Serves a page at every path. `break_page` makes one answer 503 until `mend_page`; use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self._broken: set[str] = set()
        self.received: list[tuple[dict[str, str], bytes]] = []
        """What was posted, wherever: headers (names in lower case) and body."""
        site = self

        class Page(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                broken = path in site._broken
                status = HTTPStatus.SERVICE_UNAVAILABLE if broken else HTTPStatus.OK
                name = "Database connection failed" if broken else "Hotel Bellevue"
                body = PAGE.format(name=name).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                site.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(HTTPStatus.NO_CONTENT)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Says nothing: every probe would be a line."""

        self._server = _Server(("127.0.0.1", port), Page)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def break_page(self, path: str = "/") -> None:
        self._broken.add(path)

    def mend_page(self, path: str = "/") -> None:
        self._broken.discard(path)
