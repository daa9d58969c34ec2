"""The draft of a notice of breach: what registers and settlements show, put into a letter for somebody to check.

Nothing is sent and nothing is recorded. Giving notice is a step of its own, with the facts that somebody chose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from contracts.application.facts import number_of_item
from contracts.application.formal_notices import USUAL_CURE_DAYS
from contracts.application.obligations import Breach
from contracts.application.papers import Paper, PaperSection, language_of, spoken, table
from contracts.application.parties import PartyData, party_of
from contracts.application.plain_terms import Written
from contracts.application.ports import Workspace
from contracts.application.register_words import name_in
from contracts.application.settlement_papers import (
    decisions_in_words,
    measured_in_words,
    promised_in_words,
    what_was_promised,
)
from contracts.application.settlements import SettlementContent
from contracts.domain.agreement import Party
from contracts.domain.billing_periods import instants_of
from contracts.domain.contract_term import Days
from shared.i18n import Translator


@dataclass(frozen=True)
class Shown:
    """What the draft is made of: the breaches of the other party, and what was measured of it, in a span of days.

    :param tickets: the numbers of the items of the service desk that breaches are about.
    """

    given_by: Party
    days: Days
    breaches: Sequence[Breach]
    tickets: Mapping[UUID, str]
    settlements: Sequence[SettlementContent]
    agency: PartyData | None
    client: PartyData | None


async def shown_of(
    work: Workspace, written: Written, given_by: Party, days: Days, settlements: Sequence[SettlementContent]
) -> Shown:
    """What is known against the other party. A withdrawn breach is none, nor is one that it does not answer for."""
    contract = written.contract
    span = instants_of(days, written.zone)
    against = "provider" if given_by == "client" else "client"
    found = await work.registers.breaches.between(contract.contract_id, span.start, span.end)
    breaches = [
        breach
        for breach in found
        if breach.party == against
        and breach.status != "withdrawn"
        and (breach.provider_percent if against == "provider" else breach.client_percent)
    ]
    items = {breach.work_item_id for breach in breaches if breach.work_item_id is not None}
    numbers = {item_id: await number_of_item(work, item_id) for item_id in items}
    return Shown(
        given_by=given_by,
        days=days,
        breaches=breaches,
        tickets={item_id: number for item_id, number in numbers.items() if number is not None},
        settlements=settlements if against == "provider" else [],
        agency=(await party_of(work, None)).party,
        client=(await party_of(work, contract.client_id)).party,
    )


def breach_notice(written: Written, shown: Shown, work: Workspace, t: Translator) -> Paper:
    """The letter in the language of the translator."""
    return Paper(
        kind="breach_notice",
        language=language_of(t),
        title=t.gettext("Formal notice (draft)"),
        subtitle=t.gettext(
            "Contract %(number)s, from %(first)s to %(last)s",
            number=written.contract.number,
            first=t.date(shown.days.first),
            last=t.date(shown.days.end - timedelta(days=1)),
        ),
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, written.zone),
        notices=[
            t.gettext("A draft from the registers, and no legal advice. Have it checked before it is sent."),
        ],
        introduction=[],
        sections=list(_sections(written, shown, t)),
        closing=[],
        signature=[],
    )


def _sections(written: Written, shown: Shown, t: Translator) -> Iterator[PaperSection]:
    by_client = shown.given_by == "client"
    agency = _letterhead(shown.agency, written.agency.name)
    client = _letterhead(shown.client, written.client.name)
    sender, addressee = (client, agency) if by_client else (agency, client)
    yield PaperSection(
        code="parties",
        title=t.gettext("From whom to whom"),
        items=[
            t.gettext("From: %(party)s", party=", ".join(sender)),
            t.gettext("To: %(party)s", party=", ".join(addressee)),
        ],
    )
    yield _breaches(written, shown, t)
    missed = [
        (content.period.first, each)
        for content in shown.settlements
        for each in content.commitments
        if each.counted and each.met is False
    ]
    if missed:
        yield PaperSection(
            code="figures",
            title=t.gettext("What was promised and measured"),
            tables=[
                table(
                    [
                        t.gettext("What"),
                        t.gettext("Period from"),
                        t.gettext("Promised"),
                        t.gettext("Measured"),
                    ],
                    [
                        [
                            what_was_promised(each, t),
                            t.date(first),
                            promised_in_words(each, t),
                            measured_in_words(each, t),
                        ]
                        for first, each in missed
                    ],
                    figures=[2, 3],
                )
            ],
            items=decisions_in_words([each for _, each in missed], written.zone, t),
        )
    terms = written.contract.terms
    cure_days = USUAL_CURE_DAYS if terms.term is None else terms.term.cure_days
    yield PaperSection(
        code="demand",
        title=t.gettext("What is asked for"),
        paragraphs=[
            t.ngettext(
                "Mend what is listed within %(count)s day of this notice.",
                "Mend what is listed within %(count)s days of this notice.",
                cure_days,
            )
        ],
    )
    rights = [
        t.gettext("If it is not mended by then, the contract can be terminated for cause."),
        t.gettext("Credits, penalties and damages that are owed stay owed."),
    ]
    yield PaperSection(code="consequences", title=t.gettext("What follows otherwise"), items=rights)


def _breaches(written: Written, shown: Shown, t: Translator) -> PaperSection:
    section = PaperSection(code="breaches", title=t.gettext("What was not kept"))
    if not shown.breaches:
        section.paragraphs = [t.gettext("The register has no breach of this party in these days.")]
        return section
    section.tables = [
        table(
            [
                t.gettext("What"),
                t.gettext("Kind"),
                t.gettext("Due"),
                t.gettext("Done"),
                t.gettext("Share"),
                t.gettext("Ticket"),
            ],
            [
                [
                    _title(breach, t),
                    name_in(t, breach.kind),
                    t.datetime(breach.since, written.zone, width="short"),
                    t.gettext("not yet")
                    if breach.ended_at is None
                    else t.datetime(breach.ended_at, written.zone, width="short"),
                    t.percent(str(breach.provider_percent if breach.party == "provider" else breach.client_percent)),
                    "–" if breach.work_item_id is None else shown.tickets.get(breach.work_item_id, "–"),
                ]
                for breach in shown.breaches
            ],
            figures=[4],
        )
    ]
    return section


def _title(breach: Breach, t: Translator) -> str:
    return spoken(breach.title.model_dump(), t)


def _letterhead(party: PartyData | None, name: str) -> list[str]:
    if party is None:
        return [name]
    address = party.address
    place = " ".join(each for each in (address.postal_code, address.city) if each)
    known = [party.legal_name, party.registration_number, *address.lines, place, address.country]
    return [each for each in known if each]
