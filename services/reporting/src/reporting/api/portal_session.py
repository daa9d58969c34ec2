"""Who is looking at the portal: the session of a cookie, what it may do, and how pages of the portal answer."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from reporting.adapters import portal_words, words
from reporting.adapters.facts import StoredFacts
from reporting.adapters.portal_facts import contracts_seen
from reporting.adapters.portal_store import (
    Draft,
    OpenSession,
    drafts_of,
    end_session,
    find_session,
    forget_draft,
    keep_draft,
    session_that_was,
    sessions_that_were,
)
from reporting.adapters.rendering import RenderedPage, catalogues, portal_page, translator_for
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.upstream import AskedTooFast, Away, ClientApis, NotThere, PortalAccess, Refused
from reporting.api.dependencies import current_box, current_settings, of_process
from reporting.api.pages import FORM, HTML
from reporting.api.portal_drafts import draft_of, page_of, written_in
from reporting.application.brands import brand_of_portal
from reporting.application.editions import UnknownEdition
from reporting.application.evidence import (
    EntriesNotTold,
    EvidenceIsIncomplete,
    FactsNotTold,
    NothingClosed,
    NothingMeasured,
    SettledOtherwise,
    TooMuchEvidence,
    UnknownIncident,
)
from reporting.application.facts import ContractState
from reporting.application.portal import ContractsAway, Person, PersonIsOut
from reporting.application.report import Brand
from reporting.application.reporting import InTheFuture, NotInTheContract, UnknownContract
from reporting.settings import ReportingSettings
from shared.caller_limit import POLICY, count_caller
from shared.consumer import is_database_away
from shared.i18n import Translator
from shared.operations import correlation_of
from shared.problems import TooManyRequests
from shared.telemetry import HELD_BACK, current_traceparent
from shared.unit_of_work import UnitOfWork
from shared.worker import Runtime

PORTAL: Final = "/portal"
SIGN_IN: Final = "/portal/sign-in"
LANGUAGE_COOKIE: Final = "portal_language"
VIEW_COOKIE: Final = "portal_view"
VIEWS: Final = ("business", "technical")
LARGEST_FORM: Final = 64_000
MOST_FIELDS: Final = 60
YEAR_SECONDS: Final = 365 * 86_400

_KEY: Final = re.compile(r"[0-9A-Za-z_-]{16,64}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

log = structlog.get_logger(__name__)


class SignedOut(Exception):
    """Nobody is signed in."""


class NoPortal(Exception):
    """This installation has none."""


class FormRefused(Exception):
    """The form did not come from one of our pages, or from another session."""


class DeciderOnly(Exception):
    """Only a decider of the client reads or does this."""


class TokenPurse:
    """Tokens of people who are signed in, as long as each is good; in this process only."""

    MOST = 10_000
    EARLIER_SECONDS = 60.0

    def __init__(self, access: PortalAccess, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._monotonic = monotonic
        self._tokens: OrderedDict[UUID, tuple[str, float]] = OrderedDict()

    async def token(self, user_id: UUID) -> str:
        """A token that is good for another minute. Raises PersonIsOut, ContractsAway."""
        token, good_until = self._tokens.get(user_id, ("", float("-inf")))
        if self._monotonic() < good_until:
            return token
        self._tokens.pop(user_id, None)
        token, seconds = await self._access.token(user_id)
        self._tokens[user_id] = (token, self._monotonic() + seconds - self.EARLIER_SECONDS)
        while len(self._tokens) > self.MOST:
            self._tokens.popitem(last=False)
        return token


def token_purse(request: Request) -> TokenPurse:
    """Dependency: the tokens of this process. Raises NoPortal."""
    return of_process(request, "token_purse", lambda: TokenPurse(portal_access(current_settings(request))))


def portal_access(settings: ReportingSettings) -> PortalAccess:
    """What contracts tells of people and their tokens. Raises NoPortal."""
    if settings.portal_secret is None:
        raise NoPortal
    return PortalAccess(settings, settings.portal_secret)


# --- cookies ---------------------------------------------------------------------------------------------------------


def is_secure(settings: ReportingSettings) -> bool:
    """Whether browsers reach us over TLS: then cookies travel over it only."""
    return settings.public_url.startswith("https://")


def cookie_name(settings: ReportingSettings) -> str:
    """With `__Host-` a browser takes the cookie from this very host over TLS only (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-portal" if is_secure(settings) else "portal"


def set_session_cookie(response: Response, settings: ReportingSettings, secret: str | None) -> None:
    """The cookie of a session, gone with the browser; None takes it back.

    `SameSite=Lax`: whoever follows a link in a mail to a page of the portal is still signed in there.
    """
    name = cookie_name(settings)
    if secret is None:
        response.delete_cookie(name, path="/", secure=is_secure(settings), httponly=True, samesite="lax")
    else:
        response.set_cookie(name, secret, path="/", secure=is_secure(settings), httponly=True, samesite="lax")


def translator_of(request: Request, default: str) -> Translator:
    """The reader's language: asked for in the address, else chosen before, else as the default says."""
    return translator_for(_asked_for(request), None, default)


def translator_for_strangers(request: Request) -> Translator:
    """Of somebody whom nobody knows yet: as he asks, as he chose before, as his browser prefers."""
    return translator_for(_asked_for(request), request.headers.get("accept-language"), "en")


def _asked_for(request: Request) -> str | None:
    return request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)


# --- a visit ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in."""

    request: Request
    runtime: Runtime
    settings: ReportingSettings
    session: OpenSession
    translator: Translator
    apis: ClientApis
    box: SecretBox

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.session.person

    @property
    def form_token(self) -> str:
        """What every form of this session carries, so that no other site can send one for it."""
        return _form_token(self.box, self.session.session_id)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitOfWork]:
        """A transaction that sees what concerns the person's client, and nothing else."""
        async with self.runtime.units.for_tenant(
            self.person.tenant_id,
            client_id=self.person.client_id,
            actor=self.person.actor,
            correlation_id=correlation_of(self.request.headers),
            traceparent=current_traceparent(),
        ) as unit:
            yield unit

    @property
    def technical(self) -> bool:
        """How much is told: chosen in the address, else before, else as it suits the person: a decider reads less."""
        chosen = self.request.query_params.get("view") or self.request.cookies.get(VIEW_COOKIE)
        return chosen == "technical" if chosen in VIEWS else not self.person.decides

    def must_decide(self) -> None:
        """Raises DeciderOnly for the client's staff."""
        if not self.person.decides:
            raise DeciderOnly

    async def page(self, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """A page, in the look of the agency's contract with the client, with what could not be sent from it before."""
        async with self.unit() as unit:
            contracts = await contracts_seen(unit)
            drafts = await drafts_of(unit, self.person.user_id)
        return await self.page_about(contracts, template, values, status=status, drafts=drafts)

    async def page_about(
        self,
        contracts: Sequence[ContractState],
        template: str,
        values: Mapping[str, Any],
        *,
        status: int = 200,
        drafts: Sequence[Draft] = (),
    ) -> Response:
        """A page, where the contracts were read already. In a form that was just sent is what was sent."""
        path = self.request.url.path
        here = page_of(path)
        written: Form | None = getattr(self.request.state, "written", None)
        kept = {each.path: each.fields for each in drafts}
        zone = contracts[0].client.time_zone if contracts else "UTC"
        async with self.unit() as unit:
            brand = await brand_of_portal(StoredFacts(unit), self.person.tenant_id, contracts, self.person.agency_name)
        shared = {
            "visit": self,
            "p": portal_words,
            "place": PORTAL,
            "contracts": contracts,
            "here": here,
            "here_with": partial(_address, here, self.request.query_params.multi_items()),
            "kept": kept if written is None else kept | {path: written.fields},
            "found_again": any(each.page == here and (written is None or each.path != path) for each in drafts),
            "technical": self.technical,
            "severity": partial(_severity, self.translator, contracts),
            "form_key": secrets.token_urlsafe(18),
        }
        page = portal_page(template, self.translator, brand, zone, self.runtime.clock.now(), {**shared, **values})
        return html_response(self.request, page, self.translator, status=status)


def _address(path: str, query: Sequence[tuple[str, str]], **changed: str) -> str:
    """The same page with some of its parameters changed."""
    return f"{path}?{urlencode([*(each for each in query if each[0] not in changed), *changed.items()])}"


def _severity(t: Translator, contracts: Sequence[ContractState], item: Mapping[str, Any]) -> str:
    """How bad an item is, as its contract calls it."""
    contract = next((each for each in contracts if str(each.contract_id) == item["contract_id"]), None)
    names = None if contract is None else contract.severity_names(item["severity"])
    return words.severity(t, item["severity"], names)


def _form_token(box: SecretBox, session_id: UUID) -> str:
    return box.sign(b"portal form " + session_id.bytes).hex()


async def current_visit(request: Request) -> Visit:
    """Dependency: who is signed in. Raises SignedOut, NoPortal, and TooManyRequests for who asks too often."""
    settings, runtime = current_settings(request), request.app.state.runtime
    purse = token_purse(request)
    secret = request.cookies.get(cookie_name(settings))
    if not secret or len(secret) > 100:
        raise SignedOut
    async with runtime.units.for_every_tenant() as unit:
        session = await find_session(unit, secret)
    if session is None:
        raise SignedOut
    person = session.person
    request.state.principal, request.state.session = person, session
    structlog.contextvars.bind_contextvars(tenant_id=str(person.tenant_id), subject=str(person.user_id))
    # Together with what the same person asks of this process with a token.
    count_caller(request.scope, person.tenant_id, str(person.user_id))
    token: str | None
    try:
        token = await purse.token(person.user_id)
    except PersonIsOut:
        async with runtime.units.for_tenant(person.tenant_id, actor=person.actor) as unit:
            await end_session(unit, person.user_id, session.session_id)
        raise SignedOut from None
    except ContractsAway as error:
        # What reporting knows by itself is shown all the same.
        log.warning("portal_without_token", error=str(error))
        token = None
    return Visit(
        request,
        runtime,
        settings,
        session,
        translator_of(request, person.language),
        ClientApis(settings, token, correlation_of(request.headers)),
        current_box(settings),
    )


SignedIn = Annotated[Visit, Depends(current_visit)]


# --- forms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """What somebody sent with a form: the first value of each field, without control characters."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    @property
    def key(self) -> str:
        """What makes sending it twice one thing, from whichever page; a new one for a form that has none.

        It is of what was written too: who changed a word before he sent it again asks for something else.
        """
        given = self["form_key"]
        if not _KEY.fullmatch(given):
            return secrets.token_urlsafe(18)
        written = sorted((name, value.strip()) for name, value in written_in(self.fields).items() if value.strip())
        return hashlib.sha256(json.dumps([given, written]).encode()).hexdigest()


def _is_own(request: Request) -> bool | None:
    """Whether one of our own pages sent the request; None where nothing tells.

    Browsers tell where a form comes from (`Sec-Fetch-Site`, `Origin`); what is no browser has nobody's cookie to abuse.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return None if origin is None else urlsplit(origin).netloc in _own_hosts(request)


async def read_form(request: Request) -> Form:
    """The form. Raises FormRefused for what is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise FormRefused
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise FormRefused from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, _CONTROL.sub("", value.replace("\r\n", "\n")))
    return Form(fields)


def _own_hosts(request: Request) -> set[str | None]:
    """As the browser names us: a proxy before us may have put another name into `Host`."""
    return {request.headers.get("host"), urlsplit(current_settings(request).public_url).netloc}


async def visitors_form(visit: SignedIn, request: Request) -> Form:
    """Dependency: the form of whoever is signed in, with the token of this very session. Raises FormRefused."""
    form = await read_form(request)
    genuine = hmac.compare_digest(form["form_token"].encode(), visit.form_token.encode())
    request.state.written = form
    if not genuine:
        raise FormRefused
    return form


VisitorsForm = Annotated[Form, Depends(visitors_form)]


async def _keep_written(request: Request) -> str | None:
    """Keeps what somebody who is signed in wrote and what could not be sent. Gives the page where it is found again."""
    person: Person | None = getattr(request.state, "principal", None)
    form: Form | None = getattr(request.state, "written", None)
    draft = None if person is None or form is None else draft_of(request.url.path, form.fields)
    if person is None or form is None or draft is None:
        return None
    box = current_box(current_settings(request))
    async with _unit_of(request, person) as unit:
        # A form of another session of the same person, which may be over, is his as well. One of whoever had the
        # browser before him is not.
        sessions = await sessions_that_were(unit, person)
        tokens = [_form_token(box, each).encode() for each in sessions]
        if not any(hmac.compare_digest(form["form_token"].encode(), each) for each in tokens):
            return None
        await keep_draft(unit, person, draft)
    return draft.page


async def _keep_of_the_past(request: Request) -> bool:
    """Keeps what somebody wrote whose session is over, if the form is one of that very session."""
    settings = current_settings(request)
    secret = request.cookies.get(cookie_name(settings))
    if request.method != "POST" or not secret or len(secret) > 100:
        return False
    runtime: Runtime = request.app.state.runtime
    async with runtime.units.for_every_tenant() as unit:
        session = await session_that_was(unit, secret)
    try:
        form = await read_form(request)
    except FormRefused:
        return False
    if session is None or not hmac.compare_digest(
        form["form_token"].encode(), _form_token(current_box(settings), session.session_id).encode()
    ):
        return False
    draft = draft_of(request.url.path, form.fields)
    if draft is not None:
        async with _unit_of(request, session.person) as unit:
            await keep_draft(unit, session.person, draft)
    return draft is not None


def _unit_of(request: Request, person: Person) -> AbstractAsyncContextManager[UnitOfWork]:
    runtime: Runtime = request.app.state.runtime
    return runtime.units.for_tenant(person.tenant_id, client_id=person.client_id, actor=person.actor)


async def _forget_sent(request: Request) -> None:
    """What was sent now is kept no longer."""
    person: Person | None = getattr(request.state, "principal", None)
    if person is not None and getattr(request.state, "written", None) is not None:
        async with _unit_of(request, person) as unit:
            await forget_draft(unit, person.user_id, request.url.path)


# --- answers ---------------------------------------------------------------------------------------------------------


def html_response(request: Request, page: RenderedPage, translator: Translator, *, status: int = 200) -> Response:
    """A page that is kept nowhere, shown in no frame, and tells nobody else where its reader was."""
    response = Response(
        page.html,
        status_code=status,
        media_type=HTML,
        headers={
            "Cache-Control": "no-store",
            "Content-Language": translator.language,
            "Content-Security-Policy": page.content_security_policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            # With no-referrer a browser would hide from us, too, where a form comes from.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        },
    )
    secure = is_secure(current_settings(request))
    for cookie, parameter, known in (
        (LANGUAGE_COOKIE, "lang", catalogues().languages),
        (VIEW_COOKIE, "view", VIEWS),
    ):
        chosen = request.query_params.get(parameter)
        if chosen is not None and chosen in known:
            response.set_cookie(
                cookie, chosen, path=PORTAL, max_age=YEAR_SECONDS, samesite="lax", secure=secure, httponly=True
            )
    return response


TAKEN_AWAY: Final[Mapping[str, str]] = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""Headers of a file that is saved: kept by nobody between, and never run as a page of ours."""


def one_of(contracts: Sequence[ContractState], contract_id: UUID) -> ContractState:
    """The contract, if it is the client's and has begun. Raises NotThere."""
    for each in contracts:
        if each.contract_id == contract_id:
            return each
    raise NotThere


def see(path: str, **query: str) -> Response:
    """After a form: look there (RFC 9110, section 15.4.4), so that going back sends nothing again."""
    location = f"{path}?{urlencode(query)}" if query else path
    return Response(status_code=303, headers={"Location": location, "Cache-Control": "no-store"})


def plain_page(
    request: Request, template: str, values: Mapping[str, Any], *, translator: Translator, status: int = 200
) -> Response:
    """A page for somebody who is not signed in: nobody's look, because nobody knows yet whose client he is."""
    brand = Brand("", None, None, None, None)
    now = request.app.state.runtime.clock.now()
    page = portal_page(template, translator, brand, "UTC", now, {"p": portal_words, "here": request.url.path, **values})
    return html_response(request, page, translator, status=status)


def message(
    request: Request, status: int, title: str, text: str, translator: Translator, *, kept: str | None = None
) -> Response:
    """A page that only says something, and leads back; `kept`: to the page where what was written is found again."""
    values = {"title": title, "text": text, "kept": kept}
    return plain_page(request, "message.html", values, translator=translator, status=status)


class PortalRoute(APIRoute):
    """Whatever goes wrong is a page for people: these routes are no API. Without a portal none of them is there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with pages instead of problem documents."""
        handle = super().get_route_handler()

        async def handle_with_pages(request: Request) -> Response:
            try:
                if request.method == "POST" and _is_own(request) is False:
                    # Before anything is looked at: who sends it from elsewhere signs nobody out either.
                    raise FormRefused
                if current_settings(request).portal_secret is None:
                    raise NoPortal
                response = await handle(request)
                if response.status_code == 303:
                    await _forget_sent(request)
                elif response.status_code == 422:
                    await _keep_written(request)  # whoever leaves the page of a form that was refused finds it again
                return response
            except SignedOut:
                return await _signed_out(request)
            except TooManyRequests as error:
                HELD_BACK.labels(POLICY).inc()
                return await _too_fast(request, error.headers["Retry-After"])
            except AskedTooFast as error:
                return await _too_fast(request, str(error.wait))
            except Exception as error:
                told = _told(request, error)
                if told is None:
                    raise
                kept = None if is_database_away(error) else await _keep_written(request)
                return message(request, *told, reader_of(request), kept=kept)

        return handle_with_pages


async def _signed_out(request: Request) -> Response:
    """To the page that signs in, which says what became of what was written. Takes back a cookie that came."""
    settings = current_settings(request)
    came = cookie_name(settings) in request.cookies
    if await _keep_of_the_past(request):
        response = see(SIGN_IN, out="kept")
    else:
        response = see(SIGN_IN, out="yes") if came else see(SIGN_IN)
    if came:
        set_session_cookie(response, settings, None)
    return response


async def _too_fast(request: Request, wait: str) -> Response:
    """Nobody is answered so much at once, here or by another service, which is asked once the form was read: then what
    was written is kept. The same works in `wait` seconds.
    """
    t = reader_of(request)
    text = t.gettext("Too much was asked for at once, and nothing was done. Try again in a moment.")
    kept = await _keep_written(request)
    answer = message(request, 429, t.gettext("Not so fast"), text, t, kept=kept)
    answer.headers["Retry-After"] = wait
    return answer


def reader_of(request: Request) -> Translator:
    """The language of whoever is signed in, else of whoever asks."""
    person: Person | None = getattr(request.state, "principal", None)
    return translator_of(request, person.language) if person else translator_for_strangers(request)


def _told(request: Request, error: Exception) -> tuple[int, str, str] | None:
    """What is said of an error: status, title and text. None: it is none of the portal's."""
    if is_database_away(error):
        error = Away()
    t = reader_of(request)
    told: tuple[int, str, str] | None
    match error:
        case (
            NotThere()
            | RequestValidationError()
            | UnknownContract()
            | NotInTheContract()
            | InTheFuture()
            | UnknownEdition()
            | NothingMeasured()
            | NothingClosed()
            | UnknownIncident()
        ):
            told = 404, t.gettext("Page not found"), t.gettext("There is nothing for you at this address.")
        case NoPortal():
            told = 404, t.gettext("Page not found"), t.gettext("There is no portal here.")
        case DeciderOnly():
            told = (
                403,
                t.gettext("Not for everybody"),
                t.gettext("Only those who decide for your organisation see this. Ask your agency to let you in."),
            )
        case FormRefused():
            told = (
                403,
                t.gettext("The form could not be taken"),
                t.gettext("It came from another page, or you signed in again meanwhile. Open the page and try again."),
            )
        case Away() | ContractsAway():
            told = (
                503,
                t.gettext("Not available just now"),
                t.gettext("This cannot be read at the moment. Nothing was lost; try again in a minute."),
            )
        case FactsNotTold() | EvidenceIsIncomplete():
            told = (
                409,
                t.gettext("Not whole yet"),
                t.gettext("The evidence of this is still being gathered. Try again in some minutes."),
            )
        case EntriesNotTold():
            told = (
                409,
                t.gettext("No evidence of this"),
                t.gettext("These hours were closed without telling what they are made of. Ask your agency for it."),
            )
        case SettledOtherwise():
            told = (
                409,
                t.gettext("No evidence of this"),
                t.gettext(
                    "These amounts were settled otherwise than what had been recorded by then gives. Ask your agency "
                    "to correct the settlement."
                ),
            )
        case TooMuchEvidence():
            told = (
                409,
                t.gettext("Too large"),
                t.gettext("The evidence is too large for one file. Ask your agency for it in parts."),
            )
        case Refused():
            told = error.status, t.gettext("This was not done"), portal_words.refusal(t, error.status)
        case _:
            told = None
    return told
