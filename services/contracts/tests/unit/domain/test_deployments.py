"""A deployment, told once or many times, leaves its item's versions as its last telling says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.configuration import State, standing
from contracts.domain.deployments import Installed, Noted, Result, changes, installed

DAY_0 = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY_0 + timedelta(days=number)


@pytest.mark.parametrize(
    ("result", "deployed_at", "rolled_back_at", "expected"),
    [
        ("planned", None, None, []),
        ("failed", day(1), None, []),
        ("succeeded", day(1), None, [Installed("2.4", day(1))]),
        ("rolled_back", day(1), day(2), [Installed("2.4", day(1)), Installed("2.3", day(2))]),
    ],
)
def test_what_a_deployment_put_in_service(
    result: Result, deployed_at: datetime | None, rolled_back_at: datetime | None, expected: list[Installed]
) -> None:
    assert installed(result, "2.4", deployed_at, "2.3", rolled_back_at) == expected


def test_nobody_invents_what_it_was_rolled_back_to() -> None:
    assert installed("rolled_back", "2.4", day(1), None, day(2)) == [Installed("2.4", day(1))]


@dataclass(frozen=True)
class Version:
    number: int
    label: str
    state: State
    effective_from: datetime
    recorded_at: datetime
    corrects: int | None


wishes = st.lists(st.sampled_from(["2.3", "2.4", "2.5"]), max_size=2).flatmap(
    lambda labels: st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels), unique=True).map(
        lambda days: [Installed(label, day(at)) for label, at in zip(labels, sorted(days), strict=True)]
    )
)


@given(st.lists(wishes, min_size=1, max_size=6))
def test_after_every_telling_exactly_what_it_says_stands_and_telling_it_again_records_nothing(
    tellings: list[list[Installed]],
) -> None:
    history: list[Version] = []
    for turn, wanted in enumerate(tellings):
        now = day(100 + turn)
        for again in range(2):
            noted = [Noted(each.label, each.effective_from, each.number) for each in standing(history, now)]
            told = changes(noted, wanted)
            assert not (again and told)
            for change in told:
                new = change.installed
                state = State.IN_SERVICE if new else State.WITHDRAWN
                label, at = (new.label, new.at) if new else ("", now)
                history.append(Version(len(history) + 1, label, state, at, now, change.corrects))
        assert [Installed(each.label, each.effective_from) for each in standing(history, now)] == wanted
