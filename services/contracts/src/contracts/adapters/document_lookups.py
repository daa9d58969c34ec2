"""What contract documents know by a name, and the transaction in which one is only tried."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import Text, and_, or_, select, text

from contracts.adapters.tables import ClientRow, ContractRow, TenantRow, UserRow
from shared.unit_of_work import UnitOfWork

MOST_NAMESAKES = 10


class Lookups:
    """Ids by name, of the tenant of a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._session = uow.session

    async def hold(self) -> None:
        await self._session.execute(
            text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"contracts documents {self._uow.tenant_id}"},
        )

    async def clients_named(self, name: str) -> Sequence[UUID]:
        found = await self._session.scalars(
            select(ClientRow.client_id).where(ClientRow.name == name).limit(MOST_NAMESAKES)
        )
        return list(found)

    async def contracts_keyed(self, client_id: UUID, key: str) -> Sequence[UUID]:
        own = ContractRow.terms["external_key"].astext.cast(Text)
        found = await self._session.scalars(
            select(ContractRow.contract_id)
            .where(
                ContractRow.client_id == client_id,
                or_(own == key, and_(own.is_(None), ContractRow.number == key)),
            )
            .limit(MOST_NAMESAKES)
        )
        return list(found)

    async def user_at(self, email: str) -> UUID | None:
        found: UUID | None = await self._session.scalar(
            select(UserRow.user_id).where(UserRow.email == email, UserRow.client_id.is_(None))
        )
        return found


@asynccontextmanager
async def rehearsal(uow: UnitOfWork) -> AsyncIterator[UnitOfWork]:
    """A unit of work whose writes are taken back when the block is left, and whose events nobody hears."""
    savepoint = await uow.session.begin_nested()
    try:
        yield UnitOfWork(
            session=uow.session,
            now=uow.now,
            tenant_id=uow.tenant_id,
            client_id=uow.client_id,
            actor=uow.actor,
            registry=uow.registry,
        )
    finally:
        await savepoint.rollback()


async def tenants_called(uow: UnitOfWork, name: str) -> Sequence[UUID]:
    """Ids of the tenants with this id or name; needs a unit of work for every tenant."""
    found = await uow.session.scalars(
        select(TenantRow.tenant_id)
        .where(or_(TenantRow.name == name, TenantRow.tenant_id.cast(Text) == name))
        .limit(MOST_NAMESAKES)
    )
    return list(found)
