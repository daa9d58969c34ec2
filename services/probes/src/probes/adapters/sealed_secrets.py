"""Every stored document with secrets, sealed with the present key: after that no previous key is needed by any."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import select

from probes.adapters.check_secrets import CheckSecrets
from probes.adapters.tables import CheckTestRow, MonitorGroupRow, MonitorRow
from shared.progress import Progress, untold
from shared.secret_box import Unreadable
from shared.unit_of_work import UnitsOfWork

PAGE = 500

_SEALED: Final[Sequence[tuple[Any, str, Sequence[str]]]] = (
    (MonitorRow, "monitor_id", ("configuration", "adjustments")),
    (MonitorGroupRow, "group_id", ("configuration",)),
    (CheckTestRow, "check_test_id", ("configuration",)),
)


async def reseal_all(
    units: UnitsOfWork, secrets: CheckSecrets, progress: Progress = untold, *, in_clear: bool = False
) -> tuple[int, list[str]]:
    """How many documents were sealed, and the names of those that no key opens, which stay as they are.

    Those in clear are sealed too; with `in_clear` none is afterwards, for a release that knows nothing of it. Each row
    is a transaction of its own, so that nobody waits for the others.
    """
    resealed, unreadable = 0, []
    for table, key, columns in _SEALED:
        due = await _due(units, table, key, columns, lambda document: secrets.is_due(document, in_clear=in_clear))
        for done, row_id in enumerate(due, start=1):
            async with units.for_every_tenant() as unit:
                row = await unit.session.get(table, row_id, with_for_update=True)
                for column in columns:
                    document = getattr(row, column, {})
                    if not secrets.is_due(document, in_clear=in_clear):
                        continue
                    try:
                        opened = secrets.opened(document)
                        setattr(row, column, opened if in_clear else secrets.closed(opened))
                        resealed += 1
                    except Unreadable:
                        unreadable.append(f"{column} of {table.__tablename__} {row_id}")
            progress(f"{table.__tablename__}s", done, len(due))
    return resealed, unreadable


async def _due(
    units: UnitsOfWork, table: Any, key: str, columns: Sequence[str], is_due: Callable[[dict[str, Any]], bool]
) -> Sequence[Any]:
    identity = getattr(table, key)
    documents = [getattr(table, column) for column in columns]
    found: list[Any] = []
    page = select(identity, *documents).order_by(identity).limit(PAGE)
    after = None
    while True:
        async with units.for_every_tenant() as unit:
            rows = (await unit.session.execute(page if after is None else page.where(identity > after))).all()
        found += [row_id for row_id, *kept in rows if any(is_due(document) for document in kept)]
        if len(rows) < PAGE:
            return found
        after = rows[-1][0]
