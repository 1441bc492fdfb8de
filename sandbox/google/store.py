"""Where the stand-in keeps calendars and events."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

metadata = sa.MetaData()
calendars = sa.Table(
    "google_calendars",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("data", sa.Text, nullable=False),
)
events = sa.Table(
    "google_events",
    metadata,
    sa.Column("calendar", sa.String(255), primary_key=True),
    sa.Column("id", sa.String(1024), primary_key=True),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("starts_at", sa.Float, nullable=False),
    sa.Column("ends_at", sa.Float, nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
    sa.Index("google_events_span", "calendar", "starts_at", "ends_at"),
)


class Store:
    """The stand-in's tables.

    Args:
        engine: the sandbox's database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self) -> None:
        """Create the tables where they are missing."""
        async with self._engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def clear(self) -> None:
        """Delete every row."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(events))
            await connection.execute(sa.delete(calendars))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Rows"]:
        """One transaction; another waits until it ends."""
        async with self._engine.begin() as connection:
            yield Rows(connection)


class Rows:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def calendar(self, calendar_id: str) -> dict[str, Any] | None:
        """One calendar."""
        query = sa.select(calendars.c.data).where(calendars.c.id == calendar_id)
        data = (await self._connection.execute(query)).scalar()
        return json.loads(data) if data else None

    async def calendars(self) -> list[dict[str, Any]]:
        """Every calendar."""
        rows = await self._connection.execute(sa.select(calendars.c.data).order_by(calendars.c.id))
        return [json.loads(data) for data in rows.scalars()]

    async def put_calendar(self, data: dict[str, Any]) -> None:
        """Write a calendar."""
        await self._connection.execute(sa.delete(calendars).where(calendars.c.id == data["id"]))
        await self._connection.execute(sa.insert(calendars).values(id=data["id"], data=json.dumps(data)))

    async def event(self, calendar: str, event_id: str) -> dict[str, Any] | None:
        """One event, deleted ones included."""
        query = sa.select(events.c.data).where(events.c.calendar == calendar, events.c.id == event_id)
        data = (await self._connection.execute(query)).scalar()
        return json.loads(data) if data else None

    async def events(self, calendar: str, *, after: float, before: float) -> list[dict[str, Any]]:
        """Events that end after one instant and start before another, by start."""
        query = (
            sa.select(events.c.data)
            .where(events.c.calendar == calendar, events.c.ends_at > after, events.c.starts_at < before)
            .order_by(events.c.starts_at, events.c.id)
        )
        return [json.loads(data) for data in (await self._connection.execute(query)).scalars()]

    async def put_event(self, calendar: str, data: dict[str, Any], span: tuple[float, float]) -> None:
        """Write an event."""
        here = sa.and_(events.c.calendar == calendar, events.c.id == data["id"])
        await self._connection.execute(sa.delete(events).where(here))
        await self._connection.execute(
            sa.insert(events).values(
                calendar=calendar,
                id=data["id"],
                data=json.dumps(data),
                starts_at=span[0],
                ends_at=span[1],
                changed=await self.next_change(),
            )
        )

    async def next_change(self) -> int:
        """A number that rises with every change; etags are made of it."""
        highest = (await self._connection.execute(sa.select(sa.func.max(events.c.changed)))).scalar()
        return (highest or 0) + 1
