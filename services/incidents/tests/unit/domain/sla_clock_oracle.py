"""A second SLA clock for the tests, slow and simple: it looks at every minute on its own.

It shares nothing with the real one but the law. It reads the request as JSON; every instant, window and effective date
in it must lie on a minute, and targets are related by powers of two, so that the microsecond to which ``carry_ratio``
rounds down never shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import holidays

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
"""Every zone's distance from UTC is a multiple of it."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Json = dict[str, Any]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def text(at: datetime | None) -> str | None:
    if at is None:
        return None
    whole, _, fraction = at.replace(tzinfo=None).isoformat().partition(".")
    return f"{whole}.{fraction.rstrip('0')}Z" if fraction else whole + "Z"


# --- Local time, by looking ------------------------------------------------------------------------------------------


@cache
def boundary(wanted: datetime, zone: str, *, end: bool) -> datetime:
    """The instant of a naive local time: found by trying every quarter of an hour around it."""
    tries = [wanted.replace(tzinfo=UTC) + QUARTER * step for step in range(-60, 61)]
    walls = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in tries]
    found = [at for at, wall in zip(tries, walls, strict=True) if wall == wanted]
    if found:
        return found[-1] if end else found[0]
    for before, after in pairwise(walls):
        if before < wanted < after:
            return boundary(wanted + (after - before - QUARTER), zone, end=end)
    raise AssertionError("a local time is there, or it is skipped")


def _at(day: date, clock: str, *, next_day: bool = False) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime.combine(day, time()) + timedelta(days=int(next_day), hours=hour, minutes=minute)


@cache
def _public_holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)


def _closed_by(calendar: Json, day: date) -> str | None:
    if any(opening["date"] == day.isoformat() for opening in calendar.get("openings", [])):
        return None
    region = calendar.get("holidays")
    if region and day in _public_holidays(region["country"], region.get("subdivision")):
        return "holiday"
    if any(each["from"] <= day.isoformat() <= each["to"] for each in calendar.get("closures", [])):
        return "closure"
    here = day.strftime("%m-%d")
    for each in calendar.get("yearly_closures", []):
        wraps = each["to"] < each["from"]
        if (here >= each["from"] or here <= each["to"]) if wraps else each["from"] <= here <= each["to"]:
            return "closure"
    return None


def _windows(calendar: Json, day: date) -> Iterator[Json]:
    special = [opening for opening in calendar.get("openings", []) if opening["date"] == day.isoformat()]
    if special:
        yield from special
    elif _closed_by(calendar, day) is None:
        yield from (window for window in calendar["weekly"] if DAYS[day.weekday()] in window["days"])


def why_at_each_minute(calendar: Json, start: datetime, minutes: int) -> list[str]:
    """Of each minute from ``start`` on: open, holiday, closure or closed."""
    if calendar.get("always"):
        return ["open"] * minutes
    zone = calendar["time_zone"]
    dates = [(start + MINUTE * tick).astimezone(ZoneInfo(zone)).date() for tick in range(minutes)]
    whys = [_closed_by(calendar, day) or "closed" for day in dates]
    for number in range((dates[-1] - dates[0]).days + 4):
        day = dates[0] + timedelta(days=number - 2)
        for window in _windows(calendar, day):
            opens = boundary(_at(day, window["from"]), zone, end=False)
            closes = boundary(_at(day, window["to"], next_day=window.get("to_next_day", False)), zone, end=True)
            for tick in range((opens - start) // MINUTE, (closes - start) // MINUTE):
                if 0 <= tick < minutes:
                    whys[tick] = "open"
    return whys


def _plain(value: Fraction) -> Fraction | int:
    return value.numerator if value.denominator == 1 else value


# --- The clock, minute by minute -----------------------------------------------------------------------------------


class Oracle:
    """Answers a request of ``calculate_sla_clock``; nothing is looked for beyond ``minutes`` from ``start``."""

    carried: Fraction | int

    def __init__(self, request: Json, start: datetime, minutes: int, whys: Any) -> None:
        self.request, self.start, self.minutes = request, start, minutes
        self.policies = request["policies"]
        rules = request.get("rules", {})
        self.on_change = rules.get("on_policy_change", "retroactive")
        self.on_reopen = rules.get("on_reopen", "resume")
        as_of = self.tick(request["as_of"])
        self.events = [(self.tick(e["at"]), e) for e in request["events"] if self.tick(e["at"]) <= as_of]
        self.ended = self.events[-1][1]["type"] in ("stopped", "cancelled")
        self.now = self.events[-1][0] if self.ended else as_of
        self.opening = self.events[0][0]
        self.why: dict[str, list[tuple[str, str | None]]] = {}
        for name, versions in request["calendars"].items():
            line: list[tuple[str, str | None]] = [("closed", None)] * minutes
            for number, version in enumerate(versions, 1):
                since = 0 if version["effective_from"] is None else max(0, self.tick(version["effective_from"]))
                line[since:] = [(why, f"{name}#{number}") for why in whys(version["calendar"])[since:]]
            self.why[name] = line
        self._known_worths: dict[str, list[int]] = {}
        self._live()
        self._read()

    def tick(self, at: str) -> int:
        ticks, rest = divmod(instant(at) - self.start, MINUTE)
        assert not rest
        return ticks

    def _live(self) -> None:
        """What was in force in each minute up to now."""
        self.policy_at: dict[int, str] = {}
        self.stopped_at: dict[int, bool] = {}
        self.open_pauses: dict[int, list[str]] = {}
        policy, stopped, pauses = "", False, dict[str, str]()
        for tick in range(self.opening, self.now + 1):
            for _, event in [each for each in self.events if each[0] == tick]:
                kind = event["type"]
                policy = event.get("policy", policy)
                if kind == "paused":
                    pauses[event["pause_id"]] = event["reason"]
                elif kind == "resumed":
                    del pauses[event["pause_id"]]
                elif kind in ("stopped", "cancelled"):
                    stopped, pauses = True, {}
                elif kind == "reopened":
                    stopped = False
            self.policy_at[tick] = policy
            self.stopped_at[tick] = stopped
            self.open_pauses[tick] = list(pauses.values())

    def _target(self, policy: str) -> Fraction:
        hours = self.policies[policy]["target"]
        return Fraction(0) if hours == "PT0S" else Fraction(hours.removeprefix("PT").removesuffix("H")) * 3_600_000_000

    def _effective(self, tick: int) -> list[str]:
        allowed = self.policies[self.policy_at[tick]].get("pausable", [])
        return [reason for reason in self.open_pauses[tick] if reason in allowed]

    def _worths(self, policy: str) -> list[int]:
        """The microseconds that each minute counts for a policy."""
        if policy not in self._known_worths:
            line = self.why[self.policies[policy]["calendar"]]
            worths = [60_000_000 if why == "open" else 0 for why, _ in line]
            for tick in range(self.opening, self.now):
                if (self.stopped_at[tick] and self.on_reopen != "count_through") or self._effective(tick):
                    worths[tick] = 0
            self._known_worths[policy] = worths
        return self._known_worths[policy]

    def _curve(self, until: int) -> Iterator[tuple[int, Fraction | int]]:
        """What the clock reads at each minute, in microseconds, the past as the present policy sees it."""
        yield from self.before
        value = self.carried
        yield self.since, value
        worth = self._worths(self.policy)
        for tick in range(self.since, until):
            value += worth[tick]
            yield tick + 1, value

    def _reading(self, tick: int) -> Fraction:
        *_, (_, value) = self._curve(tick)
        return Fraction(value)

    def _crossing(self, amount: Fraction, *, strictly: bool) -> datetime | None:
        earlier: tuple[int, Fraction | int] | None = None
        for tick, value in self._curve(self.minutes):
            if value > amount or (not strictly and value == amount):
                assert earlier is not None
                part = Fraction(amount - earlier[1], value - earlier[1]) * (tick - earlier[0])
                microseconds = (earlier[0] + part) * 60_000_000
                return self.start + timedelta(microseconds=-(-microseconds.numerator // microseconds.denominator))
            earlier = (tick, value)
        return None

    def _breach_after(self) -> datetime | None:
        return self._crossing(self._target(self.policy), strictly=True)

    def _due_at(self, percent: int = 100) -> datetime | None:
        target = self._target(self.policy)
        return self._crossing(target * percent / 100, strictly=False) if target else self._breach_after()

    def _note_breach(self, tick: int, *, attached: bool) -> None:
        if self._reading(tick) > self._target(self.policy):
            key = (self.policy, text(self._breach_after()))
            if key not in [(each["policy"], each["at"]) for each in self.breaches]:
                self.breaches.append({"policy": key[0], "at": key[1], "attached_breached": attached})

    def _start_over(self, tick: int) -> None:
        self.before: list[tuple[int, Fraction | int]] = []
        self.since, self.carried = tick, 0

    def _read(self) -> None:
        self.policy = self.events[0][1]["policy"]
        self.breaches: list[Json] = []
        self.cycles: list[Json] = []
        self.tellers = [(self.opening, self.policy)]  # since when who counts last, for retroactive
        self._start_over(self.opening)
        cycle, count = self.opening, self.opening
        verdict: str | None = None
        for tick, event in self.events:
            kind = event["type"]
            if kind == "policy_changed" and event["policy"] != self.policy:
                self._note_breach(tick, attached=False)
                old, new = self._target(self.policy), self._target(event["policy"])
                if self.on_change == "retroactive":
                    self._start_over(count)
                elif self.on_change == "carry_ratio" and old and new:
                    self.before = [(at, _plain(value * new / old)) for at, value in self._curve(tick)]
                    self.since, self.carried = tick, self.before[-1][1]
                else:
                    self._start_over(tick)
                self.policy = event["policy"]
                self.tellers[-1] = (self.tellers[-1][0], self.policy)
                self._note_breach(tick, attached=True)
            elif kind in ("stopped", "cancelled"):
                self._note_breach(tick, attached=False)
                over = self._reading(tick) > self._target(self.policy)
                verdict = None if kind == "cancelled" else "breached" if over else "met"
                self.cycles.append(self._cycle(cycle, tick, tick, verdict))
            elif kind == "reopened":
                cycle = tick
                if self.on_reopen == "new_cycle":
                    count = tick
                    self._start_over(tick)
                    self.tellers.append((tick, self.policy))
        if not self.ended:
            self._note_breach(self.now, attached=False)
            self.cycles.append(self._cycle(cycle, None, self.now, None))
        self.verdict = verdict

    def _cycle(self, opened: int, stopped: int | None, read: int, verdict: str | None) -> Json:
        return {
            "opened_at": text(self.start + MINUTE * opened),
            "stopped_at": None if stopped is None else text(self.start + MINUTE * stopped),
            "elapsed_seconds": self._reading(read) / 1_000_000,
            "verdict": verdict,
        }

    def _told(self, tick: int) -> tuple[str, str | None, str | None]:
        if self.stopped_at[tick] and self.on_reopen != "count_through":
            return "stopped", None, None
        policy = self.policy_at[tick]
        if self.on_change == "retroactive":
            policy = next(teller for since, teller in reversed(self.tellers) if since <= tick)
        why, label = self.why[self.policies[policy]["calendar"]][tick]
        if why == "open" and self.open_pauses[tick]:
            effective = self._effective(tick)
            return (
                ("paused", label, effective[0])
                if effective
                else ("pause_not_allowed", label, self.open_pauses[tick][0])
            )
        return why, label, None

    def answer(self) -> Json:
        """What the calculator must say, with seconds as numbers."""
        target, elapsed = self._target(self.policy), self._reading(self.now)
        if self.events[-1][1]["type"] == "cancelled":
            state = "cancelled"
        elif elapsed > target:
            state = "breached"
        elif self.ended:
            state = "met"
        else:
            state = "paused" if self._effective(self.now) else "running"
        now = self.start + MINUTE * self.now
        found = [(percent, self._due_at(percent)) for percent in self.request.get("thresholds_percent", [])]
        told = [(tick, self._told(tick)) for tick in range(self.opening, self.now)]
        explanation = []
        for (why, label, reason), group in groupby(told, key=lambda each: each[1]):
            ticks = [tick for tick, _ in group]
            explanation.append(
                {
                    "from": text(self.start + MINUTE * ticks[0]),
                    "to": text(self.start + MINUTE * (ticks[-1] + 1)),
                    "counted": why in ("open", "pause_not_allowed"),
                    "why": why,
                    "calendar": label,
                    "reason": reason,
                }
            )
        return {
            "state": state,
            "policy": self.policy,
            "target_seconds": target / 1_000_000,
            "elapsed_seconds": elapsed / 1_000_000,
            "remaining_seconds": (target - elapsed) / 1_000_000,
            "due_at": text(self._due_at()),
            "breach_after": text(self._breach_after()),
            "breached_at": text(self._breach_after()) if state == "breached" else None,
            "thresholds": [
                {"percent": percent, "at": text(at), "reached": at is not None and at <= now} for percent, at in found
            ],
            "breaches": self.breaches,
            "cycles": self.cycles,
            "explanation": explanation,
        }
