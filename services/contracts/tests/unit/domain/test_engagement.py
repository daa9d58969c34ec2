"""The phases around a support contract follow one another."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.domain.engagement import (
    Phase,
    PhaseKind,
    PhaseOrder,
    begin,
    check_plan,
    complete,
    diagnosed_since,
    diagnostic_is_open,
    waits_before_support,
)

AT = datetime(2026, 6, 8, 9, tzinfo=UTC)
PLAN: list[PhaseKind] = ["diagnostic", "architecture", "delivery", "delivery", "support"]


def planned() -> tuple[Phase, ...]:
    return tuple(Phase(kind) for kind in PLAN)


@pytest.mark.parametrize(
    "kinds", [PLAN, ["diagnostic", "support"], ["delivery"], ["architecture", "delivery", "support"]]
)
def test_phases_in_order_can_be_planned(kinds: list[PhaseKind]) -> None:
    check_plan(kinds)


@pytest.mark.parametrize(
    "kinds",
    [
        ["delivery", "diagnostic"],
        ["support", "delivery"],
        ["diagnostic", "diagnostic"],
        ["support"],
        ["architecture", "support"],
    ],
)
def test_phases_out_of_order_twice_or_support_after_neither_diagnostic_nor_delivery_cannot(
    kinds: list[PhaseKind],
) -> None:
    with pytest.raises(PhaseOrder):
        check_plan(kinds)


def test_a_phase_begins_only_when_all_before_it_are_completed() -> None:
    phases = planned()
    for number in range(1, len(PLAN) + 1):
        for later in range(number + 1, len(PLAN) + 1):
            with pytest.raises(PhaseOrder, match="comes first"):
                begin(phases, later, AT)
        begun = begin(phases, number, AT)
        assert [phase.state for phase in begun].count("begun") == 1
        with pytest.raises(PhaseOrder, match="has begun already"):
            begin(begun, number, AT)
        phases = complete(begun, number, AT)
    assert {phase.state for phase in phases} == {"completed"}


def test_a_phase_that_has_not_begun_or_is_not_there_cannot_be_completed() -> None:
    with pytest.raises(PhaseOrder, match="has not begun"):
        complete(planned(), 1, AT)
    done = complete(begin(planned(), 1, AT), 1, AT)
    with pytest.raises(PhaseOrder, match="is completed already"):
        complete(done, 1, AT)
    for number in (0, 6):
        with pytest.raises(PhaseOrder, match="There is no phase"):
            begin(planned(), number, AT)


def test_a_diagnostic_is_open_until_it_is_completed() -> None:
    assert diagnostic_is_open(planned())
    begun = begin(planned(), 1, AT)
    assert diagnostic_is_open(begun)
    done = complete(begun, 1, AT)
    assert not diagnostic_is_open(done)
    assert diagnosed_since(done, AT)
    assert not diagnosed_since(done, AT + timedelta(microseconds=1))
    assert not diagnostic_is_open([Phase("delivery")])


def test_support_waits_for_every_phase_before_it() -> None:
    assert [phase.kind for phase in waits_before_support(planned())] == PLAN[:-1]
    done = [Phase(kind, AT, AT) for kind in PLAN[:-1]]
    assert waits_before_support([*done, Phase("support")]) == ()
