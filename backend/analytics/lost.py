"""Closes the calls whose worker was heard of no more."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from backend.analytics.ending import close
from backend.calls.limits import LOST_AFTER
from backend.calls.schemas import Outcome
from backend.calls.tables import CallRow
from backend.db import Database
from backend.workspaces.repository import all_workspaces

AT_ONCE = 500
"""Rows of one transaction: a chore never holds up the calls for long."""


class LostCalls:
    """Calls whose worker is gone.

    Args:
        database: where they are.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def close_all(self) -> int:
        """Close them; how many there were."""
        return sum([await self._close_of(workspace) for workspace in await all_workspaces(self._database)])

    async def _close_of(self, workspace: str) -> int:
        lost = sa.select(CallRow).where(CallRow.ended_at.is_(None), CallRow.seen_at <= self._now() - LOST_AFTER)
        async with self._database.scoped(workspace) as session:
            rows = await session.execute(lost.limit(AT_ONCE).with_for_update(skip_locked=True))
            calls = rows.scalars().all()
            for call in calls:
                # It went on until it was last heard of, as far as anybody knows.
                await close(session, call, call.seen_at, Outcome.LOST)
        return len(calls)
