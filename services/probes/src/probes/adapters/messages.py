"""What scheduler, runners and recorder send one another over JetStream. Volume, not events: no envelope, no outbox.

Work lies on one work-queue stream with a subject per location, results on another. A message is a batch.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, Header, RetentionPolicy, StorageType
from nats.js.errors import NoStreamResponseError, NotFoundError
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from probes.adapters.checks.finding import plain
from probes.domain.certificates import Verdict
from probes.domain.slots import LONGEST_INTERVAL
from probes.domain.states import Outcome, Reason
from shared.jetstream import ConsumerDeclaration, StreamDeclaration, declare_consumer, declare_stream
from shared.stack.nats_server import runner_name

MEBIBYTE = 1024**2
_TOLERANCE = timedelta(seconds=1)
_OLDEST = LONGEST_INTERVAL + timedelta(hours=2)
PUBLISH_SECONDS = 5.0

WORK = StreamDeclaration(
    "PROBE_WORK",
    ["probe-work.>"],
    # Whatever the interval: what a runner finds too late it hands in as missed.
    max_age=(LONGEST_INTERVAL + timedelta(hours=1)).total_seconds(),
    max_bytes=256 * MEBIBYTE,
    duplicate_window=120.0,
    retention=RetentionPolicy.WORK_QUEUE,
    storage=StorageType.FILE,
    # Full means that a location has had no runner for long. What is dropped is its oldest work: too late for any runner
    # that comes back, so that this time is unknown either way. To refuse new work instead would stop the checks of all
    # other locations too. `probes_work_waiting` tells of it long before.
    discard=DiscardPolicy.OLD,
    protected=False,
)
RESULTS = StreamDeclaration(
    "PROBE_RESULTS",
    ["probe-results.>"],
    max_age=86_400.0,
    max_bytes=2048 * MEBIBYTE,
    duplicate_window=120.0,
    retention=RetentionPolicy.WORK_QUEUE,
    storage=StorageType.FILE,
    # Full means that runners wait with their results: nothing that was measured is dropped here.
    discard=DiscardPolicy.NEW,
    protected=False,
)
WORK_ACK_SECONDS = 15.0
"""A runner that has not said for this long that it is at it has lost its work to the others."""


def work_subject(location: str) -> str:
    """Where a location's work lies."""
    return f"probe-work.{location}"


def result_subject(location: str) -> str:
    """Where a location hands in its results."""
    return f"probe-results.{location}"


def runner_consumer(location: str) -> ConsumerDeclaration:
    """The consumer that all runners of a location share. The scheduler declares it: a runner may only take from it."""
    return ConsumerDeclaration(
        stream=WORK.name,
        durable=runner_name(location),
        filter_subjects=[work_subject(location)],
        ack_wait=WORK_ACK_SECONDS,
        max_deliver=-1,
        max_ack_pending=1000,
    )


def recorder_consumer() -> ConsumerDeclaration:
    """Taken by the one process that records, in the order of the stream."""
    return ConsumerDeclaration(
        stream=RESULTS.name,
        durable="recorder",
        filter_subjects=["probe-results.>"],
        ack_wait=30.0,
        max_deliver=-1,
        max_ack_pending=200,
    )


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class WorkItem(_Message):
    """One check to execute at `due_at`. It is missed when it cannot start within one interval.

    `check` is its configuration (`probes.application.checks.kinds`). A `conclusive` one ends the run of failures that
    it may be part of: when it is bad as well, the outage is confirmed. A `test` is on no schedule: its `monitor_id` is
    its own, and it has evidence in any case.
    """

    monitor_id: UUID
    slot: int = Field(ge=0, lt=2**31)
    attempt: int = Field(default=0, ge=0, le=1000)
    due_at: AwareDatetime
    interval_seconds: float = Field(gt=0)
    check: dict[str, Any]
    timeout_seconds: float = Field(gt=0, le=300)
    conclusive: bool = False
    test: bool = False


class WorkBatch(_Message):
    """Checks for one location."""

    items: tuple[WorkItem, ...]


def _storable(value: Any) -> Any:
    """Without what PostgreSQL does not store: strangers' texts get into what is found about them."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(key) if isinstance(key, str) else key: _storable(entry) for key, entry in value.items()}
    return [_storable(entry) for entry in value] if isinstance(value, list | tuple) else value


Document: TypeAlias = Annotated[dict[str, Any], AfterValidator(_storable)]


class CheckResult(_Message):
    """What a runner found. `took_us` is the length by its monotonic clock; phases in microseconds.

    `reason`, `detail` and `evidence` are set exactly when the outcome is bad. `observations` are facts by name that
    mean something beyond this check; a runner leaves out those that it has told before. A `test` has evidence anyway.
    """

    monitor_id: UUID
    slot: int = Field(ge=0, lt=2**31)
    attempt: int = Field(default=0, ge=0, le=1000)
    due_at: AwareDatetime
    started_at: AwareDatetime
    took_us: int = Field(ge=0, lt=2**31)
    outcome: Outcome
    reason: Reason | None = None
    detail: Annotated[str, AfterValidator(plain)] = Field(default="", max_length=1000)
    evidence: Document | None = None
    status_code: int | None = Field(default=None, ge=0, le=999)
    name_lookup_us: int = Field(default=0, ge=0)
    connect_us: int = Field(default=0, ge=0)
    tls_us: int = Field(default=0, ge=0)
    first_byte_us: int = Field(default=0, ge=0)
    observations: dict[str, Document] | None = None
    test: bool = False


def _is_an_instant(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("is an instant without an offset")
    return text


_Instant: TypeAlias = Annotated[str, AfterValidator(_is_an_instant)]


class _Certificate(_Message):
    host: str = Field(min_length=1, max_length=253)
    port: int = Field(ge=1, le=65_535)
    subject: str = Field(max_length=500)
    issuer: str = Field(max_length=500)
    fingerprint_sha256: str = Field(max_length=64)
    not_after: _Instant
    verified_until: _Instant | None
    expires_first: str = Field(max_length=500)
    verdict: Verdict


class _Content(_Message):
    hash: str = Field(max_length=64)
    size: int = Field(ge=0)
    region: str


class _Registration(_Message):
    domain: str = Field(max_length=253)
    expires_at: _Instant
    registrar: str | None = Field(max_length=200)
    status: list[str] = Field(max_length=20)
    source: Literal["registry", "manual"]


class _Version(_Message):
    component: str = Field(min_length=1, max_length=60)
    version: str = Field(min_length=1, max_length=60)


# By the part of the observation's name before a colon.
_OBSERVATIONS: Mapping[str, type[_Message]] = {
    "certificate": _Certificate,
    "content": _Content,
    "domain": _Registration,
    "version": _Version,
}


class ControlReading(_Message):
    """Whether a runner reached most of the control targets at the time of the results that this comes with."""

    at: AwareDatetime
    reached: bool


class ResultBatch(_Message):
    """Results of one runner. `sent_at` is its clock when it sent them: the recorder compares it with its own.

    `controls` is told while checks fail and there are control targets.
    """

    runner: str = Field(max_length=100)
    location: str = Field(max_length=40)
    sent_at: AwareDatetime
    results: tuple[CheckResult, ...]
    controls: ControlReading | None = None


class _Loose(_Message):
    runner: str = Field(max_length=100)
    location: str = Field(max_length=40)
    sent_at: AwareDatetime
    results: list[Any]
    controls: ControlReading | None = None


_WORK = TypeAdapter(WorkBatch)


async def declare_streams(js: JetStreamContext, replicas: int) -> None:
    """Makes both streams as they are declared here."""
    await declare_stream(js, WORK, replicas)
    await declare_stream(js, RESULTS, replicas)


async def declare_work_queues(js: JetStreamContext, locations: Iterable[str]) -> dict[str, int]:
    """Makes the consumers that runners take from; for each location how many batches none of them has taken yet.

    Raises NotFoundError while the stream does not exist.
    """
    return {location: await declare_consumer(js, runner_consumer(location)) for location in locations}


async def publish(js: JetStreamContext, subject: str, payload: bytes, message_id: str) -> None:
    """Returns when the server has stored the message; a repetition with the same id is stored once.

    Raises NotFoundError (nats.js.errors) when the stream does not exist, another error of nats otherwise.
    """
    try:
        await js.publish(subject, payload, timeout=PUBLISH_SECONDS, headers={Header.MSG_ID.value: message_id})
    except NoStreamResponseError as error:
        raise NotFoundError(description=f"no stream for {subject}") from error


def to_bytes(message: BaseModel) -> bytes:
    """A batch as it travels; what has its default value is left out."""
    return message.model_dump_json(exclude_defaults=True).encode()


def parse_work(payload: bytes) -> WorkBatch:
    """Raises ValidationError for anything else."""
    return _WORK.validate_json(payload)


def parse_results(payload: bytes) -> tuple[ResultBatch, list[tuple[Any, str]]]:
    """The batch, and what in it cannot be a result or an observation, with why: it does not spoil the others.

    Raises ValidationError when it is no batch at all.
    """
    bad: list[tuple[Any, str]] = []
    try:
        batch = ResultBatch.model_validate_json(payload)
    except ValidationError:
        loose = _Loose.model_validate_json(payload)
        good: list[CheckResult] = []
        for item in loose.results:
            try:
                good.append(CheckResult.model_validate(item))
            except ValidationError as error:
                bad.append((item, told(error)))
        batch = ResultBatch(
            runner=loose.runner,
            location=loose.location,
            sent_at=loose.sent_at,
            results=tuple(good),
            controls=loose.controls,
        )
    plausible = []
    for result in batch.results:
        doubt = _doubt(result, batch.sent_at)
        if doubt is not None:
            bad.append((result.model_dump(mode="json"), doubt))
            continue
        if result.observations:
            odd = {name: why for name, value in result.observations.items() if (why := _oddity(name, value))}
            bad += [(observed_by(result, [name]), why) for name, why in odd.items()]
            if odd:
                seen = {name: value for name, value in result.observations.items() if name not in odd}
                result = result.model_copy(update={"observations": seen or None})  # noqa: PLW2901
        plausible.append(result)
    return (batch.model_copy(update={"results": tuple(plausible)}) if bad else batch), bad


def observed_by(result: CheckResult, names: Collection[str]) -> dict[str, Any]:
    """Observations of a check as a dead letter of their own: the check counts without them."""
    seen = {name: value for name, value in (result.observations or {}).items() if name in names}
    return {"monitor_id": str(result.monitor_id), "slot": result.slot, "observations": seen}


def _oddity(name: str, value: Mapping[str, Any]) -> str | None:
    """Why an observation cannot be kept: whoever reads it would stumble."""
    kind = _OBSERVATIONS.get(name.partition(":")[0])
    if kind is None:
        return f"{name} is no observation"
    try:
        kind.model_validate(value)
    except ValidationError as error:
        return f"{name}: {told(error)}"
    return None


def _doubt(result: CheckResult, sent_at: datetime) -> str | None:
    """Why a result cannot be true: its instants would put the state line out of order for good."""
    if not result.due_at - _TOLERANCE <= result.started_at <= sent_at + _TOLERANCE:
        return "a check starts when it is due or later, and before its result is sent"
    if sent_at - result.started_at > _OLDEST or result.started_at - result.due_at > _OLDEST:
        return "a result is handed in within 26 hours"
    return None


def told(error: ValidationError) -> str:
    """What is wrong, without the values."""
    parts = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(piece) for piece in part['loc'])}: {part['msg']}" for part in parts[:10])
