"""What the worker role of contracts does besides publishing and consuming events: it works off what is due."""

from collections.abc import Sequence
from typing import cast

from contracts.adapters.key_chest import chest_of
from contracts.adapters.life_tables import LifeRow
from contracts.adapters.settlement_tables import SettlementScheduleRow
from contracts.jobs.contract_life import DueContracts
from contracts.jobs.hours import review_years, watch_growth
from contracts.jobs.key_rotation import rotate_signing_keys
from contracts.jobs.registers import OLDEST_OF_REGISTERS, DueRegisters
from contracts.jobs.settlements import DueSettlements
from contracts.settings import ContractsSettings
from shared.worker import Job, Runtime, oldest


def jobs(runtime: Runtime) -> Sequence[Job]:
    """The loops over due rows."""
    settings = cast(ContractsSettings, runtime.settings)
    chest = chest_of(settings)
    return (
        Job("contract_life", DueContracts(runtime.units).run, due=[oldest(LifeRow.due_at)]),
        Job("registers", DueRegisters(runtime.units).run, due=OLDEST_OF_REGISTERS),
        Job("settlements", DueSettlements(runtime.units).run, due=[oldest(SettlementScheduleRow.due_at)]),
        Job("hours_reviews", review_years(runtime.units)),
        Job("growth", watch_growth(runtime.units)),
        Job("key_rotation", rotate_signing_keys(runtime.units, chest, settings.signing_key_age)),
    )
