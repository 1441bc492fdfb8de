"""Our own spans, and nobody else's: those of libraries hold what they were sent. Off unless an endpoint is set.

Parents come from the request's ``_meta`` (W3C ``traceparent``), where the MCP SDK puts and finds them.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from opentelemetry.trace import NoOpTracer, Span, Status, StatusCode, Tracer

from contracts.telemetry import SpanKey, SpanName


class _Recording:
    tracer: Tracer = NoOpTracer()


def start_tracing(service: str, endpoint: str | None) -> Callable[[], None]:
    """Send spans to an OpenTelemetry collector.

    Args:
        service: the name of this process.
        endpoint: its base URL, over HTTP; nothing is recorded when None.

    Returns:
        Sends what is left and stops; blocks for a few seconds at most.
    """
    if endpoint is None:
        return lambda: None
    # Imported late: without an endpoint nobody needs it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # Not the process's global provider: libraries that find one tell it what callers said.
    provider = TracerProvider(resource=Resource({SERVICE_NAME: service}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _Recording.tracer = provider.get_tracer("voxie")

    def stop() -> None:
        _Recording.tracer = NoOpTracer()
        provider.shutdown()

    return stop


@contextmanager
def span(name: SpanName, **told: str | int) -> Generator[Span]:
    """Record what happens within a block.

    Args:
        name: what it covers.
        told: values by the names of ``SpanKey`` in small letters.
    """
    attributes = {SpanKey[key.upper()].value: value for key, value in told.items()}
    recorded = _Recording.tracer.start_as_current_span(
        name.value, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    with recorded as current:
        yield current


def note_outcome(current: Span, outcome: str) -> None:
    """Say how it ended: ``ok``, or the kind of failure."""
    current.set_attribute(SpanKey.OUTCOME.value, outcome)
    if outcome != "ok":
        current.set_status(Status(StatusCode.ERROR))
