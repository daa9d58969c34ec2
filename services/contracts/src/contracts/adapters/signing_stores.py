"""What comes before and beside a contract, over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from contracts.adapters.rows import columns
from contracts.adapters.signing_tables import (
    AssessmentRow,
    BackupProofRow,
    ControlledDocumentRow,
    EngagementRow,
    IntakeAuditRow,
    PartyRow,
    PrerequisiteRow,
)
from contracts.adapters.stores import Rows
from contracts.application.assessments import Assessment
from contracts.application.continuity import BackupProof
from contracts.application.controlled_documents import ControlledDocument
from contracts.application.engagements import Engagement
from contracts.application.intake_audits import IntakeAudit
from contracts.application.parties import Party
from contracts.application.prerequisites import PrerequisiteRecord
from contracts.application.signing_ports import SigningStores
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork

MOST_ASSESSMENTS = 100


def assessment_of(row: AssessmentRow) -> Assessment:
    return Assessment.model_validate(row.content)


def engagement_of(row: EngagementRow) -> Engagement:
    return Engagement.model_validate(row.content)


def document_of(row: ControlledDocumentRow) -> ControlledDocument:
    return ControlledDocument.model_validate(columns(row))


def proof_of(row: BackupProofRow) -> BackupProof:
    return BackupProof.model_validate(columns(row))


class Assessments(Rows[AssessmentRow]):
    row_type, key, noun = AssessmentRow, "assessment_id", "assessment"

    async def add(self, item: Assessment) -> None:
        row = AssessmentRow(
            assessment_id=item.assessment_id,
            tenant_id=self._tenant_id,
            client_id=item.client_id,
            content=item.model_dump(mode="json"),
            assessed_at=item.assessed_at,
        )
        await self._insert(row, "")

    async def get(self, wanted: UUID) -> Assessment:
        return assessment_of(await self._row(wanted, lock=False))

    async def of_client(self, client_id: UUID) -> Sequence[Assessment]:
        rows = await self._session.scalars(
            select(AssessmentRow)
            .where(AssessmentRow.client_id == client_id)
            .order_by(AssessmentRow.assessed_at.desc(), AssessmentRow.assessment_id.desc())
            .limit(MOST_ASSESSMENTS)
        )
        return [assessment_of(row) for row in rows]


class Engagements(Rows[EngagementRow]):
    row_type, key, noun = EngagementRow, "engagement_id", "engagement"

    async def get(self, wanted: UUID) -> Engagement:
        return engagement_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Engagement:
        return engagement_of(await self._row(wanted, lock=True))

    async def add(self, item: Engagement) -> None:
        await self._insert(EngagementRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: Engagement) -> None:
        await self._update(item.engagement_id, self._values(item))

    async def of_client(self, client_id: UUID) -> Sequence[Engagement]:
        rows = await self._session.scalars(
            select(EngagementRow)
            .where(EngagementRow.client_id == client_id)
            .order_by(EngagementRow.created_at, EngagementRow.engagement_id)
        )
        return [engagement_of(row) for row in rows]

    @staticmethod
    def _values(item: Engagement) -> dict[str, Any]:
        plain = item.model_dump(include={"engagement_id", "client_id", "version", "created_at", "updated_at"})
        return {**plain, "content": item.model_dump(mode="json")}


class Audits(Rows[IntakeAuditRow]):
    row_type, key, noun = IntakeAuditRow, "site_id", "intake audit"

    async def of_sites(self, site_ids: Sequence[UUID]) -> Sequence[IntakeAudit]:
        rows = await self._session.scalars(
            select(IntakeAuditRow).where(IntakeAuditRow.site_id.in_(site_ids)).execution_options(populate_existing=True)
        )
        return [IntakeAudit.model_validate(row.content) for row in rows]

    async def put(self, audit: IntakeAudit) -> None:
        await self._session.merge(
            IntakeAuditRow(
                site_id=audit.site_id,
                tenant_id=self._tenant_id,
                client_id=audit.client_id,
                version=audit.version,
                content=audit.model_dump(mode="json"),
            )
        )
        await self._session.flush()


class ControlledDocuments(Rows[ControlledDocumentRow]):
    row_type, key, noun = ControlledDocumentRow, "controlled_document_id", "controlled document"

    async def get(self, wanted: UUID) -> ControlledDocument:
        return document_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> ControlledDocument:
        return document_of(await self._row(wanted, lock=True))

    async def by_code(self, code: str) -> ControlledDocument | None:
        row = await self._session.scalar(select(ControlledDocumentRow).where(ControlledDocumentRow.code == code))
        return None if row is None else document_of(row)

    async def add(self, item: ControlledDocument) -> None:
        taken = f"There is a document {item.code} under control already. Add a version to it."
        await self._insert(ControlledDocumentRow(tenant_id=self._tenant_id, **self._values(item)), taken)

    async def save(self, item: ControlledDocument) -> None:
        await self._update(item.controlled_document_id, self._values(item))

    @staticmethod
    def _values(item: ControlledDocument) -> dict[str, Any]:
        content = item.model_dump(mode="json", include={"title", "versions"})
        return {**item.model_dump(exclude={"title", "versions"}), **content}


class Parties(Rows[PartyRow]):
    row_type, key, noun = PartyRow, "party_id", "party"

    async def of(self, client_id: UUID | None) -> Party | None:
        row = await self._session.get(PartyRow, client_id or self._tenant_id, populate_existing=True)
        return None if row is None else Party.model_validate(row.content)

    async def put(self, client_id: UUID | None, party: Party) -> None:
        await self._session.merge(
            PartyRow(
                party_id=client_id or self._tenant_id,
                tenant_id=self._tenant_id,
                client_id=client_id,
                version=party.version,
                content=party.model_dump(mode="json"),
            )
        )
        await self._session.flush()


class PrerequisiteRecords(Rows[PrerequisiteRow]):
    row_type, key, noun = PrerequisiteRow, "code", "prerequisite"

    async def of_contract(self, contract_id: UUID) -> Sequence[PrerequisiteRecord]:
        rows = await self._session.scalars(
            select(PrerequisiteRow)
            .where(PrerequisiteRow.contract_id == contract_id)
            .order_by(PrerequisiteRow.code)
            .execution_options(populate_existing=True)
        )
        return [PrerequisiteRecord.model_validate(columns(row)) for row in rows]

    async def put(self, record: PrerequisiteRecord) -> None:
        await self._session.merge(PrerequisiteRow(tenant_id=self._tenant_id, **record.model_dump()))
        await self._session.flush()


class BackupProofs(Rows[BackupProofRow]):
    row_type, key, noun = BackupProofRow, "backup_proof_id", "proof of a backup"

    async def add(self, proof: BackupProof) -> None:
        await self._insert(BackupProofRow(tenant_id=self._tenant_id, **proof.model_dump()), "")

    async def newest_saved(self, contract_id: UUID, site_id: UUID) -> BackupProof | None:
        return await self._newest(contract_id, site_id)

    async def newest_restored(self, contract_id: UUID, site_id: UUID) -> BackupProof | None:
        return await self._newest(contract_id, site_id, BackupProofRow.restore_took.is_not(None))

    async def _newest(self, contract_id: UUID, site_id: UUID, *conditions: ColumnElement[bool]) -> BackupProof | None:
        row = await self._session.scalar(
            select(BackupProofRow)
            .where(
                BackupProofRow.contract_id == contract_id,
                or_(BackupProofRow.site_id == site_id, BackupProofRow.site_id.is_(None)),
                *conditions,
            )
            .order_by(BackupProofRow.saved_at.desc(), BackupProofRow.backup_proof_id.desc())
            .limit(1)
        )
        return None if row is None else proof_of(row)


def signing_stores(uow: UnitOfWork) -> SigningStores:
    """The stores over one unit of work of a tenant."""
    return SigningStores(
        assessments=Assessments(uow),
        engagements=Engagements(uow),
        audits=Audits(uow),
        documents=ControlledDocuments(uow),
        parties=Parties(uow),
        prerequisites=PrerequisiteRecords(uow),
        backup_proofs=BackupProofs(uow),
    )


# --- lists -----------------------------------------------------------------------------------------------------------


async def list_assessments(uow: UnitOfWork, params: Paging, client_id: UUID | None) -> Page[Assessment]:
    """Assessments of one client or of all, the newest first."""
    query = select(AssessmentRow)
    if client_id is not None:
        query = query.where(AssessmentRow.client_id == client_id)
    return await paginate(
        uow.session,
        query,
        columns=(AssessmentRow.assessed_at, AssessmentRow.assessment_id),
        params=params,
        to_item=assessment_of,
        descending=True,
    )


async def list_engagements(uow: UnitOfWork, params: Paging, client_id: UUID | None) -> Page[Engagement]:
    """Engagements of one client or of all, in the order in which they were planned."""
    query = select(EngagementRow)
    if client_id is not None:
        query = query.where(EngagementRow.client_id == client_id)
    return await paginate(
        uow.session,
        query,
        columns=(EngagementRow.created_at, EngagementRow.engagement_id),
        params=params,
        to_item=engagement_of,
    )


async def list_documents(uow: UnitOfWork, params: Paging, kind: str | None) -> Page[ControlledDocument]:
    """Documents under control of one kind or of all, in the order in which they were put there."""
    query = select(ControlledDocumentRow)
    if kind is not None:
        query = query.where(ControlledDocumentRow.kind == kind)
    return await paginate(
        uow.session,
        query,
        columns=(ControlledDocumentRow.created_at, ControlledDocumentRow.controlled_document_id),
        params=params,
        to_item=document_of,
    )


async def list_backup_proofs(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[BackupProof]:
    """Proofs of backups of a contract, those with the newest data first."""
    return await paginate(
        uow.session,
        select(BackupProofRow).where(BackupProofRow.contract_id == contract_id),
        columns=(BackupProofRow.saved_at, BackupProofRow.backup_proof_id),
        params=params,
        to_item=proof_of,
        descending=True,
    )
