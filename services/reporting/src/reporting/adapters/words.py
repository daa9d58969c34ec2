"""Codes in words. Every text is a literal here, so that the catalogues are known to be complete."""

from collections.abc import Mapping
from typing import Any

from shared.i18n import Translator
from shared.values import parse_duration


def state(t: Translator, code: str) -> str:
    """A state of a component or of a stretch of time."""
    words = {
        "up": t.pgettext("state", "Operational"),
        "down": t.pgettext("state", "Unavailable"),
        "degraded": t.pgettext("state", "Degraded"),
        "maintenance": t.pgettext("state", "Under maintenance"),
        "unknown": t.pgettext("state", "Unknown"),
        "paused": t.pgettext("state", "Not monitored"),
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
        "paused": t.gettext("Monitoring is suspended"),
        "ended": t.gettext("Monitoring has ended"),
    }
    return words[code]


def tone(code: str) -> str:
    """The colour family of a state, a headline, or a verdict: good, warn, bad, none."""
    return {
        "up": "good",
        "operational": "good",
        "met": "good",
        "resolved": "good",
        "closed": "good",
        "down": "bad",
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


def severity(t: Translator, code: str) -> str:
    """How bad an incident is; a severity that we do not know is shown as it is."""
    words = {
        "critical": t.pgettext("severity", "Critical"),
        "major": t.pgettext("severity", "Major"),
        "minor": t.pgettext("severity", "Minor"),
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
