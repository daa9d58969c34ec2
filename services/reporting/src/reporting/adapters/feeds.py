"""What a page says in the formats that other programs follow: Atom, JSON Feed, iCalendar, and a badge."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from xml.etree import ElementTree  # nosec B405
from zoneinfo import ZoneInfo

from markupsafe import escape

from reporting.adapters import words
from reporting.application.status_page import PublicIncident, PublicMaintenance, PublicUpdate, StatusPageContent
from reporting.domain.brand import palette
from shared.i18n import Translator
from shared.values import instant_text

_ATOM: Final = "http://www.w3.org/2005/Atom"
_LINE: Final = 75
"""Bytes of a line of a calendar, its end not counted (RFC 5545, 3.1)."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened, or will."""

    entry_id: UUID
    title: str
    text: str
    published_at: datetime
    updated_at: datetime


def entries(content: StatusPageContent, t: Translator) -> list[Entry]:
    """Outages, what people put on the page, and planned work: what was said last first."""
    zone = ZoneInfo(content.time_zone)
    incidents = (_incident(each, zone, t) for each in content.incidents)
    works = (_work(each, content, zone, t) for each in content.maintenance)
    return sorted([*incidents, *works], key=lambda entry: (entry.updated_at, entry.entry_id), reverse=True)


def _incident(incident: PublicIncident, zone: ZoneInfo, t: Translator) -> Entry:
    steps = [words.labelled(t, t.datetime(update.at, zone), _said(update, t)) for update in incident.updates]
    touched = [", ".join(each.component_name for each in incident.components)] if incident.titles else []
    return Entry(
        entry_id=incident.incident_id,
        title=words.incident_title(
            t, incident.titles, incident.components[0].component_name, over=incident.ended_at is not None
        )[1],
        text="\n".join([*touched, *steps]),
        published_at=incident.published_at,
        updated_at=incident.updated_at,
    )


def _said(update: PublicUpdate, t: Translator) -> str:
    status = words.public_step(t, update.status, update.measured)
    return f"{status} – {words.told(t, update.texts)[1]}" if update.texts else status


def _work(work: PublicMaintenance, content: StatusPageContent, zone: ZoneInfo, t: Translator) -> Entry:
    when = t.gettext(
        "From %(start)s to %(end)s", start=t.datetime(work.starts_at, zone), end=t.datetime(work.ends_at, zone)
    )
    return Entry(
        entry_id=work.maintenance_id,
        title=words.maintenance_title(t, work.name),
        text="\n".join([when, _touched(work, content)]),
        published_at=work.announced_at,
        updated_at=work.announced_at,
    )


def _touched(work: PublicMaintenance, content: StatusPageContent) -> str:
    return ", ".join(each.name for each in content.components if each.component_id in work.component_ids)


def _title(content: StatusPageContent, t: Translator) -> str:
    return t.gettext("State of %(name)s", name=content.name)


def atom(content: StatusPageContent, url: str, t: Translator) -> bytes:
    """RFC 4287. Nothing in it changes while nothing happens, so that readers are told that they have it."""
    ElementTree.register_namespace("", _ATOM)
    told = entries(content, t)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": t.language})
    _add(feed, "id", url)
    _add(feed, "title", _title(content, t))
    _add(feed, "updated", instant_text(content.told_at))
    _add(feed, "link", None, rel="alternate", type="text/html", href=url)
    _add(feed, "link", None, rel="self", type="application/atom+xml", href=f"{url}/feed.atom")
    _add(_add(feed, "author", None), "name", content.agency_name)
    for entry in told:
        element = _add(feed, "entry", None)
        _add(element, "id", entry.entry_id.urn)
        _add(element, "title", entry.title)
        _add(element, "published", instant_text(entry.published_at))
        _add(element, "updated", instant_text(entry.updated_at))
        _add(element, "link", None, rel="alternate", type="text/html", href=url)
        _add(element, "content", entry.text, type="text")
    written: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: ElementTree.Element, name: str, text: str | None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    element.text = _without_controls(text) if text is not None else None
    return element


def _without_controls(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold, however they are written."""
    return "".join(
        each
        for each in text
        if each in "\t\n\r" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each > "\uffff"
    )


def json_feed(content: StatusPageContent, url: str, t: Translator) -> bytes:
    """JSON Feed 1.1 (https://jsonfeed.org/version/1.1)."""
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(content, t),
        "home_page_url": url,
        "feed_url": f"{url}/feed.json",
        "language": t.language,
        "authors": [{"name": content.agency_name}],
        "items": [
            {
                "id": entry.entry_id.urn,
                "url": url,
                "title": entry.title,
                "content_text": entry.text,
                "date_published": instant_text(entry.published_at),
                "date_modified": instant_text(entry.updated_at),
            }
            for entry in entries(content, t)
        ],
    }
    return json.dumps(feed, ensure_ascii=False).encode()


def calendar(content: StatusPageContent, url: str, t: Translator) -> bytes:
    """Planned work for calendars (RFC 5545). Work that is moved to another start is another event; the old one is gone
    from what a subscribed calendar reads next.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Upheld//Status page//EN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(_title(content, t))}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
    ]
    for work in content.maintenance:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{work.maintenance_id}",
            f"DTSTAMP:{_utc(work.announced_at)}",
            f"DTSTART:{_utc(work.starts_at)}",
            f"DTEND:{_utc(work.ends_at)}",
            f"SUMMARY:{_escaped(work.name)}",
            f"DESCRIPTION:{_escaped(_touched(work, content))}",
            f"URL:{url}",
            "STATUS:CONFIRMED",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line)).encode()


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11)."""
    for character, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\n"), ("\r", "\n"), ("\n", "\\n")):
        text = text.replace(character, written)
    return "".join(each for each in text if each == "\t" or (each >= " " and each != "\x7f"))


def _folded(line: str) -> Iterator[str]:
    """A line in pieces of at most 75 bytes that cut no character in two; all but the first begin with a space."""
    piece, size = "", 0
    for character in line:
        more = len(character.encode())
        if size + more > _LINE:
            yield piece
            piece, size = " ", 1
        piece += character
        size += more
    yield piece


def badge(content: StatusPageContent, t: Translator) -> bytes:
    """The page's line as a small picture. Its width is reckoned and imposed, so that any font fits."""
    label, state = content.name, words.page_headline(t, content)
    tones = palette(None, "#ffffff", None)
    ground = {"good": tones.good, "warn": tones.warn, "bad": tones.bad}.get(
        words.tone(content.status.headline), tones.none
    )
    left, right = _width(label), _width(state)
    title = escape(_without_controls(words.labelled(t, label, state)))
    texts = "".join(_badge_text(each, at, width) for each, at, width in ((label, 0, left), (state, left, right)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="#374151"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{ground}"/>'
        f'<g fill="#ffffff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">{texts}</g>'
        "</svg>"
    ).encode()


def _width(text: str) -> int:
    return 7 * max(1, len(_without_controls(text))) + 10


def _badge_text(text: str, at: int, width: int) -> str:
    written = escape(_without_controls(text))
    return f'<text x="{at + 5}" y="14" textLength="{width - 10}" lengthAdjust="spacingAndGlyphs">{written}</text>'
