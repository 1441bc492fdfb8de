"""What must be done now and then, whoever calls: calls whose worker is gone are closed, what is old is removed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from backend.analytics.ending import close
from backend.analytics.tables import EventRow, IntentRow, KeepingRow
from backend.calls.limits import LOST_AFTER
from backend.calls.schemas import Outcome
from backend.calls.tables import CallRow
from backend.db import Database, WorkspaceRow, rows_changed
from contracts.events import IntentState

log = structlog.get_logger()
EVERY = timedelta(minutes=1)
AT_ONCE = 500
"""Rows of one transaction: a chore never holds up the calls for long."""
DEFAULT_TEXT_DAYS, DEFAULT_EVENT_DAYS = 30, 365


class Chores:
    """The chores of all workspaces.

    Args:
        database: where everything is.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Do them every minute."""
        self._task = asyncio.create_task(self._repeat())

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            try:
                await self.run()
            except (SQLAlchemyError, OSError) as error:
                log.warning("chores_failed", error=type(error).__name__)

    async def run(self) -> None:
        """Do them once. Each is safe to do twice, and beside another replica."""
        async with self._database.unscoped("chores are done for every workspace") as session:
            workspaces = (await session.execute(sa.select(WorkspaceRow.id))).scalars().all()
        for workspace in workspaces:
            await self._close_lost(workspace)
            await self._remove_old(workspace)

    async def _close_lost(self, workspace: str) -> None:
        lost = sa.select(CallRow).where(CallRow.ended_at.is_(None), CallRow.seen_at <= self._now() - LOST_AFTER)
        async with self._database.scoped(workspace) as session:
            rows = await session.execute(lost.limit(AT_ONCE).with_for_update(skip_locked=True))
            for call in rows.scalars().all():
                # It went on until it was last heard of, as far as anybody knows.
                await close(session, call, call.seen_at, Outcome.LOST)

    async def _remove_old(self, workspace: str) -> None:
        async with self._database.scoped(workspace) as session:
            keeping = await session.get(KeepingRow, workspace)
        text_days = keeping.text_days if keeping else DEFAULT_TEXT_DAYS
        event_days = keeping.event_days if keeping else DEFAULT_EVENT_DAYS
        await self._remove_text(workspace, self._now() - timedelta(days=text_days))
        await self._remove_events(workspace, self._now() - timedelta(days=event_days))

    async def _remove_text(self, workspace: str, before: datetime) -> None:
        said = sa.select(EventRow).where(
            EventRow.at < before, EventRow.kind == "turn", EventRow.data["text"].as_string().is_not(None)
        )
        while True:
            async with self._database.scoped(workspace) as session:
                rows = (await session.execute(said.limit(AT_ONCE))).scalars().all()
                for row in rows:
                    row.data = {name: value for name, value in row.data.items() if name != "text"}
            if len(rows) < AT_ONCE:
                return

    async def _remove_events(self, workspace: str, before: datetime) -> None:
        # Receipts of calls whose flow is not settled stay until somebody has looked.
        unsettled = sa.select(IntentRow.call_id).where(IntentRow.state == IntentState.UNKNOWN.value)
        old = sa.select(EventRow.call_id, EventRow.id).where(EventRow.at < before, EventRow.call_id.not_in(unsettled))
        while True:
            async with self._database.scoped(workspace) as session:
                keys = [(call, event) for call, event in await session.execute(old.limit(AT_ONCE))]
                gone = sa.delete(EventRow).where(sa.tuple_(EventRow.call_id, EventRow.id).in_(keys))
                removed = rows_changed(await session.execute(gone)) if keys else 0
            if removed < AT_ONCE:
                return
