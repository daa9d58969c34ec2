"""Documents about a contract or a client that are no report of a month: logs, hours, histories, margins."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.adapters.report_part_tables import hours_tables, minutes
from reporting.adapters.report_sheet import paragraphs
from reporting.adapters.sheet import NOTHING, Group, ReportSheet, Table, Tile, colours_of
from reporting.application.decision_log import LogEntry
from reporting.application.history import SUBJECTS, HistorySubject
from reporting.application.hours_report import HoursReport
from reporting.application.margins import ContractMargins, LeadTimesOfMonth, MarginOfMonth
from reporting.application.report import Brand, ReportContract
from reporting.application.report_template import DocumentSection, DocumentTemplateContent
from reporting.domain.period import next_month
from reporting.domain.report_template import filled
from shared.i18n import Translator


def plain_sheet(
    t: Translator,
    brand: Brand,
    zone: ZoneInfo,
    *,
    title: str,
    author: str,
    subtitle: str,
    period: str,
    edition: str,
    as_of: datetime,
    groups: Sequence[Group],
    tiles: Sequence[Tile] = (),
    rules: Sequence[str] = (),
) -> ReportSheet:
    """A page without charts and comments."""
    return ReportSheet(
        language="fr" if t.language == "fr" else "en",
        title=title,
        author=author,
        colours=colours_of(brand),
        subtitle=subtitle,
        period=period,
        edition=edition,
        introduction=[],
        commentary_title="",
        commentary=[],
        summary_title=t.gettext("In short"),
        tiles=list(tiles),
        charts=[],
        groups=list(groups),
        closing=[],
        rules_title=t.gettext("How these figures came about") if rules else "",
        rules=list(rules),
        footer=t.gettext("Prepared by %(agency)s, as of %(instant)s", agency=author, instant=t.datetime(as_of, zone))
        + " · "
        + t.gettext("Times of %(zone)s", zone=t.zone(zone, as_of)),
    )


def whose(contract: ReportContract, t: Translator) -> str:
    """Which client and contract it is about."""
    return " · ".join((contract.client_name, t.gettext("contract %(number)s", number=contract.number)))


def month_values(contract: ReportContract, month: date, t: Translator) -> dict[str, str | None]:
    """What the variables of a template stand for in any document of a month."""
    return {
        "CLIENT": contract.client_name,
        "AGENCY": contract.agency_name,
        "CONTRACT": contract.number,
        "MONTH": t.month(month),
    }


def _day(t: Translator, at: datetime | None, zone: ZoneInfo) -> str:
    return NOTHING if at is None else t.date(at.astimezone(zone).date(), width="short")


# --- the log of decisions, risks and actions -------------------------------------------------------------------------


def decision_log_sheet(
    contract: ReportContract, brand: Brand, entries: Sequence[LogEntry], as_of: datetime, zone: ZoneInfo, t: Translator
) -> ReportSheet:
    """The log as a document: actions, risks that stay, decisions, each said to be empty where it is."""
    by_kind = {kind: [each for each in entries if each.kind == kind] for kind in ("action", "risk", "decision")}
    actions = Table(
        code="actions",
        title=t.gettext("Actions"),
        columns=[
            *(t.gettext("Action"), t.gettext("Who"), t.gettext("Until"), t.gettext("State"), t.gettext("Outcome")),
        ],
        right=[False] * 5,
        rows=[
            [
                each.what,
                each.owner_name or t.gettext("nobody yet"),
                _day(t, each.due_at, zone),
                words.log_state(t, each.state)
                + ("" if each.done_at is None or each.state != "done" else f" · {_day(t, each.done_at, zone)}"),
                each.outcome or NOTHING,
            ]
            for each in by_kind["action"]
        ],
        nothing=t.gettext("No action was recorded."),
    )
    risks = Table(
        code="risks",
        title=t.gettext("Risks that stay"),
        columns=[
            t.gettext("Risk"),
            t.gettext("Who answers for it"),
            t.gettext("State"),
            t.gettext("Decision"),
            t.gettext("Reason"),
        ],
        right=[False] * 5,
        rows=[
            [
                each.what,
                each.owner_name or t.gettext("nobody yet"),
                words.log_state(t, each.state),
                _decided(each, t),
                each.why or NOTHING,
            ]
            for each in by_kind["risk"]
        ],
        nothing=t.gettext("No risk is known that stays."),
    )
    decisions = Table(
        code="decisions",
        title=t.gettext("Decisions"),
        columns=[
            t.gettext("Decision"),
            t.gettext("Reason"),
            t.gettext("Who"),
            t.gettext("When"),
            t.gettext("State"),
        ],
        right=[False] * 5,
        rows=[
            [
                each.what,
                each.why or NOTHING,
                each.decided_by or NOTHING,
                NOTHING if each.decided_on is None else t.date(each.decided_on, width="short"),
                words.log_state(t, each.state),
            ]
            for each in by_kind["decision"]
        ],
        nothing=t.gettext("Nothing was decided."),
    )
    return plain_sheet(
        *(t, brand, zone),
        title=t.gettext("Log of decisions, risks and actions"),
        author=contract.agency_name,
        subtitle=whose(contract, t),
        period=t.gettext("As it stood on %(instant)s.", instant=t.datetime(as_of, zone)),
        edition="",
        as_of=as_of,
        groups=[Group(title="", tables=[actions, risks, decisions], nothing="")],
    )


def _decided(entry: LogEntry, t: Translator) -> str:
    parts = (
        words.treatment(t, entry.treatment),
        entry.decided_by,
        None if entry.decided_on is None else t.date(entry.decided_on, width="short"),
    )
    return " · ".join(part for part in parts if part) or NOTHING


# --- everything about a client ---------------------------------------------------------------------------------------


def history_sheet(
    client_name: str,
    agency_name: str,
    brand: Brand,
    subjects: Sequence[HistorySubject],
    as_of: datetime,
    zone: ZoneInfo,
    t: Translator,
) -> ReportSheet:
    """What was known of a client at an instant, kind by kind."""
    tables = []
    for kind in SUBJECTS:
        mine = [each for each in subjects if each.kind == kind]
        if not mine:
            continue
        tables.append(
            Table(
                code=kind,
                title=words.subject_kind(t, kind),
                columns=[t.gettext("What"), t.gettext("State"), t.gettext("Version"), t.gettext("Since")],
                right=[False, False, True, False],
                rows=[
                    [
                        each.name or each.subject_id,
                        words.subject_status(t, each.status),
                        str(each.version),
                        t.datetime(each.since, zone, width="short"),
                    ]
                    for each in mine
                ],
                nothing="",
            )
        )
    nothing = Table(
        code="nothing",
        title=t.gettext("What was known"),
        columns=[],
        right=[],
        rows=[],
        nothing=t.gettext("Nothing was known of this client then."),
    )
    return plain_sheet(
        *(t, brand, zone),
        title=t.gettext("Everything about %(client)s", client=client_name),
        author=agency_name,
        subtitle=agency_name,
        period=t.gettext("As it stood on %(instant)s.", instant=t.datetime(as_of, zone)),
        edition="",
        as_of=as_of,
        groups=[Group(title="", tables=tables or [nothing], nothing="")],
    )


# --- hours -----------------------------------------------------------------------------------------------------------


def hours_sheet(report: HoursReport, brand: Brand, t: Translator, template: DocumentTemplateContent) -> ReportSheet:
    """The hours of a month: per line what was included, worked, used, is left and goes beyond; and by ticket.

    In the order and with the texts of a template.
    """
    texts, values = template.texts(t.language), month_values(report.contract, report.month, t)
    zone = ZoneInfo(report.time_zone)
    hours = report.hours
    tiles = []
    if hours is not None:
        tiles.append(Tile(label=t.gettext("Worked"), figure=minutes(t, hours.real_minutes), note=""))
        if hours.status == "closed":
            tiles = [
                Tile(
                    label=t.gettext("Used"),
                    figure=minutes(t, hours.accounted_minutes),
                    note=t.gettext("of %(available)s", available=minutes(t, hours.available_minutes)),
                ),
                Tile(label=t.gettext("Left"), figure=minutes(t, hours.remaining_minutes), note=""),
                Tile(label=t.gettext("Beyond"), figure=minutes(t, hours.overage_minutes), note=""),
            ]
    nothing = Table(
        code="hours",
        title=t.gettext("Hours"),
        columns=[],
        right=[],
        rows=[],
        nothing=t.gettext("No hours were agreed, and none were worked."),
    )
    edition = (
        t.gettext("Figures of edition %(edition)s of the month's report.", edition=report.edition)
        if report.edition is not None
        else t.gettext("No report was issued for the month yet: figures are provisional.")
    )
    tables = [nothing] if hours is None else hours_tables(hours, t)
    tables.sort(key=lambda table: template.order.index(_hours_section(table)))
    page = plain_sheet(
        *(t, brand, zone),
        title=hours_title(report.month, t),
        author=report.contract.agency_name,
        subtitle=whose(report.contract, t),
        period=t.month(report.month),
        edition=edition,
        as_of=report.as_of,
        tiles=tiles,
        groups=[Group(title="", tables=tables, nothing="")],
    )
    return page.model_copy(
        update={
            "introduction": paragraphs(filled(texts.introduction or "", values)),
            "closing": paragraphs(filled(texts.closing or "", values)),
        }
    )


def hours_title(month: date, t: Translator) -> str:
    """What the hours report of a month is called."""
    return t.gettext("Hours of %(month)s", month=t.month(month))


def _hours_section(table: Table) -> DocumentSection:
    return "tickets" if table.code == "hours/tickets" else "lines"


# --- what a contract brings in ---------------------------------------------------------------------------------------


def margin_sheet(margins: ContractMargins, brand: Brand, t: Translator) -> ReportSheet:
    """Costs, margins and lead times of a contract, month by month. For the agency alone, and it says so."""
    zone = ZoneInfo(margins.time_zone)
    return plain_sheet(
        *(t, brand, zone),
        title=t.gettext("Costs, margin and lead times"),
        author=margins.contract.agency_name,
        subtitle=whose(margins.contract, t),
        period=t.gettext(
            "%(first)s to %(last)s", first=t.month(margins.months[0].month), last=t.month(margins.months[-1].month)
        ),
        edition=t.gettext("For the agency only."),
        as_of=margins.as_of,
        groups=[
            Group(
                title="",
                tables=[_margins(margins.months, t), _people(margins.months, t), _lead_times(margins.lead_times, t)],
                nothing="",
            )
        ],
        rules=[
            t.gettext("What comes in is the amount without VAT of the month's closed settlement."),
            t.gettext(
                "Where a settlement is of other days than the month's, it is set against the work of those days."
            ),
            t.gettext("What work costs is the agency's own rate of the day, for each minute that was worked."),
            t.gettext("A margin is told only where the month is settled and every worked minute has a rate."),
            t.gettext("A lead time goes from the opening to the first time that it was brought to its end."),
        ],
    )


def _money(t: Translator, amount: str | None, currency: str | None) -> str:
    return NOTHING if amount is None or currency is None else t.money(amount, currency)


def _margins(months: Sequence[MarginOfMonth], t: Translator) -> Table:
    return Table(
        code="margins",
        title=t.gettext("Costs and margin"),
        columns=[
            t.gettext("Month"),
            t.gettext("Worked"),
            t.gettext("Comes in"),
            t.gettext("Costs"),
            t.gettext("Margin"),
            t.gettext("Share"),
        ],
        right=[False, True, True, True, True, True],
        rows=[
            [
                _which_days(month, t),
                minutes(t, month.worked_minutes),
                _money(t, month.revenue, month.currency),
                t.gettext(
                    "%(amount)s and %(time)s without a rate",
                    amount=_money(t, month.cost, month.currency),
                    time=minutes(t, month.minutes_without_rate),
                )
                if month.minutes_without_rate
                else _money(t, month.cost, month.currency),
                _money(t, month.margin, month.currency),
                NOTHING if month.margin_percent is None else t.percent(month.margin_percent),
            ]
            for month in months
        ],
        nothing="",
    )


def _which_days(month: MarginOfMonth, t: Translator) -> str:
    """The month, and the days whose work counts where they are others than its own."""
    name = t.month(month.month)
    if (month.first_day, month.last_day) != (month.month, next_month(month.month) - timedelta(days=1)):
        return t.gettext(
            "%(month)s: %(first)s to %(last)s", month=name, first=t.date(month.first_day), last=t.date(month.last_day)
        )
    return name if month.complete else t.gettext("%(month)s, not over", month=name)


def _people(months: Sequence[MarginOfMonth], t: Translator) -> Table:
    return Table(
        code="people",
        title=t.gettext("Work by person"),
        columns=[t.gettext("Month"), t.gettext("Who"), t.gettext("Worked"), t.gettext("Costs")],
        right=[False, False, True, True],
        rows=[
            [
                _which_days(month, t),
                person.person_name,
                minutes(t, person.minutes),
                NOTHING if person.minutes_without_rate else _money(t, person.cost, month.currency),
            ]
            for month in months
            for person in month.people
        ],
        nothing=t.gettext("No hours were worked."),
    )


def _lead_times(months: Sequence[LeadTimesOfMonth], t: Translator) -> Table:
    return Table(
        code="lead_times",
        title=t.gettext("Lead times"),
        columns=[
            t.gettext("Month"),
            t.gettext("Kind"),
            t.gettext("Brought to an end"),
            t.gettext("Half took at most"),
            t.gettext("Nine in ten took at most"),
            t.gettext("Longest"),
        ],
        right=[False, False, True, True, True, True],
        rows=[
            [
                t.month(month.month),
                words.subject_kind(t, kind.kind),
                str(kind.ended),
                *(
                    NOTHING if took is None else t.duration(Decimal(str(took)), width="short")
                    for took in (kind.median_seconds, kind.p90_seconds, kind.longest_seconds)
                ),
            ]
            for month in months
            for kind in month.kinds
            if kind.ended
        ],
        nothing=t.gettext("Nothing was brought to its end in these months."),
    )


# --- who accessed what -----------------------------------------------------------------------------------------------


def access_log_sheet(
    author: str,
    subtitle: str,
    brand: Brand,
    accesses: Sequence[Mapping[str, Any]],
    period: tuple[datetime | None, datetime],
    zone: ZoneInfo,
    t: Translator,
) -> ReportSheet:
    """Who read what, newest first, for an audit of confidentiality. Operations have the names of the API document."""
    since, until = period
    return plain_sheet(
        *(t, brand, zone),
        title=t.gettext("Access log"),
        author=author,
        subtitle=subtitle,
        period=t.gettext(
            "From %(start)s to %(end)s.",
            start=t.gettext("the beginning of the log") if since is None else t.datetime(since, zone),
            end=t.datetime(until, zone),
        ),
        edition="",
        as_of=until,
        groups=[
            Group(
                title="",
                tables=[
                    Table(
                        code="accesses",
                        title=t.gettext("Who accessed what"),
                        columns=[
                            *(t.gettext("When"), t.gettext("Who"), t.gettext("Operation"), t.gettext("What")),
                            t.gettext("Outcome"),
                        ],
                        right=[False] * 5,
                        rows=[
                            [
                                t.datetime(each["at"], zone, width="short", seconds=True),
                                " · ".join(
                                    str(part)
                                    for part in (each["actor_name"] or each.get("actor_id"), each["role"])
                                    if part
                                ),
                                each["operation"],
                                each["resource"],
                                words.access_outcome(t, each["outcome"]),
                            ]
                            for each in accesses
                        ],
                        nothing=t.gettext("Nobody accessed anything in this period."),
                    )
                ],
                nothing="",
            )
        ],
    )
