"""Sending through Apprise to a real receiver: fenced in, with an end, and without a word of the address."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from incidents.adapters import chat
from incidents.adapters.chat import ChannelDelayedError, ChannelRefusedError, Chat

from .receiver import Receiver

LOOPBACK = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


async def test_a_message_reaches_a_receiver_in_an_allowed_network(receiver: Receiver) -> None:
    await Chat(LOOPBACK).send(receiver.url, "[INC-1] Boutique", "Réparée\nà midi")
    (taken,) = receiver.taken
    assert (taken["title"], taken["message"]) == ("[INC-1] Boutique", "Réparée\nà midi")


async def test_an_answer_that_refuses_is_told_without_the_address(receiver: Receiver) -> None:
    receiver.status = 503
    with pytest.raises(ChannelDelayedError, match="503") as delayed:
        await Chat(LOOPBACK).send(receiver.url, "t", "b")
    assert "secret" not in str(delayed.value)


async def test_a_name_that_resolves_to_a_private_address_is_refused_where_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    port = receiver.port
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ChannelRefusedError, match="loopback"):
        await Chat([]).send(f"jsons://hooks.example.org:{port}/", "t", "b")
    assert receiver.taken == []


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, "http://10.0.0.1/"
    with pytest.raises(ChannelDelayedError):
        await Chat(LOOPBACK).send(receiver.url, "t", "b")


async def test_who_does_not_answer_is_cut_off(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.hangs = True
    monkeypatch.setattr(chat, "SEND_SECONDS", 0.4)
    sender = Chat(LOOPBACK)
    with pytest.raises(ChannelDelayedError, match="no complete answer"):
        await sender.send(receiver.url, "t", "b")
    async with asyncio.timeout(2):  # the thread is free again long before the receiver says anything
        await asyncio.get_running_loop().run_in_executor(None, lambda: sender._threads.shutdown(wait=True))
