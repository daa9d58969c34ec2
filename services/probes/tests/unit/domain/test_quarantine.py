"""When most of what a place looks at fails at once: is it the place or the world?"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.quarantine import (
    LEAST_UNRELATED,
    OLDEST,
    Acquittal,
    Controls,
    Sighting,
    Slot,
    Suspect,
    Suspicion,
    judged,
    sighting_of,
)
from probes.domain.states import Check, Failure, Outcome, Reason

START = datetime(2026, 6, 8, 9, tzinfo=UTC)
SUSPECT = Suspect(START, Suspicion.MOST_FAILED)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def slot(*reached: bool, from_second: float = 0, sites: int | None = None, address: str | None = None) -> Slot:
    """A location that has looked at monitor 0, 1, 2 … half a second apart."""
    made = Slot()
    for number, there in enumerate(reached):
        site = UUID(int=1000 + number % (sites or len(reached)))
        made.note(UUID(int=number), 0, Sighting(at(from_second + number / 2), there, site, address))
    return made


def alone(made: Slot, suspect: Suspect | None = None, controls: Controls | None = None) -> Suspect | Acquittal | None:
    return judged("here", {"here": made}, suspect, controls)


def test_the_only_location_is_suspected_when_most_unrelated_monitors_fail_at_once() -> None:
    assert alone(slot(*[True] * 2, *[False] * 8)) == Suspect(at(1), Suspicion.MOST_FAILED)
    assert alone(slot(*[True] * 5, *[False] * 5)) is None, "half is not most"


def test_few_failures_are_what_they_are() -> None:
    assert alone(slot(*[False] * (LEAST_UNRELATED - 1))) is None
    assert alone(slot(*[False] * LEAST_UNRELATED)) is not None


def test_monitors_of_one_site_or_at_one_address_are_related() -> None:
    assert alone(slot(*[False] * 20, sites=LEAST_UNRELATED - 1)) is None
    assert alone(slot(*[False] * 20, address="192.0.2.1")) is None, "one server may well be down"


def test_a_location_is_trusted_again_when_most_of_what_it_looks_at_answers() -> None:
    assert alone(slot(*[True] * 6, *[False] * 4), SUSPECT) is Acquittal.MOST_SUCCEED
    assert alone(slot(*[True] * 4, *[False] * 6), SUSPECT) is None


def test_another_location_that_reaches_them_makes_the_first_one_the_suspect() -> None:
    here, there = slot(*[False] * 8), slot(*[True] * 8)
    assert isinstance(judged("here", {"here": here, "there": there}, None, None), Suspect)
    assert judged("there", {"here": here, "there": there}, None, None) is None


def test_another_location_that_cannot_reach_them_either_makes_it_real() -> None:
    here, there = slot(*[False] * 8), slot(*[False] * 6, True, True)
    assert judged("here", {"here": here, "there": there}, None, None) is None
    assert judged("here", {"here": here, "there": there}, SUSPECT, None) is Acquittal.OTHERS_AGREE


def test_nothing_is_decided_before_another_location_has_looked_too() -> None:
    here, there = slot(*[False] * 8, from_second=30), slot(*[True] * 8, from_second=0)
    assert judged("here", {"here": here, "there": there}, None, None) is None
    assert judged("here", {"here": here, "there": there}, SUSPECT, None) is None


def test_a_location_that_has_gone_silent_is_not_waited_for() -> None:
    here, gone = slot(*[False] * 8, from_second=OLDEST.total_seconds() + 10), slot(*[True] * 8)
    assert isinstance(judged("here", {"here": here, "gone": gone}, None, None), Suspect)


def test_control_targets_decide_at_once_and_before_everything_else() -> None:
    one_failure, all_fail = slot(True, True, False), slot(*[False] * 20)
    lost = alone(one_failure, None, Controls(at(2), reached=False))
    assert lost == Suspect(at(1), Suspicion.CONTROLS_UNREACHABLE)
    assert alone(all_fail, None, Controls(at(2), reached=True)) is None, "the world is down, the place is not"
    assert alone(all_fail, SUSPECT, Controls(at(2), reached=True)) is Acquittal.CONTROLS_REACHABLE
    assert alone(slot(True, True), SUSPECT, Controls(at(1), reached=False)) is None


def test_an_old_reading_of_the_control_targets_decides_nothing() -> None:
    assert alone(slot(True, from_second=60), None, Controls(at(0), reached=False)) is None


def test_a_recheck_corrects_what_was_seen_and_does_not_count_twice() -> None:
    made = slot(*[False] * 8)
    for number in range(5):
        made.note(UUID(int=number), 1, Sighting(at(9), True, UUID(int=1000 + number)))
    assert alone(made) is None
    again = slot(*[True] * 6, *[False] * 4)
    for attempt in range(1, 20):
        again.note(UUID(int=9), attempt, Sighting(at(9), False, UUID(int=1009)))
    assert alone(again) is None


def test_a_dense_place_is_judged_by_its_last_ten_seconds_and_a_sparse_one_by_its_last_ten_monitors() -> None:
    dense = slot(*[True] * 100, *[False] * 18)
    assert isinstance(alone(dense), Suspect)
    sparse = Slot()
    for number in range(12):
        sparse.note(UUID(int=number), 0, Sighting(at(20 * number), number < 6, UUID(int=number)))
    assert isinstance(alone(sparse), Suspect), "6 of the newest 10 failed"


def a_check(outcome: Outcome, reason: Reason | None = None, **evidence: object) -> Check:
    failure = Failure(reason, "", evidence) if reason else None
    return Check("here", 1, 0, START, START, START, outcome, failure)


@pytest.mark.parametrize(
    ("check", "reached"),
    [
        (a_check(Outcome.GOOD), True),
        (a_check(Outcome.BAD, Reason.HTTP_STATUS), True),
        (a_check(Outcome.BAD, Reason.CERTIFICATE), True),
        (a_check(Outcome.BAD, Reason.TIMEOUT), False),
        (a_check(Outcome.BAD, Reason.DNS), False),
        (a_check(Outcome.BAD, Reason.THRESHOLD), None),
        (a_check(Outcome.BAD, Reason.ADDRESS_REFUSED), None),
        (a_check(Outcome.MISSED), None),
        (a_check(Outcome.BLOCKED), None),
    ],
)
def test_only_checks_in_which_nothing_answered_speak_against_the_place(check: Check, reached: bool | None) -> None:
    seen = sighting_of(check, UUID(int=1))
    assert (seen.reached if seen else None) is reached


def test_where_a_failing_check_led_is_its_address() -> None:
    seen = sighting_of(a_check(Outcome.BAD, Reason.CONNECT, addresses=["192.0.2.9", "192.0.2.1"]), UUID(int=1))
    assert seen is not None and seen.address == "192.0.2.1"


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), min_size=1, max_size=120))
def test_suspected_and_trusted_take_turns_and_a_minority_never_makes_a_suspect(
    looks: list[tuple[int, bool, bool]],
) -> None:
    slots = {"here": Slot(), "there": Slot()}
    suspect: Suspect | None = None
    for second, (number, here, there) in enumerate(looks):
        monitor, site = UUID(int=number), UUID(int=100 + number)
        slots["there"].note(monitor, 0, Sighting(at(second), there, site))
        slots["here"].note(monitor, 0, Sighting(at(second), here, site))
        found = judged("here", slots, suspect, None)
        recent = slots["here"].recent()
        failing = sum(not seen.reached for seen in recent.values())
        if isinstance(found, Suspect):
            assert suspect is None and 2 * failing > len(recent) and failing >= LEAST_UNRELATED
            assert found.since <= at(second)
            suspect = found
        elif found is not None:
            assert suspect is not None
            suspect = None
