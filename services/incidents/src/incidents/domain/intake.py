"""What other systems tell of one matter, folded into spells: from when to when it was wrong.

A sender repeats himself, sends late and in any order. What he says is kept as points in time, and a spell is what
follows from all of them: the same points give the same spells, however often and in whatever order they arrived.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

PointKind = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Point:
    """At this instant it was wrong (firing), or it was right again (resolved)."""

    kind: PointKind
    at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """One run of being wrong; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Spell:
    """Episodes that follow one another within the settle time: flapping is one matter, not many."""

    episodes: tuple[Episode, ...]

    @property
    def begins_at(self) -> datetime:
        return self.episodes[0].start

    @property
    def ends_at(self) -> datetime | None:
        """The end of the last episode; None while it lasts."""
        return self.episodes[-1].end


def episodes(points: Iterable[Point]) -> list[Episode]:
    """The runs of being wrong, in the order of time.

    A resolution while nothing was wrong says nothing yet: it counts once the firing before it has arrived.
    """
    found: list[Episode] = []
    for point in sorted(set(points), key=lambda point: (point.at, point.kind == "resolved")):
        running = bool(found) and found[-1].end is None
        if point.kind == "firing" and not running:
            found.append(Episode(point.at, None))
        elif point.kind == "resolved" and running:
            found[-1] = Episode(found[-1].start, point.at)
    return found


def spells(points: Iterable[Point], settle: timedelta) -> list[Spell]:
    """Episodes joined when one begins within `settle` after the end of the one before it."""
    found: list[list[Episode]] = []
    for episode in episodes(points):
        before = found[-1][-1].end if found else None
        if before is not None and episode.start - before <= settle:
            found[-1].append(episode)
        else:
            found.append([episode])
    return [Spell(tuple(each)) for each in found]


USUAL_SEVERITIES: Mapping[str, str] = {
    "critical": "critical",
    "fatal": "critical",
    "page": "critical",
    "emergency": "critical",
    "blocker": "critical",
    "bloquant": "critical",
    "error": "major",
    "major": "major",
    "high": "major",
    "majeur": "major",
    "warning": "minor",
    "warn": "minor",
    "minor": "minor",
    "mineur": "minor",
    "info": "minor",
    "debug": "minor",
    "low": "minor",
}
"""Words that monitoring systems use, where a source does not say otherwise."""


def severity_of(word: str | None, own: Mapping[str, str], default: str) -> str:
    """The severity that a sender's word stands for: by the source's own table, then by the usual one."""
    if word is None:
        return default
    word = word.strip().lower()
    mine = {name.strip().lower(): severity for name, severity in own.items()}
    return mine.get(word) or USUAL_SEVERITIES.get(word) or default


ITEM_NUMBER = re.compile(r"\b(?:INC|REQ|CHG|WRK)-\d{4}-\d{4,9}\b", re.IGNORECASE)


def numbers_in(text: str) -> list[str]:
    """The item numbers that a subject names, in order, as we write them."""
    return [found.upper() for found in ITEM_NUMBER.findall(text)]


Nature = Literal["human", "automatic", "bounce"]

_AUTOMATIC_SUBJECTS = re.compile(
    r"^\s*(?:automatic reply|auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|on vacation|"
    r"r[ée]ponse automatique|absence du bureau|message d.absence|abwesenheit|automatische antwort)\b",
    re.IGNORECASE,
)
_ROBOTS = re.compile(r"^(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)(?:[+@]|$)", re.IGNORECASE)


def nature_of(headers: Mapping[str, str], *, content_type: str, sender: str, subject: str) -> Nature:
    """Whether a person wrote a mail, by what RFC 3834 and long custom say.

    `headers` has lower-case names. What looks automatic is never taken for a human act: a clock must not stop for it.
    """
    returned = content_type == "multipart/report" or headers.get("return-path", "").strip() == "<>"
    if returned or re.match(r"(?:mailer-daemon|postmaster)@", sender, re.IGNORECASE):
        return "bounce"
    signs = (
        headers.get("auto-submitted", "no").split(";")[0].strip().lower() not in ("no", ""),
        headers.get("precedence", "").strip().lower() in ("bulk", "junk", "list", "auto_reply"),
        any(name in headers for name in ("x-autoreply", "x-autorespond", "x-autoresponse", "list-id", "feedback-id")),
        "x-ms-exchange-inbox-rules-loop" in headers,
        _ROBOTS.match(sender) is not None,
        _AUTOMATIC_SUBJECTS.match(subject) is not None,
    )
    return "automatic" if any(signs) else "human"
