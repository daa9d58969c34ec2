"""What the worker role of contracts does besides publishing and consuming events: it works off what is due."""

from collections.abc import Sequence
from typing import cast

from contracts.adapters.key_chest import KeyChest
from contracts.jobs.contract_life import DueContracts
from contracts.jobs.hours import review_years, watch_growth
from contracts.jobs.key_rotation import rotate_signing_keys
from contracts.jobs.registers import DueRegisters
from contracts.jobs.settlements import DueSettlements
from contracts.settings import ContractsSettings
from shared.worker import Job, Runtime


def jobs(runtime: Runtime) -> Sequence[Job]:
    """The loops over due rows."""
    settings = cast(ContractsSettings, runtime.settings)
    chest = KeyChest(settings.secret_key)
    return (
        Job("contract_life", DueContracts(runtime.units).run),
        Job("registers", DueRegisters(runtime.units).run),
        Job("settlements", DueSettlements(runtime.units).run),
        Job("hours_reviews", review_years(runtime.units)),
        Job("growth", watch_growth(runtime.units)),
        Job("key_rotation", rotate_signing_keys(runtime.units, chest, settings.signing_key_age)),
    )
