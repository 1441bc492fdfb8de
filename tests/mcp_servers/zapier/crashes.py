"""Many deliveries through servers that are killed, to a Zapier that answers 429, 503 and cuts."""

import asyncio
import json
import random
import signal
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from contracts.meta import RequestMeta
from mcp_servers.zapier.delivery import deliveries
from storage import Storage
from tests.mcp_servers.zapier.desk import HOOK_PATH
from tests.world import ADMIN, TOKEN
from voxie_agents.mcp_client import McpClient, McpClientError

START_SECONDS = 300.0
SETTLE_SECONDS = 900.0
HOOK_SECONDS = 2.0
PLAIN, SAFE = "plain", "safe"
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429, "headers": {"retry-after": "0.2"}},
    {"status": 503},
    {"cut": "before"},
    {"cut": "after"},
)


@dataclass
class Replica:
    """One server process that is killed and started again.

    Args:
        state: its state folder.
        port: the same after each start.
        variables: of its environment.
    """

    state: Path
    port: int
    variables: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        with (self.state / f"replica-{self.port}.log").open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mcp_servers.zapier",
                env={**self.variables, "MCP_SERVER_PORT": str(self.port)}, cwd=self.state,
                stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            while True:
                if await self._answers(client):
                    return
                await asyncio.sleep(0.05)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@dataclass
class Outcome:
    """What the ledger says and what Zapier got."""

    states: Counter[str]
    reasons_missing: int
    arrived: Counter[str]
    rows: dict[str, tuple[str, str]]
    """Delivery id → hook and state."""
    answered: set[str] = field(default_factory=set[str])
    """Delivery ids that the callers were told."""

    @property
    def doubled(self) -> dict[str, str]:
        """Deliveries that Zapier got more than once, with their hooks."""
        return {name: self.rows[name][0] for name, count in self.arrived.items() if count > 1}

    @property
    def claimed_in_vain(self) -> list[str]:
        """Accepted by what we say, and never arrived."""
        return [name for name, (_, state) in self.rows.items() if state == "accepted" and not self.arrived[name]]

    @property
    def never_known(self) -> list[str]:
        """Told to a caller, and not in the ledger."""
        return [name for name in self.answered if name not in self.rows]


@dataclass
class Crashes:
    """One run.

    Args:
        sandbox: its address.
        state: folder of the replicas.
        database: a plain URL, or None for each server's own SQLite file (one replica then).
        count: of deliveries.
        kills: how often a replica is killed.
        seed: of the choices.
    """

    sandbox: str
    state: Path
    database: str | None
    count: int
    kills: int
    seed: int = 1
    at_once: int = 12
    _told: set[str] = field(default_factory=set[str])
    _done: int = 0

    async def run(self) -> Outcome:
        chance = random.Random(self.seed)  # noqa: S311 - repeatable
        replicas = [self._replica() for _ in range(2 if self.database else 1)]
        await asyncio.gather(*(replica.start() for replica in replicas))
        try:
            numbers = iter(range(self.count))
            feeders = [asyncio.create_task(self._feed(numbers, replicas)) for _ in range(self.at_once)]
            trouble = asyncio.create_task(self._trouble(chance))
            try:
                await self._kill(chance, replicas)
                await asyncio.gather(*feeders)
            finally:
                for task in (*feeders, trouble):
                    task.cancel()
                await asyncio.gather(*feeders, trouble, return_exceptions=True)
            await self._admin("DELETE", "/_sandbox/faults")
            return await self._settled()
        finally:
            await asyncio.gather(*(replica.kill() for replica in replicas))

    def _replica(self) -> Replica:
        hooks = {
            name: {"url": f"{self.sandbox}{HOOK_PATH}1/{name}/", "retry_safe": name == SAFE} for name in (PLAIN, SAFE)
        }
        variables = {
            "VOXIE_MODE": "demo",
            "VOXIE_STATE": str(self.state),
            "MCP_SERVER_TOKEN": TOKEN,
            "ZAPIER_HOOKS": json.dumps(hooks),
            "ZAPIER_HOOK_SECONDS": str(HOOK_SECONDS),
            "ZAPIER_LONGEST_PAUSE_SECONDS": "2",
            # Its callers ask for no more than that it is stored; what becomes of it is looked at in the end.
            "ZAPIER_ACCEPTANCE_SECONDS": "0.1",
            "ZAPIER_RATE_PER_SECOND": "3000",
            "ZAPIER_RATE_PER_5_MINUTES": "900000",
        }
        if self.database:
            variables["VOXIE_LEDGER_URL"] = self.database
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        return Replica(self.state, port, variables)

    async def _feed(self, numbers: Any, replicas: list[Replica]) -> None:
        """Trigger, and ask again under the same operation until there is an answer, as a client does."""
        clients = [McpClient(replica.url, token=SecretStr(TOKEN)) for replica in replicas]
        try:
            for number in numbers:
                meta = RequestMeta(operation=f"operation-{number:08d}").to_wire()
                hook = SAFE if number % 10 == 0 else PLAIN
                tries = number
                while True:
                    client = clients[tries % len(clients)]
                    tries += 1
                    try:
                        answer = await client.call(
                            "zapier_trigger_zap", {"zap_id": hook, "payload": {"n": number}}, meta=meta, timeout=6
                        )
                    except McpClientError:
                        await asyncio.sleep(0.1)
                        continue
                    if "delivery_id" in answer.data:
                        self._told.add(answer.data["delivery_id"])
                    elif answer.failure is not None and not answer.failure.error.startswith("delivery "):
                        await asyncio.sleep(0.1)
                        continue
                    break
                self._done += 1
        finally:
            for client in clients:
                await client.aclose()

    async def _trouble(self, chance: random.Random) -> None:
        while True:
            fault = chance.choice(FAULTS)
            await self._admin("POST", "/_sandbox/faults", {"route": f"POST {HOOK_PATH}*", **fault})
            await asyncio.sleep(chance.uniform(0.02, 0.2))

    async def _kill(self, chance: random.Random, replicas: list[Replica]) -> None:
        for kill in range(self.kills):
            reached = self.count * (kill + 1) // (self.kills + 2)
            async with asyncio.timeout(1200):
                await self._reached(reached)
            victim = chance.choice(replicas)
            await victim.kill()
            await victim.start()

    async def _reached(self, count: int) -> None:
        while True:
            if self._done >= count:
                return
            await asyncio.sleep(0.01)

    async def _settled(self) -> Outcome:
        """The end: nothing is queued or on its way any more."""
        storage = Storage(self._ledger_url())
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    async with storage.engine.connect() as connection:
                        rows = (await connection.execute(sa.select(deliveries))).mappings().all()
                    if not any(row["state"] in {"queued", "sending"} for row in rows):
                        break
                    await asyncio.sleep(0.2)
        finally:
            await storage.aclose()
        arrived = await self._admin("GET", "/_sandbox/zapier/deliveries")
        return Outcome(
            states=Counter(row["state"] for row in rows),
            reasons_missing=sum(row["state"] in {"unknown", "dead"} and not row["reason"] for row in rows),
            arrived=Counter(item["body"]["voxie_delivery_id"] for item in arrived),
            rows={row["id"]: (row["hook"], row["state"]) for row in rows},
            answered=self._told,
        )

    def _ledger_url(self) -> str:
        if self.database:
            return self.database.replace("postgresql://", "postgresql+asyncpg://")
        return f"sqlite+aiosqlite:///{self.state / 'zapier-ledger.sqlite3'}"

    async def _admin(self, method: str, path: str, body: Any = None) -> Any:
        async with httpx.AsyncClient(base_url=self.sandbox, headers=ADMIN, trust_env=False, timeout=30) as client:
            while True:
                answer = await client.request(method, path, json=body)
                # The sandbox's own SQLite file may be busy on a machine that is.
                if answer.status_code < 500:
                    break
            answer.raise_for_status()
            return answer.json()
