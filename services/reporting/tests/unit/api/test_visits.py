"""Visitors of one page share its reading and its HTML."""

import asyncio

import pytest

from reporting.api.visits import Shared


async def test_all_who_wait_for_the_same_share_one_reading_and_nobody_gets_one_that_began_before_he_came() -> None:
    shared: Shared[int] = Shared()
    begun, under_way, go_on = 0, 0, asyncio.Event()

    async def read() -> int:
        nonlocal begun, under_way
        begun += 1
        under_way += 1
        assert under_way == 1
        mine = begun
        await go_on.wait()
        under_way -= 1
        return mine

    first = [asyncio.create_task(shared.share("page", read)) for _ in range(20)]
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(shared.share("page", read)) for _ in range(20)]
    await asyncio.sleep(0.01)
    go_on.set()
    assert await asyncio.gather(*first) == [1] * 20
    assert await asyncio.gather(*late) == [2] * 20
    assert await shared.share("page", read) == 3
    assert (shared._to_come, shared._under_way) == ({}, {})


async def test_other_pages_do_not_wait() -> None:
    shared: Shared[str] = Shared()
    never = asyncio.Event()

    async def hang() -> str:
        await never.wait()
        return ""

    async def read() -> str:
        return "read"

    hanging = asyncio.create_task(shared.share("slow", hang))
    assert await asyncio.wait_for(shared.share("fast", read), 1) == "read"
    hanging.cancel()
    never.set()


async def test_a_visitor_who_goes_away_takes_nothing_from_the_others_and_all_get_the_error() -> None:
    shared: Shared[str] = Shared()
    go_on = asyncio.Event()

    async def fail() -> str:
        await go_on.wait()
        raise LookupError("no such page")

    visitors = [asyncio.create_task(shared.share("page", fail)) for _ in range(3)]
    await asyncio.sleep(0.01)
    visitors[0].cancel()
    go_on.set()
    for visitor in visitors[1:]:
        with pytest.raises(LookupError):
            await visitor
