"""What the uptime of a month exactly came to, as others are told it once the month is over."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from math import lcm
from typing import Any, Final
from uuid import UUID, uuid5

from reporting.application import measuring
from reporting.application.facts import KnownContract, UptimeRule
from reporting.application.measuring import MeasuredStretch
from reporting.domain.availability import State, Uptime
from reporting.domain.period import Zones, zone_at
from reporting.domain.reclassification import Decision
from reporting.domain.state_line import SILENT, SILENT_AFTER, Transition
from shared.values import instant_text, seconds

METHOD: Final = "uptime/1"
"""Which way of measuring it was: one that gives other figures for the same facts has another number."""

GRACE: Final = SILENT_AFTER
"""How long after its end a month is measured: by then the last hour was vouched for, or nobody was there."""

NAMESPACE: Final = UUID("6f0a5bde-1d6c-5f0a-9c50-8d5b1f1d3c77")
MOST_EVENTS: Final = 5_000


@dataclass(frozen=True)
class PeriodMeasure:
    """A measured month: what is told of it but for its version.

    :param figures_hash: of everything but the evidence: what must change to be told again.
    :param silent: nothing was heard of the end of it; late news may still tell.
    """

    content: Mapping[str, Any]
    figures_hash: str
    silent: bool


def measurement_id(contract_id: UUID, month: date) -> UUID:
    """The id of a contract's month, whoever computes it."""
    return uuid5(NAMESPACE, f"{contract_id}/{month:%Y-%m}")


def measure_month(
    versions: Sequence[KnownContract],
    transitions: Mapping[UUID, Sequence[Transition]],
    month: date,
    zones: Zones,
    bounds: tuple[datetime, datetime],
    as_of: datetime,
    decisions: Sequence[Decision] = (),
) -> PeriodMeasure | None:
    """The month by what is known at `as_of`; None where nothing was promised in it, or nothing is watched.

    `bounds`: the month's, in the client's zone. `decisions`: those in force, the last approved first.
    """
    promised = measuring.lifetime(versions, *bounds)
    if promised is None:
        return None
    measured = measuring.measured_stretches(versions, transitions, *promised, as_of, decisions)
    committed = any(each.stretch.commitment is not None for each in measured)
    if not measured or not (committed or transitions):
        return None
    state = measuring.said_until(versions, bounds[1])[-1]
    counted = [each for each in measured if each.stretch.commitment is not None]
    told = {
        "measurement_id": str(measurement_id(state.contract_id, month)),
        "contract_id": str(state.contract_id),
        "client_id": str(state.client.client_id),
        "month": month.isoformat(),
        "time_zone": zone_at(bounds[0], zones).key,
        "starts_at": instant_text(promised[0]),
        "ends_at": instant_text(promised[1]),
        "committed": committed,
        "met": measuring.together(each.uptime.met for each in counted),
        "method": METHOD,
        "status_page_slug": state.pages[0].slug if state.pages else None,
    }
    figures = [_figure(each) for each in measured]
    used = {decision.outage_decision_id: decision for each in measured for decision in each.decisions}
    decided = _decided(list(used.values()), measured)
    # Where nothing was decided the hash is what it was before there were decisions: nothing is told again for that.
    figures_hash = digest({**told, "figures": figures, **(decided if used else {})})
    evident = [
        {
            **figure,
            "as_measured": None if each.as_measured is None else _amounts(each.stretch.rule, each.as_measured),
            "outage_decision_ids": [str(decision.outage_decision_id) for decision in each.decisions],
            "event_count": len(each.event_ids),
            "event_ids": [str(one) for one in each.event_ids[:MOST_EVENTS]],
        }
        for figure, each in zip(figures, measured, strict=True)
    ]
    content = {**told, **decided, "figures": evident}
    return PeriodMeasure(
        content={**content, "content_hash": digest(content)},
        figures_hash=figures_hash,
        silent=any(span.reason == SILENT for each in measured for span in each.spans[-1:]),
    )


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON without blanks, its keys in order, as hexadecimal digits."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def _decided(decisions: Sequence[Decision], measured: Sequence[MeasuredStretch]) -> dict[str, Any]:
    """The decisions that the figures rest on, and the verdict before them."""
    before = measuring.together(measuring.met_as_measured(measured)) if decisions else None
    return {
        "met_as_measured": before,
        "decisions": [_decision(each) for each in sorted(decisions, key=lambda one: one.outage_decision_id.int)],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    """A decision that was approved, as a measured month tells it."""
    (approved,) = [step for step in decision.steps if step.act == "approved"]
    return {
        "outage_decision_id": str(decision.outage_decision_id),
        "outage_id": str(decision.outage_id),
        "environment_id": str(decision.environment_id),
        "category": decision.category,
        "starts_at": instant_text(decision.decided.start),
        "ends_at": instant_text(decision.decided.end),
        "reason": decision.steps[0].reason or "",
        "proposed_by": decision.steps[0].by.name,
        "approved_by": approved.by.name,
        "approved_at": instant_text(approved.at),
    }


def _figure(measured: MeasuredStretch) -> dict[str, Any]:
    stretch = measured.stretch
    return {
        "environment_id": str(stretch.environment.environment_id),
        "environment_name": stretch.environment.name,
        "site_id": str(stretch.site.site_id),
        "site_name": stretch.site.name,
        "url": stretch.environment.url,
        "counts_for_sla": stretch.environment.counts_for_sla,
        "starts_at": instant_text(stretch.start),
        "ends_at": instant_text(stretch.end),
        "contract_version": stretch.version,
        "rule_source": "contract" if stretch.commitment is not None else "informative",
        "rule": stretch.rule.model_dump(mode="json"),
        "target_percent": stretch.target_percent,
        **_amounts(stretch.rule, measured.uptime),
        "outages": measured.outages,
    }


def _amounts(rule: UptimeRule, uptime: Uptime) -> dict[str, Any]:
    exact = {
        "numerator": seconds(uptime.denominator) - uptime.lost,
        "denominator": seconds(uptime.denominator),
        "period": seconds(uptime.period),
        "service": seconds(uptime.service),
        "measured": seconds(uptime.service - uptime.length_of[State.UNKNOWN] - uptime.length_of[State.PAUSED]),
        "down": seconds(uptime.length_of[State.DOWN]),
        "degraded": seconds(uptime.length_of[State.DEGRADED]),
    }
    excluded = {
        "outside_service_window": seconds(uptime.period - uptime.service),
        "paused": seconds(uptime.length_of[State.PAUSED]),
        "maintenance": _left_out(rule.maintenance, seconds(uptime.length_of[State.MAINTENANCE])),
        "unknown": _left_out(rule.unknown, seconds(uptime.length_of[State.UNKNOWN])),
    }
    # Whole numbers of a unit that all of them have in common: nearly always the second itself.
    unit = lcm(*(Fraction(length).denominator for length in (*exact.values(), *excluded.values())))
    return {
        "met": uptime.met,
        "units_per_second": unit,
        **{f"{name}_units" if name in _LENGTHS else name: int(length * unit) for name, length in exact.items()},
        "excluded_units": {name: int(length * unit) for name, length in excluded.items()},
        "uptime_percent": uptime.percent_text,
        "coverage_percent": uptime.coverage_text,
    }


_LENGTHS = ("period", "service", "measured", "down", "degraded")


def _left_out(treatment: str, length: Fraction) -> Fraction:
    return length if treatment == "exclude" else Fraction(0)
