"""What the edge of a service writes into its log about a request, and of whom it tells a trace."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from shared.http_edge import RequestEdge
from shared.telemetry import Attributes, SpanKind, TraceContext, collect_spans, current_traceparent


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


@pytest.mark.parametrize("setting", ["LIBRARY_TRUSTED_PROXIES", None])
async def test_a_proxy_that_nobody_named_is_told_once_because_all_its_visitors_are_taken_for_one(
    setting: str | None,
) -> None:
    app = FastAPI()
    app.add_middleware(RequestEdge, errors={}, unbelieved=setting)
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            await client.get("/")
            assert [entry for entry in logged if entry["log_level"] == "warning"] == []
            for number in range(3):
                await client.get("/", headers={"X-Forwarded-For": f"203.0.113.{number}"})
    told = [entry for entry in logged if entry["log_level"] == "warning"]
    wanted = {"event": "proxy_is_not_believed", "log_level": "warning", "remote": "127.0.0.1", "setting": setting}
    assert told == ([wanted] if setting else [])


CALLERS = "0af7651916cd43dd8448eb211c80319c"


class Chosen:
    """Collects every trace or none, but always one whose id a caller would make up for that."""

    def __init__(self, *, everything: bool) -> None:
        self.everything = everything
        self.told: list[TraceContext] = []

    def samples(self, trace_id: str) -> bool:
        return self.everything or trace_id == CALLERS

    def take(
        self, name: str, kind: SpanKind, trace: TraceContext, seconds: float, attributes: Attributes, error: str | None
    ) -> None:
        self.told.append(trace)


@pytest.mark.parametrize(
    ("callers_choose", "everything", "flag", "collected"),
    [
        (False, False, "01", False),
        (False, True, "00", True),
        (True, False, "01", True),
        (True, True, "00", False),
    ],
)
async def test_whether_a_request_is_collected_is_ours_to_choose_unless_callers_may(
    callers_choose: bool, everything: bool, flag: str, collected: bool
) -> None:
    app = FastAPI()
    app.add_middleware(RequestEdge, errors={}, callers_choose_traces=callers_choose)

    @app.get("/")
    async def look() -> str | None:
        return current_traceparent()

    collect_spans(chosen := Chosen(everything=everything))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            answer = await client.get("/", headers={"traceparent": f"00-{CALLERS}-b7ad6b7169203331-{flag}"})
    finally:
        collect_spans(None)
    carried = TraceContext.parse(answer.json())
    assert carried is not None
    assert (carried.trace_id, carried.sampled) == (CALLERS, collected), "his ids are kept whoever chooses"
    assert [(trace.trace_id, trace.parent_id) for trace in chosen.told] == (
        [(CALLERS, "b7ad6b7169203331")] if collected else []
    )
