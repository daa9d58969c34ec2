"""Into a status page through a provider: for people whom the agency let into the portal, and for domains that it named.

On a page's own domain all of it happens on that domain: the provider leads back there, and the cookie is that host's.
"""

from fastapi import APIRouter, Request, Response

from reporting.adapters.own_domains import OWN_DOMAIN
from reporting.adapters.rendering import page_sign_in_page
from reporting.adapters.sign_in_words import failure
from reporting.adapters.upstream import PortalAccess
from reporting.api.dependencies import Lang, Settings
from reporting.api.pages import page_response
from reporting.api.public_pages import Pages, PublicPage, Slug
from reporting.api.single_sign_on import SignOn, page_redirect_uri
from reporting.application.portal import ContractsAway
from reporting.application.single_sign_on import SignInFailed
from reporting.application.status_page import UnknownPage
from reporting.domain.single_sign_on import is_of
from reporting.settings import ReportingSettings

router = APIRouter(prefix="/status", tags=["status pages"], include_in_schema=False)


@router.get("/{slug}/sso", summary="Sign in to a status page")
async def go_to_page_provider(
    request: Request, pages: Pages, settings: Settings, sign_on: SignOn, slug: Slug, lang: Lang = None
) -> Response:
    """Leads to the provider of the page."""
    try:
        found = await pages.look_up(slug)
    except UnknownPage:
        return pages.nothing(lang)
    if found.page.known.settings.audience != "single_sign_on":
        return _to_page(pages, found)
    provider = found.page.provider
    try:
        if provider is None:
            raise SignInFailed("turned_off")
        return await sign_on.begin(provider.identity_provider_id, _redirect_uri(request, settings, found))
    except SignInFailed as failed:
        sign_on.note(failed, found.page.known.settings.identity_provider_id)
        return _told(request, pages, found, failed, lang)


@router.get("/{slug}/sso/callback", summary="Come back to a status page")
async def return_to_page(
    request: Request, pages: Pages, settings: Settings, sign_on: SignOn, slug: Slug, lang: Lang = None
) -> Response:
    """Opens the page to whoever may read it, with a cookie as a password does."""
    try:
        found = await pages.look_up(slug)
    except UnknownPage:
        return pages.nothing(lang)
    if found.page.known.settings.audience != "single_sign_on":
        return sign_on.forget(_to_page(pages, found))
    provider = found.page.provider
    try:
        if provider is None:
            raise SignInFailed("turned_off")
        _, address = await sign_on.finish(provider.identity_provider_id, _redirect_uri(request, settings, found))
        if not await _is_admitted(settings, found, address):
            raise SignInFailed("unknown_person")
    except SignInFailed as failed:
        sign_on.note(failed, found.page.known.settings.identity_provider_id)
        return sign_on.forget(_told(request, pages, found, failed, lang))
    response = _to_page(pages, found)
    response.headers.append("Set-Cookie", pages.opening_cookie(found))
    if pages.root(found):
        response.headers.append("Set-Cookie", pages.opening_cookie(found, ".json"))
    return sign_on.forget(response)


async def _is_admitted(settings: ReportingSettings, found: PublicPage, address: str) -> bool:
    """Whether a verified address may read a page: it is of a domain that the page names, or of somebody whom the
    agency let in for the page's client. Raises SignInFailed while that cannot be told."""
    page = found.page
    if is_of(address, page.known.settings.admitted_domains):
        return True
    if settings.portal_secret is None:
        return False
    try:
        people = await PortalAccess(settings, settings.portal_secret).people(address, page.tenant_id)
    except ContractsAway as error:
        raise SignInFailed("away", f"contracts: {error}") from error
    return any((each.tenant_id, each.client_id) == (page.tenant_id, page.client_id) for each in people)


def _redirect_uri(request: Request, settings: ReportingSettings, found: PublicPage) -> str:
    return page_redirect_uri(settings, found.content.slug, request.scope.get(OWN_DOMAIN))


def _to_page(pages: Pages, found: PublicPage) -> Response:
    return Response(status_code=303, headers={"Location": pages.root(found) or "/", "Cache-Control": "no-store"})


def _told(request: Request, pages: Pages, found: PublicPage, failed: SignInFailed, lang: str | None) -> Response:
    t = pages.translator(found, lang)
    page = page_sign_in_page(found.page, t, place=pages.root(found), fault=failed.fault)
    return page_response(request, page, t, cache_control="no-store", status=failure(t, failed.fault).status)
