"""No dead air: a caller who has stopped speaking hears something soon, and an honest word when nothing more will come.

What is said here claims nothing and holds no number: it stands in the history beside what was read back and agreed to.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import structlog
from livekit.agents import APIError, FlushSentinel, RunContext, llm

from contracts.deadlines import Deadlines
from voxie_agents.truth import receipts_of

log = structlog.get_logger()

Chunk = llm.ChatChunk | str | FlushSentinel
ToolFunction = Callable[[dict[str, object], RunContext[Any]], Awaitable[str]]

FILLERS = ("Just a moment, please.", "I'm still on it.", "Thanks for waiting, I'm still on it.")
"""The last again and again."""
AGAIN_SECONDS = 5.0
"""Between two fillers: less would be chatter."""
AT_LEAST_SECONDS = 0.05
"""Before a filler, even when the time is over: what is ready to be said goes first."""
NOTHING_YET = FlushSentinel()
GIVING_UP = "I'm sorry, I can't answer that right now. Please say it again, or call back a little later."
NOTHING_MORE = "I'm sorry, I can't say more right now."
"""After a write, whose receipt is told first: "say it again" would be a lie about what was done."""


def filler(number: int) -> str:
    """What is said the first, second … time that nothing else is said."""
    return FILLERS[min(number, len(FILLERS) - 1)]


def audible(run: ToolFunction, deadlines: Deadlines) -> ToolFunction:
    """A tool's function during which the caller hears that it goes on; how it ends is for its own deadline to say.

    Args:
        run: what the tool does.
        deadlines: how long a caller bears silence.
    """

    async def heard(raw_arguments: dict[str, object], context: RunContext[Any]) -> str:
        # From the end of the caller's speech, not from the start of the tool: the model has taken its time as well.
        left = deadlines.silence - (time.time() - _quiet_since(context.session.history))
        async with context.with_filler(filler, delay=max(AT_LEAST_SECONDS, left), interval=AGAIN_SECONDS):
            return await run(raw_arguments, context)

    return heard


async def never_silent(
    chunks: AsyncIterable[Chunk], history: llm.ChatContext, deadlines: Deadlines
) -> AsyncIterator[Chunk]:
    """What a model says, with fillers where it is slow, and an apology where it fails or does not go on.

    Args:
        chunks: from the model, as they are going to be said.
        history: of the call.
        deadlines: how long a caller bears silence, and waits for the model.
    """
    arriving: asyncio.Queue[Chunk | None] = asyncio.Queue()
    # One task reads all of it: what is cancelled between two chunks has to be cancelled where it began.
    reading = asyncio.create_task(_read(chunks, arriving))
    filler_at, ends_at = _quiet_since(history) + deadlines.silence, time.time() + deadlines.answer
    fillers = count()
    try:
        while (chunk := await _next(arriving, until=min(filler_at, ends_at))) is not None:
            now = time.time()
            if chunk is not NOTHING_YET:
                ends_at = now + deadlines.answer
                # A tool call is heard by nobody.
                filler_at = now + AGAIN_SECONDS if isinstance(chunk, str) else filler_at
                yield chunk
            elif now < ends_at:
                filler_at = now + AGAIN_SECONDS
                yield f"{filler(next(fillers))} "
                yield FlushSentinel()
            else:
                log.error("model does not answer", seconds=deadlines.answer)
                yield _last_words(history)
                return
        await reading
    except APIError as error:
        # Only the type: its text may hold what was said.
        log.error("model failed", error_type=type(error).__name__)  # noqa: TRY400
        yield _last_words(history)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _next(arriving: asyncio.Queue[Chunk | None], *, until: float) -> Chunk | None:
    """The next chunk; ``NOTHING_YET`` at a moment, in seconds since 1970; None at the end."""
    try:
        async with asyncio.timeout(max(AT_LEAST_SECONDS, until - time.time())):
            return await arriving.get()
    except TimeoutError:
        return NOTHING_YET


async def _read(chunks: AsyncIterable[Chunk], arriving: asyncio.Queue[Chunk | None]) -> None:
    try:
        async for chunk in chunks:
            arriving.put_nowait(chunk)
    finally:
        arriving.put_nowait(None)


def _last_words(history: llm.ChatContext) -> str:
    """That nothing more will come; after what this turn has done, since nobody else would tell of it."""
    turns = [place for place, item in enumerate(history.items) if item.type == "message" and item.role == "user"]
    done = receipts_of(llm.ChatContext(history.items[turns[-1] :])) if turns else []
    return " ".join([*(proof.speech for proof in done), NOTHING_MORE]) if done else GIVING_UP


def _quiet_since(history: llm.ChatContext) -> float:
    """When somebody was last heard in this call, the caller or the agent, in seconds since 1970."""
    messages = [item for item in history.items if item.type == "message" and item.role in {"user", "assistant"}]
    return max((item.metrics.get("stopped_speaking_at", item.created_at) for item in messages), default=time.time())
