"""A calendar's zone, read from Google and kept for a while."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.client import GoogleCalendar
from mcp_servers.google_calendar.events import Event, read_event
from mcp_servers.google_calendar.kept import Kept
from mcp_servers.google_calendar.rules import Rules
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Unavailable


@dataclass(frozen=True)
class Place:
    """One calendar of one connected account: the key of everything that is kept about it."""

    connection: str
    calendar: str
    rules: Rules = field(compare=False)


class Zones:
    """The zones of calendars.

    Args:
        google: where they are read.
        ttl: seconds to keep one.
        now: seconds since 1970.
    """

    def __init__(self, google: GoogleCalendar, *, ttl: float, now: Callable[[], float]) -> None:
        self._google = google
        self._kept: Kept[Place, ZoneInfo] = Kept(ttl=ttl, now=now)

    async def get(self, place: Place, call: Call | None) -> ZoneInfo:
        """The zone. It may be older than its time: every answer of Google's is compared with it."""
        return await self._kept.get(place, lambda: self._google.zone(place.calendar, call))

    def learn(self, place: Place, zone: ZoneInfo) -> None:
        """Every list of events carries the zone."""
        self._kept.put(place, zone)

    def compare(self, place: Place, zone: ZoneInfo, used: ZoneInfo) -> None:
        """Stop when the zone that a decision was based on is not the calendar's any more.

        Raises:
            Unavailable: the calendar's zone was changed; asking again uses the new one.
        """
        self.learn(place, zone)
        if zone.key != used.key:
            raise Unavailable("the calendar's zone was just changed; ask again")

    async def corrected(self, place: Place, event: Event, call: Call | None) -> Event:
        """The event in the calendar's zone as it is now.

        Google shows it at that zone's offset; at another one than ours, the zone is read again.
        """
        start = event.raw.get("start", {}).get("dateTime")
        if start is None or datetime.fromisoformat(start).utcoffset() == event.span.instants()[0].utcoffset():
            return event
        self._kept.drop(place)
        return read_event(event.raw, await self.get(place, call))
