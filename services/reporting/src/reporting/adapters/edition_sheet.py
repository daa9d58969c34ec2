"""The page of an edition, whatever it is of."""

from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.review_sheet import review_sheet
from reporting.adapters.sheet import ReportSheet
from reporting.application.editions import IssuedEdition
from reporting.application.report_template import Layout
from reporting.application.review_editions import IssuedReview, ReviewEdition
from shared.i18n import Translator


def edition_sheet(issued: IssuedEdition | IssuedReview, t: Translator, layout: Layout | None = None) -> ReportSheet:
    """A month's by its layout; a review has one layout."""
    if isinstance(issued.edition, ReviewEdition):
        return review_sheet(issued, t)
    return report_sheet(issued, t, layout)
