"""How every record of the service desk is written: the row, its version, the timeline of its item, its event."""

from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import inspect, select

from incidents.adapters import queries
from incidents.adapters.records_tables import (
    ActionRow,
    AnomalyRow,
    DecisionRow,
    DeploymentRow,
    InterventionRow,
    RecordRow,
    RecordVersionRow,
    ResidualRiskRow,
    TimeEntryRow,
)
from incidents.adapters.repository import SqlContracts, SqlItems, read_item
from incidents.application.items import UnknownContractError, UnknownSiteError
from incidents.application.ports import Entry
from incidents.application.records import ItemOfAnotherContractError, Place, UnknownItemError
from incidents.domain.work_item import Who
from incidents.published import records_v1
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

R = TypeVar("R", bound=RecordRow)

_EVENTS: dict[type[RecordRow], type[records_v1.RecordState]] = {
    TimeEntryRow: records_v1.TimeEntryRecorded,
    DeploymentRow: records_v1.DeploymentRecorded,
    InterventionRow: records_v1.InterventionRecorded,
    AnomalyRow: records_v1.AnomalyRecorded,
    ActionRow: records_v1.ActionRecorded,
    ResidualRiskRow: records_v1.RiskRecorded,
    DecisionRow: records_v1.DecisionRecorded,
}
_UNSEEN = {"tenant_id", "search"}


class RecordBook:
    """The records of one unit of work, written by one person."""

    def __init__(self, uow: UnitOfWork, actor: Who) -> None:
        self._uow = uow
        self._actor = actor

    async def place(
        self, *, contract_id: UUID | None = None, site_id: UUID | None = None, item_id: UUID | None = None
    ) -> Place:
        """Where a record that names these belongs: what the item is about, unless the record says more exactly.

        Raises UnknownItemError, ItemOfAnotherContractError, UnknownContractError, UnknownSiteError.
        """
        item = None
        if item_id is not None:
            item = await queries.item(self._uow.session, item_id)
            if item is None:
                raise UnknownItemError
            if contract_id not in (None, item.contract_id):
                known = await SqlContracts(self._uow).newest(contract_id)
                raise ItemOfAnotherContractError if known else UnknownContractError
            contract_id = item.contract_id
        if contract_id is None:
            raise UnknownContractError
        if site_id is None and item is not None:
            return Place(item.contract_id, item.client_id, item.site_id, item.id)
        contract = await SqlContracts(self._uow).newest(contract_id)
        if contract is None:
            raise UnknownContractError
        if site_id is not None and site_id not in contract.sites:
            raise UnknownSiteError("site_id")
        return Place(contract.contract_id, contract.client_id, site_id, item_id)

    async def find(self, kind: type[R], record_id: UUID, *, lock: bool = False) -> R | None:
        """A record; None when there is none that one may see."""
        statement = select(kind).where(kind.id == record_id)
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        return (await self._uow.session.execute(statement)).scalar_one_or_none()

    async def write(self, kind: type[R], place: Place, audience: str, facts: dict[str, Any]) -> R:
        """A new record, version 1."""
        if self._uow.tenant_id is None:
            raise ValueError("records are written in a unit of work of their tenant")
        row = kind(
            id=new_id(),
            tenant_id=self._uow.tenant_id,
            client_id=place.client_id,
            contract_id=place.contract_id,
            site_id=place.site_id,
            item_id=place.item_id,
            audience=audience,
            version=1,
            recorded_at=self._uow.now,
            recorded_by_kind=self._actor.kind,
            recorded_by_id=self._actor.id,
            recorded_by_name=self._actor.name,
            changed_at=self._uow.now,
            **facts,
        )
        self._uow.session.add(row)
        await self._note(row, f"{row.__tablename__}_recorded")
        return row

    async def rewrite(self, row: RecordRow, facts: dict[str, Any]) -> None:
        """The next version of a record that is locked. The earlier ones stay in its history."""
        for name, value in facts.items():
            setattr(row, name, value)
        row.version += 1
        row.changed_at = self._uow.now
        await self._note(row, f"{row.__tablename__}_changed")

    async def _note(self, row: RecordRow, said: str) -> None:
        # The row first: whatever it breaks is told of it, not of what follows from it.
        await self._uow.session.flush()
        self._uow.session.add(
            RecordVersionRow(
                record_id=row.id,
                version=row.version,
                tenant_id=row.tenant_id,
                client_id=row.client_id,
                kind=row.__tablename__,
                at=self._uow.now,
                actor_kind=self._actor.kind,
                actor_id=self._actor.id,
                actor_name=self._actor.name,
                state=to_jsonable_python(_facts(row)),
            )
        )
        await self._uow.session.flush()
        if row.item_id is not None:
            await self._tell(row, row.item_id, said)
        event = _EVENTS.get(type(row))
        if event is not None:
            told = _facts(row) | {
                event.KEY: row.id,
                "recorded_by": {
                    "kind": row.recorded_by_kind,
                    "id": row.recorded_by_id,
                    "name": row.recorded_by_name,
                },
            }
            if isinstance(row, TimeEntryRow) and row.item_id is not None:
                item = await queries.item(self._uow.session, row.item_id)
                told |= {} if item is None else {"scope_verdict": item.scope_verdict, "item_version": item.version}
            known = {name: value for name, value in told.items() if name in event.model_fields}
            self._uow.publish(event.model_validate(known), version=row.version)

    async def _tell(self, row: RecordRow, item_id: UUID, said: str) -> None:
        item = await queries.item(self._uow.session, item_id)
        if item is None:
            raise UnknownItemError
        entry = Entry(
            said,
            self._uow.now,
            self._actor,
            "api",
            audience=row.audience,
            data={"record_id": str(row.id), "version": row.version},
        )
        await SqlItems(self._uow).tell(await read_item(self._uow.session, item), entry)


def _facts(row: RecordRow) -> dict[str, Any]:
    names = [column.key for column in inspect(type(row)).column_attrs if column.key not in _UNSEEN]
    return {name: getattr(row, name) for name in names}
