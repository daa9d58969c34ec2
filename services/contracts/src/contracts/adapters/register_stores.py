"""The stores of the registers over PostgreSQL. Each change writes the record and its version into the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ColumnElement, Select, delete, select, text
from sqlalchemy.exc import IntegrityError

from contracts.adapters.register_tables import (
    AdvisoryRow,
    BreachRow,
    CompatibilityRuleRow,
    ConfigurationItemRow,
    ConfigurationVersionRow,
    DeliveryRow,
    ObligationRow,
    RecordRow,
    RegisterEntryRow,
    RegisterVersionRow,
    SupportEndRow,
)
from contracts.adapters.rows import columns
from contracts.adapters.stores import locking
from contracts.adapters.tables import ClientRow, ContractRow
from contracts.application.advice import Advisory
from contracts.application.client_registers import RegisterEntry
from contracts.application.configuration import CompatibilityRule, ConfigurationItem, ConfigurationVersion, SupportEnd
from contracts.application.deliveries import Delivery
from contracts.application.errors import Taken, Unknown
from contracts.application.obligations import Breach, Obligation
from contracts.application.register_records import Record
from contracts.domain.lifecycle import Status
from contracts.domain.obligations import OVER
from shared.unit_of_work import UnitOfWork

A = TypeVar("A", bound=Record)


class Records(Generic[A]):
    """Reading and writing the records of one register."""

    row_type: ClassVar[type[RecordRow]]
    record_type: type[A]
    key: ClassVar[str]
    noun: ClassVar[str]
    json: ClassVar[frozenset[str]] = frozenset()
    """The fields that are kept as JSON."""
    taken: ClassVar[str] = ""
    """What is said when a name is in use."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._session = uow.session

    async def get(self, wanted: UUID) -> A:
        return self._record(await self._one(self._select(), wanted))

    async def locked(self, wanted: UUID) -> A:
        return self._record(await self._one(locking(self._select()), wanted))

    async def add(self, item: A) -> None:
        self._session.add(self.row_type(tenant_id=self._tenant_id, **self._values(item)))
        await self._note(item, item.version, item.model_dump(mode="json", exclude={"in_words"}))

    async def save(self, item: A) -> None:
        row = await self._one(self._select(), getattr(item, self.key))
        for name, value in self._values(item).items():
            setattr(row, name, value)
        await self._note(item, item.version, item.model_dump(mode="json", exclude={"in_words"}))

    async def _found(self, *conditions: ColumnElement[bool], order_by: Any = None) -> list[A]:
        """The records that meet the conditions, under locks."""
        query = locking(self._select().where(*conditions))
        rows = await self._session.scalars(
            query.order_by(getattr(self.row_type, self.key) if order_by is None else order_by)
        )
        return [self._record(row) for row in rows]

    async def _note(self, item: A, version: int, state: dict[str, Any]) -> None:
        self._session.add(
            RegisterVersionRow(
                record_id=getattr(item, self.key),
                version=version,
                tenant_id=self._tenant_id,
                client_id=item.client_id,
                kind=self.row_type.__tablename__,
                at=self._uow.now,
                by=self._uow.actor.name,
                state=state,
            )
        )
        try:
            await self._session.flush()
        except IntegrityError as error:
            if self.taken and isinstance(error.orig, UniqueViolation):
                raise Taken(self.taken) from None
            raise

    async def _one(self, query: Select[Any], wanted: UUID) -> Any:
        row = await self._session.scalar(query.where(getattr(self.row_type, self.key) == wanted))
        if row is None:
            raise Unknown(self.noun, wanted)
        return row

    def _select(self) -> Select[Any]:
        return select(self.row_type)

    @property
    def _tenant_id(self) -> UUID:
        assert self._uow.tenant_id is not None  # stores that write are only used in a tenant's unit
        return self._uow.tenant_id

    def _record(self, row: RecordRow) -> A:
        return self.record_type.model_validate(columns(row))

    def _values(self, item: A) -> dict[str, Any]:
        plain = item.model_dump(exclude={"in_words", *self.json})
        return plain | item.model_dump(mode="json", include=set(self.json))


class Items(Records[ConfigurationItem]):
    row_type, record_type, key = ConfigurationItemRow, ConfigurationItem, "configuration_item_id"
    noun, taken = "configuration item", "The client has a configuration item of this name already."

    async def hold_names(self, client_id: UUID) -> None:
        # Not the stronger lock: rows that refer to the client may be written meanwhile, and must not wait for us.
        await self._session.execute(
            select(ClientRow.client_id).where(ClientRow.client_id == client_id).with_for_update(key_share=True)
        )

    async def by_name(self, client_id: UUID, name: str) -> ConfigurationItem | None:
        found = await self._found(ConfigurationItemRow.client_id == client_id, ConfigurationItemRow.name == name)
        return found[0] if found else None

    async def contract_of(self, item: ConfigurationItem) -> UUID | None:
        in_force = [Status.ACTIVE.value, Status.SUSPENDED.value]
        query = select(ContractRow.contract_id).where(
            ContractRow.client_id == item.client_id, ContractRow.status.in_(in_force)
        )
        if item.site_id is not None:
            query = query.where(ContractRow.terms.contains({"site_ids": [str(item.site_id)]}))
        found = list(await self._session.scalars(query.limit(2)))
        return found[0] if len(found) == 1 else None

    async def versions_of(self, item_ids: Sequence[UUID]) -> Sequence[ConfigurationVersion]:
        return await versions_of(self._uow, item_ids)

    async def add_version(self, version: ConfigurationVersion) -> None:
        content = version.model_dump(mode="json", include={"incompatibilities"})
        plain = version.model_dump(exclude={"in_words", "incompatibilities"})
        self._session.add(ConfigurationVersionRow(tenant_id=self._tenant_id, **plain, **content))
        await self._session.flush()


class Rules(Records[CompatibilityRule]):
    row_type, record_type, key, noun = CompatibilityRuleRow, CompatibilityRule, "rule_id", "compatibility rule"
    json = frozenset({"note"})

    async def touching(self, item_id: UUID) -> Sequence[CompatibilityRule]:
        row = CompatibilityRuleRow
        rows = await self._session.scalars(
            select(row)
            .where((row.configuration_item_id == item_id) | (row.other_item_id == item_id))
            .order_by(row.rule_id)
        )
        return [self._record(each) for each in rows]

    async def remove(self, rule: CompatibilityRule) -> None:
        await self._session.execute(delete(CompatibilityRuleRow).where(CompatibilityRuleRow.rule_id == rule.rule_id))
        await self._note(rule, rule.version + 1, {"removed": True})


class SupportEnds(Records[SupportEnd]):
    row_type, record_type, key, noun = SupportEndRow, SupportEnd, "support_end_id", "end of support"
    json = frozenset({"raised"})

    async def of_item(self, item_id: UUID) -> Sequence[SupportEnd]:
        return await self._found(SupportEndRow.configuration_item_id == item_id)


class Deliveries(Records[Delivery]):
    row_type, record_type, key, noun = DeliveryRow, Delivery, "delivery_id", "delivery"

    async def of_deployment(self, deployment_id: UUID) -> Delivery | None:
        found = await self._found(DeliveryRow.deployment_id == deployment_id)
        return found[0] if found else None

    async def unplaced(self, client_id: UUID, item_name: str) -> Sequence[Delivery]:
        return await self._found(
            DeliveryRow.client_id == client_id,
            DeliveryRow.item_name == item_name,
            DeliveryRow.configuration_item_id.is_(None),
            DeliveryRow.deployment_id.is_not(None),
            order_by=(DeliveryRow.delivered_at),
        )


class Obligations(Records[Obligation]):
    row_type, record_type, key, noun = ObligationRow, Obligation, "obligation_id", "obligation"
    json = frozenset({"title", "evidence", "worth"})

    async def of_contract(self, contract_id: UUID) -> Sequence[Obligation]:
        counts = ObligationRow.code.is_not(None) | ObligationRow.status.not_in([status.value for status in OVER])
        return await self._found(ObligationRow.contract_id == contract_id, counts)

    async def by_code(self, contract_id: UUID, code: str) -> Obligation | None:
        found = await self._found(ObligationRow.contract_id == contract_id, ObligationRow.code == code)
        return found[0] if found else None


class Breaches(Records[Breach]):
    row_type, record_type, key, noun = BreachRow, Breach, "breach_id", "breach"
    json = frozenset({"title", "worth"})

    async def of_obligation(self, obligation_id: UUID, since: datetime) -> Breach | None:
        found = await self._found(BreachRow.obligation_id == obligation_id, BreachRow.since == since)
        return found[0] if found else None

    async def of_clocks(self, work_item_id: UUID) -> Sequence[Breach]:
        # Rows alone do not serialize: where there is none yet, two workers would judge by half of the facts each.
        await self._session.execute(
            text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"clocks of {work_item_id}"}
        )
        return await self._found(BreachRow.work_item_id == work_item_id, BreachRow.clock_id.is_not(None))

    async def between(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Breach]:
        since = BreachRow.since
        rows = await self._session.scalars(
            select(BreachRow)
            .where(BreachRow.contract_id == contract_id, since >= start, since < end)
            .order_by(since, BreachRow.breach_id)
            .execution_options(populate_existing=True)
        )
        return [Breach.model_validate(columns(row)) for row in rows]


class Advisories(Records[Advisory]):
    row_type, record_type, key, noun = AdvisoryRow, Advisory, "advisory_id", "advisory"
    json = frozenset({"title", "body", "recipients", "deliveries"})


class Entries(Records[RegisterEntry]):
    row_type, record_type, key, noun = RegisterEntryRow, RegisterEntry, "entry_id", "entry"

    async def of_source(self, register: str, source_id: UUID) -> RegisterEntry | None:
        found = await self._found(RegisterEntryRow.kind == register, RegisterEntryRow.source_id == source_id)
        return found[0] if found else None


async def versions_of(uow: UnitOfWork, item_ids: Sequence[UUID]) -> list[ConfigurationVersion]:
    """Everything that was ever recorded of these items, by item and number."""
    row = ConfigurationVersionRow
    rows = await uow.session.scalars(
        select(row).where(row.configuration_item_id.in_(item_ids)).order_by(row.configuration_item_id, row.number)
    )
    return [ConfigurationVersion.model_validate(columns(each)) for each in rows]
