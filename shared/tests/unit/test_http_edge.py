"""What the edge of a service tells of a request: to its log, to a trace, and how quickly it was answered; and what it
takes in of large bodies.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from shared.http_edge import BODY_LIMIT, EVENT_STREAM, LARGE_BODIES_ROOM, BodyGuard, RequestEdge
from shared.problems import Unauthorized, install_problem_handlers
from shared.telemetry import REQUESTS, Attributes, SpanKind, TraceContext, collect_spans, current_traceparent


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


@pytest.mark.parametrize(("media_type", "counted"), [(EVENT_STREAM, 2.0), ("text/csv", 3602.0)])
async def test_a_stream_of_events_is_answered_when_it_begins_however_long_its_reader_stays(
    monkeypatch: pytest.MonkeyPatch, media_type: str, counted: float
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    app = FastAPI()
    route = f"/followed/{media_type.partition('/')[2]}"

    @app.get(route)
    async def follow() -> StreamingResponse:
        def pieces() -> Iterator[str]:
            now[0] += 3600
            yield "an hour later"

        now[0] += 2
        return StreamingResponse(pieces(), media_type=media_type)

    app.add_middleware(RequestEdge, errors={})
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            assert (await client.get(route)).text == "an hour later"
    told = {sample.name: sample.value for sample in REQUESTS.labels("GET", route, "200")._child_samples()}
    assert (told["_count"], told["_sum"]) == (1, counted)
    (line,) = [entry for entry in logged if entry["event"] == "request"]
    assert line["duration_ms"] == 3_602_000


FILE = "application/x-file"
"""A media type of which one route takes more than others do of any."""


def place_for_files(room: int) -> FastAPI:
    """Takes files of 4 MiB from whoever says his name, and lets bodies beyond the usual limit have so much room."""
    app = FastAPI()

    async def known(request: Request) -> None:
        if "x-name" not in request.headers:
            raise Unauthorized("Say who you are.")

    @app.post("/files", dependencies=[Depends(known)])
    async def take(request: Request) -> int:
        return len(await request.body())

    install_problem_handlers(app)
    app.add_middleware(BodyGuard, api=app, other_types={}, raw_bodies={"/files": {FILE: 4 * BODY_LIMIT}}, room=room)
    return app


class Sent:
    """A body of so many mebibytes, and how much of it was taken in. Its second half waits for `go_on`."""

    def __init__(self, mebibytes: int) -> None:
        self.mebibytes = mebibytes
        self.taken = 0
        self.is_halfway = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(2 * self.mebibytes):
            if number == self.mebibytes:
                self.is_halfway.set()
                await self.go_on.wait()
            self.taken += BODY_LIMIT // 2
            yield bytes(BODY_LIMIT // 2)

    async def to(self, app: FastAPI, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            return await client.post(
                "/files",
                content=self,
                headers={"Content-Type": FILE} | {k.replace("_", "-"): v for k, v in headers.items()},
            )


def sent(mebibytes: int) -> Sent:
    body = Sent(mebibytes)
    body.go_on.set()
    return body


async def test_nothing_of_a_large_body_is_taken_in_before_it_is_known_whose_it_is() -> None:
    app = place_for_files(LARGE_BODIES_ROOM)
    body = sent(4)
    assert ((await body.to(app)).status_code, body.taken) == (401, 0)
    known = await sent(4).to(app, x_name="Ada")
    assert (known.status_code, known.json()) == (200, 4 * BODY_LIMIT)


async def test_a_large_body_that_turns_out_larger_than_its_route_takes_is_refused_on_the_way() -> None:
    body = sent(40)
    answer = await body.to(place_for_files(LARGE_BODIES_ROOM), x_name="Ada")
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert body.taken <= 5 * BODY_LIMIT


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
async def test_large_bodies_share_a_room_and_small_ones_need_none(announced: bool) -> None:
    app = place_for_files(3 * BODY_LIMIT)
    length = {"content_length": str(4 * BODY_LIMIT)} if announced else {}
    first = Sent(4)
    arriving = asyncio.create_task(first.to(app, x_name="Ada", **length))
    await first.is_halfway.wait()
    second = sent(4)
    answer = await second.to(app, x_name="Ben", **length)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert second.taken == 0 or not announced, "what cannot have room is refused before it is sent"
    assert (await sent(1).to(app, x_name="Ben")).status_code == 200
    first.go_on.set()
    assert (await arriving).status_code == 200
    assert (await sent(4).to(app, x_name="Ben", **length)).status_code == 200, "whoever is done gives his room back"
