"""A fence around a thread that runs a foreign library with an address that somebody else wrote.

While a thread is inside, it may open TCP connections to addresses that a guard lets pass, and read the files that
Python itself consists of. Anything else is refused where it is done: sockets of other kinds, other files, processes. It
is enforced by an audit hook of the interpreter, which hears of each connection with the very address that is connected
to, so that a name that resolves differently the second time gains nothing.

The library is trusted, the address is not: this is no prison for hostile code.
"""

import contextlib
import os
import socket
import sys
import sysconfig
import threading
from functools import cache
from types import TracebackType
from typing import Any, Final

from shared.outbound_http import AddressGuard, AddressRefused

_INSIDE = threading.local()
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED: Final = ("subprocess.", "os.", "pty.", "shutil.", "ctypes.", "socket.bind", "socket.send")
"""Events that begin so; the rest of what the interpreter tells is harmless."""
_HARMLESS: Final = frozenset({"os.listdir", "os.scandir"})
"""How importing looks into folders."""


class FencedError(PermissionError):
    """The thread was about to do what it may not. The message says what."""


class Fence:
    """One stay of one thread inside. `refused` is what it was first refused; `cut` ends its connections."""

    def __init__(self, guard: AddressGuard) -> None:
        _watch_this_process()
        self._guard = guard
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = False
        self.refused: str | None = None

    def __enter__(self) -> "Fence":
        _INSIDE.fence = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _INSIDE.fence = None
        with self._lock:
            for each in self._connections:
                each.close()
            self._connections.clear()

    def cut(self) -> None:
        """Ends every connection of the stay, now and later: whoever waits for an answer there waits no more."""
        with self._lock:
            self._is_cut = True
            for each in self._connections:
                _shut(each)

    def judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by the interpreter before the thread does something. Raises FencedError."""
        if event == "socket.connect":
            self._connect(*arguments)
        elif event == "open":
            self._open(*arguments)
        elif event.startswith(_REFUSED) and event not in _HARMLESS:
            raise self._refuse(f"{event} is not allowed")

    def _connect(self, connecting: socket.socket, address: Any) -> None:
        if connecting.family not in (socket.AF_INET, socket.AF_INET6) or connecting.type != socket.SOCK_STREAM:
            raise self._refuse("only TCP is allowed")
        try:
            self._guard.check(str(address[0]))
        except ValueError:
            raise self._refuse("a name is connected to only by its checked address") from None
        except AddressRefused as error:
            raise self._refuse(str(error)) from None
        kept = connecting.dup()  # TLS takes the socket over; this handle stays ours
        with self._lock:
            self._connections.append(kept)
            if self._is_cut:
                raise FencedError("there is no time left")

    def _open(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))
        if flags & _WRITES or not real.startswith(_pythons_own()):
            raise self._refuse("no file is read or written")

    def _refuse(self, reason: str) -> FencedError:
        self.refused = self.refused or reason
        return FencedError(reason)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was not connected yet, or is not any more
        connection.shutdown(socket.SHUT_RDWR)


@cache
def _pythons_own() -> tuple[str, ...]:
    """The folders of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    kept = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{os.path.realpath(path)}{os.sep}" for path in kept)


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    fence: Fence | None = getattr(_INSIDE, "fence", None)
    if fence is None:
        return
    _INSIDE.fence = None  # what judging does is not judged
    try:
        fence.judge(event, arguments)
    finally:
        _INSIDE.fence = fence


@cache
def _watch_this_process() -> None:
    sys.addaudithook(_judge)
