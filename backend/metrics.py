"""Counts and latencies of the API for Prometheus. Labels are route templates and statuses: nothing that anybody sent."""

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.access import principal as access
from backend.access.dependencies import needs
from backend.errors import describes

router = APIRouter(tags=["health"], responses=describes(401, 403, 404, 422))


class Metrics:
    """The metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "voxie_backend_requests", "Requests by route", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "voxie_backend_request_seconds", "Seconds a request took", ["method", "route"], registry=self.registry
        )

        self._chores = Counter("voxie_backend_chores", "Chores done", ["chore", "outcome"], registry=self.registry)

    def note_chore(self, chore: str, outcome: str) -> None:
        """Note one run of a chore."""
        self._chores.labels(chore, outcome).inc()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


KNOWN_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})


class Measured:
    """Measures every request.

    Args:
        app: what serves it.
        metrics: where it is noted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
            self._metrics.note(method, route, status, time.perf_counter() - started)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, _: Annotated[access.Principal, needs(access.Scope.OPERATOR)]) -> Response:
    """Counts and latencies, in Prometheus's text format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
