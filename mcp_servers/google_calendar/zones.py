"""A calendar's zone, read from Google and kept for a while."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.client import GoogleCalendar
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Unavailable


@dataclass
class _Known:
    zone: ZoneInfo | None = None
    read_at: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Place:
    """One calendar of one connected account: the key of everything that is kept about it."""

    connection: str
    calendar: str


class Zones:
    """The zones of calendars.

    Args:
        google: where they are read.
        ttl: seconds to keep one.
        now: seconds since 1970.
    """

    def __init__(self, google: GoogleCalendar, *, ttl: float, now: Callable[[], float]) -> None:
        self._google = google
        self._ttl = ttl
        self._now = now
        self._known: dict[Place, _Known] = {}

    async def get(self, place: Place, call: Call | None) -> ZoneInfo:
        """The zone. An older one is better than none while Google does not answer: every answer of Google's is compared."""
        known = self._known.setdefault(place, _Known())
        if known.zone is not None and self._fresh(known):
            return known.zone
        async with known.reading:
            if known.zone is None or not self._fresh(known):
                try:
                    self.learn(place, await self._google.zone(place.calendar, call))
                except Unavailable:
                    if known.zone is None:
                        raise
        assert known.zone is not None
        return known.zone

    def _fresh(self, known: _Known) -> bool:
        return self._now() - known.read_at < self._ttl

    def learn(self, place: Place, zone: ZoneInfo) -> None:
        """Every list of events carries the zone."""
        known = self._known.setdefault(place, _Known())
        known.zone = zone
        known.read_at = self._now()

    def compare(self, place: Place, zone: ZoneInfo, used: ZoneInfo) -> None:
        """Stop when the zone that a decision was based on is not the calendar's any more.

        Raises:
            Unavailable: the calendar's zone was changed; asking again uses the new one.
        """
        self.learn(place, zone)
        if zone.key != used.key:
            raise Unavailable("the calendar's zone was just changed; ask again")
