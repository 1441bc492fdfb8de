"""Logs and metrics. A static event name and keyed fields; nothing that a caller said, and no secret."""

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger


@dataclass
class Outcome:
    """How one tool call ended."""

    kind: str = "ok"


class ToolMetrics:
    """Counts and latencies by tool and kind of outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._calls = Counter("voxie_tool_calls", "Tool calls by outcome", ["tool", "kind"], registry=registry)
        self._seconds = Histogram("voxie_tool_seconds", "Seconds a tool call took", ["tool"], registry=registry)

    @contextmanager
    def measure(self, tool: str) -> Generator[Outcome]:
        """Measure one call; set ``kind`` on what is yielded when it fails."""
        outcome = Outcome()
        started = time.perf_counter()
        try:
            yield outcome
        except BaseException:
            outcome.kind = "cancelled"
            raise
        finally:
            self._calls.labels(tool, outcome.kind).inc()
            self._seconds.labels(tool).observe(time.perf_counter() - started)


def configure_logging(*, service: str, json_lines: bool) -> None:
    """Set up structlog for a process, and hand it what libraries log.

    Args:
        service: bound to every line.
        json_lines: JSON for machines, else a console line for people.
    """
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, _without_their_words],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # In place of the handler that the MCP SDK installs, which prints messages and tracebacks as they are.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _without_their_words(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A library's line says where it comes from and what kind of exception it has; its text may hold what a caller said.

    URLs in request lines may be credentials; messages and tracebacks of a protocol library hold what it was sent.
    """
    record: logging.LogRecord = event["_record"]
    error = record.exc_info[0] if record.exc_info else None
    kept = {
        key: value
        for key, value in event.items()
        if key in {"_record", "_from_structlog", "level", "timestamp", "service"}
    }
    # Without a traceback: the formatter would write it out.
    record.exc_info = record.exc_text = record.stack_info = None
    return {
        **kept,
        "event": "library message",
        "logger": record.name,
        "where": f"{record.module}:{record.lineno}",
        **({"error_type": error.__name__} if error else {}),
    }
