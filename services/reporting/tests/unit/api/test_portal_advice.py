"""In which order a client reads advice."""

from typing import Any, cast

from reporting.adapters.upstream import ClientApis
from reporting.api.portal_pages import all_advice


class Contracts:
    """Lists three advisories, the oldest first, two at a time."""

    async def get(self, _service: str, _path: str, *, limit: int, cursor: str | None = None) -> Any:
        assert limit == 200
        return {"data": ["third"], "next_cursor": None} if cursor else {"data": ["first", "second"], "next_cursor": "2"}


async def test_the_newest_advice_comes_first_however_much_there_is() -> None:
    assert await all_advice(cast(ClientApis, Contracts())) == {"data": ["third", "second", "first"]}
