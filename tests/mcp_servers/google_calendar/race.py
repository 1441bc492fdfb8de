"""Many callers race for few slots, on servers that are processes of their own."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from contracts.meta import RequestMeta
from contracts.results import Action, ErrorKind, Receipt, ToolFailure
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.mcp_servers.process import ServerProcess, server_process
from tests.mcp_servers.wire import Door
from tests.running import RunningApp, running
from tests.world import TOKEN, World

UPSTREAM_SECONDS = 0.2
CLIENT_SECONDS = 60.0
SECRET = "one-secret-for-all-servers-of-a-shared-ledger"
BOOKED = "booked"


@dataclass(frozen=True)
class Told:
    """What one caller was told.

    Args:
        caller: who.
        slot: which slot was asked for.
        kind: ``booked``, or the failure's kind.
        event_id: of the receipt.
        seconds: until the answer, as the caller saw it.
    """

    caller: int
    slot: int
    kind: str
    event_id: str | None
    seconds: float


@dataclass
class Deployment:
    """Google's stand-in and the servers that share a ledger.

    Args:
        world: for its doors to the stand-in.
        servers: each a process.
        doors: to the tool for booking, one of each server.
    """

    world: World
    servers: Sequence[ServerProcess]
    doors: Sequence[Door]


@dataclass
class Race:
    """Everybody asks for one slot, at the same moment.

    Args:
        deployment: where.
        callers: how many.
        slots: how many; each is asked for by as many.
        seed: of the order in which they come.
    """

    deployment: Deployment
    callers: int
    slots: int
    seed: int
    told: list[Told] = field(default_factory=list[Told])
    standing: dict[str, str] = field(default_factory=dict[str, str])
    """Event id → title of what stands in Google at the end."""
    asked_again: int = 0
    """How many answers were ``outcome_unknown``: on a machine that is too busy the deadline comes first."""
    processor_seconds: list[float] = field(default_factory=list[float])
    """What each server used."""

    async def run(self) -> "Race":
        await self.deployment.world.fault("* /calendar/*", delay=UPSTREAM_SECONDS, times=10**9)
        before = [_processor_seconds(server) for server in self.deployment.servers]
        order = list(range(self.callers))
        random.Random(self.seed).shuffle(order)  # noqa: S311 - a reproducible order
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as pool:
            self.told = await asyncio.gather(*(self._ask(pool, caller) for caller in order))
        after = [_processor_seconds(server) for server in self.deployment.servers]
        self.processor_seconds = [round(end - begun, 2) for begun, end in zip(before, after, strict=True)]
        await self.deployment.world.mend()
        self.standing = {event["id"]: event["summary"] for event in await self.deployment.world.events()}
        return self

    async def _ask(self, pool: aiohttp.ClientSession, caller: int) -> Told:
        doors = self.deployment.doors
        slot = caller % self.slots
        door = doors[caller // self.slots % len(doors)]
        start = _first_slot() + timedelta(hours=slot)
        arguments = {
            "summary": f"caller {caller}",
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=45)).isoformat(),
        }
        meta = RequestMeta(call=f"race-{caller}").to_wire()
        body = json.dumps(door.request("tools/call", {"name": door.tool, "arguments": arguments}, meta=meta))
        begun = time.perf_counter()
        while True:
            async with pool.post(f"{door.url}/mcp", data=body, headers=door.headers()) as answer:
                told = _told(caller, slot, (await answer.json())["result"], time.perf_counter() - begun)
            if told.kind != ErrorKind.OUTCOME_UNKNOWN:
                return told
            self.asked_again += 1

    def summary(self) -> dict[str, object]:
        """One line for docs/results."""
        seconds = sorted(told.seconds for told in self.told)
        return {
            "servers": len(self.deployment.servers),
            "callers": self.callers,
            "told": dict(Counter(told.kind for told in self.told)),
            "standing": len(self.standing),
            "asked_again": self.asked_again,
            "median": round(seconds[len(seconds) // 2], 2),
            "slowest": round(seconds[-1], 2),
            "processor_seconds": self.processor_seconds,
        }

    @property
    def slowest(self) -> float:
        return max(told.seconds for told in self.told)

    @property
    def winners(self) -> list[Told]:
        return [told for told in self.told if told.kind == BOOKED]


def _told(caller: int, slot: int, result: Mapping[str, Any], seconds: float) -> Told:
    data = result["structuredContent"]
    if result.get("isError"):
        return Told(caller, slot, ToolFailure.model_validate(data).kind.value, None, seconds)
    receipt = Receipt.model_validate(data["receipt"])
    assert receipt.action is Action.BOOKED
    return Told(caller, slot, BOOKED, receipt.resource_id, seconds)


def _processor_seconds(server: ServerProcess) -> float:
    """What the process has used so far."""
    times = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _first_slot() -> datetime:
    """Tomorrow or later, whenever the test runs."""
    return (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)


@asynccontextmanager
async def deployed(state: Path, *, servers: int, ledger: str | None = None) -> AsyncGenerator[Deployment]:
    """Start the stand-in and some servers.

    Args:
        state: the state folder.
        servers: how many processes.
        ledger: a PostgreSQL URL for all of them; a SQLite file when None.
    """
    settings = SandboxSettings(_env_file=None, state=state, zone="UTC")
    async with running(create_sandbox(settings)) as sandbox, AsyncExitStack() as stack:
        processes = await asyncio.gather(
            *(stack.enter_async_context(_server(state, sandbox, ledger)) for _ in range(servers))
        )
        doors = [Door("google-calendar", process.url, TOKEN, "calendar_create_event", {}) for process in processes]
        for door in doors:
            stack.push_async_callback(door.http.aclose)
        yield Deployment(World(state, Clock(), sandbox), processes, doors)


def _server(state: Path, sandbox: RunningApp, ledger: str | None) -> AbstractAsyncContextManager[ServerProcess]:
    variables = {
        "VOXIE_MODE": "demo",
        "MCP_SERVER_TOKEN": TOKEN,
        "GOOGLE_CALENDAR_ACCESS_TOKEN": "sandbox",
        "GOOGLE_CALENDAR_API_URL": f"{sandbox.url}/calendar/v3/",
    }
    if ledger is not None:
        variables |= {"VOXIE_LEDGER_URL": ledger, "VOXIE_LEDGER_SECRET": SECRET}
    return server_process("mcp_servers.google_calendar", state, variables)
