"""The calendar's zone, read from Google and kept for a while."""

import asyncio
from collections.abc import Callable
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.client import GoogleCalendar
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Unavailable


class Zones:
    """One calendar's zone.

    Args:
        google: where it is read.
        calendar: whose zone.
        ttl: seconds to keep it.
        now: seconds since 1970.
    """

    def __init__(self, google: GoogleCalendar, calendar: str, *, ttl: float, now: Callable[[], float]) -> None:
        self._google = google
        self._calendar = calendar
        self._ttl = ttl
        self._now = now
        self._zone: ZoneInfo | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def get(self, call: Call | None) -> ZoneInfo:
        """The zone. An older one is better than none while Google does not answer: every answer of Google's is compared."""
        if self._zone is not None and self._now() - self._read_at < self._ttl:
            return self._zone
        async with self._reading:
            if self._zone is None or self._now() - self._read_at >= self._ttl:
                try:
                    self.learn(await self._google.zone(self._calendar, call))
                except Unavailable:
                    if self._zone is None:
                        raise
        assert self._zone is not None
        return self._zone

    def learn(self, zone: ZoneInfo) -> None:
        """Every list of events carries the zone."""
        self._zone = zone
        self._read_at = self._now()

    def compare(self, zone: ZoneInfo, used: ZoneInfo) -> None:
        """Stop when the zone that a decision was based on is not the calendar's any more.

        Raises:
            Unavailable: the calendar's zone was changed; asking again uses the new one.
        """
        self.learn(zone)
        if zone.key != used.key:
            raise Unavailable("the calendar's zone was just changed; ask again")
