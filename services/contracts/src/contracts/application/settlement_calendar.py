"""By which periods a contract is settled: fixed by the document under which it came in force first."""

import json
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from contracts.application.errors import NotNow
from contracts.application.ports import Workspace
from contracts.domain.agreement import local_date
from contracts.domain.billing_periods import Anchor, BillingPeriod, billing_periods, instants_of

MOST_PERIODS = 12 * 60
"""More months than any contract runs: nobody looks for a period beyond."""


class Calendar(BaseModel):
    """By what the periods of a contract are counted; it is as it was when the contract began."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    starts_on: date
    zone: ZoneInfo
    anchor: Anchor

    def period(self, number: int) -> BillingPeriod:
        """The period with this number, 0 for the first."""
        return next(islice(billing_periods(self.starts_on, None, self.anchor), number, None))

    def number_on(self, day: date) -> int | None:
        """Which period a day lies in; None before the first, and beyond what anybody asks for."""
        for period in islice(billing_periods(self.starts_on, None, self.anchor), MOST_PERIODS):
            if day < period.whole.end:
                return period.number if day >= period.whole.first else None
        return None

    def ends_at(self, number: int) -> datetime:
        """The instant at which a period is over."""
        return instants_of(self.period(number).whole, self.zone).end

    def begins_at(self, at: datetime) -> bool:
        """Whether a period begins at this instant."""
        number = self.number_on(local_date(at, str(self.zone)))
        return number is not None and instants_of(self.period(number).whole, self.zone).start == at


async def calendar_of_contract(work: Workspace, contract_id: UUID) -> Calendar:
    """The calendar of a contract. Raises NotNow for one that never was in force."""
    states = await work.contracts.states(contract_id, work.now + timedelta(microseconds=1))
    if not states:
        raise NotNow("The contract was never in force: there is nothing to settle.")
    signed = await work.contracts.signed_document(contract_id, str(states[0].state["signature"]["version_hash"]))
    document = json.loads(signed.text)
    settlement = document.get("settlement") or {}
    return Calendar(
        starts_on=date.fromisoformat(document["starts_on"]),
        zone=ZoneInfo(document["client"]["time_zone"]),
        anchor=settlement.get("periods", "calendar_month"),
    )
