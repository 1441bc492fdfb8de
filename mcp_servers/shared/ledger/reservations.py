"""Reservations: who is promised which span of a calendar, before the vendor knows of it.

No lock is held across a vendor call: a row is written first, and its order decides between two callers who are both waiting
for the vendor's answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_servers.shared.ledger.database import LedgerDatabase
from mcp_servers.shared.ledger.tables import reservations

HOLD_LEASES = 2
"""For how many leases of an operation an unconfirmed row counts: longer than a request to the vendor can take to land."""
SETTLING_SECONDS = 120.0
"""How long a confirmed row counts beside the vendor's own list, which may lag behind a write."""

KEPT_SECONDS = 3600.0
"""How long a row that counts no more is kept, for whoever looks into what happened."""


class SlotTaken(Exception):
    """As many are promised the span as it holds."""


@dataclass(frozen=True)
class Reservation:
    """One promise: ``starts_at`` up to, not including, ``ends_at``, both seconds since 1970."""

    operation_id: str
    sequence: int
    calendar: str
    starts_at: float
    ends_at: float
    resource_id: str


class Reservations:
    """The reservations of a service.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: LedgerDatabase) -> None:
        self._db = database

    async def reserve(
        self,
        *,
        operation_id: str,
        calendar: str,
        span: tuple[float, float],
        resource_id: str,
        capacity: int,
        seconds: float | None = None,
        instead_of: str | None = None,
        moves: bool = False,
    ) -> Reservation:
        """Promise a span to an operation, or find that it is already promised to it.

        Args:
            operation_id: the booking.
            calendar: whose span.
            span: start and end, seconds since 1970.
            resource_id: the event that will fill it.
            capacity: how many may overlap.
            seconds: how long the promise counts while it is not confirmed; as long as a write may take when None.
            instead_of: a promise that this one takes the place of, such as a hold; it ends now.
            moves: the resource is in the calendar already, and does not stand in its own way.

        Raises:
            SlotTaken: as many live promises of others overlap as the calendar holds.
        """
        async with self._db.alone(f"calendar {calendar}") as connection:
            own = {operation_id, instead_of}
            others = [
                r
                for r in await self._live(connection, calendar, span)
                if r.operation_id not in own and not (moves and r.resource_id == resource_id)
            ]
            if most_at_once(((r.starts_at, r.ends_at) for r in others), span) >= capacity:
                raise SlotTaken
            if instead_of is not None:
                await connection.execute(sa.delete(reservations).where(reservations.c.operation_id == instead_of))
            held = HOLD_LEASES * self._db.lease_seconds if seconds is None else seconds
            return await self._write(connection, operation_id, calendar, span, resource_id, held)

    async def ahead_of(self, reservation: Reservation) -> list[Reservation]:
        """Live promises of others for an overlapping span that came first."""
        span = (reservation.starts_at, reservation.ends_at)
        async with self._db.reading() as connection:
            live = await self._live(connection, reservation.calendar, span)
        return [r for r in live if r.sequence < reservation.sequence]

    async def live(self, calendar: str, span: tuple[float, float]) -> list[Reservation]:
        """Every live promise that overlaps a span."""
        async with self._db.reading() as connection:
            return await self._live(connection, calendar, span)

    async def confirm(self, operation_id: str) -> None:
        """The vendor has the event; its own list will show it. What the event held before is free again."""
        async with self._db.alone(f"reservation {operation_id}") as connection:
            row = reservations.c.operation_id == operation_id
            resource = (await connection.execute(sa.select(reservations.c.resource_id).where(row))).scalar()
            elsewhere = sa.and_(reservations.c.resource_id == resource, ~row)
            await connection.execute(sa.delete(reservations).where(elsewhere))
            values: dict[str, Any] = {"confirmed": True, "lease_until": self._db.now() + SETTLING_SECONDS}
            await connection.execute(sa.update(reservations).where(row).values(**values))

    async def release(self, operation_id: str) -> None:
        """The promise is over."""
        async with self._db.alone(f"reservation {operation_id}") as connection:
            await connection.execute(sa.delete(reservations).where(reservations.c.operation_id == operation_id))

    async def release_resource(self, resource_id: str) -> None:
        """The event is gone: whatever was promised for it is over."""
        async with self._db.alone(f"resource {resource_id}") as connection:
            await connection.execute(sa.delete(reservations).where(reservations.c.resource_id == resource_id))

    async def _live(self, connection: AsyncConnection, calendar: str, span: tuple[float, float]) -> list[Reservation]:
        query = sa.select(reservations).where(
            reservations.c.calendar == calendar,
            reservations.c.starts_at < span[1],
            reservations.c.ends_at > span[0],
            reservations.c.lease_until > self._db.now(),
        )
        return [
            Reservation(
                operation_id=row["operation_id"],
                sequence=row["sequence"],
                calendar=row["calendar"],
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
                resource_id=row["resource_id"],
            )
            for row in (await connection.execute(query)).mappings()
        ]

    async def _write(
        self,
        connection: AsyncConnection,
        operation_id: str,
        calendar: str,
        span: tuple[float, float],
        resource_id: str,
        seconds: float,
    ) -> Reservation:
        highest = sa.select(sa.func.max(reservations.c.sequence)).where(reservations.c.calendar == calendar)
        sequence = ((await connection.execute(highest)).scalar() or 0) + 1
        over = sa.and_(reservations.c.calendar == calendar, reservations.c.lease_until < self._db.now() - KEPT_SECONDS)
        await connection.execute(sa.delete(reservations).where((reservations.c.operation_id == operation_id) | over))
        values: dict[str, Any] = {
            "operation_id": operation_id,
            "sequence": sequence,
            "calendar": calendar,
            "starts_at": span[0],
            "ends_at": span[1],
            "resource_id": resource_id,
            "confirmed": False,
            "lease_until": self._db.now() + seconds,
        }
        await connection.execute(sa.insert(reservations).values(**values))
        return Reservation(operation_id, sequence, calendar, span[0], span[1], resource_id)


def most_at_once(spans: Iterable[tuple[float, float]], within: tuple[float, float]) -> int:
    """The largest number of spans that overlap one another somewhere within another span."""
    edges: list[tuple[float, int]] = []
    for start, end in spans:
        clipped = (max(start, within[0]), min(end, within[1]))
        if clipped[0] < clipped[1]:
            edges += [(clipped[0], 1), (clipped[1], -1)]
    # At the same instant an end comes before a start: back to back does not overlap.
    most = count = 0
    for _, step in sorted(edges):
        count += step
        most = max(most, count)
    return most
