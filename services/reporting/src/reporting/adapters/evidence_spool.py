"""The files of an evidence pack on disk while they are collected: a pack costs no more memory than a piece of it."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from tempfile import TemporaryFile
from typing import Final

from reporting.adapters.evidence_verifier import ending, entry
from reporting.application.evidence import TooMuchEvidence
from reporting.domain.evidence import Listed

PIECE: Final = 256 * 1024


@dataclass(frozen=True)
class _Held:
    at: int
    crc: int
    listed: Listed


class Spool:
    """Files one after the other in a temporary file that nobody else can open; it is gone when this is.

    :param most_bytes: of all files together.
    """

    def __init__(self, *, most_bytes: int, most_files: int) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  (closed with the last piece that is sent, or with this)
        self._held: dict[str, _Held] = {}
        self._size = 0
        self._most_bytes = most_bytes
        self._most_files = most_files

    @contextmanager
    def kept_if_whole(self) -> Iterator["Spool"]:
        """The temporary file is gone at once when something goes wrong meanwhile."""
        try:
            yield self
        except BaseException:
            self._file.close()
            raise

    def add(self, path: str, content: bytes) -> None:
        """A file; the same path again is the same file. Raises TooMuchEvidence."""
        if path not in self._held:
            with self.file(path) as write:
                write(content)

    @contextmanager
    def file(self, path: str) -> Iterator[Callable[[bytes], None]]:
        """A file by its pieces, which are not held together; no other one meanwhile. Raises TooMuchEvidence."""
        at, crc, digest = self._size, 0, sha256()
        self._file.seek(at)
        if len(self._held) >= self._most_files:
            raise TooMuchEvidence

        def write(piece: bytes) -> None:
            nonlocal crc
            self._size += len(piece)
            if self._size > self._most_bytes:
                raise TooMuchEvidence
            self._file.write(piece)
            digest.update(piece)
            crc = zlib.crc32(piece, crc)

        yield write
        self._held[path] = _Held(at, crc, Listed(self._size - at, digest.hexdigest()))

    @property
    def listed(self) -> dict[str, Listed]:
        """The length and the hash of each file."""
        return {path: held.listed for path, held in self._held.items()}

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file, one at a time."""
        held = self._held[path]
        at, end = held.at, held.at + held.listed.size
        while at < end:
            self._file.seek(at)
            line = self._file.readline()
            at += len(line)
            yield line.rstrip(b"\n")

    def archived(self) -> Iterator[bytes]:
        """The ZIP of the files by name, piece by piece; then the temporary file is gone."""
        directory, at = bytearray(), 0
        with self._file:
            for path, held in sorted(self._held.items()):
                local, central = entry(path, held.crc, held.listed.size, at)
                directory += central
                yield local
                yield from self._pieces(held)
                at += len(local) + held.listed.size
            yield bytes(directory) + ending(len(self._held), len(directory), at)

    def _pieces(self, held: _Held) -> Iterator[bytes]:
        self._file.seek(held.at)
        left = held.listed.size
        while left:
            piece = self._file.read(min(left, PIECE))
            left -= len(piece)
            yield piece
