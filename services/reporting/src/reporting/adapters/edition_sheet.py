"""The page of an edition, whatever it is of."""

from datetime import date
from typing import assert_never

from reporting.adapters.agency_sheets import hours_edition_sheet, hours_title, message_sheet
from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.review_sheet import review_sheet
from reporting.adapters.sheet import ReportSheet
from reporting.application.issued import AnyIssued
from reporting.application.report_template import Layout
from reporting.application.review_editions import ReviewEdition
from reporting.application.scheduled_reports import HoursEdition
from reporting.application.sent_messages import MessageEdition
from reporting.domain.review_periods import ScheduledKind
from shared.i18n import Translator


def edition_sheet(issued: AnyIssued, t: Translator, layout: Layout | None = None) -> ReportSheet:
    """A month's by its layout; everything else has one layout."""
    if isinstance(issued.edition, ReviewEdition):
        return review_sheet(issued, t)
    if isinstance(issued.edition, HoursEdition):
        return hours_edition_sheet(issued, t)
    if isinstance(issued.edition, MessageEdition):
        return message_sheet(issued, t)
    return report_sheet(issued, t, layout)


def document_title(kind: ScheduledKind, month: date, t: Translator) -> str:
    """What a document of a month is called."""
    match kind:
        case "hours":
            return hours_title(month, t)
        case _:
            assert_never(kind)
