"""Tells the subscribers of status pages what is new, by mail.

Events make pages due, and so does a day; a due page is read as visitors read it and compared with what its
subscribers were told. Each mail is sent outside of any transaction, under a lease: a crash between sending and writing
it down sends once more.
"""

from datetime import datetime
from uuid import UUID

import structlog

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import catalogues
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.status_mail import dropped_mail, status_mail
from reporting.adapters.status_subscriptions import (
    LOOKED_AT_AGAIN,
    REMEMBERED,
    DueMail,
    StatusWatch,
    claim_mail,
    drop_page,
    due_watch,
    forget_unconfirmed,
    give_up,
    hand_over,
    is_missing_for_long,
    link_token,
    may_come_back,
    queue_news,
    set_mail_aside,
    set_watch_aside,
    settle_mail,
)
from reporting.application.page_settings import page_address
from reporting.application.status_page import AHEAD, RECENT, ShownPage, UnknownPage, former_page, status_page
from reporting.settings import ReportingSettings
from shared.consumer import is_database_away
from shared.mail import Letter, MailDelayedError, MailRefusedError, MailServer
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger()

_NO_NEWS = frozenset({"confirm", "closed"})
"""Mails to somebody who is no subscriber yet, or no more: there is nothing to end."""
IDLE_SECONDS = 2.0
FORGET_SECONDS = 3_600.0


class TellSubscribers:
    """The job over due pages and due mails; one of each at a time."""

    def __init__(self, units: UnitsOfWork, settings: ReportingSettings, box: SecretBox) -> None:
        self._units = units
        self._server = MailServer(settings)
        self._public_url = settings.public_url
        self._sender = settings.smtp_from
        self._box = box
        self._last: tuple[datetime, ShownPage] | None = None

    async def run(self) -> float:
        """Looks at one page and sends one mail; without a mail server, mails wait."""
        looked = await self._look()
        sent = await self._send() if self._server.configured else False
        return 0.0 if looked or sent else IDLE_SECONDS

    async def _look(self) -> bool:
        place: tuple[UUID, str] | None = None
        try:
            async with self._units.for_every_tenant() as unit:
                watch = await due_watch(unit)
                if watch is None:
                    return False
                place = watch.tenant_id, watch.slug
                watch.due_at, watch.again_at = None, unit.now + LOOKED_AT_AGAIN
                await self._look_at(unit, watch)
        except Exception as error:
            if place is None or is_database_away(error):
                raise
            log.exception("status_page_set_aside", slug=place[1])  # those behind it do not wait for it
            async with self._units.for_tenant(place[0]) as unit:
                await set_watch_aside(unit, *place)
        return True

    async def _look_at(self, unit: UnitOfWork, watch: StatusWatch) -> None:
        facts = StoredFacts(unit)
        try:
            page = await status_page(facts, watch.slug, unit.now)
        except UnknownPage:
            if is_missing_for_long(watch, unit.now):
                await drop_page(unit, watch, await former_page(facts, watch.slug, watch.client_id))
            return
        watch.missing_since = None
        if page.tenant_id != watch.tenant_id:
            await give_up(unit, watch)
            return
        if page.client_id != watch.client_id:
            await hand_over(unit, watch, page)
        windows = await facts.maintenance(page.client_id, unit.now - REMEMBERED, unit.now + AHEAD)
        await queue_news(unit, watch, page, windows, await facts.flapping(page.client_id, unit.now - RECENT))

    async def _send(self) -> bool:
        again, letter, unwritten = False, None, False
        async with self._units.for_every_tenant() as unit:
            mail = await claim_mail(unit)
            if mail is None:
                return False
            try:
                letter = await self._letter(StoredFacts(unit), mail)
            except UnknownPage:
                if await may_come_back(unit, mail):
                    await set_mail_aside(unit, mail)
                    return True
            except Exception as error:
                if is_database_away(error):
                    raise
                again = unwritten = True  # it is tried later, and those behind it do not wait for it
                log.exception("status_mail_not_written", mail_id=str(mail.mail_id))
        try:
            if letter is not None:
                await self._server.send(letter)
        except MailRefusedError as error:
            log.warning("status_mail_refused", mail_id=str(mail.mail_id), error=str(error))
        except MailDelayedError as error:
            again = True
            log.warning("status_mail_delayed", mail_id=str(mail.mail_id), error=str(error))
        async with self._units.for_tenant(mail.tenant_id) as unit:
            await settle_mail(unit, mail, again=again, unwritten=unwritten)
        return True

    async def _letter(self, facts: StoredFacts, mail: DueMail) -> Letter | None:
        """None when the page is another client's by now. Raises UnknownPage."""
        translator = catalogues().translator(mail.language)
        if mail.news["kind"] == "dropped":
            return self._addressed(mail, *dropped_mail(translator, mail.news), mail.news["about"]["agency"])
        page = await self._page_of(facts, mail)
        if (page.tenant_id, page.client_id) != (mail.tenant_id, mail.client_id):
            return None
        url = page_address(page.known, mail.slug, self._public_url)
        # Not on the page's own domain: a mail is kept, and by the time that somebody leaves the domain may be gone.
        place = f"{self._public_url.rstrip('/')}/status/{mail.slug}"
        link = f"{place}/subscription/{link_token(self._box, mail.subscription_id)}"
        told_in = f"?lang={mail.language}"  # what the link opens speaks as the mail does, whatever browser opens it
        subject, body = status_mail(translator, page, url, mail.news, link + told_in)
        unsubscribe = None if mail.news["kind"] in _NO_NEWS else f"{link}/end{told_in}"
        return self._addressed(mail, subject, body, page.content.agency_name, unsubscribe)

    def _addressed(
        self, mail: DueMail, subject: str, body: str, agency_name: str, unsubscribe: str | None = None
    ) -> Letter:
        return Letter(
            message_id=f"<status.{mail.mail_id}@{self._sender.rpartition('@')[2]}>",
            recipient=mail.email,
            subject=subject,
            body=body,
            written_at=mail.created_at,
            language=mail.language,
            sender_name=agency_name,
            unsubscribe=unsubscribe,
        )

    async def _page_of(self, facts: StoredFacts, mail: DueMail) -> ShownPage:
        """Its name and place; read once for the many mails that say the same."""
        if self._last is not None:
            at, page = self._last
            if (at, page.tenant_id, page.content.slug) == (mail.created_at, mail.tenant_id, mail.slug):
                return page
        page = await status_page(facts, mail.slug, mail.created_at)
        self._last = (mail.created_at, page)
        return page


class ForgetUnconfirmed:
    """The job that forgets who never confirmed."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """Once an hour."""
        async with self._units.for_every_tenant() as unit:
            await forget_unconfirmed(unit)
        return FORGET_SECONDS
