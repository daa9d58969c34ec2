"""Pages on domains of their own: which host shows which page, and the way from its paths to the page's routes."""

import asyncio
import re
import time
from collections import OrderedDict
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from reporting.adapters.last_pages import SnapshotFolder
from reporting.adapters.page_settings import see_domain, slug_of_domain
from reporting.adapters.secret_box import box_of
from reporting.settings import ReportingSettings
from shared.consumer import is_database_away
from shared.problems import Unavailable
from shared.worker import Runtime

OWN_DOMAIN: Final = "upheld.own_domain"
"""In the scope of a request that came over a domain of a page: that domain."""
DOMAINS: Final = "upheld.domains"
"""In the scope of every request: the `Domains` of this process."""

FRESH_SECONDS: Final = 30.0
MOST: Final = 10_000

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN_PATTERN: Final = rf"^(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?$"
_DOMAIN: Final = re.compile(DOMAIN_PATTERN)


class Domains:
    """What hosts show, looked up at most every half minute; while the database is away, what they showed last.

    `folder` remembers what they showed beyond the life of the process.
    """

    def __init__(self, runtime: Runtime, folder: SnapshotFolder | None = None) -> None:
        self._runtime = runtime
        self._folder = folder
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()

    async def slug_of(self, host: str) -> str | None:
        """The page that a host shows; None when it is no page's. Raises the database's error when it is away."""
        at, slug = self._known.get(host, (float("-inf"), None))
        if time.monotonic() - at < FRESH_SECONDS:
            return slug
        try:
            async with self._runtime.units.for_every_tenant() as unit:
                slug = await slug_of_domain(unit.session, host)
                if slug is not None:
                    await see_domain(unit.session, host, slug)
        except Exception as error:
            if not is_database_away(error):
                raise
            if host not in self._known:
                slug = await asyncio.to_thread(self._folder.read_domain, host) if self._folder else None
                if slug is None:
                    raise
        else:
            await self._write_down(host, slug)
        self._known[host] = (time.monotonic(), slug)
        self._known.move_to_end(host)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return slug

    async def _write_down(self, host: str, slug: str | None) -> None:
        """When it is news: anybody may ask for any host."""
        before = self._known[host][1] if host in self._known else None
        if self._folder is None or (host in self._known and before == slug):
            return
        if slug is not None:
            await asyncio.to_thread(self._folder.write_domain, host, slug)
        else:
            await asyncio.to_thread(self._folder.remove, host)


class OwnDomains:
    """ASGI middleware: what is asked of a page's domain is asked of the page, and nothing else is there."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._ours = urlsplit(runtime.settings.public_url).hostname
        settings = runtime.settings
        assert isinstance(settings, ReportingSettings)
        folder = SnapshotFolder(settings.snapshot_dir / "domains", box_of(settings)) if settings.snapshot_dir else None
        self._domains = Domains(runtime, folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, DOMAINS: self._domains}
        host = host_of(Headers(scope=scope).get("host", "")) if scope["type"] == "http" else None
        if host is None or host == self._ours:
            await self._app(scope, receive, send)
            return
        try:
            slug = await self._domains.slug_of(host)
        except Exception as error:
            if not is_database_away(error):
                raise
            problem = Unavailable("The page cannot be read at the moment. Try again in a minute.")
            await problem.response(scope["path"])(scope, receive, send)
            return
        if slug is not None:
            path = _inside(slug, scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode(), OWN_DOMAIN: host}
        await self._app(scope, receive, send)


def host_of(field: str) -> str | None:
    """The name in a Host header that may be a domain of a page: no address, and no name without a point."""
    host = (field.rpartition(":")[0] if field.rpartition(":")[2].isdecimal() else field).lower().rstrip(".")
    return host if is_domain(host) else None


def is_domain(text: str) -> bool:
    """Whether this is a whole name, as the domain name system writes it: lower case, with a point, and no address."""
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None


def _inside(slug: str, path: str) -> str:
    if path == "/":
        return f"/status/{slug}"
    return f"/status/{slug}.json" if path == "/index.json" else f"/status/{slug}{path}"
