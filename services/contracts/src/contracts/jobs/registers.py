"""Looks at what falls due in the registers: overdue obligations, versions past their support, advice to repeat."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, select, true

from contracts.adapters.life_tables import LifeRow
from contracts.adapters.register_tables import AdvisoryRow, ObligationRow, SupportEndRow
from contracts.adapters.workspace import workspace_of
from contracts.application import advice, configuration, obligations
from contracts.application.ports import Workspace
from contracts.domain.obligations import Status
from contracts.jobs.due_rows import BATCH, DueRows
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.worker import oldest

_log = structlog.get_logger(__name__)


async def _look_at_obligation(work: Workspace, wanted: UUID) -> None:
    await obligations.look(work, await work.registers.obligations.locked(wanted))


async def _look_at_support(work: Workspace, wanted: UUID) -> None:
    end = await work.registers.support_ends.locked(wanted)
    await configuration.look_at_support(work, end, await work.registers.items.get(end.configuration_item_id))


async def _send_again(work: Workspace, wanted: UUID) -> None:
    await advice.send_again(work, await work.registers.advisories.locked(wanted))


@dataclass(frozen=True)
class _Kind:
    """One kind of due work: its rows, when they are due, and what is done then."""

    name: str
    tenant: Any
    key: Any
    due_at: Any
    open: ColumnElement[bool]
    look: Callable[[Workspace, UUID], Awaitable[None]]

    def due(self, uow: UnitOfWork) -> Select[Any]:
        """Rows whose time is over."""
        return select(self.tenant, self.key).where(self.open, self.due_at < uow.now)


_CONTRACT_COMES_FIRST = (
    select(LifeRow.contract_id)
    .where(LifeRow.contract_id == ObligationRow.contract_id, LifeRow.due_at <= ObligationRow.due_at)
    .exists()
)
"""Something of the contract was due before the obligation and has not come yet: its end, with which the obligation
lapses, or an amendment that asks for it no more. However late the worker is, that happened first.
"""

_KINDS = (
    _Kind(
        "obligation",
        ObligationRow.tenant_id,
        ObligationRow.obligation_id,
        ObligationRow.due_at,
        (ObligationRow.status == Status.OPEN.value) & ObligationRow.paused_at.is_(None) & ~_CONTRACT_COMES_FIRST,
        _look_at_obligation,
    ),
    _Kind(
        "support_end",
        SupportEndRow.tenant_id,
        SupportEndRow.support_end_id,
        SupportEndRow.look_at,
        true(),
        _look_at_support,
    ),
    _Kind(
        "advisory",
        AdvisoryRow.tenant_id,
        AdvisoryRow.advisory_id,
        AdvisoryRow.next_sending_at,
        true(),
        _send_again,
    ),
)

OLDEST_OF_REGISTERS = [oldest(kind.due_at, kind.open) for kind in _KINDS]
"""For metrics: since when a record of each kind is due."""


class _DueRecords(DueRows):
    """The job over one of these kinds."""

    idle_seconds = 5.0

    def __init__(self, units: UnitsOfWork, kind: _Kind) -> None:
        super().__init__(units)
        self.noun = kind.name
        self._kind = kind

    async def due(self, uow: UnitOfWork, without: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """Records whose time is over."""
        kind = self._kind
        query = kind.due(uow).where(kind.key.not_in(without)).order_by(kind.due_at).limit(BATCH)
        return [(tenant_id, wanted) for tenant_id, wanted in await uow.session.execute(query)]

    async def work_off(self, uow: UnitOfWork, wanted: UUID) -> None:
        """Looks at a record."""
        claim = self._kind.due(uow).where(self._kind.key == wanted).with_for_update(skip_locked=True)
        if (await uow.session.execute(claim)).one_or_none() is None:
            return  # another worker looks, or somebody has just changed it
        await self._kind.look(workspace_of(uow), wanted)
        _log.info("register_looked_at", kind=self.noun, id=str(wanted))


class DueRegisters:
    """The job over due rows of the registers; one per process."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._jobs = [_DueRecords(units, kind) for kind in _KINDS]

    async def run(self) -> float:
        """Looks at everything that is due now; returns the seconds until the next look."""
        return min([await job.run() for job in self._jobs])
