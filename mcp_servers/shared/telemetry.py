"""Logs and metrics. A static event name and keyed fields; nothing that a caller said, and no secret."""

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram


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
    """Set up structlog for a process.

    Args:
        service: bound to every line.
        json_lines: JSON for machines, else a console line for people.
    """
    renderer = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # Libraries log request lines, and a URL may be a credential.
    for noisy in ("httpx", "httpcore", "uvicorn.access", "mcp", "googleapiclient"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
