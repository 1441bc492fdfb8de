"""Removes what was said, and later the rest of what happened, as long after as each workspace says."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from backend.analytics.summaries import MOST_TRIES
from backend.analytics.tables import EventRow, IntentRow, KeepingRow, SummaryRow
from backend.db import rows_changed
from backend.service import Service
from backend.workspaces.repository import all_workspaces
from contracts.events import IntentState

AT_ONCE = 500
"""Rows of one transaction: a chore never holds up the calls for long."""
DEFAULT_TEXT_DAYS, DEFAULT_EVENT_DAYS = 30, 365


class Retention(Service):
    """How long what happened is kept."""

    async def remove_old(self) -> int:
        """Remove what has been kept for long enough; how many rows that concerned."""
        return sum([await self._remove_of(workspace) for workspace in await all_workspaces(self._database)])

    async def _remove_of(self, workspace: str) -> int:
        async with self._database.scoped(workspace) as session:
            keeping = await session.get(KeepingRow, workspace)
        text_days = keeping.text_days if keeping else DEFAULT_TEXT_DAYS
        event_days = keeping.event_days if keeping else DEFAULT_EVENT_DAYS
        removed = await self._remove_text(workspace, self._now() - timedelta(days=text_days))
        return removed + await self._remove_events(workspace, self._now() - timedelta(days=event_days))

    async def _remove_text(self, workspace: str, before: datetime) -> int:
        said = sa.select(EventRow).where(
            EventRow.at < before, EventRow.kind == "turn", EventRow.data["text"].as_string().is_not(None)
        )
        removed = 0
        while True:
            async with self._database.scoped(workspace) as session:
                rows = (await session.execute(said.limit(AT_ONCE))).scalars().all()
                for row in rows:
                    row.data = {name: value for name, value in row.data.items() if name != "text"}
            removed += len(rows)
            if len(rows) < AT_ONCE:
                return removed + await self._remove_summaries(workspace, before)

    async def _remove_summaries(self, workspace: str, before: datetime) -> int:
        """A summary says what was said."""
        async with self._database.scoped(workspace) as session:
            gone = sa.update(SummaryRow).where(SummaryRow.tried_at < before, SummaryRow.text.is_not(None))
            values = gone.values(text=None, tries=MOST_TRIES).execution_options(synchronize_session=False)
            return rows_changed(await session.execute(values))

    async def _remove_events(self, workspace: str, before: datetime) -> int:
        # Receipts of calls whose flow is not settled stay until somebody has looked.
        unsettled = sa.select(IntentRow.call_id).where(IntentRow.state == IntentState.UNKNOWN.value)
        old = sa.select(EventRow.call_id, EventRow.id).where(EventRow.at < before, EventRow.call_id.not_in(unsettled))
        removed = 0
        while True:
            async with self._database.scoped(workspace) as session:
                keys = [(call, event) for call, event in await session.execute(old.limit(AT_ONCE))]
                gone = sa.delete(EventRow).where(sa.tuple_(EventRow.call_id, EventRow.id).in_(keys))
                now_gone = rows_changed(await session.execute(gone)) if keys else 0
            removed += now_gone
            if now_gone < AT_ONCE:
                return removed
