"""Where the link in a message leads: a small page that asks, and the act once somebody has said yes.

Opening the link changes nothing: mail scanners and previews open every link. The page needs no script and no account;
whoever has the message acts as the person whom it was sent to.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from incidents.adapters.acknowledgement_links import PATH, is_token_of, message_named
from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.mail import LOCALE, MESSAGES
from incidents.adapters.on_call_tables import PersonRow
from incidents.adapters.repository import ports_of, read_item
from incidents.adapters.tables import NotificationRow, WorkItemRow
from incidents.application.items import acknowledge_by_link
from incidents.domain.work_item import Act, Milestone, Who, WorkItem
from shared.brake import Brake
from shared.events import Actor
from shared.i18n import Catalogues, Translator
from shared.operations import Caller
from shared.problems import Conflict, Gone, NotFound, Problem, TooManyRequests, responses_for
from shared.service import CurrentRuntime
from shared.unit_of_work import UnitOfWork

router = APIRouter(prefix=PATH, tags=["alerts"])

TRIES_PER_MINUTE = 60
_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1b1b1f;"
    "background:#fff}button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:.4rem;background:#14532d;"
    "color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Vary": "Accept, Accept-Language",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **responses_for(NotFound, Conflict, Gone, TooManyRequests),
    200: {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}},
}
_CATALOGUES = Catalogues.load(LOCALE)
_TEMPLATES = Environment(loader=FileSystemLoader(MESSAGES), autoescape=True, undefined=StrictUndefined)

Token = Annotated[str, Query(max_length=200, description="from the link", examples=["0197a1c2.c2lnbmVk"])]


class _Refused(Exception):
    """The link does nothing any more; says so and what to do next."""

    def __init__(self, kind: type[Problem], title: str, text: str) -> None:
        super().__init__(title)
        self.kind, self.title, self.text = kind, title, text


@dataclass(frozen=True)
class _Asked:
    """Who is asked about what, in his language."""

    row: NotificationRow
    item: WorkItem
    person: PersonRow
    translator: Translator


@router.get(
    "",
    summary="Open the link of a message",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"security": []},
)
async def open_acknowledgement_link(request: Request, runtime: CurrentRuntime, token: Token) -> Response:
    """A page that asks whether to take the item. Opening it changes nothing."""
    try:
        row = await _message(request, runtime, token)
        async with runtime.units.for_tenant(row.tenant_id) as unit:
            asked = await _asked(unit, row)
    except _Refused as refused:
        return _refusal(request, refused)
    t = asked.translator
    title = t.gettext("Do you take %(number)s?", number=asked.item.number)
    text = t.gettext("You acknowledge it as %(name)s. The response clock stops.", name=asked.person.name)
    return _page(t, title, [asked.item.title, text], button=t.gettext("Yes, I take it"))


@router.post(
    "",
    summary="Take the item of a message",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"security": []},
)
async def acknowledge_by_message_link(request: Request, runtime: CurrentRuntime, token: Token) -> Response:
    """The person whom the message reached acknowledges the item, as if he had signed in. The link works once."""
    settings = incidents_settings(runtime.settings)
    try:
        row = await _message(request, runtime, token)
        async with runtime.units.for_tenant(row.tenant_id) as unit:
            asked = await _asked(unit, row, lock=True)
            person = asked.person
            actor = Who("user", str(person.user_id or person.id), person.name)
            unit.caller = Caller(row.tenant_id, Actor(kind="user", id=actor.id, name=actor.name))
            ports = ports_of(unit, default_recipients(settings))
            await acknowledge_by_link(ports, asked.item.id, actor=actor)
            asked.row.link_used_at = unit.now
    except _Refused as refused:
        return _refusal(request, refused)
    t = asked.translator
    title = t.gettext("%(number)s is yours", number=asked.item.number)
    return _page(t, title, [asked.item.title, t.gettext("You have acknowledged it. You can close this page.")])


async def _message(request: Request, runtime: CurrentRuntime, token: str) -> NotificationRow:
    """The message that a token was made for. A forged token is never told apart from nonsense."""
    named = message_named(token)
    if named is not None:
        async with runtime.units.for_every_tenant() as unit:
            row = await unit.session.get(NotificationRow, named)
        if row is not None and is_token_of(box_of(incidents_settings(runtime.settings)), token, row):
            return row
    _brake(request).pass_by(request.client.host if request.client else "")
    t = _translator(request)
    raise _Refused(
        NotFound,
        t.gettext("There is nothing at this address"),
        t.gettext("Check that the link was copied whole, or open the item where you work on it."),
    )


async def _asked(unit: UnitOfWork, row: NotificationRow, *, lock: bool = False) -> _Asked:
    t = _CATALOGUES.translator(row.language)
    if lock:
        await unit.session.get_one(WorkItemRow, row.item_id, with_for_update={"key_share": True})
    row = await unit.session.get_one(NotificationRow, row.id, with_for_update=lock or None)
    item = await read_item(unit.session, await unit.session.get_one(WorkItemRow, row.item_id))
    person = await unit.session.get(PersonRow, row.person_id)
    elsewhere = t.gettext("Open %(number)s where you work on it to see how it stands.", number=item.number)
    if row.link_used_at is not None:
        raise _Refused(Gone, t.gettext("This link was used already"), elsewhere)
    reopened = item.stamps.get(Milestone.REOPENED)
    begun_again = reopened is not None and reopened.at > row.created_at
    if begun_again or row.link_expires_at is None or unit.now >= row.link_expires_at:
        raise _Refused(Gone, t.gettext("This link has ended"), elsewhere)
    if person is None or person.removed_at is not None:
        raise _Refused(Gone, t.gettext("This link has ended"), t.gettext("Ask the agency: you are not on its desk."))
    if Act.ACKNOWLEDGE not in item.allowed:
        taken = item.stamps.get(Milestone.ACKNOWLEDGED)
        title = t.gettext("%(number)s is not waiting any more", number=item.number)
        if taken is not None:
            title = t.gettext("%(name)s has taken %(number)s", name=taken.actor.name, number=item.number)
        raise _Refused(Conflict, title, elsewhere)
    return _Asked(row, item, person, t)


def _translator(request: Request) -> Translator:
    return _CATALOGUES.negotiate(None, request.headers.get("accept-language"))


def _refusal(request: Request, refused: _Refused) -> Response:
    problem = refused.kind(f"{refused.title}. {refused.text}")
    if "text/html" not in request.headers.get("accept", ""):
        return problem.response(PATH)
    return _page(_translator(request), refused.title, [refused.text], status=problem.status)


def _page(
    translator: Translator, title: str, lines: list[str], *, button: str | None = None, status: int = 200
) -> Response:
    html = _TEMPLATES.get_template("acknowledge.html").render(
        language=translator.language, title=title, lines=lines, button=button, style=_STYLE
    )
    headers = _HEADERS | {"Content-Language": translator.language}
    return Response(html, status_code=status, headers=headers, media_type="text/html; charset=utf-8")


def _brake(request: Request) -> Brake:
    state = request.app.state
    if not hasattr(state, "acknowledgement_brake"):
        state.acknowledgement_brake = Brake(TRIES_PER_MINUTE)
    brake: Brake = state.acknowledgement_brake
    return brake
