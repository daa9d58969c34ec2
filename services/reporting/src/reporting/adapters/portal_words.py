"""Codes of other services in words, for the portal. Every text is a literal here; an unknown code is shown as it is."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from reporting.adapters.words import reason
from reporting.application.portal import Person
from shared.i18n import Translator
from shared.values import parse_duration


def sections(t: Translator, person: Person) -> list[tuple[str, str]]:
    """Addresses and names of what the person may open."""
    everybody = [
        ("/portal", t.gettext("Overview")),
        ("/portal/incidents", t.gettext("Incidents")),
        ("/portal/requests", t.gettext("Requests")),
        ("/portal/approvals", t.gettext("Approvals")),
        ("/portal/reports", t.gettext("Reports")),
    ]
    deciders = [
        ("/portal/contracts", t.gettext("Contract")),
        ("/portal/hours", t.gettext("Hours")),
        ("/portal/advice", t.gettext("Advice")),
        ("/portal/invoices", t.gettext("Invoices")),
    ]
    return everybody + (deciders if person.decides else [])


def section_of(path: str) -> str:
    """Which of the sections a page belongs to."""
    if path.startswith("/portal/contracts/"):
        part = (*path.split("/"), "")[4]
        sections = {"hours": "/portal/hours", "uptime": "/portal"} | dict.fromkeys(
            ("reports", "reviews"), "/portal/reports"
        )
        return sections.get(part, "/portal/contracts")
    first = "/".join(path.split("/")[:3])
    return "/portal/approvals" if first in ("/portal/changes", "/portal/work-orders") else first


def decision_page(item: Mapping[str, Any]) -> str:
    """Where the client decides about a change, or about work in a time without changes."""
    return f"/portal/{'work-orders' if item.get('kind') == 'work_order' else 'changes'}/{item['item_id']}"


def freezes_named(item: Mapping[str, Any]) -> str:
    """What an approval names, a name in each line: of work also what was approved before, for the last word counts."""
    approval = item["details"].get("approval") or {}
    before = approval.get("approved_freezes", []) if item.get("kind") == "work_order" else []
    return "\n".join([*before, *item["freezes_to_approve"]])


def decision(t: Translator, code: str) -> str:
    """What something waits for."""
    return item_status(t, {"approve": "estimated", "accept": "deployed"}.get(code, code))


def instant(text: str) -> datetime:
    """An instant as APIs write it."""
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    """A day as APIs write it, or the first day of a month."""
    return date.fromisoformat(text if len(text) > 7 else f"{text}-01")


def seconds_of(duration: str) -> float:
    """The length of an ISO 8601 duration."""
    return parse_duration(duration).total_seconds()


def in_order(stamps: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What happened to something, by the instants at which it did; at the same one as it usually goes."""
    usual = {code: place for place, code in enumerate(STEPS)}
    there = [(code, stamp) for code, stamp in stamps.items() if stamp]
    return sorted(there, key=lambda each: (instant(each[1]["at"]), usual.get(each[0], len(usual))))


def said(t: Translator, texts: Mapping[str, Any] | str | None) -> str:
    """One text of several languages: the reader's, else any."""
    if texts is None or isinstance(texts, str):
        return texts or ""
    return str(texts.get(t.language) or next((text for text in texts.values() if text), ""))


def contract_status(t: Translator, code: str) -> str:
    """How far a contract is."""
    words = {
        "draft": t.pgettext("contract", "Being prepared"),
        "proposed": t.pgettext("contract", "Proposed, to be signed"),
        "signed": t.pgettext("contract", "Signed, not in force yet"),
        "active": t.pgettext("contract", "In force"),
        "suspended": t.pgettext("contract", "Suspended"),
        "terminated": t.pgettext("contract", "Terminated"),
        "expired": t.pgettext("contract", "Expired"),
    }
    return words.get(code, code)


def contract_tone(code: str) -> str:
    """The colour family of a contract."""
    return {"active": "good", "proposed": "warn", "suspended": "warn"}.get(code, "none")


def item_status(t: Translator, code: str) -> str:
    """How far something is."""
    words = {
        "open": t.pgettext("item", "Open"),
        "acknowledged": t.pgettext("item", "Taken up"),
        "mitigated": t.pgettext("item", "Contained"),
        "resolved": t.pgettext("item", "Resolved"),
        "closed": t.pgettext("item", "Closed"),
        "declined": t.pgettext("item", "Declined"),
        "draft": t.pgettext("item", "Being prepared"),
        "scoped": t.pgettext("item", "Described"),
        "estimated": t.pgettext("item", "Waiting for your approval"),
        "approved": t.pgettext("item", "Approved"),
        "deploying": t.pgettext("item", "Being deployed"),
        "deployed": t.pgettext("item", "Waiting for your acceptance"),
        "accepted": t.pgettext("item", "Accepted"),
        "rejected": t.pgettext("item", "Rejected"),
        "cancelled": t.pgettext("item", "Given up"),
        "planned": t.pgettext("item", "Planned"),
        "started": t.pgettext("item", "In progress"),
        "completed": t.pgettext("item", "Done"),
    }
    return words.get(code, code)


def item_tone(code: str) -> str:
    """The colour family of a status."""
    if code in {"resolved", "closed", "accepted", "completed", "approved"}:
        return "good"
    if code in {"estimated", "deployed"}:
        return "warn"
    return "bad" if code in {"declined", "rejected", "cancelled"} else "none"


def metric(t: Translator, code: str) -> str:
    """What a clock measures."""
    words = {
        "response": t.pgettext("clock", "Response"),
        "repair": t.pgettext("clock", "Repair"),
        "mitigation": t.pgettext("clock", "Damage contained"),
        "next_reply": t.pgettext("clock", "Next answer"),
        "acceptance": t.pgettext("clock", "Your acceptance"),
        "post_mortem": t.pgettext("clock", "Analysis afterwards"),
    }
    return words.get(code, code)


def clock_state(t: Translator, clock: Mapping[str, Any]) -> str:
    """How a clock stands."""
    words = {
        "met": t.pgettext("verdict", "Met"),
        "breached": t.pgettext("verdict", "Missed"),
        "running": t.pgettext("verdict", "Running"),
        "paused": t.pgettext("verdict", "Standing still"),
        "cancelled": t.pgettext("verdict", "Cancelled"),
    }
    code = str(clock.get("verdict") or clock["state"])
    return words.get(code, code)


def clock_tone(clock: Mapping[str, Any]) -> str:
    """The colour family of a clock."""
    code = clock.get("verdict") or clock["state"]
    return {"met": "good", "breached": "bad", "paused": "warn"}.get(str(code), "none")


def why(t: Translator, span: Mapping[str, Any]) -> str:
    """Why a stretch of time counted, or did not."""
    words = {
        "open": t.pgettext("time", "within the agreed hours"),
        "closed": t.pgettext("time", "outside of the agreed hours"),
        "holiday": t.pgettext("time", "a public holiday"),
        "closure": t.pgettext("time", "an agreed closure"),
        "paused": t.pgettext("time", "standing still"),
        "pause_not_allowed": t.pgettext("time", "a wait that the contract does not allow: it counts"),
        "stopped": t.pgettext("time", "stopped"),
    }
    code = str(span["why"])
    told = words.get(code, code)
    return f"{told} – {waiting(t, span['reason'])}" if span.get("reason") else told


def waiting(t: Translator, code: str) -> str:
    """Whom or what a wait is for."""
    words = {
        "waiting_for_client": t.pgettext("time", "waiting for your answer"),
        "waiting_for_access": t.pgettext("time", "waiting for access that you give"),
        "waiting_acceptance": t.pgettext("time", "waiting for your acceptance"),
        "waiting_for_third_party": t.pgettext("time", "waiting for a third party"),
        "monitoring_paused": t.pgettext("pause", "nobody observed the outage any more"),
        "not_promised": t.pgettext("pause", "nothing was promised for this severity"),
        "not_resolved": t.pgettext("pause", "the incident was open again"),
    }
    return words.get(code) or reason(t, code).replace("_", " ")


STEPS = (
    "first_failure",
    "detected",
    "opened",
    "alerted",
    "acknowledged",
    "scoped",
    "estimated",
    "approved",
    "planned",
    "started",
    "deploying",
    "deployed",
    "mitigated",
    "recovered",
    "accepted",
    "completed",
    "resolved",
    "closed",
)
"""The milestones of an item in the order in which they usually come."""


def step(t: Translator, code: str) -> str:
    """An instant in the life of something."""
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
        "reopened": t.pgettext("step", "Opened again"),
        "post_mortem": t.pgettext("step", "Analysis finished"),
        "declined": t.pgettext("step", "Declined"),
        "scoped": t.pgettext("step", "Described"),
        "estimated": t.pgettext("step", "Estimated"),
        "approved": t.pgettext("step", "Approved"),
        "deploying": t.pgettext("step", "Deployment began"),
        "deployed": t.pgettext("step", "Deployed"),
        "accepted": t.pgettext("step", "Accepted"),
        "rejected": t.pgettext("step", "Rejected"),
        "cancelled": t.pgettext("step", "Given up"),
        "planned": t.pgettext("step", "Planned"),
        "started": t.pgettext("step", "Started"),
        "completed": t.pgettext("step", "Done"),
    }
    return words.get(code, code.replace("_", " "))


def request_form(t: Translator, code: str) -> str:
    """What is asked for."""
    words = {
        "error": t.pgettext("request", "Report an error"),
        "feature": t.pgettext("request", "Ask for something new"),
        "assistance": t.pgettext("request", "Ask a question"),
    }
    return words.get(code, code)


def request_field(t: Translator, code: str) -> str:
    """A field of a form."""
    words = {
        "title": t.pgettext("field", "In one line"),
        "contract_id": t.pgettext("field", "Contract"),
        "site_id": t.pgettext("field", "Site"),
        "severity": t.pgettext("field", "How bad is it?"),
        "steps": t.pgettext("field", "What did you do?"),
        "expected": t.pgettext("field", "What should have happened?"),
        "observed": t.pgettext("field", "What happened instead?"),
        "environment": t.pgettext("field", "Where: browser, device, environment"),
        "ci_version": t.pgettext("field", "Which version"),
        "need": t.pgettext("field", "What do you need?"),
        "benefit": t.pgettext("field", "What is it good for?"),
        "who": t.pgettext("field", "Who needs it?"),
        "topic": t.pgettext("field", "About what"),
        "question": t.pgettext("field", "Your question"),
    }
    return words.get(code, code)


def advice_kind(t: Translator, code: str) -> str:
    """What an advisory is about."""
    words = {
        "end_of_life": t.pgettext("advice", "End of life"),
        "end_of_support": t.pgettext("advice", "End of support"),
        "security": t.pgettext("advice", "Security"),
        "update": t.pgettext("advice", "Update"),
        "precaution": t.pgettext("advice", "Precaution"),
        "other": t.pgettext("advice", "Advice"),
    }
    return words.get(code, code)


def advice_status(t: Translator, code: str) -> str:
    """What became of an advisory."""
    words = {
        "issued": t.pgettext("advice", "Waiting for your answer"),
        "delivered": t.pgettext("advice", "Waiting for your answer"),
        "acknowledged": t.pgettext("advice", "Read"),
        "accepted": t.pgettext("advice", "You follow it"),
        "refused": t.pgettext("advice", "You do not follow it"),
        "withdrawn": t.pgettext("advice", "Withdrawn"),
    }
    return words.get(code, code)


def advice_tone(code: str) -> str:
    """The colour family of an advisory."""
    return {"issued": "warn", "delivered": "warn", "acknowledged": "warn", "accepted": "good"}.get(code, "none")


def invoice_kind(t: Translator, code: str) -> str:
    """An invoice or what takes one back."""
    return t.gettext("Credit note") if code == "credit_note" else t.gettext("Invoice")


def invoice_standing(t: Translator, code: str) -> str:
    """Whether it is paid."""
    words = {
        "open": t.pgettext("invoice", "To be paid"),
        "overdue": t.pgettext("invoice", "Overdue"),
        "settled": t.pgettext("invoice", "Settled"),
        "refundable": t.pgettext("invoice", "To be paid back to you"),
    }
    return words.get(code, code)


def invoice_tone(code: str) -> str:
    """The colour family of a standing."""
    return {"overdue": "bad", "settled": "good"}.get(code, "none")


def months(t: Translator, first: date, last: date) -> str:
    """The months of a period."""
    return t.month(first) if first == last else f"{t.month(first)} – {t.month(last)}"


def edition_reason(t: Translator, code: str) -> str:
    """Why an edition of a report was issued."""
    words = {
        "scheduled": t.gettext("The report as it was told first."),
        "addition": t.gettext("It adds what was settled afterwards; nothing else changed."),
        "correction": t.gettext("It corrects the edition before."),
        "commentary": t.gettext("The comments are new, the figures are those of the edition before."),
    }
    return words.get(code, code)


def refusal(t: Translator, status: int) -> str:
    """Why something was not done and what to do now, by the status with which a service refused it (RFC 9110).

    What services say of it themselves is English, and for programs.
    """
    wrong = t.gettext("Something in it cannot be taken as it is. Change it, and send it again.")
    nothing = t.gettext("There is nothing for you at this address.")
    changed = t.gettext(
        "It is not as it was any more: somebody decided it meanwhile, or it was closed. Look at it again."
    )
    words = {
        400: wrong,
        415: wrong,
        422: wrong,
        403: t.gettext("You may not do this. Ask those who decide for your organisation, or your agency."),
        404: nothing,
        405: nothing,
        410: nothing,
        409: changed,
        412: changed,
        413: t.gettext("It is too long. Shorten it, or send it to your agency in parts."),
        429: t.gettext("That was too much at once. Wait a minute, and try again."),
        503: t.gettext("This cannot be read at the moment. Nothing was lost; try again in a minute."),
    }
    return words.get(status, t.gettext("Something went wrong on our side, and nothing was changed. Try again later."))


def refusal_title(t: Translator, status: int) -> str:
    """The same in some words, above it."""
    if status in (404, 405, 410):
        return t.gettext("Page not found")
    if status == 413:
        return t.gettext("Too long")
    if status in (403, 429):
        return t.gettext("Not now")
    return t.gettext("Not available just now") if status >= 500 else t.gettext("This was not done")


def rollover(t: Translator, code: str) -> str:
    """What becomes of hours that are not used."""
    words = {
        "none": t.gettext("Hours that are not used in a month end with it."),
        "one_period": t.gettext("Hours that are not used may be used in the month after."),
        "fifo": t.gettext("Hours that are not used are kept; the oldest are used first."),
    }
    return words.get(code, code)


def way(t: Translator, code: str) -> str:
    """How somebody signed in."""
    return t.gettext("by a mailed link") if code == "link" else t.gettext("by your organisation's sign-in")
