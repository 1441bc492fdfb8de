"""``voxie up``: everything that can start here, in the foreground, with one log."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

from rich.console import Console
from rich.text import Text

from cli.checks import EXTRAS, alone, check_folder, check_ports, check_python
from cli.owner import make_owner_link
from cli.services import Service, services
from cli.state import State
from cli.supervisor import Output, Supervisor
from contracts.modes import Mode

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")


def up(state: State, mode: Mode) -> None:
    """Start all, tell what to do next, and wait for Ctrl-C."""
    check_python()
    asyncio.run(_up(state, mode, Console(soft_wrap=True)))


@asynccontextmanager
async def running(state: State, mode: Mode, output: Output) -> AsyncGenerator[Sequence[Service]]:
    """Everything of a mode, started and in the end stopped.

    Raises:
        Stop: something cannot start.
    """
    check_folder(state)
    started = list(services(state, mode).values())
    check_ports(started)
    supervisor = Supervisor(output)
    with alone(state):
        try:
            await supervisor.start(started)
            yield started
        finally:
            await supervisor.stop()


async def _up(state: State, mode: Mode, console: Console) -> None:
    running_copy = asyncio.create_task(_run(state, mode, console))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # At any moment, while things start too.
        loop.add_signal_handler(number, running_copy.cancel)
    with suppress(asyncio.CancelledError):
        await running_copy
    console.print("Stopped.")


async def _run(state: State, mode: Mode, console: Console) -> None:
    colours: dict[str, str] = {}

    def show(name: str, line: str) -> None:
        colour = colours.setdefault(name, COLOURS[len(colours) % len(COLOURS)])
        console.print(Text.assemble((f"{name:<16}", colour), "│ ", line), highlight=False)

    async with running(state, mode, show) as started:
        _tell(console, state, mode, started)
        link = await asyncio.to_thread(make_owner_link, state)
        console.print(f"Become its owner, once, within a day:\n\n  {link}\n", highlight=False)
        console.print("Ctrl-C stops all of it.\n")
        try:
            await asyncio.Event().wait()
        finally:
            console.print("\nStopping …")


def _tell(console: Console, state: State, mode: Mode, started: Sequence[Service]) -> None:
    about = "demo: nothing leaves this machine" if mode is Mode.DEMO else "live: bookings are real"
    console.print(f"\n[bold]Voxie is up[/bold] ({about})\n")
    for service in started:
        console.print(f"  {service.name:<16} {service.url:<32} {service.about}", highlight=False)
    if not os.environ.get("LIVEKIT_URL"):
        console.print(
            "\n  Not started: the workers for voice calls. They need a LiveKit server: set LIVEKIT_URL,"
            " LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
            highlight=False,
        )
    for extra in EXTRAS:
        if not extra.there:
            console.print(f"  Not here: {extra.name} ({extra.get}); without it: no {extra.without}.", highlight=False)
    command = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "voxie"
    console.print("\nTalk to the restaurant, in another terminal:\n")
    console.print(f"  {command} chat restaurant{state.options()}\n", highlight=False)
