"""The Zapier server and the sandbox on real sockets, and a real MCP client to call it with."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from mcp.types import Tool
from pydantic import SecretStr

from contracts.meta import RequestMeta, Role
from contracts.results import ErrorKind, ToolAnswer, ToolFailure
from mcp_servers.zapier.server import create
from mcp_servers.zapier.settings import ZapierSettings
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.patience import PATIENT
from tests.running import RunningApp, start
from tests.world import ADMIN, HOOK, TOKEN
from voxie_agents.mcp_client import McpClient

HOOK_PATH = "/hooks/catch/"
WAIT_SECONDS = 30.0
PAYLOAD = {"booking": "b-1", "name": "Maria Garcia", "notes": "a window table"}


@dataclass
class Desk:
    """What runs, and how to use it.

    Args:
        state: the state folder.
        clock: the time that all of it has.
        sandbox: Zapier's stand-in.
        given: variables of the server beside the usual ones.
    """

    state: Path
    clock: Clock
    sandbox: RunningApp
    given: dict[str, str] = field(default_factory=dict)
    server: RunningApp | None = None

    def hook(self, name: str, **settings: Any) -> dict[str, Any]:
        """A hook's settings."""
        return {"url": f"{self.sandbox.url}{HOOK_PATH}1/{name}/", **settings}

    async def start_server(self) -> None:
        hooks = {HOOK: self.hook(HOOK, key_fields=["booking"])}
        settings = ZapierSettings(
            _env_file=None,
            **{
                "VOXIE_MODE": "demo",
                "VOXIE_STATE": str(self.state),
                "MCP_SERVER_TOKEN": TOKEN,
                "ZAPIER_HOOKS": json.dumps(hooks),
                "ZAPIER_API_KEY": "sandbox",
                "ZAPIER_API_URL": self.sandbox.url,
                **PATIENT,
                **self.given,
            },
        )
        self.server = await start(create(settings, now=self.clock.seconds))

    async def stop_server(self) -> None:
        if self.server is not None:
            await self.server.stop()
            self.server = None

    async def call(
        self, tool: str, *, caller: str | None = None, role: Role = Role.PUBLIC, operation: str | None = None,
        epoch: int | None = None, **arguments: Any,
    ) -> ToolAnswer:  # fmt: skip
        """Call a tool as somebody."""
        assert self.server is not None
        meta = RequestMeta(call="call-1", caller=caller, role=role, operation=operation, epoch=epoch).to_wire()
        async with McpClient(self.server.url, token=SecretStr(TOKEN)) as client:
            return await client.call(tool, arguments, meta=meta)

    async def own(self, tool: str, **arguments: Any) -> ToolAnswer:
        """Call a tool as the owner."""
        return await self.call(tool, role=Role.OWNER, **arguments)

    async def trigger(self, payload: dict[str, Any] | None = None, *, hook: str = HOOK, **identity: Any) -> ToolAnswer:
        """Trigger a hook."""
        return await self.call("zapier_trigger_zap", zap_id=hook, payload=payload or PAYLOAD, **identity)

    async def until(self, delivery: ToolAnswer | str, status: str, *, advancing: float = 0.0) -> ToolAnswer:
        """Ask about a delivery until it has a status.

        Args:
            delivery: the answer that named it, or its id.
            status: to wait for.
            advancing: seconds by which the clock is moved after each try that left it queued.
        """
        delivery_id = delivery if isinstance(delivery, str) else delivery.data["delivery_id"]
        advanced_after = -1
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                seen = await self.call("zapier_get_delivery", delivery_id=delivery_id)
                if seen.data.get("status") == status:
                    return seen
                if seen.data.get("status") == "queued" and seen.data["attempts"] > advanced_after:
                    advanced_after = seen.data["attempts"]
                    self.clock.advance(seconds=advancing)
                await asyncio.sleep(0.05)

    async def fault(self, route: str, **what: Any) -> None:
        """Break the next requests to the sandbox that match ``METHOD glob``."""
        await self.admin("/_sandbox/faults", {"route": route, **what})

    async def clear_faults(self) -> None:
        """Take back the faults that are still waiting."""
        async with httpx.AsyncClient(base_url=self.sandbox.url, headers=ADMIN, trust_env=False) as client:
            assert (await client.delete("/_sandbox/faults")).status_code == 200

    async def listed(self) -> list[Tool]:
        """The tools as a client sees them."""
        assert self.server is not None
        async with McpClient(self.server.url, token=SecretStr(TOKEN)) as client:
            return await client.list_tools()

    async def break_hooks(self, **what: Any) -> None:
        """Break the next deliveries."""
        await self.fault(f"POST {HOOK_PATH}*", **what)

    async def admin(self, path: str, body: Any) -> Any:
        """Use the sandbox's own routes."""
        async with httpx.AsyncClient(base_url=self.sandbox.url, headers=ADMIN, trust_env=False) as client:
            answer = await client.post(path, json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def deliveries(self) -> list[dict[str, Any]]:
        """What arrived at Zapier."""
        async with httpx.AsyncClient(base_url=self.sandbox.url, trust_env=False) as client:
            return (await client.get("/_sandbox/zapier/deliveries")).json()


def delivery_named_in(answer: ToolAnswer) -> str:
    """The delivery that a failure is about."""
    return failed(answer).error.split()[1].rstrip(":")


def failed(answer: ToolAnswer) -> ToolFailure:
    """The failure of an answer that must be one."""
    assert answer.is_error, answer.data
    assert answer.failure is not None
    return answer.failure


def kind_of(answer: ToolAnswer) -> ErrorKind:
    return failed(answer).kind


@asynccontextmanager
async def open_desk(state: Path, **given: str) -> AsyncGenerator[Desk]:
    """Start both."""
    clock = Clock()
    sandbox = await start(create_sandbox(SandboxSettings(_env_file=None, state=state, zone="UTC"), now=clock.now))
    desk = Desk(state, clock, sandbox, given)
    await desk.start_server()
    try:
        yield desk
    finally:
        await asyncio.gather(desk.stop_server(), desk.sandbox.stop())
