"""What follows from an observation: one function per kind of fact, in the transaction that keeps it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from probes.adapters.certificates import certificate_was_seen
from probes.adapters.components import version_was_seen
from probes.adapters.contents import content_was_seen
from probes.adapters.observations import Kept
from probes.adapters.registrations import registration_was_read
from shared.unit_of_work import UnitOfWork

Reaction = Callable[[Kept, UnitOfWork], Awaitable[None]]

# By the part of the observation's name before a colon: "certificate", "version:php" …
REACTIONS: Mapping[str, Reaction] = {
    "certificate": certificate_was_seen,
    "content": content_was_seen,
    "domain": registration_was_read,
    "version": version_was_seen,
}


async def react(kept: Sequence[Kept], unit: UnitOfWork) -> None:
    """Lets each observation have its consequences; one that nobody waits for has none."""
    for entry in kept:
        reaction = REACTIONS.get(entry.observation.name.partition(":")[0])
        if reaction is not None:
            await reaction(entry, unit)
