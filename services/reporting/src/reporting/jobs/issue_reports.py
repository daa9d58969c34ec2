"""Issues the reports of months, reviews and documents of months, and next editions when what they tell changes.

A month is due once it was measured, two hours into day 1 in its client's zone; a promised review when its last month
was told first, and a document that the agency has sent when its month was: both go out that morning. When to look is a
column here too.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import structlog

from reporting.adapters.access_reports import accesses_of_client
from reporting.adapters.decision_logs import log_for_client
from reporting.adapters.facts import StoredFacts
from reporting.adapters.report_deliveries import plan_deliveries
from reporting.adapters.report_editions import (
    DueReport,
    add_edition,
    claim_report,
    decisions_edition_of,
    due_reports,
    edition_of,
    hours_edition_of,
    last_edition,
    made_of_month_again,
    report_due,
    review_edition_of,
    set_report_aside,
)
from reporting.adapters.report_schedules import is_wanted_first
from reporting.adapters.report_tables import ReportEdition, ReportMonth
from reporting.adapters.report_templates import document_template_of, template_of
from reporting.adapters.reviews import newest_editions, reviewed
from reporting.application.access_report import AccessReport
from reporting.application.brands import brand_of_papers
from reporting.application.decision_log import DecisionsReport
from reporting.application.editions import FIRST_EDITION, Commentary, NextEdition, next_edition, report_id
from reporting.application.facts import KnownContract
from reporting.application.hours_report import HoursReport, hours_report
from reporting.application.report import Brand
from reporting.application.reporting import NotInTheContract, contract_line, monthly_report, zones_of
from reporting.application.review import ReviewNotes, reviewed_period
from reporting.application.review_editions import morning_after, next_review, review_goes_out_at, reviews_closed_by
from reporting.application.scheduled_reports import next_decisions, next_hours
from reporting.domain.period import month_bounds, zone_at
from reporting.domain.review_periods import SCHEDULED, ReportKind, ReviewKind, ScheduledKind, months_from
from reporting.published.report_v1 import ReportPublished, ReviewPublished, ScheduledReportPublished
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 50
IDLE_SECONDS = 30.0
HEARD_LATE = timedelta(days=3)
"""So long after its time a review is still made that was promised by an event which came late."""
MOST_LINES = 5_000
"""So much of a log is told in a document: what is longer is for programs, and there as CSV."""
SET_ASIDE = timedelta(minutes=5)
"""How long a report that cannot be made waits for its next try, so that it does not keep the rest waiting."""

log = structlog.get_logger(__name__)


class IssueReports:
    """The job over reports and reviews that are due."""

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
                log.exception(
                    "report_set_aside", contract_id=str(each.contract_id), kind=each.kind, month=str(each.month)
                )
                async with self._units.for_tenant(each.tenant_id) as uow:
                    await set_report_aside(uow, each, SET_ASIDE)
        return 0.0 if due else IDLE_SECONDS

    async def _issue(self, uow: UnitOfWork, due: DueReport) -> None:
        row = await claim_report(uow, due)
        if row is None:
            return
        row.due_at = None
        try:
            match due.kind:
                case "monthly":
                    await _issue_month(uow, row)
                case "hours":
                    await _issue_hours(uow, row)
                case "access":
                    await _issue_accesses(uow, row)
                case "decisions":
                    await _issue_decisions(uow, row)
                case "message":
                    pass  # it was told when it was written
                case _:
                    await _issue_review(uow, row, due.kind)
        except NotInTheContract:
            return  # a late version of the contract took the month out of it: what was told stays told


async def _issue_month(uow: UnitOfWork, row: ReportMonth) -> None:
    branded = await monthly_report(StoredFacts(uow), row.contract_id, row.month, now=uow.now)
    report = branded.content
    if not report.complete:
        return  # the zone has changed since: the month is due again once it is over
    last = await last_edition(uow, row)
    following = next_edition(
        None if last is None else edition_of(last), report, Commentary.model_validate(row.commentary)
    )
    await _expect_what_follows(uow, row, first=last is None)
    if following is None:
        return
    edition = add_edition(uow, row, following, report, branded.brand, last, await template_of(uow))
    await plan_deliveries(uow, edition)
    await made_of_month_again(uow, row)
    told = edition_of(edition).report
    uow.publish(
        ReportPublished(
            report_id=report_id(row.contract_id, row.month),
            **_published(edition),
            time_zone=told.time_zone,
            language=told.language,
            starts_at=told.from_,
            ends_at=told.to,
            met=told.uptime.met,
            incidents=told.incidents.total,
        ),
        version=edition.edition,
    )
    log.info("report_issued", contract_id=str(row.contract_id), month=str(row.month), edition=edition.edition)


async def _expect_what_follows(uow: UnitOfWork, month: ReportMonth, *, first: bool) -> None:
    """The reviews that a month closes, and the documents of it that are wanted, are due with the first report of it.

    What is heard of some days later is kept to, too; heard of after that, it makes nothing of the past.
    """
    assert month.ends_at is not None  # it was over when it became due
    versions = await StoredFacts(uow).versions(month.contract_id)
    morning = morning_after(versions, month.month)
    if not first and uow.now >= morning + HEARD_LATE:
        return
    whose = (month.tenant_id, month.client_id, month.contract_id)
    follows: list[tuple[ReportKind, date]] = [*reviews_closed_by(versions, month.month)]
    follows += [
        (kind, month.month) for kind in SCHEDULED if await is_wanted_first(uow, versions, kind, month.month, morning)
    ]
    for each, first_month in sorted(follows):
        await report_due(uow, *whose, first_month, month.ends_at, each)


async def _issue_review(uow: UnitOfWork, row: ReportMonth, kind: ReviewKind) -> None:
    facts = StoredFacts(uow)
    if not row.edition:
        versions = await facts.versions(row.contract_id)
        last_month = months_from(row.month, kind)[-1]
        if (kind, row.month) not in reviews_closed_by(versions, last_month):
            return  # a late version of the contract does not promise it any more
        goes_out = review_goes_out_at(versions, kind, row.month)
        if uow.now < goes_out:
            row.due_at = goes_out
            return
    period = await reviewed_period(facts, row.contract_id, kind, row.month, now=uow.now)
    review = await reviewed(uow, row.contract_id, period)
    if not review.complete:
        return  # a month of it was not told yet: it is due again once that was
    last, notes = await last_edition(uow, row), ReviewNotes.model_validate(row.commentary)
    following = next_review(None if last is None else review_edition_of(last), review, notes)
    if following is None:
        return
    edition = add_edition(uow, row, following, review, period.brand, last, await document_template_of(uow, kind))
    await plan_deliveries(uow, edition)
    told = review_edition_of(edition).report
    uow.publish(
        ReviewPublished(
            review_id=report_id(row.contract_id, row.month, kind),
            kind=kind,
            **_published(edition),
            last_month=told.last_month,
            time_zone=told.time_zone,
            language=told.language,
            starts_at=told.starts_at,
            ends_at=told.ends_at,
        ),
        version=edition.edition,
    )
    log.info(
        "review_issued", contract_id=str(row.contract_id), kind=kind, month=str(row.month), edition=edition.edition
    )


async def _issue_hours(uow: UnitOfWork, row: ReportMonth) -> None:
    versions = await StoredFacts(uow).versions(row.contract_id)
    if not row.edition and not await _goes_out_now(uow, row, "hours", versions):
        return
    month = (await newest_editions(uow, row.contract_id, [row.month])).get(row.month)
    if month is None:
        return  # it was not told yet: the hours are due again once it was
    report = hours_report(month.report, month.edition)
    last = await last_edition(uow, row)
    following = next_hours(None if last is None else hours_edition_of(last), report)
    if following is None:
        return
    brand = await brand_of_papers(StoredFacts(uow), row.tenant_id, versions[-1].state)
    await _issue_scheduled(uow, row, "hours", following, report, brand, last)


async def _issue_accesses(uow: UnitOfWork, row: ReportMonth) -> None:
    facts = StoredFacts(uow)
    versions = await facts.versions(row.contract_id)
    if row.edition or not await _goes_out_now(uow, row, "access", versions):
        return  # the log is only added to: what was told of a month stays so
    state, zones = versions[-1].state, zones_of(versions)
    starts_at, ends_at = month_bounds(row.month, zones)
    total, accesses = await accesses_of_client(uow, row.client_id, starts_at, ends_at, MOST_LINES)
    report = AccessReport(
        contract=contract_line(versions, ends_at, await facts.names(row.contract_id)),
        month=row.month,
        time_zone=zone_at(starts_at, zones).key,
        language=state.client.language,
        starts_at=starts_at,
        ends_at=ends_at,
        as_of=uow.now,
        total=total,
        accesses=list(accesses),
    )
    brand = await brand_of_papers(facts, row.tenant_id, state)
    await _issue_scheduled(uow, row, "access", FIRST_EDITION, report, brand, None)


async def _issue_decisions(uow: UnitOfWork, row: ReportMonth) -> None:
    facts = StoredFacts(uow)
    versions = await facts.versions(row.contract_id)
    if not row.edition and not await _goes_out_now(uow, row, "decisions", versions):
        return
    state, zones = versions[-1].state, zones_of(versions)
    starts_at, ends_at = month_bounds(row.month, zones)
    total, entries = await log_for_client(uow, state, ends_at, MOST_LINES)
    report = DecisionsReport(
        contract=contract_line(versions, ends_at, await facts.names(row.contract_id)),
        month=row.month,
        time_zone=zone_at(starts_at, zones).key,
        language=state.client.language,
        as_of=ends_at,
        total=total,
        entries=entries,
    )
    last = await last_edition(uow, row)
    following = next_decisions(None if last is None else decisions_edition_of(last), report)
    if following is not None:
        brand = await brand_of_papers(facts, row.tenant_id, state)
        await _issue_scheduled(uow, row, "decisions", following, report, brand, last)


async def _issue_scheduled(
    uow: UnitOfWork,
    row: ReportMonth,
    kind: ScheduledKind,
    following: NextEdition,
    report: HoursReport | AccessReport | DecisionsReport,
    brand: Brand,
    last: ReportEdition | None,
) -> None:
    edition = add_edition(uow, row, following, report, brand, last, await document_template_of(uow, kind))
    await plan_deliveries(uow, edition)
    uow.publish(
        ScheduledReportPublished(
            report_id=report_id(row.contract_id, row.month, kind),
            kind=kind,
            **_published(edition),
            time_zone=report.time_zone,
            language=report.language,
        ),
        version=edition.edition,
    )
    log.info(
        "scheduled_report_issued",
        contract_id=str(row.contract_id),
        month=str(row.month),
        kind=kind,
        edition=edition.edition,
    )


async def _goes_out_now(
    uow: UnitOfWork, row: ReportMonth, kind: ScheduledKind, versions: Sequence[KnownContract]
) -> bool:
    """Whether the first edition of a document is to be made. Before its morning it is looked at again then."""
    goes_out = morning_after(versions, row.month)
    if not await is_wanted_first(uow, versions, kind, row.month, goes_out):
        return False  # it is not wanted any more, or was not in time
    if uow.now < goes_out:
        row.due_at = goes_out
        return False
    return True


def _published(edition: ReportEdition) -> dict[str, Any]:
    """What the events of all kinds have in common."""
    return {
        "contract_id": edition.contract_id,
        "client_id": edition.client_id,
        "month": edition.month,
        "edition": edition.edition,
        "reason": edition.reason,
        "changes": len(edition.changes),
        "issued_at": edition.issued_at,
        "content_hash": edition.content_hash,
    }
