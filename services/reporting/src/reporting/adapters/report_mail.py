"""The mail that an edition is sent with: in the language of its reader, by the agency's template."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.adapters.mail_server import Letter
from reporting.adapters.report_deliveries import Mail
from reporting.adapters.report_sheet import template_values
from reporting.adapters.review_sheet import review_title, review_values
from reporting.application.editions import IssuedEdition
from reporting.application.review_editions import IssuedReview, ReviewEdition
from reporting.domain.report_template import filled
from shared.i18n import Translator


def report_letter(
    issued: IssuedEdition | IssuedReview,
    mail: Mail,
    t: Translator,
    *,
    link: str,
    link_ends_at: datetime,
    now: datetime,
    sender: str,
) -> Letter:
    """The mail of an edition. Raises UnfilledVariable when the template asks for something that is not known."""
    edition = issued.edition
    texts = issued.template.texts(t.language)
    if isinstance(edition, ReviewEdition):
        of_report = review_values(edition, t)
        title = review_title(edition.kind, t)
        subject = f"{title}, [PERIOD] – [CLIENT]"
        ready = t.gettext("this is ready on the contract [CONTRACT]: %(review)s, [PERIOD].", review=title)
    else:
        of_report = template_values(edition, t)
        subject = t.gettext("Report for [MONTH] – [CLIENT]")
        ready = t.gettext("the report for [MONTH] on the contract [CONTRACT] is ready:")
    zone = ZoneInfo(edition.report.time_zone)
    of_mail = of_report | {
        "CONTACT": mail.name,
        "LINK": link,
        "LINK_ENDS": t.datetime(link_ends_at, zone),
    }
    body = filled(texts.mail_body or _body(t, ready), of_mail)
    why = {
        "correction": t.gettext("This edition corrects the one before; it begins with what changed."),
        "addition": t.gettext("This edition adds what was settled afterwards; nothing else changed."),
        "commentary": t.gettext("The figures are those of the edition before; our comments are new."),
    }.get(edition.reason)
    # What we note is said whatever the agency writes: whoever reads decides for himself.
    noted = t.gettext(
        "When the link is opened first, we note the time, so that we know that the report arrived: nothing else, and "
        "not even that if your browser asks not to be tracked."
    )
    return Letter(
        message_id=message_id(mail.delivery_id, sender),
        recipient=mail.address,
        subject=filled(texts.mail_subject or subject, of_report),
        body="\n\n".join(part for part in (body.strip(), why, noted) if part) + "\n",
        written_at=now,
        language=t.language,
        sender_name=edition.report.contract.agency_name,
    )


def message_id(delivery_id: UUID, sender: str) -> str:
    """The same for every try: a mail that arrives twice can be told from two."""
    return f"<{delivery_id}@{sender.rpartition('@')[2]}>"


def _body(t: Translator, ready: str) -> str:
    return "\n\n".join(
        (
            t.gettext("Hello [CONTACT],"),
            ready,
            "[LINK]",
            t.gettext("The link works until [LINK_ENDS]."),
            "[AGENCY]",
        )
    )
