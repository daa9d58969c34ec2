"""Configuration items: what was in service at an instant, by what was known at another, and what does not go together.

A version that was recorded stays as it was. A mistake is put right by a further one that `corrects` it, so that both
questions have an answer for ever: what was so, and what we thought at the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, TypeVar
from uuid import UUID

from contracts.domain.version_ranges import VersionRange

ItemKind = Literal["hardware", "os_and_patches", "application", "parameter", "interface"]


class State(StrEnum):
    """What a version says of its item."""

    IN_SERVICE = "in_service"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"
    """Only that the version that it corrects never was."""


class Recorded(Protocol):
    """One version of an item, as it was recorded."""

    @property
    def number(self) -> int: ...

    @property
    def state(self) -> State: ...

    @property
    def effective_from(self) -> datetime: ...

    @property
    def recorded_at(self) -> datetime: ...

    @property
    def corrects(self) -> int | None: ...


V = TypeVar("V", bound=Recorded)


class NotRecordable(Exception):
    """This version cannot be recorded; `field` says which of its values is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


def standing(versions: Iterable[V], known_at: datetime) -> list[V]:
    """The versions that counted at `known_at`, in the order in which they took effect.

    Of two that took effect at one instant, the one that was recorded later comes later, and holds.
    """
    known = [version for version in versions if version.recorded_at <= known_at]
    corrected = {version.corrects for version in known}
    counting = [item for item in known if item.number not in corrected and item.state is not State.WITHDRAWN]
    return sorted(counting, key=lambda item: (item.effective_from, item.number))


def as_of(versions: Iterable[V], at: datetime, known_at: datetime) -> V | None:
    """The version that held at `at`, by what was known at `known_at`; None before the first one."""
    held = [version for version in standing(versions, known_at) if version.effective_from <= at]
    return held[-1] if held else None


def check_next(
    versions: Sequence[Recorded], state: State, effective_from: datetime, corrects: int | None, now: datetime
) -> None:
    """Raises NotRecordable for what has not happened yet, or a correction of what does not count (any more)."""
    if effective_from > now:
        raise NotRecordable("effective_from", "is in the future: record it when it is so")
    if corrects is None:
        if state is State.WITHDRAWN:
            raise NotRecordable("corrects", "is required: say which version never was")
        return
    if corrects not in {version.number for version in standing(versions, now)}:
        raise NotRecordable("corrects", "is no version that counts: it was corrected already, or never recorded")


@dataclass(frozen=True)
class Rule:
    """While one item is in these versions, the other one must be in those."""

    rule_id: UUID
    item_id: UUID
    versions: VersionRange
    other_id: UUID
    other_versions: VersionRange

    def broken_by(self, labels: Mapping[UUID, str]) -> bool:
        """Whether these versions do not go together; what is not in service, or not known, breaks nothing."""
        label, other = labels.get(self.item_id), labels.get(self.other_id)
        return label is not None and other is not None and label in self.versions and other not in self.other_versions


def broken(rules: Iterable[Rule], item_id: UUID, label: str, others: Mapping[UUID, str]) -> list[Rule]:
    """The rules that the item breaks in this version, beside what else is in service: both ways round."""
    labels = {**others, item_id: label}
    return [rule for rule in rules if item_id in (rule.item_id, rule.other_id) and rule.broken_by(labels)]


def passed(ends: Mapping[str, datetime | None], now: datetime) -> list[str]:
    """Which ends of support have passed: each name whose instant is not after `now`."""
    return [name for name, at in ends.items() if at is not None and at <= now]


def next_end(ends: Mapping[str, datetime | None], now: datetime) -> datetime | None:
    """The next end of support that is still to come."""
    return min((at for at in ends.values() if at is not None and at > now), default=None)
