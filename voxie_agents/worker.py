"""A LiveKit worker: waits for calls that are dispatched to it by name."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from livekit.agents import AgentServer, JobContext

from voxie_agents.worker_settings import WorkerSettings

PRELOADED = ["voxie_agents.caller_agent", "voxie_agents.offline", "mcp.client.streamable_http", "jsonschema"]
"""Imported once in the parent of the calls' processes: together they take two seconds."""
DRAIN_SECONDS = 600
MOST_CALLS = 25
START_SECONDS = 60.0
"""A process imports for seconds on a busy machine; LiveKit's own ten would kill it."""
IDLE_PROCESSES = 2
"""Processes that stand ready: a call starts in milliseconds then, in seconds without."""

Entrypoint = Callable[[JobContext], Awaitable[None]]


def make_worker(settings: WorkerSettings, entrypoint: Entrypoint, *, agent_name: str, port: int) -> AgentServer:
    """A worker for explicit dispatch.

    Args:
        settings: where LiveKit is.
        entrypoint: runs one call, in a process of its own; a function of a module.
        agent_name: what calls are dispatched to.
        port: where ``GET /`` tells its health.
    """
    worker = AgentServer(
        ws_url=settings.livekit_url,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret.get_secret_value(),
        host=settings.host,
        port=port,
        num_idle_processes=IDLE_PROCESSES,
        drain_timeout=DRAIN_SECONDS,
        initialize_process_timeout=START_SECONDS,
        load_fnc=_load,
        preload_modules=PRELOADED,
    )
    worker.rtc_session(entrypoint, agent_name=agent_name)
    return worker


def _load(worker: AgentServer) -> float:
    """By calls, not by the machine's CPU: LiveKit's own measure refuses calls while anything else is busy."""
    return len(worker.active_jobs) / MOST_CALLS


async def run_worker(worker: AgentServer) -> None:
    """Serve until stopped. SIGTERM lets running calls end first, Ctrl-C does not."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[bool] = loop.create_future()

    def ask(*, drain: bool) -> None:
        if not stop.done():
            stop.set_result(drain)

    loop.add_signal_handler(signal.SIGTERM, lambda: ask(drain=True))
    loop.add_signal_handler(signal.SIGINT, lambda: ask(drain=False))
    serving = asyncio.create_task(worker.run())
    await asyncio.wait([serving, stop], return_when=asyncio.FIRST_COMPLETED)
    if stop.done() and stop.result():
        await worker.drain()
    await worker.aclose()
    await serving


def tell(line: str) -> None:
    """One line for whoever started it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
