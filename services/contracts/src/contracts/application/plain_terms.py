"""A contract in plain language: what it holds in sentences, and what it does not hold said as clearly."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from contracts.application.calendars import Calendar
from contracts.application.clients import Client
from contracts.application.commitments import TimeOutsideUptime, UptimeCommitment, seconds_of
from contracts.application.contracts import INDICATIVE_NOTICE, Contract, PageOfSite, StatusPage
from contracts.application.errors import Unknown
from contracts.application.hours_terms import HoursRollover
from contracts.application.identity import Tenant
from contracts.application.message_templates import hours_of_contract, hours_table
from contracts.application.obligation_terms import obligation_sentences
from contracts.application.papers import Paper, PaperSection, PaperTable, language_of, spoken, table
from contracts.application.ports import Workspace
from contracts.application.service_desk import ServiceDesk
from contracts.application.service_desk_words import desk_sentences, lasting
from contracts.application.settlement_terms import Credits, Penalties, written_out
from contracts.application.sheet import sheet_of
from contracts.application.sites import Site
from contracts.application.term import Term
from contracts.application.values import Texts
from contracts.application.wording import Paragraphs
from contracts.domain import agreement
from contracts.domain.agreement import PARTIES
from shared.i18n import Translator


@dataclass(frozen=True)
class Written:
    """A contract with everything that its papers name."""

    contract: Contract
    agency: Tenant
    client: Client
    sites: Sequence[Site]
    calendars: Mapping[str, Calendar]
    people: Sequence[str]
    clauses: Sequence[tuple[Texts, Paragraphs | None]]
    indicative: bool
    credits: Credits | None
    penalties: Penalties | None

    @property
    def zone(self) -> ZoneInfo:
        """Where its days begin."""
        return ZoneInfo(self.client.time_zone)


async def written_of(work: Workspace, contract: Contract) -> Written:
    """The contract as its terms are now: those in force, or those of the draft."""
    terms = contract.terms
    client = await work.clients.get(contract.client_id)
    calendars = {}
    for name in _calendars(contract):
        calendar = await work.calendars.by_name(name)
        if calendar is not None:
            calendars[name] = calendar
    clauses = []
    today = agreement.local_date(work.now, client.time_zone)
    for code in () if terms.legal is None else terms.legal.clauses:
        document = await work.signing.documents.by_code(code)
        version = None if document is None else document.in_force(today)
        if document is not None and version is not None:
            clauses.append((document.title, version.text))
    named = await written_out(work, terms)
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    return Written(
        contract=contract,
        agency=await work.tenants.get(work.tenant_id),
        client=client,
        sites=[await work.sites.get(site_id) for site_id in terms.site_ids],
        calendars=calendars,
        people=[] if terms.service_desk is None else await _names(work, terms.service_desk),
        clauses=clauses,
        indicative=plan.price.indicative,
        credits=Credits.model_validate(named["credits"]) if "credits" in named else terms.credits,
        penalties=Penalties.model_validate(named["penalties"]) if "penalties" in named else terms.penalties,
    )


def _calendars(contract: Contract) -> set[str]:
    terms = contract.terms
    found = {
        None if terms.response is None else terms.response.calendar,
        None if terms.service_desk is None else terms.service_desk.hotline_calendar,
        None if terms.offer is None else terms.offer.coverage_calendar,
    }
    return {name for name in found if name is not None}


async def _names(work: Workspace, desk: ServiceDesk) -> list[str]:
    found = []
    for user_id in desk.assigned_user_ids:
        try:
            found.append((await work.users.get(user_id)).name)
        except Unknown:
            continue  # a client may read the contract, and not who works there
    return found


def plain_terms(written: Written, work: Workspace, t: Translator) -> Paper:
    """The contract in the language of the translator. What was not agreed stands in a section of its own."""
    contract = written.contract
    return Paper(
        kind="plain_terms",
        language=language_of(t),
        title=t.gettext("Your contract in plain words"),
        subtitle=f"{contract.number} – {spoken(contract.plan.title, t)}",
        as_of=work.now,
        as_of_in_words=t.datetime(work.now, written.zone),
        notices=_notices(written, t),
        introduction=[],
        sections=[section for section in _Terms(written, t).sections() if not _empty(section)],
        closing=[],
        signature=[],
    )


def _notices(written: Written, t: Translator) -> list[str]:
    signed = {signature.party: signature for signature in written.contract.signatures}
    both = len(signed) == len(PARTIES)
    told = [
        t.gettext("This page explains the contract. What both parties signed is what holds.")
        if both
        else t.gettext("This contract is not signed by both parties yet.")
    ]
    if written.indicative:
        told.append(INDICATIVE_NOTICE[t.language])
    return told


def _empty(section: PaperSection) -> bool:
    return not (section.paragraphs or section.items or section.tables)


def severity_name(code: str, desk: ServiceDesk | None, t: Translator) -> str:
    """A severity as this contract calls it."""
    entries = (ServiceDesk() if desk is None else desk).severities
    names = {entry.code: entry.names for entry in entries}
    return spoken(names[code], t) if code in names else code


def targets_table(written: Written, t: Translator) -> PaperTable | None:
    """How soon somebody starts and how soon it works again, by severity; None where nothing of it was agreed."""
    response = written.contract.terms.response
    if response is None:
        return None
    none = t.gettext("not agreed")

    def said(duration: str | None) -> str:
        return none if duration is None else lasting(duration, t)

    return table(
        [t.gettext("How serious it is"), t.gettext("Somebody starts within"), t.gettext("It works again within")],
        [
            [
                severity_name(target.severity, written.contract.terms.service_desk, t),
                said(target.response),
                said(target.repair),
            ]
            for target in response.targets
        ],
    )


def coverage(written: Written, name: str, t: Translator) -> list[str]:
    """The hours of a calendar as it is now, in sentences."""
    calendar = written.calendars.get(name)
    if calendar is None:
        return []
    hours = calendar.versions[-1].calendar
    said = [
        t.gettext(
            "“%(calendar)s” is in the time zone %(zone)s.", calendar=spoken(calendar.title, t), zone=hours.time_zone
        )
    ]
    if hours.always:
        said.append(t.gettext("Every hour of every day counts."))
    for window in hours.weekly:
        days = {
            "mon": t.gettext("Monday"),
            "tue": t.gettext("Tuesday"),
            "wed": t.gettext("Wednesday"),
            "thu": t.gettext("Thursday"),
            "fri": t.gettext("Friday"),
            "sat": t.gettext("Saturday"),
            "sun": t.gettext("Sunday"),
        }
        dumped = window.model_dump(mode="json", by_alias=True)
        said.append(
            t.gettext(
                "%(days)s: from %(start)s to %(end)s.",
                days=t.enumeration([days[day] for day in window.days]),
                start=dumped["from"],
                end=dumped["to"],
            )
        )
    if hours.holidays is not None:
        said.append(t.gettext("Public holidays (%(country)s) are closed.", country=hours.holidays.country))
    return said


class _Terms:
    def __init__(self, written: Written, t: Translator) -> None:
        self._written = written
        self._terms = written.contract.terms
        self._t = t

    def sections(self) -> Iterator[PaperSection]:
        t, terms = self._t, self._terms
        sheet = sheet_of(self._written.contract, self._written.sites, t)
        yield self._parties()
        codes = {"included": "included", "needs_scoping": "scoped", "excluded": "excluded"}
        for part in sheet.sections:
            yield PaperSection(code=codes[part.code], title=part.title, items=[line.text for line in part.lines])
        yield PaperSection(
            code="status_pages",
            title=t.gettext("Where to see how it is"),
            items=[self._page(page) for page in terms.pages],
        )
        yield self._reaction()
        if terms.uptime is not None:
            yield self._uptime(terms.uptime)
        yield self._hours()
        yield self._price()
        yield self._term(terms.term)
        if terms.service_desk is not None:
            yield PaperSection(
                code="support",
                title=t.gettext("How support works"),
                items=desk_sentences(
                    terms.service_desk,
                    self._title(None if terms.response is None else terms.response.calendar),
                    self._title(terms.service_desk.hotline_calendar),
                    self._written.people,
                    t,
                ),
            )
        if terms.obligations is not None:
            yield PaperSection(
                code="obligations",
                title=t.gettext("What each of us owes by when"),
                items=list(obligation_sentences(terms.obligations, t)),
            )
        yield PaperSection(code="remedies", title=t.gettext("When a promise is missed"), items=list(self._remedies()))
        yield PaperSection(
            code="clauses",
            title=t.gettext("Clauses"),
            paragraphs=[
                line
                for title, text in self._written.clauses
                for line in (spoken(title, t), *([] if text is None else [getattr(text, t.language)]))
            ],
        )
        yield PaperSection(
            code="not_agreed", title=t.gettext("What is not part of this contract"), items=list(self._not_agreed())
        )

    def _title(self, name: str | None) -> Texts | None:
        calendar = None if name is None else self._written.calendars.get(name)
        return None if calendar is None else calendar.title

    def _parties(self) -> PaperSection:
        t, written = self._t, self._written
        said = [
            t.gettext(
                "%(agency)s looks after the systems of %(client)s.",
                agency=written.agency.name,
                client=written.client.name,
            )
        ]
        signatories = self._terms.signatories
        for name, person in ((written.agency.name, signatories.agency), (written.client.name, signatories.client)):
            if person is not None:
                said.append(t.gettext("For %(name)s signs %(person)s.", name=name, person=person.name))
        sheet = sheet_of(written.contract, written.sites, t)
        return PaperSection(
            code="parties",
            title=t.gettext("Who, and for what"),
            paragraphs=said,
            items=[f"{site.name} – {site.kind_in_words}" for site in sheet.sites],
        )

    def _page(self, page: StatusPage) -> str:
        t = self._t
        if not isinstance(page, PageOfSite):
            return t.gettext(
                "“%(name)s” shows everything under this contract (address: %(address)s).",
                name=page.name,
                address=page.slug,
            )
        site = next(site for site in self._written.sites if site.site_id == page.site_id)
        return t.gettext(
            "“%(name)s” shows %(site)s and nothing else (address: %(address)s).",
            name=page.name,
            site=site.name,
            address=page.slug,
        )

    def _reaction(self) -> PaperSection:
        t, response = self._t, self._terms.response
        section = PaperSection(code="reaction", title=t.gettext("How fast we react"))
        targets = targets_table(self._written, t)
        if response is None or targets is None:
            return section
        section.tables = [targets]
        section.paragraphs = [
            t.gettext("The time runs from when a problem is reported or noticed, and only in the hours below."),
            *coverage(self._written, response.calendar, t),
        ]
        if response.pausable:
            section.paragraphs.append(t.gettext("It stands still while we wait for something that only you can give."))
        return section

    def _uptime(self, uptime: UptimeCommitment) -> PaperSection:
        t, rule = self._t, uptime.rule
        items = [_outside(t, "maintenance", rule.maintenance), _outside(t, "unknown", rule.unknown)]
        if seconds_of(rule.minimum_outage):
            items.append(
                t.gettext("An outage shorter than %(time)s does not count.", time=lasting(rule.minimum_outage, t))
            )
        if rule.whole_minutes:
            items.append(t.gettext("Only whole minutes of an outage count."))
        if rule.service_window is not None:
            items.append(t.gettext("Only agreed service hours count, not the whole day."))
        return PaperSection(
            code="uptime",
            title=t.gettext("How much of the time it is up"),
            paragraphs=[
                t.gettext(
                    "Your systems are available at least %(share)s of every month.",
                    share=t.percent(uptime.target_percent),
                )
            ],
            items=items,
        )

    def _hours(self) -> PaperSection:
        t = self._t
        section = PaperSection(code="hours", title=t.gettext("Your monthly hours"))
        block = hours_of_contract(self._written.contract, self._written.sites)
        if block is None:
            return section
        section.tables = [hours_table(block, t)]
        rate = block["overage_rate_per_hour"]
        section.items = [
            t.gettext("The lines share one envelope: only the sum counts.")
            if block["pooled"]
            else t.gettext("Each line stands for itself: hours of one cannot be used for another."),
            _carried_over(HoursRollover.model_validate(block["rollover"]), t),
            t.gettext("Beyond that volume an hour costs %(rate)s.", rate=t.money(rate["amount"], rate["currency"])),
        ]
        return section

    def _price(self) -> PaperSection:
        t, terms = self._t, self._terms
        said = [t.gettext("%(amount)s a month, without VAT.", amount=t.money(terms.price.amount, terms.price.currency))]
        items: list[str] = []
        if terms.commercial is not None:
            said.append(
                t.ngettext(
                    "An invoice is to be paid within %(count)s day.",
                    "An invoice is to be paid within %(count)s days.",
                    terms.commercial.payment_days,
                )
            )
            items = [spoken(condition, t) for condition in terms.commercial.conditions]
        if terms.indexation is not None:
            said.append(
                t.gettext("Once a year the price follows the index %(index)s.", index=terms.indexation.index_name)
            )
        return PaperSection(code="price", title=t.gettext("What it costs"), paragraphs=said, items=items)

    def _term(self, term: Term | None) -> PaperSection:
        t, terms = self._t, self._terms
        said = [t.gettext("It begins on %(day)s.", day=t.date(terms.starts_on))]
        if terms.ends_on is not None:
            said.append(t.gettext("It ends on %(day)s.", day=t.date(terms.ends_on)))
        elif term is None:
            said.append(t.gettext("It runs until one of us ends it."))
        if term is not None:
            said.append(_months(t, "runs", term.initial_months))
            if term.renewal.kind == "tacit" and term.renewal.months is not None:
                said.append(_months(t, "renewed", term.renewal.months))
            elif term.renewal.kind == "express":
                said.append(t.gettext("It goes on only if both of us say so."))
            else:
                said.append(t.gettext("Then it ends."))
            if term.notice_months:
                said.append(_months(t, "notice", term.notice_months))
            if term.early_termination is not None:
                said.append(t.gettext("It can be left earlier by the rule that was signed."))
            said.append(
                t.ngettext(
                    "Whoever is put on notice for a breach has %(count)s day to mend it.",
                    "Whoever is put on notice for a breach has %(count)s days to mend it.",
                    term.cure_days,
                )
            )
        return PaperSection(code="term", title=t.gettext("How long it runs"), paragraphs=said)

    def _remedies(self) -> Iterator[str]:
        t, written = self._t, self._written
        target = None if self._terms.uptime is None else self._terms.uptime.target_percent
        for tier in () if written.credits is None else written.credits.tiers:
            below = tier.below or target
            if below is not None:
                yield t.gettext(
                    "A month below %(share)s of uptime gives you a credit of %(credit)s of the fee.",
                    share=t.percent(below),
                    credit=t.percent(tier.credit_percent),
                )
        for entry in () if written.penalties is None else written.penalties.targets:
            yield t.gettext(
                "%(metric)s missed: %(share)s of the fee for each %(time)s that is begun.",
                metric=metric_name(entry.metric, t),
                share=t.percent(entry.percent_per_started_unit),
                time=lasting(entry.unit, t),
            )
        for right in self._terms.termination_rights or ():
            what = t.gettext("uptime") if right.commitment == "uptime" else metric_name(right.commitment, t)
            if right.within_months is None:
                yield t.gettext(
                    "%(what)s missed %(times)s times in a row: you may leave.", what=what, times=right.misses
                )
            else:
                yield t.gettext(
                    "%(what)s missed %(times)s times within %(months)s months: you may leave.",
                    what=what,
                    times=right.misses,
                    months=right.within_months,
                )

    def _not_agreed(self) -> Iterator[str]:
        t, terms = self._t, self._terms
        missing: Sequence[tuple[Any, str]] = (
            (terms.response, t.gettext("No time to react or to repair was agreed.")),
            (terms.uptime, t.gettext("No availability was agreed.")),
            (
                hours_of_contract(self._written.contract, self._written.sites),
                t.gettext("No monthly hours are included."),
            ),
            (self._written.credits, t.gettext("No credit was agreed for a month of low availability.")),
            (self._written.penalties, t.gettext("No penalty was agreed for a missed target or for lateness.")),
            (terms.continuity, t.gettext("No limit for the loss of data or the time of a restore was agreed.")),
            (terms.indexation, t.gettext("The price follows no index.")),
        )
        for value, sentence in missing:
            if value is None:
                yield sentence


def metric_name(metric: str, t: Translator) -> str:
    """A target as a client reads of it."""
    return {
        "response": t.gettext("response target"),
        "mitigation": t.gettext("workaround target"),
        "repair": t.gettext("repair target"),
        "next_reply": t.gettext("target for the next reply"),
        "post_mortem": t.gettext("target for the post-mortem"),
    }[metric]


def _outside(t: Translator, what: str, how: TimeOutsideUptime) -> str:
    sentences = {
        ("maintenance", "exclude"): t.gettext("Announced maintenance is left out of the count."),
        ("maintenance", "up"): t.gettext("Announced maintenance counts as available."),
        ("maintenance", "down"): t.gettext("Announced maintenance counts as an outage."),
        ("unknown", "exclude"): t.gettext("Time that nobody measured is left out of the count."),
        ("unknown", "up"): t.gettext("Time that nobody measured counts as available."),
        ("unknown", "down"): t.gettext("Time that nobody measured counts as an outage."),
    }
    return sentences[what, how]


def _carried_over(rollover: HoursRollover, t: Translator) -> str:
    if rollover.policy == "none":
        return t.gettext("Hours that are not used by the end of the month are not carried over.")
    if rollover.policy == "one_period":
        return t.gettext("Hours that are not used can still be used in the next month.")
    return t.gettext("Hours that are not used can still be used for %(months)s months.", months=rollover.months)


def _months(t: Translator, what: str, count: int) -> str:
    months = t.ngettext("%(count)s month", "%(count)s months", count)
    return {
        "runs": t.gettext("It runs for %(months)s.", months=months),
        "renewed": t.gettext("It is renewed for %(months)s at a time unless one of us gives notice.", months=months),
        "notice": t.gettext("Notice is given %(months)s before it ends.", months=months),
    }[what]
