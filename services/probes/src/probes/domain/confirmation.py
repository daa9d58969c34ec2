"""What one location believes: suspicion, confirmation, recovery and staleness.

A check that contradicts the verdict starts a run. A failing run becomes the verdict after the configured number of
re-checks failed too and is dated from its first check; one that does not get that far is a blip. A good run ends a
failing verdict in the same way. After two intervals without a result the location is stale: what it said before is
remembered and not counted.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from probes.domain.states import (
    Blip,
    Check,
    Disposition,
    LocationState,
    Outcome,
    Recheck,
    Rules,
    Run,
    Verdict,
)

EVIDENCE_KEPT = 5
"""Failing checks of one run whose evidence is kept; a longer run says nothing new."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a location made of one check."""

    location: LocationState
    disposition: Disposition = Disposition.APPLIED
    blip: Blip | None = None


def expire(
    location: LocationState, now: datetime, rules: Rules, *, allowance: timedelta
) -> tuple[LocationState, Blip | None]:
    """The location as it stands when, at `now`, the due instant of its last check is two intervals old.

    `allowance` is added for a result that may still be on its way (zero when a later check is already here). A result
    vouches for one interval: nothing is known from then on. The longer of the intervals before and after an amendment
    decides, so that a change of interval makes no gap. A run that has not confirmed ends as a blip.
    """
    if rules.reported or location.last_due is None or location.last_at is None:
        return location, None
    if location.stale_since is not None and location.run is None:
        return location, None
    interval = max(rules.interval, location.last_interval or rules.interval)
    if now - location.last_due <= 2 * interval + allowance:
        return location, None
    stale_since = location.last_at + interval
    return replace(location, stale_since=location.stale_since or stale_since, run=None), unconfirmed(
        location, stale_since
    )


def observe(location: LocationState, check: Check, rules: Rules) -> Step:
    """The location after a check of its own. A check that is not newer than the last one changes nothing."""
    if check.outcome in (Outcome.MISSED, Outcome.BLOCKED):
        return Step(location, Disposition.MISSED)
    if location.last_due is not None and check.due_at <= location.last_due:
        return Step(location, Disposition.DUPLICATE if check.due_at == location.last_due else Disposition.LATE)
    step = (
        _observe_good(location, check, rules) if check.outcome is Outcome.GOOD else _observe_bad(location, check, rules)
    )
    seen = replace(step.location, last_due=check.due_at, last_at=check.started_at, last_interval=rules.interval)
    return replace(step, location=seen)


def _observe_good(location: LocationState, check: Check, rules: Rules) -> Step:
    if location.verdict is Verdict.DOWN:
        run = _longer(location.run, check, _uncertainty(location, check, rules))
        if run.count < rules.recoveries:
            return Step(replace(location, stale_since=None, run=run))
        return Step(
            replace(
                location,
                stale_since=None,
                verdict=Verdict.UP,
                verdict_since=run.first_at,
                uncertainty=run.uncertainty,
                confirmed_at=check.finished_at,
                failures=(),
                run=None,
            )
        )
    blip = unconfirmed(location, check.started_at)
    if location.fresh:
        return Step(replace(location, run=None), blip=blip)
    # First news after silence. A failing run before it did not confirm, so that time was not down either.
    since = location.run.first_at if location.run else check.started_at
    return Step(
        replace(
            location,
            stale_since=None,
            verdict=Verdict.UP,
            verdict_since=since,
            uncertainty=timedelta(0),
            confirmed_at=check.finished_at,
            run=None,
        ),
        blip=blip,
    )


def _observe_bad(location: LocationState, check: Check, rules: Rules) -> Step:
    assert check.failure is not None
    if location.verdict is Verdict.DOWN:
        # Good checks that did not suffice for a recovery are forgotten.
        if location.fresh:
            return Step(replace(location, run=None))
        # First news after silence: what it says, it says from now on. An outage that is still open simply goes on.
        return Step(
            replace(location, stale_since=None, verdict_since=check.started_at, uncertainty=timedelta(0), run=None)
        )
    run = _longer(location.run, check, _uncertainty(location, check, rules))
    if run.count <= rules.rechecks:
        return Step(replace(location, run=run))
    return Step(
        replace(
            location,
            stale_since=None,
            verdict=Verdict.DOWN,
            verdict_since=run.first_at,
            uncertainty=run.uncertainty,
            confirmed_at=check.finished_at,
            failures=run.failures,
            run=None,
        )
    )


def recheck_after(location: LocationState, check: Check, rules: Rules) -> Recheck | None:
    """The check that should follow `check` outside of the schedule, or None.

    An open run is looked at again after the spacing, unless the next slot begins before such a check must have ended:
    then that slot serves, and the checks of a location never overlap.
    """
    if location.run is None:
        return None
    due_at = check.finished_at + rules.recheck_spacing
    _, next_slot = rules.schedule.next_after(check.started_at)
    if due_at + rules.timeout > next_slot:
        return None
    return Recheck(location=check.location, slot=check.slot, attempt=check.attempt + 1, due_at=due_at)


def _longer(run: Run | None, check: Check, uncertainty: timedelta) -> Run:
    failures = (check.failure,) if check.failure is not None else ()
    if run is None:
        return Run(check.started_at, check.started_at, uncertainty, 1, failures)
    return replace(
        run, last_at=check.started_at, count=run.count + 1, failures=(run.failures + failures)[:EVIDENCE_KEPT]
    )


def _uncertainty(location: LocationState, check: Check, rules: Rules) -> timedelta:
    """How much earlier than this check its finding may have begun: since the check before, at most one interval."""
    if rules.reported:
        return timedelta(0)
    if location.last_at is None:
        return rules.interval
    return min(check.started_at - location.last_at, rules.interval)


def unconfirmed(location: LocationState, ended_at: datetime) -> Blip | None:
    """The blip that is left when the open failing run of a location ends at `ended_at` without having confirmed."""
    if location.run is None or location.verdict is Verdict.DOWN:
        return None
    run = location.run
    return Blip(location.location, run.first_at, run.last_at, max(ended_at, run.last_at), run.failures)
