"""One integration server as a process of its own, as a deployment runs it."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 30.0
STOP_SECONDS = 20.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class ServerProcess:
    """A server that runs.

    Args:
        url: its address without a path.
        process: what serves it.
        log: the file of everything it says.
    """

    url: str
    process: asyncio.subprocess.Process
    log: Path

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)

    def said(self) -> str:
        return self.log.read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@asynccontextmanager
async def server_process(module: str, state: Path, variables: Mapping[str, str]) -> AsyncGenerator[ServerProcess]:
    """Run ``python -m module`` with these variables and no others, until it answers."""
    port = free_port()
    log = state / f"{module}-{port}.log"
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "VOXIE_STATE": str(state), "MCP_SERVER_PORT": str(port),
        **variables,
    }  # fmt: skip
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=state, env=environment, stdout=output, stderr=output
        )
    running = ServerProcess(f"http://127.0.0.1:{port}", process, log)
    try:
        await _answers(running)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(running: ServerProcess) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_SECONDS):
        while running.process.returncode is None:
            try:
                if (await client.get(f"{running.url}/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"the server ended at once:\n{running.said()}")
