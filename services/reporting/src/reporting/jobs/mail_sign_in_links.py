"""Answers who asked for a link to the portal: a mail for each client that he is let in for, and none for a stranger.

Here and not where it is asked for, so that nobody learns from the answer, or from its time, whose address is known.
"""

import structlog

from reporting.adapters.portal_store import (
    Asking,
    asking_is_answered,
    claim_asking,
    forget_the_old,
    is_still_claimed,
    make_link,
)
from reporting.adapters.sign_in_mail import sign_in_letter
from reporting.adapters.upstream import PortalAccess
from reporting.application.portal import ContractsAway
from shared.mail import MailDelayedError, MailRefusedError, MailServer
from shared.unit_of_work import UnitsOfWork

FORGET_SECONDS = 3600.0
SIGN_IN_PATH = "/portal/sign-in/"

log = structlog.get_logger(__name__)


class MailSignInLinks:
    """The job over askings that are due."""

    def __init__(self, units: UnitsOfWork, access: PortalAccess, mail: MailServer, public_url: str) -> None:
        self._units = units
        self._access = access
        self._mail = mail
        self._base = public_url.rstrip("/") + SIGN_IN_PATH

    async def run(self) -> float | None:
        """One asking; at once again while there is more. Several would wait for one another, and their leases end."""
        async with self._units.for_every_tenant() as uow:
            asking = await claim_asking(uow)
        if asking is None:
            return None
        try:
            await self._answer(asking)
        except (ContractsAway, MailDelayedError) as error:
            log.warning("sign_in_link_delayed", asking_id=str(asking.asking_id), error=str(error))
        return 0.0

    async def _answer(self, asking: Asking) -> None:
        people = await self._access.people(asking.email)
        async with self._units.for_every_tenant() as uow:
            links = [(person, make_link(uow, person)) for person in people]
        failed: MailDelayedError | None = None
        sent = 0
        for person, secret in links:
            async with self._units.for_every_tenant() as uow:
                if not await is_still_claimed(uow, asking):
                    return  # this worker stood still for so long that another one mails the rest
            try:
                await self._mail.send(sign_in_letter(person, asking.language, self._base + secret, uow.now))
                sent += 1
            except MailDelayedError as error:
                failed = error
            except MailRefusedError as error:
                log.warning("sign_in_link_refused", asking_id=str(asking.asking_id), error=str(error))
        if failed is not None and not sent:
            raise failed  # once a mail went out, trying again would send it twice
        async with self._units.for_every_tenant() as uow:
            await asking_is_answered(uow, asking.asking_id)
        log.info("sign_in_links_mailed", asking_id=str(asking.asking_id), count=sent)


class ForgetOldSignIns:
    """The job that deletes askings, links and sessions that nobody can use any more."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """All of them at once: they are few."""
        async with self._units.for_every_tenant() as uow:
            await forget_the_old(uow)
        return FORGET_SECONDS
