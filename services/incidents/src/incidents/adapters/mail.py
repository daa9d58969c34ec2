"""Mail: from an incident to a message in the reader's language."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from incidents.application.ports import ClockView, ContractFacts
from incidents.domain.storm_brake import SUMMARY_EVERY
from incidents.domain.work_item import Kind, Milestone, Severity, WorkItem
from shared.i18n import Catalogues, Translator
from shared.mail import SUBJECT_LENGTH, one_line
from shared.values import seconds

MESSAGES = Path(__file__).parent / "messages"
LOCALE = Path(__file__).parents[1] / "locale"

LISTED = 50
"""How many facts a message names that tells several; the count is of all."""


_PATHS = {Kind.INCIDENT: "incidents", Kind.REQUEST: "requests", Kind.CHANGE: "changes", Kind.WORK_ORDER: "work-orders"}


class Writer:
    """Writes messages from templates and catalogues, both read once at start.

    `public_url` is where this service is reached, for the addresses of items.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._catalogues = Catalogues.load(LOCALE)
        self._environments: dict[str, Environment] = {}

    def write(
        self,
        kind: str,
        language: str,
        *,
        incident: WorkItem,
        contract: ContractFacts | None,
        clocks: Sequence[ClockView],
        outage: Mapping[str, Any] | None,
        details: Mapping[str, Any],
        time_zone: str | None = None,
    ) -> tuple[str, str]:
        """Subject and body of a message about an incident, in its reader's language and zone (None: the client's).

        `details` are those of the notification: the clock and the percentage that a warning is about.
        """
        translator = self._catalogues.translator(language)
        text = self._environment(translator).get_template(f"{kind}.txt")
        zone = ZoneInfo(time_zone or (contract.time_zone if contract else "UTC"))
        words = _Words(translator, zone, incident.detected_at)
        told = {view.id: words.clock(view) for view in clocks}
        rendered = text.render(
            title=one_line(incident.title),
            number=incident.number,
            description=incident.description if outage is None else "",
            client=contract.client_name if contract else "–",
            contract=contract.number if contract else "–",
            site=contract.sites.get(incident.subject.site_id) if contract and incident.subject.site_id else None,
            severity=words.severity(incident.severity, contract),
            first_failure=words.stamp(incident, Milestone.FIRST_FAILURE),
            detected=words.stamp(incident, Milestone.DETECTED),
            resolved=words.stamp(incident, Milestone.RESOLVED),
            recovered=words.stamp(incident, Milestone.RECOVERED),
            lasted=words.lasted(incident),
            outage=outage,
            reason=words.reason(outage) if outage is not None else None,
            url=(outage or {}).get("url"),
            counts=incident.subject.counts_for_sla,
            clocks=[clock for clock in told.values() if clock["due"] is not None],
            clock=next((clock for key, clock in told.items() if str(key) == details.get("clock_id")), None),
            share=translator.percent(str(details.get("percent", 0))),
            level=details.get("level"),
            reopened=words.stamp(incident, Milestone.RELAPSED) or words.stamp(incident, Milestone.REOPENED),
            note=details.get("note"),
            zone=words.zone,
        )
        subject, _, body = rendered.strip().partition("\n")
        return one_line(f"[{incident.number}] {subject}")[:SUBJECT_LENGTH], body.strip() + "\n"

    def write_together(
        self, told: Sequence[tuple[WorkItem, str]], kinds: Collection[str], language: str
    ) -> tuple[str, str]:
        """Subject and body of one message about several facts; `told` has the item of each and what it said alone."""
        translator = self._catalogues.translator(language)
        shown = [(subject, f"{self._public_url}/v1/{_PATHS[item.kind]}/{item.id}") for item, subject in told[:LISTED]]
        text = self._environment(translator).get_template("together.txt")
        rendered = text.render(
            count=len(told),
            opened=set(kinds) == {"opened"},
            told=shown,
            more=len(told) - len(shown),
            every=translator.duration(SUMMARY_EVERY.total_seconds()),
        )
        subject, _, body = rendered.strip().partition("\n")
        return one_line(subject)[:SUBJECT_LENGTH], body.strip() + "\n"

    def links(self, links: Mapping[str, str], language: str) -> str:
        """What is written below a message that asks somebody to take items: number → link."""
        if not links:
            return ""
        gettext = self._catalogues.translator(language).gettext
        lines = [gettext("I take %(number)s: %(link)s", number=number, link=link) for number, link in links.items()]
        return "\n" + "\n".join(lines) + "\n"

    def _environment(self, translator: Translator) -> Environment:
        if translator.language not in self._environments:
            environment = Environment(  # nosec B701
                loader=FileSystemLoader(MESSAGES),
                autoescape=False,  # noqa: S701 - plain text: what is written is not markup
                undefined=StrictUndefined,
                trim_blocks=True,
                extensions=["jinja2.ext.i18n"],
            )
            callables = translator.jinja_callables()
            environment.install_gettext_callables(  # type: ignore[attr-defined]
                callables.gettext,
                callables.ngettext,
                newstyle=True,
                pgettext=callables.pgettext,
                npgettext=callables.npgettext,
            )
            self._environments[translator.language] = environment
        return self._environments[translator.language]


@dataclass(frozen=True)
class _Words:
    """Figures and words of one message in its language and zone."""

    translator: Translator
    time_zone: ZoneInfo
    around: datetime

    @property
    def zone(self) -> str:
        return self.translator.zone(self.time_zone, self.around)

    def stamp(self, incident: WorkItem, milestone: Milestone) -> str | None:
        stamp = incident.stamps.get(milestone)
        return self.translator.datetime(stamp.at, self.time_zone) if stamp else None

    def lasted(self, incident: WorkItem) -> str | None:
        began, ended = (incident.stamps.get(m) for m in (Milestone.FIRST_FAILURE, Milestone.RECOVERED))
        if began is None or ended is None:
            return None
        return self.translator.duration(float(seconds(ended.at - began.at)))

    def clock(self, view: ClockView) -> dict[str, str | None]:
        due = view.reading.due_at
        return {
            "metric": view.metric.value,
            "due": self.translator.datetime(due, self.time_zone) if due else None,
            "target": self.translator.duration(float(seconds(view.reading.target)), days=False),
        }

    def severity(self, severity: str, contract: ContractFacts | None) -> str:
        """The word for a severity: the contract's own name for it, else ours."""
        own = (contract.severities if contract is not None else {}).get(severity, {})
        if self.translator.language in own:
            return own[self.translator.language]
        gettext = self.translator.gettext
        words: dict[str, str] = {
            Severity.CRITICAL: gettext("critical"),
            Severity.MAJOR: gettext("major"),
            Severity.MINOR: gettext("minor"),
            Severity.TEMPORARY: gettext("temporary"),
        }
        return words.get(severity, severity)

    def reason(self, outage: Mapping[str, Any]) -> str:
        gettext = self.translator.gettext
        words = {
            "dns": gettext("the name is not found"),
            "connect": gettext("no connection"),
            "tls": gettext("the secure connection fails"),
            "timeout": gettext("no answer in time"),
            "http_status": gettext("an error answer"),
            "content": gettext("unexpected content"),
            "address_refused": gettext("the address is not allowed"),
            "protocol": gettext("a faulty answer"),
            "redirect": gettext("a faulty redirect"),
            "invalid_target": gettext("an invalid address"),
            "certificate": gettext("the certificate is not valid"),
            "answer": gettext("the request is refused"),
            "threshold": gettext("beyond the agreed limit"),
            "stale": gettext("out of date"),
            "missing": gettext("an expected report is missing"),
            "reported": gettext("a failure was reported"),
            "unreachable": gettext("not reachable"),
        }
        code = str(outage.get("reason", ""))
        word = words.get(code, code)
        detail = one_line(str(outage.get("detail") or ""))
        return f"{word} ({detail})" if detail else word
