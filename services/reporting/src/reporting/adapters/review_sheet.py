"""A review as its page."""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.adapters.portal_words import months
from reporting.adapters.report_part_tables import in_language, minutes
from reporting.adapters.report_sheet import changes_table, decisions_table, edition_line, paragraphs
from reporting.adapters.sheet import NOTHING, Group, ReportSheet, Table, Tile, colours_of
from reporting.application.report import Brand
from reporting.application.report_template import DocumentSection, DocumentTemplateContent
from reporting.application.review import Review, ReviewFigure, ReviewMonth, ReviewNotes
from reporting.application.review_editions import IssuedReview, ReviewEdition
from reporting.domain.report_template import filled
from reporting.domain.review_periods import ReviewKind
from shared.i18n import Translator


def review_sheet(issued: IssuedReview, t: Translator) -> ReportSheet:
    """The page of an edition, in the agency's texts and order as they were on the day of issue."""
    edition, review = issued.edition, issued.edition.report
    zone = ZoneInfo(review.time_zone)
    texts, values = issued.template.texts(t.language), review_values(edition, t)
    changes = [changes_table(edition.reason, edition.changes, t, zone)] if edition.changes else []
    page = _sheet(review, edition.notes, issued.brand, issued.template, t)
    return page.model_copy(
        update={
            "edition": " ".join((edition_line(edition, t, zone), page.edition)),
            "introduction": paragraphs(filled(texts.introduction or "", values)),
            "groups": [*([Group(title="", tables=changes, nothing="")] if changes else []), *page.groups],
            "closing": paragraphs(filled(texts.closing or "", values)),
        }
    )


def preview_sheet(
    review: Review, notes: ReviewNotes, brand: Brand, template: DocumentTemplateContent, t: Translator
) -> ReportSheet:
    """The page while no edition was issued, which says so; the agency's own texts come with an edition."""
    page = _sheet(review, notes, brand, template, t)
    preview = t.gettext("This is a preview: it may read otherwise tomorrow, until the review is issued.")
    return page.model_copy(update={"edition": " ".join(part for part in (preview, page.edition) if part)})


def review_values(edition: ReviewEdition, t: Translator) -> dict[str, str | None]:
    """What the variables of a template stand for in any review."""
    contract = edition.report.contract
    return {
        "CLIENT": contract.client_name,
        "AGENCY": contract.agency_name,
        "CONTRACT": contract.number,
        "PERIOD": review_period(edition.report, t),
        "EDITION": str(edition.edition),
    }


def _sheet(
    review: Review, notes: ReviewNotes, brand: Brand, template: DocumentTemplateContent, t: Translator
) -> ReportSheet:
    """The sections of its kind, each there and saying so when it is empty."""
    zone = ZoneInfo(review.time_zone)
    contract = review.contract
    return ReportSheet(
        language="fr" if t.language == "fr" else "en",
        title=review_title(review.kind, t),
        author=contract.agency_name,
        colours=colours_of(brand),
        subtitle=" · ".join(
            (
                contract.client_name,
                t.gettext("contract %(number)s", number=contract.number),
                in_language(contract.plan_name, t, contract.plan_code),
            )
        ),
        period=review_period(review, t),
        edition=_made_of(review, t),
        introduction=[],
        commentary_title="",
        commentary=[],
        summary_title=t.gettext("In short"),
        tiles=_tiles(review, t),
        charts=[],
        groups=_groups(review, notes, template, t, zone),
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


def review_title(kind: ReviewKind, t: Translator) -> str:
    """What a review is called."""
    match kind:
        case "quarterly":
            return t.gettext("Quarterly review")
        case "annual":
            return t.gettext("Annual review")
        case "institutional":
            return t.gettext("Report on incidents, actions and risks")
        case _:
            assert_never(kind)


def review_period(review: Review, t: Translator) -> str:
    """Its months."""
    return months(t, review.first_month, review.last_month)


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


def _groups(
    review: Review, notes: ReviewNotes, template: DocumentTemplateContent, t: Translator, zone: ZoneInfo
) -> list[Group]:
    sections = (
        _institutional_sections(review, notes, t, zone)
        if review.kind == "institutional"
        else _sections(review, notes, t, zone)
    )
    return [sections[name] for name in template.order if name in sections]


def _sections(review: Review, notes: ReviewNotes, t: Translator, zone: ZoneInfo) -> Mapping[DocumentSection, Group]:
    return {
        "trends": Group(
            title=t.gettext("Trends"),
            tables=[
                _trends(review, t),
                _months(review, t),
                *([_environments(review, t, zone)] if _has_several(review) else []),
                *_outage_decisions(review, t, zone),
            ],
            nothing="",
        ),
        "recommendations": Group(
            title=t.gettext("Recommendations"),
            paragraphs=paragraphs(notes.said("recommendations", t.language)),
            tables=[_recommendations(review, t, zone)] if review.recommendations else [],
            nothing=t.gettext("There is nothing to recommend for this period."),
        ),
        "next_steps": Group(
            title=t.gettext("Next steps"),
            paragraphs=paragraphs(notes.said("next_steps", t.language)),
            tables=[_actions(review, t, zone)],
            nothing="",
        ),
    }


def _institutional_sections(
    review: Review, notes: ReviewNotes, t: Translator, zone: ZoneInfo
) -> Mapping[DocumentSection, Group]:
    """What institutions ask for, and what the agency says beside it where it does."""
    sections: dict[DocumentSection, Group] = {
        "incidents": Group(title=t.gettext("Incidents"), tables=[_incidents(review, t, zone)], nothing=""),
        "actions": Group(title=t.gettext("Actions"), tables=[_actions(review, t, zone)], nothing=""),
        "risks": Group(title=t.gettext("Risks"), tables=[_risks(review, t)], nothing=""),
        "decisions": Group(title=t.gettext("Decisions"), tables=[_decisions(review, t)], nothing=""),
    }
    recommended, planned = notes.said("recommendations", t.language), notes.said("next_steps", t.language)
    if recommended:
        sections["recommendations"] = Group(
            title=t.gettext("Recommendations"), paragraphs=paragraphs(recommended), tables=[], nothing=""
        )
    if planned:
        sections["next_steps"] = Group(
            title=t.gettext("Next steps"), paragraphs=paragraphs(planned), tables=[], nothing=""
        )
    return sections


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
                _uptimes(month, t, several=_has_several(review)),
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


def _has_several(review: Review) -> bool:
    """Whether its figures are of more than one environment, or of more than one stretch of a month."""
    of = {each.environment_id for month in review.months for each in month.figures}
    return len(of) > 1 or any(len(month.figures) > 1 for month in review.months)


def _uptimes(month: ReviewMonth, t: Translator, *, several: bool) -> str:
    """The one figure, or how many the next table has: a figure is never shown without saying of what it is."""
    if several and month.figures:
        count = len(month.figures)
        return t.ngettext("%(count)s figure, below", "%(count)s figures, below", count, count=count)
    return " · ".join(_uptime(each, t) for each in month.figures) or NOTHING


def _environments(review: Review, t: Translator, zone: ZoneInfo) -> Table:
    """Each environment with its months; one whose promise changed within a month has a line for each stretch."""
    found = [(each, month) for month in review.months for each in month.figures]
    return Table(
        code="environments",
        title=t.gettext("Availability by environment"),
        columns=[
            t.gettext("Environment"),
            t.gettext("Month"),
            t.gettext("Availability"),
            t.gettext("Promised"),
            t.gettext("Verdict"),
        ],
        right=[False, False, True, True, False],
        rows=[
            [
                figure.environment,
                _month_of(figure, month, t, zone),
                _uptime(figure, t),
                _percent(figure.target_percent, t),
                _met(figure.met, t),
            ]
            for figure, month in sorted(found, key=lambda each: (each[0].environment, each[0].from_))
        ],
        nothing="",
    )


def _month_of(figure: ReviewFigure, month: ReviewMonth, t: Translator, zone: ZoneInfo) -> str:
    of_month = [each.from_ for each in month.figures if each.environment_id == figure.environment_id]
    named = t.month(month.month)
    if len(of_month) == 1:
        return named
    return t.gettext("%(month)s, from %(instant)s", month=named, instant=t.datetime(figure.from_, zone, width="short"))


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
