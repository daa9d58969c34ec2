"""What the portal makes of the answers of contracts when it asks for somebody's token."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pydantic import SecretStr

from reporting.adapters.upstream import PortalAccess
from reporting.application.portal import ContractsAway, PersonIsOut
from reporting.settings import ReportingSettings
from shared.ids import new_id

UNKNOWN = b'{"status": 404, "code": "not-found", "person": "unknown"}'


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Somebody who answers every request alike, at the address that is given."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_told: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def token(url: str) -> None:
    settings = ReportingSettings.model_construct(contracts_url=url, portal_timeout_seconds=5.0)
    await PortalAccess(settings, SecretStr("s" * 40)).token(new_id())


async def test_only_an_answer_about_the_person_says_that_he_is_out() -> None:
    with answering(404, UNKNOWN) as url, pytest.raises(PersonIsOut):
        await token(url)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>no such route</html>"),
        (404, b'{"status": 404, "code": "not-found", "detail": "There is nothing at this address."}'),
        (404, b'"person"'),
        (404, b""),
        (410, UNKNOWN),
        (503, UNKNOWN),
        (200, b"{}"),
    ],
)
async def test_whatever_else_is_answered_ends_nobody_s_session(status: int, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(ContractsAway):
        await token(url)
