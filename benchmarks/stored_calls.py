"""How lists and overviews of calls grow with the number of stored calls.

    python benchmarks/stored_calls.py [--postgres postgresql://user:password@127.0.0.1:5432] [--sizes 1000 10000 100000]

Backends with different numbers of calls stand side by side in one process and are asked in turns over real sockets, so that what
else the machine does falls on all of them alike. What counts is the growth from size to size: an endpoint that reads all calls
would show the ratio of the sizes, one that walks an index shows hardly any; it ends with 1 where one grows faster than a
logarithm. With ``--postgres`` the databases are made (and dropped) on
that server; else each is a SQLite file.
"""

import argparse
import asyncio
import contextlib
import math
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.agents.tables import AgentRow
from backend.analytics.counts import NO_CALLS, class_of
from backend.analytics.tables import DayCountRow, EventRow, ToolDayRow
from backend.analytics.tool_days import EVERY_AGENT
from backend.app import create_app
from backend.calls.tables import CallRow
from backend.db import Base, Database
from backend.settings import BackendSettings
from tests.running import running

WORKSPACE = "demo"
TOKEN = "a-service-token-of-the-benchmark"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAYS, AGENTS, EVENTS = 90, 20, 6
TOOLS = (
    ("google-calendar", "calendar_create_event"),
    ("google-calendar", "calendar_check_availability"),
    ("zapier", "zapier_trigger_zap"),
)
BATCH = 5000
ROUNDS = 40
NOISE = 0.1
"""Of a request: two steps that differ by less are alike."""
SPAN = "since=2026-10-25&until=2026-11-23"


@dataclass
class Stored:
    """A backend with a number of calls.

    Args:
        calls: how many.
        client: asks it.
        paths: what is asked, by name.
    """

    calls: int
    client: httpx.AsyncClient
    paths: dict[str, str]


@asynccontextmanager
async def stored(calls: int, state: Path, url: str | None) -> AsyncGenerator[Stored]:
    """A backend with this many calls on a socket."""
    database = {} if url is None else {"DATABASE_URL": url}
    values = {
        "VOXIE_MODE": "demo", "VOXIE_STATE": str(state), "BACKEND_SERVICE_TOKEN": TOKEN, "MCP_SERVER_TOKEN": TOKEN,
        "BACKEND_CHORES": False, **database,
    }  # fmt: skip
    settings = BackendSettings(_env_file=None, **values)
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        running(create_app(settings, now=lambda: NOW)) as served,
        httpx.AsyncClient(base_url=served.url, headers=headers, trust_env=False, timeout=60) as client,
    ):
        await client.get("/healthz")
        await fill(settings.database, calls)
        yield Stored(calls, client, await paths(client))


async def fill(url: str, calls: int) -> None:
    """Rows as the ingest leaves them."""
    chance = random.Random(calls)
    database = Database(url)
    async with database.unscoped("a benchmark fills in rows") as session:
        agents = [f"agent-{number}" for number in range(AGENTS)]
        await _add(session, AgentRow, ({"id": agent, "name": agent, "created_at": NOW} for agent in agents))
        await _add(session, CallRow, (call for call in _calls(calls, agents)))
        await _add(session, EventRow, (event for call in _calls(calls, agents) for event in _events(call, chance)))
        await _add_counts(session, calls, agents, random.Random(calls))
        await session.execute(sa.text("analyze"))
    await database.aclose()


def _calls(calls: int, agents: list[str]) -> Iterator[dict[str, Any]]:
    for number in range(calls):
        started = NOW - timedelta(days=DAYS) + number * timedelta(days=DAYS) / calls
        ended = started + timedelta(minutes=3)
        yield {
            "id": f"call-{number:08d}", "agent_id": agents[number % AGENTS], "agent_version": 1, "channel": "browser",
            "caller": None, "room": f"room-{number}", "started_at": started, "seen_at": ended, "ended_at": ended,
            "outcome": "ended", "seconds": 180, "cost": 1000, "dispatches": 0,
        }  # fmt: skip


def _events(call: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(EVENTS):
        server, tool = TOOLS[number % len(TOOLS)]
        yield {
            "call_id": call["id"], "id": f"e{number}", "kind": "tool", "at": call["started_at"] + timedelta(seconds=number),
            "data": {"server": server, "tool": tool, "ms": chance.randrange(20, 2000)},
        }  # fmt: skip


async def _add_counts(session: AsyncSession, calls: int, agents: list[str], chance: random.Random) -> None:
    days: Counter[tuple[date, str]] = Counter()
    tools: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: list(NO_CALLS))
    for call in _calls(calls, agents):
        day = call["started_at"].date()
        days[day, call["agent_id"]] += 1
        for event in _events(call, chance):
            data = event["data"]
            for scope in (call["agent_id"], EVERY_AGENT):
                tools[scope, day, data["server"], data["tool"]][class_of(data["ms"])] += 1
    await _add(
        session,
        DayCountRow,
        (
            {"day": day, "agent_id": agent, "calls": count, "seconds": 180 * count, "cost": 1000 * count}
            for (day, agent), count in days.items()
        ),
    )
    names = ("scope", "day", "server", "tool")
    rows = (
        {**dict(zip(names, key, strict=True)), "outcomes": {"ok": sum(latencies)}, "latencies": latencies}
        for key, latencies in tools.items()
    )
    await _add(session, ToolDayRow, rows)


async def _add(session: AsyncSession, table: type[Base], rows: Iterator[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append({**row, "workspace_id": WORKSPACE})
        if len(waiting) == BATCH:
            await session.execute(sa.insert(table), waiting)
            waiting = []
    if waiting:
        await session.execute(sa.insert(table), waiting)


async def paths(client: httpx.AsyncClient) -> dict[str, str]:
    """What is asked; a page in the middle is found by walking there."""
    page, middle = (await client.get("/api/calls?limit=50")).json(), ""
    for _ in range(8):
        middle = page["next_cursor"]
        page = (await client.get("/api/calls", params={"limit": 50, "cursor": middle})).json()
    call = page["items"][0]["id"]
    return {
        "calls, the latest": "/api/calls?limit=50",
        "calls, a page further on": f"/api/calls?limit=50&cursor={middle}",
        "calls of an agent": "/api/calls?limit=50&agent_id=agent-7",
        "one call": f"/api/calls/{call}",
        "its timeline": f"/api/calls/{call}/timeline",
        "open intents": "/api/intents?state=open",
        "tools in 30 days": f"/api/analytics/tools?{SPAN}",
        "tools of an agent": f"/api/analytics/tools?{SPAN}&agent_id=agent-7",
        "calls by day": f"/api/analytics/calls?{SPAN}",
        "integrations by day": f"/api/analytics/integrations?{SPAN}",
    }


async def measure(backends: list[Stored]) -> dict[str, list[float]]:
    """The milliseconds of each endpoint, by size: the lower quartile, which other work on the machine reaches least."""
    taken: dict[tuple[str, int], list[float]] = {}
    for number in range(ROUNDS):
        for name in backends[0].paths:
            for place in random.sample(range(len(backends)), len(backends)):
                backend = backends[place]
                began = time.perf_counter()
                answer = await backend.client.get(backend.paths[name])
                spent = (time.perf_counter() - began) * 1000
                answer.raise_for_status()
                if number:
                    taken.setdefault((name, place), []).append(spent)
    return {
        name: [statistics.quantiles(taken[name, place], n=4)[0] for place in range(len(backends))]
        for name in backends[0].paths
    }


def grows_faster(sizes: list[int], values: list[float]) -> bool:
    """Whether it grows by more than a logarithm of the number of calls.

    ``a + b log n`` grows by no more than ``log n`` itself, which the ratio shows; and by as much from each size to the next,
    in proportion to the logarithms. The second rule finds what the first does not: a share that grows with the number of
    calls and hides behind what every request costs.
    """
    logs = [math.log(size) for size in sizes]
    slopes = [
        (late - early) / (to - since)
        for (early, late), (since, to) in zip(pairwise(values), pairwise(logs), strict=True)
    ]
    noise = NOISE * values[0] / (logs[1] - logs[0])
    bends = any(late > max(0.0, early) + noise for early, late in pairwise(slopes))
    return bends or values[-1] / values[0] > logs[-1] / logs[0]


def table(database: str, sizes: list[int], quartiles: dict[str, list[float]]) -> str:
    """The result as Markdown."""
    head = " | ".join(f"{size:,} calls, ms" for size in sizes)
    lines = [f"| {database} | {head} | ratio | each step adds, ms |", "|---|" + "---|" * (len(sizes) + 2)]
    for name, values in quartiles.items():
        added = ", ".join(f"{late - early:+.2f}" for early, late in pairwise(values))
        shown = " | ".join(f"{value:.2f}" for value in values)
        lines.append(f"| {name} | {shown} | {values[-1] / values[0]:.2f} | {added} |")
    return "\n".join(lines)


async def main(sizes: list[int], postgres: str | None) -> str | None:
    """Fill, measure, show; what grows faster than it may, if anything does."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxie-benchmark-")))
        backends: list[Stored] = []
        for size in sizes:
            url = await stack.enter_async_context(_new_database(postgres)) if postgres else None
            backends.append(await stack.enter_async_context(stored(size, folder / str(size), url)))
        quartiles = await measure(backends)
    print(table("PostgreSQL" if postgres else "SQLite", sizes, quartiles))
    worse = [name for name, values in quartiles.items() if grows_faster(sizes, values)]
    return f"faster than a logarithm: {', '.join(worse)}" if worse else None


@asynccontextmanager
async def _new_database(server: str) -> AsyncGenerator[str]:
    name = f"benchmark_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(f"{server}/postgres")
    await admin.execute(f"create database {name}")
    yield f"{server}/{name}"
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--postgres", help="a server's URL without a database")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    given = parser.parse_args()
    if len(given.sizes) < 3:
        parser.error("three sizes at least, so that the steps between them can be compared")
    sys.exit(asyncio.run(main(given.sizes, given.postgres)))
