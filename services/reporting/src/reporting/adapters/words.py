"""Codes in words. Every text is a literal here, so that the catalogues are known to be complete."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from reporting.application.editions import AS_MEASURED
from reporting.application.page_updates import Language
from reporting.application.report import Moment
from reporting.application.status_page import PublicComponent, PublicDay, StatusPageContent
from shared.i18n import Translator
from shared.values import parse_duration

_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def language_name(code: str) -> str:
    """A language in itself."""
    return {"fr": "Français", "en": "English"}.get(code, code)


def labelled(t: Translator, label: str, text: str) -> str:
    """``Net: €300.00``; in French a space that does not break stands before the colon."""
    return t.gettext("%(label)s: %(text)s", label=label, text=text)


def state(t: Translator, code: str) -> str:
    """A state of a component or of a stretch of time."""
    words = {
        "up": t.pgettext("state", "Operational"),
        "down": t.pgettext("state", "Unavailable"),
        "degraded": t.pgettext("state", "Degraded"),
        "partial": t.pgettext("state", "Partly unavailable"),
        "maintenance": t.pgettext("state", "Under maintenance"),
        "unknown": t.pgettext("state", "Unknown"),
        "paused": t.pgettext("state", "Not monitored"),
    }
    return words[code]


def decided(t: Translator) -> str:
    """The state of time that was measured as unavailable and counts otherwise by a decision."""
    return t.pgettext("state", "Unavailable, counted by decision")


def category(t: Translator, code: str) -> str:
    """What two people decided that an outage was."""
    words = {
        "agreed_maintenance": t.pgettext("decision", "Agreed maintenance"),
        "client_caused": t.pgettext("decision", "Caused by the client"),
        "third_party": t.pgettext("decision", "Caused by a third party"),
    }
    return words[code]


def headline(t: Translator, code: str) -> str:
    """The page in one line."""
    words = {
        "operational": t.gettext("All systems are operational"),
        "degraded": t.gettext("Some systems are degraded"),
        "partial_outage": t.gettext("Some systems are unavailable"),
        "major_outage": t.gettext("The service is unavailable"),
        "unknown": t.gettext("The state of some systems is not known at the moment"),
        "maintenance": t.gettext("Planned maintenance is in progress"),
        "paused": t.gettext("Monitoring is suspended"),
        "ended": t.gettext("Monitoring has ended"),
    }
    return words[code]


def page_headline(t: Translator, page: StatusPageContent) -> str:
    """A status page in one line. That nothing was ever watched does not change by waiting a moment."""
    return t.gettext("No system is monitored here") if page.unwatched else headline(t, page.status.headline)


def component_state(t: Translator, component: PublicComponent) -> str:
    """What visitors are told of a component."""
    return state(t, "paused" if component.unwatched else component.shown_state)


def tone(code: str) -> str:
    """The colour family of a state, a headline, or a verdict: good, warn, bad, none."""
    return {
        "up": "good",
        "operational": "good",
        "met": "good",
        "resolved": "good",
        "closed": "good",
        "down": "bad",
        "major": "bad",
        "partial": "bad",
        "major_outage": "bad",
        "partial_outage": "bad",
        "breached": "bad",
        "missed": "bad",
        "degraded": "warn",
        "maintenance": "warn",
    }.get(code, "none")


def public_incident_status(t: Translator, code: str) -> str:
    """A step in the life of an incident, for visitors."""
    words = {
        "investigating": t.pgettext("incident", "We are looking into it"),
        "identified": t.pgettext("incident", "A technician is working on it"),
        "monitoring": t.pgettext("incident", "Service is back, we are watching it"),
        "resolved": t.pgettext("incident", "Resolved"),
    }
    return words[code]


def public_step(t: Translator, status: str, measured: str | None) -> str:
    """The same, and of an outage that was not seen to end what was measured from then on."""
    words = {
        "down": t.pgettext("incident", "Still unavailable"),
        "degraded": t.pgettext("incident", "Our checks from several places disagree"),
        "unknown": t.pgettext("incident", "Our checks bring no result"),
        "maintenance": t.pgettext("incident", "Planned maintenance has begun"),
        "paused": t.pgettext("incident", "No longer monitored"),
    }
    return words[measured] if measured is not None else public_incident_status(t, status)


def told(t: Translator, texts: Mapping[Language, str]) -> tuple[str, str]:
    """What people told visitors, with its language: the reader's, or the other one when it was not told in his."""
    language, text = next(
        ((each, text) for each, text in texts.items() if each == t.language), next(iter(texts.items()))
    )
    return language, text


def maintenance_status(t: Translator, code: str) -> str:
    """How far planned work is."""
    words = {
        "scheduled": t.pgettext("maintenance", "Planned"),
        "in_progress": t.pgettext("maintenance", "In progress"),
        "completed": t.pgettext("maintenance", "Completed"),
    }
    return words[code]


def milliseconds(t: Translator, length: float) -> str:
    """A response time for people: whole milliseconds below a second, then seconds with two decimals, half up."""
    exact = Decimal(str(length))
    if exact.quantize(Decimal(1), ROUND_HALF_UP) < 1_000:
        return t.gettext("%(figure)s ms", figure=t.number(str(exact.quantize(Decimal(1), ROUND_HALF_UP))))
    in_seconds = (exact / 1_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return t.gettext("%(figure)s s", figure=t.number(str(in_seconds)))


def outage_title(t: Translator, component: str, *, over: bool) -> str:
    """An outage in one line."""
    if over:
        return t.gettext("%(component)s was unavailable", component=component)
    return t.gettext("%(component)s is unavailable", component=component)


def impact(t: Translator, code: str) -> str:
    """What people say that an incident does to a component: as a state of it."""
    return state(t, {"major": "down"}.get(code, code))


def days_told(t: Translator, days: Sequence[PublicDay]) -> str:
    """The bars of 90 days for who does not see them: how many had an interruption, and of how many nobody knows."""
    marked, blind = _count(days, "down", "degraded"), _count(days, "unknown", "paused")
    told = [t.gettext("90 days")]
    if marked:
        told.append(
            t.ngettext("%(count)s day with an interruption", "%(count)s days with interruptions", marked, count=marked)
        )
    elif blind < len(days):
        told.append(t.gettext("no interruption"))
    if blind:
        told.append(t.ngettext("%(count)s day not measured", "%(count)s days not measured", blind, count=blind))
    return ", ".join(told)


def nothing_lately(t: Translator, components: Sequence[PublicComponent], *, other: bool) -> str:
    """What is said of 14 days without an interruption on the list; `other`: than those that go on."""
    days = [day for component in components for day in component.days[-14:]]
    blind = _count(days, "unknown", "paused")
    if blind == len(days):
        return t.gettext("Nothing was measured in the last 14 days.")
    if blind and other:
        return t.gettext("No other interruption was seen in the last 14 days; not all of that time was measured.")
    if blind:
        return t.gettext("No interruption was seen in the last 14 days; not all of that time was measured.")
    if other:
        return t.gettext("No other interruption in the last 14 days.")
    return t.gettext("No interruption in the last 14 days.")


def _count(days: Sequence[PublicDay], *states: str) -> int:
    return sum(day.state in states for day in days)


def incident_title(t: Translator, titles: Mapping[Language, str], component: str, *, over: bool) -> tuple[str, str]:
    """An incident of a status page in one line, with the language of that: an outage is called by its component."""
    return told(t, titles) if titles else (t.language, outage_title(t, component, over=over))


def maintenance_title(t: Translator, name: str) -> str:
    """Planned work in one line."""
    return t.gettext("Planned maintenance: %(name)s", name=name)


def incident_status(t: Translator, code: str) -> str:
    """The status of an incident in a report."""
    words = {
        "open": t.pgettext("incident", "Open"),
        "acknowledged": t.pgettext("incident", "Acknowledged"),
        "mitigated": t.pgettext("incident", "Mitigated"),
        "resolved": t.pgettext("incident", "Resolved"),
        "closed": t.pgettext("incident", "Closed"),
    }
    return words[code]


def severity(t: Translator, code: str, names: Mapping[str, str] | None = None) -> str:
    """How bad an incident is: the contract's own name for it, else ours; one that nobody named is shown as it is."""
    if names and t.language in names:
        return names[t.language]
    words = {
        "critical": t.pgettext("severity", "Critical"),
        "major": t.pgettext("severity", "Major"),
        "minor": t.pgettext("severity", "Minor"),
        "temporary": t.pgettext("severity", "Temporary"),
    }
    return words.get(code, code)


def step(t: Translator, code: str) -> str:
    """A timestamp of an incident."""
    words = {
        "first_failure": t.pgettext("step", "First failed check"),
        "detected": t.pgettext("step", "Detected"),
        "opened": t.pgettext("step", "Opened"),
        "alerted": t.pgettext("step", "Team alerted"),
        "acknowledged": t.pgettext("step", "Taken up"),
        "mitigated": t.pgettext("step", "Mitigated"),
        "monitoring_paused": t.pgettext("step", "Monitoring paused"),
        "recovered": t.pgettext("step", "Service restored"),
        "resolved": t.pgettext("step", "Resolved"),
        "closed": t.pgettext("step", "Closed"),
    }
    return words[code]


def in_order(stamps: Mapping[str, Moment | None]) -> list[tuple[str, Moment]]:
    """What happened to an incident, by the instants at which it did; at the same one as it usually goes."""
    return sorted(((code, each) for code, each in stamps.items() if each is not None), key=lambda each: each[1].at)


def metric(t: Translator, code: str) -> str:
    """What a clock measures."""
    return t.gettext("Response") if code == "response" else t.gettext("Repair")


def verdict(t: Translator, code: str) -> str:
    """How a promise went."""
    words = {
        "met": t.pgettext("verdict", "Met"),
        "breached": t.pgettext("verdict", "Missed"),
        "missed": t.pgettext("verdict", "Missed"),
        "running": t.pgettext("verdict", "Running"),
        "cancelled": t.pgettext("verdict", "Cancelled"),
        "none": t.pgettext("verdict", "Not measured"),
    }
    return words[code]


def measure(t: Translator, code: str) -> str:
    """What a correction changed. A measure that has no words of its own is shown as its code."""
    if code.endswith(AS_MEASURED):
        figure = measure(t, code.removesuffix(AS_MEASURED))
        return t.pgettext("measure", "%(figure)s (before the decisions)", figure=figure)
    words = {
        "listed": t.pgettext("measure", "Listed in the report"),
        "checks": t.pgettext("measure", "Checks"),
        "p50_ms": t.pgettext("measure", "Median"),
        "p95_ms": t.pgettext("measure", "95 of 100 within"),
        "p99_ms": t.pgettext("measure", "99 of 100 within"),
        "uptime_percent": t.pgettext("measure", "Availability"),
        "target_percent": t.pgettext("measure", "Promised"),
        "coverage_percent": t.pgettext("measure", "Measured"),
        "met": t.pgettext("measure", "Verdict"),
        "down_seconds": t.pgettext("measure", "Unavailable for"),
        "degraded_seconds": t.pgettext("measure", "Degraded for"),
        "maintenance_seconds": t.pgettext("measure", "Under maintenance for"),
        "unknown_seconds": t.pgettext("measure", "Unknown for"),
        "paused_seconds": t.pgettext("measure", "Not monitored for"),
        "outages": t.pgettext("measure", "Outages"),
        "to": t.pgettext("measure", "Until"),
        "severity": t.pgettext("measure", "Severity"),
        "status": t.pgettext("measure", "State"),
        "began_at": t.pgettext("measure", "Began"),
        "ended_at": t.pgettext("measure", "Ended"),
        "duration_seconds": t.pgettext("measure", "Duration"),
        "verdict": t.pgettext("measure", "Verdict"),
        "target_seconds": t.pgettext("measure", "Promised"),
        "elapsed_seconds": t.pgettext("measure", "Elapsed"),
        "due_at": t.pgettext("measure", "Due"),
        "actual_at": t.pgettext("measure", "Done"),
        "at": t.pgettext("measure", "Done"),
        "kind": t.pgettext("measure", "Kind"),
        "real_minutes": t.pgettext("measure", "Worked"),
        "included_minutes": t.pgettext("measure", "Included"),
        "available_minutes": t.pgettext("measure", "Available"),
        "accounted_minutes": t.pgettext("measure", "Used"),
        "remaining_minutes": t.pgettext("measure", "Left"),
        "overage_minutes": t.pgettext("measure", "Beyond what was available"),
        "state": t.pgettext("measure", "State"),
        "proof_count": t.pgettext("measure", "Proofs"),
        "delivered_at": t.pgettext("measure", "Delivered"),
        "acknowledged_at": t.pgettext("measure", "Acknowledged"),
        "answered_at": t.pgettext("measure", "Answered"),
        "number": t.pgettext("measure", "Version"),
        "hash": t.pgettext("measure", "Fingerprint"),
        "net": t.pgettext("measure", "Without VAT"),
        "tax": t.pgettext("measure", "VAT"),
        "gross": t.pgettext("measure", "With VAT"),
        "amount": t.pgettext("measure", "Amount"),
        "category": t.pgettext("measure", "Counts as"),
        "outage_id": t.pgettext("measure", "Outage"),
        "from": t.pgettext("measure", "From"),
        "reason": t.pgettext("measure", "Reason"),
        "proposed_by": t.pgettext("measure", "Proposed by"),
        "approved_by": t.pgettext("measure", "Approved by"),
        "approved_at": t.pgettext("measure", "Approved"),
        "incidents": t.pgettext("measure", "Incidents"),
        "promises_met": t.pgettext("measure", "Promises kept"),
        "promises_missed": t.pgettext("measure", "Missed promises"),
        "work_done": t.pgettext("measure", "Work done"),
        "done_at": t.pgettext("measure", "Done"),
        "treatment": t.pgettext("measure", "What was decided of it"),
        "decided_on": t.pgettext("measure", "Decided"),
        "since": t.pgettext("measure", "Since"),
    }
    return words.get(code, code)


def subject(t: Translator, code: str, name: str) -> str:
    """What a correction is about: its name, and what it is where the name alone does not say."""
    if code == "decision":
        return " · ".join((t.pgettext("subject", "Decision on an outage"), category(t, name)))
    if code == "promise":
        number, _, measured = name.rpartition(" · ")
        return " · ".join((number, metric(t, measured)))
    words = {
        "response_time": t.pgettext("subject", "Response time"),
        "work": t.pgettext("subject", "Work"),
        "hours": t.pgettext("subject", "Hours"),
        "deliverable": t.pgettext("subject", "Deliverable"),
        "advisory": t.pgettext("subject", "Advice"),
        "settlement": t.pgettext("subject", "Settlement"),
        "month": t.pgettext("subject", "Month"),
        "action": t.pgettext("subject", "Action"),
        "risk": t.pgettext("subject", "Risk that stays"),
        "agreed": t.pgettext("subject", "Decision"),
        "recommendation": t.pgettext("subject", "Recommendation"),
    }
    kind = words.get(code)
    named = _with_month(t, name) if code in {"month", "hours", "uptime"} else name
    return " · ".join(part for part in (kind, named) if part)


def _with_month(t: Translator, name: str) -> str:
    """A name that begins with a month, as reviews have them; one that does not stays as it is."""
    month, part, rest = name.partition(" · ")
    return t.month(date.fromisoformat(f"{month}-01")) + part + rest if _MONTH.fullmatch(month) else name


def pillar(t: Translator, code: str) -> str:
    """A pillar of the report."""
    words = {
        "security": t.pgettext("pillar", "Security"),
        "stability": t.pgettext("pillar", "Stability"),
        "performance": t.pgettext("pillar", "Performance"),
        "evolution": t.pgettext("pillar", "Controlled evolution"),
    }
    return words[code]


def work_kind(t: Translator, code: str, category: str | None) -> str:
    """What kind of work was done, or what was warned of."""
    if code == "warning":
        return {
            "certificate": t.pgettext("work", "Certificate that was to end"),
            "domain": t.pgettext("work", "Domain name that was to end"),
        }.get(category or "", t.pgettext("work", "Warning"))
    words = {
        "request": t.pgettext("work", "Request"),
        "change": t.pgettext("work", "Change"),
        "work_order": t.pgettext("work", "Maintenance work"),
        "deployment": t.pgettext("work", "Deployment"),
        "intervention": t.pgettext("work", "Intervention"),
        "restore_test": t.pgettext("work", "Verified restore of a backup"),
    }
    return words[code]


def advisory_status(t: Translator, code: str) -> str:
    """How far an advisory got."""
    words = {
        "issued": t.pgettext("advisory", "Sent, not acknowledged"),
        "delivered": t.pgettext("advisory", "Delivered, not acknowledged"),
        "acknowledged": t.pgettext("advisory", "Acknowledged"),
        "accepted": t.pgettext("advisory", "Accepted"),
        "refused": t.pgettext("advisory", "Refused"),
    }
    return words[code]


def deliverable_state(t: Translator, code: str) -> str:
    """Whether something promised was delivered; a state that we do not know is shown as it is."""
    words = {
        "proved": t.pgettext("deliverable", "Delivered, with proof"),
        "never_delivered": t.pgettext("deliverable", "Promised, without proof"),
        "not_called_for": t.pgettext("deliverable", "Nothing called for it"),
        "not_due": t.pgettext("deliverable", "Not due yet"),
    }
    return words.get(code, code)


def proof_of_delivery(t: Translator, what: str) -> str:
    """What shows that something was delivered; what somebody wrote himself is shown as it is."""
    words = {
        "deployment": t.pgettext("work", "Deployment"),
        "restore_verification": t.pgettext("work", "Verified restore of a backup"),
        "backup_proof": t.pgettext("proof", "Backup, with its proof"),
        "work_order.completed": t.pgettext("work", "Maintenance work"),
        "uptime.period_measured": t.pgettext("proof", "Availability of a month, measured"),
        "certificate": t.pgettext("proof", "Certificate checked"),
        "performance": t.pgettext("proof", "Response times watched"),
        "report.published": t.pgettext("proof", "Report published"),
        "review.published": t.pgettext("proof", "Review published"),
        "clock.met": t.pgettext("proof", "Time limit kept"),
        "clock.breached": t.pgettext("proof", "Time limit missed, and recorded"),
        "incident.opened": t.pgettext("proof", "Incident recorded"),
        "incident.alerted": t.pgettext("proof", "Alert sent"),
        "incident.resolved": t.pgettext("proof", "Incident resolved"),
        "request.opened": t.pgettext("proof", "Request recorded"),
        "request.approved": t.pgettext("proof", "Request approved"),
        "request.declined": t.pgettext("proof", "Request declined"),
        "request.resolved": t.pgettext("proof", "Request resolved"),
        "change.opened": t.pgettext("proof", "Change recorded"),
        "change.approved": t.pgettext("proof", "Change approved"),
        "change.declined": t.pgettext("proof", "Change declined"),
        "change.deployed": t.pgettext("proof", "Change deployed"),
    }
    return words.get(what, what)


def trend_measure(t: Translator, code: str) -> str:
    """What is followed over several months."""
    words = {
        "uptime": t.pgettext("trend", "Availability"),
        "incidents": t.pgettext("trend", "Incidents"),
        "down_seconds": t.pgettext("trend", "Unavailable time"),
        "promises_missed": t.pgettext("trend", "Missed promises"),
        "worked_minutes": t.pgettext("trend", "Hours worked"),
        "work_done": t.pgettext("trend", "Work done"),
    }
    return words[code]


def trend(t: Translator, code: str) -> str:
    """Where it goes."""
    words = {
        "better": t.pgettext("trend", "Better"),
        "worse": t.pgettext("trend", "Worse"),
        "same": t.pgettext("trend", "Unchanged"),
        "higher": t.pgettext("trend", "More"),
        "lower": t.pgettext("trend", "Less"),
        "unknown": t.pgettext("trend", "Too few months to tell"),
    }
    return words[code]


def treatment(t: Translator, code: str | None) -> str:
    """What was decided about a risk."""
    words = {
        "accept": t.pgettext("risk", "Accepted"),
        "mitigate": t.pgettext("risk", "Reduced"),
        "transfer": t.pgettext("risk", "Transferred"),
        None: t.pgettext("risk", "Not decided"),
    }
    return words.get(code, code or "")


def log_state(t: Translator, code: str) -> str:
    """How an entry of the log of decisions, risks and actions stands."""
    words = {
        "open": t.pgettext("log", "Open"),
        "overdue": t.pgettext("log", "Overdue"),
        "done": t.pgettext("log", "Done"),
        "unowned": t.pgettext("log", "Nobody answers for it"),
        "undecided": t.pgettext("log", "Not decided"),
        "decided": t.pgettext("log", "Decided"),
        "in_force": t.pgettext("log", "In force"),
        "superseded": t.pgettext("log", "Replaced by a later decision"),
    }
    return words[code]


def subject_kind(t: Translator, code: str) -> str:
    """A kind of what is known of a client."""
    words = {
        "client": t.pgettext("subject", "Client"),
        "site": t.pgettext("subject", "Sites"),
        "contract": t.pgettext("subject", "Contracts"),
        "configuration_item": t.pgettext("subject", "Configuration"),
        "monitor": t.pgettext("subject", "Monitors"),
        "maintenance": t.pgettext("subject", "Planned maintenance"),
        "obligation": t.pgettext("subject", "Obligations"),
        "breach": t.pgettext("subject", "Breaches"),
        "advisory": t.pgettext("subject", "Advice"),
        "incident": t.pgettext("subject", "Incidents"),
        "request": t.pgettext("subject", "Requests"),
        "change": t.pgettext("subject", "Changes"),
        "work_order": t.pgettext("subject", "Work orders"),
        "deployment": t.pgettext("subject", "Deployments"),
        "delivery": t.pgettext("subject", "Deliveries"),
        "intervention": t.pgettext("subject", "Interventions"),
        "anomaly": t.pgettext("subject", "Known anomalies"),
        "action": t.pgettext("subject", "Actions"),
        "risk": t.pgettext("subject", "Risks that stay"),
        "decision": t.pgettext("subject", "Decisions"),
        "outage_decision": t.pgettext("subject", "Decisions on outages"),
        "time_entry": t.pgettext("subject", "Time entries"),
        "hours_month": t.pgettext("subject", "Closed months of hours"),
        "hours_review": t.pgettext("subject", "Reviews of hours"),
        "settlement": t.pgettext("subject", "Settlements"),
        "invoice": t.pgettext("subject", "Invoices"),
        "credit_note": t.pgettext("subject", "Credit notes"),
        "report": t.pgettext("subject", "Reports"),
    }
    return words[code]


def subject_status(t: Translator, code: str | None) -> str:
    """The status of anything that is known of a client; one that we do not know is shown as it is."""
    words = {
        None: "–",
        "accepted": t.pgettext("subject status", "Accepted"),
        "acknowledged": t.pgettext("subject status", "Acknowledged"),
        "active": t.pgettext("subject status", "Active"),
        "approved": t.pgettext("subject status", "Approved"),
        "being_fixed": t.pgettext("subject status", "Being fixed"),
        "breached": t.pgettext("subject status", "Not kept"),
        "cancelled": t.pgettext("subject status", "Cancelled"),
        "closed": t.pgettext("subject status", "Closed"),
        "completed": t.pgettext("subject status", "Completed"),
        "declined": t.pgettext("subject status", "Declined"),
        "degraded": t.pgettext("subject status", "Degraded"),
        "delivered": t.pgettext("subject status", "Delivered"),
        "deployed": t.pgettext("subject status", "Deployed"),
        "deploying": t.pgettext("subject status", "Being deployed"),
        "down": t.pgettext("subject status", "Unavailable"),
        "draft": t.pgettext("subject status", "Draft"),
        "estimated": t.pgettext("subject status", "Estimated"),
        "expired": t.pgettext("subject status", "Expired"),
        "failed": t.pgettext("subject status", "Failed"),
        "fixed": t.pgettext("subject status", "Fixed"),
        "fulfilled": t.pgettext("subject status", "Fulfilled"),
        "in_service": t.pgettext("subject status", "In service"),
        "issued": t.pgettext("subject status", "Issued"),
        "maintenance": t.pgettext("subject status", "Under maintenance"),
        "mitigated": t.pgettext("subject status", "Mitigated"),
        "open": t.pgettext("subject status", "Open"),
        "overdue": t.pgettext("subject status", "Overdue"),
        "paused": t.pgettext("subject status", "Paused"),
        "planned": t.pgettext("subject status", "Planned"),
        "proposed": t.pgettext("subject status", "Proposed"),
        "recovered": t.pgettext("subject status", "Operational again"),
        "refused": t.pgettext("subject status", "Refused"),
        "rejected": t.pgettext("subject status", "Rejected"),
        "resolved": t.pgettext("subject status", "Resolved"),
        "restored": t.pgettext("subject status", "Operational"),
        "retired": t.pgettext("subject status", "Out of service"),
        "rolled_back": t.pgettext("subject status", "Taken back"),
        "scheduled": t.pgettext("subject status", "Planned"),
        "scoped": t.pgettext("subject status", "Scoped"),
        "started": t.pgettext("subject status", "Started"),
        "succeeded": t.pgettext("subject status", "Succeeded"),
        "suspended": t.pgettext("subject status", "Suspended"),
        "terminated": t.pgettext("subject status", "Terminated"),
        "unknown": t.pgettext("subject status", "Unknown"),
        "withdrawal_proposed": t.pgettext("subject status", "Withdrawal proposed"),
        "withdrawn": t.pgettext("subject status", "Withdrawn"),
    }
    return words.get(code, code or "")


def access_outcome(t: Translator, code: str) -> str:
    """What came of an access."""
    words = {"done": t.pgettext("access", "Allowed"), "refused": t.pgettext("access", "Refused")}
    return words[code]


def contract_status(t: Translator, code: str) -> str:
    """The status of a contract."""
    words = {
        "active": t.pgettext("contract", "Active"),
        "suspended": t.pgettext("contract", "Suspended"),
        "terminated": t.pgettext("contract", "Terminated"),
        "expired": t.pgettext("contract", "Expired"),
    }
    return words[code]


def reason(t: Translator, code: str | None) -> str:
    """Why time is what it is. A cause that has no words of its own is shown as its code."""
    words = {
        None: "",
        "monitoring_not_begun": t.pgettext("reason", "monitoring had not begun"),
        "not_yet_checked": t.pgettext("reason", "first check to come"),
        "no_fresh_result": t.pgettext("reason", "no fresh result"),
        "runner_restarted": t.pgettext("reason", "monitoring restarted"),
        "contract_suspended": t.pgettext("reason", "contract suspended"),
        "contract_terminated": t.pgettext("reason", "contract ended"),
        "removed_by_amendment": t.pgettext("reason", "no longer covered by the contract"),
        "dns": t.pgettext("reason", "name not found"),
        "connect": t.pgettext("reason", "no connection"),
        "tls": t.pgettext("reason", "certificate or encryption fault"),
        "timeout": t.pgettext("reason", "no answer in time"),
        "http_status": t.pgettext("reason", "error answered"),
        "content": t.pgettext("reason", "wrong content"),
        "address_refused": t.pgettext("reason", "address not allowed"),
        "removed": t.pgettext("reason", "monitor removed"),
        "reports_not_received": t.pgettext("reason", "reports could not be received"),
        "location_suspected": t.pgettext("reason", "the place of the checks was at fault"),
        "blocked": t.pgettext("reason", "checks were turned away"),
        "regional": t.pgettext("reason", "not reachable from everywhere"),
        "protocol": t.pgettext("reason", "faulty answer"),
        "redirect": t.pgettext("reason", "faulty redirect"),
        "invalid_target": t.pgettext("reason", "invalid address"),
        "certificate": t.pgettext("reason", "certificate not valid"),
        "answer": t.pgettext("reason", "request refused"),
        "threshold": t.pgettext("reason", "beyond the agreed limit"),
        "stale": t.pgettext("reason", "out of date"),
        "missing": t.pgettext("reason", "report missing"),
        "reported": t.pgettext("reason", "failure reported"),
        "unreachable": t.pgettext("reason", "not reachable"),
        "agreed_maintenance": t.pgettext("decision", "Agreed maintenance"),
        "client_caused": t.pgettext("decision", "Caused by the client"),
        "third_party": t.pgettext("decision", "Caused by a third party"),
    }
    return words.get(code, code or "")


def rule_sentences(t: Translator, rule: Mapping[str, Any], *, informative: bool) -> list[str]:
    """An uptime rule as sentences that a client understands."""
    told = []
    if informative:
        told.append(t.gettext("The contract promises no uptime here; the figure is given for information."))
    shortest = parse_duration(rule["minimum_outage"])
    if shortest:
        told.append(
            t.gettext(
                "Interruptions shorter than %(duration)s are not counted.",
                duration=t.duration(shortest.total_seconds()),
            )
        )
    else:
        told.append(t.gettext("Every second of an interruption counts."))
    if rule["whole_minutes"]:
        told.append(t.gettext("Only whole clock minutes of an interruption are counted."))
    told.append(
        {
            "exclude": t.gettext("Agreed maintenance is taken out of the measured time."),
            "up": t.gettext("Agreed maintenance counts as available."),
            "down": t.gettext("Maintenance counts as unavailable."),
        }[rule["maintenance"]]
    )
    told.append(
        {
            "exclude": t.gettext("Time without a measurement is taken out; the coverage shows how much was measured."),
            "up": t.gettext("Time without a measurement counts as available."),
            "down": t.gettext("Time without a measurement counts as unavailable."),
        }[rule["unknown"]]
    )
    if rule["service_window"] is not None:
        told.append(t.gettext("Only the hours of the agreed service window count."))
    return told
