"""What the edge of a service writes into its log about a request."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from shared.http_edge import RequestEdge


@pytest.mark.parametrize("parameter", ["token", "intake_token", "secret", "link_secret"])
async def test_what_opens_a_door_stands_in_no_line_of_the_log(parameter: str) -> None:
    app = FastAPI()

    @app.get(f"/doors/{{{parameter}}}/open")
    async def look() -> None:
        """Nothing happens."""

    app.add_middleware(RequestEdge, errors={})
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            assert (await client.get("/doors/hunter2/open")).status_code == 200
            assert (await client.post("/doors/hunter2/open")).status_code == 405
    lines = [entry for entry in logged if entry["event"] == "request"]
    assert [line["path"] for line in lines] == [f"/doors/{{{parameter}}}/open"] * 2
    assert "hunter2" not in str(logged)


async def test_what_is_no_secret_is_told_as_it_was_asked_for() -> None:
    app = FastAPI()

    @app.get("/doors/{door_id}/rotate-secret")
    async def look(door_id: str) -> str:
        return door_id

    app.add_middleware(RequestEdge, errors={})
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            await client.get("/doors/7/rotate-secret")
    (line,) = [entry for entry in logged if entry["event"] == "request"]
    assert line["path"] == "/doors/7/rotate-secret"
