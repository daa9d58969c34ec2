"""HTML of status pages and reports: server-rendered, escaped, without scripts, in the reader's language."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reporting.adapters import words
from reporting.adapters.response_chart import days_chart, hours_chart
from reporting.adapters.sheet import ReportSheet
from reporting.adapters.sign_in_words import failure
from reporting.application.report import Brand, Branded, MonthlyReport
from reporting.application.single_sign_on import Fault
from reporting.application.status_page import (
    PublicComponent,
    PublicIncident,
    PublicUpdate,
    ShownPage,
    StatusPageContent,
)
from reporting.domain.brand import palette, palette_at_night, palette_on_paper, with_variables
from shared.i18n import Catalogues, Translator

_HERE = Path(__file__).parent
TRANSLATIONS = _HERE / "translations"
TEMPLATES = _HERE / "templates"


@dataclass(frozen=True)
class RenderedPage:
    """A page and the policy that a browser must hold it to."""

    html: bytes
    content_security_policy: str

    @property
    def digest(self) -> str:
        """What identifies exactly this page, for `ETag`."""
        return hashlib.sha256(self.html).hexdigest()[:32]


SHOWN_WHOLE = 10
"""Components of which a status page says everything; of more it says the state and draws the days, and each has a page
of its own, so that the page stays small."""
PER_PART = 50
"""Components in one part of a status page: with more it has several, so that a reader need not wait for all of them."""
INCIDENTS_PER_PART = 20
"""Incidents in one part of the list of them."""
TOLD_PER_PART = 24_000
"""Bytes of what people told in one part of an incident's page: what is around it leaves room for no more than that."""
_AROUND_AN_UPDATE = 400
LARGEST_PAGE = 50_000
"""Bytes that a status page may have."""


@dataclass(frozen=True)
class Extent:
    """How much a page says of everything. What it leaves out it counts, and leads to; None: nothing is left out."""

    compact: bool = True
    """Of components only their state, their days and one figure."""
    past_steps: bool = False
    """Whether what is over is told step by step."""
    days: bool = True
    entries: int | None = None
    """Of outages that go on, of those that are over, and of planned work."""
    updates: int | None = None
    """The newest of each outage."""
    words: int | None = None
    """Characters of what people told."""
    names: int | None = None
    """Components that planned work touches, by their names."""


EXTENTS = (
    Extent(past_steps=True),
    Extent(),
    Extent(entries=20, updates=3, words=600, names=5),
    Extent(entries=10, updates=2, words=200, names=3),
    Extent(entries=5, updates=1, words=100, names=1),
    Extent(entries=5, updates=1, words=100, names=1, days=False),
)
"""From all to the least that a page of many components says: the first counts that is light enough."""
_NAMES_CUT = tuple(Extent(names=names) for names in (None, 10, 3, 1))
"""Of pages of incidents: each component that one touches has a page of its own, so their names alone are cut."""


@cache
def catalogues() -> Catalogues:
    """The texts of this service, compiled once."""
    return Catalogues.load(TRANSLATIONS)


def translator_for(asked: str | None, accept_language: str | None, default: str) -> Translator:
    """The reader's language: asked for by name, else preferred by the browser, else the default."""
    return catalogues().negotiate(asked, accept_language, default)


def status_page(
    page: Branded[StatusPageContent],
    translator: Translator,
    *,
    place: str,
    url: str,
    private: bool = False,
    mails: bool = False,
    remembered: timedelta | None = None,
    part: int = 1,
) -> RenderedPage:
    """The public status page, dark for those who want it dark. `remembered`: it could not be read anew, and is so old.

    `place` is where it lies, as links in it write it: its slug, or a point on a domain of its own. `mails`: visitors
    may ask to be told by mail. `part`: which `PER_PART` components, of `parts_of`; what happened is told in the first.
    """
    content = page.content
    first = (part - 1) * PER_PART
    values = {
        "remembered": remembered,
        "place": place,
        "url": url,
        "private": private,
        "mails": mails,
        "part": part,
        "parts": parts_of(content),
        "first": first,
        "shown": content.components[first : first + PER_PART],
    }

    whole = [Extent(compact=False, past_steps=True)] if len(content.components) <= SHOWN_WHOLE else []
    return _visitor_page("status.html", page, translator, values, [*whole, *EXTENTS])


def parts_of(content: StatusPageContent) -> int:
    """How many parts a page has: at least one."""
    return max(1, -(-len(content.components) // PER_PART))


def _visitor_page(
    template: str,
    page: Branded[StatusPageContent],
    translator: Translator,
    values: Mapping[str, Any],
    extents: Sequence[Extent],
) -> RenderedPage:
    """The page in the first extent in which it has no more bytes than a page may have, else in the last."""
    content = page.content

    def made(extent: Extent) -> RenderedPage:
        return _render(
            template,
            translator,
            page.brand,
            content.time_zone,
            content.updated_at,
            {**values, "page": content, "extent": extent},
            dark=True,
        )

    *more, least = extents
    for extent in more:
        if len((light := made(extent)).html) < LARGEST_PAGE:
            return light
    return made(least)


def component_page(
    page: Branded[StatusPageContent],
    component: PublicComponent,
    translator: Translator,
    *,
    back: str,
    private: bool,
    remembered: timedelta | None,
) -> RenderedPage:
    """Everything about one component, with tables behind the charts. `back` leads to the page that it is of."""
    values = {
        "component": component,
        "back": back,
        "place": "..",
        "private": private,
        "remembered": remembered,
        "part": 1,
        "own": [each for each in page.content.incidents if each.concerns(component.component_id)],
    }
    # It tells every step and draws its days in any case: the first and the last extent make nothing else of it.
    return _visitor_page("component.html", page, translator, values, EXTENTS[1:-1])


def incident_page(
    page: Branded[StatusPageContent],
    incident: PublicIncident,
    translator: Translator,
    *,
    back: str,
    private: bool,
    remembered: timedelta | None,
    part: int = 1,
) -> RenderedPage:
    """All that was told of one incident, in parts: `part` is one of `parts_of_incident`. `back` leads to its page."""
    language, title = words.incident_title(
        translator, incident.titles, incident.components[0].component_name, over=incident.ended_at is not None
    )
    parts = parts_of_incident(incident)
    values = {
        "incident": incident,
        "incident_title": title,
        "incident_language": language,
        "updates": parts[part - 1],
        "back": back,
        "place": "..",
        "private": private,
        "remembered": remembered,
        "part": part,
        "parts": len(parts),
    }
    return _visitor_page("incident.html", page, translator, values, _NAMES_CUT)


def incidents_page(
    page: Branded[StatusPageContent],
    translator: Translator,
    *,
    back: str,
    private: bool,
    remembered: timedelta | None,
    part: int = 1,
) -> RenderedPage:
    """What happened, entry by entry with a link to all that was told of it; `part`: which `INCIDENTS_PER_PART`."""
    first = (part - 1) * INCIDENTS_PER_PART
    values = {
        "shown": page.content.incidents[first : first + INCIDENTS_PER_PART],
        "back": back,
        "place": ".",
        "private": private,
        "remembered": remembered,
        "part": part,
        "parts": parts_of_incidents(page.content),
    }
    return _visitor_page("incidents.html", page, translator, values, _NAMES_CUT)


def parts_of_incidents(content: StatusPageContent) -> int:
    """How many parts the list of what happened has: at least one."""
    return max(1, -(-len(content.incidents) // INCIDENTS_PER_PART))


def parts_of_incident(incident: PublicIncident) -> list[list[PublicUpdate]]:
    """What was told of an incident, newest first, in parts that a page holds. They are the same in every language."""
    parts: list[list[PublicUpdate]] = [[]]
    weight = 0
    for update in incident.updates:
        heavy = max((len(escape(text).encode()) for text in update.texts.values()), default=0) + _AROUND_AN_UPDATE
        if parts[-1] and weight + heavy > TOLD_PER_PART:
            parts.append([])
            weight = 0
        parts[-1].append(update)
        weight += heavy
    return parts


@dataclass(frozen=True)
class Link:
    """Where the reader of a page may go from there."""

    address: str
    text: str


def report_page(
    page: Branded[MonthlyReport],
    translator: Translator,
    *,
    shared_until: datetime | None = None,
    notice: str | None = None,
    ways: Sequence[Link] = (),
) -> RenderedPage:
    """A monthly report. `shared_until` is said on the page when it is read over a link that ends; `notice`: what it is
    not; `ways`: back."""
    report = page.content
    return _render(
        "report.html",
        translator,
        page.brand,
        report.time_zone,
        report.as_of,
        {"report": report, "shared_until": shared_until, "notice": notice, "ways": ways},
    )


def password_page(brand: Brand, translator: Translator, *, place: str, refused: bool) -> RenderedPage:
    """Asks for the password of a page, in its brand and without a word of what it says."""
    return _timeless_page("password.html", translator, brand, {"place": place, "refused": refused}, dark=True)


def page_sign_in_page(page: ShownPage, translator: Translator, *, place: str, fault: Fault | None) -> RenderedPage:
    """Leads to the provider at which visitors of a page sign in, and why that failed; not a word of the page."""
    values = {
        "place": place,
        "provider": page.provider,
        "failure": None if fault is None else failure(translator, fault),
    }
    return _timeless_page(
        "single_sign_on.html", translator, page.brand, values, dark=True, further_style="single_sign_on.css"
    )


def subscription_page(
    brand: Brand, translator: Translator, *, place: str | None, state: str, action: str | None
) -> RenderedPage:
    """How a subscription stands: `sent`, `full`, `no_address`, `asked`, `confirmed`, `ending`, or `gone`.

    :param place: where its page is; None when there is none any more.
    """
    values = {"place": place, "state": state, "action": action}
    return _timeless_page("subscription.html", translator, brand, values, dark=True)


def sheet_page(
    sheet: ReportSheet,
    brand: Brand,
    translator: Translator,
    *,
    zone: str,
    at: datetime,
    notice: str | None = None,
    links: Sequence[Link] = (),
    ways: Sequence[Link] = (),
) -> RenderedPage:
    """A document as a page for a browser, with the content of its PDF. `notice` is said above everything.

    `ways` lead away from above it: back to where it is listed, and to its files.
    """
    values = {"sheet": sheet, "notice": notice, "links": links, "ways": ways}
    return _render("document.html", translator, brand, zone, at, values)


def portal_page(
    template: str, translator: Translator, brand: Brand, time_zone: str, now: datetime, values: Mapping[str, Any]
) -> RenderedPage:
    """A page of the portal, from a template in `templates/portal`, dark for those who want it dark."""
    return _render(
        f"portal/{template}",
        translator,
        brand,
        time_zone,
        now,
        values,
        dark=True,
        further_style="portal/portal.css",
        forms=True,
    )


def message_page(translator: Translator, title: str, text: str) -> RenderedPage:
    """A page that only says something: not found, expired."""
    brand = Brand(name="", logo_url=None, primary=None, background=None, text=None)
    return _timeless_page("message.html", translator, brand, {"title": title, "text": text})


def _timeless_page(
    template: str,
    translator: Translator,
    brand: Brand,
    values: Mapping[str, Any],
    *,
    dark: bool = False,
    further_style: str | None = None,
) -> RenderedPage:
    """A page that says nothing of when: in no zone, and as of no instant."""
    never = datetime.fromtimestamp(0, UTC)
    return _render(template, translator, brand, "UTC", never, values, dark=dark, further_style=further_style)


def safe_logo(address: str | None) -> str | None:
    """An image address that a page may load: https, with a host; anything else is left out."""
    if address is None:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme == "https" and parts.hostname and "\\" not in address else None


def _render(
    template: str,
    translator: Translator,
    brand: Brand,
    zone_name: str,
    at: datetime,
    values: Mapping[str, Any],
    *,
    dark: bool = False,
    further_style: str | None = None,
    forms: bool = False,
) -> RenderedPage:
    """`dark`: it is, for those who want it dark. `further_style`: after the one of all. `forms`: shown in no frame."""
    environment = _environment(translator.language)
    zone = ZoneInfo(zone_name)
    wished = brand.primary, brand.background, brand.text
    colours = with_variables(palette(*wished), brand.variables)
    night = palette_at_night(*wished) if dark else None
    printed = palette_on_paper(*wished) if colours.dark else None
    style = environment.get_template("style.css").render(colours=colours, night=night, printed=printed)
    if further_style is not None:
        style += environment.get_template(further_style).render()
    logo, favicon = _pictures(brand, values.get("place"))
    html = environment.get_template(template).render(
        t=translator,
        w=words,
        brand=brand,
        logo=logo,
        favicon=favicon,
        style=Markup(style),  # noqa: S704  (made of our own stylesheet and of colours that are #rrggbb)
        zone=zone,
        zone_text=translator.zone(zone, at),
        languages=catalogues().languages,
        when=lambda instant, **options: translator.datetime(instant, zone, **options),
        hour_from=lambda instant: _hour(translator, instant, zone),
        day_or_instant=lambda instant: _day(translator, instant, zone, ends=False),
        last_day_or_instant=lambda instant: _day(translator, instant, zone, ends=True),
        **values,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # What has forms must not be shown inside of somebody else's page, where one presses what one does not see.
    own, nobody = "'self'", "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src {_image_sources(logo, favicon)}; "
        f"base-uri 'none'; form-action {own}; frame-ancestors {nobody if forms else own}"
    )
    return RenderedPage(html.encode(), policy)


def _day(translator: Translator, instant: datetime, zone: ZoneInfo, *, ends: bool) -> str:
    """A bound of a period for people: the day when it is a midnight (the last day, for an end), else date and time."""
    local = instant.astimezone(zone)
    if local.time() != time():
        return translator.datetime(instant, zone)
    return translator.date(local.date() - timedelta(days=1) if ends else local.date())


def _hour(translator: Translator, instant: datetime, zone: ZoneInfo) -> str:
    """When an hour begins; with its offset where clocks are put back and show it twice."""
    local = instant.astimezone(zone)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    text = translator.datetime(instant, zone, width="short")
    return f"{text} ({translator.offset(zone, instant)})" if twice else text


def _pictures(brand: Brand, place: str | None) -> tuple[str | None, str | None]:
    """Where logo and favicon are: the agency's own beside the page that they are of, and in documents, which lie
    nowhere, the logo itself.
    """
    favicon = None if None in (place, brand.favicon) else f"{place}/favicon.png?v={brand.favicon}"
    if brand.logo is None:
        return safe_logo(brand.logo_url), favicon
    if place is not None:
        return f"{place}/logo.png?v={brand.logo}", favicon
    if brand.picture is not None:
        return f"data:image/png;base64,{base64.b64encode(brand.picture).decode()}", favicon
    return None, favicon


def _image_sources(*addresses: str | None) -> str:
    """What a page may load pictures from: its own host, itself, or the host that an address names."""
    return " ".join(sorted({_image_source(each) for each in addresses if each is not None})) or "'none'"


def _image_source(address: str) -> str:
    if address.startswith("data:"):
        return "data:"
    parts = urlsplit(address)
    if not parts.scheme:
        return "'self'"
    host = (parts.hostname or "").encode("idna").decode() if not (parts.hostname or "").isascii() else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"https://{host}{port}"


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    texts = catalogues().translator(language).jinja_callables()
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        texts.gettext, texts.ngettext, newstyle=True, pgettext=texts.pgettext, npgettext=texts.npgettext
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals |= {
        "bars": bars,
        "calm_days": calm_days,
        "troubled_days": troubled_days,
        "hours_chart": hours_chart,
        "days_chart": days_chart,
    }
    return environment


@dataclass(frozen=True)
class Bar:
    """One day as a bar: where it stands, its tone, and the day for its title."""

    x: int
    tone: str
    trouble: int
    day: Any


BAR_HEIGHT = 36
LEAST_TROUBLE = 14
"""A short interruption must be seen as well as a long one; how long it was, the height tells."""


def calm_days(days: list[Any], slots: int, *, under: bool = False) -> dict[str, str]:
    """The days without trouble by tone, as paths that a dashed line draws: one stroke for a run of days, not for each.

    A page has many components, and most days of most of them are good. `under`: those with trouble count as good, and
    the trouble is drawn over them.
    """
    paths: dict[str, str] = {}
    runs: list[tuple[str, int, int]] = []
    for position, day in enumerate(days, start=slots - len(days)):
        trouble = day.state in {"down", "degraded"}
        tone = ("good" if under else "") if trouble else words.tone(day.state)
        if runs and runs[-1][0] == tone:
            runs[-1] = (tone, runs[-1][1], position)
        else:
            runs.append((tone, position, position))
    for tone, first, last in runs:
        if tone:
            paths[tone] = paths.get(tone, "") + f"M{first * 6} 18h{(last - first) * 6 + 4}"
    return paths


def troubled_days(days: list[Any], slots: int) -> dict[str, str]:
    """The same days as `bars`, by tone, as paths: a few bytes for each, without a title."""
    paths: dict[str, str] = {}
    for bar in bars(days, slots):
        paths[bar.tone] = paths.get(bar.tone, "") + f"M{bar.x + 2} 36v-{bar.trouble}"
    return paths


def bars(days: list[Any], slots: int) -> list[Bar]:
    """The days with trouble as bars, today at the right edge; `trouble` is the height of what was not good."""
    first = slots - len(days)
    found = []
    for position, day in enumerate(days):
        if day.state not in {"down", "degraded"}:
            continue
        trouble = max(LEAST_TROUBLE, min(BAR_HEIGHT, round(BAR_HEIGHT * day.down_seconds / 86_400)))
        found.append(Bar((first + position) * 6, words.tone(day.state), trouble, day))
    return found
