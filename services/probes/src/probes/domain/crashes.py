"""Crash rates: whether an application crashes more often than was agreed, by exact counts over a sliding window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from probes.domain.states import Failure, Reason


@dataclass(frozen=True, slots=True)
class CrashThreshold:
    """What is still good: shares of 0 to 1. Fewer sessions than `min_sessions` in the window say nothing."""

    max_crash_share: Fraction
    min_crash_free_users: Fraction | None
    min_sessions: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class CrashCount:
    """What one platform and version counted in a period `[start, end)`. Users are counted together or not at all."""

    start: datetime
    end: datetime
    platform: str
    version: str
    sessions: int
    crashes: int
    users: int | None = None
    crash_free_users: int | None = None


@dataclass(frozen=True, slots=True)
class CrashVerdict:
    """What the window says. `failure` is None when it is good; not `conclusive` when there is too little to say."""

    conclusive: bool
    sessions: int
    crashes: int
    failure: Failure | None = None


def judge(counts: Sequence[CrashCount], threshold: CrashThreshold, now: datetime) -> CrashVerdict:
    """What the periods that end within the window before `now` say together."""
    recent = [count for count in counts if now - threshold.window < count.end]
    sessions, crashes = sum(count.sessions for count in recent), sum(count.crashes for count in recent)
    if sessions < threshold.min_sessions:
        return CrashVerdict(False, sessions, crashes)
    counted = [count for count in recent if count.users is not None and count.crash_free_users is not None]
    users = sum(count.users or 0 for count in counted)
    crash_free = sum(count.crash_free_users or 0 for count in counted)
    detail = None
    if Fraction(crashes, sessions) > threshold.max_crash_share:
        detail = (
            f"{crashes} of {sessions} sessions crashed ({_percent(Fraction(crashes, sessions))} %); "
            f"{_percent(threshold.max_crash_share)} % are allowed."
        )
    elif threshold.min_crash_free_users is not None and users:
        share = Fraction(crash_free, users)
        if share < threshold.min_crash_free_users:
            detail = (
                f"{crash_free} of {users} users met no crash ({_percent(share)} %); "
                f"{_percent(threshold.min_crash_free_users)} % are expected."
            )
    if detail is None:
        return CrashVerdict(True, sessions, crashes)
    worst = sorted(_by_version(recent).items(), key=lambda item: (-item[1][1], item[0]))[:10]
    evidence: dict[str, object] = {
        "window_seconds": threshold.window.total_seconds(),
        "sessions": sessions,
        "crashes": crashes,
        "users": users or None,
        "crash_free_users": crash_free if users else None,
        "by_version": [
            {"platform": platform, "version": version, "sessions": found[0], "crashes": found[1]}
            for (platform, version), found in worst
        ],
    }
    return CrashVerdict(True, sessions, crashes, Failure(Reason.THRESHOLD, detail, evidence))


def _by_version(counts: Sequence[CrashCount]) -> dict[tuple[str, str], tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for count in counts:
        sessions, crashes = found.get((count.platform, count.version), (0, 0))
        found[count.platform, count.version] = (sessions + count.sessions, crashes + count.crashes)
    return found


def _percent(share: Fraction) -> str:
    """At most three decimals, for people; comparisons are made with the fraction."""
    thousandths = round(share * 100_000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")
