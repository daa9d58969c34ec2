"""Sector presets: what the contracts of a kind of client usually ask for, as data of the agency."""

import json
from importlib import resources
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from contracts.application.catalogue import Installed, SupportLevel
from contracts.application.contracts import Contract, change_terms
from contracts.application.errors import NotNow, Unknown
from contracts.application.hours_terms import ContractHours
from contracts.application.ports import Workspace
from contracts.application.sectors import Sector
from contracts.application.values import Code, Request, Texts
from contracts.application.wording import Paragraphs
from contracts.domain import entitlements
from contracts.domain.entitlements import HOURS
from shared.values import Instant

_EXAMPLE: dict[str, JsonValue] = {
    "title": {"fr": "Hôtels et tourisme", "en": "Hotels and tourism"},
    "description": {"fr": "Pics de saison.", "en": "Peaks of the season."},
    "minimum_level": None,
    "sector": {
        "critical_periods": [
            {
                "code": "summer",
                "name": {"fr": "Haute saison", "en": "High season"},
                "from": "07-01",
                "to": "08-31",
                "page_interval_seconds": 60,
            }
        ],
        "watched_pages": {"pages": [{"name": "Offers", "path": "/offers"}], "profile": "mobile", "budget_ms": 3000},
    },
}


class SectorPresetContent(Request):
    """What a preset says. Contracts that were filled from it keep what they have."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    title: Texts
    description: Paragraphs
    minimum_level: SupportLevel | None = Field(
        default=None, description="Which level of support its contracts are of at least; null: any plan will do."
    )
    sector: Sector = Field(description="What the block `sector` of a contract is filled with.")


class NewSectorPreset(SectorPresetContent):
    """A preset to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "spas", **_EXAMPLE}]})

    name: Code = Field(examples=["spas"])


class SectorPreset(SectorPresetContent):
    """A preset, as stored."""

    model_config = ConfigDict(extra="ignore")

    sector_preset_id: UUID
    version: int = Field(ge=1)
    name: Code
    created_at: Instant
    updated_at: Instant


async def create_preset(work: Workspace, new: NewSectorPreset) -> SectorPreset:
    """A new preset. Raises Taken for its name."""
    preset = SectorPreset(
        **dict(new),
        sector_preset_id=work.new_id(),
        version=1,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.sectors.presets.add(preset)
    return preset


async def change_preset(work: Workspace, preset: SectorPreset, content: SectorPresetContent) -> SectorPreset:
    """The locked preset with another content."""
    changed = preset.model_copy(update={**dict(content), "version": preset.version + 1, "updated_at": work.now})
    await work.sectors.presets.save(changed)
    return changed


async def preset_named(work: Workspace, name: str) -> SectorPreset:
    """The preset with this name. Raises Unknown."""
    preset = await work.sectors.presets.by_name(name)
    if preset is None:
        raise Unknown("sector preset", name)
    return preset


async def apply_preset(work: Workspace, contract: Contract, name: str) -> Contract:
    """The locked draft with the block of a preset in the place of its own.

    Raises Unknown, NotNow for a plan below the preset's level, IllegalStep when it is no draft, and Refused when the
    contract cannot keep what the preset says.
    """
    preset = await preset_named(work, name)
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    if preset.minimum_level is not None and (plan.support_level or 0) < preset.minimum_level:
        raise NotNow(
            f"The preset {name} is for contracts of support level {preset.minimum_level} and above, and {plan.code} is"
            " none. Draft the contract from another plan."
        )
    sector = preset.sector.model_copy(update={"preset": preset.name, "preset_version": preset.version})
    filled: dict[str, object] = {"sector": sector}
    if sector.budget is not None and (
        contract.terms.hours is not None or entitlements.promises(plan.promised(), HOURS)
    ):
        # The cap that bills are made by; what else was agreed of the hours stays.
        own = contract.terms.hours or ContractHours()
        filled["hours"] = own.model_copy(update={"overage_cap_minutes": sector.budget.overage_minutes_per_month})
    return await change_terms(work, contract, contract.terms.model_copy(update=filled))


async def install_presets(work: Workspace) -> Installed:
    """The presets that Upheld ships, as the agency's own data. What the agency has under these names stays."""
    created: list[str] = []
    kept: list[str] = []
    for preset in _shipped():
        new = NewSectorPreset.model_validate(preset)
        label = f"sector preset {new.name}"
        if await work.sectors.presets.by_name(new.name):
            kept.append(label)
        else:
            await create_preset(work, new)
            created.append(label)
    return Installed(created=created, kept=kept)


def _shipped() -> list[dict[str, Any]]:
    text = resources.files("contracts.application").joinpath("fixtures", "sector_presets.json").read_text("utf-8")
    presets: list[dict[str, Any]] = json.loads(text)
    return presets
