"""Takes in what workers tell of calls: each event once, however often it is sent."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics import intents
from backend.analytics.costs import add_cost, add_used
from backend.analytics.tables import EventRow, KeepingRow
from backend.analytics.tool_days import count_tools
from backend.calls.tables import CallRow
from backend.db import Database, insert_new
from backend.errors import ApiError, not_found
from contracts.events import Accepted, Event, EventBatch, ToolCall, Turn, Usage


class Ingest:
    """Takes in events.

    Args:
        database: where they go.
        most_open: batches that are worked on at once; who comes then is asked to come again.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, *, most_open: int, now: Callable[[], datetime]) -> None:
        self._database = database
        self._most_open = most_open
        self._now = now
        self._open = 0

    async def take(self, workspace: str, call_id: str, batch: EventBatch) -> Accepted:
        """Take in a batch, whole or not at all.

        Raises:
            ApiError: 404 no such call, 429 come again.
        """
        async with self._slot(), self._database.scoped(workspace) as session:
            call = await _locked_call(session, call_id, self._now())
            events = await _unknown(session, call_id, batch.events)
            keep_text = await _keeps_text(session, workspace)
            rows = [_row(call_id, event, keep_text=keep_text) for event in events]
            await insert_new(session, EventRow, rows)
            await self._count(session, call, events)
            await intents.settle(session, call_id, [event for event in events if isinstance(event, ToolCall)])
        return Accepted(new=len(events))

    @asynccontextmanager
    async def _slot(self) -> AsyncGenerator[None]:
        if self._open >= self._most_open:
            raise ApiError(429, "busy", "too many batches at once; send this one again", retry_after=1)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def _count(self, session: AsyncSession, call: CallRow, events: Sequence[Event]) -> None:
        tools = [event for event in events if isinstance(event, ToolCall)]
        await add_cost(session, call, await count_tools(session, call.agent_id, tools))
        used = [(event.item, event.quantity) for event in events if isinstance(event, Usage)]
        await add_used(session, call, used)


async def _locked_call(session: AsyncSession, call_id: str, now: datetime) -> CallRow:
    # The update locks the row: two batches of one call take turns, so that no event is counted twice.
    touched = sa.update(CallRow).where(CallRow.id == call_id).values(seen_at=now)
    await session.execute(touched, execution_options={"synchronize_session": False})
    call = await session.get(CallRow, call_id)
    if call is None:
        raise not_found("call")
    return call


async def _unknown(session: AsyncSession, call_id: str, events: Sequence[Event]) -> list[Event]:
    known = sa.select(EventRow.id).where(EventRow.call_id == call_id, EventRow.id.in_([event.id for event in events]))
    seen = set((await session.execute(known)).scalars())
    new: dict[str, Event] = {}
    for event in events:
        if event.id not in seen:
            new.setdefault(event.id, event)
    return list(new.values())


async def _keeps_text(session: AsyncSession, workspace: str) -> bool:
    row = await session.get(KeepingRow, workspace)
    return row is None or row.keep_text


def _row(call_id: str, event: Event, *, keep_text: bool) -> dict[str, Any]:
    data = event.model_dump(mode="json", exclude={"id", "at", "kind"}, exclude_none=True)
    if isinstance(event, Turn) and not keep_text:
        del data["text"]
    return {"call_id": call_id, "id": event.id, "kind": event.kind, "at": event.at, "data": data}
