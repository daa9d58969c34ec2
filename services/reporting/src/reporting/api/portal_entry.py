"""Into the portal and out of it: ask for a link, open it, press the button; see where one is signed in, and sign out.

Looking at a link changes nothing, however often programs that check mails look at it: only the button signs in.
"""

import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from reporting.adapters.portal_store import (
    begin_session,
    drafts_of,
    end_session,
    look_at_link,
    sessions_of,
    take_asking,
    use_link,
)
from reporting.adapters.rendering import translator_for
from reporting.api.dependencies import Box, Settings
from reporting.api.pages import FORM
from reporting.api.portal_session import (
    LANGUAGE_COOKIE,
    LARGEST_FORM,
    PORTAL,
    SIGN_IN,
    PortalRoute,
    SignedIn,
    VisitorsForm,
    message,
    plain_page,
    read_form,
    see,
    set_session_cookie,
    translator_for_strangers,
)
from reporting.api.portal_single_sign_on import last_provider
from reporting.application.page_settings import PageProvider
from reporting.application.portal import LinkIsOver, TooManyAskings, Way
from shared.operations import Caller
from shared.service import CurrentRuntime

router = APIRouter(prefix=PORTAL, tags=["portal"], route_class=PortalRoute, include_in_schema=False)

Secret = Annotated[str, Path(max_length=100)]
FORMS: Final = {
    "/portal/sign-in": {FORM: LARGEST_FORM},
    "/portal/sign-in/{secret}": {FORM: LARGEST_FORM},
    "/portal/sign-out": {FORM: LARGEST_FORM},
    "/portal/sessions/{session_id}/end": {FORM: LARGEST_FORM},
}
"""The paths that take a form."""

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def _sign_in_page(
    request: Request,
    *,
    sent: bool = False,
    over: bool = False,
    out: str = "",
    email: str = "",
    wrong: bool = False,
    provider: PageProvider | None = None,
    status: int = 200,
) -> Response:
    values = {"sent": sent, "over": over, "out": out, "email": email, "wrong": wrong, "provider": provider}
    return plain_page(request, "sign_in.html", values, translator=translator_for_strangers(request), status=status)


@router.get("/sign-in", summary="Ask for a link")
async def show_portal_sign_in(request: Request, runtime: CurrentRuntime, sent: str = "", out: str = "") -> Response:
    """The form, and after it was sent what happens now: the same for every address. With the way in of last time.

    `out`: a session has ended.
    """
    provider = await last_provider(request, runtime)
    return _sign_in_page(request, sent=sent == "yes", out=out, provider=provider)


@router.post("/sign-in", summary="Ask for a link")
async def ask_for_portal_link(request: Request, runtime: CurrentRuntime, box: Box) -> Response:
    """Takes down the address; whether a link is mailed is looked at afterwards, so that the answer tells nothing."""
    form = await read_form(request)
    email = form["email"]
    if len(email) > 254 or not _ADDRESS.fullmatch(email):
        return _sign_in_page(request, email=email[:254], wrong=True, status=422)
    t = translator_for_strangers(request)
    # Kept as a keyed hash: enough to count with, and nobody reads from it who asked.
    place = box.sign(b"portal place " + (request.client.host if request.client else "").encode())
    try:
        async with runtime.units.for_every_tenant() as unit:
            await take_asking(unit, email, t.language, place)
    except TooManyAskings:
        text = t.gettext("Too many links were asked for from where you are. Try again in an hour.")
        response = message(request, 429, t.gettext("Not so fast"), text, t)
        response.headers["Retry-After"] = "3600"
        return response
    return see(SIGN_IN, sent="yes")


@router.get("/sign-in/{secret}", summary="Open a link")
async def show_portal_link(secret: Secret, request: Request, runtime: CurrentRuntime) -> Response:
    """A page with a button. Programs that open every link of a mail see it, and nothing happens."""
    try:
        async with runtime.units.for_every_tenant() as unit:
            person = await look_at_link(unit, secret)
    except LinkIsOver:
        return _sign_in_page(request, over=True, status=410)
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE) or person.language
    return plain_page(request, "enter.html", {"person": person}, translator=translator_for(asked, None, "en"))


@router.post("/sign-in/{secret}", summary="Sign in")
async def sign_in_to_portal(secret: Secret, request: Request, settings: Settings, runtime: CurrentRuntime) -> Response:
    """The button: the link is used, a session begins, and its secret goes into a cookie."""
    await read_form(request)
    try:
        async with runtime.units.for_every_tenant() as unit:
            person, provider_id = await use_link(unit, secret)
            way: Way = "link" if provider_id is None else "oidc"
            cookie = begin_session(unit, person, way, request.headers.get("user-agent", ""), provider_id)
            unit.caller = Caller(person.tenant_id, person.actor, person.role, person.client_id)
            kept = await drafts_of(unit, person.user_id)
    except LinkIsOver:
        return _sign_in_page(request, over=True, status=410)
    response = see(kept[0].page if kept else PORTAL)
    set_session_cookie(response, settings, cookie)
    return response


@router.get("/sessions", summary="See where one is signed in")
async def list_portal_sessions(visit: SignedIn) -> Response:
    """Every browser in which the person is signed in."""
    async with visit.unit() as unit:
        sessions = await sessions_of(unit, visit.person.user_id)
    return await visit.page("sessions.html", {"sessions": sessions})


@router.post("/sessions/{session_id}/end", summary="Sign out somewhere else")
async def end_portal_session(session_id: UUID, visit: SignedIn, _form: VisitorsForm) -> Response:
    """That browser lets in no more. Of somebody else's session nothing happens."""
    async with visit.unit() as unit:
        await end_session(unit, visit.person.user_id, session_id)
    if session_id == visit.session.session_id:
        return _signed_out(visit)
    return see("/portal/sessions")


@router.post("/sign-out", summary="Sign out")
async def sign_out_of_portal(visit: SignedIn, _form: VisitorsForm) -> Response:
    """The session ends where it is kept, not only in the browser."""
    async with visit.unit() as unit:
        await end_session(unit, visit.person.user_id, visit.session.session_id)
    return _signed_out(visit)


def _signed_out(visit: SignedIn) -> Response:
    response = see(SIGN_IN, out="yes")
    set_session_cookie(response, visit.settings, None)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
