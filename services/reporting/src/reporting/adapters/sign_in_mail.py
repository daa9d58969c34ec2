"""The mail that carries a link to the portal, in the language of the page on which it was asked for."""

from datetime import datetime
from email.utils import make_msgid
from urllib.parse import urlsplit

from reporting.adapters.rendering import catalogues
from reporting.application.portal import Person
from reporting.domain.portal import LINK_LIFE
from shared.mail import Letter


def sign_in_letter(person: Person, language: str, url: str, now: datetime) -> Letter:
    """Tells which agency and client it is for: somebody may be let in by several."""
    t = catalogues().translator(language)
    lines = [
        t.gettext("Hello %(name)s,", name=person.name),
        "",
        t.gettext(
            "With this link you sign in to the portal of %(agency)s for %(client)s:",
            agency=person.agency_name,
            client=person.client_name,
        ),
        "",
        url,
        "",
        t.gettext(
            "It is good for %(duration)s and works once. Open it, then press the button.",
            duration=t.duration(LINK_LIFE.total_seconds()),
        ),
        t.gettext("If you did not ask for it, you need not do anything: without the link nobody gets in."),
        "",
        person.agency_name,
    ]
    subject = t.gettext("Your link to the portal of %(agency)s", agency=person.agency_name)
    return Letter(
        message_id=make_msgid(domain=urlsplit(url).hostname),
        recipient=person.email,
        subject=subject,
        body="\n".join(lines) + "\n",
        written_at=now,
        language=language,
        sender_name=person.agency_name,
    )
