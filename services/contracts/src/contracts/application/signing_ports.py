"""What the use cases before signing need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.assessments import Assessment
    from contracts.application.continuity import BackupProof
    from contracts.application.controlled_documents import ControlledDocument
    from contracts.application.engagements import Engagement
    from contracts.application.intake_audits import IntakeAudit
    from contracts.application.parties import Party
    from contracts.application.prerequisites import PrerequisiteRecord


class Assessments(Protocol):
    """Questionnaires; they are never changed."""

    async def add(self, item: Assessment) -> None: ...

    async def get(self, wanted: UUID) -> Assessment:
        """Raises Unknown."""

    async def of_client(self, client_id: UUID) -> Sequence[Assessment]:
        """Those of a client, the newest first; at most the hundred newest."""


class Engagements(Protocol):
    """Engagements with their phases."""

    async def get(self, wanted: UUID) -> Engagement:
        """Raises Unknown."""

    async def locked(self, wanted: UUID) -> Engagement:
        """Under a row lock until the transaction ends. Raises Unknown."""

    async def add(self, item: Engagement) -> None: ...

    async def save(self, item: Engagement) -> None: ...

    async def of_client(self, client_id: UUID) -> Sequence[Engagement]:
        """Every engagement of a client, the oldest first."""


class Audits(Protocol):
    """Intake audits, one a site."""

    async def of_sites(self, site_ids: Sequence[UUID]) -> Sequence[IntakeAudit]:
        """Those of these sites that somebody has begun."""

    async def put(self, audit: IntakeAudit) -> None:
        """Writes the audit of a site that is locked."""


class ControlledDocuments(Protocol):
    """Documents under control."""

    async def get(self, wanted: UUID) -> ControlledDocument:
        """Raises Unknown."""

    async def locked(self, wanted: UUID) -> ControlledDocument:
        """Under a row lock until the transaction ends. Raises Unknown."""

    async def by_code(self, code: str) -> ControlledDocument | None: ...

    async def add(self, item: ControlledDocument) -> None:
        """Raises Taken for its code."""

    async def save(self, item: ControlledDocument) -> None: ...


class Parties(Protocol):
    """Data of the parties in law; None is the agency itself."""

    async def of(self, client_id: UUID | None) -> Party | None: ...

    async def put(self, client_id: UUID | None, party: Party) -> None:
        """Writes the data of a client or tenant that is locked."""


class PrerequisiteRecords(Protocol):
    """What is known of prerequisites by now."""

    async def of_contract(self, contract_id: UUID) -> Sequence[PrerequisiteRecord]: ...

    async def put(self, record: PrerequisiteRecord) -> None:
        """Writes what is known of a prerequisite; its contract is locked."""


class BackupProofs(Protocol):
    """Proofs of backups; they are never changed."""

    async def add(self, proof: BackupProof) -> None: ...

    async def newest_saved(self, contract_id: UUID, site_id: UUID) -> BackupProof | None:
        """The proof with the newest data, of this site or of all sites of the contract."""

    async def newest_restored(self, contract_id: UUID, site_id: UUID) -> BackupProof | None:
        """The newest of those that somebody tried to restore."""


@dataclass(frozen=True)
class SigningStores:
    """Where what comes before and beside a contract is kept."""

    assessments: Assessments
    engagements: Engagements
    audits: Audits
    documents: ControlledDocuments
    parties: Parties
    prerequisites: PrerequisiteRecords
    backup_proofs: BackupProofs
