"""The Zapier server with call tokens: a stand-in backend gives it hooks and tokens, over the wire of contracts."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from contracts.broker import DEFERRED_TOKEN_TYPE, HOOKS_TOKEN_TYPE
from contracts.meta import RequestMeta, Role
from contracts.results import ToolAnswer
from mcp_servers.zapier.server import create
from mcp_servers.zapier.settings import ZapierSettings
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.fakes.backend import SERVICE_TOKEN, StandInBackend, stand_in_backend
from tests.mcp_servers.zapier.desk import Desk
from tests.patience import PATIENT
from tests.running import start
from voxie_agents.mcp_client import McpClient

RESOURCE = "http://127.0.0.1:3001/mcp"
CANARY = "canary-hook-code"
"""In every hook's URL: it must show up nowhere but at Zapier."""


@dataclass
class BrokeredDesk(Desk):
    """A desk whose server asks a backend for what it needs.

    Args:
        backend: the stand-in.
        hooks: what the workspace has connected, by name.
        tokens: its accounts: way → token, in the owner's order.
    """

    backend: StandInBackend = field(default_factory=StandInBackend)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def start_server(self) -> None:
        settings = ZapierSettings(
            _env_file=None,
            **{
                "VOXIE_MODE": "demo",
                "VOXIE_STATE": str(self.state),
                "MCP_AUTH": "jwks",
                "MCP_ISSUER_URL": self.backend.url,
                "MCP_SERVICE_TOKEN": SERVICE_TOKEN,
                "ZAPIER_API_URL": self.sandbox.url,
                "ZAPIER_ACTIONS_URL": f"{self.sandbox.url}/api/v0/sdk/zapier",
                **PATIENT,
                **self.given,
            },
        )
        self.server = await start(create(settings, now=self.clock.seconds))

    def connect(self, name: str, **settings: Any) -> None:
        """The owner connects a hook."""
        self.hooks[name] = {"url": f"{self.sandbox.url}/hooks/catch/1/{CANARY}-{name}/", **settings}

    def exchange(self, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        """What the backend's broker answers."""
        if form["subject_token_type"] == DEFERRED_TOKEN_TYPE:
            named = form["subject_token"].removeprefix("deferred:")
            return self._hooks({name: hook for name, hook in self.hooks.items() if name == named})
        if form["requested_token_type"] == HOOKS_TOKEN_TYPE:
            return self._hooks(self.hooks)
        way = next((way for way in form["ways"].split() if way in self.tokens), None)
        if way is None:
            return 400, {"error": "not_connected", "error_description": ""}
        return 200, self.backend.exchanged(access_token=self.tokens[way], way=way)

    def _hooks(self, hooks: Mapping[str, Mapping[str, Any]]) -> tuple[int, Mapping[str, Any]]:
        if not hooks:
            return 400, {"error": "not_connected", "error_description": ""}
        given = {name: {**hook, "deferred": f"deferred:{name}"} for name, hook in hooks.items()}
        answer = self.backend.exchanged(
            access_token="", token_type="N_A", expires_in=300, connection="hooks:workspace-1", hooks=given
        )
        return 200, answer

    async def call(
        self, tool: str, *, caller: str | None = None, role: Role = Role.PUBLIC, operation: str | None = None,
        epoch: int | None = None, scope: str | None = None, **arguments: Any,
    ) -> ToolAnswer:  # fmt: skip
        """Call a tool with a call token of its own."""
        assert self.server is not None
        meta = RequestMeta(operation=operation, epoch=epoch).to_wire()
        token = self.backend.token(
            resource=RESOURCE, tools=tool if scope is None else scope, role=role.value, caller=caller
        )
        async with McpClient(self.server.url, token=SecretStr(token)) as client:
            return await client.call(tool, arguments, meta=meta)

    def subjects(self) -> list[str]:
        """What was exchanged for hooks, in order: ``call`` or the deferred grant."""
        return [
            form["subject_token"] if form["subject_token_type"] == DEFERRED_TOKEN_TYPE else "call"
            for form in self.backend.exchanges
            if form["requested_token_type"] == HOOKS_TOKEN_TYPE
        ]


@asynccontextmanager
async def open_brokered_desk(state: Path, **given: str) -> AsyncGenerator[BrokeredDesk]:
    """Start the sandbox, the stand-in backend and the server."""
    clock = Clock()
    sandbox = await start(create_sandbox(SandboxSettings(_env_file=None, state=state, zone="UTC"), now=clock.now))
    async with stand_in_backend(clock.seconds) as backend:
        desk = BrokeredDesk(state, clock, sandbox, given, backend=backend)
        backend.exchange = desk.exchange
        await desk.start_server()
        try:
            yield desk
        finally:
            await asyncio.gather(desk.stop_server(), sandbox.stop())
