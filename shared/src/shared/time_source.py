"""Where the services get the time from. Everything else takes a `Clock` (shared.kernel.clock) or an instant."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.kernel.clock import Clock

REREAD_SECONDS = 0.2


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """The machine's clock plus an offset in seconds read from a file, so that a month end can be seen in a minute.

    Only the embedded stack hands out such a file. A missing or unreadable file means no shift; the file is read
    again at most every 0.2 s, so that all services follow a change within a second.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = timedelta()
        self._read_at = float("-inf")

    def now(self) -> datetime:
        if time.monotonic() - self._read_at >= REREAD_SECONDS:
            self._read_at = time.monotonic()
            self._offset = self._read()
        return datetime.now(UTC) + self._offset

    def _read(self) -> timedelta:
        try:
            return timedelta(seconds=float(self._file.read_text().strip() or 0))
        except (OSError, ValueError, OverflowError):
            return self._offset


def clock_from(clock_file: Path | None) -> Clock:
    """The clock that a service's settings ask for."""
    return ShiftedClock(clock_file) if clock_file else SystemClock()
