"""Pages that a contract promises to watch and that cannot be watched as it says: once per reason, until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UnwatchedPages:
    """The pages of one environment, refused for one reason. `contract_version` is the one that first asked for them."""

    unwatched_pages_id: UUID
    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str
    contract_version: int
    reason: str
    found_at: datetime
    ended_at: datetime | None = None


def is_over(known: UnwatchedPages, refused: Mapping[UUID, str]) -> bool:
    """Whether what is known ended: its environment's pages are watched now, or refused for another reason.

    :param refused: environment to the reason for which its pages are refused now.
    """
    return refused.get(known.environment_id) != known.reason
