"""Flows of several writes, told before the first. When the call is over and a step has no receipt, a person must look."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.tables import EventRow, IntentRow, IntentStepRow
from backend.calls.tables import CallRow
from backend.db import insert_new
from backend.errors import ApiError, not_found
from backend.pages import Page, after, decode_cursor, encode_cursor
from backend.service import Service
from contracts.events import IntentState, IntentStepView, IntentView, NewIntent, ToolCall

OPEN = IntentState.OPEN.value
LEFT_OPEN = "intent.step_left_open"
"""Among a call's events, for each step that its worker left behind; what became of it later is an event of its own."""


class IntentService(Service):
    """Flows of a workspace's calls."""

    async def open(self, workspace: str, call_id: str, new: NewIntent) -> IntentView:
        """Note what a flow is going to do; told again, nothing changes.

        Raises:
            ApiError: 404 no such call, 409 it has ended.
        """
        async with self._database.scoped(workspace) as session:
            call = await session.get(CallRow, call_id)
            if call is None:
                raise not_found("call")
            if await session.get(IntentRow, (call_id, new.id)) is None:
                if call.ended_at is not None:
                    raise ApiError(409, "call_ended", "this call has ended; nothing more is written in it")
                await self._add(session, call_id, new)
            return await _view(session, await session.get_one(IntentRow, (call_id, new.id)))

    async def _add(self, session: AsyncSession, call_id: str, new: NewIntent) -> None:
        session.add(IntentRow(call_id=call_id, id=new.id, flow=new.flow, state=OPEN, opened_at=self._now()))
        await session.flush()
        for position, step in enumerate({step.operation: step for step in new.steps}.values()):
            values = step.model_dump()
            session.add(IntentStepRow(call_id=call_id, intent_id=new.id, position=position, state=OPEN, **values))
        await session.flush()

    async def page(
        self, workspace: str, *, state: IntentState, call_id: str | None, limit: int, cursor: str | None
    ) -> Page[IntentView]:
        """Flows in a state, by call; of one call or of all."""
        query = sa.select(IntentRow).where(IntentRow.state == state.value)
        if call_id is not None:
            query = query.where(IntentRow.call_id == call_id)
        if cursor:
            query = query.where(after(IntentRow.call_id, IntentRow.id, values=decode_cursor(cursor, 2)))
        ordered = query.order_by(IntentRow.call_id, IntentRow.id).limit(limit + 1)
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(ordered)).scalars().all()
            items = [await _view(session, row) for row in rows[:limit]]
        more = encode_cursor((items[-1].call_id, items[-1].id)) if len(rows) > limit else None
        return Page(items=items, next_cursor=more)


async def settle(session: AsyncSession, call_id: str, calls: Sequence[ToolCall]) -> None:
    """Let receipts close steps, and failures say that they did not happen."""
    for call in calls:
        state = _state_after(call)
        if call.operation is None or state is None:
            continue
        step = sa.update(IntentStepRow).where(
            IntentStepRow.call_id == call_id,
            IntentStepRow.operation == call.operation,
            IntentStepRow.state != IntentState.DONE.value,
        )
        await session.execute(step.values(state=state.value, settled_at=call.at))
    if calls:
        await _settle_flows(session, call_id)


def _state_after(call: ToolCall) -> IntentState | None:
    if call.receipt is not None:
        return IntentState.DONE
    if call.error == "outcome_unknown":
        return IntentState.UNKNOWN
    return IntentState.FAILED if call.error is not None else None


async def report_left_open(session: AsyncSession, call_id: str, at: datetime) -> int:
    """Its worker is gone: what is still open is unknown, and stands in the call's timeline. How many steps that were."""
    query = sa.select(IntentStepRow).where(IntentStepRow.call_id == call_id, IntentStepRow.state == OPEN)
    steps = (await session.execute(query)).scalars().all()
    for step in steps:
        step.state, step.settled_at = IntentState.UNKNOWN.value, at
    await insert_new(session, EventRow, [_told(step, at) for step in steps])
    await session.flush()
    await _settle_flows(session, call_id)
    return len(steps)


def _told(step: IntentStepRow, at: datetime) -> dict[str, Any]:
    digest = sha256(f"{step.intent_id} {step.operation}".encode()).hexdigest()[:40]
    named = {"intent": step.intent_id, "operation": step.operation, "tool": step.tool, "server": step.server}
    data = {"name": LEFT_OPEN, **named}
    return {"call_id": step.call_id, "id": f"left-open-{digest}", "kind": "problem", "at": at, "data": data}


async def _settle_flows(session: AsyncSession, call_id: str) -> None:
    rows = (await session.execute(sa.select(IntentRow).where(IntentRow.call_id == call_id))).scalars().all()
    unknown = 0
    for row in rows:
        found = [step.state for step in (await _view(session, row)).steps]
        unknown += found.count(IntentState.UNKNOWN)
        states = set(found)
        for state in (IntentState.OPEN, IntentState.UNKNOWN, IntentState.FAILED, IntentState.DONE):
            if state in states:
                row.state = state.value
                break
    if rows:
        (await session.get_one(CallRow, call_id)).unknown_steps = unknown


async def _view(session: AsyncSession, row: IntentRow) -> IntentView:
    query = sa.select(IntentStepRow).where(IntentStepRow.call_id == row.call_id, IntentStepRow.intent_id == row.id)
    steps = (await session.execute(query.order_by(IntentStepRow.position))).scalars().all()
    return IntentView(
        id=row.id,
        call_id=row.call_id,
        flow=row.flow,
        state=IntentState(row.state),
        opened_at=row.opened_at,
        steps=tuple(
            IntentStepView(
                operation=step.operation,
                tool=step.tool,
                server=step.server,
                state=IntentState(step.state),
                settled_at=step.settled_at,
            )
            for step in steps
        ),
    )
