"""One trace from the agent to the vendor; nothing spoken, no secret and no name of a tenant in any span, metric or log."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.metrics import Metrics
from contracts.telemetry import METRICS, SpanKey, SpanName
from mcp_servers.shared.telemetry import ToolMetrics
from tests.running import running
from tests.world import World
from tracing import start_tracing

CANARY = "Canary Garcia"
BOOKING = ("a table for four tomorrow at 7 pm", CANARY, "555 0100", "yes please")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Collector:
    """Takes what an OpenTelemetry exporter sends."""

    bodies: list[bytes] = field(default_factory=list[bytes])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.bodies.append(body)
        return Response(b"", media_type="application/x-protobuf")

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@asynccontextmanager
async def collected() -> AsyncGenerator[Collector]:
    """Agent and servers tell a collector on a real socket; what it got is complete after the block."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    async with running(app) as served:
        stop = start_tracing("agent and server", served.url)
        try:
            yield collector
        finally:
            await asyncio.to_thread(stop)


async def test_one_trace_holds_the_agents_call_the_servers_tool_and_the_request_to_the_vendor(
    emptied_world: World,
) -> None:
    async with collected() as collector, emptied_world.caller() as maria:
        assert "It's booked" in await maria.says(*BOOKING)
    by_id = {span.span_id: span for span in collector.spans}
    (agent,) = [span for span in collector.spans if is_call_of(span, SpanName.AGENT_TOOL, "calendar_create_event")]
    (server,) = [span for span in collector.spans if is_call_of(span, SpanName.SERVER_TOOL, "calendar_create_event")]
    requests = [span for span in by_id.values() if span.name == SpanName.VENDOR_REQUEST and within(span, server, by_id)]
    assert server.parent_span_id == agent.span_id
    assert {"POST"} <= {attributes(span)[SpanKey.METHOD] for span in requests}
    assert {span.trace_id for span in (agent, server, *requests)} == {agent.trace_id}


async def test_only_listed_names_and_nothing_that_was_said_is_in_a_span(emptied_world: World) -> None:
    async with collected() as collector, emptied_world.caller(caller="tel:+15550199") as maria:
        await maria.says(*BOOKING)
        async with emptied_world.client(_calendar(emptied_world)) as client:
            await client.call(f"no_such_tool_{CANARY}", {CANARY: CANARY})
            await client.call("calendar_get_event", {CANARY: CANARY})
            await client.call("calendar_get_event", {"event_id": CANARY})
    assert {span.name for span in collector.spans} == {name.value for name in SpanName}
    assert {key for span in collector.spans for key in attributes(span)} <= {key.value for key in SpanKey}
    assert all(not span.events and not span.status.message for span in collector.spans)
    exported = b"".join(collector.bodies)
    for secret in (CANARY, "Garcia", "5550199", "555 0100", "demo", "Trattoria", "primary"):
        assert secret.encode() not in exported, secret


async def test_our_trace_does_not_go_to_the_vendor_and_nothing_is_told_without_a_collector(
    emptied_world: World, seen_headers: list[set[str]]
) -> None:
    async with collected() as collector, emptied_world.caller() as maria:
        await maria.says(*BOOKING[:1])
    assert collector.spans
    assert seen_headers, "the vendor was asked"
    assert not {"traceparent", "tracestate", "baggage"} & set[str]().union(*seen_headers)
    told = len(collector.spans)
    async with emptied_world.caller() as tom:
        await tom.says(*BOOKING[:1])
    assert len(collector.spans) == told


@pytest.fixture
def seen_headers(monkeypatch: pytest.MonkeyPatch) -> Generator[list[set[str]]]:
    """The names of the headers of each request that leaves by httpx."""
    seen: list[set[str]] = []
    send = httpx.AsyncClient.send

    async def noted(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        seen.append({name.lower() for name in request.headers})
        return await send(self, request, **options)

    monkeypatch.setattr(httpx.AsyncClient, "send", noted)
    return seen


async def test_every_metric_and_label_is_listed() -> None:
    servers = CollectorRegistry()
    ToolMetrics(servers)
    told: dict[str, tuple[str, ...]] = {}
    for registry in (servers, Metrics().registry):
        for metric in registry._collector_to_names:
            told[metric._name] = tuple(metric._labelnames)  # pyright: ignore[reportAttributeAccessIssue]
    assert told == METRICS


async def test_what_is_asked_of_a_servers_metrics_names_tools_and_kinds_alone(emptied_world: World) -> None:
    async with emptied_world.client(_calendar(emptied_world)) as client:
        await client.call(f"no_such_tool_{CANARY}", {CANARY: CANARY})
        await client.call("calendar_get_event", {"event_id": CANARY})
    async with httpx.AsyncClient(base_url=_calendar(emptied_world).url, trust_env=False) as http:
        said = (await http.get("/metrics")).text
    assert 'tool="calendar_get_event"' in said
    assert "Canary" not in said


def _calendar(world: World) -> Any:
    assert world.calendar is not None
    return world.calendar


def attributes(span: Span) -> dict[str, Any]:
    return {
        item.key: item.value.string_value or item.value.int_value  # pyright: ignore[reportUnknownMemberType]
        for item in span.attributes
    }


def is_call_of(span: Span, name: SpanName, tool: str) -> bool:
    return span.name == name and attributes(span)[SpanKey.TOOL] == tool


def within(span: Span, outer: Span, by_id: dict[bytes, Span]) -> bool:
    while span.parent_span_id in by_id:
        span = by_id[span.parent_span_id]
        if span.span_id == outer.span_id:
            return True
    return False
