"""Sends editions to those who decide, once they have settled; when to try is a column, so nothing is lost by a restart.

A mail may arrive twice when the process dies between the server's word and ours; its Message-ID is the same then.
"""

from datetime import UTC, timedelta

import structlog

from reporting.adapters.rendering import translator_for
from reporting.adapters.report_deliveries import (
    TOO_LATE,
    DueDelivery,
    Mail,
    claim_delivery,
    due_deliveries,
    is_still_wanted,
    note_delayed,
    note_ended,
    note_sent,
    set_delivery_aside,
    to_who_decides_now,
)
from reporting.adapters.report_editions import issued_of_any_kind
from reporting.adapters.report_links import SentLink, make_sent_token, sent_address
from reporting.adapters.report_mail import report_letter
from reporting.adapters.secret_box import box_of
from reporting.domain.report_template import UnfilledVariable
from reporting.settings import ReportingSettings
from shared.consumer import is_database_away
from shared.mail import Letter, MailDelayedError, MailRefusedError, MailServer, one_line
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 50
IDLE_SECONDS = 30.0
LINK_LIFE = timedelta(days=180)
LONGEST_WAIT = timedelta(hours=4)
SET_ASIDE = timedelta(minutes=5)
"""How long a mail that cannot be written waits for its next try, so that it does not keep the rest waiting."""

log = structlog.get_logger(__name__)


class MailReports:
    """The job over mails that are due. Without a mail server they wait until one is configured, or it is too late."""

    def __init__(self, units: UnitsOfWork, settings: ReportingSettings) -> None:
        self._units = units
        self._settings = settings
        self._server = MailServer(settings)
        self._box = box_of(settings)

    async def run(self) -> float:
        """One batch; at once again while there is more."""
        async with self._units.for_every_tenant() as uow:
            due = await due_deliveries(uow, BATCH)
        for each in due:
            try:
                await self._deliver(each)
            except Exception as error:
                if is_database_away(error):
                    raise  # says nothing about this mail; the loop tries again
                log.exception("report_mail_set_aside", delivery_id=str(each.delivery_id))
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await set_delivery_aside(uow, each, SET_ASIDE)
        return 0.0 if due else IDLE_SECONDS

    async def _deliver(self, due: DueDelivery) -> None:
        async with self._units.for_tenant(due.tenant_id) as uow:
            claimed = await claim_delivery(uow, due.delivery_id)
            if claimed is None:
                return
            mail = await to_who_decides_now(uow, claimed)
            if mail is None:
                error = "the person was removed from the client's contacts, or decides no more"
                await note_ended(uow, claimed.delivery_id, "no_longer_decides", error)
                return
            if not await is_still_wanted(uow, mail):
                error = "the agency has this document sent no more"
                await note_ended(uow, mail.delivery_id, "no_longer_wanted", error)
                return
            if uow.now - mail.planned_at > TOO_LATE:
                await note_ended(uow, mail.delivery_id, "too_late", "it could not be sent for three days")
                return
            if not self._server.configured:
                await note_delayed(uow, mail.delivery_id, LONGEST_WAIT, "no mail server is configured")
                return
            try:
                letter = await self._letter(uow, due, mail)
            except UnfilledVariable as error:
                await note_ended(uow, mail.delivery_id, "template", str(error))
                return
        try:
            await self._server.send(letter)
        except MailRefusedError as error:
            async with self._units.for_tenant(due.tenant_id) as uow:
                await note_ended(uow, mail.delivery_id, "refused", one_line(str(error)))
            log.info("report_mail_refused", delivery_id=str(mail.delivery_id))
        except MailDelayedError as error:
            wait = min(timedelta(minutes=2**mail.tries), LONGEST_WAIT)
            async with self._units.for_tenant(due.tenant_id) as uow:
                await note_delayed(uow, mail.delivery_id, wait, one_line(str(error)))
        else:
            async with self._units.for_tenant(due.tenant_id) as uow:
                await note_sent(uow, mail.delivery_id)
            log.info("report_mailed", delivery_id=str(mail.delivery_id))

    async def _letter(self, uow: UnitOfWork, due: DueDelivery, mail: Mail) -> Letter:
        issued = await issued_of_any_kind(uow, mail.contract_id, mail.kind, mail.month, mail.edition)
        ends_at = (uow.now + LINK_LIFE).astimezone(UTC).replace(microsecond=0)
        token = make_sent_token(self._box, SentLink(due.tenant_id, mail.delivery_id, ends_at))
        return report_letter(
            issued,
            mail,
            translator_for(mail.language, None, issued.edition.report.language),
            link=sent_address(self._settings.public_url, token),
            link_ends_at=ends_at,
            now=uow.now,
            sender=self._settings.smtp_from,
        )
