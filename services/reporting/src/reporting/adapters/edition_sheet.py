"""The page of an edition, whatever it is of."""

from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.review_sheet import review_sheet
from reporting.adapters.scheduled_sheets import message_sheet, scheduled_sheet
from reporting.adapters.sheet import ReportSheet
from reporting.application.editions import Edition
from reporting.application.issued import AnyIssued
from reporting.application.report_template import Layout
from reporting.application.review_editions import ReviewEdition
from reporting.application.sent_messages import MessageEdition
from shared.i18n import Translator


def edition_sheet(issued: AnyIssued, t: Translator, layout: Layout | None = None) -> ReportSheet:
    """A month's by its layout; everything else has one layout."""
    if isinstance(issued.edition, Edition):
        return report_sheet(issued, t, layout)
    if isinstance(issued.edition, ReviewEdition):
        return review_sheet(issued, t)
    if isinstance(issued.edition, MessageEdition):
        return message_sheet(issued, t)
    return scheduled_sheet(issued, t)
