"""The pictures of each page as they were read last: what visitors get while the database is away.

They are read with the page that names them, not when a visitor asks for one: browsers keep pictures for good, so a page
may be read for long without anybody asking. In the memory of the process, and, where the operator names a folder, also
there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, get_args

from reporting.adapters.last_pages import MOST, SnapshotFolder
from reporting.application.page_settings import PictureKind
from reporting.application.status_page import ShownPage

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of all pictures in memory, and of all in the folder; the one that was asked for, or written, first goes first."""


class LastPictures:
    """Bounded in number and bytes. A picture is known by its hash: what is kept is given for the page that names it."""

    def __init__(self, folder: SnapshotFolder | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        # Also of those that had to leave the memory: they are not read anew with every page.
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._writing = asyncio.Lock()

    def lacking(self, page: ShownPage) -> list[PictureKind]:
        """Those that a page names and that were not kept yet."""
        return [kind for kind, digest in page.known.pictures.items() if self._digests.get(_name(page, kind)) != digest]

    async def keep(self, page: ShownPage, pictures: Mapping[PictureKind, tuple[str, bytes]]) -> None:
        """Puts pictures of a page, each with its hash, in the place of those before."""
        for kind, (digest, content) in pictures.items():
            name = _name(page, kind)
            self._remember(name, digest, content)
            if self._folder is not None:
                async with self._writing:
                    await asyncio.to_thread(self._folder.write_picture, name, digest, content)

    async def recall(self, page: ShownPage, kind: PictureKind) -> bytes | None:
        """The picture that a page names; None when it names none, or that is not kept."""
        name, digest = _name(page, kind), page.known.pictures.get(kind)
        if digest is None:
            return None
        content = self._contents.get(name) if self._digests.get(name) == digest else None
        if content is None and self._folder is not None:
            content = await asyncio.to_thread(self._folder.read_picture, name, digest)
        if content is not None:
            self._remember(name, digest, content)
        return content

    async def forget(self, slug: str) -> None:
        """There is no such page any more."""
        for kind in get_args(PictureKind):
            name = f"{slug}/{kind}"
            self._contents.pop(name, None)
            self._digests.pop(name, None)
            if self._folder is not None:
                async with self._writing:
                    await asyncio.to_thread(self._folder.remove, name)

    def _remember(self, name: str, digest: str, content: bytes) -> None:
        self._digests[name], self._contents[name] = digest, content
        self._digests.move_to_end(name)
        self._contents.move_to_end(name)
        while len(self._digests) > 2 * MOST:
            self._contents.pop(self._digests.popitem(last=False)[0], None)
        while sum(map(len, self._contents.values())) > self._most_bytes:
            self._contents.popitem(last=False)


def _name(page: ShownPage, kind: PictureKind) -> str:
    return f"{page.content.slug}/{kind}"
