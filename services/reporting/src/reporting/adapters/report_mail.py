"""The mail that an edition is sent with: in the language of its reader, by the agency's template."""

from datetime import datetime
from typing import assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.adapters.agency_sheets import month_values
from reporting.adapters.report_deliveries import Mail
from reporting.adapters.report_sheet import template_values
from reporting.adapters.review_sheet import review_title, review_values
from reporting.application.issued import AnyIssued
from reporting.application.review_editions import ReviewEdition
from reporting.application.scheduled_reports import ScheduledEdition
from reporting.application.sent_messages import MessageEdition, SentMessage
from reporting.domain.report_template import filled
from reporting.domain.review_periods import ScheduledKind
from shared.i18n import Translator
from shared.mail import Letter


def report_letter(
    issued: AnyIssued,
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
    if isinstance(edition, MessageEdition):
        return _message_letter(edition.report, mail, t, link=link, link_ends_at=link_ends_at, now=now, sender=sender)
    texts = issued.template.texts(t.language)
    if isinstance(edition, ReviewEdition):
        of_report = review_values(edition, t)
        title = review_title(edition.kind, t)
        subject = f"{title}, [PERIOD] – [CLIENT]"
        ready = t.gettext("this is ready on the contract [CONTRACT]: %(review)s, [PERIOD].", review=title)
    elif isinstance(edition, ScheduledEdition):
        of_report = month_values(edition.report.contract, edition.month, t)
        subject, ready = _scheduled(edition.kind, t)
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


def _scheduled(kind: ScheduledKind, t: Translator) -> tuple[str, str]:
    match kind:
        case "hours":
            subject = t.gettext("Hours of [MONTH] – [CLIENT]")
            return subject, t.gettext("the hours of [MONTH] on the contract [CONTRACT] are ready:")
        case "access":
            subject = t.gettext("Accesses in [MONTH] – [CLIENT]")
            return subject, t.gettext("here is who accessed what is yours in [MONTH], on the contract [CONTRACT]:")
        case "decisions":
            subject = t.gettext("Decisions, risks and actions, [MONTH] – [CLIENT]")
            ready = t.gettext(
                "the log of decisions, risks and actions on the contract [CONTRACT] at the end of [MONTH] is ready:"
            )
            return subject, ready
        case _:
            assert_never(kind)


def _message_letter(
    message: SentMessage,
    mail: Mail,
    t: Translator,
    *,
    link: str,
    link_ends_at: datetime,
    now: datetime,
    sender: str,
) -> Letter:
    """What the agency wrote, whole; below it where it can be read again."""
    again = t.gettext(
        "This message as a page, until %(instant)s:", instant=t.datetime(link_ends_at, ZoneInfo(message.time_zone))
    )
    noted = t.gettext(
        "When the link is opened first, we note the time, so that we know that this message arrived: nothing else, and "
        "not even that if your browser asks not to be tracked."
    )
    return Letter(
        message_id=message_id(mail.delivery_id, sender),
        recipient=mail.address,
        subject=message.subject,
        body="\n\n".join((message.text.strip(), "-- ", again, link, noted)) + "\n",
        written_at=now,
        language=t.language,
        sender_name=message.contract.agency_name,
        reply_to=message.reply_to,
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
