"""Calls whose worker died: somebody who still waits gets another; the rest is closed, and what it left open is reported."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.webhook import WebhookEvent
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.ending import close
from backend.analytics.intents import report_left_open
from backend.analytics.tables import EventRow
from backend.calls.limits import LOST_AFTER
from backend.calls.rooms import LiveKitAway, Occupants, Rooms
from backend.calls.schemas import Outcome
from backend.calls.tables import CallRow
from backend.db import Database, insert_new, rows_changed
from backend.workspaces.repository import all_workspaces

log = structlog.get_logger()

AT_ONCE = 500
"""Calls of one look: a chore never holds up the calls for long."""
LEFT_FOR = timedelta(seconds=10)
"""A worker that ends its call leaves the room first, and tells of the end within this time."""
QUIET_FOR = timedelta(minutes=2)
"""After so long without a word of its worker, LiveKit is asked who is in the room."""
NOT_KNOWN_FOR = timedelta(hours=1)
"""A call that nobody can say anything of is closed after so long."""
ON_ITS_WAY = timedelta(seconds=30)
"""How long a worker that was dispatched may take to come."""
MOST_DISPATCHES = 3


class Workers:
    """Looks after the workers of calls that go on.

    Args:
        database: where calls are.
        rooms: where they happen.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, rooms: Rooms, now: Callable[[], datetime]) -> None:
        self._database = database
        self._rooms = rooms
        self._now = now

    async def told(self, event: WebhookEvent, workspace: str | None) -> None:
        """LiveKit tells of a room; of one that is for no call there is nothing to do.

        Args:
            event: what it tells.
            workspace: whose call the room is for.
        """
        of_worker = event.participant.kind == ParticipantInfo.Kind.AGENT
        if workspace is None:
            return
        if event.event == "room_finished" or (of_worker and event.event == "participant_left"):
            await self._note(workspace, event.room.name, worker_left_at=self._now())
        elif of_worker and event.event == "participant_joined":
            await self.joined(workspace, event.room.name)

    async def joined(self, workspace: str, room: str) -> None:
        """A worker is in a room."""
        await self._note(workspace, room, worker_left_at=None, seen_at=self._now())

    async def _note(self, workspace: str, room: str, **values: datetime | None) -> None:
        query = sa.update(CallRow).where(CallRow.room == room, CallRow.ended_at.is_(None)).values(**values)
        async with self._database.scoped(workspace) as session:
            await session.execute(query.execution_options(synchronize_session=False))

    async def look(self) -> int:
        """Look at the calls whose worker left or has been quiet; how many there were."""
        return sum([await self._look_at_all(workspace) for workspace in await all_workspaces(self._database)])

    async def _look_at_all(self, workspace: str) -> int:
        now = self._now()
        doubtful = (CallRow.worker_left_at <= now - LEFT_FOR) | (CallRow.seen_at <= now - QUIET_FOR)
        query = sa.select(CallRow).where(CallRow.ended_at.is_(None), doubtful).order_by(CallRow.seen_at).limit(AT_ONCE)
        async with self._database.scoped(workspace) as session:
            calls = (await session.execute(query)).scalars().all()
        for call in calls:
            await self._look_at(call)
        return len(calls)

    async def _look_at(self, call: CallRow) -> None:
        now = self._now()
        if call.room is None or not self._rooms.there:
            if call.seen_at <= now - LOST_AFTER:
                await self._close(call)
            return
        try:
            inside = await self._rooms.occupants(call.room)
        except LiveKitAway:
            if call.seen_at <= now - NOT_KNOWN_FOR:
                await self._close(call)
            return
        await self._follow(call, inside)

    async def _follow(self, call: CallRow, inside: Occupants) -> None:
        assert call.room is not None, "asked about it just now"
        if inside.worker:
            await self.joined(call.workspace_id, call.room)
        elif call.dispatched_at is not None and call.dispatched_at > self._now() - ON_ITS_WAY:
            return
        elif inside.people and call.dispatches < MOST_DISPATCHES:
            await self._dispatch_again(call)
        elif call.worker_left_at is not None or call.seen_at <= self._now() - LOST_AFTER:
            await self._close(call)

    async def _dispatch_again(self, call: CallRow) -> None:
        assert call.room is not None, "somebody is in it"
        async with self._database.scoped(call.workspace_id) as session:
            if not await self._claim(session, call):
                return
            await _tell(session, call, self._now())
            left = await report_left_open(session, call.id, self._now())
        log.warning("call dispatched again", call=call.id, steps_left_open=left)
        job: dict[str, object] = {"agent_id": call.agent_id, "agent_version": call.agent_version, "call_id": call.id}
        try:
            await self._rooms.dispatch(call.room, job)
        except LiveKitAway as error:
            # The next look finds the room without a worker still.
            log.warning("dispatch not told", call=call.id, error_type=type(error).__name__)

    async def _claim(self, session: AsyncSession, call: CallRow) -> bool:
        """Become the replica that sends a worker this time."""
        now = self._now()
        query = sa.update(CallRow).where(
            CallRow.id == call.id, CallRow.ended_at.is_(None), CallRow.dispatches == call.dispatches
        )
        claimed = query.values(
            dispatches=call.dispatches + 1, dispatched_at=now, seen_at=now, worker_left_at=now
        ).execution_options(synchronize_session=False)
        return rows_changed(await session.execute(claimed)) == 1

    async def _close(self, call: CallRow) -> None:
        async with self._database.scoped(call.workspace_id) as session:
            row = await session.get(CallRow, call.id, with_for_update=True)
            if row is None or row.ended_at is not None or row.seen_at != call.seen_at:
                return
            # It went on until it was last heard of, as far as anybody knows.
            await close(session, row, row.worker_left_at or row.seen_at, Outcome.LOST)


async def _tell(session: AsyncSession, call: CallRow, at: datetime) -> None:
    event = {"call_id": call.id, "id": f"worker-lost-{call.dispatches + 1}", "kind": "problem", "at": at}
    await insert_new(session, EventRow, [{**event, "data": {"name": "worker_lost"}}])
