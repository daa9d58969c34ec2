"""A worker of one service that crashes where it hurts: run as `python faulty_worker.py SERVICE`.

The faults are planted from outside, so that the product carries no hook for them:
a crash right before a publish, a crash right after it and before it is recorded, a crash in the middle of a handler's
transaction, and acknowledgements that never reach the server. `CHAOS_SEED` and `CHAOS_FAULT_RATE` (probability of each
fault, per event) steer them, `CHAOS_SURE_FAULT` names one that strikes at its first occasion; every fault is one line
on standard output.
"""

import asyncio
import gc
import os
import random
import sys
from collections.abc import Awaitable
from importlib import import_module
from typing import Any

from nats.aio.msg import Msg

from shared import consumer
from shared.consumer import EventProcessor
from shared.outbox import OutboxRow
from shared.relay import Relay
from shared.service import service_cli
from shared.unit_of_work import UnitOfWork

CRASHED = 9
LOST_ACK_SECONDS = 0.05
ACK_WAIT_SECONDS = 2.0
"""Instead of half a minute: what was lost comes again while the test still looks."""


def plant_faults(rate: float, chance: random.Random, sure: str) -> None:
    """Patches the event backbone of this process."""
    consumer.ACK_WAIT = ACK_WAIT_SECONDS
    publish = Relay._publish
    flush_events = UnitOfWork.flush_events
    process = EventProcessor.process
    ack_sync = Msg.ack_sync
    handling = False
    due = {sure}

    def strikes(fault: str) -> bool:
        if fault not in due and chance.random() >= rate:
            return False
        due.discard(fault)
        sys.stdout.write(f"chaos {fault}\n")
        sys.stdout.flush()
        return True

    async def crashing_publish(self: Relay, row: OutboxRow, last: int) -> tuple[int, int]:
        if strikes("relay_crash_before_publish"):
            os._exit(CRASHED)
        sequences = await publish(self, row, last)
        if strikes("relay_crash_after_publish"):
            os._exit(CRASHED)
        return sequences

    async def crashing_process(self: EventProcessor, payload: bytes, traceparent: str | None = None) -> bool:
        nonlocal handling
        handling = True
        try:
            return await process(self, payload, traceparent)
        finally:
            handling = False

    async def crashing_flush(self: UnitOfWork) -> None:
        await flush_events(self)
        # The handler has done its work and said its events; nothing is committed yet.
        if handling and strikes("handler_crash"):
            os._exit(CRASHED)

    async def losing_ack_sync(self: Msg, timeout: float = 1.0) -> Any:  # noqa: ASYNC109  (nats-py's signature)
        if strikes("acknowledgement_lost"):
            await asyncio.sleep(LOST_ACK_SECONDS)
            raise TimeoutError("the acknowledgement was lost")
        answer: Awaitable[Any] = ack_sync(self, timeout)
        return await answer

    Relay._publish = crashing_publish  # type: ignore[method-assign]
    EventProcessor.process = crashing_process  # type: ignore[method-assign]
    UnitOfWork.flush_events = crashing_flush  # type: ignore[method-assign]
    Msg.ack_sync = losing_ack_sync  # type: ignore[method-assign]


def main() -> int:
    gc.disable()  # as a service itself does while it imports
    service = sys.argv[1]
    chance = random.Random(int(os.environ["CHAOS_SEED"]))
    plant_faults(float(os.environ["CHAOS_FAULT_RATE"]), chance, os.environ.get("CHAOS_SURE_FAULT", ""))
    return service_cli(import_module(f"{service}.main").SERVICE, ["worker"])


if __name__ == "__main__":
    raise SystemExit(main())
