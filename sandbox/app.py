"""One ASGI app with a stand-in for each vendor, on the vendors' own wire."""

import importlib
import pkgutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

import sandbox
from sandbox.faults import FaultMiddleware, Faults, fault_endpoint
from sandbox.guard import AdminGuard
from sandbox.pages import html_page, static_route
from sandbox.part import SandboxContext, SandboxPart
from sandbox.settings import SandboxSettings
from storage import Storage


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: SandboxSettings, *, now: Callable[[], datetime] = _utc_now) -> Starlette:
    """The sandbox.

    Args:
        settings: where its database is and what zone the demo calendar has.
        now: the current instant, aware; injected in tests.
    """
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    storage = _storage(settings.database_url)
    context = SandboxContext(engine=storage.engine, now=now, zone=ZoneInfo(settings.zone), base_url=settings.base_url)
    parts = find_parts(context)
    faults = Faults()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(storage.aclose)
            for part in parts:
                stack.push_async_callback(part.aclose)
                await part.start()
            yield

    async def reset(_: Request) -> Response:
        faults.waiting.clear()
        for part in parts:
            await part.reset()
        return JSONResponse({"status": "reset"})

    routes = [
        Route("/healthz", _healthz),
        Route("/", _home, methods=["GET"]),
        static_route("sandbox.css"),
        static_route("live.js"),
        Route("/_sandbox/reset", reset, methods=["POST"]),
        Route("/_sandbox/faults", fault_endpoint(faults), methods=["GET", "POST", "DELETE"]),
        *(route for part in parts for route in part.routes()),
    ]
    further = {urlsplit(settings.base_url).hostname or ""}
    return _Sandbox(
        faults,
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(AdminGuard, further_hosts=further)],
    )


class _Sandbox(Starlette):
    """Puts the faults around everything: cutting a line needs the server's own ``send``, which Starlette wraps."""

    def __init__(self, faults: Faults, **rest: Any) -> None:
        self._faults = faults
        super().__init__(**rest)

    def build_middleware_stack(self) -> ASGIApp:
        return FaultMiddleware(super().build_middleware_stack(), self._faults)


def find_parts(context: SandboxContext) -> Sequence[SandboxPart]:
    """The stand-ins that are there: subpackages of ``sandbox``, found by looking."""
    names = [module.name for module in pkgutil.iter_modules(sandbox.__path__) if module.ispkg]
    return [importlib.import_module(f"sandbox.{name}").create_part(context) for name in sorted(names)]


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _home(_: Request) -> Response:
    """The page for people who watch; what it shows comes from behind the guard."""
    return html_page("home.html")


def _storage(url: str) -> Storage:
    pragmas = ("busy_timeout=5000", "journal_mode=wal")
    storage = Storage(url, pragmas=pragmas, connect_args={"isolation_level": None})

    @event.listens_for(storage.engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("begin immediate")

    return storage
