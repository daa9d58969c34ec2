"""The life cycle of an incident, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.work_item import (
    ALLOWED,
    Act,
    IllegalTransitionError,
    InstantOutOfRangeError,
    Kind,
    Milestone,
    Severity,
    Source,
    Stamp,
    Status,
    Subject,
    Who,
    WorkItem,
    merge,
    note_fact,
    number_of,
    open_item,
    perform,
    relapse,
    roll_back,
)
from shared.ids import new_id

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
ADA = Who("user", "ada", "Ada Martin")
PROBES = Who("system", "probes", "Monitoring")


def an_incident() -> WorkItem:
    return open_item(
        item_id=new_id(),
        number="INC-2026-0001",
        subject=Subject(new_id(), new_id(), None, None, counts_for_sla=True),
        source=Source("person"),
        title="It is slow",
        description="",
        severity=Severity.MAJOR,
        stamps=[
            Stamp(Milestone.DETECTED, NOON, PROBES, "monitor"),
            Stamp(Milestone.OPENED, NOON + timedelta(seconds=1), PROBES, "monitor"),
        ],
    ).after


def after(*acts: Act) -> WorkItem:
    incident = an_incident()
    for hours, act in enumerate(acts, start=1):
        incident = perform(incident, act, at=None, now=NOON + timedelta(hours=hours), actor=ADA, source="api").after
    return incident


def test_each_act_leads_to_its_status_and_stamps_it() -> None:
    incident = after(Act.ACKNOWLEDGE, Act.MITIGATE, Act.RESOLVE, Act.CLOSE)
    assert incident.status is Status.CLOSED
    assert incident.version == 5
    assert incident.stamps[Milestone.MITIGATED].at == NOON + timedelta(hours=2)
    assert incident.stamps[Milestone.CLOSED].actor == ADA


@pytest.mark.parametrize(
    ("acts", "act"),
    [
        ((), Act.CLOSE),
        ((Act.ACKNOWLEDGE,), Act.ACKNOWLEDGE),
        ((Act.MITIGATE,), Act.ACKNOWLEDGE),
        ((Act.RESOLVE,), Act.MITIGATE),
        ((Act.RESOLVE, Act.CLOSE), Act.RESOLVE),
    ],
)
def test_what_is_not_possible_is_refused_with_what_is(acts: tuple[Act, ...], act: Act) -> None:
    incident = after(*acts)
    with pytest.raises(IllegalTransitionError) as refused:
        perform(incident, act, at=None, now=NOON + timedelta(days=1), actor=ADA, source="api")
    assert refused.value.allowed == incident.allowed
    for possible in refused.value.allowed:
        assert possible in str(refused.value)


def test_a_step_skipped_forward_answers_the_alert_at_the_same_instant() -> None:
    incident = after(Act.MITIGATE)
    acknowledged = incident.stamps[Milestone.ACKNOWLEDGED]
    assert acknowledged.at == incident.stamps[Milestone.MITIGATED].at
    assert acknowledged.source == "implied by mitigate"


def test_an_act_may_be_stated_later_than_it_was_done_but_in_order() -> None:
    incident = after(Act.ACKNOWLEDGE)
    now = NOON + timedelta(hours=5)
    early = NOON + timedelta(hours=2)
    assert perform(incident, Act.MITIGATE, at=early, now=now, actor=ADA, source="api").added[0].at == early
    for wrong in (NOON + timedelta(minutes=59), now + timedelta(microseconds=1)):
        with pytest.raises(InstantOutOfRangeError):
            perform(incident, Act.MITIGATE, at=wrong, now=now, actor=ADA, source="api")


def test_a_clock_that_went_back_does_not_refuse_what_somebody_does_now() -> None:
    incident = after(Act.ACKNOWLEDGE)
    change = perform(incident, Act.MITIGATE, at=None, now=NOON, actor=ADA, source="api")
    assert change.added[0].at == incident.stamps[Milestone.ACKNOWLEDGED].at


def test_a_fact_told_twice_stays_as_it_was_told_first() -> None:
    first = note_fact(an_incident(), Stamp(Milestone.RECOVERED, NOON + timedelta(hours=1), PROBES, "monitor"))
    again = note_fact(first.after, Stamp(Milestone.RECOVERED, NOON + timedelta(hours=2), PROBES, "monitor"))
    assert again.added == ()
    assert again.after is first.after


def test_what_is_no_longer_observed_has_not_recovered_and_may_still_be_worked_on() -> None:
    change = note_fact(after(Act.ACKNOWLEDGE), Stamp(Milestone.MONITORING_PAUSED, NOON, PROBES, "monitor"))
    assert change.after.status is Status.ACKNOWLEDGED
    assert not change.after.stamped(Milestone.RECOVERED)
    resolved = perform(change.after, Act.RESOLVE, at=None, now=NOON + timedelta(days=30), actor=ADA, source="api")
    assert resolved.after.status is Status.RESOLVED
    assert resolved.after.stamps[Milestone.MONITORING_PAUSED].at == NOON


@pytest.mark.parametrize(("kind", "human"), [("user", True), ("api_key", True), ("runner", False), ("system", False)])
def test_only_people_answer_an_alert(kind: str, human: bool) -> None:
    assert Who(kind, "x", "X").is_human is human


def test_numbers_have_at_least_four_digits() -> None:
    assert number_of(Kind.INCIDENT, 2026, 1) == "INC-2026-0001"
    assert number_of(Kind.INCIDENT, 2026, 12345) == "INC-2026-12345"


@given(st.lists(st.tuples(st.sampled_from(Act), st.integers(-10, 100)), max_size=8))
def test_whatever_is_tried_stamps_never_change_and_acts_stay_in_order(tries: list[tuple[Act, int]]) -> None:
    incident = an_incident()
    now = NOON + timedelta(minutes=90)
    for act, minutes in tries:
        before = dict(incident.stamps)
        try:
            change = perform(incident, act, at=NOON + timedelta(minutes=minutes), now=now, actor=ADA, source="api")
        except (IllegalTransitionError, InstantOutOfRangeError):
            continue
        incident = change.after
        assert before.items() <= dict(incident.stamps).items()
        order = [
            incident.stamps[milestone].at
            for milestone in (
                Milestone.DETECTED,
                Milestone.ACKNOWLEDGED,
                Milestone.MITIGATED,
                Milestone.RESOLVED,
                Milestone.CLOSED,
            )
            if milestone in incident.stamps
        ]
        assert order == sorted(order)
        assert all(at <= now for at in order)


def test_what_is_wrong_again_has_not_recovered_and_what_people_did_stays_done() -> None:
    incident = perform(an_incident(), Act.ACKNOWLEDGE, at=None, now=NOON, actor=ADA, source="api").after
    up, down = (Stamp(each, NOON + timedelta(minutes=n), PROBES, "intake") for each, n in RECOVERED_AND_RELAPSED)
    recovered = note_fact(incident, up).after
    after = relapse(recovered, down).after
    assert (after.status, after.cycle) == (Status.ACKNOWLEDGED, recovered.cycle + 1)
    assert after.stamps.keys() == incident.stamps.keys() | {Milestone.RELAPSED}
    assert relapse(incident, down).added == (), "it had not recovered"
    before = Stamp(Milestone.RELAPSED, NOON, PROBES, "intake")
    assert relapse(recovered, before).added == (), "it was wrong before it recovered, and is told late"
    resolved = perform(recovered, Act.RESOLVE, at=None, now=down.at, actor=ADA, source="api").after
    assert relapse(resolved, down).added == (), "somebody has decided what it is"


RECOVERED_AND_RELAPSED = ((Milestone.RECOVERED, 5), (Milestone.RELAPSED, 7))


@pytest.mark.parametrize(("kind", "status"), [(kind, status) for kind in Kind for status in ALLOWED[kind]])
def test_what_goes_on_can_be_merged_and_then_nothing_more_can_be_done_to_it(kind: Kind, status: Status) -> None:
    item = replace(an_incident(), kind=kind, status=status)
    if not item.allowed or status in (Status.DEPLOYING, Status.DEPLOYED):
        with pytest.raises(IllegalTransitionError):
            merge(item, an_incident(), now=NOON, actor=ADA)
        return
    merged = merge(item, an_incident(), now=NOON, actor=ADA).after
    assert (merged.allowed, merged.may_reopen) == ((), False)


def test_what_is_rolled_back_is_scoped_again_and_was_never_deployed() -> None:
    deploying = replace(an_incident(), kind=Kind.CHANGE, status=Status.DEPLOYING)
    back = roll_back(deploying, now=NOON + timedelta(hours=1), actor=ADA, source="rolled back").after
    assert (back.status, back.cycle, back.stamped(Milestone.DEPLOYED)) == (Status.SCOPED, 2, False)
    with pytest.raises(IllegalTransitionError):
        roll_back(back, now=NOON + timedelta(hours=2), actor=ADA, source="rolled back")
