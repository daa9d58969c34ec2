"""The shifted clock: durations, instants, and who may shift."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.kernel.clock import FixedClock
from shared.stack.clock_shift import ClockShift, parse_duration
from shared.stack.facts import write_facts
from shared.stack.folders import DataFolder
from shared.stack.problems import StackProblem
from shared.stack.settings import StackSettings
from shared.time_source import ShiftedClock

NOW = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.prepare()
    write_facts(made, {"UPHELD_STACK": "embedded"})
    return made


def shift_of(folder: DataFolder) -> ClockShift:
    return ClockShift(folder, StackSettings(), FixedClock(NOW))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(weeks=2)),
        ("PT90M", timedelta(minutes=90)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("-PT1H", timedelta(hours=-1)),
        ("p1d", timedelta(days=1)),
    ],
)
def test_durations_are_iso_8601(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1M", "P1Y", "P1D2H", "day", "P-1D", "P1.5D"])
def test_what_is_no_duration_of_fixed_length_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StackProblem, match="P1D, PT90M or P2W"):
        parse_duration(text)


def test_advancing_adds_up(folder: DataFolder) -> None:
    shift = shift_of(folder)
    shift.advance("P1D")
    shift.advance("PT1H")
    assert shift.now() == NOW + timedelta(days=1, hours=1)


def test_setting_an_instant_goes_on_from_there(folder: DataFolder) -> None:
    shift = shift_of(folder)
    shift.set("2026-12-01T01:00:00+01:00")
    assert shift.now() == datetime(2026, 12, 1, tzinfo=UTC)


def test_resetting_gives_the_time_of_the_machine(folder: DataFolder) -> None:
    shift = shift_of(folder)
    shift.advance("P1D")
    shift.reset()
    assert shift.now() == NOW


@pytest.mark.parametrize("instant", ["tomorrow", "2026-12-01", "2026-12-01T00:00:00", "2200-01-01T00:00:00Z"])
def test_an_instant_without_offset_or_out_of_reach_is_refused(folder: DataFolder, instant: str) -> None:
    with pytest.raises(StackProblem):
        shift_of(folder).set(instant)


def test_the_services_read_what_is_written(folder: DataFolder) -> None:
    shift_of(folder).advance("P10D")
    ahead = ShiftedClock(folder.clock_file).now() - ShiftedClock(Path("/nonexistent")).now()
    assert abs(ahead - timedelta(days=10)) < timedelta(seconds=5)


@pytest.mark.parametrize("variable", ["UPHELD_DATABASE_URL", "UPHELD_NATS_URL"])
def test_servers_of_somebody_else_keep_their_time(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "postgresql://somewhere/else")
    with pytest.raises(StackProblem, match="only with the embedded servers"):
        shift_of(folder)


def test_a_stack_that_was_started_with_servers_of_somebody_else_keeps_its_time(folder: DataFolder) -> None:
    write_facts(folder, {"UPHELD_STACK": "external"})
    with pytest.raises(StackProblem, match="only with the embedded servers"):
        shift_of(folder)
