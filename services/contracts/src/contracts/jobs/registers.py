"""Looks at what falls due in the registers: overdue obligations, versions past their support, advice to repeat.

The due time is a column of each row, so nothing is missed while no worker runs, and any number of workers may look: a
row is claimed with SKIP LOCKED, and whether it is still due is asked again under the lock.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
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
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 100
IDLE_SECONDS = 5.0
SET_ASIDE = timedelta(minutes=5)
"""How long what cannot be looked at waits for its next try, so that it does not keep the rest waiting."""

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


class DueRegisters:
    """The job over due rows of the registers; one per process."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._set_aside: Mapping[UUID, Any] = {}

    async def run(self) -> float:
        """Looks at everything that is due now; returns the seconds until the next look."""
        full = False
        for kind in _KINDS:
            due = await self._due(kind)
            full = full or len(due) == BATCH
            for tenant_id, wanted in due:
                await self._look(kind, tenant_id, wanted)
        return 0.0 if full else IDLE_SECONDS

    async def _due(self, kind: _Kind) -> list[tuple[UUID, UUID]]:
        async with self._units.for_every_tenant() as uow:
            self._set_aside = {key: until for key, until in self._set_aside.items() if until > uow.now}
            query = kind.due(uow).where(kind.key.not_in(list(self._set_aside))).order_by(kind.due_at).limit(BATCH)
            return [(tenant_id, wanted) for tenant_id, wanted in await uow.session.execute(query)]

    async def _look(self, kind: _Kind, tenant_id: UUID, wanted: UUID) -> None:
        try:
            async with self._units.for_tenant(tenant_id) as uow:
                claim = kind.due(uow).where(kind.key == wanted).with_for_update(skip_locked=True)
                if (await uow.session.execute(claim)).one_or_none() is None:
                    return  # another worker looks, or somebody has just changed it
                await kind.look(workspace_of(uow), wanted)
                _log.info("register_looked_at", kind=kind.name, id=str(wanted))
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this row; the loop tries again
            _log.exception("register_set_aside", kind=kind.name, id=str(wanted), error=type(error).__name__)
            async with self._units.for_every_tenant() as uow:
                self._set_aside = {**self._set_aside, wanted: uow.now + SET_ASIDE}
