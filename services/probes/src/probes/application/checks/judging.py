"""Holds the assertions of an HTTP check against an answer. Takes time linear in the answer, whatever it is."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, assert_never

from probes.application.checks.assertions import (
    BODY_LIMIT,
    Assertion,
    ContentHash,
    Header,
    JsonPath,
    Keyword,
    Pattern,
    ResponseTime,
    SecurityHeader,
    SecurityHeaders,
    Size,
)
from probes.domain.states import Reason
from shared.json_path import NotFoundOut, json_of, values_at
from shared.patterns import compiled

CHARSETS = frozenset(
    {"ascii", "us-ascii", "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "utf-32", "latin-1", "latin1", "koi8-r"}
    | {"koi8-u", "shift_jis", "euc-jp", "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr", "cp874"}
    | {f"iso-8859-{part}" for part in range(1, 17) if part != 12}
    | {f"{family}{page}" for family in ("windows-", "cp") for page in range(1250, 1259)}
)
"""Encodings of text that sites use. Python knows others that compress or take for ever; those are read as UTF-8."""
UNSEEN_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "www-authenticate"})
"""What may hold a secret of a visitor: compared, never shown."""
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})")
_MAX_AGE = re.compile(r"(?:^|;)\s*max-age\s*=\s*\"?([0-9]{1,15})", re.IGNORECASE)
_LONGEST_TOLD = 100

_SECURITY_NAMES: Mapping[SecurityHeader, str] = {
    "strict_transport_security": "Strict-Transport-Security",
    "content_security_policy": "Content-Security-Policy",
    "no_sniff": "X-Content-Type-Options: nosniff",
    "frame_protection": "X-Frame-Options or frame-ancestors",
    "referrer_policy": "Referrer-Policy",
    "permissions_policy": "Permissions-Policy",
}


@dataclass(frozen=True)
class Answer:
    """A complete answer: its headers with names in lower case, what was kept of its body, and how long it took.

    `size` counts the decompressed bytes that were read; `cut_off`: there were more. `milliseconds` by phase.
    """

    secure: bool
    headers: Sequence[tuple[str, str]]
    body: bytes
    size: int
    cut_off: bool
    milliseconds: Mapping[str, float]

    def header(self, name: str) -> str | None:
        """All values of a header with commas between them (RFC 9110, 5.3), or None."""
        found = [value for known, value in self.headers if known == name.lower()]
        return ", ".join(found) if found else None

    @cached_property
    def text(self) -> str:
        """The body in its encoding; what cannot be read is a replacement character."""
        named = _CHARSET.search(self.header("content-type") or "")
        charset = named[1].lower() if named else "utf-8"
        return self.body.decode(charset if charset in CHARSETS else "utf-8", "replace").removeprefix("\ufeff")

    @cached_property
    def document(self) -> Any:
        """Raises NotFoundOut when the body is no JSON."""
        if self.cut_off:
            raise NotFoundOut(f"the answer is larger than {BODY_LIMIT} bytes, and what was read is no JSON")
        return json_of(self.text)


@dataclass(frozen=True, slots=True)
class Failed:
    """An assertion that does not hold: its place among the others, and a sentence that says so."""

    position: int
    type: str
    reason: Reason
    sentence: str

    def document(self) -> dict[str, object]:
        """As evidence keeps it."""
        return {"position": self.position, "type": self.type, "detail": self.sentence}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The assertions that do not hold, and what the watched region looks like, if one is watched and was found."""

    failed: tuple[Failed, ...]
    content: Mapping[str, object] | None = None

    @property
    def reason(self) -> Reason:
        """A wrong answer outweighs a slow one."""
        return min((each.reason for each in self.failed), key=lambda reason: reason is not Reason.CONTENT)

    @property
    def detail(self) -> str:
        """All of them, one sentence each."""
        return " ".join(each.sentence for each in self.failed)


def judge(assertions: Sequence[Assertion], answer: Answer) -> Judgement:
    """Looks at every assertion, whatever came of the others."""
    failed, content = [], None
    for position, assertion in enumerate(assertions):
        try:
            sentence = _fault(assertion, answer)
            if isinstance(assertion, ContentHash) and assertion.expected is None and sentence is None:
                content = _digest(_region(assertion, answer)) | {"region": _name_of_region(assertion)}
        except NotFoundOut as trouble:
            told = str(trouble)
            sentence = told[0].upper() + told[1:] + "."
        if sentence is not None:
            reason = Reason.THRESHOLD if isinstance(assertion, ResponseTime) else Reason.CONTENT
            failed.append(Failed(position, assertion.type, reason, sentence))
    return Judgement(tuple(failed), content)


def _fault(assertion: Assertion, answer: Answer) -> str | None:
    sentence: str | None
    match assertion:
        case Keyword():
            sentence = _keyword_fault(assertion, answer)
        case Pattern():
            sentence = _pattern_fault(assertion, answer)
        case JsonPath():
            sentence = _json_fault(assertion, answer)
        case Header():
            sentence = _header_fault(assertion, answer)
        case Size():
            sentence = _size_fault(assertion, answer)
        case ContentHash():
            sentence = _hash_fault(assertion, answer)
        case ResponseTime():
            sentence = _time_fault(assertion, answer)
        case SecurityHeaders():
            sentence = _security_fault(assertion, answer)
        case _:
            assert_never(assertion)
    return sentence


def _pattern_fault(assertion: Pattern, answer: Answer) -> str | None:
    found = compiled(assertion.pattern, match_case=assertion.match_case).search(answer.text) is not None
    if found == assertion.present:
        return None
    return f"The expression {_told(assertion.pattern)} {_occurs(found, answer)}"


def _time_fault(assertion: ResponseTime, answer: Answer) -> str | None:
    took, most = answer.milliseconds[assertion.phase], assertion.at_most_ms
    what = "The check" if assertion.phase == "total" else f"The phase {assertion.phase}"
    return f"{what} took {took:.0f} ms, more than {most} ms." if took > most else None


def _keyword_fault(assertion: Keyword, answer: Answer) -> str | None:
    text, wanted = answer.text, assertion.text
    if not assertion.match_case:
        text, wanted = text.casefold(), wanted.casefold()
    found = wanted in text
    return None if found == assertion.present else f"The text {_told(assertion.text)} {_occurs(found, answer)}"


def _occurs(found: bool, answer: Answer) -> str:
    if found:
        return "occurs in the answer and must not."
    where = f"the first {BODY_LIMIT} bytes of the answer" if answer.cut_off else "the answer"
    return f"does not occur in {where}."


def _json_fault(assertion: JsonPath, answer: Answer) -> str | None:
    values = values_at(assertion.path, answer.document)
    path = _told(assertion.path)
    if assertion.condition == "absent":
        return f"{path} selects {_told(values[0])} and should select nothing." if values else None
    if not values:
        return f"{path} selects nothing in the answer."
    for value in values:
        if not _fulfils(assertion, value):
            return f"{path} selects {_told(value)}, which {_REFUSALS[assertion.condition]} {_told(assertion.value)}."
    return None


_REFUSALS = {
    "equals": "is not",
    "contains": "does not contain",
    "matches": "does not match",
    "greater": "is not greater than",
    "less": "is not less than",
}


def _fulfils(assertion: JsonPath, value: Any) -> bool:
    wanted: Any = assertion.value
    match assertion.condition:
        case "equals":
            holds = _is_same(value, wanted)
        case "contains":
            holds = _contains(value, wanted)
        case "matches":
            holds = isinstance(value, str) and compiled(wanted).search(value) is not None
        case "greater":
            holds = _is_number(value) and value > wanted
        case "less":
            holds = _is_number(value) and value < wanted
        case _:
            holds = True
    return holds


def _contains(value: Any, wanted: object) -> bool:
    if isinstance(value, list):
        return any(_is_same(entry, wanted) for entry in value)
    return isinstance(value, str | dict) and isinstance(wanted, str) and wanted in value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_same(value: Any, wanted: object) -> bool:
    """As JSON compares: 1 and 1.0 are one number, and true is none."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _header_fault(assertion: Header, answer: Answer) -> str | None:
    value, name = answer.header(assertion.name), assertion.name
    if assertion.condition == "absent":
        return f"The answer has the header {name} and must not." if value is not None else None
    if value is None:
        return f"The answer has no header {name}."
    wanted = assertion.value or ""
    match assertion.condition:
        case "equals":
            holds = value == wanted
        case "contains":
            holds = wanted in value
        case "matches":
            holds = compiled(wanted).search(value) is not None
        case _:
            holds = True
    if holds:
        return None
    if name.lower() in UNSEEN_HEADERS:
        return f"The header {name} is not as expected."
    return f"The header {name} is {_told(value)}, which {_REFUSALS[assertion.condition]} {_told(wanted)}."


def _size_fault(assertion: Size, answer: Answer) -> str | None:
    if assertion.at_least is not None and answer.size < assertion.at_least:
        return f"The answer has {answer.size} bytes, fewer than {assertion.at_least}."
    if assertion.at_most is not None and answer.size > assertion.at_most:
        size = f"more than {BODY_LIMIT}" if answer.cut_off else f"{answer.size}"
        return f"The answer has {size} bytes; at most {assertion.at_most} are allowed."
    return None


def _hash_fault(assertion: ContentHash, answer: Answer) -> str | None:
    content = _digest(_region(assertion, answer))
    if assertion.expected is None or content["hash"] == assertion.expected:
        return None
    return f"The content has changed: its SHA-256 is {content['hash']}, not {assertion.expected}."


def _region(assertion: ContentHash, answer: Answer) -> str:
    text, start = answer.text, 0
    if assertion.after is not None:
        found = text.find(assertion.after)
        if found < 0:
            raise NotFoundOut(f"the text {_told(assertion.after)}, behind which the content begins, does not occur")
        start = found + len(assertion.after)
    if assertion.before is None:
        return text[start:]
    end = text.find(assertion.before, start)
    if end < 0:
        raise NotFoundOut(f"the text {_told(assertion.before)}, before which the content ends, does not occur")
    return text[start:end]


def _name_of_region(assertion: ContentHash) -> str:
    """The same for as long as the same region is watched."""
    return hashlib.sha256(json.dumps([assertion.after, assertion.before]).encode()).hexdigest()[:16]


def _digest(region: str) -> dict[str, object]:
    normal = " ".join(region.split()).encode("utf-8", "replace")
    return {"hash": hashlib.sha256(normal).hexdigest(), "size": len(normal)}


def _security_fault(assertion: SecurityHeaders, answer: Answer) -> str | None:
    missing = [
        _SECURITY_NAMES[name]
        for name in assertion.required
        if not _protects(name, answer, assertion.at_least_hsts_seconds)
    ]
    return f"The answer does not protect its visitors: {', '.join(missing)}." if missing else None


def _protects(name: SecurityHeader, answer: Answer, hsts_seconds: int) -> bool:
    policy = (answer.header("content-security-policy") or "").lower()
    match name:
        case "strict_transport_security":
            age = _MAX_AGE.search(answer.header("strict-transport-security") or "")
            good = answer.secure and age is not None and int(age[1]) >= hsts_seconds
        case "content_security_policy":
            good = bool(policy.strip(" ;,"))
        case "no_sniff":
            good = (answer.header("x-content-type-options") or "").strip().lower() == "nosniff"
        case "frame_protection":
            good = _refuses_frames(policy, answer)
        case "referrer_policy":
            good = (answer.header("referrer-policy") or "").lower().split(",")[-1].strip() not in ("", "unsafe-url")
        case "permissions_policy":
            good = bool((answer.header("permissions-policy") or "").strip())
        case _:
            assert_never(name)
    return good


def _refuses_frames(policy: str, answer: Answer) -> bool:
    ancestors = [part.split() for part in re.split("[;,]", policy) if part.split()[:1] == ["frame-ancestors"]]
    if ancestors:  # where both are there, browsers look at this one alone
        return not {"*", "http:", "https:"} & set(ancestors[0][1:])
    return (answer.header("x-frame-options") or "").strip().lower() in ("deny", "sameorigin")


def _told(value: Any) -> str:
    """A value of a stranger, short enough for a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = text if len(text) <= _LONGEST_TOLD else text[: _LONGEST_TOLD - 1] + "…"
    return f"“{text}”" if isinstance(value, str) else text
