"""The calls that go on now, as a stream. It looks into the database, so that every replica shows the calls of all."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from datetime import datetime

import sqlalchemy as sa

from backend.calls.limits import LOST_AFTER
from backend.calls.service import view_of
from backend.calls.tables import CallRow
from backend.db import Database
from backend.errors import ApiError
from backend.service import Service

EVERY_SECONDS = 1.0
MOST_SHOWN = 200
MOST_WATCHERS = 50


class LiveCalls(Service):
    """Streams of live calls."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        super().__init__(database, now)
        self._watchers = 0

    def must_have_room(self) -> None:
        """Let one more watch.

        Raises:
            ApiError: 429.
        """
        if self._watchers >= MOST_WATCHERS:
            raise ApiError(429, "busy", "too many are watching; try again later", retry_after=10)

    async def watch(self, workspace: str) -> AsyncGenerator[dict[str, str]]:
        """``call`` events for calls that began or changed, ``ended`` events for those that go on no more."""
        self._watchers += 1
        shown: dict[str, str] = {}
        try:
            while True:
                live = await self._live(workspace)
                for call_id, said in live.items():
                    if shown.get(call_id) != said:
                        yield {"event": "call", "data": said}
                for said in await self._over(workspace, shown.keys() - live.keys()):
                    yield {"event": "ended", "data": said}
                shown = live
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            self._watchers -= 1

    async def _over(self, workspace: str, ids: Collection[str]) -> list[str]:
        if not ids:
            return []
        async with self._database.scoped(workspace) as session:
            rows = await session.execute(sa.select(CallRow).where(CallRow.id.in_(ids)))
        return [view_of(row).model_dump_json() for row in rows.scalars()]

    async def _live(self, workspace: str) -> dict[str, str]:
        query = sa.select(CallRow).where(CallRow.ended_at.is_(None), CallRow.seen_at > self._now() - LOST_AFTER)
        async with self._database.scoped(workspace) as session:
            rows = await session.execute(query.order_by(CallRow.started_at.desc(), CallRow.id).limit(MOST_SHOWN))
        return {row.id: view_of(row).model_dump_json() for row in rows.scalars()}
