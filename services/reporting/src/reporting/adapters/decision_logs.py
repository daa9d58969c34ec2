"""The log of decisions, residual risks and actions, read from the events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from reporting.adapters.history import DATA, events_of, newest, told_by
from reporting.adapters.tables import Event
from reporting.application.decision_log import LogEntry, log_entry
from reporting.application.facts import ContractState
from reporting.application.history import FOLLOW_UP, SubjectKind
from shared.unit_of_work import UnitOfWork

_DECISIONS: Final[tuple[SubjectKind, ...]] = ("decision",)


async def superseded_decisions(
    uow: UnitOfWork, state: ContractState, as_of: datetime, *, for_client: bool
) -> Mapping[str, object]:
    """The decisions under a contract that a later one replaces which the reader may see."""
    decisions = newest(
        state.client.client_id, as_of, kinds=_DECISIONS, contract_id=state.contract_id, for_client=for_client
    )
    found = await uow.session.scalars(
        select(DATA["supersedes_id"].astext).join(decisions, decisions.c.event_id == Event.event_id)
    )
    return {each: True for each in found if each is not None}


async def log_for_client(
    uow: UnitOfWork, state: ContractState, as_of: datetime, most: int
) -> tuple[int, list[LogEntry]]:
    """What a client may read of the log as it stood at an instant: how many entries, and at most so many of them."""
    known = newest(state.client.client_id, as_of, kinds=FOLLOW_UP, contract_id=state.contract_id, for_client=True)
    superseded = await superseded_decisions(uow, state, as_of, for_client=True)
    total = await uow.session.scalar(select(func.count()).select_from(known))
    told = await told_by(uow, await events_of(uow, known, most))
    return total or 0, [log_entry(each, as_of, superseded) for each in told]
