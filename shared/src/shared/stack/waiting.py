"""How long to wait for a server, and how to be interrupted while waiting."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.stack.problems import StopRequested


@dataclass(frozen=True)
class Patience:
    """`seconds` for each thing that is waited for; `stop_requested` is asked at every pause."""

    seconds: float = 60.0
    stop_requested: Callable[[], bool] = lambda: False

    def pause(self, seconds: float) -> None:
        """Sleep. Raises StopRequested when somebody asked to stop."""
        if self.stop_requested():
            raise StopRequested
        time.sleep(seconds)
