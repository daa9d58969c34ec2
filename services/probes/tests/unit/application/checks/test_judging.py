"""Assertions held against answers, one by one."""

import hashlib
import json
import time
from typing import Any

import pytest

from probes.application.checks.http import HttpCheck
from probes.application.checks.judging import CHARSETS, Answer, Judgement, judge
from probes.domain.states import Reason

PAGE = "<html><h1>Hôtel Bellevue</h1>\n<main> Chambres\n\tlibres </main><!-- 12:00 --></html>"
API = {
    "ok": True,
    "rooms": [{"name": "Lac", "price": 120.5, "free": 2}, {"name": "Mont", "price": 90, "free": 0}],
    "gone": None,
    "tags": ["spa", 1, False],
}
TIMES = {"total": 480.4, "name_lookup": 1.0, "connect": 20.0, "tls": 30.0, "first_byte": 400.0}


def answer(body: str | bytes = PAGE, *headers: tuple[str, str], secure: bool = True, **changes: Any) -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    values: dict[str, Any] = {"size": len(raw), "cut_off": False, "milliseconds": TIMES}
    return Answer(secure=secure, headers=headers, body=raw, **(values | changes))


def judged(given: Answer, **assertion: Any) -> Judgement:
    check = HttpCheck.model_validate({"url": "https://hotel.example/", "assertions": [assertion]})
    return judge(check.assertions, given)


@pytest.mark.parametrize(
    ("assertion", "sentence"),
    [
        ({"text": "Hôtel Bellevue"}, None),
        ({"text": "hôtel bellevue"}, "The text “hôtel bellevue” does not occur in the answer."),
        ({"text": "HÔTEL bellevue", "match_case": False}, None),
        ({"text": "Casino", "present": False}, None),
        ({"text": "Bellevue", "present": False}, "The text “Bellevue” occurs in the answer and must not."),
    ],
)
def test_keywords(assertion: dict[str, Any], sentence: str | None) -> None:
    assert judged(answer(), type="keyword", **assertion).detail == (sentence or "")


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"pattern": r"<h1>\w+\s*Bellevue"}, False),  # \w is ASCII in RE2
        ({"pattern": r"<h1>\pL+\s*Bellevue"}, True),
        ({"pattern": "bellevue"}, False),
        ({"pattern": "bellevue", "match_case": False}, True),
        ({"pattern": "(?i)fatal error", "present": False}, True),
        ({"pattern": "^<html>.*</html>$"}, False),
        ({"pattern": "(?s)^<html>.*</html>$"}, True),
    ],
)
def test_expressions(assertion: dict[str, Any], holds: bool) -> None:
    assert bool(judged(answer(), type="regex", **assertion).failed) is not holds


def test_an_expression_that_hangs_elsewhere_is_done_in_time() -> None:
    began = time.monotonic()
    given = answer("a" * 1_000_000)
    for pattern in ("(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*a){12}b", "([a-zA-Z]+)*b"):
        assert judged(given, type="regex", pattern=pattern).failed
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("path", "condition", "value", "sentence"),
    [
        ("$.rooms[0]", "exists", None, None),
        ("$.gone", "exists", None, None),
        ("$.suites", "exists", None, "“$.suites” selects nothing in the answer."),
        ("$.suites", "absent", None, None),
        ("$.rooms", "absent", None, "“$.rooms” selects an array and should select nothing."),
        ("$.ok", "equals", True, None),
        ("$.ok", "equals", 1, "“$.ok” selects true, which is not 1."),
        ("$.rooms[1].price", "equals", 90.0, None),
        ("$.rooms[1].free", "equals", False, "“$.rooms[1].free” selects 0, which is not false."),
        ("$.gone", "equals", None, None),
        ("$.rooms[*].name", "equals", "Lac", "“$.rooms[*].name” selects “Mont”, which is not “Lac”."),
        ("$.rooms[0].name", "contains", "ac", None),
        ("$.tags", "contains", "spa", None),
        ("$.tags", "contains", True, "“$.tags” selects an array, which does not contain true."),
        ("$.rooms[0]", "contains", "price", None),
        ("$.rooms[*].name", "matches", "^[LM]", None),
        ("$.rooms[0].name", "matches", "^M", "“$.rooms[0].name” selects “Lac”, which does not match “^M”."),
        ("$.rooms[0].free", "matches", "2", "“$.rooms[0].free” selects 2, which does not match “2”."),
        ("$.rooms[*].price", "greater", 89.5, None),
        ("$.rooms[*].price", "less", 100, "“$.rooms[*].price” selects 120.5, which is not less than 100."),
        ("$.ok", "greater", 0, "“$.ok” selects true, which is not greater than 0."),
        ("$.rooms[?@.free > 0].name", "equals", "Lac", None),
    ],
)
def test_json_paths(path: str, condition: str, value: Any, sentence: str | None) -> None:
    found = judged(answer(json.dumps(API)), type="json_path", path=path, condition=condition, value=value)
    assert found.detail == (sentence or "")


def test_what_is_no_json_or_not_all_of_it_says_so() -> None:
    assert judged(answer(), type="json_path", path="$").detail == "The answer is not JSON (line 1, column 1)."
    cut = answer("[1]", cut_off=True)
    assert "larger than 1048576 bytes" in judged(cut, type="json_path", path="$").detail


@pytest.mark.parametrize(
    ("assertion", "sentence"),
    [
        ({"name": "Cache-Control"}, None),
        ({"name": "Age"}, "The answer has no header Age."),
        ({"name": "X-Powered-By", "condition": "absent"}, None),
        ({"name": "CACHE-CONTROL", "condition": "absent"}, "The answer has the header CACHE-CONTROL and must not."),
        ({"name": "cache-control", "condition": "equals", "value": "public, max-age=60"}, None),
        ({"name": "cache-control", "condition": "contains", "value": "max-age"}, None),
        (
            {"name": "cache-control", "condition": "matches", "value": "private"},
            "The header cache-control is “public, max-age=60”, which does not match “private”.",
        ),
        (
            {"name": "Set-Cookie", "condition": "contains", "value": "Secure"},
            "The header Set-Cookie is not as expected.",
        ),
    ],
)
def test_headers(assertion: dict[str, Any], sentence: str | None) -> None:
    given = answer("", ("cache-control", "public"), ("cache-control", "max-age=60"), ("set-cookie", "session=secret"))
    assert judged(given, type="header", **assertion).detail == (sentence or "")


def test_sizes() -> None:
    assert not judged(answer("four"), type="size", at_least=4, at_most=4).failed
    assert judged(answer("four"), type="size", at_least=5).detail == "The answer has 4 bytes, fewer than 5."
    assert judged(answer("four"), type="size", at_most=3).detail == "The answer has 4 bytes; at most 3 are allowed."
    cut = answer("", size=1_100_000, cut_off=True)
    assert "more than 1048576" in judged(cut, type="size", at_most=10).detail


def test_the_hash_of_a_region_does_not_see_white_space_or_what_is_around_it() -> None:
    expected = hashlib.sha256(b"Chambres libres").hexdigest()
    region = {"type": "content_hash", "after": "<main>", "before": "</main>"}
    assert not judged(answer(), **region, expected=expected).failed
    assert not judged(answer(PAGE.replace("12:00", "12:05").replace("\n", "\r\n")), **region, expected=expected).failed
    defaced = judged(answer(PAGE.replace("Chambres", "Hacked")), **region, expected=expected)
    assert defaced.reason is Reason.CONTENT and defaced.detail.startswith("The content has changed: its SHA-256 is ")
    gone = judged(answer("<html></html>"), **region, expected=expected)
    assert gone.detail == "The text “<main>”, behind which the content begins, does not occur."


def test_a_region_that_is_watched_tells_what_it_is() -> None:
    seen = judged(answer(), type="content_hash", after="<main>", before="</main>")
    assert not seen.failed
    assert seen.content is not None
    assert seen.content["hash"] == hashlib.sha256(b"Chambres libres").hexdigest() and seen.content["size"] == 15
    elsewhere = judged(answer(), type="content_hash", after="<h1>").content
    assert elsewhere is not None and elsewhere["region"] != seen.content["region"]
    assert judged(answer("nothing"), type="content_hash", after="<main>").content is None


def test_response_times_by_phase() -> None:
    assert not judged(answer(), type="response_time", at_most_ms=481).failed
    slow = judged(answer(), type="response_time", at_most_ms=480)
    assert slow.reason is Reason.THRESHOLD and slow.detail == "The check took 480 ms, more than 480 ms."
    phase = judged(answer(), type="response_time", phase="first_byte", at_most_ms=300)
    assert phase.detail == "The phase first_byte took 400 ms, more than 300 ms."


GOOD = (
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("content-security-policy", "default-src 'self'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
)


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [
        ("strict-transport-security", "max-age=0", "Strict-Transport-Security"),
        ("strict-transport-security", "includeSubDomains", "Strict-Transport-Security"),
        ("content-security-policy", "", "Content-Security-Policy"),
        ("x-content-type-options", "sniff", "X-Content-Type-Options: nosniff"),
        ("x-frame-options", "ALLOWALL", "X-Frame-Options or frame-ancestors"),
        ("content-security-policy", "frame-ancestors *", "X-Frame-Options or frame-ancestors"),
        ("content-security-policy", "frame-ancestors 'none'", None),
    ],
)
def test_security_headers_have_to_protect(name: str, value: str, missing: str | None) -> None:
    headers = [(known, value if known == name else good) for known, good in GOOD]
    found = judged(answer("", *headers), type="security_headers").detail
    assert found == (f"The answer does not protect its visitors: {missing}." if missing else "")


def test_strict_transport_over_plain_http_protects_nobody() -> None:
    assert not judged(answer("", *GOOD), type="security_headers").failed
    assert "Strict-Transport-Security" in judged(answer("", *GOOD, secure=False), type="security_headers").detail


def test_a_body_is_read_in_its_encoding_and_never_fails_to_be_read() -> None:
    latin = ("content-type", 'text/html; charset="ISO-8859-1"')
    assert not judged(answer("Hôtel".encode("latin-1"), latin), type="keyword", text="Hôtel").failed
    for charset in CHARSETS:
        assert isinstance(answer(b"\x1b$a" * 100, ("content-type", f"text/html; charset={charset}")).text, str)
    for charset in ("zlib_codec", "punycode", "rot13", "nonsense", "utf-7"):
        body = answer(b"caf\xe9 \x00 \xff" * 1000, ("content-type", f"text/html; charset={charset}"))
        assert judged(body, type="keyword", text="caf\ufffd").failed == ()


def test_every_assertion_is_looked_at_and_the_wrong_answer_outweighs_the_slow_one() -> None:
    check = HttpCheck.model_validate(
        {
            "url": "https://hotel.example/",
            "assertions": [
                {"type": "response_time", "at_most_ms": 1},
                {"type": "keyword", "text": "Hôtel"},
                {"type": "keyword", "text": "Casino"},
            ],
        }
    )
    found = judge(check.assertions, answer())
    assert [(each.position, each.type) for each in found.failed] == [(0, "response_time"), (2, "keyword")]
    assert found.reason is Reason.CONTENT
    assert found.detail == "The check took 480 ms, more than 1 ms. The text “Casino” does not occur in the answer."
