"""The shifted clock of the embedded stack: a month end can be seen in a minute."""

import re
from datetime import datetime, timedelta

from shared.kernel.clock import Clock
from shared.stack.facts import read_facts
from shared.stack.folders import DataFolder, cannot_write, write_private
from shared.stack.problems import StackProblem
from shared.stack.settings import StackSettings
from shared.time_source import SystemClock

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_FARTHEST = timedelta(days=366 * 30)


class ClockShift:
    """Reads and writes the file that all services of the embedded stack follow within a second."""

    def __init__(self, folder: DataFolder, settings: StackSettings, machine: Clock | None = None) -> None:
        """Raises StackProblem when the stack uses servers of somebody else: their data has a life of its own."""
        if not settings.embedded or read_facts(folder).get("UPHELD_STACK") != "embedded":
            raise StackProblem(
                "The clock can be shifted only with the embedded servers: this stack uses UPHELD_DATABASE_URL or "
                "UPHELD_NATS_URL, whose data somebody else may share."
            )
        self._folder = folder
        self._machine = machine or SystemClock()

    @property
    def offset(self) -> timedelta:
        """How far the services are ahead of the machine."""
        return offset_in(self._folder)

    def now(self) -> datetime:
        """What time it is for the services."""
        return self._machine.now() + self.offset

    def advance(self, duration: str) -> None:
        """Move on by an ISO 8601 duration of weeks, days, hours, minutes and seconds (`P1D`, `PT90M`, `-PT1H`)."""
        self._write(self.offset + parse_duration(duration))

    def set(self, instant: str) -> None:
        """Jump to an instant with an offset (`2026-12-01T00:00:00Z`); the clock goes on from there."""
        try:
            target = datetime.fromisoformat(instant)
        except ValueError:
            target = None
        if target is None or target.tzinfo is None:
            raise StackProblem(f"{instant!r} is not an instant with an offset like 2026-12-01T00:00:00Z.")
        self._write(target - self._machine.now())

    def reset(self) -> None:
        """Back to the machine's time. What was stored in the future stays there."""
        self._write(timedelta())

    def _write(self, offset: timedelta) -> None:
        if abs(offset) > _FARTHEST:
            raise StackProblem("The clock can be shifted by at most 30 years.")
        write_offset(self._folder, offset)


def offset_in(folder: DataFolder) -> timedelta:
    """The shift that is written down; none when there is no file."""
    try:
        return timedelta(seconds=float(folder.clock_file.read_text().strip() or 0))
    except (OSError, ValueError, OverflowError):
        return timedelta()


def write_offset(folder: DataFolder, offset: timedelta) -> None:
    """Write the shift down, in seconds."""
    try:
        write_private(folder.clock_file, f"{offset.total_seconds()}\n")
    except OSError as error:
        raise cannot_write(folder.path, error) from error


def parse_duration(text: str) -> timedelta:
    """A length of time from ISO 8601. Months and years have no fixed length: they are refused."""
    found = _DURATION.fullmatch(text.strip().upper())
    parts = (
        {name: float(value) for name, value in found.groupdict("").items() if name != "sign" and value} if found else {}
    )
    if found is None or not parts:
        raise StackProblem(
            f"{text!r} is not a duration like P1D, PT90M or P2W (months and years have no fixed length: use --set)."
        )
    length = timedelta(**parts)
    return -length if found["sign"] == "-" else length
