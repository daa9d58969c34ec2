"""The newest content of each page: what visitors get while the database is away.

In the memory of the process, and, where the operator names a folder, also there: so a process that starts while the
database is away knows the pages that the one before it knew.

With a page its settings are kept as they were: a private one opens to its password of then, and where visitors sign in
to whoever has signed in before, through the provider of then. Nobody signs in anew: of a provider only what its page
tells of it is kept, not its secret.
"""

import asyncio
import os
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.application.page_settings import KnownPage
from reporting.application.report import Brand
from reporting.application.status_page import ShownPage, StatusPageContent

MOST: Final = 2_000
"""Pages that are kept. The one that was not asked for the longest goes first."""
MOST_OPEN: Final = 50
"""Of these so many as they are shown, half a megabyte each; the others packed, some kilobytes each."""
OLDEST: Final = timedelta(days=1)
"""What is older says nothing about now; the same as `stale-if-error` tells proxies."""
MOST_BYTES: Final = 96 * 1024 * 1024
"""Of all files in the folder; the one that was written first goes first."""
LARGEST: Final = 1024 * 1024
"""Of one file: a page that needs more is kept in memory only."""

log = structlog.get_logger(__name__)


class _Snapshot(BaseModel):
    """A page as a file holds it."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    read_at: AwareDatetime
    content: StatusPageContent
    brand: Brand
    known: KnownPage
    tenant_id: UUID
    client_id: UUID

    @property
    def page(self) -> ShownPage:
        """The page again."""
        return ShownPage(self.content, self.brand, self.known, self.tenant_id, self.client_id)


def _text_of(page: ShownPage, read_at: datetime) -> str:
    """A page as one text."""
    snapshot = _Snapshot(
        read_at=read_at,
        content=page.content,
        brand=page.brand,
        known=page.known,
        tenant_id=page.tenant_id,
        client_id=page.client_id,
    )
    return snapshot.model_dump_json(by_alias=True)


def _page_of(text: str | bytes) -> tuple[datetime, ShownPage]:
    """When a page was read, and the page. Raises ValidationError for a text of another release."""
    found = _Snapshot.model_validate_json(text)
    return found.read_at, found.page


def _packed(page: ShownPage, read_at: datetime) -> bytes:
    return zlib.compress(_text_of(page, read_at).encode(), level=1)


def _unpacked(packed: bytes) -> tuple[datetime, ShownPage]:
    return _page_of(zlib.decompress(packed))


class SnapshotFolder:
    """Files of pages, of their pictures, or of domains, that only this installation can read: some pages are not for
    everybody.

    One process writes there. A file is there whole or not at all, and never needed: what cannot be written or read is
    logged, and the service goes on.
    """

    def __init__(self, folder: Path, box: SecretBox, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._box = box
        self._most = most
        self._most_bytes = most_bytes
        self._sizes: OrderedDict[str, int] | None = None

    def write(self, slug: str, page: ShownPage, read_at: datetime) -> None:
        """Puts a page in the place of the one before."""
        self._put(_file(slug), _text_of(page, read_at))

    def read(self, slug: str) -> tuple[datetime, ShownPage] | None:
        """A page and when it was read; None when there is none that this release can read."""
        text = self._get(_file(slug))
        if text is None:
            return None
        try:
            found = _page_of(text)
        except ValidationError:  # of another release: the shape of a page has changed since
            return None
        return found if found[1].content.slug == slug else None

    def write_domain(self, host: str, slug: str) -> None:
        """Which page a domain of its own shows."""
        self._put(_file(host), f"{host} {slug}")

    def read_domain(self, host: str) -> str | None:
        """The page that a domain showed last."""
        known, _, slug = (self._get(_file(host)) or "").partition(" ")
        return slug if known == host and slug else None

    def write_picture(self, name: str, digest: str, content: bytes) -> None:
        """Puts a picture in the place of the one before."""
        self._put(_file(name), f"{name} {digest} {b64encode(content).decode()}")

    def read_picture(self, name: str, digest: str) -> bytes | None:
        """The picture of that name, if it is the one with this hash."""
        begins = f"{name} {digest} "
        text = self._get(_file(name)) or ""
        return b64decode(text.removeprefix(begins)) if text.startswith(begins) else None

    def remove(self, name: str) -> None:
        """There is no such page or picture, or a domain shows none, any more."""
        self._take_away(_file(name))

    def _put(self, name: str, text: str) -> None:
        try:
            sealed = self._box.seal(b64encode(zlib.compress(text.encode())).decode())
            if len(sealed) > LARGEST:
                self._take_away(name)
                return
            sizes = self._known_sizes()
            handle, temporary = tempfile.mkstemp(prefix=".", dir=self._folder)  # for its owner only
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(sealed)
                Path(temporary).replace(self._folder / name)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            sizes.pop(name, None)
            sizes[name] = len(sealed)
            while len(sizes) > self._most or sum(sizes.values()) > self._most_bytes:
                self._take_away(next(iter(sizes)))
        except OSError as error:
            log.warning("snapshot_not_written", folder=str(self._folder), error=str(error))

    def _known_sizes(self) -> OrderedDict[str, int]:
        """What lies in the folder, the oldest first; what a process left that ended while it wrote is swept away."""
        if self._sizes is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = []
            for path in self._folder.iterdir():
                if path.name.startswith("."):
                    path.unlink(missing_ok=True)
                else:
                    told = path.stat()
                    found.append((told.st_mtime_ns, path.name, told.st_size))
            self._sizes = OrderedDict((name, size) for _, name, size in sorted(found))
        return self._sizes

    def _get(self, name: str) -> str | None:
        try:
            return zlib.decompress(b64decode(self._box.open((self._folder / name).read_bytes()))).decode()
        except FileNotFoundError:
            return None
        except (OSError, Unreadable, ValueError, zlib.error) as error:
            log.warning("snapshot_not_read", folder=str(self._folder), error=str(error))
            return None

    def _take_away(self, name: str) -> None:
        if self._sizes is not None:
            self._sizes.pop(name, None)
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("snapshot_not_removed", folder=str(self._folder), error=str(error))


def _file(name: str) -> str:
    """A name of a file for any name of something else: of one length, without a meaning to the system."""
    return sha256(name.encode()).hexdigest()


class LastPages:
    """Bounded in number and age."""

    def __init__(self, folder: SnapshotFolder | None = None) -> None:
        self._open: OrderedDict[str, tuple[datetime, ShownPage]] = OrderedDict()
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._folder = folder
        self._written: dict[str, object] = {}
        self._writing = asyncio.Lock()

    async def keep(self, slug: str, page: ShownPage, now: datetime) -> None:
        """Remembers a page as the newest. Its file is written anew once a minute, and when its settings or its client
        are others.

        One file at a time: while another one is written, this one waits for the next time that the page is read.
        """
        await self._hold(slug, (now, page))
        mark = (page.content.updated_at, page.client_id, page.known)
        if self._folder is None or self._written.get(slug) == mark or self._writing.locked():
            return
        async with self._writing:
            self._written[slug] = mark
            await asyncio.to_thread(self._folder.write, slug, page, now)

    async def forget(self, slug: str) -> None:
        """There is no such page any more."""
        self._open.pop(slug, None)
        self._packed.pop(slug, None)
        self._written.pop(slug, None)
        if self._folder is not None:
            async with self._writing:
                await asyncio.to_thread(self._folder.remove, slug)

    async def recall(self, slug: str, now: datetime) -> tuple[datetime, ShownPage] | None:
        """The page as it was read last, and when that was, unless it is too long ago."""
        found = self._open.get(slug)
        if found is None:
            if (packed := self._packed.get(slug)) is not None:
                found = await asyncio.to_thread(_unpacked, packed)
            elif self._folder is not None:
                found = await asyncio.to_thread(self._folder.read, slug)
            newer = self._open.get(slug)  # read meanwhile
            if newer is not None:
                found = newer
            elif found is not None:
                await self._hold(slug, found)
        return found if found is not None and now - found[0] <= OLDEST else None

    async def _hold(self, slug: str, found: tuple[datetime, ShownPage]) -> None:
        """Keeps a page as it is shown, and packs those that were not asked for lately."""
        self._packed.pop(slug, None)
        self._open[slug] = found
        self._open.move_to_end(slug)
        while len(self._open) > MOST_OPEN:
            oldest, (read_at, page) = next(iter(self._open.items()))
            packed = await asyncio.to_thread(_packed, page, read_at)
            # Meanwhile it may have been read anew, or there may be no such page any more.
            if (now := self._open.get(oldest)) is not None and now[1] is page:
                del self._open[oldest]
                self._packed[oldest] = packed
        while len(self._packed) > MOST - MOST_OPEN:
            forgotten, _ = self._packed.popitem(last=False)
            self._written.pop(forgotten, None)
