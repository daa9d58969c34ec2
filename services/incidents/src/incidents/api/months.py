"""The month that a caller asks about, in the zone of a contract."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from incidents.adapters.repository import SqlContracts
from incidents.api.periods import REACH
from incidents.application.ports import ContractFacts
from incidents.domain.months import month_span
from shared.kernel.intervals import Interval
from shared.problems import FieldError, NotFound, ValidationFailed
from shared.service import Unit


async def contract_of(unit: Unit, contract_id: UUID) -> ContractFacts:
    """The newest version of a contract that the caller may see. Raises NotFound."""
    contract = await SqlContracts(unit).newest(contract_id)
    if contract is None:
        raise NotFound("There is no contract with this id.")
    return contract


def span_of(month: date, contract: ContractFacts, unit: Unit) -> Interval:
    """The month in the contract's zone. Raises ValidationFailed, 422, for one that is not within ten years of now."""
    if abs(month - unit.now.date()) > REACH:
        detail = "State a month within ten years of now."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="month")])
    return month_span(month, ZoneInfo(contract.time_zone))
