"""Tells the backend what happens in a call: turns as they were heard, tool calls with their receipts, problems, usage.

In batches, off the voice path. What the backend cannot take now is kept and sent again; each event has an id, so none counts twice.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

import structlog
from livekit.agents.metrics import AgentSessionUsage

from contracts.events import MOST_EVENTS, Event, EventBatch, Problem, Speaker, ToolCall, Turn, Usage, UsageItem
from voxie_agents.backend_client import BackendAway, BackendError
from voxie_agents.call_records import CallRecord

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds that events wait for company."""
MOST_HELD = 5000
"""Events that are kept for a backend that is away: an hour of talk. Beyond, new ones are counted and dropped."""
CLOSE_SECONDS = 5.0
"""LiveKit ends a job's process ten seconds after its call."""
LONGEST_TEXT = 8000
SPEAKERS = {"user": Speaker.CALLER, "assistant": Speaker.AGENT}
USED = {
    "llm_usage": (("input_tokens", UsageItem.LLM_INPUT_TOKENS), ("output_tokens", UsageItem.LLM_OUTPUT_TOKENS)),
    "tts_usage": (("characters_count", UsageItem.TTS_CHARACTERS),),
    "stt_usage": (("audio_duration", UsageItem.STT_SECONDS),),
}
"""What a model's usage is called by LiveKit → what it is paid by."""


class CallReport:
    """The report of one call.

    Args:
        send: gives a batch to the backend; may be asked again with the same one. Raises ``BackendError``.
        now: the current instant, aware.
        pause: seconds that events wait for company.
    """

    def __init__(
        self,
        send: Callable[[EventBatch], Awaitable[object]],
        *,
        now: Callable[[], datetime],
        pause: float = PAUSE,
    ) -> None:
        self._send = send
        self._now = now
        self._pause = pause
        self._waiting: deque[Event] = deque()
        self._dropped = 0
        # Unguessable: a worker that takes over a call must not reuse an id of the one before.
        self._prefix = secrets.token_hex(8)
        self._numbers = count(1)
        self._sending: asyncio.Task[None] | None = None
        self._session: Any = None

    def watch(self, session: Any) -> None:
        """Report what happens in a LiveKit session.

        Args:
            session: an ``AgentSession`` that has not been started.
        """
        self._session = session
        session.on("conversation_item_added", lambda event: self._said(event.item))  # pyright: ignore[reportUnknownLambdaType]
        session.on("error", lambda event: self._failed(event.error))  # pyright: ignore[reportUnknownLambdaType]

    def tool_called(self, record: CallRecord) -> None:
        """Report a tool call that has just ended."""
        self._add(
            ToolCall(
                id=self._id(),
                at=self._now() - timedelta(milliseconds=record.ms),
                tool=record.tool,
                server=record.server,
                ms=record.ms,
                error=record.error,
                operation=record.operation,
                receipt=record.receipt,
            )
        )

    def _said(self, item: Any) -> None:
        """A turn. A handoff between agents is none."""
        speaker, text = SPEAKERS.get(getattr(item, "role", "")), getattr(item, "text_content", None)
        if speaker is None or not text:
            return
        latency = item.metrics.get("e2e_latency")
        self._add(
            Turn(
                id=self._id(),
                # It is told when it has been heard; its own time is when it began.
                at=self._now() - timedelta(seconds=max(0.0, time.time() - item.created_at)),
                speaker=speaker,
                text=_whole(text)[:LONGEST_TEXT],
                interrupted=item.interrupted,
                latency_ms=round(latency * 1000) if latency is not None else None,
            )
        )

    def _failed(self, error: Any) -> None:
        # The kind alone: an error's text may hold what was said.
        self._add(Problem(id=self._id(), at=self._now(), name=str(getattr(error, "type", None) or "session_error")))

    def _id(self) -> str:
        # In the order of events, so that those of one moment stay in theirs.
        return f"{self._prefix}-{next(self._numbers):06d}"

    def _add(self, event: Event) -> None:
        if len(self._waiting) >= MOST_HELD:
            self._dropped += 1
            return
        self._waiting.append(event)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_after(self._pause))

    async def _send_after(self, seconds: float) -> None:
        while self._waiting:
            await asyncio.sleep(seconds)
            try:
                await self._send_all()
            except BackendAway as away:
                seconds = max(self._pause, away.retry_after)

    async def _send_all(self) -> None:
        """Send what waits.

        Raises:
            BackendAway: the rest waits on.
        """
        while self._waiting:
            batch = tuple(islice(self._waiting, MOST_EVENTS))
            try:
                await self._send(EventBatch(events=batch))
            except BackendAway:
                raise
            except BackendError as error:
                # It would be refused again: one bad batch must not hold up the others.
                log.error("events refused", count=len(batch), error_type=type(error).__name__)  # noqa: TRY400
            for _ in batch:
                self._waiting.popleft()

    async def aclose(self) -> None:
        """Tell what was used and send what is left, within a few seconds."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._session is not None:
            self._waiting.extend(self._used(self._session.usage))
        if self._dropped:
            self._waiting.append(Problem(id=self._id(), at=self._now(), name="events_dropped"))
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send_all()
        except (BackendAway, TimeoutError) as error:
            log.error("events lost", count=len(self._waiting), error_type=type(error).__name__)  # noqa: TRY400

    def _used(self, usage: AgentSessionUsage) -> list[Event]:
        quantities = [
            (item, round(getattr(model, attribute)))
            for model in usage.model_usage
            for attribute, item in USED.get(model.type, ())
        ]
        return [
            Usage(id=self._id(), at=self._now(), item=item, quantity=quantity)
            for item, quantity in quantities
            if quantity > 0
        ]


def _whole(text: str) -> str:
    """A text without halves of characters, as some models' servers send them: two that belong together become one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
