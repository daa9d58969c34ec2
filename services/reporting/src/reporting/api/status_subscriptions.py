"""Subscribing to a status page by mail: asked for, confirmed over a link in a mail, ended by one request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from reporting.adapters.rendering import subscription_page
from reporting.adapters.status_subscriptions import ask, confirm, end, place_of, read_link_token, state_of
from reporting.api.dependencies import Box, Lang, Settings, of_process
from reporting.api.pages import FORM, HTML_CONTENT, PUBLIC, form_fields, form_of, page_response, wants_html
from reporting.api.public_pages import NO_SUCH_PAGE, NOT_YET, NotAdmitted, Pages, PublicPage, PublicPages, Slug
from reporting.application.report import Brand
from reporting.application.status_page import UnknownPage
from shared.brake import Brake
from shared.events import Actor
from shared.mail import is_address
from shared.operations import request_operation
from shared.problems import Conflict, NotFound, TooManyRequests, Unauthorized, responses_for
from shared.service import CurrentRuntime
from shared.unit_of_work import UnitOfWork
from shared.worker import Runtime

T = TypeVar("T")

router = APIRouter(prefix="/status/{slug}", tags=["status pages"])

_FORM: Final = {FORM: 4_096}
RAW_BODIES: Final = {
    "/status/{slug}/subscribe": _FORM,
    "/status/{slug}/subscription/{subscription_token}/confirm": _FORM,
    "/status/{slug}/subscription/{subscription_token}/end": _FORM | {"multipart/form-data": 4_096},
}
"""What browsers send of forms, and mail programs to unsubscribe."""
ASKED_A_MINUTE: Final = 20
"""For one page: whoever asks for others' addresses does not ask for many."""

READER: Final = Actor(kind="system", id="status-page-reader", name="A reader of the status page")
"""Who asks, confirms and ends has no account: the log tells which subscription it was, and nobody's address."""

_STANDS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page that says how it stands", **HTML_CONTENT},
    **responses_for(NotFound),
}

Token = Annotated[
    str,
    Path(max_length=43, pattern="^[A-Za-z0-9_-]{43}$", description="from the link in a mail", examples=["A" * 43]),
]


@dataclass(frozen=True)
class MailLink:
    """A link in a mail: the page that it is of, if it is there still, and what it opens there. It is enough for that,
    whoever asks.
    """

    request: Request
    pages: PublicPages
    runtime: Runtime
    found: PublicPage | None
    slug: str
    token: str
    subscription_id: UUID | None
    lang: str | None

    async def of(self, act: Callable[[UnitOfWork, UUID], Awaitable[T]]) -> T | None:
        """What `act` finds of its subscription; None when the link is none of ours, or there is no such subscription.

        The link is enough, also for a subscription from when the address was another agency's.
        """
        if self.subscription_id is None:
            return None
        async with self.runtime.units.for_every_tenant() as unit:
            place = await place_of(unit, self.subscription_id)
        if place is None:
            return None
        tenant_id, slug = place
        async with self.runtime.units.for_tenant(tenant_id, actor=READER) as unit:
            if (operation := request_operation()) is not None:
                operation.about = f"/status/{slug}/subscription/{self.subscription_id}"
            return await act(unit, self.subscription_id)

    async def state(self) -> str:
        """How its subscription stands: `asked`, `confirmed`, or `gone`."""
        client_id = None if self.found is None else self.found.page.client_id
        return await self.of(lambda unit, subscription_id: state_of(unit, subscription_id, client_id)) or "gone"

    def told(self, state: str, *, deeper: bool = False) -> Response:
        """How the subscription stands. `deeper`: told at an address that has one more part than that of the link."""
        found, action = self.found, f"{'../' if deeper else ''}{self.token}"
        t = self.pages.translator(found, self.lang)
        if found is None:
            # Of a page that is not there any more nobody is told; who was told of it may still be forgotten.
            state = state if state == "gone" else "ending"
            page = subscription_page(
                Brand(self.slug, None, None, None, None), t, place=None, state=state, action=action
            )
        else:
            place = found.way_back(3 if deeper else 2).rstrip("/")
            page = subscription_page(found.page.brand, t, place=place, state=state, action=action)
        return page_response(self.request, page, t, cache_control="no-store")


async def mail_link(
    request: Request,
    pages: Pages,
    runtime: CurrentRuntime,
    box: Box,
    slug: Slug,
    subscription_token: Token,
    lang: Lang = None,
) -> MailLink:
    """Dependency: the link that was opened. Raises NotFound."""
    subscription_id = read_link_token(box, subscription_token)
    found = None
    try:
        found = await pages.look_up(slug)
    except UnknownPage:
        if subscription_id is None:
            raise NotFound(NO_SUCH_PAGE) from None
    return MailLink(request, pages, runtime, found, slug, subscription_token, subscription_id, lang)


Link = Annotated[MailLink, Depends(mail_link)]


def brake(request: Request) -> Brake:
    """Dependency: how often subscriptions were asked for in this process."""
    return of_process(request, "subscription_brake", lambda: Brake(ASKED_A_MINUTE))


@router.post(
    "/subscribe",
    summary="Ask for mails about a status page",
    response_class=Response,
    responses={**_STANDS, **NOT_YET, **responses_for(Conflict, TooManyRequests, Unauthorized)},
    openapi_extra=form_of("email", 254),
)
async def ask_for_status_mails(
    request: Request,
    pages: Pages,
    runtime: CurrentRuntime,
    settings: Settings,
    allowed: Annotated[Brake, Depends(brake)],
    slug: Slug,
    lang: Lang = None,
) -> Response:
    """The form of the page. Says the same whether the address is known or not: who is subscribed is nobody's business.

    Nothing but one mail is sent to an address until its reader has confirmed over the link in it.
    """
    try:
        found = await pages.find(slug)
    except UnknownPage:
        raise NotFound(NO_SUCH_PAGE) from None
    except NotAdmitted as asked:
        if wants_html(request):  # his visit may have ended, or the password changed, while he had the form before him
            return pages.admission(asked.page, lang, place=".")
        raise Unauthorized("Open the page first, with its password or by signing in.") from None
    if settings.smtp_host is None:
        raise Conflict("This installation sends no mails. Follow the page by its feed instead.")
    given = await form_fields(request)
    email = given.get("email", [""])[0].strip()
    t = pages.translator(found, lang)
    if is_address(email):
        allowed.pass_by((found.page.tenant_id, slug))
        async with runtime.units.for_tenant(found.page.tenant_id, actor=READER) as unit:
            state = "sent" if await ask(unit, found.page, email, t.language) else "full"
    else:
        state = "no_address"
    page = subscription_page(found.page.brand, t, place=found.way_back(1).rstrip("/"), state=state, action=None)
    return page_response(request, page, t, cache_control="no-store")


@router.get(
    "/subscription/{subscription_token}",
    summary="Open the link of a subscription",
    response_class=Response,
    responses=_STANDS,
    openapi_extra=PUBLIC,
)
async def open_status_subscription(link: Link) -> Response:
    """Asks whether to confirm, or whether to end. Opening changes nothing: mail scanners open every link."""
    return link.told(await link.state())


@router.post(
    "/subscription/{subscription_token}/confirm",
    summary="Confirm a subscription",
    response_class=Response,
    responses=_STANDS,
    openapi_extra=PUBLIC,
)
async def confirm_status_subscription(link: Link) -> Response:
    """From now on its reader is told what is new."""
    found = link.found
    if found is None:
        return link.told(await link.state(), deeper=True)
    done = await link.of(lambda unit, subscription_id: confirm(unit, subscription_id, found.page))
    return link.told("confirmed" if done else "gone", deeper=True)


@router.get(
    "/subscription/{subscription_token}/end",
    summary="Ask whether to end a subscription",
    response_class=Response,
    responses=_STANDS,
    openapi_extra=PUBLIC,
)
async def ask_to_end_status_subscription(link: Link) -> Response:
    """For a person who follows the address that mail programs end a subscription by: a page with one button."""
    return link.told("gone" if await link.state() == "gone" else "ending", deeper=True)


@router.post(
    "/subscription/{subscription_token}/end",
    summary="End a subscription",
    response_class=Response,
    responses=_STANDS,
    openapi_extra=PUBLIC,
)
async def end_status_subscription(link: Link) -> Response:
    """One request without more ends it and forgets the address (RFC 8058); ended already is ended."""
    await link.of(end)
    return link.told("gone", deeper=True)
