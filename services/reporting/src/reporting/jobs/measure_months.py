"""Measures the months of contracts that are over, and tells what they came to.

Again when late facts, or decisions on outages, change a figure.

When to look is a column, so nothing is missed while no worker runs; a month is claimed with SKIP LOCKED, so that any
number of workers may look.
"""

from datetime import timedelta

import structlog

from reporting.adapters.facts import StoredFacts
from reporting.adapters.measured_months import DueMonth, claim, due_months, expect_month, set_aside
from reporting.adapters.report_editions import report_due
from reporting.application.measuring import lifetime
from reporting.application.period_measure import GRACE, measure_month
from reporting.application.reporting import zones_of
from reporting.domain.period import month_bounds, next_month
from reporting.published.uptime_v1 import UptimePeriodMeasured
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 100
IDLE_SECONDS = 30.0
SET_ASIDE = timedelta(minutes=5)
"""How long what cannot be measured waits for its next try, so that it does not keep the rest waiting."""

log = structlog.get_logger(__name__)


class MeasureMonths:
    """The job over months that are due."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """One batch; at once again while there is more."""
        async with self._units.for_every_tenant() as uow:
            due = await due_months(uow, BATCH)
        for each in due:
            try:
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await self._measure(uow, each)
            except Exception as error:
                if is_database_away(error):
                    raise  # says nothing about this month; the loop tries again
                log.exception("month_set_aside", contract_id=str(each.contract_id), month=str(each.month))
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await set_aside(uow, each, SET_ASIDE)
        return 0.0 if due else IDLE_SECONDS

    async def _measure(self, uow: UnitOfWork, due: DueMonth) -> None:
        row = await claim(uow, due)
        if row is None:
            return
        facts = StoredFacts(uow)
        versions = await facts.versions(due.contract_id)
        zones = zones_of(versions)
        bounds = month_bounds(due.month, zones)
        row.ends_at = bounds[1]
        if uow.now < bounds[1] + GRACE:
            row.due_at = bounds[1] + GRACE
            return
        row.due_at = None
        if lifetime(versions, *bounds) is not None:
            await report_due(uow, row.tenant_id, row.client_id, due.contract_id, due.month, bounds[1])
        transitions = await facts.transitions(due.contract_id, bounds[0], uow.now)
        decisions = await facts.decisions(due.contract_id, uow.now)
        measured = measure_month(versions, transitions, due.month, zones, bounds, uow.now, decisions)
        if measured is None:
            row.silent = False
        else:
            row.silent = measured.silent
            if measured.figures_hash != row.figures_hash:
                row.version += 1
                row.figures_hash = measured.figures_hash
                content = {**measured.content, "version": row.version}
                uow.publish(UptimePeriodMeasured.model_validate(content), version=row.version)
                log.info("month_measured", contract_id=str(due.contract_id), month=str(due.month), version=row.version)
        following = next_month(due.month)
        if lifetime(versions, *month_bounds(following, zones)) is not None:
            await expect_month(uow, row.tenant_id, row.client_id, row.contract_id, following)
