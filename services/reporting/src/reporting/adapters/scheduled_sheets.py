"""Documents of a month, and messages, as their pages."""

from collections.abc import Sequence
from datetime import date
from typing import assert_never
from zoneinfo import ZoneInfo

from reporting.adapters.agency_sheets import (
    access_log_sheet,
    decision_log_sheet,
    hours_sheet,
    hours_title,
    month_values,
    plain_sheet,
    whose,
)
from reporting.adapters.report_sheet import changes_table, edition_line, paragraphs
from reporting.adapters.sheet import Group, ReportSheet
from reporting.application.access_report import COLUMNS as ACCESS_COLUMNS
from reporting.application.access_report import access_rows
from reporting.application.decision_log import COLUMNS as LOG_COLUMNS
from reporting.application.decision_log import cells
from reporting.application.hours_report import COLUMNS as HOURS_COLUMNS
from reporting.application.hours_report import hours_rows
from reporting.application.scheduled_reports import (
    AccessEdition,
    HoursEdition,
    IssuedAccess,
    IssuedDecisions,
    IssuedScheduled,
    ScheduledEdition,
)
from reporting.application.sent_messages import IssuedMessage
from reporting.domain.report_template import filled
from reporting.domain.review_periods import ScheduledKind
from shared.i18n import Translator


def document_title(kind: ScheduledKind, month: date, t: Translator) -> str:
    """What a document of a month is called."""
    match kind:
        case "hours":
            return hours_title(month, t)
        case "access":
            return t.gettext("Accesses in %(month)s", month=t.month(month))
        case "decisions":
            return t.gettext("Decisions, risks and actions at the end of %(month)s", month=t.month(month))
        case _:
            assert_never(kind)


def scheduled_sheet(issued: IssuedScheduled, t: Translator) -> ReportSheet:
    """An edition in the agency's texts and order of that day: which one it is, and what it corrects, come first."""
    edition = issued.edition
    zone = ZoneInfo(edition.report.time_zone)
    page = _page(issued, t)
    changed = changes_table(edition.reason, edition.changes, t, zone)
    changes = [Group(title="", tables=[changed], nothing="")] if changed.rows else []
    texts, values = issued.template.texts(t.language), month_values(edition.report.contract, edition.month, t)
    return page.model_copy(
        update={
            "title": document_title(edition.kind, edition.month, t),
            "edition": " ".join(part for part in (edition_line(edition, t, zone), page.edition) if part),
            "introduction": paragraphs(filled(texts.introduction or "", values)),
            "groups": [*changes, *page.groups],
            "closing": paragraphs(filled(texts.closing or "", values)),
        }
    )


def _page(issued: IssuedScheduled, t: Translator) -> ReportSheet:
    if isinstance(issued.edition, HoursEdition):
        return hours_sheet(issued.edition.report, issued.brand, t, issued.template)
    if isinstance(issued.edition, AccessEdition):
        return _accesses(issued, t)
    return _decisions(issued, t)


def _accesses(issued: IssuedAccess, t: Translator) -> ReportSheet:
    report = issued.edition.report
    shown = [each.model_dump() for each in report.accesses]
    author, zone = report.contract.agency_name, ZoneInfo(report.time_zone)
    period = (report.starts_at, report.ends_at)
    page = access_log_sheet(author, whose(report.contract, t), issued.brand, shown, period, zone, t)
    rules = [
        t.gettext(
            "An access is told here where its address names you, one of your contracts, or something of yours. A list "
            "that shows several clients names none. Readings of the agency's own records are not listed."
        ),
        t.gettext("As the log stood on %(instant)s.", instant=t.datetime(report.as_of, zone)),
    ]
    if report.total > len(report.accesses):
        rules.append(
            t.gettext(
                "There were %(total)s accesses; the last %(shown)s are listed.",
                total=t.number(str(report.total)),
                shown=t.number(str(len(report.accesses))),
            )
        )
    return page.model_copy(update={"rules_title": t.gettext("How to read this"), "rules": rules})


def _decisions(issued: IssuedDecisions, t: Translator) -> ReportSheet:
    report = issued.edition.report
    zone = ZoneInfo(report.time_zone)
    page = decision_log_sheet(report.contract, issued.brand, report.entries, report.as_of, zone, t)
    order: Sequence[str] = issued.template.order
    (log,) = page.groups
    tables = sorted(log.tables, key=lambda table: order.index(table.code))
    changed: dict[str, object] = {"groups": [log.model_copy(update={"tables": tables})]}
    if report.total is not None and report.total > len(report.entries):
        left_out = t.gettext(
            "There were %(total)s entries; the first %(shown)s are listed. The rest is in the log itself.",
            total=t.number(str(report.total)),
            shown=t.number(str(len(report.entries))),
        )
        changed |= {"rules_title": t.gettext("How to read this"), "rules": [*page.rules, left_out]}
    return page.model_copy(update=changed)


def scheduled_lines(edition: ScheduledEdition) -> tuple[Sequence[str], list[Sequence[object]]]:
    """What programs read of it: the names of the columns, and the lines."""
    if isinstance(edition, HoursEdition):
        return HOURS_COLUMNS, list(hours_rows(edition.report))
    if isinstance(edition, AccessEdition):
        return ACCESS_COLUMNS, list(access_rows(edition.report.accesses))
    return LOG_COLUMNS, [cells(entry) for entry in edition.report.entries]


def message_sheet(issued: IssuedMessage, t: Translator) -> ReportSheet:
    """A message as it was sent."""
    message = issued.edition.report
    page = plain_sheet(
        *(t, issued.brand, ZoneInfo(message.time_zone)),
        title=message.subject,
        author=message.contract.agency_name,
        subtitle=" · ".join(
            (message.contract.client_name, t.gettext("contract %(number)s", number=message.contract.number))
        ),
        period="",
        edition="",
        as_of=message.as_of,
        groups=[],
    )
    return page.model_copy(update={"introduction": paragraphs(message.text)})
