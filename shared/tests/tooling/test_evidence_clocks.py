"""The verifier of evidence packs reads clocks as incidents does, though neither knows of the other."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import event, given, settings
from hypothesis import strategies as st

from incidents.adapters.contract_state import ContractState
from incidents.domain.promises import ClockFact, ContractHistory, Metric, NotPromisedError, folding
from reporting.adapters.evidence_verifier import Doubt, Life, clock_reading, moment
from shared.kernel.calendar import HolidayRegion
from shared.values import instant_text, number, seconds

BEGIN: Final = datetime(2026, 3, 27, 6, 0, tzinfo=UTC)
"""A Friday; the clocks of Paris go forward on the second day after it."""
OFFICE: Final[Mapping[str, Any]] = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
    "closures": [{"from": "2026-04-08", "to": "2026-04-08"}],
}
NIGHTS: Final[Mapping[str, Any]] = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["sat", "sun", "mon"], "from": "22:00", "to": "06:00", "to_next_day": True}],
    "openings": [{"date": "2026-04-01", "from": "10:00", "to": "24:00"}],
    "yearly_closures": [{"from": "04-04", "to": "04-05"}],
}
ALWAYS: Final[Mapping[str, Any]] = {"time_zone": "UTC", "always": True}
FRENCH: Final = HolidayRegion("FR")
DAYS: Final = [date(2026, 1, 1) + timedelta(days=number_) for number_ in range(12 * 366)]
HOLIDAYS: Final = {"FR": [day.isoformat() for day in DAYS if day in FRENCH]}

# Quarters of an hour meet one another and the hours of the calendars; the odd microseconds do not.
instants = st.one_of(
    st.integers(0, 14 * 96).map(lambda quarters: BEGIN + timedelta(minutes=15 * quarters)),
    st.integers(0, 14 * 86_400 * 10**6).map(lambda at: BEGIN + timedelta(microseconds=at)),
)
severities = st.sampled_from(["critical", "minor"])
lengths = st.sampled_from([None, "PT0S", "PT30M", "PT4H", "PT27H", "PT400H"])
calendars = st.sampled_from([OFFICE, NIGHTS, ALWAYS])
facts = st.one_of(
    st.builds(lambda at, pause: ClockFact("paused", at, pause, "waiting"), instants, st.sampled_from("ab")),
    st.builds(lambda at, pause: ClockFact("paused", at, pause, "lunch"), instants, st.sampled_from("cd")),
    st.builds(lambda at, pause: ClockFact("resumed", at, pause), instants, st.sampled_from("abcd")),
    st.builds(lambda at, kind: ClockFact(kind, at), instants, st.sampled_from(["stopped", "reopened", "stopped"])),
    st.builds(lambda at: ClockFact("cancelled", at), instants),
    st.builds(lambda at, severity: ClockFact("reclassified", at, severity=severity), instants, severities),
)


@st.composite
def versions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A contract and its amendments, each from its own instant on."""
    rules = {
        "on_policy_change": draw(st.sampled_from(["retroactive", "restart", "carry_ratio"])),
        "on_reopen": draw(st.sampled_from(["resume", "count_through", "new_cycle"])),
    }
    found = []
    for version in range(1, 1 + draw(st.integers(1, 3))):
        history: list[dict[str, Any]] = [{"effective_from": None, "calendar": draw(calendars)}]
        if draw(st.booleans()):
            history.append({"effective_from": instant_text(draw(instants)), "calendar": draw(calendars)})
        found.append(
            {
                "contract_id": "0190a000-0000-7000-8000-000000000010",
                "version": version,
                "number": "C-1",
                "status": "active" if version == 1 else draw(st.sampled_from(["active", "suspended", "terminated"])),
                "effective_from": instant_text(BEGIN - timedelta(days=1) if version == 1 else draw(instants)),
                "client": {
                    "client_id": "0190a000-0000-7000-8000-000000000020",
                    "name": "Client",
                    "language": "fr",
                    "time_zone": "Europe/Paris",
                },
                "response": {
                    "calendar": "hours",
                    "pausable": draw(st.sampled_from([[], ["waiting"], ["waiting", "lunch"]])),
                    "rules": rules,
                    "targets": [
                        {"severity": severity, "response": draw(lengths), "repair": draw(lengths)}
                        for severity in ("critical", "minor")
                    ],
                },
                "service_desk": None
                if draw(st.booleans())
                else {
                    "targets": [{"severity": "critical", "mitigation": draw(lengths), "next_reply": draw(lengths)}],
                    "acceptance": {"due": "PT9H"},
                },
                "calendars": {"hours": history},
            }
        )
    return found


@settings(max_examples=400)
@given(
    known=versions(),
    metric=st.sampled_from(list(Metric)),
    severity=severities,
    opened_at=instants,
    happened=st.lists(facts, max_size=6),
    reopened=st.none() | st.tuples(instants, instants).map(sorted),
    as_of=instants,
)
def test_a_clock_reads_the_same_there(
    known: list[dict[str, Any]],
    metric: Metric,
    severity: str,
    opened_at: datetime,
    happened: list[ClockFact],
    reopened: list[datetime] | None,
    as_of: datetime,
) -> None:
    told = [ClockFact("opened", opened_at, severity=severity), *happened]
    if reopened is not None:
        told += [ClockFact("stopped", reopened[0]), ClockFact("reopened", reopened[1])]
    shown = [
        {
            "kind": fact.kind,
            "at": instant_text(fact.at),
            "pause_id": fact.pause_id,
            "reason": fact.reason,
            "severity": fact.severity,
        }
        for fact in told
    ]
    history = ContractHistory(tuple(ContractState.model_validate(version).terms() for version in known))
    try:
        ours = folding(history, severity, metric, told).read(as_of)
    except NotPromisedError:
        try:
            Life(known, metric.value, severity, shown)
        except Doubt:
            return
        raise
    event(ours.state)
    theirs = clock_reading(Life(known, metric.value, severity, shown), HOLIDAYS, moment(as_of))
    assert theirs == {
        "metric": metric.value,
        "policy": ours.policy,
        "target_seconds": number(seconds(ours.target)),
        "state": ours.state,
        "due_at": instant_text(ours.due_at) if ours.due_at else None,
        "breach_after": instant_text(ours.breach_after) if ours.breach_after else None,
        "elapsed_seconds": number(seconds(ours.elapsed)),
        "verdict": ours.cycles[-1].verdict,
        "explanation": [
            {
                "from": instant_text(span.start),
                "to": instant_text(span.end),
                "counted": span.counted,
                "why": span.why,
                "calendar": span.calendar,
                "reason": span.reason,
            }
            for span in ours.explanation
        ],
    }
