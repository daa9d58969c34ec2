"""Continuity: how much may be lost and how soon it is back, and how the client gets away again (reversibility)."""

from datetime import timedelta
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.application.commitments import seconds_of
from contracts.application.service_desk import Days
from contracts.application.values import Code, Duration, Reason, Request, Texts
from contracts.domain import continuity as rules
from shared.values import Instant


class ContinuityObjective(Request):
    """For one site, or for all that have none of their own: RPO, RTO, and how often a backup is made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"rpo": "PT24H", "rto": "PT8H", "backup_every": "PT12H"}]},
    )

    site_id: UUID | None = Field(default=None, description="Null: every site without an objective of its own.")
    rpo: Duration = Field(description="How much of the newest data may be lost.", examples=["PT24H"])
    rto: Duration = Field(description="How soon the service is back.", examples=["PT8H"])
    backup_every: Duration | None = Field(default=None, examples=["PT12H"])

    @model_validator(mode="after")
    def _backups_can_keep_the_objective(self) -> Self:
        if seconds_of(self.rpo) == 0 or seconds_of(self.rto) == 0:
            raise ValueError("an objective of no time at all cannot be proved: give rpo and rto a length")
        if self.backup_every is not None and seconds_of(self.backup_every) > seconds_of(self.rpo):
            raise ValueError("backups are rarer than the RPO allows: more than it would be lost")
        return self


class ReversibilityItem(Request):
    """One thing that is handed over at the end."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "data_export",
                    "name": {"fr": "Export des données", "en": "Export of the data"},
                    "responsible": "agency",
                    "days_after_end": 30,
                }
            ]
        },
    )

    code: Code
    name: Texts
    responsible: Literal["agency", "client"] | None = Field(default=None, description="Who does it; null: nobody yet.")
    days_after_end: Days | None = Field(default=None, description="By when, after the end; null: not agreed yet.")


class NewBackupProof(Request):
    """What shows that there is a backup: when the data were saved, and how long a restore took, if one was tried."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "saved_at": "2026-06-08T02:00:00Z",
                    "restore_took": "PT1H30M",
                    "evidence": "Job 4711, compared row counts",
                }
            ]
        },
    )

    site_id: UUID | None = Field(default=None, description="A site under the contract; null: all of them.")
    saved_at: Instant = Field(description="State of the data in the backup; not in the future.")
    restore_took: Duration | None = Field(default=None, description="Null: nobody tried to restore it.")
    evidence: Reason


class BackupProof(NewBackupProof):
    """Proof of a backup, as recorded."""

    model_config = ConfigDict(extra="ignore")

    backup_proof_id: UUID
    contract_id: UUID
    client_id: UUID
    recorded_by: str
    recorded_at: Instant


class ObjectiveStanding(BaseModel):
    """An objective against the newest proof."""

    site_id: UUID
    rpo: str
    rto: str
    saved_at: Instant | None = Field(description="Of the newest backup that was proved; null: none.")
    restore_took: str | None = Field(description="How long the newest restore that was tried took; null: none.")
    rpo_standing: rules.Standing
    rto_standing: rules.Standing


class ContinuityStanding(BaseModel):
    """Where a contract stands on continuity at an instant."""

    as_of: Instant
    data: list[ObjectiveStanding] = Field(max_length=100)


def length_of(duration: str) -> timedelta:
    """A duration of the contract as a length of time."""
    return timedelta(seconds=seconds_of(duration))
