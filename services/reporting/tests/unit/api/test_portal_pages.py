"""In which order a client reads advice, and what was written about an item."""

from types import SimpleNamespace
from typing import Any, cast

from reporting.adapters.upstream import ClientApis
from reporting.api.portal_pages import all_advice, item_with_messages
from reporting.api.portal_session import Visit


class Contracts:
    """Lists three advisories, the oldest first, two at a time."""

    async def get(self, _service: str, _path: str, *, limit: int, cursor: str | None = None) -> Any:
        assert limit == 200
        return {"data": ["third"], "next_cursor": None} if cursor else {"data": ["first", "second"], "next_cursor": "2"}


async def test_the_newest_advice_comes_first_however_much_there_is() -> None:
    assert await all_advice(cast(ClientApis, Contracts())) == {"data": ["third", "second", "first"]}


class Incidents:
    """Lists 420 lines of a timeline, the oldest first, 200 at a time; every third one says nothing."""

    async def get(self, _service: str, path: str, *, limit: int = 0, cursor: str = "0") -> Any:
        if not path.endswith("timeline"):
            return {"data": []}
        assert limit == 200
        numbers = range(int(cursor), min(int(cursor) + limit, 420))
        data = [{"audience": "client", "note": f"line {each}" if each % 3 else None} for each in numbers]
        return {"data": data, "next_cursor": str(numbers[-1] + 1) if numbers[-1] < 419 else None}


async def test_the_newest_messages_of_a_long_item_are_on_its_page_and_the_others_are_reached_from_there() -> None:
    visit = cast(Visit, SimpleNamespace(apis=Incidents()))
    read: list[str] = []
    part: int | None = 1
    while part is not None:
        shown = await item_with_messages(visit, "/v1/incidents/1", part)
        notes = [each["note"] for each in shown["entries"]]
        assert 0 < len(notes) <= 50
        read = notes + read
        part = shown["older"]
    assert read == [f"line {each}" for each in range(420) if each % 3]
