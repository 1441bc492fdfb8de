"""``voxie demo``: set up, play one whole call, show the event and the delivery, and stop."""

import asyncio
import socket
import tempfile
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from cli.chat import Conversation, open_conversation
from cli.chat import keep_quiet as quiet_libraries
from cli.checks import check_folder
from cli.errors import Stop
from cli.services import sandbox_url, services
from cli.state import State
from cli.up import running
from contracts.modes import Mode

SCRIPT = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")
AGENT = "restaurant"
OFFSETS = range(0, 20_000, 100)
DEMO_BEARER = {"authorization": "Bearer sandbox"}


def demo(state: State) -> None:
    """Play the call on ports that are free.

    Raises:
        Stop: something cannot start, or the call did not end with one event and one delivery.
    """
    quiet_libraries()
    check_folder(state)
    # A folder of its own for the length of the call: the hour is free, and nobody's bookings are touched.
    with tempfile.TemporaryDirectory(prefix="demo-", dir=state.folder) as folder:
        own = State(Path(folder), state.port_offset)
        asyncio.run(_demo(own if own.port_offset else State(own.folder, _free_offset(own)), Console(soft_wrap=True)))


def _free_offset(state: State) -> int:
    for offset in OFFSETS:
        moved = State(state.folder, offset)
        if all(_is_free(service.port) for service in services(moved, Mode.DEMO).values()):
            return offset
    raise Stop("no free ports were found; name some with --port-offset")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def _demo(state: State, console: Console) -> None:
    log: list[str] = []
    try:
        async with running(state, Mode.DEMO, lambda name, line: log.append(f"{name}: {line}")):
            console.print("Started. One call to the restaurant:\n")
            await _play(state, console)
            events, deliveries = await _found(state)
    except Stop:
        console.print("\n".join(log[-20:]), highlight=False)
        raise
    _show(console, events, deliveries)
    if len(events) != 1 or len(deliveries) != 1:
        raise Stop(
            f"the call ended with {len(events)} events and {len(deliveries)} deliveries; one of each was expected"
        )


async def _play(state: State, console: Console) -> None:
    async with open_conversation(state, AGENT, None) as conversation:
        console.print(f"agent: {conversation.first_line}", highlight=False)
        for words in SCRIPT:
            await _turn(conversation, console, words)


async def _turn(conversation: Conversation, console: Console, words: str) -> None:
    console.print(f"you: {words}", highlight=False)
    async for line in conversation.say(words):
        console.print(line, highlight=False, markup=False)


async def _found(state: State) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and deliveries, by the vendors' own wire where they have one."""
    async with httpx.AsyncClient(base_url=sandbox_url(state), trust_env=False) as client:
        events = await client.get("/calendar/v3/calendars/primary/events", headers=DEMO_BEARER)
        deliveries = await client.get("/_sandbox/zapier/deliveries")
        arrived = deliveries.json() if deliveries.status_code == 200 else []
        return events.json()["items"], arrived


def _show(console: Console, events: list[dict[str, Any]], deliveries: list[dict[str, Any]]) -> None:
    console.print()
    for event in events:
        console.print(
            f"In the calendar: {event['summary']}, {event['start']['dateTime']} ({event['start']['timeZone']})"
        )
    for delivery in deliveries:
        body = delivery["body"]
        console.print(
            f"At Zapier: hook {delivery['hook']}: {body['name']}, {body['party_size']} people, {body['start']}"
        )
