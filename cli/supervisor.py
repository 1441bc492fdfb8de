"""Starts services in order, shows their logs as one, restarts what dies, and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence

import httpx

from cli.errors import Stop
from cli.services import Service

START_SECONDS = 40.0
STOP_SECONDS = 8.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0

Output = Callable[[str, str], None]
"""Takes a service's name and one line."""


class Supervisor:
    """The processes of one copy.

    Args:
        output: shows a line.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, services: Sequence[Service]) -> None:
        """Start all, and wait until each answers.

        Raises:
            Stop: one does not; everything is stopped.
        """
        for service in services:
            await self._spawn(service)
        for service in services:
            await self._wait_until_healthy(service)
            self._tasks.append(asyncio.create_task(self._keep(service)))

    async def stop(self) -> None:
        """Stop all; what ignores the request is killed."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        running = [process for process in self._processes.values() if process.returncode is None]
        for process in running:
            _signal(process, signal.SIGTERM)
        waiting = [asyncio.create_task(process.wait()) for process in running]
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_SECONDS)
        for process in running:
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
        await asyncio.gather(*waiting, *self._tasks, return_exceptions=True)

    async def _spawn(self, service: Service) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.child",
            str(os.getpid()),
            service.module,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Who starts all of it needs no client configuration between the lines.
            env={**os.environ, "MCP_SHOW_CLIENT": "false", **service.environment, "PYTHONUNBUFFERED": "1"},
            # Ctrl-C reaches only us, so that we decide the order in which things end.
            start_new_session=True,
        )
        self._processes[service.name] = process
        self._tasks.append(asyncio.create_task(self._show(service.name, process)))

    async def _show(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "asked for above"
        while line := await process.stdout.readline():
            self._output(name, line.decode("utf-8", "replace").rstrip())

    async def _wait_until_healthy(self, service: Service) -> None:
        process = self._processes[service.name]
        try:
            async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
                while process.returncode is None:
                    if await _answers(client, f"{service.base}/healthz"):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Stop(
                f"{service.name} did not answer within {START_SECONDS:.0f} s; its lines above say more"
            ) from None
        # Its last lines say why; let them be shown first.
        await asyncio.sleep(0.2)
        raise Stop(f"{service.name} stopped at its start (exit {process.returncode}); its lines above say why")

    async def _keep(self, service: Service) -> None:
        """Restart a service that ends, ever more patiently; the others go on."""
        pause = FIRST_PAUSE
        while not self._stopping:
            code = await self._processes[service.name].wait()
            if self._stopping:
                return
            self._output(service.name, f"ended (exit {code}); starting it again in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._spawn(service)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url, timeout=2.0)).status_code == 200
    except httpx.HTTPError:
        return False


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return
