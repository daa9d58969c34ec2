"""HTML of status pages and reports: server-rendered, escaped, without scripts, in the reader's language."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reporting.adapters import words
from reporting.application.report import Brand, Branded, MonthlyReport
from reporting.application.status_page import StatusPageContent
from reporting.domain.brand import palette
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


@cache
def catalogues() -> Catalogues:
    """The texts of this service, compiled once."""
    return Catalogues.load(TRANSLATIONS)


def translator_for(asked: str | None, accept_language: str | None, default: str) -> Translator:
    """The reader's language: asked for by name, else preferred by the browser, else the default."""
    return catalogues().negotiate(asked, accept_language, default)


def status_page(page: Branded[StatusPageContent], translator: Translator) -> RenderedPage:
    """The public status page."""
    content = page.content
    return _render("status.html", translator, page.brand, content.time_zone, content.updated_at, {"page": content})


def report_page(
    page: Branded[MonthlyReport], translator: Translator, *, shared_until: datetime | None = None
) -> RenderedPage:
    """A monthly report. `shared_until` is said on the page when it is read over a link that ends."""
    report = page.content
    return _render(
        "report.html",
        translator,
        page.brand,
        report.time_zone,
        report.as_of,
        {"report": report, "shared_until": shared_until},
    )


def message_page(translator: Translator, title: str, text: str) -> RenderedPage:
    """A page that only says something: not found, expired."""
    brand = Brand(name="", logo_url=None, primary=None, background=None, text=None)
    return _render(
        "message.html", translator, brand, "UTC", datetime.fromtimestamp(0, UTC), {"title": title, "text": text}
    )


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
    template: str, translator: Translator, brand: Brand, zone_name: str, at: datetime, values: Mapping[str, Any]
) -> RenderedPage:
    environment = _environment(translator.language)
    zone = ZoneInfo(zone_name)
    colours = palette(brand.primary, brand.background, brand.text)
    style = environment.get_template("style.css").render(colours=colours)
    logo = safe_logo(brand.logo_url)
    html = environment.get_template(template).render(
        t=translator,
        w=words,
        brand=brand,
        logo=logo,
        style=Markup(style),  # noqa: S704  (made of our own stylesheet and of colours that are #rrggbb)
        zone=zone,
        zone_text=translator.zone(zone, at),
        languages=catalogues().languages,
        when=lambda instant, **options: translator.datetime(instant, zone, **options),
        day_or_instant=lambda instant: _day(translator, instant, zone, ends=False),
        last_day_or_instant=lambda instant: _day(translator, instant, zone, ends=True),
        **values,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src {_image_source(logo)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return RenderedPage(html.encode(), policy)


def _day(translator: Translator, instant: datetime, zone: ZoneInfo, *, ends: bool) -> str:
    """A bound of a period for people: the day when it is a midnight (the last day, for an end), else date and time."""
    local = instant.astimezone(zone)
    if local.time() != time():
        return translator.datetime(instant, zone)
    return translator.date(local.date() - timedelta(days=1) if ends else local.date())


def _image_source(logo: str | None) -> str:
    if logo is None:
        return "'none'"
    parts = urlsplit(logo)
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
    environment.globals["bars"] = bars
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


def bars(days: list[Any], slots: int) -> list[Bar]:
    """The days as bars of equal width, today at the right edge; `trouble` is the height of what was not good."""
    first = slots - len(days)
    found = []
    for position, day in enumerate(days):
        trouble = 0
        if day.state in {"down", "degraded"}:
            trouble = max(LEAST_TROUBLE, min(BAR_HEIGHT, round(BAR_HEIGHT * day.down_seconds / 86_400)))
        found.append(Bar((first + position) * 6, words.tone(day.state), trouble, day))
    return found
