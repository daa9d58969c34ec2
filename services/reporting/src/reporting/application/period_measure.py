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
from reporting.application.facts import KnownContract
from reporting.application.measuring import MeasuredStretch
from reporting.domain.availability import State
from reporting.domain.period import Zones, zone_at
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
) -> PeriodMeasure | None:
    """The month by what is known at `as_of`; None where nothing was promised in it, or nothing is watched.

    `bounds`: the month's, in the client's zone.
    """
    promised = measuring.lifetime(versions, *bounds)
    if promised is None:
        return None
    measured = measuring.measured_stretches(versions, transitions, *promised, as_of)
    committed = any(each.stretch.commitment is not None for each in measured)
    if not measured or not (committed or transitions):
        return None
    state = versions[-1].state
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
        "status_page_slug": state.status_page.slug if state.status_page is not None else None,
    }
    figures = [_figure(each) for each in measured]
    figures_hash = digest({**told, "figures": figures})
    evident = [
        {**figure, "event_count": len(each.event_ids), "event_ids": [str(one) for one in each.event_ids[:MOST_EVENTS]]}
        for figure, each in zip(figures, measured, strict=True)
    ]
    content = {**told, "figures": evident}
    return PeriodMeasure(
        content={**content, "content_hash": digest(content)},
        figures_hash=figures_hash,
        silent=any(span.reason == SILENT for each in measured for span in each.spans[-1:]),
    )


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON without blanks, its keys in order, as hexadecimal digits."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def _figure(measured: MeasuredStretch) -> dict[str, Any]:
    stretch, uptime = measured.stretch, measured.uptime
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
        "maintenance": _left_out(stretch.rule.maintenance, seconds(uptime.length_of[State.MAINTENANCE])),
        "unknown": _left_out(stretch.rule.unknown, seconds(uptime.length_of[State.UNKNOWN])),
    }
    # Whole numbers of a unit that all of them have in common: nearly always the second itself.
    unit = lcm(*(Fraction(length).denominator for length in (*exact.values(), *excluded.values())))
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
        "met": uptime.met,
        "units_per_second": unit,
        **{f"{name}_units" if name in _LENGTHS else name: int(length * unit) for name, length in exact.items()},
        "excluded_units": {name: int(length * unit) for name, length in excluded.items()},
        "uptime_percent": uptime.percent_text,
        "coverage_percent": uptime.coverage_text,
        "outages": measured.outages,
    }


_LENGTHS = ("period", "service", "measured", "down", "degraded")


def _left_out(treatment: str, length: Fraction) -> Fraction:
    return length if treatment == "exclude" else Fraction(0)
