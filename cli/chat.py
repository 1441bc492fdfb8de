"""``voxie chat``: a call in the terminal, by text, over the same session code as a voice call."""

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from pydantic import SecretStr

from cli.backend import OTHER_COPY
from cli.errors import Stop
from cli.services import backend_url
from cli.state import State
from contracts.calls import CallBootstrap
from voxie_agents.backend_client import BackendAway, BackendClient, BackendError, NotAuthorized

QUIET = ("livekit", "livekit.agents", "httpx", "asyncio", "mcp")
LONGEST_SHOWN = 100
CLOSE_SECONDS = 10.0
LONGEST_LINE = 4096
"""Bytes; a terminal takes no longer ones."""


def chat(state: State, agent: str, *, caller: str | None) -> None:
    """Talk to an agent until the input ends."""
    check_names(agent, caller)
    keep_quiet()
    asyncio.run(_chat(state, agent, caller))


def keep_quiet() -> None:
    """The conversation is what is shown; the libraries' own lines would stand in between."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
CALLER = re.compile(r"user:\S+|tel:\+[1-9]\d{5,14}")


def check_names(agent: str, caller: str | None) -> None:
    """Raises Stop when an id can be no agent's, or a caller is written in no way that a line or a sign-in tells one."""
    if not AGENT.fullmatch(agent):
        raise Stop(f"{agent!r} is no agent's id; one is written like restaurant or da-mario-cb1aeab6")
    if caller is not None and not CALLER.fullmatch(caller):
        raise Stop(f"--caller {caller!r} is nobody; write tel: and a number such as tel:+15550100, or user: and a name")


async def _chat(state: State, agent: str, caller: str | None) -> None:
    interactive = sys.stdin.isatty()
    async with open_conversation(state, agent, caller) as conversation:
        _print(f"agent: {conversation.first_line}")
        async for words in _turns(interactive=interactive):
            if not interactive:
                _print(f"you: {words}")
            async for line in conversation.say(words):
                _print(line)


async def _turns(*, interactive: bool) -> AsyncIterator[str]:
    while True:
        line = await (_typed() if interactive else asyncio.to_thread(sys.stdin.readline))
        if not line:
            return
        if line.strip() or interactive:
            yield line.strip()


async def _typed() -> str:
    """The next line at a terminal, which hands them out whole. A thread that reads would keep Ctrl-C waiting for the return key."""
    sys.stdout.write("you: ")
    sys.stdout.flush()
    loop, typed, terminal = asyncio.get_running_loop(), asyncio.Event(), sys.stdin.fileno()
    loop.add_reader(terminal, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(terminal)
    return os.read(terminal, LONGEST_LINE).decode(errors="replace")


class Conversation:
    """One session with an agent, by text.

    Args:
        session: a started LiveKit session.
        first_line: what the caller hears first.
    """

    def __init__(self, session: Any, first_line: str) -> None:
        self._session = session
        self.first_line = first_line

    async def say(self, words: str) -> AsyncIterator[str]:
        """One caller turn, and the lines that follow from it."""
        calls: dict[str, str] = {}
        for event in (await self._session.run(user_input=words)).events:
            item = event.item
            if event.type == "function_call":
                calls[item.call_id] = f"{item.name}({_shown_arguments(item.arguments)})"
            elif event.type == "function_call_output":
                yield f"  · {calls.get(item.call_id, item.name)} → {_shown_outcome(item.output, failed=item.is_error)}"
            elif event.type == "message" and item.role == "assistant":
                yield f"agent: {item.text_content}"


@asynccontextmanager
async def open_conversation(state: State, agent: str, caller: str | None) -> AsyncGenerator[Conversation]:
    """A call in a text session: registered at the backend, reported to it, and ended there afterwards.

    Raises:
        Stop: the backend is not there, or has no such agent.
    """
    backend, bootstrap = await _begin(state, agent, caller)
    # Imported here: together they take two seconds, which neither another command nor "it does not run" need wait for.
    from livekit.agents import AgentSession  # noqa: PLC0415

    from spawner.live_call import LiveCall  # noqa: PLC0415
    from voxie_agents.caller_agent import session_options  # noqa: PLC0415
    from voxie_agents.settings import AgentSettings  # noqa: PLC0415

    settings = AgentSettings()
    call = LiveCall(backend, bootstrap, offline=settings.offline, deadlines=settings.deadlines)
    session: Any = AgentSession(**session_options(settings))
    call.watch(session)
    try:
        await session.start(call.agent, record=False)
        yield Conversation(session, call.agent.first_line)
    finally:
        # Who presses Ctrl-C gets the terminal back, though a service hangs: the backend ends a call without a worker by itself.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await session.aclose()
                await call.aclose()


async def _begin(state: State, agent: str, caller: str | None) -> tuple[BackendClient, CallBootstrap]:
    backend = BackendClient(backend_url(state), SecretStr(state.secrets["BACKEND_SERVICE_TOKEN"]))
    try:
        return backend, await backend.bootstrap(await backend.register(agent, caller=caller))
    except BackendAway:
        await backend.aclose()
        raise Stop(
            f"the backend does not answer at {backend_url(state)}; start it with `voxie up{state.options()}`"
        ) from None
    except NotAuthorized:
        await backend.aclose()
        raise Stop(OTHER_COPY) from None
    except BackendError as error:
        await backend.aclose()
        raise Stop(str(error)) from None


def _shown_arguments(arguments: str) -> str:
    given: dict[str, Any] = json.loads(arguments or "{}")
    text = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _shown_outcome(output: str, *, failed: bool) -> str:
    key, otherwise = ("kind", "failed") if failed else ("state", "ok")
    try:
        return str(json.loads(output).get(key, otherwise))
    except (ValueError, AttributeError):
        return otherwise


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
