"""Where OpenTelemetry is installed and told where to send them: what happens to a message, as spans.

The trace id of a message is its id in the ledger: 128 bits, the same in every process that touches it, so a log line,
a page of the console and a trace find one another without anything being carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from gateway.model import Delivery, Entry


class OpenTelemetry:
    """Spans of a provider of OpenTelemetry, below the trace id of the message."""

    def __init__(self, provider: Any) -> None:
        self._tracer = provider.get_tracer("gateway")

    def accepted(self, entry: Entry, steps: Mapping[str, float], ended: datetime) -> None:
        """One span `accept` with a span for each step."""
        begin = ended - timedelta(milliseconds=sum(steps.values()))
        words = {
            "gateway.message_id": entry.claims.message_id, "gateway.sender": entry.sender,
            "gateway.type": entry.document.type, "gateway.conversation_id": entry.claims.conversation_id,
        }  # fmt: skip
        span = self._span("accept", trace_of(entry.id), begin, words)
        at = begin
        for step, milliseconds in steps.items():
            until = at + timedelta(milliseconds=milliseconds)
            self._span(step, set_span_in_context(span), at, {}).end(end_time=_nanoseconds(until))
            at = until
        span.end(end_time=_nanoseconds(ended))

    def attempted(self, delivery: Delivery, outcome: str, ended: datetime, words: Mapping[str, str]) -> None:
        """One span `deliver`, of no length: what the line did before is in the log."""
        facts = {
            "gateway.corridor": delivery.corridor, "gateway.lane": delivery.lane, "gateway.outcome": outcome,
            "gateway.attempt": delivery.attempt, **{f"gateway.{name}": value for name, value in words.items()},
        }  # fmt: skip
        self._span("deliver", trace_of(delivery.entry.id), ended, facts).end(end_time=_nanoseconds(ended))

    def _span(self, name: str, within: Context, begin: datetime, words: Mapping[str, Any]) -> Span:
        span: Span = self._tracer.start_span(name, within, attributes=dict(words), start_time=_nanoseconds(begin))
        return span


def exporting() -> OpenTelemetry:
    """Spans go where the environment says (OTEL_EXPORTER_OTLP_...), in batches, beside the work."""
    provider = TracerProvider(resource=Resource.create({"service.name": "single-window-gateway"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetry(provider)


def trace_of(entry: UUID) -> Context:
    """The context in which everything about a message happens: its trace id is the id of the message."""
    root = SpanContext(entry.int, entry.int & (2**64 - 1) or 1, is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(root))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
