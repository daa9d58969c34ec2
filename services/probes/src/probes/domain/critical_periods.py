"""Critical periods: when something is watched more closely than on other days, and how closely.

A period is a window of local time (a traffic peak, the opening of a season, an exam week) with a shorter interval,
lower limits for durations, or both. While periods are in force the tightest of everything that applies holds; at the
instant at which one begins or ends, and not before or after it, another regime is in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from probes.domain.monitors import Cadence
from shared.kernel.wall_clock import WallClockWindow


@dataclass(frozen=True, slots=True)
class Regime:
    """How something is checked: at which cadence, and how many milliseconds a phase may take at most.

    `periods` are the names of the critical periods that are in force.
    """

    cadence: Cadence
    limits: Mapping[str, int]
    periods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CriticalPeriod:
    """When to look more closely, and how: `interval_seconds` None leaves the interval, `limits` are milliseconds."""

    name: str
    window: WallClockWindow
    interval_seconds: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


def tightened(regime: Regime, period: CriticalPeriod) -> Regime:
    """The regime with a period in force as well: of each value the tighter one."""
    cadence = regime.cadence
    if period.interval_seconds is not None:
        cadence = replace(cadence, interval_seconds=min(cadence.interval_seconds, period.interval_seconds))
    limits = dict(regime.limits)
    for phase, milliseconds in period.limits.items():
        limits[phase] = min(milliseconds, limits.get(phase, milliseconds))
    return Regime(cadence, limits, (*regime.periods, period.name))


def loosened_by(period: CriticalPeriod, ordinary: Regime) -> str | None:
    """What a period would loosen: a phase, or `interval_seconds`; None for one that only tightens."""
    if (period.interval_seconds or 0) > ordinary.cadence.interval_seconds:
        return "interval_seconds"
    return next((phase for phase, most in period.limits.items() if most > ordinary.limits.get(phase, most)), None)


class Regimes:
    """Which regime is in force when. Raises RecurrenceError for a period whose recurrence cannot be followed."""

    def __init__(self, ordinary: Regime, periods: Iterable[CriticalPeriod]) -> None:
        self._ordinary = ordinary
        self._periods = [(period, period.window.occurrences()) for period in periods]
        self._edges = sorted({edge for _, spans in self._periods for span in spans for edge in span})

    def at(self, instant: datetime) -> Regime:
        """The regime at an instant. The beginning of a period belongs to it, its end does not."""
        regime = self._ordinary
        for period, spans in self._periods:
            if any(start <= instant < end for start, end in spans):
                regime = tightened(regime, period)
        return regime

    def changes(self, after: datetime, until: datetime) -> list[tuple[datetime, Regime]]:
        """The instants in `(after, until]` at which another regime begins, each with that regime, in order."""
        found: list[tuple[datetime, Regime]] = []
        before = self.at(after)
        for edge in self._edges:
            if after < edge <= until and (regime := self.at(edge)) != before:
                found.append((edge, regime))
                before = regime
        return found

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant after this one at which something may change; None when nothing is to come."""
        return next((edge for edge in self._edges if edge > after), None)
