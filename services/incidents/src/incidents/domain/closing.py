"""What must be there before an item is closed: a record that is closed must need nothing more to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Missing(StrEnum):
    RISK_OWNER = "unowned_residual_risk"
    POST_MORTEM = "missing_post_mortem"
    ACCEPTANCE = "missing_acceptance"


@dataclass(frozen=True, slots=True)
class Closing:
    """What an item lacks of what it asks for: by its severity and recurrence, and of what fixes it."""

    post_mortem_missing: bool = False
    acceptance_awaited: bool = False


@dataclass(frozen=True, slots=True)
class ResidualRisk:
    """A risk that stays. `owned`: somebody answers for it."""

    id: UUID
    description: str
    owned: bool


@dataclass(frozen=True, slots=True)
class ItemRecords:
    """What is recorded on an item, as far as closing cares."""

    risks: Sequence[ResidualRisk] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps an item open, and what to do about it. `record_id` names the record that it is about."""

    missing: Missing
    detail: str
    record_id: UUID | None = None


class KeptOpenError(Exception):
    """The item cannot be closed yet."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(" ".join(reason.detail for reason in reasons))


def what_keeps_open(item: Closing, records: ItemRecords) -> list[Reason]:
    """Everything that stands against closing, in the order in which it is said; empty when it may be closed."""
    reasons = [
        Reason(
            Missing.RISK_OWNER,
            f"Nobody owns the residual risk “{_short(risk.description)}”: name its owner.",
            risk.id,
        )
        for risk in records.risks
        if not risk.owned
    ]
    if item.post_mortem_missing:
        reasons.append(Reason(Missing.POST_MORTEM, "Its post-mortem is missing: write it and complete it."))
    if item.acceptance_awaited:
        reasons.append(
            Reason(Missing.ACCEPTANCE, "The client has not accepted what fixes it: ask for it, or wait for the delay.")
        )
    return reasons


def _short(text: str, longest: int = 80) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= longest else first[: longest - 1] + "…"
