"""From what other systems post to signals: Alertmanager, Sentry, and whatever a mapping describes.

Tolerant of what is unknown, strict about what we need: what cannot be read raises Unreadable with its place.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.json_path import NotFoundOut, values_at
from shared.values import json_pointer

TITLE_LENGTH = 200
TEXT_LENGTH = 10_000
KEY_LENGTH = 200
MOST_ALERTS = 1_000
"""Alerts of one delivery; Alertmanager's own `max_alerts` bounds them at the sender."""

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?\s?([Zz]|[+-]\d{2}:?\d{2})?")
_NEVER = datetime(2, 1, 1, tzinfo=UTC)
"""Go writes an instant that is not set as the year 1."""


class Unreadable(Exception):
    """The body is not what its source should send. `pointer` is the place, `detail` what to do about it."""

    def __init__(self, pointer: str, detail: str) -> None:
        self.pointer = pointer
        super().__init__(detail)


@dataclass(frozen=True)
class Signal:
    """What one delivery says of one matter. `key` names the matter at its sender.

    `fired_at` and `resolved_at` are the sender's instants; `state` says which of them counts when it gave none.
    `severity` is the sender's own word.
    """

    key: str
    state: str
    title: str
    description: str = ""
    severity: str | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class ToolUpdate:
    """What an external ticket tool says of one of its tickets. `state` None: nothing about it."""

    external_id: str
    title: str
    description: str = ""
    severity: str | None = None
    state: str | None = None
    at: datetime | None = None
    comment: str | None = None
    author: str | None = None
    automatic: bool = False
    origin: str | None = None
    item: str | None = None
    """Number or id of the item of ours that the ticket was made for, if the tool keeps it."""


@dataclass(frozen=True)
class FieldRule:
    """Where a field is found in a body. `values` translates the sender's words, `default` stands in for nothing."""

    path: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None


FieldRules = Mapping[str, FieldRule]


# --- Alertmanager, webhook format 4 ----------------------------------------------------------------------------------


def alertmanager(body: Any) -> list[Signal]:
    """The alerts of a group. The fingerprint is the matter, `startsAt` and `endsAt` are its instants."""
    _need(isinstance(body, dict), (), "Send Alertmanager's webhook format: a JSON object.")
    _need(
        str(body.get("version")) == "4", ("version",), "Send Alertmanager's webhook format, version 4; this is another."
    )
    alerts = body.get("alerts")
    _need(isinstance(alerts, list), ("alerts",), "Alertmanager's format has a list of alerts here.")
    _need(
        len(alerts) <= MOST_ALERTS,
        ("alerts",),
        f"These are more than {MOST_ALERTS} alerts. Set max_alerts, or group them into smaller groups.",
    )
    return [_alert(alert, index) for index, alert in enumerate(alerts)]


def _alert(alert: Any, index: int) -> Signal:
    place = ("alerts", index)
    _need(isinstance(alert, dict), place, "An alert is an object.")
    status = alert.get("status")
    _need(status in ("firing", "resolved"), (*place, "status"), "An alert is firing or resolved.")
    labels, annotations = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    fingerprint = alert.get("fingerprint")
    if fingerprint is None:  # before 0.22: the same labels are the same alert
        fingerprint = hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]
    _need(isinstance(fingerprint, str) and 0 < len(fingerprint) <= KEY_LENGTH, (*place, "fingerprint"), "A short text.")
    fired_at = _instant(alert.get("startsAt"), (*place, "startsAt"))
    # A firing alert carries the instant at which it would be taken for resolved; that is no resolution.
    resolved_at = _instant(alert.get("endsAt"), (*place, "endsAt")) if status == "resolved" else None
    name = labels.get("alertname", "Alert")
    about = labels.get("instance") or labels.get("job")
    title = annotations.get("summary") or annotations.get("title") or (f"{name}: {about}" if about else name)
    lines = [annotations.get("description") or annotations.get("message") or ""]
    lines += [f"{key}: {value}" for key, value in sorted(labels.items())]
    lines += [f"{key}: {annotations[key]}" for key in ("runbook_url", "dashboard_url") if key in annotations]
    source = alert.get("generatorURL")
    lines += [str(source)] if isinstance(source, str) and source else []
    return Signal(
        key=fingerprint,
        state=status,
        title=one_line(title) or "Alert",
        description=clean_text("\n".join(line for line in lines if line)),
        severity=labels.get("severity"),
        fired_at=fired_at,
        resolved_at=resolved_at,
    )


# --- Sentry ----------------------------------------------------------------------------------------------------------


def sentry(body: Any, resource: str | None) -> list[Signal]:
    """Issue alerts, metric alerts and what becomes of issues, as Sentry's integration platform posts them.

    `resource` is the header Sentry-Hook-Resource; without it the body tells. What says nothing about something wrong
    (installations, comments, assignments) is no signal.
    """
    _need(isinstance(body, dict), (), "Send Sentry's webhook format: a JSON object.")
    data = body.get("data")
    if not isinstance(data, dict):
        if isinstance(body.get("event"), dict) and "project" in body:  # the older plugin of single projects
            return [_sentry_event(body["event"] | {"issue_id": body.get("id"), "web_url": body.get("url")}, ("event",))]
        raise Unreadable("#/data", "Sentry's format has an object here.")
    action = str(body.get("action", ""))
    kind = resource or next((name for name in ("metric_alert", "issue", "event") if name in data), "")
    if kind in ("event_alert", "event"):
        return [_sentry_event(_object(data, "event"), ("data", "event"))]
    if kind == "metric_alert":
        return [_sentry_metric(data, action)]
    if kind == "issue":
        return _sentry_issue(_object(data, "issue"), action)
    return []


def _sentry_event(event: Mapping[str, Any], place: tuple[object, ...]) -> Signal:
    issue = event.get("issue_id") or _last_number(event.get("issue_url"))
    _need(isinstance(issue, (str, int)) and bool(str(issue)), (*place, "issue_id"), "An issue alert names its issue.")
    title = event.get("title") or event.get("message") or event.get("culprit")
    lines = [event.get("culprit"), event.get("web_url") or event.get("url")]
    return Signal(
        key=f"issue:{issue}"[:KEY_LENGTH],
        state="firing",
        title=one_line(str(title or "Issue")) or "Issue",
        description=clean_text("\n".join(str(line) for line in lines if line)),
        severity=_word(event.get("level")),
        fired_at=_instant(event.get("datetime"), (*place, "datetime")),
    )


def _sentry_metric(data: Mapping[str, Any], action: str) -> Signal:
    alert = _object(data, "metric_alert")
    place = ("data", "metric_alert")
    _need(
        action in ("critical", "warning", "resolved"), ("action",), "A metric alert is critical, warning or resolved."
    )
    _need(isinstance(alert.get("id"), (str, int)), (*place, "id"), "A metric alert has an id.")
    title = data.get("description_title") or alert.get("title") or "Metric alert"
    lines = [data.get("description_text"), data.get("web_url")]
    resolved = action == "resolved"
    return Signal(
        key=f"metric:{alert['id']}"[:KEY_LENGTH],
        state="resolved" if resolved else "firing",
        title=one_line(str(title)) or "Metric alert",
        description=clean_text("\n".join(str(line) for line in lines if line)),
        severity=None if resolved else action,
        fired_at=_instant(alert.get("date_started") or alert.get("date_detected"), (*place, "date_started")),
        resolved_at=_instant(alert.get("date_closed"), (*place, "date_closed")) if resolved else None,
    )


def _sentry_issue(issue: Mapping[str, Any], action: str) -> list[Signal]:
    _need(isinstance(issue.get("id"), (str, int)), ("data", "issue", "id"), "An issue has an id.")
    states = {"unresolved": "firing", "resolved": "resolved", "ignored": "resolved", "archived": "resolved"}
    if action not in states:
        return []
    return [
        Signal(
            key=f"issue:{issue['id']}"[:KEY_LENGTH],
            state=states[action],
            title=one_line(str(issue.get("title") or "Issue")) or "Issue",
            description=clean_text(str(issue.get("culprit") or "")),
            severity=_word(issue.get("level")),
        )
    ]


# --- By mapping ------------------------------------------------------------------------------------------------------


def generic(body: Any, mapping: FieldRules) -> list[Signal]:
    """One signal of a body, by the source's field mapping. Without a key of its own a body is its own key."""
    found = _Fields(body, mapping)
    state = found.word("state", ("firing", "resolved")) or "firing"
    at = found.instant("occurred_at")
    key = found.text("dedup_key")
    if key is None:
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    elif len(key) > KEY_LENGTH:
        key = hashlib.sha256(key.encode()).hexdigest()
    title = found.text("title")
    _need(bool(title and one_line(title)), (), "The mapping of `title` finds no text in this body.")
    return [
        Signal(
            key=key,
            state=state,
            title=one_line(title or ""),
            description=clean_text(found.text("description") or ""),
            severity=found.text("severity"),
            fired_at=at if state == "firing" else None,
            resolved_at=at if state == "resolved" else None,
        )
    ]


STANDINGS = ("open", "acknowledged", "mitigated", "resolved", "closed")


def external_tool(body: Any, mapping: FieldRules) -> ToolUpdate:
    """What a ticket tool says of one ticket, by the source's field mapping."""
    found = _Fields(body, mapping)
    external_id = found.text("external_id")
    _need(
        bool(external_id) and len(external_id or "") <= KEY_LENGTH,
        (),
        f"The mapping of `external_id` finds no text of at most {KEY_LENGTH} characters in this body.",
    )
    title = one_line(found.text("title") or "") or one_line(f"Ticket {external_id}")
    return ToolUpdate(
        external_id=external_id or "",
        title=title,
        description=clean_text(found.text("description") or ""),
        severity=found.text("severity"),
        state=found.word("state", STANDINGS),
        at=found.instant("occurred_at"),
        comment=clean_text(found.text("comment") or "") or None,
        author=one_line(found.text("author") or "") or None,
        automatic=(found.text("automatic") or "").lower() in ("true", "yes", "1"),
        origin=found.text("origin"),
        item=found.text("item"),
    )


def created_id(answer: bytes, mapping: FieldRules) -> str | None:
    """The id of the ticket that a tool has just made, by its answer: as `created_id` is mapped, else `external_id`."""
    try:
        found = _Fields(json.loads(answer), mapping)
        text = found.text("created_id" if "created_id" in mapping else "external_id")
    except (ValueError, RecursionError, Unreadable):
        return None
    return text if text and len(text) <= KEY_LENGTH and "\x00" not in text else None


class _Fields:
    """The fields of one body."""

    def __init__(self, body: Any, mapping: FieldRules) -> None:
        self._body = body
        self._mapping = mapping

    def text(self, name: str) -> str | None:
        """The field's text, translated by its values; None when it is not mapped or not there."""
        rule = self._mapping.get(name)
        if rule is None:
            return None
        if rule.path is None:
            return rule.default
        try:
            values = values_at(rule.path, self._body)
        except NotFoundOut as error:
            raise Unreadable("#", f"The mapping of `{name}` cannot be asked: {error}.") from None
        text = next((as_text for value in values if (as_text := _as_text(value)) is not None), None)
        if text is None:
            return rule.default
        own = {word.strip().lower(): ours for word, ours in rule.values.items()}
        return own.get(text.strip().lower(), text)

    def word(self, name: str, words: Sequence[str]) -> str | None:
        """One of these words. Raises Unreadable for a text that the mapping does not translate into one."""
        text = self.text(name)
        if text is None:
            return None
        _need(
            text.strip().lower() in words,
            (),
            f"The mapping of `{name}` finds {text[:100]!r}, which its `values` do not translate into one of"
            f" {', '.join(words)}.",
        )
        return text.strip().lower()

    def instant(self, name: str) -> datetime | None:
        text = self.text(name)
        if text is None:
            return None
        if re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
            number = float(text)
            return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        try:
            return _instant(text, ())
        except Unreadable:
            raise Unreadable("#", f"The mapping of `{name}` finds {text[:100]!r}, which is no date-time.") from None


# --- Values ----------------------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """A title: one line of printable characters, cut where it is too long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def clean_text(text: str) -> str:
    """A description: without control characters, cut where it is too long."""
    kept = "".join(char if char.isprintable() or char in "\n\t" else " " for char in text.replace("\r\n", "\n"))
    kept = kept.strip()
    return kept if len(kept) <= TEXT_LENGTH else kept[: TEXT_LENGTH - 1] + "…"


def _need(fulfilled: bool, place: Sequence[object], detail: str) -> None:
    if not fulfilled:
        raise Unreadable(json_pointer(place), detail)


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise Unreadable(json_pointer(("data", name)), "Sentry's format has an object here.")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): text for key, inner in value.items() if (text := _as_text(inner)) is not None}


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return value
    return None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _last_number(url: Any) -> str | None:
    found = re.findall(r"\d+", url) if isinstance(url, str) else []
    return found[-1] if found else None


def _instant(value: Any, place: Sequence[object]) -> datetime | None:
    """An instant as systems write it: with nanoseconds, with a blank, without an offset (then in UTC)."""
    if value is None or value == "":
        return None
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Unreadable(json_pointer(place), "Write a date-time with an offset, such as 2026-06-08T09:00:00Z.")
    day, clock, fraction, offset = match.groups()
    text = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{(offset or 'Z').upper()}"
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(json_pointer(place), "There is no such date-time.") from None
    return at if at >= _NEVER else None
