"""A review as its page."""

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.adapters.report_part_tables import in_language, minutes
from reporting.adapters.report_sheet import decisions_table, paragraphs
from reporting.adapters.sheet import NOTHING, Group, ReportSheet, Table, Tile
from reporting.application.report import Brand
from reporting.application.review import Review, ReviewFigure, ReviewMonth
from reporting.domain.brand import palette
from shared.i18n import Translator


def review_sheet(review: Review, brand: Brand, t: Translator) -> ReportSheet:
    """The page: the sections of its kind, each there and saying so when it is empty."""
    zone = ZoneInfo(review.time_zone)
    contract = review.contract
    return ReportSheet(
        language="fr" if t.language == "fr" else "en",
        title=_title(review, t),
        author=contract.agency_name,
        colour=palette(brand.primary, None, None).band,
        subtitle=" · ".join(
            (
                contract.client_name,
                t.gettext("contract %(number)s", number=contract.number),
                in_language(contract.plan_name, t, contract.plan_code),
            )
        ),
        period=_period(review, t),
        edition=_made_of(review, t),
        introduction=[],
        commentary_title="",
        commentary=[],
        summary_title=t.gettext("In short"),
        tiles=_tiles(review, t),
        charts=[],
        groups=_groups(review, t, zone),
        closing=[],
        rules_title="",
        rules=[],
        footer=t.gettext(
            "Prepared by %(agency)s, as of %(instant)s",
            agency=contract.agency_name,
            instant=t.datetime(review.as_of, zone),
        )
        + " · "
        + t.gettext("Times of %(zone)s", zone=t.zone(zone, review.as_of)),
    )


def _title(review: Review, t: Translator) -> str:
    match review.kind:
        case "quarterly":
            return t.gettext("Quarterly review")
        case "annual":
            return t.gettext("Annual review")
        case "institutional":
            return t.gettext("Report on incidents, actions and risks")
        case _:
            assert_never(review.kind)


def _period(review: Review, t: Translator) -> str:
    first, last = t.month(review.first_month), t.month(review.last_month)
    return first if first == last else f"{first} – {last}"


def _made_of(review: Review, t: Translator) -> str:
    issued = [
        t.gettext("%(month)s, edition %(edition)s", month=t.month(month.month), edition=month.edition)
        for month in review.months
        if month.edition is not None
    ]
    told = [t.gettext("Figures of these reports: %(reports)s.", reports=t.gettext("; ").join(issued))] if issued else []
    if not review.complete:
        told.append(t.gettext("The period is not over, or a month was not issued yet: figures are provisional."))
    return " ".join(told)


def _tiles(review: Review, t: Translator) -> list[Tile]:
    judged = [month.met for month in review.months if month.met is not None]
    incidents = [month.incidents for month in review.months if month.incidents is not None]
    down = sum(month.down_seconds or 0 for month in review.months)
    open_actions = sum(action.done_at is None for action in review.actions)
    tiles = []
    if judged:
        tiles.append(
            Tile(
                label=t.gettext("Availability"),
                figure=t.gettext("%(met)s of %(decided)s", met=sum(judged), decided=len(judged)),
                note=t.gettext("months in which the promise was met"),
            )
        )
    tiles.append(
        Tile(
            label=t.gettext("Incidents"),
            figure=str(sum(incidents)) if incidents else NOTHING,
            note=t.gettext("unavailable for %(duration)s", duration=t.duration(down)),
        )
    )
    tiles.append(
        Tile(
            label=t.gettext("Open actions"),
            figure=str(open_actions),
            note=t.ngettext(
                "%(count)s of them overdue",
                "%(count)s of them overdue",
                sum(action.overdue for action in review.actions),
            ),
        )
    )
    return tiles


def _groups(review: Review, t: Translator, zone: ZoneInfo) -> list[Group]:
    if review.kind == "institutional":
        return [
            Group(title=t.gettext("Incidents"), tables=[_incidents(review, t, zone)], nothing=""),
            Group(title=t.gettext("Actions"), tables=[_actions(review, t, zone)], nothing=""),
            Group(title=t.gettext("Risks"), tables=[_risks(review, t)], nothing=""),
            Group(title=t.gettext("Decisions"), tables=[_decisions(review, t)], nothing=""),
            *_noted(review, t),
        ]
    return [
        Group(
            title=t.gettext("Trends"),
            tables=[_trends(review, t), _months(review, t), *_outage_decisions(review, t, zone)],
            nothing="",
        ),
        Group(
            title=t.gettext("Recommendations"),
            paragraphs=paragraphs(review.notes.said("recommendations", t.language)),
            tables=[_recommendations(review, t, zone)] if review.recommendations else [],
            nothing=t.gettext("There is nothing to recommend for this period."),
        ),
        Group(
            title=t.gettext("Next steps"),
            paragraphs=paragraphs(review.notes.said("next_steps", t.language)),
            tables=[_actions(review, t, zone)],
            nothing="",
        ),
    ]


def _noted(review: Review, t: Translator) -> list[Group]:
    said = (
        (t.gettext("Recommendations"), review.notes.said("recommendations", t.language)),
        (t.gettext("Next steps"), review.notes.said("next_steps", t.language)),
    )
    return [Group(title=title, paragraphs=paragraphs(text), tables=[], nothing="") for title, text in said if text]


def _trends(review: Review, t: Translator) -> Table:
    return Table(
        code="trends",
        title=t.gettext("Where it goes: the later half of the period against the earlier one"),
        columns=[t.gettext("Figure"), t.gettext("Trend")],
        right=[False, False],
        rows=[
            [
                " · ".join(part for part in (words.trend_measure(t, trend.measure), trend.subject) if part),
                words.trend(t, trend.direction),
            ]
            for trend in review.trends
        ],
        nothing=t.gettext("There are too few months to tell."),
    )


def _months(review: Review, t: Translator) -> Table:
    return Table(
        code="months",
        title=t.gettext("Month by month"),
        columns=[
            t.gettext("Month"),
            t.gettext("Availability"),
            t.gettext("Verdict"),
            t.gettext("Incidents"),
            t.gettext("Unavailable for"),
            t.gettext("Missed promises"),
            t.gettext("Worked"),
        ],
        right=[False, True, False, True, True, True, True],
        rows=[
            [
                t.month(month.month),
                _uptimes(month, t),
                _verdict(month, t),
                NOTHING if month.incidents is None else str(month.incidents),
                NOTHING if month.down_seconds is None else t.duration(month.down_seconds, width="short"),
                NOTHING if month.promises_missed is None else str(month.promises_missed),
                minutes(t, month.worked_minutes),
            ]
            for month in review.months
        ],
        nothing=t.gettext("No report was issued in this period."),
    )


def _uptimes(month: ReviewMonth, t: Translator) -> str:
    return " · ".join(_uptime(each, t) for each in month.figures) or NOTHING


def _uptime(figure: ReviewFigure, t: Translator) -> str:
    """A figure, never without the one before the decisions on its outages."""
    shown = _percent(figure.uptime_display, t)
    if figure.as_measured is None:
        return shown
    before = _percent(figure.as_measured.uptime_display, t)
    return t.gettext("%(figure)s (%(before)s before the decisions)", figure=shown, before=before)


def _percent(display: str | None, t: Translator) -> str:
    return NOTHING if display is None else t.percent(display)


def _verdict(month: ReviewMonth, t: Translator) -> str:
    shown = _met(month.met, t)
    if not month.outage_decisions:
        return shown
    before = _met(month.met_as_measured, t)
    return t.gettext("%(figure)s (%(before)s before the decisions)", figure=shown, before=before)


def _met(met: bool | None, t: Translator) -> str:
    return words.verdict(t, "none" if met is None else ("met" if met else "missed"))


def _outage_decisions(review: Review, t: Translator, zone: ZoneInfo) -> list[Table]:
    """What two people decided on outages of the period that its figures rest on, where they did."""
    decided = {each.outage_decision_id: each for month in review.months for each in month.outage_decisions}
    return [decisions_table(list(decided.values()), t, zone)] if decided else []


def _recommendations(review: Review, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="recommendations",
        title=t.gettext("What waits for your answer"),
        columns=[t.gettext("Recommendation"), t.gettext("Since")],
        right=[False, False],
        rows=[[in_language(each.text, t, each.source), _day(t, each.since, zone)] for each in review.recommendations],
        nothing="",
    )


def _incidents(review: Review, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="incidents",
        title=t.gettext("Incidents of the period"),
        columns=[t.gettext("Incident"), t.gettext("From"), t.gettext("Duration"), t.gettext("State")],
        right=[False, False, True, False],
        rows=[
            [
                f"{line.number} · {line.title} ({words.severity(t, line.severity, line.severity_names)})",
                t.datetime(line.began_at, zone, width="short"),
                t.duration(line.duration_seconds, width="short"),
                words.incident_status(t, line.status),
            ]
            for line in review.incidents
        ],
        nothing=t.gettext("There was no incident."),
    )


def _actions(review: Review, t: Translator, zone: ZoneInfo) -> Table:
    rows = []
    for action in review.actions:
        state = t.gettext("Done") if action.done_at else t.gettext("Overdue") if action.overdue else t.gettext("Open")
        if action.done_at is not None:
            state += f" · {_day(t, action.done_at, zone)}"
        if action.carried_over:
            carried = t.gettext("carried over")
            state += f" ({carried})"
        rows.append(
            [
                action.what,
                action.owner_name or t.gettext("nobody yet"),
                NOTHING if action.due_at is None else _day(t, action.due_at, zone),
                state,
            ]
        )
    return Table(
        code="actions",
        title=t.gettext("Action plan"),
        columns=[t.gettext("Action"), t.gettext("Who"), t.gettext("Until"), t.gettext("State")],
        right=[False, False, False, False],
        rows=rows,
        nothing=t.gettext("No action is open."),
    )


def _risks(review: Review, t: Translator) -> Table:
    return Table(
        code="risks",
        title=t.gettext("Risks that stay"),
        columns=[t.gettext("Risk"), t.gettext("Who answers for it"), t.gettext("Decision")],
        right=[False, False, False],
        rows=[
            [
                risk.description,
                risk.owner_name or t.gettext("nobody yet"),
                " · ".join(
                    part
                    for part in (
                        words.treatment(t, risk.treatment),
                        risk.decided_by,
                        None if risk.decided_on is None else t.date(risk.decided_on, width="short"),
                    )
                    if part
                ),
            ]
            for risk in review.risks
        ],
        nothing=t.gettext("No risk is known that stays."),
    )


def _decisions(review: Review, t: Translator) -> Table:
    return Table(
        code="decisions",
        title=t.gettext("What was decided"),
        columns=[t.gettext("Decision"), t.gettext("Reason"), t.gettext("Who"), t.gettext("When")],
        right=[False, False, False, False],
        rows=[
            [line.what, line.why, line.decided_by, t.date(line.decided_on, width="short")] for line in review.decisions
        ],
        nothing=t.gettext("Nothing was decided in this period."),
    )


def _day(t: Translator, at: datetime, zone: ZoneInfo) -> str:
    return t.date(at.astimezone(zone).date(), width="short")
