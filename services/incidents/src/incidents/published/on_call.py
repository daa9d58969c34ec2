"""What the incidents service publishes about on-call cover, version 1.

Both carry the whole state of one gap: a consumer keeps the newest version and skips older ones.
"""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.events import PublishedEvent


class CoverGap(PublishedEvent):
    """Hours that a contract promises and nobody covers. `ends_at` null: it goes on as far as we look ahead."""

    gap_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None
    opened_at: AwareDatetime


_GAP: dict[str, Any] = {
    "gap_id": "0197a1c2-0000-7000-8000-000000000641",
    "version": 1,
    "contract_id": "0197a1c2-0000-7000-8000-000000000201",
    "client_id": "0197a1c2-0000-7000-8000-000000000101",
    "starts_at": "2026-06-20T07:00:00Z",
    "ends_at": "2026-06-22T07:00:00Z",
    "opened_at": "2026-06-08T09:00:00Z",
}


class OnCallUncovered(CoverGap, aggregate="on_call", name="uncovered", key="gap_id"):
    """Nobody is on call in hours that are promised; found ahead, so that somebody can still be. Again when it moves."""

    EXAMPLE: ClassVar = _GAP


class OnCallCovered(CoverGap, aggregate="on_call", name="covered", key="gap_id"):
    """The gap is no more: somebody covers it, it is no longer promised, or it is over."""

    cleared_at: AwareDatetime
    because: Literal["covered", "not_promised", "over"]

    EXAMPLE: ClassVar = _GAP | {"version": 2, "cleared_at": "2026-06-09T10:00:00Z", "because": "covered"}


ON_CALL_EVENTS: tuple[type[CoverGap], ...] = (OnCallUncovered, OnCallCovered)
