"""An edition of a month as its page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import cast
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.adapters.report_part_tables import part_tables
from reporting.adapters.sheet import NOTHING, Chart, DayBar, Group, ReportSheet, Table, Tile, colours_of
from reporting.application.editions import AS_MEASURED, Edition, EditionHead, IssuedEdition, Reason, ReportChange
from reporting.application.facts import UptimeRule
from reporting.application.report import AsMeasured, DecisionLine, IncidentLine, MonthlyReport, UptimeFigure
from reporting.application.report_template import Layout, ReportTemplateContent, Section
from reporting.application.uptime_rule import down_time
from reporting.domain.daily import lengths_by_day
from reporting.domain.editions import LISTED, NAMED_BY_TEXT, WITHDRAWN
from reporting.domain.pillars import PILLARS, Pillar
from reporting.domain.report_template import filled
from reporting.domain.state_line import Span
from shared.i18n import Translator
from shared.kernel.intervals import Interval, total
from shared.values import parse_duration

CODES: Mapping[str, Callable[[Translator, str], str]] = {
    "met": lambda t, value: words.verdict(t, "met" if value == "true" else "missed"),
    "verdict": words.verdict,
    "severity": words.severity,
    "status": words.incident_status,
    "category": words.category,
    "treatment": lambda t, value: words.treatment(t, value) or value,
    "decided_on": lambda t, value: t.date(date.fromisoformat(value), width="short"),
    # What a calendar counts is told in hours, as beside each promise.
    "target_seconds": lambda t, value: t.duration(Decimal(value), width="short", days=False),
    "elapsed_seconds": lambda t, value: t.duration(Decimal(value), width="short", days=False),
}
KINDS: Mapping[str, Callable[[Translator, str], str]] = {
    "percent": lambda t, value: t.percent(value),
    "seconds": lambda t, value: t.duration(Decimal(value), width="short"),
    "minutes": lambda t, value: t.work(int(value), width="short"),
    "ms": lambda t, value: t.gettext("%(figure)s ms", figure=t.number(value)),
}
AMOUNTS = frozenset({"net", "tax", "gross", "amount"})
COUNTS = frozenset(
    {"checks", "outages", "number", "proof_count", "incidents", "promises_met", "promises_missed", "work_done"}
)
INSTANTS = frozenset(
    {
        *("from", "to", "at", "began_at", "ended_at", "due_at", "actual_at"),
        *("delivered_at", "acknowledged_at", "answered_at", "approved_at", "done_at", "since"),
    }
)


def report_sheet(issued: IssuedEdition, t: Translator, layout: Layout | None = None) -> ReportSheet:
    """The page of an edition, laid out as its template says unless another layout is asked for."""
    edition, report = issued.edition, issued.edition.report
    zone = ZoneInfo(report.time_zone)
    contract = report.contract
    commentary = edition.commentary.in_language(t.language)
    figures = report.uptime.told_figures
    counted = [figure for figure in figures if figure.counts_for_sla]
    template = issued.template
    texts = template.texts(t.language)
    values = template_values(edition, t)
    tables = [
        _uptime(report, t, zone),
        *([decisions_table(report.uptime.decisions, t, zone)] if report.uptime.decisions else []),
        *([_response_times(report, t)] if report.response_times else []),
        *(_incidents(report, t, zone), _promises(report, t, zone)),
        *part_tables(report.parts, t, zone, pillars=(layout or template.layout) == "pillars"),
    ]
    changes = [changes_table(edition.reason, edition.changes, t, zone)] if edition.changes else []
    return ReportSheet(
        language="fr" if t.language == "fr" else "en",
        title=t.gettext("Report for %(month)s", month=t.month(report.month)),
        author=contract.agency_name,
        colours=colours_of(issued.brand),
        subtitle=" · ".join(
            (
                contract.client_name,
                t.gettext("contract %(number)s", number=contract.number),
                contract.plan_name.get(t.language) or contract.plan_code,
            )
        ),
        period=t.gettext(
            "From %(start)s to %(end)s.",
            start=_bound(t, report.from_, zone, ends=False),
            end=_bound(t, report.to, zone, ends=True),
        ),
        edition=edition_line(edition, t, zone),
        introduction=paragraphs(filled(texts.introduction or "", values)),
        commentary_title=t.gettext("Our comments"),
        commentary=paragraphs(commentary or ""),
        summary_title=t.gettext("In short"),
        tiles=_tiles(report, counted, t, zone),
        charts=_charts(report, counted, t, zone),
        groups=[
            *([Group(title="", tables=changes, nothing="")] if changes else []),
            *(_by_pillar(tables, t) if (layout or template.layout) == "pillars" else [_in_order(tables, template)]),
        ],
        closing=paragraphs(filled(texts.closing or "", values)),
        rules_title=t.gettext("How these figures came about"),
        rules=_rules(counted or figures, t),
        footer=t.gettext(
            "Prepared by %(agency)s, as of %(instant)s",
            agency=contract.agency_name,
            instant=t.datetime(report.as_of, zone),
        )
        + " · "
        + t.gettext("Times of %(zone)s", zone=t.zone(zone, report.as_of)),
    )


def template_values(edition: Edition, t: Translator) -> dict[str, str | None]:
    """What the variables of a template stand for in any report."""
    contract = edition.report.contract
    return {
        "CLIENT": contract.client_name,
        "AGENCY": contract.agency_name,
        "CONTRACT": contract.number,
        "MONTH": t.month(edition.month),
        "EDITION": str(edition.edition),
    }


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, which blank lines part."""
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def _in_order(tables: Sequence[Table], template: ReportTemplateContent) -> Group:
    return Group(title="", tables=sorted(tables, key=lambda table: template.order.index(_section(table))), nothing="")


def _section(table: Table) -> Section:
    """The section that a table belongs to: `work/security` is of `work`."""
    return cast(Section, table.code.partition("/")[0])


_PILLAR_OF: Mapping[str, Pillar] = {
    "availability": "stability",
    "availability/decisions": "stability",
    "availability/response_times": "performance",
    "incidents": "stability",
    "promises": "stability",
    "advisories": "security",
    **{f"work/{pillar}": pillar for pillar in PILLARS},
}


def _by_pillar(tables: Sequence[Table], t: Translator) -> list[Group]:
    """Security, stability, performance, controlled evolution, each with what there is of it; then the contract."""
    groups = [
        Group(
            title=words.pillar(t, pillar),
            tables=[table for table in tables if _PILLAR_OF.get(table.code) == pillar],
            nothing=t.gettext("There is nothing to report on this pillar for this period."),
        )
        for pillar in PILLARS
    ]
    rest = [table for table in tables if table.code not in _PILLAR_OF]
    return [*groups, Group(title=t.gettext("The contract"), tables=rest, nothing="")]


def edition_line(edition: EditionHead, t: Translator, zone: ZoneInfo) -> str:
    """Which edition it is, since when, and why there is one."""
    on = t.datetime(edition.issued_at, zone)
    if edition.reason == "correction":
        return t.gettext(
            "Edition %(number)s of %(instant)s: it corrects the edition before, and says below what changed.",
            number=edition.edition,
            instant=on,
        )
    if edition.reason == "addition":
        return t.gettext(
            "Edition %(number)s of %(instant)s: it adds what was settled afterwards; nothing else changed.",
            number=edition.edition,
            instant=on,
        )
    if edition.reason == "commentary":
        return t.gettext(
            "Edition %(number)s of %(instant)s: the comments are new, the figures are those of the edition before.",
            number=edition.edition,
            instant=on,
        )
    return t.gettext("Edition %(number)s of %(instant)s.", number=edition.edition, instant=on)


def _tiles(report: MonthlyReport, counted: Sequence[UptimeFigure], t: Translator, zone: ZoneInfo) -> list[Tile]:
    tiles = [
        Tile(
            label=" · ".join((t.gettext("Availability"), _called(figure, counted))) + _stretch(figure, report, t, zone),
            figure=_percent(t, figure.uptime_display),
            note=_promised(t, figure),
        )
        for figure in counted
    ]
    tiles.append(
        Tile(
            label=t.gettext("Incidents"),
            figure=str(report.incidents.total),
            note=_unavailable(report, counted, t) if report.uptime.told_figures else "",
        )
    )
    for label, count in (
        (t.gettext("Answered in time"), report.targets.response),
        (t.gettext("Repaired in time"), report.targets.repair),
    ):
        decided = count.met + count.breached
        if decided + count.running:
            tiles.append(
                Tile(
                    label=label,
                    figure=t.gettext("%(met)s of %(decided)s", met=count.met, decided=decided),
                    note=t.ngettext(
                        "%(count)s still running", "%(count)s still running", count.running, count=count.running
                    )
                    if count.running
                    else t.gettext("promises on incidents"),
                )
            )
    return tiles


def _unavailable(report: MonthlyReport, counted: Sequence[UptimeFigure], t: Translator) -> str:
    """What happened, whoever answers for it: where decisions stand in between, it is not what the figures count."""
    lasted = t.duration(report.incidents.down_seconds)
    if any(figure.as_measured is not None for figure in counted):
        return t.gettext("unavailable for %(duration)s before the decisions", duration=lasted)
    return t.gettext("unavailable for %(duration)s", duration=lasted)


def _called(figure: UptimeFigure, counted: Sequence[UptimeFigure]) -> str:
    """What a figure is of: its site, and which of its environments where several count."""
    of_site = {each.environment_id for each in counted if each.site_name == figure.site_name}
    return figure.site_name if len(of_site) == 1 else f"{figure.site_name} · {figure.environment_name}"


def _stretch(figure: UptimeFigure, report: MonthlyReport, t: Translator, zone: ZoneInfo) -> str:
    """From when to when, where a figure is not of the whole period."""
    if (figure.from_, figure.to) == (report.from_, report.to):
        return ""
    start, end = (t.datetime(each, zone, width="short") for each in (figure.from_, figure.to))
    return f" ({start} – {end})"


def _promised(t: Translator, figure: UptimeFigure) -> str:
    if figure.target_percent is None:
        return ""
    return " · ".join((t.gettext("promised %(target)s", target=t.percent(figure.target_percent)), _met(t, figure.met)))


def _charts(report: MonthlyReport, counted: Sequence[UptimeFigure], t: Translator, zone: ZoneInfo) -> list[Chart]:
    """One per environment that counts; the figures of an environment whose promise changed share theirs."""
    charts = []
    by_environment = sorted(counted, key=lambda figure: (str(figure.environment_id), figure.from_))
    for _, group in groupby(by_environment, key=lambda figure: figure.environment_id):
        figures = list(group)
        spans = [span for figure in figures for span in counted_down_time(figure)]
        days = lengths_by_day(spans, report.from_, report.to, zone)
        longest = max((length for _, length in days), default=timedelta())
        name = _called(figures[0], counted)
        charts.append(
            Chart(
                title=t.gettext("Unavailable time by day, %(environment)s", environment=name),
                alternative=_told_days(days, t),
                tallest=t.duration(longest.total_seconds(), width="short") if longest else "",
                bars=[DayBar(label=str(day.day), height=length / longest if longest else 0.0) for day, length in days],
            )
        )
    return charts


def counted_down_time(figure: UptimeFigure) -> Sequence[Interval]:
    """When it was down, as far as the rule counts it: days and figure tell the same time.

    Whether a run is long enough is judged by the whole of it, and a figure ends where its month or its promise does.
    How much of a run lay outside it does not say, but its own seconds say whether that was enough.
    """
    line = [Span(span.from_, span.to, span.state) for span in figure.explanation]
    rule = UptimeRule.model_validate(figure.rule)
    enough = parse_duration(rule.minimum_outage)
    begun = [Span(figure.from_ - enough, figure.from_, "down")] if enough else []
    going_on = [Span(figure.to, figure.to + enough, "down")] if enough else []
    for whole in (line, [*begun, *line], [*line, *going_on], [*begun, *line, *going_on]):
        counted = down_time(whole, figure.from_, figure.to, rule)
        if total(counted).total_seconds() == figure.down_seconds:
            return counted
    return down_time(line, figure.from_, figure.to, rule)


def _told_days(days: Sequence[tuple[date, timedelta]], t: Translator) -> str:
    told = [f"{t.date(day)} ({t.duration(length.total_seconds())})" for day, length in days if length]
    return t.gettext("; ").join(told) if told else t.gettext("No day had an interruption.")


def _uptime(report: MonthlyReport, t: Translator, zone: ZoneInfo) -> Table:
    rows = []
    for figure in sorted(report.uptime.told_figures, key=lambda each: not each.counts_for_sla):
        name = f"{figure.site_name} · {figure.environment_name}"
        if not figure.counts_for_sla:
            information = t.gettext("for information, not part of the promise")
            name += f" ({information})"
        name += _stretch(figure, report, t, zone)
        rows.append(
            [
                name,
                _percent(t, figure.uptime_display),
                _percent(t, figure.target_percent),
                NOTHING if figure.target_percent is None else _met(t, figure.met),
                t.duration(figure.down_seconds, width="short"),
                _percent(t, figure.coverage_percent),
            ]
        )
        if figure.as_measured is not None:
            rows.append(_before(figure, figure.as_measured, t))
    return Table(
        code="availability",
        title=t.gettext("Availability"),
        columns=[
            t.gettext("Environment"),
            t.gettext("Availability"),
            t.gettext("Promised"),
            t.gettext("Verdict"),
            t.gettext("Unavailable for"),
            t.gettext("Measured"),
        ],
        right=[False, True, True, False, True, True],
        rows=rows,
        nothing=t.gettext("Nothing was measured."),
    )


def _before(figure: UptimeFigure, measured: AsMeasured, t: Translator) -> list[str]:
    """The row of a figure before the decisions on its outages: it is never shown without that."""
    return [
        t.gettext("%(figure)s as it was measured", figure=f"{figure.site_name} · {figure.environment_name}"),
        _percent(t, measured.uptime_display),
        _percent(t, figure.target_percent),
        NOTHING if figure.target_percent is None else _met(t, measured.met),
        t.duration(measured.down_seconds, width="short"),
        _percent(t, measured.coverage_percent),
    ]


def decisions_table(decisions: Sequence[DecisionLine], t: Translator, zone: ZoneInfo) -> Table:
    """What two people decided on outages that the figures rest on."""
    return Table(
        code="availability/decisions",
        title=t.gettext("Decisions on outages"),
        columns=[t.gettext("About"), t.gettext("From"), t.gettext("To"), t.gettext("Reason")],
        right=[False, False, False, False],
        rows=[
            [
                words.category(t, decision.category),
                t.datetime(decision.from_, zone, width="short", seconds=True),
                t.datetime(decision.to, zone, width="short", seconds=True),
                decision.reason
                + " – "
                + t.gettext(
                    "Proposed by %(proposer)s, approved by %(approver)s on %(instant)s",
                    proposer=decision.proposed_by,
                    approver=decision.approved_by,
                    instant=t.datetime(decision.approved_at, zone),
                ),
            ]
            for decision in decisions
        ],
        nothing="",
    )


def _response_times(report: MonthlyReport, t: Translator) -> Table:
    return Table(
        code="availability/response_times",
        title=t.gettext("Response times"),
        columns=[
            t.gettext("Environment"),
            t.gettext("Median"),
            t.gettext("95 of 100 within"),
            t.gettext("99 of 100 within"),
            t.gettext("Checks"),
        ],
        right=[False, True, True, True, True],
        rows=[
            [
                f"{line.site_name} · {line.environment_name}",
                *(words.milliseconds(t, each) for each in (line.p50_ms, line.p95_ms, line.p99_ms)),
                t.number(str(line.checks)),
            ]
            for line in sorted(report.response_times, key=lambda each: not each.counts_for_sla)
        ],
        nothing="",
    )


def _incidents(report: MonthlyReport, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="incidents",
        title=t.gettext("Incidents"),
        columns=[
            t.gettext("Incident"),
            t.gettext("Environment"),
            t.gettext("From"),
            t.gettext("Duration"),
            t.gettext("State"),
        ],
        right=[False, False, False, True, False],
        rows=[
            [
                f"{line.number} · {line.title} ({words.severity(t, line.severity, line.severity_names)})",
                line.site_name or NOTHING,
                t.datetime(line.began_at, zone, width="short"),
                t.duration(line.duration_seconds, width="short"),
                words.incident_status(t, line.status) + _over_the_bounds(line, t),
            ]
            for line in report.incidents.items
        ],
        nothing=t.gettext("There was no incident."),
    )


def _over_the_bounds(line: IncidentLine, t: Translator) -> str:
    said = []
    if line.carried_over:
        said.append(t.gettext("began before this period"))
    if line.carried_forward:
        said.append(t.gettext("went on after this period"))
    return f" ({', '.join(said)})" if said else ""


def _promises(report: MonthlyReport, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="promises",
        title=t.gettext("Response and repair"),
        columns=[
            t.gettext("Incident"),
            t.gettext("Promise"),
            t.gettext("Promised"),
            t.gettext("Due"),
            t.gettext("Done"),
            t.gettext("Elapsed"),
            t.gettext("Verdict"),
        ],
        right=[False, False, True, False, False, True, False],
        rows=[
            [
                line.number,
                words.metric(t, clock.metric),
                t.duration(clock.target_seconds, width="short", days=False),
                _when(t, clock.due_at, zone),
                _when(t, clock.actual_at, zone),
                NOTHING
                if clock.elapsed_seconds is None
                else t.duration(clock.elapsed_seconds, width="short", days=False),
                words.verdict(t, clock.verdict),
            ]
            for line in report.incidents.items
            for clock in line.clocks
        ],
        nothing=t.gettext("No promise of response or repair was touched."),
    )


def changes_table(reason: Reason, changes: Sequence[ReportChange], t: Translator, zone: ZoneInfo) -> Table:
    """What an edition tells otherwise than the one before, in words."""
    # Whenever an amount is otherwise the settlement is too, and that is named by its currency.
    currency = next((each.name for each in changes if each.subject == "settlement" and "/" not in each.id), None)
    adds = reason == "addition"
    return Table(
        code="changes",
        title=t.gettext("What this edition adds") if adds else t.gettext("What this edition corrects"),
        columns=[t.gettext("About"), t.gettext("Figure"), t.gettext("Before"), t.gettext("Now")],
        right=[False] * 4,  # figures, and words as long as a sentence, which would take the room of all others
        rows=[
            [
                words.subject(t, change.subject, _name(t, change)),
                words.measure(t, change.measure),
                _value(t, change, change.before, zone, currency),
                _value(t, change, change.after, zone, currency),
            ]
            for change in changes
        ],
        nothing="",
    )


def _value(t: Translator, change: ReportChange, value: str | None, zone: ZoneInfo, currency: str | None) -> str:
    """A measure as people read it. Shown exactly: two percentages that differ must not look the same."""
    measure = change.measure.removesuffix(AS_MEASURED)
    if value is None or measure == LISTED:
        return NOTHING if value is None else _listed(t, change, value)
    if (change.subject, measure) == ("advisory", "status"):
        return words.advisory_status(t, value)
    if (change.subject, measure) == ("deliverable", "state"):
        return words.deliverable_state(t, value)
    if measure in INSTANTS:
        return t.datetime(datetime.fromisoformat(value), zone, width="short", seconds=True)
    if measure in AMOUNTS or measure in COUNTS:
        return t.money(value, currency) if measure in AMOUNTS and currency is not None else t.number(value)
    say = CODES.get(measure) or KINDS.get(measure.rpartition("_")[2])
    return value if say is None else say(t, value)


def _name(t: Translator, change: ReportChange) -> str:
    """What it is about, as people call it; nothing of its text where it is not told any more."""
    if change.subject in NAMED_BY_TEXT and (change.measure, change.before, change.after) == (LISTED, WITHDRAWN, None):
        return t.gettext("an entry that is no longer told")
    return change.names.get(t.language, change.name)


def _listed(t: Translator, change: ReportChange, name: str) -> str:
    if change.subject == "decision":
        return words.category(t, name)
    if change.subject == "promise":
        return words.subject(t, change.subject, name)
    return _name(t, change)


def _rules(figures: Sequence[UptimeFigure], t: Translator) -> list[str]:
    """Each sentence once, in the order in which it first applies."""
    told = [
        sentence
        for figure in figures
        for sentence in words.rule_sentences(t, figure.rule, informative=figure.rule_source == "informative")
    ]
    return list(dict.fromkeys(told))


def _percent(t: Translator, figure: str | None) -> str:
    return NOTHING if figure is None else t.percent(figure)


def _met(t: Translator, met: bool | None) -> str:
    return words.verdict(t, "none" if met is None else ("met" if met else "missed"))


def _when(t: Translator, instant: datetime | None, zone: ZoneInfo) -> str:
    return NOTHING if instant is None else t.datetime(instant, zone, width="short")


def _bound(t: Translator, instant: datetime, zone: ZoneInfo, *, ends: bool) -> str:
    local = instant.astimezone(zone)
    if local.time() != time():
        return t.datetime(instant, zone)
    return t.date(local.date() - timedelta(days=1) if ends else local.date())
