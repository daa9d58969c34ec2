"""The settlement statement: for one period what was promised, what was measured, what is owed, and what proves it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from contracts.application.papers import Paper, PaperSection, language_of, table
from contracts.application.plain_terms import metric_name
from contracts.application.ports import Workspace
from contracts.application.register_words import name_in
from contracts.application.settlement_corrections import decisions_of
from contracts.application.settlement_words import outage_category
from contracts.application.settlements import SettledCommitment, SettledLine, SettlementContent
from shared.i18n import Translator

COLUMNS = (
    "code",
    "kind",
    "sentence",
    "quantity",
    "unit",
    "unit_price",
    "amount",
    "currency",
    "vat_category",
    "vat_rate",
)
"""Of the lines as CSV."""


def settlement_statement(
    content: SettlementContent, settlement_hash: str | None, client_name: str, work: Workspace, t: Translator
) -> Paper:
    """The statement of a settlement; without a hash it is of a draft, and says so."""
    period = content.period
    zone = ZoneInfo(period.time_zone)
    notices = [] if settlement_hash else [t.gettext("A draft: it can still change until it is closed.")]
    if content.corrects is not None:
        notices.append(
            t.gettext(
                "Corrects version %(number)s: %(reason)s",
                number=content.corrects.number,
                reason=content.corrects.reason,
            )
        )
    return Paper(
        kind="settlement_statement",
        language=language_of(t),
        title=t.gettext("Statement: promised, measured, owed"),
        subtitle=t.gettext(
            "%(client)s, contract %(number)s, from %(first)s to %(last)s",
            client=client_name,
            number=content.contract_number,
            first=t.date(period.first),
            last=t.date(period.end - timedelta(days=1)),
        ),
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, zone),
        notices=notices,
        introduction=[],
        sections=list(_sections(content, settlement_hash, zone, t)),
        closing=[],
        signature=[],
    )


def _sections(
    content: SettlementContent, settlement_hash: str | None, zone: ZoneInfo, t: Translator
) -> Iterator[PaperSection]:
    promised = PaperSection(code="promised", title=t.gettext("Promised and measured"))
    if content.commitments:
        promised.tables = [
            table(
                [t.gettext("What"), t.gettext("When"), t.gettext("Promised"), t.gettext("Measured"), t.gettext("Kept")],
                [
                    [
                        what_was_promised(each, t),
                        t.datetime(each.at, zone, width="short"),
                        promised_in_words(each, t),
                        measured_in_words(each, t),
                        _kept(each, t),
                    ]
                    for each in content.commitments
                ],
                figures=[2, 3],
            )
        ]
        promised.items = decisions_in_words(content.commitments, zone, t)
    else:
        promised.paragraphs = [t.gettext("Nothing was measured against a promise in this period.")]
    yield promised
    yield _owed(content, t)
    yield _totals(content, t)
    if content.deliverables:
        yield PaperSection(
            code="deliverables",
            title=t.gettext("What was promised, and its proof"),
            tables=[
                table(
                    [t.gettext("What"), t.gettext("State"), t.gettext("Proofs")],
                    [
                        [each.name[t.language], each.in_words[t.language], str(each.proof_count)]
                        for each in content.deliverables
                    ],
                    figures=[2],
                )
            ],
        )
    if content.shared_responsibility:
        yield PaperSection(
            code="responsibility",
            title=t.gettext("Who answers for what"),
            tables=[
                table(
                    [
                        t.gettext("What"),
                        t.gettext("Since"),
                        t.gettext("Provider"),
                        t.gettext("Client"),
                        t.gettext("Third party"),
                        t.gettext("Why"),
                    ],
                    [
                        [
                            name_in(t, each.kind),
                            t.datetime(each.since, zone, width="short"),
                            t.percent(str(each.provider_percent)),
                            t.percent(str(each.client_percent)),
                            t.percent(str(each.third_party_percent)),
                            each.reason,
                        ]
                        for each in content.shared_responsibility
                    ],
                    figures=[2, 3, 4],
                )
            ],
        )
    yield PaperSection(
        code="proof",
        title=t.gettext("Proof"),
        items=[
            t.gettext("Settlement %(id)s, version %(number)s", id=str(content.settlement_id), number=content.number),
            t.gettext("SHA-256 of what was closed: %(hash)s", hash=settlement_hash)
            if settlement_hash
            else t.gettext("Not closed yet: there is no hash."),
            *(
                t.gettext("Signed contract, SHA-256: %(hash)s", hash=each)
                for each in dict.fromkeys(terms.document_hash for terms in content.terms)
            ),
            *(
                t.gettext("%(line)s: records %(ids)s", line=line.code, ids=", ".join(line.events[:10]))
                for line in content.lines
                if line.events
            ),
        ],
    )


def _owed(content: SettlementContent, t: Translator) -> PaperSection:
    return PaperSection(
        code="owed",
        title=t.gettext("What is owed"),
        paragraphs=[] if content.lines else [t.gettext("Nothing is owed for this period.")],
        tables=[
            table(
                [t.gettext("What"), t.gettext("Amount without VAT"), t.gettext("VAT")],
                [
                    [
                        line.text.in_words[t.language],
                        t.money(line.amount, content.currency),
                        "–" if line.tax is None else t.percent(line.tax.rate),
                    ]
                    for line in content.lines
                ],
                figures=[1, 2],
                total=[t.gettext("Sum without VAT"), t.money(content.totals.net, content.currency), ""],
            )
        ]
        if content.lines
        else [],
    )


def _totals(content: SettlementContent, t: Translator) -> PaperSection:
    totals = content.totals
    said = [t.gettext("Without VAT: %(amount)s", amount=t.money(totals.net, content.currency))]
    if totals.tax is not None and totals.gross is not None:
        said.append(t.gettext("VAT: %(amount)s", amount=t.money(totals.tax, content.currency)))
        said.append(t.gettext("With VAT: %(amount)s", amount=t.money(totals.gross, content.currency)))
    else:
        said.append(t.gettext("The contract agrees on no VAT for some of it."))
    return PaperSection(code="totals", title=t.gettext("Totals"), items=said)


def what_was_promised(commitment: SettledCommitment, t: Translator) -> str:
    """Which promise, and of what: an environment's uptime, or a clock of the item with this number."""
    kind = commitment.kind
    name = (
        metric_name(kind, t)
        if kind in ("response", "mitigation", "repair", "next_reply", "post_mortem")
        else t.gettext("uptime")
    )
    return f"{name} – {commitment.subject}"


def _figure(commitment: SettledCommitment, figure: str | None, t: Translator) -> str:
    if figure is None:
        return "–"
    return t.percent(figure) if commitment.kind == "uptime" else t.duration(Decimal(figure), days=False)


def promised_in_words(commitment: SettledCommitment, t: Translator) -> str:
    """``99,9 %`` of an uptime, ``30 minutes`` of a clock."""
    return _figure(commitment, commitment.target, t)


def measured_in_words(commitment: SettledCommitment, t: Translator) -> str:
    """``99,97 %`` of an uptime, ``2 hours and 14 minutes late`` of a clock that missed.

    Of an uptime that rests on decisions both figures: ``100 % (99,12 % before decisions)``.
    """
    before = commitment.why.get("as_measured")
    if before is not None:
        return t.gettext(
            "%(figure)s (%(before)s before decisions)",
            figure=_figure(commitment, commitment.measured, t),
            before=_figure(commitment, before["measured"], t),
        )
    if commitment.measured is None or commitment.kind == "uptime":
        return _figure(commitment, commitment.measured, t)
    return t.gettext("%(time)s late", time=_figure(commitment, commitment.measured, t))


def decisions_in_words(commitments: Iterable[SettledCommitment], zone: ZoneInfo, t: Translator) -> list[str]:
    """Who decided what about the outages behind these figures, and why; the earliest outage first."""
    return [
        t.gettext(
            "Decision of %(person)s on %(day)s: the outage from %(start)s to %(end)s counts as %(category)s."
            " Reason: %(reason)s",
            person=decision.approved_by,
            day=t.date(decision.approved_at.astimezone(zone).date()),
            start=t.datetime(decision.starts_at, zone, width="short"),
            end=t.datetime(decision.ends_at, zone, width="short"),
            category=outage_category(decision, t),
            reason=decision.reason,
        )
        for decision in sorted(decisions_of(commitments).values(), key=lambda each: each.starts_at)
    ]


def _kept(commitment: SettledCommitment, t: Translator) -> str:
    if not commitment.counted:
        return t.gettext("not promised then")
    if commitment.met is None:
        return t.gettext("not known")
    return t.gettext("yes") if commitment.met else t.gettext("no")


def line_cells(content: SettlementContent, line: SettledLine, language: str) -> list[object]:
    """A line as CSV; figures are figures, so that their sign needs no apostrophe."""
    return [
        line.code,
        line.kind,
        line.text.in_words[language],
        Decimal(line.quantity),
        line.unit,
        Decimal(line.unit_price),
        Decimal(line.amount),
        content.currency,
        "" if line.tax is None else line.tax.category,
        "" if line.tax is None else Decimal(line.tax.rate),
    ]
