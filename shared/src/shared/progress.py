"""How far long work is, told to whoever waits for a command."""

import sys
import time
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told what is worked on, how many of it are done, and how many there are."""

EVERY_SECONDS = 2.0


def untold(_what: str, _done: int, _whole: int) -> None:
    """Nobody waits."""


class SaidNowAndThen:
    """Says it on standard error, at most every two seconds and at the end of each kind of thing."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def __call__(self, what: str, done: int, whole: int) -> None:
        if done == whole or time.monotonic() - self._said_at >= EVERY_SECONDS:
            self._said_at = time.monotonic()
            sys.stderr.write(f"{what}: {done} of {whole}\n")
            sys.stderr.flush()
