"""Sends spans by OTLP over HTTP, where OpenTelemetry's own variables name somebody who collects them.

`OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) switches it on; the SDK reads the other variables by itself:
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_RESOURCE_ATTRIBUTES`. Without an address
nothing that exports is imported. Ids and contexts are those of `shared.telemetry`: logs and events name the same.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import structlog

from shared.telemetry import Attributes, SpanKind, TraceContext, collect_spans
from shared.time_source import SystemClock

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_log = structlog.get_logger(__name__)
_WALL_CLOCK = SystemClock()


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment names somebody who collects spans, and does not switch that off."""
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    )


class SpanExport:
    """Collects spans and sends them in batches, in a thread of its own. What cannot be sent is given up in the end."""

    def __init__(self, service: str, version: str) -> None:
        from opentelemetry import trace as api  # noqa: PLC0415  (only who exports pays for the import)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.id_generator import IdGenerator  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import Decision  # noqa: PLC0415

        class GivenIds(IdGenerator):
            """The ids of the step that is being told."""

            trace: TraceContext

            def generate_span_id(self) -> int:
                return int(self.trace.span_id, 16)

            def generate_trace_id(self) -> int:
                return int(self.trace.trace_id, 16)

        told = {
            "service.namespace": "upheld",
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
            "service.version": version,
            "service.instance.id": socket.gethostname(),
        }
        self._api = api
        self._sampled = Decision.RECORD_AND_SAMPLE
        self._ids = GivenIds()
        self._provider = TracerProvider(id_generator=self._ids, resource=Resource.create(told), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("upheld", version)

    def samples(self, trace_id: str) -> bool:
        """See `SpanCollector`."""
        decided = self._provider.sampler.should_sample(None, int(trace_id, 16), "").decision
        return bool(decided is self._sampled)

    def take(
        self, name: str, kind: SpanKind, trace: TraceContext, seconds: float, attributes: Attributes, error: str | None
    ) -> None:
        """See `SpanCollector`."""
        # The machine's clock and not the services', which may be shifted: others tell of the same traces.
        api, ended = self._api, int(_WALL_CLOCK.now().timestamp() * 1_000_000) * 1_000
        parent = None
        if trace.parent_id is not None:
            ids = int(trace.trace_id, 16), int(trace.parent_id, 16)
            before = api.SpanContext(*ids, is_remote=True, trace_flags=api.TraceFlags(int(trace.sampled)))
            parent = api.set_span_in_context(api.NonRecordingSpan(before))
        self._ids.trace = trace
        span = self._tracer.start_span(
            name,
            context=parent,
            kind=api.SpanKind[kind.upper()],
            attributes=attributes,
            start_time=ended - int(seconds * 1_000_000_000),
        )
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(api.Status(api.StatusCode.ERROR))
        span.end(ended)

    def shutdown(self) -> None:
        """Sends what waits; returns when that is done, or has failed."""
        collect_spans(None)
        self._provider.shutdown()


def start_export(service: str, version: str) -> SpanExport | None:
    """Begins to export the spans of this process, if somebody collects them; `shutdown` ends it."""
    if not is_wanted(os.environ):
        return None
    protocol = next((os.environ[name] for name in PROTOCOLS if os.environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        _log.warning("spans_not_exported", protocol=protocol, known="http/protobuf")
        return None
    export = SpanExport(service, version)
    collect_spans(export)
    return export
