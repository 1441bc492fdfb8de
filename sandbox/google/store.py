"""Where the stand-in keeps calendars and events."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

metadata = sa.MetaData()
calendars = sa.Table(
    "google_owned_calendars",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
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
counters = sa.Table(
    "google_counters",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

AFTER_UNDERSCORE = "`"
"""The character after ``_``: between the two lie all ids that begin with ``<series>_``."""


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
        """Delete every row; the counter of changes goes on, so that no old etag and no old sync token fits."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(events))
            await connection.execute(sa.delete(calendars))
            await Rows(connection).expire_sync_tokens()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Rows"]:
        """One transaction; another waits until it ends."""
        async with self._engine.begin() as connection:
            yield Rows(connection)


class Rows:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def calendar(self, calendar_id: str, *, owner: str | None = None) -> dict[str, Any] | None:
        """One calendar; with an owner, only one of theirs."""
        query = sa.select(calendars.c.data).where(calendars.c.id == calendar_id)
        if owner is not None:
            query = query.where(calendars.c.owner == owner)
        data = (await self.connection.execute(query)).scalar()
        return json.loads(data) if data else None

    async def calendars(self, owner: str) -> list[dict[str, Any]]:
        """An account's calendars, its primary first."""
        query = sa.select(calendars.c.data).where(calendars.c.owner == owner)
        rows = await self.connection.execute(query.order_by(calendars.c.id != owner, calendars.c.id))
        return [json.loads(data) for data in rows.scalars()]

    async def owners(self) -> list[str]:
        """Everybody who has a calendar."""
        query = sa.select(calendars.c.owner).distinct().order_by(calendars.c.owner)
        return list((await self.connection.execute(query)).scalars())

    async def put_calendar(self, data: dict[str, Any], *, owner: str) -> None:
        """Write a calendar."""
        row = {"id": data["id"], "owner": owner, "data": json.dumps(data)}
        await self.connection.execute(insert(calendars).values(row).on_conflict_do_update(set_=row))

    async def delete_calendar(self, calendar_id: str) -> None:
        """Delete a calendar with its events."""
        await self.connection.execute(sa.delete(events).where(events.c.calendar == calendar_id))
        await self.connection.execute(sa.delete(calendars).where(calendars.c.id == calendar_id))

    async def event(self, calendar: str, event_id: str) -> dict[str, Any] | None:
        """One event, deleted ones included."""
        query = sa.select(events.c.data).where(events.c.calendar == calendar, events.c.id == event_id)
        data = (await self.connection.execute(query)).scalar()
        return json.loads(data) if data else None

    async def events(self, calendar: str, after: float, before: float) -> list[dict[str, Any]]:
        """Events, deleted ones included, that end after one instant and start before another, the latest change last."""
        query = (
            sa.select(events.c.data)
            .where(events.c.calendar == calendar, events.c.ends_at > after, events.c.starts_at < before)
            .order_by(events.c.changed)
        )
        return [json.loads(data) for data in (await self.connection.execute(query)).scalars()]

    async def changed_since(self, calendar: str, change: int) -> list[dict[str, Any]]:
        """Events that changed after a change, the latest last."""
        query = sa.select(events.c.data).where(events.c.calendar == calendar, events.c.changed > change)
        rows = await self.connection.execute(query.order_by(events.c.changed))
        return [json.loads(data) for data in rows.scalars()]

    async def exceptions(self, calendar: str, series: str) -> list[dict[str, Any]]:
        """The instances of a series that were changed or cancelled."""
        query = sa.select(events.c.data).where(
            events.c.calendar == calendar, events.c.id > f"{series}_", events.c.id < f"{series}{AFTER_UNDERSCORE}"
        )
        return [json.loads(data) for data in (await self.connection.execute(query)).scalars()]

    async def put_event(self, calendar: str, data: dict[str, Any], span: tuple[float, float], change: int) -> None:
        """Write an event.

        Args:
            calendar: its calendar.
            data: the resource.
            span: seconds since 1970 that it covers.
            change: the number of this change.
        """
        row = {
            "calendar": calendar,
            "id": data["id"],
            "data": json.dumps(data),
            "starts_at": span[0],
            "ends_at": span[1],
            "changed": change,
        }
        await self.connection.execute(insert(events).values(row).on_conflict_do_update(set_=row))

    async def delete_event(self, calendar: str, event_id: str) -> None:
        """Forget an event; for what Google forgets too."""
        here = sa.and_(events.c.calendar == calendar, events.c.id == event_id)
        await self.connection.execute(sa.delete(events).where(here))

    async def next_change(self) -> int:
        """A number that rises with every change and is never given twice; etags and sync tokens are made of it."""
        return await self._count("change", counters.c.value + 1)

    async def last_change(self) -> int:
        """The latest change."""
        return await self._count("change", counters.c.value)

    async def expire_sync_tokens(self) -> None:
        """No sync token that was given out until now is good any more."""
        change = await self.next_change()
        row = {"name": "oldest_sync", "value": change}
        await self.connection.execute(insert(counters).values(row).on_conflict_do_update(set_=row))

    async def oldest_sync(self) -> int:
        """The earliest change that a sync token may stand for."""
        return await self._count("oldest_sync", counters.c.value)

    async def _count(self, name: str, value: sa.ColumnElement[int]) -> int:
        first = insert(counters).values(name=name, value=1)
        counted = first.on_conflict_do_update(set_={"value": value}).returning(counters.c.value)
        return (await self.connection.execute(counted)).scalar_one()
