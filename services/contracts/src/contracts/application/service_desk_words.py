"""What a contract says of its service desk, in sentences: they stand in the document that both parties sign."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from contracts.application.commitments import seconds_of
from contracts.application.service_desk import CRITICALITIES, IMPACTS, EscalationEntry, ServiceDesk
from contracts.application.values import Texts
from shared.i18n import Catalogues, Translator

LOCALE = Path(__file__).parents[1] / "locale"


@cache
def catalogues() -> Catalogues:
    """The texts of this service, read once."""
    return Catalogues.load(LOCALE)


def in_words(
    desk: ServiceDesk, hours: Texts | None, hotline: Texts | None, people: Sequence[str]
) -> dict[str, list[str]]:
    """Language to sentences.

    `hours` and `hotline` are the titles of the response commitment's calendar and of the hotline's; without `hours`
    nothing is counted, so nothing is said of times. `people` are the names of those who are assigned.
    """
    known = catalogues()
    return {
        language: list(_Words(desk, known.translator(language)).sentences(hours, hotline, people))
        for language in known.languages
    }


def desk_sentences(
    desk: ServiceDesk, hours: Texts | None, hotline: Texts | None, people: Sequence[str], t: Translator
) -> list[str]:
    """The sentences of `in_words` in one language."""
    return list(_Words(desk, t).sentences(hours, hotline, people))


def lasting(duration: str, t: Translator) -> str:
    """A duration that `values.Duration` accepts, never in days."""
    return t.duration(seconds_of(duration), days=False)


class _Words:
    def __init__(self, desk: ServiceDesk, translator: Translator) -> None:
        self._desk = desk
        self._t = translator

    def sentences(self, hours: Texts | None, hotline: Texts | None, people: Sequence[str]) -> Iterator[str]:
        yield from self._priority()
        if hours is not None:
            yield self._t.gettext(
                "Times are counted in the open hours of the calendar %(calendar)s.", calendar=self._of(hours)
            )
            yield from self._times()
        yield from self._limits()
        yield from self._people(hotline, people)

    def _priority(self) -> Iterator[str]:
        t, desk = self._t, self._desk
        by_rank = sorted(desk.severities, key=lambda entry: entry.rank)
        yield t.gettext(
            "Severities, the most urgent one first: %(names)s.", names=self._named(entry.code for entry in by_rank)
        )
        severity = {(entry.impact, entry.criticality): entry.severity for entry in desk.priority.matrix}
        for impact in IMPACTS:
            low, medium, high = (self._name(severity[impact, criticality]) for criticality in CRITICALITIES)
            yield t.gettext(
                "Impact on %(what)s: %(low)s when criticality is low, %(medium)s when it is medium, %(high)s when it is"
                " high.",
                what=self._impact(impact),
                low=low,
                medium=medium,
                high=high,
            )
        yield t.gettext(
            "At equal severity the contract has rank %(rank)s in the queue; rank 1 is answered first.",
            rank=desk.priority.rank,
        )
        if desk.priority.decided_by != ["client_decider"]:
            yield t.gettext("The order of the work is decided by: %(people)s.", people=self._deciders())
        if desk.urgent.severities:
            yield t.gettext(
                "Urgent is: %(names)s. When more than %(share)s of the items of %(days)s are urgent, the client decides"
                " which ones come first.",
                names=self._named(desk.urgent.severities),
                share=t.percent(str(desk.urgent.quota_percent)),
                days=self._days(desk.urgent.window_days),
            )

    def _deciders(self) -> str:
        t = self._t
        roles = {
            "client_decider": t.pgettext("role", "decider of the client"),
            "client_staff": t.pgettext("role", "staff of the client"),
            "owner": t.pgettext("role", "owner of the agency"),
            "operator": t.pgettext("role", "operators of the agency"),
        }
        return t.enumeration([roles[role] for role in self._desk.priority.decided_by])

    def _times(self) -> Iterator[str]:
        t, desk = self._t, self._desk
        for target in desk.targets:
            name = self._name(target.severity)
            if target.mitigation is not None:
                yield t.gettext(
                    "%(severity)s: a workaround within %(time)s.", severity=name, time=self._time(target.mitigation)
                )
            if target.next_reply is not None:
                yield t.gettext(
                    "%(severity)s: every further message is answered within %(time)s.",
                    severity=name,
                    time=self._time(target.next_reply),
                )
        for entry in desk.escalation:
            yield self._escalation(entry)
        rule = desk.post_mortem
        if rule.severities:
            yield t.gettext(
                "After every incident of severity %(names)s there is a written post-mortem within %(time)s.",
                names=self._named(rule.severities),
                time=self._time(rule.due),
            )
        yield t.gettext(
            "When an incident happens %(times)s times within %(days)s there is a written post-mortem within %(time)s.",
            times=rule.recurrences,
            days=self._days(rule.within_days),
            time=self._time(rule.due),
        )
        yield t.gettext(
            "What was delivered counts as accepted when the client has not refused it within %(time)s.",
            time=self._time(desk.acceptance.due),
        )

    def _limits(self) -> Iterator[str]:
        t, desk = self._t, self._desk
        yield t.gettext(
            "A micro-evolution takes at most %(time)s of work; what takes longer is a change with an estimate that the"
            " client approves.",
            time=self._t.work(desk.micro_evolution_limit_minutes),
        )
        yield t.gettext(
            "A change takes at most %(time)s of work; what takes longer is split.",
            time=self._t.work(desk.change_size_cap_minutes),
        )
        yield t.gettext(
            "At most %(count)s items wait in the backlog; one that nobody has touched for %(days)s is proposed for"
            " closing.",
            count=desk.backlog.cap,
            days=self._days(desk.backlog.stale_after_days),
        )
        for freeze in desk.freezes:
            yield t.gettext(
                "%(name)s, from %(first)s to %(last)s: no change without an approval of its own.",
                name=freeze.name,
                first=t.date(freeze.from_),
                last=t.date(freeze.to),
            )

    def _people(self, hotline: Texts | None, people: Sequence[str]) -> Iterator[str]:
        t = self._t
        if hotline is not None:
            yield t.gettext(
                "The hotline answers in the open hours of the calendar %(calendar)s.", calendar=self._of(hotline)
            )
        if self._desk.round_the_clock:
            yield t.gettext("Somebody is on call at every hour of every day.")
        if people:
            yield t.gettext("For the client work: %(people)s.", people=t.enumeration(people))

    def _escalation(self, entry: EscalationEntry) -> str:
        role = self._role(entry.role)
        if entry.percent is None:
            return self._t.gettext(
                "Escalation, level %(level)s: %(role)s, when the level before hands the item up.",
                level=entry.level,
                role=role,
            )
        return self._t.gettext(
            "Escalation, level %(level)s: %(role)s, when %(share)s of the time is used.",
            level=entry.level,
            role=role,
            share=self._t.percent(str(entry.percent)),
        )

    def _impact(self, impact: str) -> str:
        return {
            "availability": self._t.pgettext("impact", "availability"),
            "security": self._t.pgettext("impact", "security"),
            "data": self._t.pgettext("impact", "data"),
            "operations": self._t.pgettext("impact", "operations"),
        }[impact]

    def _role(self, role: str) -> str:
        """A role that the agency has made up is called as the agency calls it."""
        known = {
            "on_call": self._t.pgettext("role", "on-call person"),
            "manager": self._t.pgettext("role", "manager"),
            "director": self._t.pgettext("role", "management"),
        }
        return known.get(role, role)

    def _name(self, code: str) -> str:
        entry = next(entry for entry in self._desk.severities if entry.code == code)
        return self._of(entry.names)

    def _of(self, texts: Texts) -> str:
        text: str = getattr(texts, self._t.language)
        return text

    def _named(self, codes: Iterable[str]) -> str:
        return self._t.enumeration([self._name(code) for code in codes])

    def _days(self, count: int) -> str:
        return self._t.ngettext("%(count)s day", "%(count)s days", count)

    def _time(self, duration: str) -> str:
        return lasting(duration, self._t)
