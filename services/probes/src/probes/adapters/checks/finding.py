"""What every kind of check reports: how it went, how long each phase took, and what it saw on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from probes.domain.states import Failure, Outcome, Reason


@dataclass(slots=True)
class Timings:
    """Microseconds per phase, summed over all hops. `first_byte` is the wait between the request and its answer."""

    name_lookup: int = 0
    connect: int = 0
    tls: int = 0
    first_byte: int = 0
    total: int = 0

    def add(self, other: "Timings") -> None:
        self.name_lookup += other.name_lookup
        self.connect += other.connect
        self.tls += other.tls
        self.first_byte += other.first_byte
        self.total += other.total

    def in_milliseconds(self) -> dict[str, float]:
        return {
            "name_lookup": self.name_lookup / 1000,
            "connect": self.connect / 1000,
            "tls": self.tls / 1000,
            "first_byte": self.first_byte / 1000,
            "total": self.total / 1000,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `failure` is set exactly when the outcome is bad or blocked.

    `status_code` is the protocol's own number (HTTP's of the last hop, SMTP's reply code). `observations` are facts by
    name that mean something beyond this one check: a certificate, a version, a hash of the content. JSON-shaped.
    `account` tells of a good answer what evidence would tell of a bad one; only a test asks for it.
    """

    outcome: Outcome
    status_code: int | None = None
    timings: Timings = field(default_factory=Timings)
    remote_address: str | None = None
    failure: Failure | None = None
    observations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    account: Callable[[], Mapping[str, object]] | None = field(default=None, compare=False)


def could_not_look(error: Exception) -> Finding:
    """That we failed at a check: it says nothing about the target, and is never an outage of it."""
    detail = f"This check could not be made because of a fault of ours ({type(error).__name__}), which was logged."
    return Finding(Outcome.BLOCKED, failure=Failure(Reason.PROTOCOL, detail, {}))


def instant_text(instant: datetime) -> str:
    """Whole seconds in UTC. One form, also of early years, so that texts sort like instants."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def plain(text: str) -> str:
    """Without NUL and lone surrogates, which PostgreSQL does not store."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
