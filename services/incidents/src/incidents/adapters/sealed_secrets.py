"""Every stored secret, sealed again with the present key: after that the previous key is needed by none of them."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from incidents.adapters.channel_tables import ChannelRow
from incidents.adapters.intake_secrets import read_secrets, written_secrets
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.secret_box import SecretBox, Unreadable
from shared.progress import Progress, untold
from shared.unit_of_work import UnitsOfWork

_SEALED: Final[Sequence[tuple[type[ChannelRow] | type[IntakeSourceRow], Sequence[str]]]] = (
    (IntakeSourceRow, ("secret", "previous_secret", "mailbox_password", "callback_secret")),
    (ChannelRow, ("address",)),
)
"""The columns that hold what a `SecretBox` has sealed; what has been removed is empty."""


async def reseal_all(units: UnitsOfWork, box: SecretBox, progress: Progress = untold) -> tuple[int, list[str]]:
    """How many secrets were sealed again, and the names of those that neither key opens, which stay as they are.

    Each row is a transaction of its own, so that nobody waits for the others.
    """
    resealed, unreadable = 0, []
    for table, columns in _SEALED:
        async with units.for_every_tenant() as unit:
            ids = list((await unit.session.execute(select(table.id).order_by(table.id))).scalars())
        for done, row_id in enumerate(ids, start=1):
            async with units.for_every_tenant() as unit:
                row = await unit.session.get(table, row_id, with_for_update=True)
                for column in columns:
                    sealed = getattr(row, column, None)
                    if not sealed:
                        continue
                    try:
                        setattr(row, column, box.reseal(sealed))
                        resealed += 1
                    except Unreadable:
                        unreadable.append(f"{column} of {table.__tablename__} {row_id}")
                if isinstance(row, IntakeSourceRow):
                    again, left = _earlier_again(row, box)
                    resealed += again
                    unreadable += left
            progress(f"{table.__tablename__}s", done, len(ids))
    return resealed, unreadable


def _earlier_again(row: IntakeSourceRow, box: SecretBox) -> tuple[int, list[str]]:
    """The same of the secrets of a source from before the previous one."""
    known = read_secrets(row.earlier_secrets)
    unreadable = []
    for place, (sealed, until) in enumerate(known):
        try:
            known[place] = box.reseal(sealed), until
        except Unreadable:
            unreadable.append(f"earlier_secrets of {row.__tablename__} {row.id}")
    row.earlier_secrets = written_secrets(known)
    return len(known) - len(unreadable), unreadable
