"""Issues the reports of months that are over, and next editions when late facts or a commentary change what they tell.

A month is due once it was measured, two hours into day 1 in its client's zone; when to look is a column here too.
"""

from datetime import timedelta

import structlog

from reporting.adapters.facts import StoredFacts
from reporting.adapters.report_deliveries import plan_deliveries
from reporting.adapters.report_editions import (
    DueReport,
    add_edition,
    claim_report,
    due_reports,
    edition_of,
    last_edition,
    set_report_aside,
)
from reporting.adapters.report_templates import template_of
from reporting.application.editions import Commentary, next_edition, report_id
from reporting.application.reporting import NotInTheContract, monthly_report
from reporting.published.report_v1 import ReportPublished
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 50
IDLE_SECONDS = 30.0
SET_ASIDE = timedelta(minutes=5)
"""How long a report that cannot be made waits for its next try, so that it does not keep the rest waiting."""

log = structlog.get_logger(__name__)


class IssueReports:
    """The job over reports that are due."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """One batch; at once again while there is more."""
        async with self._units.for_every_tenant() as uow:
            due = await due_reports(uow, BATCH)
        for each in due:
            try:
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await self._issue(uow, each)
            except Exception as error:
                if is_database_away(error):
                    raise  # says nothing about this report; the loop tries again
                log.exception("report_set_aside", contract_id=str(each.contract_id), month=str(each.month))
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await set_report_aside(uow, each, SET_ASIDE)
        return 0.0 if due else IDLE_SECONDS

    async def _issue(self, uow: UnitOfWork, due: DueReport) -> None:
        row = await claim_report(uow, due)
        if row is None:
            return
        row.due_at = None
        try:
            branded = await monthly_report(StoredFacts(uow), due.contract_id, due.month, now=uow.now)
        except NotInTheContract:
            return  # a late version of the contract took the month out of it: what was told stays told
        report = branded.content
        if not report.complete:
            return  # the zone has changed since: the month is due again once it is over
        last = await last_edition(uow, row)
        following = next_edition(
            None if last is None else edition_of(last), report, Commentary.model_validate(row.commentary)
        )
        if following is None:
            return
        edition = add_edition(uow, row, following, branded, last, await template_of(uow))
        await plan_deliveries(uow, edition)
        told = edition_of(edition).report
        uow.publish(
            ReportPublished(
                report_id=report_id(due.contract_id, due.month),
                contract_id=due.contract_id,
                client_id=row.client_id,
                month=due.month,
                time_zone=told.time_zone,
                language=told.language,
                edition=edition.edition,
                reason=following.reason,
                changes=len(following.changes),
                starts_at=told.from_,
                ends_at=told.to,
                issued_at=edition.issued_at,
                met=told.uptime.met,
                incidents=told.incidents.total,
                content_hash=edition.content_hash,
            ),
            version=edition.edition,
        )
        log.info("report_issued", contract_id=str(due.contract_id), month=str(due.month), edition=edition.edition)
