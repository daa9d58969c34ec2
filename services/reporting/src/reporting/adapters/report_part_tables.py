"""The tables of a report beyond uptime and incidents: work, hours, deliverables, advice, amounts, what was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.adapters.sheet import NOTHING, Table
from reporting.application.report_parts import HoursPart, ReportParts, SettlementPart, WorkLine
from reporting.domain.pillars import PILLARS, pillar_of_work
from shared.i18n import Translator


def part_tables(parts: ReportParts, t: Translator, zone: ZoneInfo, *, pillars: bool) -> list[Table]:
    """The tables; with `pillars` work is told in one table for each pillar that has any."""
    tables = []
    if pillars:
        for pillar in PILLARS:
            lines = [line for line in parts.work if pillar_of_work(line.kind, line.category) == pillar]
            if lines:
                tables.append(_work(lines, t, zone, f"work/{pillar}"))
    else:
        tables.append(_work(parts.work, t, zone, "work"))
    if parts.hours is not None:
        tables += hours_tables(parts.hours, t)
    return [
        *tables,
        _deliverables(parts, t),
        _advisories(parts, t, zone),
        *([] if parts.settlement is None else [_owed(parts.settlement, t)]),
        _sent(parts, t, zone),
    ]


def in_language(texts: Mapping[str, str], t: Translator, otherwise: str) -> str:
    """A text in the reader's language, else in another one, else what is there instead."""
    return texts.get(t.language) or next(iter(texts.values()), "") or otherwise


def minutes(t: Translator, count: int | None) -> str:
    """Minutes of work as hours and minutes."""
    return NOTHING if count is None else t.work(count, width="short")


def _when(t: Translator, at: datetime | None, zone: ZoneInfo) -> str:
    return NOTHING if at is None else t.datetime(at, zone, width="short")


def _work(lines: Sequence[WorkLine], t: Translator, zone: ZoneInfo, code: str) -> Table:
    return Table(
        code=code,
        title=t.gettext("Work done and trouble prevented"),
        columns=[t.gettext("Work"), t.gettext("Kind"), t.gettext("Done")],
        right=[False, False, False],
        rows=[
            [
                " · ".join(part for part in (line.number, line.title) if part),
                words.work_kind(t, line.kind, line.category),
                t.datetime(line.at, zone, width="short"),
            ]
            for line in lines
        ],
        nothing=t.gettext("No work was recorded for this period."),
    )


def _hours_title(hours: HoursPart, t: Translator) -> str:
    if hours.status == "worked":
        return t.gettext("Hours worked; what is left is known once they are closed")
    if hours.pooled:
        return t.gettext("Hours, shared by all lines: what one leaves serves the others")
    return t.gettext("Hours")


def hours_tables(hours: HoursPart, t: Translator) -> list[Table]:
    """The hours by line, with their sum, and by ticket."""
    rows = [
        [
            in_language(line.name, t, line.code),
            minutes(t, line.included_minutes),
            minutes(t, line.real_minutes),
            minutes(t, line.accounted_minutes),
            minutes(t, line.remaining_minutes),
            minutes(t, line.overage_minutes),
        ]
        for line in hours.lines
    ]
    if rows:
        rows.append(
            [
                t.gettext("Together"),
                minutes(t, hours.available_minutes),
                minutes(t, hours.real_minutes),
                minutes(t, hours.accounted_minutes),
                minutes(t, hours.remaining_minutes),
                minutes(t, hours.overage_minutes),
            ]
        )
    names = {line.code: in_language(line.name, t, line.code) for line in hours.lines}
    tables = [
        Table(
            code="hours",
            title=_hours_title(hours, t),
            columns=[
                t.gettext("Line"),
                t.gettext("Included"),
                t.gettext("Worked"),
                t.gettext("Used"),
                t.gettext("Left"),
                t.gettext("Beyond"),
            ],
            right=[False, True, True, True, True, True],
            rows=rows,
            nothing=t.gettext("No hours were worked."),
        )
    ]
    if hours.tickets:
        tables.append(
            Table(
                code="hours/tickets",
                title=t.gettext("Hours by ticket"),
                columns=[t.gettext("Ticket"), t.gettext("Line"), t.gettext("Worked")],
                right=[False, False, True],
                rows=[
                    [
                        " · ".join(part for part in (ticket.number, ticket.title) if part)
                        or t.gettext("without a ticket"),
                        names.get(ticket.line, ticket.line),
                        minutes(t, ticket.real_minutes),
                    ]
                    for ticket in hours.tickets
                ],
                nothing="",
            )
        )
    return tables


def _deliverables(parts: ReportParts, t: Translator) -> Table:
    rows = []
    for line in parts.deliverables:
        newest = line.proofs[0] if line.proofs else None
        proofs = t.ngettext("%(count)s proof", "%(count)s proofs", line.proof_count, count=line.proof_count)
        rows.append(
            [
                in_language(line.name, t, line.code),
                words.deliverable_state(t, line.state),
                NOTHING
                if newest is None
                else " · ".join((proofs, t.date(newest.on, width="short"), words.proof_of_delivery(t, newest.what))),
            ]
        )
    return Table(
        code="deliverables",
        title=t.gettext("Deliverables with their proofs"),
        columns=[t.gettext("Deliverable"), t.gettext("State"), t.gettext("Proof")],
        right=[False, False, False],
        rows=rows,
        nothing=t.gettext("The month is not settled yet; the next edition lists what was delivered, with its proofs."),
    )


def _advisories(parts: ReportParts, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="advisories",
        title=t.gettext("Our advice"),
        columns=[
            t.gettext("Advice"),
            t.gettext("State"),
            t.gettext("Given"),
            t.gettext("Delivered"),
            t.gettext("Answered"),
        ],
        right=[False, False, False, False, False],
        rows=[
            [
                in_language(line.title, t, line.kind),
                words.advisory_status(t, line.status),
                _when(t, line.issued_at, zone),
                _when(t, line.delivered_at, zone),
                _when(t, line.answered_at or line.acknowledged_at, zone),
            ]
            for line in parts.advisories
        ],
        nothing=t.gettext("There is no advice that waits for an answer."),
    )


def _owed(owed: SettlementPart, t: Translator) -> Table:
    def money(amount: str | None) -> str:
        return NOTHING if amount is None else t.money(amount, owed.currency)

    sums = [
        (t.gettext("Without VAT"), owed.net),
        (t.gettext("VAT"), owed.tax),
        (t.gettext("With VAT"), owed.gross),
    ]
    return Table(
        code="settlement",
        title=t.gettext("What is owed"),
        columns=[t.gettext("Amount for"), t.gettext("Amount")],
        right=[False, True],
        rows=[
            *([in_language(line.text, t, line.code), money(line.amount)] for line in owed.lines),
            *([label, money(amount)] for label, amount in sums),
        ],
        nothing="",
    )


def _sent(parts: ReportParts, t: Translator, zone: ZoneInfo) -> Table:
    return Table(
        code="sent",
        title=t.gettext("Reports that were sent to you"),
        columns=[t.gettext("Report"), t.gettext("Delivered"), t.gettext("Opened")],
        right=[False, False, False],
        rows=[
            [
                t.gettext("%(month)s, edition %(edition)s", month=t.month(line.month), edition=line.edition),
                _when(t, line.delivered_at, zone),
                _when(t, line.seen_at, zone),
            ]
            for line in parts.sent
        ],
        nothing=t.gettext("No report was sent in this period."),
    )
