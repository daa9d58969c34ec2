"""Proofs of deliveries over PostgreSQL: rows that are only ever added."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from contracts.adapters.proof_tables import DeliveryProofRow
from contracts.adapters.rows import columns, state_of
from contracts.adapters.signing_stores import proof_of
from contracts.adapters.signing_tables import BackupProofRow
from contracts.adapters.stores import Rows
from contracts.adapters.tables import ContractStateRow
from contracts.application.continuity import BackupProof
from contracts.application.contracts import ContractState
from contracts.application.delivery_proofs import DeliveryProof
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


def delivery_proof_of(row: DeliveryProofRow) -> DeliveryProof:
    return DeliveryProof.model_validate(columns(row))


class Proofs(Rows[DeliveryProofRow]):
    row_type, key, noun = DeliveryProofRow, "delivery_proof_id", "proof of a delivery"

    async def add(self, proof: DeliveryProof) -> None:
        evidence = proof.model_dump(mode="json", include={"evidence"})
        await self._insert(DeliveryProofRow(tenant_id=self._tenant_id, **{**proof.model_dump(), **evidence}), "")

    async def entered(self, contract_id: UUID, first: date, end: date) -> Sequence[DeliveryProof]:
        row = DeliveryProofRow
        rows = await self._session.scalars(
            select(row)
            .where(row.contract_id == contract_id, row.delivered_on >= first, row.delivered_on < end)
            .order_by(row.delivered_on, row.delivery_proof_id)
        )
        return [delivery_proof_of(each) for each in rows]

    async def backups(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[BackupProof]:
        row = BackupProofRow
        rows = await self._session.scalars(
            select(row)
            .where(row.contract_id == contract_id, row.restore_took.is_not(None))
            .where(row.recorded_at >= start, row.recorded_at < end)
            .order_by(row.recorded_at, row.backup_proof_id)
        )
        return [proof_of(each) for each in rows]

    async def states(self, contract_id: UUID, until: datetime) -> Sequence[ContractState]:
        row = ContractStateRow
        rows = await self._session.scalars(
            select(row).where(row.contract_id == contract_id, row.effective_from < until).order_by(row.version)
        )
        return [state_of(each) for each in rows]


async def list_delivery_proofs(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[DeliveryProof]:
    """Proofs that were entered for a contract, the newest deliveries first."""
    return await paginate(
        uow.session,
        select(DeliveryProofRow).where(DeliveryProofRow.contract_id == contract_id),
        columns=(DeliveryProofRow.delivered_on, DeliveryProofRow.delivery_proof_id),
        params=params,
        to_item=delivery_proof_of,
        descending=True,
    )
