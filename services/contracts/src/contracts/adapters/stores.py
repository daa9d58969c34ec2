"""The stores of the application over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from contracts.adapters.life_tables import ScheduledAmendmentRow
from contracts.adapters.rows import (
    api_key_of,
    calendar_of,
    client_of,
    contact_rows,
    contract_of,
    document_of,
    environment_rows,
    plan_of,
    plan_version_of,
    site_of,
    state_of,
    tenant_of,
    user_of,
    window_of,
)
from contracts.adapters.tables import (
    ApiKeyRow,
    Base,
    CalendarRow,
    ClientRow,
    ContactRow,
    ContractDocumentRow,
    ContractNumberRow,
    ContractRow,
    ContractStateRow,
    EnvironmentRow,
    MaintenanceWindowRow,
    PlanRow,
    PlanVersionRow,
    SiteRow,
    StatusPageAddressRow,
    TenantRow,
    UserRow,
)
from contracts.application.calendars import Calendar
from contracts.application.catalogue import Plan, PlanVersion
from contracts.application.clients import Client
from contracts.application.contracts import Contract, ContractState, Document
from contracts.application.errors import Taken, Unknown
from contracts.application.identity import ApiKey, Tenant, User
from contracts.application.maintenance import MaintenanceWindow
from contracts.application.sites import Site
from contracts.domain.lifecycle import Status
from shared.unit_of_work import UnitOfWork

Row = TypeVar("Row", bound=Base)

SHOWING = (Status.PROPOSED, Status.SIGNED, Status.ACTIVE, Status.SUSPENDED)
"""A contract that has come so far keeps the address of its status page."""


def locking(query: Select[Any]) -> Select[Any]:
    """The same rows, locked until the unit ends, as they are then: what the session read before may be old.

    Whoever only refers to such a row need not wait. Two contracts that hand one address to each other would wait for
    ever, each for the other's row.
    """
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


class Rows(Generic[Row]):
    """Reading and writing the rows of one table by id."""

    row_type: type[Row]
    key: str
    noun: str

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._session = uow.session

    @property
    def _tenant_id(self) -> UUID:
        assert self._uow.tenant_id is not None  # stores that write are only used in a tenant's unit
        return self._uow.tenant_id

    async def _row(self, wanted: UUID, *, lock: bool) -> Row:
        query = select(self.row_type).where(getattr(self.row_type, self.key) == wanted)
        if lock:
            query = locking(query)
        row = await self._session.scalar(query)
        if row is None:
            raise Unknown(self.noun, wanted)
        return row

    async def _insert(self, row: Base, taken: str) -> None:
        self._session.add(row)
        await self._flush(taken)

    async def _update(self, wanted: UUID, values: dict[str, Any], taken: str = "") -> None:
        row = await self._row(wanted, lock=False)
        known = self.row_type.__table__.columns.keys()
        for name, value in values.items():
            if name in known:
                setattr(row, name, value)
        await self._flush(taken)

    async def _flush(self, taken: str) -> None:
        try:
            await self._session.flush()
        except IntegrityError as error:
            if taken and isinstance(error.orig, UniqueViolation):
                raise Taken(taken) from None
            raise


class Tenants(Rows[TenantRow]):
    row_type, key, noun = TenantRow, "tenant_id", "tenant"

    async def get(self, wanted: UUID) -> Tenant:
        return tenant_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Tenant:
        return tenant_of(await self._row(wanted, lock=True))

    async def add(self, item: Tenant) -> None:
        await self._insert(TenantRow(**item.model_dump()), "")

    async def save(self, item: Tenant) -> None:
        await self._update(item.tenant_id, item.model_dump())


class Users(Rows[UserRow]):
    row_type, key, noun = UserRow, "user_id", "user"
    _TAKEN = "There is a user with this e-mail address already."

    async def get(self, wanted: UUID) -> User:
        return user_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> User:
        return user_of(await self._row(wanted, lock=True))

    async def add(self, item: User) -> None:
        await self._insert(UserRow(tenant_id=self._tenant_id, **item.model_dump()), self._TAKEN)

    async def save(self, item: User) -> None:
        await self._update(item.user_id, item.model_dump(), self._TAKEN)


class ApiKeys(Rows[ApiKeyRow]):
    row_type, key, noun = ApiKeyRow, "api_key_id", "API key"

    async def get(self, wanted: UUID) -> ApiKey:
        return api_key_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> ApiKey:
        return api_key_of(await self._row(wanted, lock=True))

    async def issue(self, key: ApiKey, digest: bytes) -> None:
        await self._insert(
            ApiKeyRow(tenant_id=self._tenant_id, digest=digest, **key.model_dump(exclude={"client_secret"})), ""
        )

    async def save(self, item: ApiKey) -> None:
        await self._update(item.api_key_id, item.model_dump())

    async def revoke_of(self, user_id: UUID, at: datetime) -> None:
        await self._session.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
            .values(revoked_at=at, version=ApiKeyRow.version + 1)
        )


class Clients(Rows[ClientRow]):
    row_type, key, noun = ClientRow, "client_id", "client"

    async def get(self, wanted: UUID) -> Client:
        return await self._with_contacts(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Client:
        return await self._with_contacts(await self._row(wanted, lock=True))

    async def add(self, item: Client) -> None:
        await self._insert(ClientRow(tenant_id=self._tenant_id, **item.model_dump(exclude={"contacts"})), "")
        await self._write_contacts(item)

    async def save(self, item: Client) -> None:
        await self._update(item.client_id, item.model_dump(exclude={"contacts"}))
        await self._write_contacts(item)

    async def _with_contacts(self, row: ClientRow) -> Client:
        return client_of(row, await contacts_of(self._uow, [row.client_id]))

    async def _write_contacts(self, client: Client) -> None:
        kept = [contact.contact_id for contact in client.contacts]
        await self._session.execute(
            delete(ContactRow).where(ContactRow.client_id == client.client_id, ContactRow.contact_id.not_in(kept))
        )
        await _upsert(self._uow, contact_rows(client, self._tenant_id))


class Sites(Rows[SiteRow]):
    row_type, key, noun = SiteRow, "site_id", "site"

    async def get(self, wanted: UUID) -> Site:
        return await self._with_environments(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Site:
        return await self._with_environments(await self._row(wanted, lock=True))

    async def add(self, item: Site) -> None:
        await self._insert(SiteRow(tenant_id=self._tenant_id, **item.model_dump(exclude={"environments"})), "")
        await self._write_environments(item)

    async def save(self, item: Site) -> None:
        await self._update(item.site_id, item.model_dump(exclude={"environments"}))
        await self._write_environments(item)

    async def of_client(self, client_id: UUID) -> Sequence[Site]:
        rows = list(await self._session.scalars(select(SiteRow).where(SiteRow.client_id == client_id)))
        environments = await environments_of(self._uow, [row.site_id for row in rows])
        return [site_of(row, [item for item in environments if item.site_id == row.site_id]) for row in rows]

    async def _with_environments(self, row: SiteRow) -> Site:
        return site_of(row, await environments_of(self._uow, [row.site_id]))

    async def _write_environments(self, site: Site) -> None:
        kept = [environment.environment_id for environment in site.environments]
        await self._session.execute(
            delete(EnvironmentRow).where(
                EnvironmentRow.site_id == site.site_id, EnvironmentRow.environment_id.not_in(kept)
            )
        )
        await _upsert(self._uow, environment_rows(site, self._tenant_id))


class MaintenanceWindows(Rows[MaintenanceWindowRow]):
    row_type, key, noun = MaintenanceWindowRow, "window_id", "maintenance window"

    async def get(self, wanted: UUID) -> MaintenanceWindow:
        return window_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> MaintenanceWindow:
        return window_of(await self._row(wanted, lock=True))

    async def add(self, item: MaintenanceWindow) -> None:
        await self._insert(MaintenanceWindowRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: MaintenanceWindow) -> None:
        await self._update(item.window_id, self._values(item))

    @staticmethod
    def _values(item: MaintenanceWindow) -> dict[str, Any]:
        occurrences = item.model_dump(mode="json", include={"occurrences"})
        last = max((occurrence.ends_at for occurrence in item.occurrences), default=item.created_at)
        return {**item.model_dump(exclude={"occurrences"}), **occurrences, "ends_at": last}


class Calendars(Rows[CalendarRow]):
    row_type, key, noun = CalendarRow, "calendar_id", "calendar"

    async def get(self, wanted: UUID) -> Calendar:
        return calendar_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Calendar:
        return calendar_of(await self._row(wanted, lock=True))

    async def by_name(self, name: str) -> Calendar | None:
        row = await self._session.scalar(select(CalendarRow).where(CalendarRow.name == name))
        return None if row is None else calendar_of(row)

    async def add(self, item: Calendar) -> None:
        taken = f"There is a calendar {item.name} already."
        await self._insert(CalendarRow(tenant_id=self._tenant_id, **self._values(item)), taken)

    async def save(self, item: Calendar) -> None:
        await self._update(item.calendar_id, self._values(item))

    @staticmethod
    def _values(item: Calendar) -> dict[str, Any]:
        content = item.model_dump(mode="json", by_alias=True, include={"title", "versions"})
        return {**item.model_dump(exclude={"title", "versions"}), **content}


class Plans(Rows[PlanRow]):
    row_type, key, noun = PlanRow, "plan_id", "plan"

    async def get(self, wanted: UUID) -> Plan:
        return await self._with_version(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Plan:
        return await self._with_version(await self._row(wanted, lock=True))

    async def by_code(self, code: str) -> Plan | None:
        row = await self._session.scalar(select(PlanRow).where(PlanRow.code == code))
        return None if row is None else await self._with_version(row)

    async def version(self, plan_id: UUID, number: int) -> PlanVersion:
        return plan_version_of(await self._version_row(plan_id, number))

    async def add(self, item: Plan) -> None:
        taken = f"There is a plan {item.code} already. Add a version to it."
        await self._insert(
            PlanRow(
                tenant_id=self._tenant_id, current_number=item.current.number, **item.model_dump(exclude={"current"})
            ),
            taken,
        )

    async def save(self, item: Plan) -> None:
        await self._update(
            item.plan_id, {**item.model_dump(exclude={"current"}), "current_number": item.current.number}
        )

    async def add_version(self, version: PlanVersion) -> None:
        await self._insert(
            PlanVersionRow(
                plan_id=version.plan_id,
                number=version.number,
                tenant_id=self._tenant_id,
                content=version.model_dump(mode="json", by_alias=True),
                created_at=version.created_at,
            ),
            "",
        )

    async def _with_version(self, row: PlanRow) -> Plan:
        return plan_of(row, await self._version_row(row.plan_id, row.current_number))

    async def _version_row(self, plan_id: UUID, number: int) -> PlanVersionRow:
        row = await self._session.scalar(
            select(PlanVersionRow).where(PlanVersionRow.plan_id == plan_id, PlanVersionRow.number == number)
        )
        if row is None:
            raise Unknown("version of this plan", str(number))
        return row


class Contracts(Rows[ContractRow]):
    row_type, key, noun = ContractRow, "contract_id", "contract"

    async def get(self, wanted: UUID) -> Contract:
        return contract_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Contract:
        return contract_of(await self._row(wanted, lock=True))

    async def add(self, item: Contract) -> None:
        await self._insert(ContractRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: Contract) -> None:
        await self._update(item.contract_id, self._values(item))

    async def next_number(self, year: int) -> int:
        statement = (
            insert(ContractNumberRow)
            .values(tenant_id=self._tenant_id, year=year, last=1)
            .on_conflict_do_update(index_elements=["tenant_id", "year"], set_={"last": ContractNumberRow.last + 1})
            .returning(ContractNumberRow.last)
        )
        return (await self._session.execute(statement)).scalar_one()

    async def add_document(self, document: Document) -> None:
        await self._insert(ContractDocumentRow(tenant_id=self._tenant_id, **document.model_dump()), "")

    async def next_document_number(self, contract: Contract) -> int:
        last = await self._session.scalar(
            select(func.max(ContractDocumentRow.number)).where(ContractDocumentRow.contract_id == contract.contract_id)
        )
        return (last or 0) + 1

    async def document(self, contract_id: UUID, number: int) -> Document:
        return await document_of_contract(self._uow, contract_id, number)

    async def signed_document(self, contract_id: UUID, document_hash: str) -> Document:
        row = await self._session.scalar(
            select(ContractDocumentRow)
            .where(ContractDocumentRow.contract_id == contract_id, ContractDocumentRow.hash == document_hash)
            .limit(1)
        )
        if row is None:
            raise Unknown("signed version of contract", contract_id)
        return document_of(row)

    async def states(self, contract_id: UUID, before: datetime) -> Sequence[ContractState]:
        rows = await self._session.scalars(
            select(ContractStateRow)
            .where(ContractStateRow.contract_id == contract_id, ContractStateRow.effective_from < before)
            .order_by(ContractStateRow.effective_from, ContractStateRow.version)
        )
        return [state_of(row) for row in rows]

    async def newest_state(self, contract_id: UUID) -> int | None:
        newest: int | None = await self._session.scalar(
            select(func.max(ContractStateRow.version)).where(ContractStateRow.contract_id == contract_id)
        )
        return newest

    async def add_state(self, state: ContractState) -> None:
        await self._insert(
            ContractStateRow(
                tenant_id=self._tenant_id,
                recorded_by=self._uow.actor.name,
                recorded_at=self._uow.now,
                **state.model_dump(),
            ),
            "",
        )

    async def claim_status_page(self, slug: str, contract: Contract) -> bool:
        await self._session.execute(
            insert(StatusPageAddressRow)
            .values(
                slug=slug,
                tenant_id=self._tenant_id,
                client_id=contract.client_id,
                contract_id=contract.contract_id,
            )
            .on_conflict_do_nothing()
        )
        # Locked, so that it is not given back meanwhile. What another agency has nobody can read here.
        owner = await self._session.scalar(
            select(StatusPageAddressRow.client_id).where(StatusPageAddressRow.slug == slug).with_for_update()
        )
        return owner == contract.client_id

    async def release_status_pages(self, contract: Contract, *, keep: Collection[str]) -> None:
        address = StatusPageAddressRow
        # All of the client's are locked: of two contracts that end at once, none leaves an address to the other.
        every = select(address.slug, address.contract_id).where(address.client_id == contract.client_id)
        for slug, holder in await self._session.execute(every.order_by(address.slug).with_for_update()):
            if holder != contract.contract_id or slug in keep:
                continue
            heir = await self._session.scalar(_showing(slug, contract))
            if heir is None:
                await self._session.execute(delete(address).where(address.slug == slug))
            else:
                await self._session.execute(update(address).where(address.slug == slug).values(contract_id=heir))

    @staticmethod
    def _values(item: Contract) -> dict[str, Any]:
        content = item.model_dump(
            mode="json", by_alias=True, include={"plan", "terms", "deliverables", "document", "signatures", "amendment"}
        )
        plain = item.model_dump(exclude={*content, "allowed_steps"})
        return {
            **plain,
            **content,
            "status": item.status.value,
            "plan_id": item.plan.plan_id,
            "plan_number": item.plan.number,
        }


def _showing(slug: str, contract: Contract) -> Select[UUID]:
    """Another contract of the same client that shows this page, or will once it is signed or its amendment holds."""
    row, scheduled = ContractRow, ScheduledAmendmentRow

    def named_in(terms: Any) -> ColumnElement[bool]:
        of_everything: ColumnElement[bool] = terms["status_page"]["slug"].astext == slug
        of_a_site: ColumnElement[bool] = terms["site_pages"].contains([{"slug": slug}])
        return of_everything | of_a_site

    to_come = select(scheduled.contract_id).where(
        scheduled.client_id == contract.client_id,
        scheduled.status == "scheduled",
        named_in(scheduled.amendment["terms"]),
    )
    return (
        select(row.contract_id)
        .where(
            row.client_id == contract.client_id,
            row.contract_id != contract.contract_id,
            row.status.in_(SHOWING),
            named_in(row.terms) | named_in(row.amendment["terms"]) | row.contract_id.in_(to_come),
        )
        .order_by(row.created_at, row.contract_id)
        .limit(1)
    )


async def document_of_contract(uow: UnitOfWork, contract_id: UUID, number: int | None) -> Document:
    """A proposed version of a contract: this one, or the newest. Raises Unknown."""
    query = select(ContractDocumentRow).where(ContractDocumentRow.contract_id == contract_id)
    if number is not None:
        query = query.where(ContractDocumentRow.number == number)
    row = await uow.session.scalar(query.order_by(ContractDocumentRow.number.desc()).limit(1))
    if row is None:
        raise Unknown("proposed version of contract", contract_id)
    return document_of(row)


async def contacts_of(uow: UnitOfWork, client_ids: Sequence[UUID]) -> list[ContactRow]:
    """The contacts of clients, in their order."""
    rows = await uow.session.scalars(
        select(ContactRow)
        .where(ContactRow.client_id.in_(client_ids))
        .order_by(ContactRow.position, ContactRow.contact_id)
        .execution_options(populate_existing=True)
    )
    return list(rows)


async def environments_of(uow: UnitOfWork, site_ids: Sequence[UUID]) -> list[EnvironmentRow]:
    """The environments of sites, in their order."""
    rows = await uow.session.scalars(
        select(EnvironmentRow)
        .where(EnvironmentRow.site_id.in_(site_ids))
        .order_by(EnvironmentRow.position, EnvironmentRow.environment_id)
        .execution_options(populate_existing=True)
    )
    return list(rows)


async def _upsert(uow: UnitOfWork, rows: Sequence[Base]) -> None:
    for row in rows:
        await uow.session.merge(row)
    await uow.session.flush()
