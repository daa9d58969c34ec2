"""How public routes read a page and answer: from the database, while it is away from what this process read last.

A page may be for those who know its password: a browser shows a cookie that its form was answered with, a program sends
the password as HTTP Basic. Or for those who sign in at a provider: then there is the cookie alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request, Response

from reporting.adapters.facts import StoredFacts
from reporting.adapters.last_pages import LastPages, SnapshotFolder
from reporting.adapters.last_pictures import MOST_BYTES, LastPictures
from reporting.adapters.own_domains import OWN_DOMAIN
from reporting.adapters.page_access import PageAccess, basic_password
from reporting.adapters.page_settings import stored_picture
from reporting.adapters.rendering import RenderedPage, page_sign_in_page, password_page, translator_for
from reporting.api.dependencies import Box, Settings, of_process
from reporting.api.pages import HTML_CONTENT, message_response, page_response, wants_html
from reporting.api.visits import visits_of
from reporting.application.page_settings import PictureKind, page_address
from reporting.application.status_page import ShownPage, StatusPageContent, UnknownPage, status_page
from reporting.settings import ReportingSettings
from shared.consumer import is_database_away
from shared.etag import content_etag, etag, not_modified
from shared.i18n import Translator
from shared.operations import correlation_of
from shared.problems import NotFound, TooManyRequests, Unauthorized, responses_for
from shared.service import CurrentRuntime
from shared.telemetry import current_traceparent
from shared.unit_of_work import UnitOfWork
from shared.worker import Runtime

Slug = Annotated[
    str, Path(max_length=100, description="address of the page, from the contract", examples=["boulangerie-martin"])
]
NOT_MODIFIED = {"description": "The reader has the present version (`If-None-Match`)"}
FOR_SOME = responses_for(Unauthorized, TooManyRequests)
"""Of every route of a page: it may be for those who know its password or sign in; wrong passwords are counted."""
_FOR_THE_FEW = "The page is for those who know its password, or sign in, and this visitor has not yet"
NOT_YET: Final[dict[int | str, dict[str, Any]]] = {403: {"description": _FOR_THE_FEW, **HTML_CONTENT}}
"""What `PublicPages.admission` answers."""
A_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The page", **HTML_CONTENT},
    304: NOT_MODIFIED,
    **NOT_YET,
    **FOR_SOME,
}
"""What `PublicPages.show` answers."""
COOKIE: Final = "upheld_page"
PRIVATE: Final = "private, no-cache"
NO_SUCH_PAGE: Final = "There is no status page at this address."

_MINUTE: Final = timedelta(minutes=1)
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class PublicPage:
    """A page that visitors may read, where it is, and whether it was read just now or only remembered.

    `place` is where it lies, as links in it write it. `remembered`: how old it is; None when it was read just now. In
    whole minutes, and at least one: so the page is the same for a minute.
    """

    page: ShownPage
    url: str
    place: str
    remembered: timedelta | None

    @property
    def content(self) -> StatusPageContent:
        """What it says."""
        return self.page.content

    @property
    def private(self) -> bool:
        """Whether not everybody may read it: nothing that stands between keeps it."""
        return self.page.known.settings.audience != "public"

    def way_back(self, depth: int) -> str:
        """To the page, as links write it at an address that is `depth` parts of a path below it."""
        if self.place == ".":
            return "../" * (depth - 1) or "./"
        return "../" * depth + self.content.slug


def no_page(request: Request, t: Translator, status: int) -> Response:
    """For people: there is no page at this address."""
    text = t.gettext("There is no status page at this address. Check the link that you were given.")
    return message_response(request, t, status, t.gettext("Page not found"), text)


class NotAdmitted(Exception):
    """The page is there, and this visitor may not read it yet."""

    def __init__(self, page: PublicPage) -> None:
        super().__init__()
        self.page = page


class PublicPages:
    """Reads pages for one request, and answers it."""

    def __init__(
        self,
        request: Request,
        runtime: Runtime,
        settings: ReportingSettings,
        last: LastPages,
        pictures: LastPictures,
        access: PageAccess,
    ) -> None:
        self._access = access
        self._request = request
        self._runtime = runtime
        self._settings = settings
        self._last = last
        self._pictures = pictures

    async def find(self, slug: str) -> PublicPage:
        """The page at an address, for whoever may read it.

        Raises UnknownPage, NotAdmitted, or the database's error when nothing is remembered either.
        """
        same = slug, self._request.scope.get(OWN_DOMAIN)
        found: PublicPage = await visits_of(self._request).readings.share(same, lambda: self.look_up(slug))
        if found.private and not await self._admitted(found):
            raise NotAdmitted(found)
        return found

    async def _admitted(self, found: PublicPage) -> bool:
        if self._access.opens(self._request.cookies.get(COOKIE), found.page, self._runtime.clock.now()):
            return True
        password = basic_password(self._request.headers.get("authorization"))
        return password is not None and await self._access.is_password(password, found.page)

    async def look_up(self, slug: str) -> PublicPage:
        """The page at an address, whoever asks."""
        if not _SLUG.fullmatch(slug):
            raise UnknownPage
        try:
            async with self._runtime.units.for_every_tenant(
                correlation_id=correlation_of(self._request.headers), traceparent=current_traceparent()
            ) as unit:
                page = await status_page(StoredFacts(unit), slug, unit.now)
                read = {kind: await _stored(unit, page, kind) for kind in self._pictures.lacking(page)}
        except UnknownPage:
            await self._last.forget(slug)
            await self._pictures.forget(slug)
            raise
        except Exception as error:
            if not is_database_away(error):
                raise
            now = self._runtime.clock.now()
            kept = await self._last.recall(slug, now)
            if kept is None:
                raise
            read_at, page = kept
            return self._page(page, remembered=max((now - read_at) // _MINUTE, 1) * _MINUTE)
        await self._last.keep(slug, page, unit.now)
        await self._pictures.keep(page, {kind: found for kind, found in read.items() if found is not None})
        return self._page(page, remembered=None)

    def _page(self, page: ShownPage, *, remembered: timedelta | None) -> PublicPage:
        slug, domain = page.content.slug, page.known.domain
        if self._request.scope.get(OWN_DOMAIN, domain) != domain:
            raise UnknownPage  # the page is another client's by now, or it has another domain
        url = page_address(page.known, slug, self._settings.public_url)
        return PublicPage(page, url, "." if OWN_DOMAIN in self._request.scope else slug, remembered)

    async def read(self, slug: str) -> PublicPage:
        """For programs: an unknown address is a problem document."""
        try:
            return await self.find(slug)
        except UnknownPage:
            raise NotFound(NO_SUCH_PAGE) from None
        except NotAdmitted as asked:
            if asked.page.page.known.settings.audience == "single_sign_on":
                raise Unauthorized(
                    f"This page is for those who sign in: open {asked.page.url} in a browser, and ask with its cookie.",
                    headers={"WWW-Authenticate": 'Cookie realm="status page"'},
                ) from None
            raise Unauthorized(
                "This page is for those who know its password: send it with HTTP Basic, under any user name.",
                headers={"WWW-Authenticate": 'Basic realm="status page", charset="UTF-8"'},
            ) from None

    async def look_up_for_all(self, slug: str) -> PublicPage:
        """For what everybody may see of a page. Raises NotFound."""
        try:
            return await self.look_up(slug)
        except UnknownPage:
            raise NotFound(NO_SUCH_PAGE) from None

    async def picture_of(self, slug: str, kind: PictureKind) -> tuple[str, bytes] | None:
        """The hash and the bytes of a picture of a page, for everybody. Raises NotFound."""
        page = (await self.look_up_for_all(slug)).page
        digest = page.known.pictures.get(kind)
        if digest is None:
            return None
        if (kept := await self._pictures.recall(page, kind)) is not None:
            return digest, kept
        async with self._runtime.units.for_tenant(page.tenant_id) as unit:
            return await _stored(unit, page, kind)

    async def enter(self, slug: str, password: str) -> tuple[PublicPage, str | None]:
        """The page and the cookie that opens it from now on; none when this is not the password. Raises NotFound."""
        found = await self.look_up_for_all(slug)
        if not await self._access.is_password(password, found.page):
            return found, None
        return found, self.opening_cookie(found)

    def opening_cookie(self, found: PublicPage, ending: str = "") -> str:
        """The cookie that opens a page to a visitor who may read it.

        :param ending: of what lies beside the page and not below it: browsers keep cookies for whole parts of a path.
        """
        secure = urlsplit(self._settings.public_url).scheme == "https" or found.place == "."
        token, seconds = self._access.token(found.page, self._runtime.clock.now())
        return (
            f"{COOKIE}={token}; Max-Age={seconds}; Path={(self.root(found) + ending) or '/'}; HttpOnly; SameSite=Lax"
            f"{'; Secure' if secure else ''}"
        )

    def root(self, found: PublicPage) -> str:
        """The path below which the page and what belongs to it lie on the host that was asked; empty: all of it."""
        if found.place == ".":
            return ""
        return f"{urlsplit(self._settings.public_url).path.rstrip('/')}/status/{found.content.slug}"

    def translator(self, found: PublicPage | None, lang: str | None) -> Translator:
        """The language of whoever reads the page: asked for by name, else his browser's, else that of the page, if it
        is there.
        """
        default = "en" if found is None else found.content.language
        return translator_for(lang, self._request.headers.get("accept-language"), default)

    async def show(
        self,
        slug: str,
        lang: str | None,
        render: Callable[[PublicPage, Translator], RenderedPage],
        *,
        place: str | None = None,
        refused: bool = False,
    ) -> Response:
        """What `render` makes of the page, for people. It may raise NotFound.

        An address at which there is nothing is a page too when a browser asks, and a problem document when a program
        does.

        :param place: where the page lies, as links of what was asked for write it; None: the page itself was.
        :param refused: the password that was given was not that of the page.
        """
        try:
            found = await (self.find(slug) if wants_html(self._request) else self.read(slug))
        except NotAdmitted as asked:
            return self.admission(asked.page, lang, place=place or asked.page.place, refused=refused)
        except UnknownPage:
            return self.nothing(lang)
        t = self.translator(found, lang)
        try:
            page = render(found, t)
        except NotFound:
            if not wants_html(self._request):
                raise
            return self.nothing(lang, found.content.language)
        return page_response(self._request, page, t, cache_control=self.cache_control(found))

    def admission(self, asked: PublicPage, lang: str | None, *, place: str, refused: bool = False) -> Response:
        """The page at which a visitor is let in: it asks for the password, or leads to the provider to sign in at."""
        t = self.translator(asked, lang)
        if asked.page.known.settings.audience == "single_sign_on":
            form = page_sign_in_page(asked.page, t, place=place, fault=None)
        else:
            form = password_page(asked.page.brand, t, place=place, refused=refused)
        return page_response(self._request, form, t, cache_control="no-store", status=403)

    def nothing(self, lang: str | None, default: str = "en") -> Response:
        """For people: there is no page at this address."""
        return no_page(self._request, translator_for(lang, self._request.headers.get("accept-language"), default), 404)

    def cache_control(self, found: PublicPage) -> str:
        """For how long, and for how much longer in trouble, browsers and proxies may reuse a page."""
        if found.private:
            return PRIVATE
        seconds = self._settings.status_page_max_age_seconds
        return f"public, max-age={seconds}, stale-while-revalidate={seconds}, stale-if-error=86400"

    def answer(
        self,
        found: PublicPage,
        body: bytes,
        media_type: str,
        *,
        language: str | None = None,
    ) -> Response:
        """What any program may read from any origin, or 304. `language`: that it was made for its reader in."""
        tag = content_etag(body)
        headers = {"Cache-Control": self.cache_control(found)}
        if not found.private:
            headers["Access-Control-Allow-Origin"] = "*"
        if language is not None:
            headers |= {"Content-Language": language, "Vary": "Accept-Language"}
        unchanged = not_modified(self._request, tag.strip('"'), headers=headers)
        if unchanged is not None:
            return unchanged
        return Response(body, media_type=media_type, headers={**headers, "ETag": tag})

    def picture(self, digest: str, content: bytes, cache_control: str) -> Response:
        """A picture, to be shown as one and as nothing else."""
        headers = {"Cache-Control": cache_control, "Content-Security-Policy": "sandbox; default-src 'none'"}
        unchanged = not_modified(self._request, digest, headers=headers)
        return unchanged or Response(content, media_type="image/png", headers=headers | {"ETag": etag(digest)})


async def _stored(unit: UnitOfWork, page: ShownPage, kind: PictureKind) -> tuple[str, bytes] | None:
    return await stored_picture(unit.session, page.tenant_id, page.content.slug, page.client_id, kind)


async def last_pages(request: Request, settings: Settings, box: Box) -> LastPages:
    """Dependency: what this process read last."""

    def made() -> LastPages:
        return LastPages(SnapshotFolder(settings.snapshot_dir / "pages", box) if settings.snapshot_dir else None)

    return of_process(request, "last_pages", made)


async def last_pictures(request: Request, settings: Settings, box: Box) -> LastPictures:
    """Dependency: the pictures that this process read last."""

    def made() -> LastPictures:
        folder = settings.snapshot_dir / "pictures" if settings.snapshot_dir else None
        return LastPictures(SnapshotFolder(folder, box, most_bytes=MOST_BYTES) if folder else None)

    return of_process(request, "last_pictures", made)


async def page_access(request: Request, box: Box) -> PageAccess:
    """Dependency: who this process let in."""
    return of_process(request, "page_access", lambda: PageAccess(box))


async def public_pages(
    request: Request,
    runtime: CurrentRuntime,
    settings: Settings,
    last: Annotated[LastPages, Depends(last_pages)],
    pictures: Annotated[LastPictures, Depends(last_pictures)],
    access: Annotated[PageAccess, Depends(page_access)],
) -> PublicPages:
    """Dependency: see `PublicPages`."""
    return PublicPages(request, runtime, settings, last, pictures, access)


Pages = Annotated[PublicPages, Depends(public_pages)]
