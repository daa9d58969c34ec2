"""A mailbox whose server is somebody's own: it may announce, send and dribble what it likes, and gains nothing."""

import asyncio
import re
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import trustme

from incidents.adapters import imap
from incidents.adapters.imap import Looked, MailboxUnavailable, Place, look

LARGEST = 1_000_000
Step = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Is given a client's command without its tag, and writes whatever stands before the tagged answer."""


async def usual(command: str, writer: asyncio.StreamWriter) -> None:
    if command.startswith("EXAMINE"):
        writer.write(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n")
    elif command.startswith("UID SEARCH"):
        writer.write(b"* SEARCH 1\r\n")
    elif "RFC822.SIZE" in command:
        writer.write(b'* 1 FETCH (UID 1 INTERNALDATE "08-Jun-2026 09:00:00 +0000" RFC822.SIZE 10)\r\n')
    elif command == "CAPABILITY":
        writer.write(b"* CAPABILITY IMAP4rev1\r\n")


@asynccontextmanager
async def serving(step: Step, authority: trustme.CA, greeting: bytes = b"* OK ready\r\n") -> AsyncIterator[Place]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("imap.test").configure_cert(context)
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            writer.write(greeting)
            while line := (await reader.readline()).decode().strip():
                tag, _, command = line.partition(" ")
                await step(command, writer)
                done = b"OK [READ-ONLY] done" if command.startswith("EXAMINE") else b"OK done"
                writer.write(tag.encode() + b" " + done + b"\r\n")
                await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield Place("imap.test", "127.0.0.1", server.sockets[0].getsockname()[1], "tls", "ada", "secret")
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def looked(place: Place, authority: trustme.CA, *, seconds: float = 20.0) -> Looked:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    since = datetime(2026, 6, 1, tzinfo=UTC)
    return await asyncio.to_thread(
        look, place, context, uid_validity=None, last_uid=None, since=since, largest=LARGEST, seconds=seconds
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_a_message_that_is_announced_as_gigabytes_is_not_waited_for(authority: trustme.CA) -> None:
    async def announces(command: str, writer: asyncio.StreamWriter) -> None:
        await usual(command, writer)
        if "BODY.PEEK" in command:
            writer.write(b"* 1 FETCH (UID 1 BODY[] {8000000000}\r\nx")

    async with serving(announces, authority) as place:
        tracemalloc.start()
        with pytest.raises(MailboxUnavailable, match="more than it said"):
            await looked(place, authority)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 20_000_000


async def test_a_server_that_never_stops_talking_is_stopped(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MOST_RECEIVED", 2_000_000)

    async def talks(command: str, writer: asyncio.StreamWriter) -> None:
        await usual(command, writer)
        while command.startswith("UID SEARCH"):
            writer.write(b"* OK and another thing\r\n" * 1_000)
            await writer.drain()
            await asyncio.sleep(0)  # drain alone does not let the loop hear that the client is gone

    async with serving(talks, authority) as place:
        with pytest.raises(MailboxUnavailable, match="the server sends more than"):
            await looked(place, authority)


async def test_a_message_that_is_larger_than_was_said_is_not_taken(authority: trustme.CA) -> None:
    async def sends(command: str, writer: asyncio.StreamWriter) -> None:
        await usual(command, writer)
        if "BODY.PEEK" in command:
            writer.write(b"* 1 FETCH (UID 1 BODY[] {1000001}\r\n" + b"x" * 1_000_001 + b")\r\n")

    async with serving(sends, authority) as place:
        (message,) = (await looked(place, authority)).messages
    assert (message.uid, message.raw) == (1, None)


async def test_a_message_of_a_day_beyond_all_years_is_said_and_no_more(authority: trustme.CA) -> None:
    async def dates(command: str, writer: asyncio.StreamWriter) -> None:
        if "INTERNALDATE" in command:
            writer.write(b'* 1 FETCH (UID 1 RFC822.SIZE 9 INTERNALDATE "31-Dec-9999 23:59:59 -0100")\r\n')
        else:
            await usual(command, writer)

    async with serving(dates, authority) as place:
        with pytest.raises(MailboxUnavailable, match="beyond all years"):
            await looked(place, authority)


@pytest.mark.parametrize("where", ["greeting", "answer"])
async def test_a_server_that_dribbles_is_cut_off_at_the_end_of_the_look(authority: trustme.CA, where: str) -> None:
    async def dribbles(command: str, writer: asyncio.StreamWriter) -> None:
        await usual(command, writer)
        while where == "answer" and command.startswith("LOGIN"):
            writer.write(b"*")
            await writer.drain()
            await asyncio.sleep(0.05)

    greeting = b"* OK" if where == "greeting" else b"* OK ready\r\n"
    async with serving(dribbles, authority, greeting) as place:
        began = time.monotonic()
        with pytest.raises(MailboxUnavailable):
            await looked(place, authority, seconds=0.5)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "answer",
    [
        "* SEARCH one two",
        "* SEARCH 18446744073709551616999999999999999999999999999999999999999999999999999999",
        "* 1 FETCH (",
        "* 1 FETCH (UID 1 BODY[] {abc}",
        "+ go on",
        "\x00\xff",
        "* BYE",
    ],
)
async def test_what_is_no_answer_is_said_and_harms_nobody(authority: trustme.CA, answer: str) -> None:
    async def babbles(command: str, writer: asyncio.StreamWriter) -> None:
        if re.match("EXAMINE|CAPABILITY|LOGIN", command):
            await usual(command, writer)
        else:
            writer.write(answer.encode("latin-1") + b"\r\n")

    async with serving(babbles, authority) as place:
        try:
            found = await looked(place, authority, seconds=2.0)
        except MailboxUnavailable as told:
            assert str(told).isprintable()
        else:
            assert found.messages == []
