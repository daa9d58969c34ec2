"""Pages in a folder: bounded, whole or not at all, and never what keeps the service from going on."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from reporting.adapters import last_pages
from reporting.adapters.last_pages import MOST_OPEN, LastPages, SnapshotFolder
from reporting.adapters.last_pictures import LastPictures
from reporting.adapters.secret_box import SecretBox
from reporting.application import examples
from reporting.application.page_settings import KnownPage, PageSettings
from reporting.application.report import Brand
from reporting.application.status_page import ShownPage, StatusPageContent

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
BOX = SecretBox(SecretStr("k" * 32))


def page(slug: str = "martin", **known: Any) -> ShownPage:
    content = StatusPageContent.model_validate(dict(examples.PAGE) | {"slug": slug})
    brand = Brand("Martin", None, "#7c2d12", None, None, variables={"link": "#7c2d12"})
    return ShownPage(content, brand, KnownPage(**known), UUID(int=1), UUID(int=2))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_what_is_written_is_read_again_as_it_was(tmp_path: Path) -> None:
    private = page(settings=PageSettings(audience="password"), password=b"\xff\x00", version=3, domain="a.example")
    SnapshotFolder(tmp_path, BOX).write("martin", private, NOW)
    assert SnapshotFolder(tmp_path, BOX).read("martin") == (NOW, private)
    assert SnapshotFolder(tmp_path, BOX).read("other") is None
    assert b"martin" not in files(tmp_path)[0].read_bytes().lower()


def test_files_of_another_key_cut_short_or_of_another_page_are_none(tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path, BOX)
    folder.write("martin", page(), NOW)
    assert SnapshotFolder(tmp_path, SecretBox(SecretStr("o" * 32))).read("martin") is None
    (file,) = files(tmp_path)
    folder.write("dupont", page("dupont"), NOW)
    (other,) = set(files(tmp_path)) - {file}
    file.write_bytes(other.read_bytes())
    assert folder.read("martin") is None
    file.write_bytes(other.read_bytes()[:50])
    assert folder.read("martin") is None


def test_the_folder_is_bounded_and_what_was_written_first_goes_first(tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path, BOX, most=3)
    for slug in ("a", "b", "c", "a", "d"):
        folder.write(slug, page(slug), NOW)
    assert [slug for slug in "abcd" if folder.read(slug)] == ["a", "c", "d"]
    size = max(file.stat().st_size for file in files(tmp_path))
    small = SnapshotFolder(tmp_path, BOX, most_bytes=2 * size)
    small.write("e", page("e"), NOW)
    assert len(files(tmp_path)) <= 2 and small.read("e") is not None


def test_what_a_process_left_that_ended_while_it_wrote_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".half").write_bytes(b"half")
    SnapshotFolder(tmp_path, BOX).write("martin", page(), NOW)
    assert len(files(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_keeps_nothing_from_going_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = SnapshotFolder(tmp_path / "file" / "pages", BOX)
    folder.write("martin", page(), NOW)
    assert folder.read("martin") is None
    folder.remove("martin")


async def test_a_page_is_written_once_a_minute_and_at_once_when_its_settings_or_its_client_change(
    tmp_path: Path,
) -> None:
    written: list[datetime] = []

    class Counted(SnapshotFolder):
        def write(self, slug: str, page: ShownPage, read_at: datetime) -> None:
            written.append(read_at)
            super().write(slug, page, read_at)

    last = LastPages(Counted(tmp_path, BOX))
    for seconds in (0, 10, 20):
        await last.keep("martin", page(), NOW + timedelta(seconds=seconds))
    await last.keep("martin", page(version=1), NOW + timedelta(seconds=30))
    later = page(version=1)
    later = replace(later, content=later.content.model_copy(update={"updated_at": NOW + timedelta(minutes=1)}))
    await last.keep("martin", later, NOW + timedelta(minutes=1))
    await last.keep("martin", replace(later, client_id=UUID(int=3)), NOW + timedelta(seconds=70))
    assert [(at - NOW).total_seconds() for at in written] == [0, 30, 60, 70]


@pytest.mark.parametrize(("age", "there"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)])
async def test_a_page_older_than_a_day_says_nothing_about_now(tmp_path: Path, age: timedelta, there: bool) -> None:
    await LastPages(SnapshotFolder(tmp_path, BOX)).keep("martin", page(), NOW)
    found = await LastPages(SnapshotFolder(tmp_path, BOX)).recall("martin", NOW + age)
    assert (found is not None) is there


async def test_a_page_that_is_no_more_is_in_neither_memory(tmp_path: Path) -> None:
    last = LastPages(SnapshotFolder(tmp_path, BOX))
    await last.keep("martin", page(), NOW)
    await last.forget("martin")
    assert await last.recall("martin", NOW) is None and files(tmp_path) == []


async def test_of_many_pages_those_that_were_not_asked_for_lately_take_little_room_and_are_told_as_they_were() -> None:
    last = LastPages()
    pages = {f"page-{number}": page(f"page-{number}", version=number) for number in range(MOST_OPEN + 20)}
    await asyncio.gather(*(last.keep(slug, shown, NOW) for slug, shown in pages.items()))
    first = pages["page-0"]
    kept = await last.recall("page-0", NOW)
    assert kept is not None and kept[1] is not first, "it was packed"
    assert [await last.recall(slug, NOW) for slug in pages] == [(NOW, shown) for shown in pages.values()]
    again = page("page-1", version=7)
    await last.keep("page-1", again, NOW + timedelta(seconds=1))
    await last.forget("page-2")
    assert await last.recall("page-1", NOW) == (NOW + timedelta(seconds=1), again)
    assert await last.recall("page-2", NOW) is None


async def test_the_page_that_was_not_asked_for_the_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_pages, "MOST_OPEN", 1)
    monkeypatch.setattr(last_pages, "MOST", 2)
    last = LastPages()
    for slug in ("martin", "dupont", "durand"):
        await last.keep(slug, page(slug), NOW)
    assert [await last.recall(slug, NOW) is not None for slug in ("durand", "dupont", "martin")] == [True, True, False]


async def test_pictures_are_kept_for_the_page_that_names_them_and_for_no_other(tmp_path: Path) -> None:
    last = LastPictures(SnapshotFolder(tmp_path, BOX))
    named = page(logo="aa", favicon="bb")
    assert last.lacking(named) == ["logo", "favicon"]
    await last.keep(named, {"logo": ("aa", b"\x89a"), "favicon": ("bb", b"\x89b")})
    assert last.lacking(named) == []
    for each in (last, LastPictures(SnapshotFolder(tmp_path, BOX))):
        assert await each.recall(named, "logo") == b"\x89a"
        assert await each.recall(page(favicon="bb"), "logo") is None
        assert await each.recall(page(logo="cc"), "logo") is None
        assert await each.recall(page("dupont", logo="aa"), "logo") is None
    assert last.lacking(page(logo="cc")) == ["logo"]
    await last.forget("martin")
    assert await last.recall(named, "logo") is None and files(tmp_path) == []


async def test_pictures_are_bounded_in_memory_and_are_not_read_again_with_every_page(tmp_path: Path) -> None:
    slugs, content = ("a", "b", "c"), b"0123456789"
    for folder, left in ((SnapshotFolder(tmp_path, BOX), content), (None, None)):
        last = LastPictures(folder, most_bytes=20)
        for slug in slugs:
            await last.keep(page(slug, logo="aa"), {"logo": ("aa", content)})
        assert [last.lacking(page(slug, logo="aa")) for slug in slugs] == [[], [], []]
        found = [await last.recall(page(slug, logo="aa"), "logo") for slug in reversed(slugs)]
        assert found == [content, content, left]
