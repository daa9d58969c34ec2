"""From the hours of contracts to the published events."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid5

from contracts.application.growth import GrowthAlert
from contracts.application.hours import HoursEntry, HoursMonth, ReachedThreshold
from contracts.application.hours_reviews import HoursReview
from contracts.published.hours_v1 import (
    MOST_ENTRIES,
    ClosedEntry,
    ClosedLine,
    HoursMonthClosed,
    HoursReviewProposed,
    HoursThresholdReached,
    ReactivityDegraded,
    ReviewedLine,
)
from shared.unit_of_work import UnitOfWork


def hours_month_id(contract_id: UUID, month: date) -> UUID:
    """The id of a month of a contract's ledger, whoever computes it."""
    return uuid5(contract_id, f"hours/{month:%Y-%m}")


class OutboxHoursAnnouncer:
    """Says events into the outbox of a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def threshold_reached(self, threshold: ReachedThreshold) -> None:
        self._uow.publish(HoursThresholdReached.model_validate(threshold.model_dump(mode="json")), version=1)

    def month_closed(self, month: HoursMonth, entries: Sequence[HoursEntry]) -> None:
        content = month.model_dump(mode="json", include=set(HoursMonthClosed.model_fields) - {"lines"})
        lines = [line.model_dump(mode="json", include=set(ClosedLine.model_fields)) for line in month.lines]
        ignored = dict.fromkeys(month.out_of_scope_entry_ids, "out_of_scope")
        ignored |= dict.fromkeys(month.unplaced_entry_ids, "unplaced")
        told = {
            "hours_month_id": hours_month_id(month.contract_id, month.month),
            "month": month.month,
            "lines": lines,
            "entries": [
                each.model_dump(mode="json", include=set(ClosedEntry.model_fields))
                | {"counted": ignored.get(each.hours_entry_id, "accounted")}
                for each in entries
            ]
            if len(entries) <= MOST_ENTRIES
            else None,
        }
        self._uow.publish(HoursMonthClosed.model_validate(content | told), version=1)

    def review_proposed(self, review: HoursReview) -> None:
        content = review.model_dump(mode="json", include=set(HoursReviewProposed.model_fields) - {"lines"})
        lines = [line.model_dump(mode="json", include=set(ReviewedLine.model_fields)) for line in review.lines]
        self._uow.publish(HoursReviewProposed.model_validate(content | {"lines": lines}), version=review.version)

    def reactivity_degraded(self, alert: GrowthAlert) -> None:
        content = alert.model_dump(mode="json", exclude={"trend"})
        changes = alert.trend.model_dump(include={"users_percent", "volume_percent", "reaction_percent"})
        self._uow.publish(ReactivityDegraded.model_validate(content | changes), version=1)
