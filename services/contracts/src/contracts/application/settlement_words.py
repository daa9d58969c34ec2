"""What a settlement says, in the languages of everything that a client reads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from contracts.application.facts import DecidedOutage
from contracts.application.service_desk_words import catalogues
from contracts.domain.delivery_proofs import Status
from shared.i18n import Translator


def _in_each(say: Callable[[Translator], str]) -> dict[str, str]:
    known = catalogues()
    return {language: say(known.translator(language)) for language in known.languages}


def line_words(key: str, parameters: Mapping[str, str], currency: str) -> dict[str, str]:
    """A line's sentence. Raises KeyError for a key that has none."""
    return _in_each(lambda t: _LINES[key](_Line(t, parameters, currency)))


def deliverable_words(state: Status) -> dict[str, str]:
    """What is known of a deliverable."""

    def say(t: Translator) -> str:
        return {
            "proved": t.gettext("delivered, with proof"),
            "never_delivered": t.gettext("promised, without proof"),
            "not_due": t.gettext("not due in this period"),
            "not_called_for": t.gettext("nothing occurred that asked for it"),
        }[state]

    return _in_each(say)


def late_hours_words(language: str) -> str:
    """Why the last settlement of a contract is corrected by itself."""
    return catalogues().translator(language).gettext("Hours were told after the contract had ended.")


def outage_category(decision: DecidedOutage, t: Translator) -> str:
    """What an outage was decided to be, as the end of a sentence."""
    return {
        "agreed_maintenance": t.gettext("agreed maintenance"),
        "client_caused": t.gettext("caused by the client"),
        "third_party": t.gettext("caused by a third party"),
    }[decision.category]


def decision_reason(decisions: Sequence[DecidedOutage], withdrawn: int, language: str, zone: ZoneInfo) -> str:
    """Why a settlement is corrected: outages that count otherwise now, and how many decisions were taken back."""
    t = catalogues().translator(language)
    said = [
        t.gettext(
            "An outage of %(day)s was decided to be %(category)s: %(reason)s",
            day=t.date(decision.starts_at.astimezone(zone).date()),
            category=outage_category(decision, t),
            reason=decision.reason,
        )
        for decision in decisions
    ]
    if withdrawn:
        said.append(
            t.ngettext(
                "%(count)s decision on an outage was withdrawn.",
                "%(count)s decisions on outages were withdrawn.",
                withdrawn,
                count=withdrawn,
            )
        )
    return "\n".join(said)


class _Line:
    """The values of one line, as one language writes them."""

    def __init__(self, translator: Translator, parameters: Mapping[str, str], currency: str) -> None:
        self.t = translator
        self._parameters = parameters
        self._currency = currency

    def named(self, parameter: str) -> str:
        """A text that is there in each language."""
        return self._parameters[f"{parameter}_{self.t.language}"]

    def plain(self, parameter: str) -> str:
        return self._parameters[parameter]

    def money(self, parameter: str) -> str:
        return self.t.money(self._parameters[parameter], self._currency)

    def percent(self, parameter: str) -> str:
        return self.t.percent(self._parameters[parameter])

    def number(self, parameter: str) -> str:
        return self.t.number(self._parameters[parameter])

    def day(self, parameter: str) -> str:
        return self.t.date(date.fromisoformat(self._parameters[parameter]))

    def metric(self) -> str:
        t = self.t
        return {
            "response": t.gettext("response target"),
            "mitigation": t.gettext("workaround target"),
            "repair": t.gettext("repair target"),
            "next_reply": t.gettext("target for the next reply"),
            "post_mortem": t.gettext("target for the post-mortem"),
        }.get(self._parameters["metric"], self._parameters["metric"])


def _fee(line: _Line) -> str:
    return line.t.gettext(
        "Maintenance, %(plan)s, from %(first)s to %(last)s",
        plan=line.named("plan"),
        first=line.day("from"),
        last=line.day("to"),
    )


def _part_of_a_fee(line: _Line) -> str:
    return line.t.gettext(
        "Maintenance, %(plan)s, within %(first)s to %(last)s: %(share)s of a month at %(monthly)s",
        plan=line.named("plan"),
        first=line.day("from"),
        last=line.day("to"),
        share=line.number("share"),
        monthly=line.money("monthly"),
    )


def _fee_while_suspended(line: _Line) -> str:
    return line.t.gettext(
        "Suspended, %(plan)s, within %(first)s to %(last)s: %(share)s of a month at %(monthly)s",
        plan=line.named("plan"),
        first=line.day("from"),
        last=line.day("to"),
        share=line.number("share"),
        monthly=line.money("monthly"),
    )


def _indexation(line: _Line) -> str:
    return line.t.gettext(
        "Price revision, %(plan)s: from %(before)s to %(after)s a month, from %(first)s to %(last)s",
        plan=line.named("plan"),
        before=line.money("before"),
        after=line.money("after"),
        first=line.day("from"),
        last=line.day("to"),
    )


def _discount(line: _Line) -> str:
    return line.t.gettext("Discount: %(name)s", name=line.named("name"))


def _one_off(line: _Line) -> str:
    return line.t.gettext("%(name)s, once, on %(day)s", name=line.named("name"), day=line.day("on"))


def _ticket(line: _Line) -> str:
    return line.t.gettext("Request of %(day)s: %(title)s", day=line.day("on"), title=line.plain("title"))


def _overage(line: _Line) -> str:
    return line.t.gettext(
        "Hours beyond those included, %(month)s: %(time)s at %(rate)s an hour",
        month=line.t.month(date.fromisoformat(line.plain("month"))),
        time=line.t.work(int(line.plain("minutes"))),
        rate=line.money("rate"),
    )


def _uptime_credit(line: _Line) -> str:
    return line.t.gettext(
        "Service credit: uptime of %(measured)s, below %(below)s: %(percent)s of the fee",
        measured=line.percent("measured"),
        below=line.percent("below"),
        percent=line.percent("percent"),
    )


def _penalty(line: _Line) -> str:
    return line.t.gettext(
        "Penalty: %(target)s missed by %(time)s on %(day)s",
        target=line.metric(),
        time=line.t.duration(int(line.plain("overrun")), days=False),
        day=line.day("on"),
    )


def _shared_penalty(line: _Line) -> str:
    return line.t.gettext(
        "Penalty: %(target)s missed by %(time)s on %(day)s, of which the provider bears %(percent)s",
        target=line.metric(),
        time=line.t.duration(int(line.plain("overrun")), days=False),
        day=line.day("on"),
        percent=line.percent("provider_percent"),
    )


def _late(line: _Line) -> str:
    days = int(line.plain("days"))
    return line.t.ngettext(
        "Penalty for lateness: %(title)s, %(count)s day late",
        "Penalty for lateness: %(title)s, %(count)s days late",
        days,
        title=line.named("title"),
    )


def _shared_late(line: _Line) -> str:
    days = int(line.plain("days"))
    return line.t.ngettext(
        "Penalty for lateness: %(title)s, %(count)s day late, of which the provider bears %(percent)s",
        "Penalty for lateness: %(title)s, %(count)s days late, of which the provider bears %(percent)s",
        days,
        title=line.named("title"),
        percent=line.percent("provider_percent"),
    )


def _adjustment(line: _Line) -> str:
    return line.t.gettext("Adjustment: %(text)s", text=line.plain("text"))


_LINES: Mapping[str, Callable[[_Line], str]] = {
    "fee.whole": _fee,
    "fee.part": _part_of_a_fee,
    "fee.suspended": _fee_while_suspended,
    "indexation": _indexation,
    "discount": _discount,
    "one_off": _one_off,
    "ticket": _ticket,
    "overage": _overage,
    "credit.uptime": _uptime_credit,
    "penalty": _penalty,
    "penalty.shared": _shared_penalty,
    "late": _late,
    "late.shared": _shared_late,
    "adjustment": _adjustment,
}
