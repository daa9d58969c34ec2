"""Rules of the records of the service desk: what makes one complete, whichever way it was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

EvidenceKind = Literal["configuration", "traces", "logs", "tests"]

CHECKLIST: Final[tuple[EvidenceKind, ...]] = ("configuration", "traces", "logs", "tests")
"""What local support finds out before the second level takes an item."""


class BrokenRuleError(Exception):
    """What is to be recorded contradicts itself or lacks something; `field` names where."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


class AlreadyThereError(Exception):
    """There may be one such record only, or what was corrected cannot be corrected twice."""


def must(holds: bool, field: str, detail: str) -> None:
    """Raises BrokenRuleError about the field unless it holds."""
    if not holds:
        raise BrokenRuleError(field, detail)


def must_have_happened(field: str, at: datetime | None, now: datetime) -> None:
    """Raises BrokenRuleError when an instant that is told as past is in the future."""
    must(at is None or at <= now, field, "This instant is in the future: state when it was.")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment or a submission to a store, as far as rules go. `result` as in the API."""

    kind: str
    result: str
    approved_by: str | None
    approved_at: datetime | None
    window_from: datetime | None
    window_to: datetime | None
    deployed_at: datetime | None
    rollback_plan: str | None
    rolled_back_at: datetime | None
    rollback_reason: str | None
    store: str | None
    submitted_at: datetime | None
    reviewed_at: datetime | None
    verdict: str | None

    @property
    def outside_window(self) -> bool:
        """Whether it was deployed at an instant that its agreed window `[from, to)` does not hold."""
        if self.deployed_at is None or self.window_from is None or self.window_to is None:
            return False
        return not self.window_from <= self.deployed_at < self.window_to

    def check(self, now: datetime) -> None:
        """Raises BrokenRuleError at the first thing that a controlled deployment cannot do without."""
        must((self.window_from is None) == (self.window_to is None), "window_to", "A window has two ends.")
        if self.window_from is not None and self.window_to is not None:
            must(self.window_to > self.window_from, "window_to", "The window ends before it begins.")
        for field in ("approved_at", "deployed_at", "rolled_back_at", "submitted_at", "reviewed_at"):
            must_have_happened(field, getattr(self, field), now)
        if self.kind == "store_submission":
            must(self.store is not None, "store", "Say to which store it was submitted.")
            must(
                (self.verdict is None) == (self.reviewed_at is None),
                "verdict",
                "A review has an instant and a verdict.",
            )
            if self.reviewed_at is not None:
                submitted = self.submitted_at is not None and self.submitted_at <= self.reviewed_at
                must(submitted, "submitted_at", "Say when it was submitted: before it was reviewed.")
        if self.result != "rolled_back":
            must(self.rolled_back_at is None, "result", "It was rolled back: its result is rolled_back.")
        if self.result == "planned":
            must(self.deployed_at is None, "result", "It was deployed: say how it ended.")
            return
        must(self.approved_by is not None, "approved_by", "Nothing is deployed without approval: say who gave it.")
        must(self.deployed_at is not None, "deployed_at", "Say when it was deployed.")
        if self.result == "rolled_back":
            must(self.rolled_back_at is not None, "rolled_back_at", "Say when it was rolled back.")
            must(self.rollback_reason is not None, "rollback_reason", "Say why it was rolled back.")
        if self.deployed_at is not None and self.rolled_back_at is not None:
            must(
                self.rolled_back_at >= self.deployed_at, "rolled_back_at", "Nothing is rolled back before it is there."
            )
        if self.kind == "deployment" and self.rolled_back_at is None:
            must(self.rollback_plan is not None, "rollback_plan", "Say how it can be rolled back.")
