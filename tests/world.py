"""The whole of Voxie on real sockets in one process: sandbox, both integration servers, backend, and callers."""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from googleapiclient.discovery import build
from livekit.agents import AgentSession, llm
from pydantic import SecretStr

from backend.agents.seed import demo_agents
from contracts.calls import CallBootstrap, ServerAccess
from contracts.deadlines import Deadlines
from contracts.meta import RequestMeta, Role
from contracts.results import ToolAnswer
from mcp_servers.google_calendar.server import create as create_calendar
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from spawner.dynamic_agent_factory import BuiltAgent, DynamicAgentFactory
from tests.clock import Clock
from tests.patience import PATIENCE, PATIENT, SECONDS
from tests.running import RunningApp, start
from voxie_agents.mcp_client import McpClient
from voxie_agents.offline import OfflineLLM

TOKEN = "a-static-bearer-for-tests"
ADMIN = {"x-sandbox-admin": "1"}
BEARER = {"authorization": "Bearer sandbox"}
ZONE = "Europe/Madrid"
HOOK = "restaurant_reservation"


@dataclass
class World:
    """Everything that runs.

    Args:
        state: the state folder.
        clock: the time that all of it has.
    """

    state: Path
    clock: Clock
    sandbox: RunningApp
    calendar: RunningApp | None = None
    zapier: RunningApp | None = None
    calendar_settings: dict[str, Any] = field(default_factory=dict)
    zapier_settings: dict[str, Any] = field(default_factory=dict)
    upstream: list[str] = field(default_factory=list)
    """Every request that reached the vendors, as ``METHOD /path``."""
    asked: list[str] = field(default_factory=list)
    """The same with their queries."""
    lines: set[Any] = field(default_factory=set)
    """The connections that requests came by."""
    session: str = "call"
    """Begins the ids of calls that a test does not name."""
    _calls: int = 0

    async def start_calendar(self, *, port: int = 0) -> RunningApp:
        settings = GoogleCalendarSettings(
            _env_file=None,
            **{
                "VOXIE_MODE": "demo",
                "VOXIE_STATE": str(self.state),
                "MCP_SERVER_TOKEN": TOKEN,
                "GOOGLE_CALENDAR_ACCESS_TOKEN": "sandbox",
                "GOOGLE_CALENDAR_API_URL": f"{self.sandbox.url}/calendar/v3/",
                # A world that many tests share sends more in a minute than one owner's callers.
                "GOOGLE_CALENDAR_REQUESTS_PER_MINUTE": 100_000,
                **PATIENT,
                **self.calendar_settings,
            },
        )
        self.calendar = await start(create_calendar(settings, now=self.clock.seconds), port=port)
        return self.calendar

    async def start_zapier(self, *, port: int = 0) -> RunningApp:
        server = importlib.import_module("mcp_servers.zapier.server")
        settings_type = importlib.import_module("mcp_servers.zapier.settings").ZapierSettings
        url = f"{self.sandbox.url}/hooks/catch/1/{HOOK}/"
        settings = settings_type(
            _env_file=None,
            **{
                "VOXIE_MODE": "demo",
                "VOXIE_STATE": str(self.state),
                "MCP_SERVER_TOKEN": TOKEN,
                "ZAPIER_HOOKS": f'{{"{HOOK}": {{"url": "{url}", "key_fields": ["booking"]}}}}',
                "ZAPIER_API_KEY": "sandbox",
                "ZAPIER_API_URL": self.sandbox.url,
                "ZAPIER_ACCEPTANCE_SECONDS": 10.0,
                **PATIENT,
                **self.zapier_settings,
            },
        )
        self.zapier = await start(server.create(settings, now=self.clock.seconds), port=port)
        return self.zapier

    # The vendors' side

    async def fault(self, route: str, **what: Any) -> None:
        """Break the next requests to the sandbox that match ``METHOD glob``."""
        async with httpx.AsyncClient(base_url=self.sandbox.url, trust_env=False, timeout=SECONDS) as client:
            answer = await client.post("/_sandbox/faults", json={"route": route, **what}, headers=ADMIN)
            assert answer.status_code == 200, answer.text

    async def mend(self) -> None:
        """Take back the faults that are still waiting."""
        async with httpx.AsyncClient(
            base_url=self.sandbox.url, headers=ADMIN, trust_env=False, timeout=SECONDS
        ) as client:
            assert (await client.delete("/_sandbox/faults")).status_code == 200

    async def reached(self, method: str) -> None:
        """Wait until a request of this method has reached the vendors."""
        async with asyncio.timeout(SECONDS):
            while not any(request.startswith(method) for request in self.upstream):  # noqa: ASYNC110 - another server fills the list
                await asyncio.sleep(0.01)

    async def forget(self) -> None:
        """Empty the vendors, and let the promises and leases of earlier tests run out: cheaper than a new world."""
        async with httpx.AsyncClient(
            base_url=self.sandbox.url, headers=ADMIN, trust_env=False, timeout=SECONDS
        ) as client:
            assert (await client.post("/_sandbox/reset")).status_code == 200
        self.clock.advance(seconds=200)
        self.session = f"call-at-{self.clock.seconds():.0f}"
        self.upstream.clear()
        self.asked.clear()

    async def events(self) -> list[dict[str, Any]]:
        """The calendar's events, by Google's own client."""
        return await asyncio.to_thread(self._events)

    def _events(self) -> list[dict[str, Any]]:
        with google_client(self.sandbox.url) as service:
            return (
                service.events().list(calendarId="primary", singleEvents=True, orderBy="startTime").execute()["items"]
            )

    async def google(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Act at Google behind our back, as the owner of the calendar does."""
        async with httpx.AsyncClient(
            base_url=self.sandbox.url, headers=BEARER, trust_env=False, timeout=SECONDS
        ) as client:
            return await client.request(method, f"/calendar/v3{path}", json=body)

    async def deliveries(self) -> list[dict[str, Any]]:
        """What arrived at Zapier."""
        async with httpx.AsyncClient(base_url=self.sandbox.url, trust_env=False, timeout=SECONDS) as client:
            answer = await client.get("/_sandbox/zapier/deliveries")
            return answer.json() if answer.status_code == 200 else []

    # Our side

    def client(self, server: RunningApp, *, token: str = TOKEN) -> McpClient:
        return McpClient(server.url, token=SecretStr(token))

    async def call(
        self, tool: str, *, call: str | None = None, caller: str | None = None, role: Role = Role.PUBLIC,
        epoch: int | None = None, operation: str | None = None, deadline: float | None = None, **arguments: Any,
    ) -> ToolAnswer:  # fmt: skip
        """Call a calendar tool as somebody."""
        assert self.calendar is not None
        meta = RequestMeta(
            call=call or f"{self.session}-1",
            caller=caller,
            role=role,
            epoch=epoch,
            operation=operation,
            deadline=deadline,
        ).to_wire()
        async with self.client(self.calendar) as client:
            return await client.call(tool, arguments, meta=meta)

    def bootstrap(self, *, caller: str | None = None) -> CallBootstrap:
        self._calls += 1
        servers = {"google-calendar": self.calendar, "zapier": self.zapier}
        return CallBootstrap(
            call_id=f"call-{self._calls}",
            agent=demo_agents()[0],
            caller=caller,
            servers=tuple(
                ServerAccess(name=name, url=server.url, token=SecretStr(TOKEN))
                for name, server in servers.items()
                if server is not None
            ),
        )

    @asynccontextmanager
    async def caller(
        self, *, caller: str | None = None, model: llm.LLM[Any] | None = None, deadlines: Deadlines = PATIENCE
    ) -> AsyncGenerator["Caller"]:
        """Somebody on the phone with the restaurant."""
        factory = DynamicAgentFactory(offline=True, now=self.clock.now, deadlines=deadlines)
        built = factory.build(self.bootstrap(caller=caller))
        session: Any = AgentSession(llm=model or OfflineLLM(), max_tool_steps=6)
        await session.start(built.agent, record=False)
        try:
            yield Caller(session, built)
        finally:
            await session.aclose()
            await built.aclose()


@dataclass
class Caller:
    """One call, by text."""

    session: Any
    built: BuiltAgent

    async def says(self, *turns: str) -> str:
        """Say some turns, one after the other; the answer to the last is returned."""
        answer = ""
        for words in turns:
            result = await self.session.run(user_input=words)
            answer = " ".join(
                event.item.text_content or ""
                for event in result.events
                if event.type == "message" and event.item.role == "assistant"
            )
        return answer


def recording(app: Any, requests: list[str], asked: list[str] | None = None, lines: set[Any] | None = None) -> Any:
    """An app that notes each request before it is handled: without its query, with it, and by which connection it came."""

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_sandbox"):
            requests.append(f"{scope['method']} {scope['path']}")
            if asked is not None:
                asked.append(f"{requests[-1]}?{scope['query_string'].decode()}")
            if lines is not None:
                lines.add(scope["client"])
        await app(scope, receive, send)

    return recorded


def google_client(sandbox: str) -> Any:
    """Google's own client, pointed at the sandbox; a context manager."""
    import httplib2

    class Authorized(httplib2.Http):
        def request(self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **rest: Any) -> Any:
            return super().request(uri, method, body=body, headers={**(headers or {}), **BEARER}, **rest)

    return build(
        "calendar",
        "v3",
        http=Authorized(),
        client_options={"api_endpoint": f"{sandbox}/calendar/v3/"},
        static_discovery=True,
    )


@asynccontextmanager
async def open_world(state: Path, *, start_servers: bool = True, **calendar_settings: Any) -> AsyncGenerator[World]:
    """Start everything that is there; the Zapier part may have been removed."""
    clock = Clock()
    settings = SandboxSettings(_env_file=None, state=state, zone=ZONE)
    upstream: list[str] = []
    asked: list[str] = []
    lines: set[Any] = set()
    sandbox = await start(recording(create_sandbox(settings, now=clock.now), upstream, asked, lines))
    world = World(
        state, clock, sandbox, calendar_settings=calendar_settings, upstream=upstream, asked=asked, lines=lines
    )
    if start_servers:
        await world.start_calendar()
    if start_servers and importlib.util.find_spec("mcp_servers.zapier") is not None:
        await world.start_zapier()
    try:
        yield world
    finally:
        servers = (world.calendar, world.zapier, world.sandbox)
        await asyncio.gather(*(s.stop() for s in servers if s is not None and not s.task.done()))
