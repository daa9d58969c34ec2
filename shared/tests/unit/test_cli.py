"""The command line without a service: its file, its tables, its statuses, what the doctor makes of answers."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.cli.api_client import ApiClient, checked, write_whole
from shared.cli.contexts import SERVICES, Context, ContextFile, checked_url, chosen_context, urls_from
from shared.cli.doctor import (
    Answer,
    Finding,
    State,
    judged_clocks,
    judged_metrics,
    judged_readiness,
    judged_status,
    judged_versions,
    judged_whole,
    not_seen,
)
from shared.cli.output import Output, clean, say_json, say_list, say_table, tell_problem, value_at
from shared.cli.refusals import CannotGoOn, Problem, WrongUsage
from shared.stack import nats_server

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
KEY = "uk0123456789abcdef_secretsecret"
LOCAL = Context("local", {"contracts": "http://127.0.0.1:8001"}, key=KEY, token="bearer")


# --- contexts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> ContextFile:
    return ContextFile(tmp_path / "upheld" / "contexts.json")


def test_what_is_written_down_is_read_again_and_only_its_owner_can(file: ContextFile) -> None:
    file.put(LOCAL)
    assert file.named("local") == LOCAL
    assert file.current == "local"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_may_read_is_refused_with_the_remedy(file: ContextFile) -> None:
    file.put(LOCAL)
    file.path.chmod(0o640)
    with pytest.raises(CannotGoOn) as refusal:
        file.all()
    assert "chmod 600" in refusal.value.next_step


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "upheld").write_text("a file in its place")
    file = ContextFile(tmp_path / "upheld" / "contexts.json")
    assert file.all() == {}
    with pytest.raises(CannotGoOn, match="cannot be written"):
        file.put(LOCAL)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"contexts": []}'])
def test_a_damaged_file_is_told_as_one(file: ContextFile, content: str) -> None:
    file.path.parent.mkdir()
    file.path.touch(mode=0o600)
    file.path.write_text(content)
    with pytest.raises(CannotGoOn, match="is damaged"):
        file.all()


def test_no_context_shows_its_key_when_it_is_printed() -> None:
    assert KEY not in repr(LOCAL)
    assert "bearer" not in repr(LOCAL)
    assert LOCAL.prefix == "uk0123456789abcdef"


def test_the_one_that_is_named_comes_before_the_environment_and_that_before_the_current_one(
    file: ContextFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.put(LOCAL)
    assert chosen_context(None, file).name == "local"
    monkeypatch.setenv("CONTRACTS_URL", "http://127.0.0.1:9999/")
    monkeypatch.setenv("UPHELD_CLIENT_SECRET", KEY)
    assert chosen_context(None, file).urls == {"contracts": "http://127.0.0.1:9999"}
    assert chosen_context("local", file) == LOCAL
    with pytest.raises(WrongUsage, match="There is no context other"):
        chosen_context("other", file)


@pytest.mark.parametrize(
    "url", ["http://upheld.example", "ftp://upheld.example", "upheld.example", "https://a:b@upheld.example", "https://"]
)
def test_no_key_goes_in_clear_over_a_network_or_to_what_is_no_address(url: str) -> None:
    with pytest.raises(WrongUsage):
        checked_url(url)


def test_one_pattern_names_all_services() -> None:
    assert urls_from("https://upheld.example/{service}/")["probes"] == "https://upheld.example/probes"
    assert tuple(urls_from("https://{service}.upheld.example")) == SERVICES == nats_server.SERVICES
    with pytest.raises(WrongUsage):
        urls_from("https://upheld.example")


# --- output ----------------------------------------------------------------------------------------------------------

ROWS: list[dict[str, Any]] = [
    {"id": "1", "at": {"place": "Paris\nVille"}, "yes": True, "names": ["a", "b"]},
    {"id": "22", "at": None},
]
COLUMNS = (("id", "id"), ("place", "at.place"), ("yes", "yes"), ("names", "names"))


def test_a_table_for_a_program_has_a_line_a_row_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([*ROWS, {"id": "3", "at": {"place": "x" * 300}}], COLUMNS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["id", "place", "yes", "names"],
        ["1", "Paris", "Ville", "yes", "a,", "b"],
        ["22"],
    ]
    assert (len(lines), "x" * 300 in lines[3]) == (4, True)


def test_a_list_as_json_is_a_page_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    say_list({"data": ROWS, "next_cursor": "abc", "more": 1}, COLUMNS, Output.json)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"data": ROWS, "next_cursor": "abc"}
    assert "--all" in said.err
    say_list({"data": [], "next_cursor": None}, COLUMNS, Output.table)
    assert capsys.readouterr() == ("", "None.\n")


@pytest.mark.parametrize("bad", ["\x1b[2J", "\x9b2J", "\x07", "\u202e", "\r"])
def test_what_comes_from_outside_moves_no_cursor(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bad[0] not in clean(f"a{bad}b") + value_at({"a": f"x{bad}"}, "a")
    say_json({"a": bad})
    said = capsys.readouterr().out
    assert bad[0] not in said
    assert json.loads(said) == {"a": bad}


PROBLEM = {
    "title": "The request is not valid",
    "status": 422,
    "code": "validation-failed",
    "detail": "Two values are wrong.",
    "errors": [{"detail": "is missing", "pointer": "#/name"}, {"detail": "is too long", "parameter": "limit"}],
    "request_id": "0190",
}


def test_a_problem_is_told_with_title_detail_fields_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    tell_problem(PROBLEM, Output.table)
    assert capsys.readouterr().err.splitlines() == [
        "upheld: The request is not valid (422 validation-failed)",
        "  Two values are wrong.",
        "  - #/name: is missing",
        "  - limit: is too long",
        "  Next: Correct what is named above, then repeat.",
        "  Request 0190: the logs know it by this.",
    ]
    tell_problem({"title": "Too many requests", "status": 429}, Output.table, "30")
    assert "Next: Wait 30 seconds, then repeat." in capsys.readouterr().err
    tell_problem(PROBLEM, Output.json)
    assert json.loads(capsys.readouterr().err) == PROBLEM


# --- requests --------------------------------------------------------------------------------------------------------


def client_over(
    answers: list[httpx.Response], kept: list[Context], sleep: Callable[[float], None] = lambda _: None
) -> tuple[ApiClient, list[httpx.Request]]:
    """A client whose requests are answered in turn, and the requests."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers.pop(0)

    client = ApiClient(LOCAL, timeout=1, keep=kept.append, sleep=sleep)
    client._clients[False] = httpx.Client(transport=httpx.MockTransport(answer))
    return client, asked


def test_a_token_that_is_over_is_replaced_once_and_kept() -> None:
    kept: list[Context] = []
    thing = {"name": "x"}
    answers = [httpx.Response(401), httpx.Response(200, json={"access_token": "new"}), httpx.Response(200, json=thing)]
    client, asked = client_over(answers, kept)
    with client:
        assert client.get("contracts", "/v1/things") == thing
    assert [request.headers["authorization"] for request in asked[::2]] == ["Bearer bearer", "Bearer new"]
    assert [context.token for context in kept] == ["new"]
    client, asked = client_over(
        [httpx.Response(401), httpx.Response(200, json={"access_token": "new"}), httpx.Response(401)], kept
    )
    with client, pytest.raises(Problem):
        client.get("contracts", "/v1/things")
    assert len(asked) == 3


def too_fast(wait: str, limit: str | None = "credential", **headers: str) -> httpx.Response:
    document = {"title": "Too many requests", "status": 429, "code": "too-many-requests"}
    named = {} if limit is None else {"limit": limit}
    return httpx.Response(429, json=document | named, headers={"Retry-After": wait, **headers})


def test_whoever_asks_too_fast_waits_as_long_as_he_is_told_and_asks_again() -> None:
    limited = too_fast("1", RateLimit='"credential";r=0;t=1')
    first = httpx.Response(200, json={"data": [{"n": 1}], "next_cursor": "c"})
    last = httpx.Response(200, json={"data": [], "next_cursor": None})
    slept: list[float] = []
    client, asked = client_over([first, limited, limited, last], [], slept.append)
    assert client.page("contracts", "/v1/clients", everything=True)["data"] == [{"n": 1}]
    assert (len(asked), slept) == (4, [1, 1])


@pytest.mark.parametrize(
    ("refusal", "waits"),
    [
        (too_fast("1"), 5),
        (too_fast("11"), 0),
        # The answer says what this key has left, even if that is nothing; it is another limit that refused.
        (too_fast("1", "check-tests", RateLimit='"credential";r=180'), 0),
        (too_fast("1", "streams", RateLimit='"credential";r=0'), 0),
        (too_fast("1", None, RateLimit='"credential";r=0'), 0),
        (httpx.Response(429, text="slow down", headers={"Retry-After": "1"}), 0),
    ],
    ids=["for ever", "long", "another limit", "another limit, and none left", "unnamed", "of a proxy"],
)
def test_a_refusal_that_stays_is_told(refusal: httpx.Response, waits: int) -> None:
    slept: list[float] = []
    client, asked = client_over([refusal] * 9, [], slept.append)
    with pytest.raises(Problem):
        client.get("contracts", "/v1/clients")
    assert (len(asked), slept) == (1 + waits, [1] * waits)


def test_all_pages_are_read_when_all_are_asked_for() -> None:
    rows = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    pages = [{"data": rows[:2], "next_cursor": "c"}, {"data": rows[2:], "next_cursor": None}]
    client, asked = client_over([httpx.Response(200, json=page) for page in pages], [])
    with client:
        assert client.page("contracts", "/v1/things", {"status": None}, everything=True)["data"] == rows
    assert [str(request.url.query, "ascii") for request in asked] == ["limit=200", "limit=200&cursor=c"]


def test_nobody_answers_and_slowness_are_sentences() -> None:
    with ApiClient(Context("x", {"contracts": "http://127.0.0.1:1"}, key=KEY), timeout=1) as client:
        with pytest.raises(CannotGoOn, match=r"http://127\.0\.0\.1:1 does not answer") as refusal:
            client.get("contracts", "/v1/things")
        assert "upheld doctor" in refusal.value.next_step
        with pytest.raises(CannotGoOn, match="does not say where probes is"):
            client.context.url("probes")


def test_an_answer_that_is_not_ours_is_told_as_one() -> None:
    request = httpx.Request("GET", "https://upheld.example/v1/things")
    with pytest.raises(Problem) as problem:
        checked(httpx.Response(502, text="<html>", request=request))
    assert problem.value.document["title"] == "https://upheld.example answered 502"


LOGIN_PAGE = httpx.Response(200, html="<html>Log in to the network</html>")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (LOGIN_PAGE, "answered text/html"),
        (httpx.Response(200), "answered something where"),
        (httpx.Response(200, json=[1]), "where Upheld answers a JSON object"),
        (httpx.Response(200, json={"items": []}), "has no data"),
        (httpx.Response(200, json={"data": None}), "holds something else"),
        (httpx.Response(200, json={"data": ["a"]}), "holds something else"),
    ],
)
@pytest.mark.parametrize("everything", [False, True])
def test_a_good_answer_that_is_not_ours_is_a_sentence_and_no_traceback(
    answer: httpx.Response, said: str, everything: bool
) -> None:
    client, _ = client_over([answer], [])
    with client, pytest.raises(CannotGoOn, match=said) as refusal:
        client.page("contracts", "/v1/things", everything=everything)
    assert "upheld contexts list" in refusal.value.next_step


def test_what_an_answer_lacks_in_its_depth_is_told_with_its_name() -> None:
    client, _ = client_over([httpx.Response(200, json={"operations": [{"kind": "x"}]})], [])
    with client, pytest.raises(CannotGoOn, match="has no words"):
        client.post("contracts", "/v1/things")["operations"][0]["words"]


def test_a_login_page_is_written_down_neither_as_a_token_nor_as_a_report(tmp_path: Path) -> None:
    kept: list[Context] = []
    client, _ = client_over([LOGIN_PAGE], kept)
    with client, pytest.raises(CannotGoOn):
        client.log_in()
    assert kept == []
    client, _ = client_over([LOGIN_PAGE], kept)
    with client, pytest.raises(CannotGoOn, match=r"text/html instead of application/pdf"):
        client.download("contracts", "/v1/x", None, tmp_path / "x.pdf", media_type="application/pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_that_somebody_on_the_way_has_deformed_is_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    request = httpx.Request("GET", "https://upheld.example/v1/things")
    for deformed in ({"status": "many", "errors": "all"}, {"errors": ["x", None]}, {"status": None, "errors": 3}):
        with pytest.raises(Problem) as problem:
            checked(httpx.Response(409, json={"title": "Conflict", **deformed}, request=request))
        tell_problem(problem.value.document, Output.table)
        assert capsys.readouterr().err.startswith("upheld: Conflict (409 )\n  Next: Look at what is there now")


def test_half_of_a_file_is_never_left(tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    write_whole(target, b"%PDF")
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]
    with pytest.raises(CannotGoOn, match="cannot be written"):
        write_whole(tmp_path / "missing" / "report.pdf", b"")


# --- the doctor ------------------------------------------------------------------------------------------------------


def ready(service: str, ahead: float = 0, version: str = "0.1.0", **checks: str) -> Answer:
    body = {
        "checks": {"database": "ok", "schema": "ok", "draining": "ok"} | checks,
        "version": version,
        "revision": "0007",
        "now": (NOW + timedelta(seconds=ahead)).isoformat(),
    }
    return Answer(service, body, NOW)


def test_an_answer_of_no_service_is_wrong_and_no_traceback() -> None:
    for body in ({"checks": "ok"}, {"checks": ["ok"]}, {"checks": {"database": 1}}):
        assert bad(judged_readiness(Answer("probes", body, NOW)))
    for told in ("noon", "2026-06-08T09:00:00", 5):
        assert list(judged_clocks([Answer("probes", {"now": told}, NOW)])) == []


def bad(findings: Any) -> dict[str, Finding]:
    return {one.check: one for one in findings if one.state is State.bad}


def test_a_service_that_is_ready_says_version_and_schema_and_another_what_it_lacks() -> None:
    (found,) = judged_readiness(ready("probes"))
    assert (found.state, found.found) == (State.ok, "version 0.1.0, schema 0007")
    wrong = bad(judged_readiness(ready("probes", schema="stands at 0001, needs 0002: run `migrate`")))
    assert "migrate" in wrong["schema"].next_step
    assert "ready" in bad(judged_readiness(Answer("probes", {"html": 1}, NOW)))


def test_releases_beside_one_another_are_wrong() -> None:
    assert not bad(judged_versions([ready("probes"), ready("contracts")]))
    assert bad(judged_versions([ready("probes"), ready("contracts", version="0.2.0")]))["versions"].next_step


def test_clocks_of_services_are_compared_with_one_another_and_with_ours() -> None:
    assert [one.state for one in judged_clocks([ready("probes", 1.5), ready("contracts")])] == [State.ok]
    assert (
        "probes is 2.5 s ahead of contracts"
        in bad(judged_clocks([ready("probes", 2.5), ready("contracts")]))["clocks"].found
    )
    shifted = list(judged_clocks([ready("probes", 86_400), ready("contracts", 86_400)]))
    assert [(one.check, one.state) for one in shifted] == [("clocks", State.ok), ("clock here", State.note)]


STATUS: Mapping[str, Any] = {
    "unpublished": 0,
    "oldest_unpublished_seconds": 0.0,
    "dead_letters": 0,
    "consumers": [{"stream": "CONTRACTS", "pending": 0, "unacknowledged": 0}],
}


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"oldest_unpublished_seconds": 61.0, "unpublished": 3}, "outbox"),
        ({"dead_letters": 1}, "dead letters"),
        ({"consumers": [{"stream": "CONTRACTS", "pending": 1001, "unacknowledged": 0}]}, "consumers"),
        ({"consumers": [{"stream": "CONTRACTS", "pending": None, "unacknowledged": None}]}, "consumers"),
        ({"consumers": None}, "consumers"),
    ],
)
def test_what_waits_too_long_or_failed_is_wrong_and_says_what_to_do(changed: Mapping[str, Any], check: str) -> None:
    assert not bad(judged_status("incidents", STATUS))
    wrong = bad(judged_status("incidents", {**STATUS, **changed}))
    assert list(wrong) == [check]
    assert wrong[check].next_step


def test_metrics_tell_what_nobody_reads_from_the_database_and_a_late_schedule() -> None:
    late = {
        ("outbox_oldest_unpublished_seconds", ""): 90.0,
        ("probes_schedule_lateness_seconds_count", ""): 100.0,
        ("probes_schedule_lateness_seconds_bucket", "1.0"): 98.0,
    }
    assert set(bad(judged_metrics("probes", late, exact=False))) == {"outbox", "schedule"}
    assert set(bad(judged_metrics("probes", late, exact=True))) == {"schedule"}
    late["probes_schedule_lateness_seconds_bucket", "1.0"] = 99.5
    assert not bad(judged_metrics("probes", late, exact=True))
    none = list(judged_metrics("contracts", {}, exact=False))
    assert [(one.check, one.state) for one in none] == [(check, State.unknown) for check in INSIDE]


def test_metrics_of_a_worker_tell_outbox_letters_and_consumers_where_it_is_not_here() -> None:
    well = {("outbox_oldest_unpublished_seconds", ""): 0.0, ("dead_letters_open", ""): 0.0, ("events_pending", ""): 3.0}
    found = list(judged_metrics("incidents", well, exact=False))
    assert [(one.check, one.state) for one in found] == [(check, State.ok) for check in INSIDE]
    assert set(bad(judged_metrics("incidents", {**well, ("events_pending", ""): 1001.0}, exact=False))) == {"consumers"}
    # A worker that has not reached NATS has no consumers yet: nothing is known of them.
    starting = judged_metrics("incidents", {("outbox_oldest_unpublished_seconds", ""): 0.0}, exact=False)
    assert [one.check for one in starting] == ["outbox"]


INSIDE = ["outbox", "dead letters", "consumers"]
SEEN = [Finding(service, "ready", State.ok, "") for service in SERVICES]
ALL_SEEN = [
    *SEEN,
    *(Finding(service, check, State.ok, "") for service in SERVICES for check in INSIDE),
    Finding("probes", "schedule", State.ok, ""),
]


def test_what_could_not_be_seen_is_listed_and_is_not_called_well() -> None:
    assert list(not_seen(ALL_SEEN, [])) == []
    assert judged_whole(ALL_SEEN) == (0, "Nothing is wrong: 17 checks.")
    rest = list(not_seen(SEEN, []))
    assert {(one.service, one.check) for one in rest} == {(one.service, one.check) for one in ALL_SEEN[4:]}
    assert all(one.next_step for one in rest)
    status, verdict = judged_whole([*SEEN, *rest])
    assert status == 3
    assert verdict.startswith("Nothing is wrong in what was seen: 4 checks. Not seen: contracts (outbox, dead letters,")
    assert "probes (outbox, dead letters, consumers, schedule); incidents" in verdict


def test_what_is_wrong_comes_before_what_was_not_seen_and_both_are_told() -> None:
    ill = [*SEEN[1:], Finding("contracts", "database", State.bad, "away")]
    status, verdict = judged_whole([*ill, *not_seen(ill, [])])
    assert (status, verdict.startswith("1 of 4 are wrong. Not seen: contracts (outbox,")) == (1, True)


def test_where_nobody_is_logged_in_the_other_services_are_not_seen() -> None:
    here = [Finding("contracts", check, State.ok, "") for check in INSIDE]
    rest = {(one.service, one.check) for one in not_seen(here, ["contracts"])}
    assert {("contracts", "ready"), ("probes", "ready"), ("probes", "outbox"), ("probes", "schedule")} <= rest
    assert ("contracts", "outbox") not in rest


# --- the process -----------------------------------------------------------------------------------------------------


def upheld(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **variables}
    command = [sys.executable, "-m", "shared.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_help_imports_nothing_heavy() -> None:
    """Which is why it is there at once; how soon depends on the machine."""
    assert upheld("--help").returncode == 0
    script = "import sys, shared.cli.__main__; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {*SERVICES, "httpx", "rich.console", "sqlalchemy", "fastapi", "pydantic_settings"}


@pytest.mark.parametrize("words", [["contracts", "list"], ["doctor"], ["contexts", "use", "x"], ["login"]])
def test_without_an_installation_it_says_how_to_name_one(words: list[str], tmp_path: Path) -> None:
    done = upheld(*words, XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode in (1, 2)
    assert "upheld login" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words", [["--output", "xml", "contracts", "list"], ["contracts"], ["keys", "create"], ["admin", "nothing"]]
)
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    assert upheld(*words).returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ["dead-letters", "list"],
        ["dead-letters", "retry", "--all"],
        ["dead-letters", "show", "0190a000-0000-7000-8000-000000000001"],
        ["dead-letters", "resolve", "0190a000-0000-7000-8000-000000000001", "--reason", "x"],
        ["tenants", "list"],
        ["tenants", "create", "--name", "Elsewhere"],
        ["replay", "--since", "2026-01-01"],
        ["reconcile"],
        ["admin", "contracts", "bootstrap"],
    ],
)
def test_a_context_that_is_named_is_never_answered_by_what_is_here(words: list[str]) -> None:
    # Settings that would be acted on, were the context not looked at.
    settings = {f"{service.upper()}_DATABASE_URL": "postgresql://127.0.0.1:1/none" for service in SERVICES}
    for done in (
        upheld("-c", "production", *words, **settings),
        upheld(*words, UPHELD_CONTEXT="production", **settings),
    ):
        assert (done.returncode, done.stdout) == (2, "")
        assert "not on those of the context production" in done.stderr
        assert "Leave out --context" in done.stderr


def test_a_shell_completes_commands_and_names_of_services() -> None:
    done = upheld(_UPHELD_COMPLETE="complete_bash", COMP_WORDS="upheld con", COMP_CWORD="1")
    assert done.stdout.split() == ["contracts", "contexts"]
    done = upheld(_UPHELD_COMPLETE="complete_bash", COMP_WORDS="upheld replay -s in", COMP_CWORD="3")
    assert done.stdout.split() == ["incidents"]
