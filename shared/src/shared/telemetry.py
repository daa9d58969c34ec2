"""Logs, metrics and the trace that ties a request, its events and their handlers together.

Every log line of a request or a delivery carries ``request_id``, ``trace_id``, ``span_id`` and ``tenant_id`` through
structlog's context variables; every event carries a ``traceparent`` (W3C Trace Context), from which its publication
and its handlers continue. Whoever collects spans is told what was done in each step: see `shared.span_export`.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import structlog
from prometheus_client import Counter, Gauge, Histogram

# --- trace context ---------------------------------------------------------------------------------------------------

TRACEPARENT = "traceparent"
"""The header field of W3C Trace Context, of requests and of messages."""

_TRACEPARENT = re.compile(r"^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")


@dataclass(frozen=True)
class TraceContext:
    """Where we are in a trace: 32 and 16 lower-case hex digits, and whether its steps are collected."""

    trace_id: str
    span_id: str
    sampled: bool = True
    parent_id: str | None = field(default=None, compare=False)
    """The step that this one is a part of; None where the trace begins."""

    @classmethod
    def start(cls) -> TraceContext:
        """A trace of our own, for work that nobody asked for."""
        trace_id = secrets.token_hex(16)
        return cls(trace_id, secrets.token_hex(8), _is_collected(trace_id))

    @classmethod
    def parse(cls, traceparent: str | None) -> TraceContext | None:
        """The context of a ``traceparent`` field, or None when it is absent or malformed (then start a new trace)."""
        match = _TRACEPARENT.match(traceparent or "")
        if match is None:
            return None
        version, trace_id, span_id, flags, rest = match.groups()
        if version == "ff" or (version == "00" and rest) or set(trace_id) == {"0"} or set(span_id) == {"0"}:
            return None
        return cls(trace_id, span_id, bool(int(flags, 16) & 1))

    @classmethod
    def continue_from(cls, traceparent: str | None) -> TraceContext:
        """A new span in the caller's trace, or a new trace."""
        parent = cls.parse(traceparent)
        return cls.start() if parent is None else parent.child()

    def child(self) -> TraceContext:
        """The next step in the same trace."""
        return TraceContext(self.trace_id, secrets.token_hex(8), self.sampled, parent_id=self.span_id)

    @property
    def traceparent(self) -> str:
        """The header field that carries this context on."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def collected_as_we_choose(traceparent: str | None) -> str | None:
    """A caller's field with our choice in the place of his, whether what comes of it is collected.

    By lot, and not by his trace id: whoever makes up ids would choose those that are collected. So of two requests in
    one trace of his, one may be collected and the other not.
    """
    trace = TraceContext.parse(traceparent)
    return replace(trace, sampled=_is_collected(secrets.token_hex(16))).traceparent if trace else None


def _is_collected(trace_id: str) -> bool:
    return _collector is None or _collector.samples(trace_id)


_trace: ContextVar[TraceContext | None] = ContextVar("upheld_trace", default=None)
_request_id: ContextVar[str] = ContextVar("upheld_request_id", default="")


def current_trace() -> TraceContext | None:
    """The trace that the running task works for, if any."""
    return _trace.get()


def current_traceparent() -> str | None:
    """What an outgoing event or call should carry, or None outside of any trace."""
    trace = _trace.get()
    return trace.traceparent if trace else None


def current_trace_id() -> str:
    """The trace id for logs and problem documents; empty outside of any trace."""
    trace = _trace.get()
    return trace.trace_id if trace else ""


def current_request_id() -> str:
    """The id of the request that is being answered; empty outside of a request."""
    return _request_id.get()


@contextmanager
def traced(
    traceparent: str | None = None, *, request_id: str | None = None, **context: str | None
) -> Iterator[TraceContext]:
    """Do something as the next step of a trace: sets the trace, and its ids and ``context`` on every log line.

    The middleware does it per request, the consumer per delivery, the worker per run of a job.
    """
    trace = TraceContext.continue_from(traceparent)
    trace_token = _trace.set(trace)
    request_token = _request_id.set(request_id) if request_id is not None else None
    fields = {key: value for key, value in context.items() if value is not None}
    if request_id is not None:
        fields["request_id"] = request_id
    bound = structlog.contextvars.bind_contextvars(trace_id=trace.trace_id, span_id=trace.span_id, **fields)
    try:
        yield trace
    finally:
        structlog.contextvars.reset_contextvars(**bound)
        if request_token is not None:
            _request_id.reset(request_token)
        _trace.reset(trace_token)


SpanKind = Literal["server", "producer", "consumer"]
Attributes = Mapping[str, str | int]


class SpanCollector(Protocol):
    """Who collects spans. Called on the event loop, so it only takes them in."""

    def samples(self, trace_id: str) -> bool:
        """Whether a trace that begins here is collected."""
        ...

    def take(
        self, name: str, kind: SpanKind, trace: TraceContext, seconds: float, attributes: Attributes, error: str | None
    ) -> None:
        """A step that has just ended; `error` is the type of what went wrong."""
        ...


_collector: SpanCollector | None = None


def collect_spans(collector: SpanCollector | None) -> None:
    """From now on `tell_span` goes there; None, as from the beginning: nowhere, and costs nothing."""
    global _collector  # noqa: PLW0603  (one of each process, like the registry of metrics)
    _collector = collector


def tell_span(
    name: str,
    kind: SpanKind,
    trace: TraceContext,
    seconds: float,
    attributes: Callable[[], Attributes],
    *,
    error: str | None = None,
) -> None:
    """Says what was done in a step that has just ended, and took this long. No attribute holds a person's data."""
    if _collector is not None and trace.sampled:
        _collector.take(name, kind, trace, seconds, attributes(), error)


# --- logs ------------------------------------------------------------------------------------------------------------

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(
    r"authorization|password|passwd|secret|api[_-]?key|private[_-]?key|cookie|credential"
    r"|(?:^|[_-])(?:access|refresh|bearer|id)?[_-]?token$",
    re.IGNORECASE,
)
_URL_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_MAIL_ADDRESS = re.compile(r"[\w.%+'-]+@(?P<domain>[\w-]+(?:\.[\w-]+)+)")
_PARAMETER = re.compile(r"(?P<name>(?:client_secret|password|access_token|api_key)=)[^&\s]+", re.IGNORECASE)


def redact(value: Any, key: str = "", *, people: bool = False) -> Any:
    """``value`` without secrets: by the name of its key, and by shape inside of texts (URL user info, tokens).

    With `people` also without whom a mail address names; of that only the domain is left.
    """
    if key and value is not None and _SECRET_KEY.search(key) and not isinstance(value, (bool, int)):
        return REDACTED
    if isinstance(value, str):
        text = _URL_USERINFO.sub(rf"\g<scheme>{REDACTED}@", value)
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
        text = _JWT.sub(REDACTED, text)
        if people and "@" in text:
            text = _MAIL_ADDRESS.sub(rf"{REDACTED}@\g<domain>", text)
        return _PARAMETER.sub(rf"\g<name>{REDACTED}", text)
    if isinstance(value, Mapping):
        return {k: redact(v, str(k), people=people) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item, people=people) for item in value]
    return value


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        # What a mail server or a database answers may name somebody.
        event[key] = redact(event[key], key, people=True)
    return event


def _console(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # structlog's default prints local variables with every traceback: slow, and full of personal data
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


if not structlog.is_configured():  # until configure_logging has run, and in tests
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact_event,
            _console(colors=False),
        ],
        cache_logger_on_first_use=False,
    )


class LogSettings(Protocol):
    """What :func:`configure_logging` reads of the settings."""

    @property
    def log_level(self) -> str: ...

    @property
    def log_format(self) -> str: ...


def configure_logging(settings: LogSettings, *, service: str = "") -> None:
    """Send structlog and the standard library's logging to stdout, one JSON object per line (or coloured text).

    Idempotent. ``settings.log_format`` is ``json`` or ``console``. Event names are constant words; what varies is in
    fields. Secrets and mail addresses are removed by :func:`redact`, tracebacks included.
    """
    level = logging.getLevelNamesMapping().get(str(settings.log_level).upper(), logging.INFO)
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if service:

        def add_service(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
            event.setdefault("service", service)
            return event

        before.append(add_service)
    if settings.log_format == "console":
        after: list[Any] = [_redact_event, _console(colors=sys.stdout.isatty())]
    else:
        after = [structlog.processors.format_exc_info, _redact_event, structlog.processors.JSONRenderer(default=str)]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.PositionalArgumentsFormatter(), structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "upheld", False):
            root.removeHandler(old)
    handler.upheld = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # the middleware writes the access log
    for noisy in ("httpx", "httpcore", "asyncio", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


# --- metrics ---------------------------------------------------------------------------------------------------------


REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its answer, or to the first one of a stream of events",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
"""Rate, errors and duration per route. Labels are route templates, never paths: an id must not become a time series."""

HELD_BACK = Counter("http_requests_held_back", "Requests refused because there were too many", ["limit"])
"""By the limit that they met, as the problem document names it."""

IN_FLIGHT = Gauge("http_requests_in_flight", "Requests that are being answered")
