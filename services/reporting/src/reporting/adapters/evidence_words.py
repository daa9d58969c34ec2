"""What a reader finds in an evidence pack before he trusts the rest: in his language, without code."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from reporting.adapters import words
from reporting.application.evidence import MonthEvidence
from reporting.application.measuring import MeasuredStretch
from reporting.domain.reclassification import Decision
from reporting.domain.response_times import ResponseFigure, milliseconds
from shared.i18n import Translator
from shared.values import number


def readme(t: Translator, kind: str, key_id: str) -> bytes:
    """What the pack is, how it is checked, and what each of its files is. `kind` as in the manifest."""
    of_clocks = kind in ("incident", "clock")
    files = {
        "README.txt": t.gettext("this text"),
        "explanation.en.txt, explanation.fr.txt": t.gettext("the figures in sentences"),
        "events/": t.gettext("what happened, as it was said at the time, byte for byte; the contract is among it"),
    }
    if kind == "amounts":
        files["amounts.json"] = t.gettext("the amounts, and of each line from what it follows")
    elif kind == "hours":
        files["hours.json"] = t.gettext("the hours in whole minutes, line by line")
    elif of_clocks:
        files |= {
            "clocks.json": t.gettext("what each clock read, and every stretch of time that counted or did not"),
            "holidays.json": t.gettext("the public holidays of the agreed hours"),
        }
    else:
        files |= {
            "measurement.json": t.gettext("the figures in whole numbers, with their rules"),
            "states.json": t.gettext("the stretches of time that the figures are computed from"),
            "response-times.json": t.gettext("how long answers took, in microseconds"),
            "rollups.jsonl": t.gettext("every measured hour: how many checks were due, made and missed"),
            "checks.json": t.gettext("their sums"),
            "told/": t.gettext("each time that the month was told, with the figures of then"),
        }
    files |= {
        "keys.json": t.gettext("the public keys of the agency, each signed by the one before"),
        "manifest.json": t.gettext("the SHA-256 of every file"),
        "signature.json": t.gettext("the signature of the manifest"),
        "verify.py": t.gettext("the program that checks the pack"),
        "zones/": t.gettext("the time zones that the figures were computed with"),
    }
    return _text(
        [
            t.gettext("Evidence pack"),
            "",
            t.gettext("This file holds what stands behind a figure that you were shown. It can be checked without us:"),
            "",
            "    python3 -I verify.py FILE.zip",
            "",
            t.gettext(
                "Python 3.9 or newer is enough; nothing else has to be installed and no connection is made. The "
                "program computes the figure again from the events and answers YES or NO. When a single byte of the "
                "pack was changed it answers NO."
            ),
            t.gettext(
                "It answers CANNOT TELL where the computer knows a time zone otherwise than the pack: the data of one "
                "of them are out of date, or were changed."
            ),
            t.gettext(
                "Whoever distrusts the program in the pack takes the same file from the published source of Upheld "
                "(services/reporting/src/reporting/adapters/evidence_verifier.py) and reads it first."
            ),
            t.gettext(
                "To know who signed, ask the agency for its public key, or take it from an audit checkpoint that was "
                "kept outside, and give it with --key. This pack is signed by the key %(key)s.",
                key=key_id,
            ),
            "",
            *(f"{name}: {what}" for name, what in files.items()),
        ]
    )


def month(t: Translator, evidence: MonthEvidence, month_: date) -> bytes:
    """The figures of a month and their rules in sentences."""
    told = [t.gettext("Evidence for %(month)s", month=t.month(month_))]
    zone = ZoneInfo(evidence.measurement["time_zone"])
    for each in evidence.figures:
        told += ["", *_figure(t, each, zone)]
    if evidence.response_times:
        names = {each.stretch.environment.environment_id: each.stretch.environment.name for each in evidence.figures}
        told += ["", t.gettext("Response times")]
        told += [_times(t, names[each], figure) for each, figure in evidence.response_times.items()]
    return _text(told)


def _times(t: Translator, name: str, figure: ResponseFigure) -> str:
    p50, p95, p99 = (
        words.milliseconds(t, number(milliseconds(each))) for each in (figure.p50_us, figure.p95_us, figure.p99_us)
    )
    said = t.gettext(
        "median %(p50)s, 95 of 100 within %(p95)s, 99 of 100 within %(p99)s (%(checks)s checks)",
        p50=p50,
        p95=p95,
        p99=p99,
        checks=t.number(str(figure.checks)),
    )
    return f"{name}: {said}"


def _figure(t: Translator, measured: MeasuredStretch, zone: ZoneInfo) -> list[str]:
    stretch, uptime = measured.stretch, measured.uptime
    shown = t.percent(uptime.display) if uptime.display is not None else t.gettext("not measured")
    verdict = "none" if uptime.met is None else "met" if uptime.met else "missed"
    told = [
        f"{stretch.environment.name} <{stretch.environment.url}>: {shown}",
        t.gettext(
            "Outages: %(count)s. Version of the contract: %(version)s.", count=measured.outages, version=stretch.version
        ),
    ]
    if stretch.target_percent is not None:
        target = t.percent(stretch.target_percent)
        told.append(
            t.gettext("Promised: %(target)s. Verdict: %(verdict)s.", target=target, verdict=words.verdict(t, verdict))
        )
    before = measured.as_measured
    if before is not None:
        shown = t.percent(before.display) if before.display is not None else t.gettext("not measured")
        told.append(t.gettext("%(figure)s as it was measured", figure=shown))
        told += [_decided(t, decision, zone) for decision in measured.decisions]
    rule = stretch.rule.model_dump(mode="json")
    return [*told, *words.rule_sentences(t, rule, informative=stretch.commitment is None)]


def _decided(t: Translator, decision: Decision, zone: ZoneInfo) -> str:
    """What two people decided on an outage that the figure rests on."""
    start, end = (
        t.datetime(each, zone, width="short", seconds=True) for each in (decision.decided.start, decision.decided.end)
    )
    proposed, approved = decision.steps[0], next(step for step in decision.steps if step.act == "approved")
    people = t.gettext(
        "Proposed by %(proposer)s, approved by %(approver)s on %(instant)s",
        proposer=proposed.by.name,
        approver=approved.by.name,
        instant=t.datetime(approved.at, zone),
    )
    why = " ".join((proposed.reason or "").split())  # a blank line would end what is told of the figure
    return f"- {words.category(t, decision.category)}, {start} – {end}. {people} – {why}"


def amounts(t: Translator, month_: date, settlement: Mapping[str, Any], figures: Mapping[str, Any]) -> bytes:
    """The lines of a settlement in sentences, each with its amount and from what that follows."""
    levels = {
        "events": t.pgettext("amount", "follows from events and the contract"),
        "line": t.pgettext("amount", "follows from what the line says"),
        "said": t.pgettext("amount", "as agreed or entered"),
    }
    currency = figures["currency"]
    told = [t.gettext("Evidence for the amounts of %(month)s", month=t.month(month_)), ""]
    for line, figure in zip(settlement["lines"], figures["lines"], strict=True):
        said = line["text"]["in_words"]
        what = " ".join(said.get(t.language, next(iter(said.values()))).split())
        amount = t.money(figure["amount"], currency)
        told.append("- " + words.labelled(t, f"{what} ({levels[figure['follows_from']]})", amount))
    told.append("- " + words.labelled(t, t.gettext("Net"), t.money(figures["net"], currency)))
    for name, label in (("tax", t.gettext("VAT")), ("gross", t.gettext("Total"))):
        if figures[name] is not None:
            told.append(words.labelled(t, label, t.money(figures[name], currency)))
    told += ["", t.gettext("How an uptime was measured is shown by the evidence of its month.")]
    if figures["computed_at"] is not None:
        at = _at(t, figures["computed_at"], ZoneInfo(settlement["period"]["time_zone"]))
        told.append(t.gettext("Computed from what had been told by %(at)s.", at=at))
    since = len(figures["told_since"])
    if since:
        told.append(
            t.ngettext(
                "%(count)s event was told between then and the closing: it is in this pack, not in the amounts.",
                "%(count)s events were told between then and the closing: they are in this pack, not in the amounts.",
                since,
                count=since,
            )
        )
    why = {
        "taken_back": t.pgettext("clock", "taken back since"),
        "other_period": t.pgettext("clock", "of another period"),
    }
    for each in figures["clocks_left_out"]:
        clock = f"{_metric(t, each['metric'])} ({each['clock']})"
        told.append(words.labelled(t, t.gettext("Not in it: %(clock)s", clock=clock), why[each["reason"]]))
    return _text(told)


def hours(t: Translator, month_: date, figures: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> bytes:
    """The lines of a month of hours in sentences; minutes stand in brackets."""

    def length(minutes: int) -> str:
        return f"{t.work(minutes, width='short')} ({minutes} min)"

    told = [t.gettext("Evidence for the hours of %(month)s", month=t.month(month_)), ""]
    for line in figures["lines"]:
        said = t.gettext(
            "included %(included)s, used %(used)s, remaining %(remaining)s, beyond %(beyond)s",
            included=length(line["included_minutes"]),
            used=length(line["accounted_minutes"]),
            remaining=length(line["remaining_minutes"]),
            beyond=length(line["overage_minutes"]),
        )
        told.append("- " + words.labelled(t, names[line["code"]][t.language], said))
    told += [
        "",
        t.gettext("Available with what earlier months left: %(length)s", length=length(figures["available_minutes"])),
        t.gettext("Beyond: %(length)s", length=length(figures["overage_minutes"])),
        t.gettext("Usable next month: %(length)s", length=length(figures["rolled_over_minutes"])),
        t.gettext("Lost at the end of the month: %(length)s", length=length(figures["expired_minutes"])),
    ]
    return _text(told)


def clocks(t: Translator, incident: Mapping[str, Any], shown: Sequence[Mapping[str, Any]], time_zone: str) -> bytes:
    """What the clocks of an incident read, and why each stretch of time counted or not."""
    zone = ZoneInfo(time_zone)
    told = [
        t.gettext("Evidence for %(number)s: %(title)s", number=incident["number"], title=incident["title"]),
        t.gettext("Times are of %(zone)s.", zone=time_zone),
    ]
    for clock in shown:
        told += ["", *_clock(t, clock, zone)]
    return _text(told)


def _clock(t: Translator, clock: Mapping[str, Any], zone: ZoneInfo) -> Iterable[str]:
    yield words.labelled(t, _metric(t, clock["metric"]), _state(t, clock["state"]))
    yield t.gettext(
        "Promised: %(target)s. Used: %(elapsed)s.",
        target=t.duration(clock["target_seconds"], days=False),
        elapsed=t.duration(clock["elapsed_seconds"], days=False),
    )
    if clock["due_at"] is not None:
        yield t.gettext("Due: %(at)s.", at=_at(t, clock["due_at"], zone))
    for span in clock["explanation"]:
        counted = t.gettext("counts") if span["counted"] else t.gettext("does not count")
        why = _why(t, span["why"], span["reason"])
        stretch = f"{_at(t, span['from'], zone)} – {_at(t, span['to'], zone)}"
        yield "- " + words.labelled(t, stretch, f"{counted} ({why})")


def _at(t: Translator, text: str, zone: ZoneInfo) -> str:
    return t.datetime(datetime.fromisoformat(text), zone, width="short", seconds=True)


def _metric(t: Translator, code: str) -> str:
    found = {
        "response": t.gettext("Response"),
        "repair": t.gettext("Repair"),
        "mitigation": t.pgettext("clock", "Containment of the damage"),
        "next_reply": t.pgettext("clock", "Next answer"),
        "acceptance": t.pgettext("clock", "Time for acceptance"),
        "post_mortem": t.pgettext("clock", "Post-mortem"),
    }
    return found.get(code, code)


def _state(t: Translator, code: str) -> str:
    return t.pgettext("clock", "Standing still") if code == "paused" else words.verdict(t, code)


def _why(t: Translator, code: str, reason: str | None) -> str:
    why = {
        "open": t.pgettext("clock", "agreed hours"),
        "closed": t.pgettext("clock", "outside of the agreed hours"),
        "holiday": t.pgettext("clock", "public holiday"),
        "closure": t.pgettext("clock", "agreed closure"),
        "stopped": t.pgettext("clock", "the clock was stopped"),
        "paused": t.pgettext("clock", "pause"),
        "pause_not_allowed": t.pgettext("clock", "a pause for which the contract does not provide"),
    }[code]
    return f"{why}: {_pause(t, reason)}" if reason else why


def _pause(t: Translator, code: str) -> str:
    reasons = {
        "waiting_for_client": t.pgettext("pause", "waiting for the client"),
        "waiting_for_access": t.pgettext("pause", "waiting for access"),
        "waiting_acceptance": t.pgettext("pause", "waiting for acceptance"),
        "waiting_for_third_party": t.pgettext("time", "waiting for a third party"),
        "monitoring_paused": t.pgettext("pause", "nobody observed the outage any more"),
        "not_promised": t.pgettext("pause", "nothing was promised for this severity"),
        "not_resolved": t.pgettext("pause", "the incident was open again"),
    }
    return reasons.get(code) or words.reason(t, code)


def _text(told: Iterable[str]) -> bytes:
    return ("\n".join(told) + "\n").encode()
