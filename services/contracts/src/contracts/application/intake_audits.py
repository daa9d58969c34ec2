"""The intake audit of a site: what the agency found out about a system before it answers for it."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from contracts.application.further_terms import shipped_blocks
from contracts.application.ports import Workspace
from contracts.application.values import Code, Reason, Request, Texts
from contracts.domain.intake_audit import Answer, completeness, percent_text
from shared.values import Instant


class AuditPoint(Request):
    """One point of the checklist. One that does not apply is settled."""

    code: Code = Field(examples=["backups"])
    name: Texts
    answer: Answer = "unknown"
    note: Reason | None = Field(default=None, description="What was found, or where it is written.")


class IntakeAuditFacts(Request):
    """What is known of a system. `designed_by_provider` null: nobody has said yet, which counts as an open point."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "designed_by_provider": False,
                    "points": [
                        {
                            "code": "backups",
                            "name": {"fr": "Sauvegardes et restaurations", "en": "Backups and restores"},
                            "answer": "known",
                            "note": "Every night, restored in May",
                        }
                    ],
                }
            ]
        },
    )

    designed_by_provider: StrictBool | None = None
    points: list[AuditPoint] = Field(max_length=100)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        codes = [point.code for point in self.points]
        if len(set(codes)) != len(codes):
            raise ValueError("has one point twice")
        return self


class IntakeAudit(IntakeAuditFacts):
    """The audit of a site, as it stands. Version 0: nobody has begun it."""

    model_config = ConfigDict(extra="ignore")

    site_id: UUID
    client_id: UUID
    version: int = Field(ge=0)
    completeness_percent: str = Field(description="Share of settled points, two decimals, truncated.")
    changed_by: str | None
    changed_at: Instant | None


COMPLETE = percent_text(completeness([]))
"""What the audit of a site reads of which nothing is open."""


def _percent(facts: IntakeAuditFacts) -> str:
    who_made_it: Answer = "unknown" if facts.designed_by_provider is None else "known"
    return percent_text(completeness([who_made_it, *(point.answer for point in facts.points)]))


async def audit_of(work: Workspace, site_id: UUID) -> IntakeAudit:
    """The audit of a site: as stored, or our checklist with nothing settled. Raises Unknown for the site."""
    site = await work.sites.get(site_id)
    for stored in await work.signing.audits.of_sites([site_id]):
        return stored
    facts = _untouched()
    return IntakeAudit(
        **facts.model_dump(),
        site_id=site_id,
        client_id=site.client_id,
        version=0,
        completeness_percent=_percent(facts),
        changed_by=None,
        changed_at=None,
    )


def _untouched() -> IntakeAuditFacts:
    return IntakeAuditFacts.model_validate({"points": shipped_blocks()["intake_audit"]})


async def completeness_of(work: Workspace, site_ids: Sequence[UUID]) -> list[str]:
    """How complete the audit of each of these sites is, in percent, in their order."""
    begun = {audit.site_id: audit.completeness_percent for audit in await work.signing.audits.of_sites(site_ids)}
    return [begun.get(site_id, _percent(_untouched())) for site_id in site_ids]


async def change_audit(work: Workspace, audit: IntakeAudit, facts: IntakeAuditFacts) -> IntakeAudit:
    """The audit of a locked site with other facts."""
    changed = IntakeAudit(
        **facts.model_dump(),
        site_id=audit.site_id,
        client_id=audit.client_id,
        version=audit.version + 1,
        completeness_percent=_percent(facts),
        changed_by=work.actor,
        changed_at=work.now,
    )
    await work.signing.audits.put(changed)
    return changed
