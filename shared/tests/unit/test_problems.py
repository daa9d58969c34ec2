"""Problem types contradict neither one another nor RFC 9457."""

import json

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from shared.problems import (
    Conflict,
    FieldError,
    NotFound,
    Problem,
    Unavailable,
    ValidationFailed,
    body_pointer,
    catalogue,
    install_problem_handlers,
    problem_of,
    responses_for,
)


def test_a_second_class_cannot_give_a_type_another_meaning() -> None:
    with pytest.raises(TypeError, match="both problem 'conflict'"):
        type("Clash", (Problem,), {"slug": "conflict", "title": "Another title", "status": 400})


@pytest.mark.parametrize("name", ["ab", "with-dash", "1st", "status", "title", "request_id"])
def test_extension_members_have_names_of_the_standard_and_hide_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be an extension"):
        Conflict("no", **{name: 1})  # type: ignore[arg-type]


def test_extensions_and_errors_are_members_of_the_document() -> None:
    fault = FieldError(detail="too long", pointer="#/name")
    document = ValidationFailed("Too long.", errors=[fault], allowed_length=3).document("/v1/é")
    assert document["errors"] == [{"detail": "too long", "pointer": "#/name"}]
    assert document["allowed_length"] == 3
    assert document["instance"] == "/v1/%C3%A9"


def test_a_text_that_is_no_unicode_does_not_break_the_answer() -> None:
    response = NotFound("half a pair: \ud800").response("/v1/\ud800")
    assert json.loads(bytes(response.body))["code"] == "not-found"


def test_what_is_temporary_says_when_to_come_back() -> None:
    assert Unavailable("later").response("/").headers["retry-after"] == "2"
    assert Unavailable("later", headers={"Retry-After": "60"}).response("/").headers["retry-after"] == "60"


async def test_a_fault_is_logged_under_its_route_and_never_with_what_stands_in_the_place_of_a_token() -> None:
    app = FastAPI()
    install_problem_handlers(app)

    @app.post("/v1/intake/{intake_token}")
    async def hand_in(intake_token: str) -> None:
        raise DBAPIError("select 1", None, Exception("nobody thought of this"))

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/v1/intake/hunter2")).status_code == 500
    (line,) = [entry for entry in logged if entry["event"] == "request_failed"]
    assert line["route"] == "/v1/intake/{intake_token}"
    assert "hunter2" not in str(line)


def test_the_catalogue_explains_every_type() -> None:
    for entry in catalogue():
        assert entry.type.endswith("/" + entry.code)
        assert len(entry.description) > 20


def test_mapped_errors_are_found_by_their_class_and_its_bases() -> None:
    class Refused(Exception): ...

    class RefusedTwice(Refused): ...

    problem = problem_of(RefusedTwice("no"), {Refused: lambda error: Conflict(str(error))})
    assert isinstance(problem, Conflict)
    assert problem_of(KeyError("x"), {Refused: lambda error: Conflict(str(error))}) is None


def test_problems_of_one_status_are_one_response() -> None:
    responses = responses_for(Conflict, NotFound)
    assert set(responses) == {404, 409}
    assert set(responses[409]["content"]) == {"application/problem+json"}


@pytest.mark.parametrize(
    ("path", "missing", "pointer"),
    [
        ((), False, "#"),
        (("a", 1, "b"), False, "#/a/1/b"),
        (("a", 1, "Circle", "b"), False, "#/a/1/b"),
        (("a", 7), False, "#/a"),
        (("c",), True, "#/c"),
        (("c",), False, "#"),
        (("x/y~z",), False, "#/x~1y~0z"),
        (("a", 0, "deep"), False, "#/a/0"),
    ],
)
def test_pointers_lead_to_what_is_there(path: tuple[object, ...], missing: bool, pointer: str) -> None:
    body = {"a": ["text", {"b": 1}], "x/y~z": 0}
    assert body_pointer(path, body, missing=missing) == pointer
