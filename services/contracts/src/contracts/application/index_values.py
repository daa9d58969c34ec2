"""Entering the values of indices: contracts that wait for one are revised with it."""

from contracts.application.indexation import IndexValue, NewIndexValue
from contracts.application.ports import Workspace


async def enter_index_value(work: Workspace, new: NewIndexValue) -> IndexValue:
    """Keeps a value of an index; contracts whose day of revision is over and that wait for it are due now."""
    value = IndexValue(**new.model_dump(), index_value_id=work.new_id(), recorded_by=work.actor, recorded_at=work.now)
    await work.life.index_values.add(value)
    await work.life.lives.wake(value.index_name, work.now)
    return value
