"""What the owner's assistant may read without a tool: the account's calendars, and today."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.meta import Role
from contracts.spoken import spoken_date
from mcp_servers.google_calendar.desk import MOST_EVENTS, Desk
from mcp_servers.google_calendar.kept import Kept
from mcp_servers.google_calendar.models import Agenda, CalendarName, Calendars, CalendarView
from mcp_servers.google_calendar.reading import view
from mcp_servers.google_calendar.times import as_instant
from mcp_servers.shared.calls import Call
from mcp_servers.shared.resources import ResourceSpec

CALENDARS = "google-calendar://calendars"
TODAY = "google-calendar://agenda/today"
OWNER_ONLY = frozenset({Role.OWNER})
SHOWN_BY = "calendar_list_events"


class CalendarResources:
    """The resources.

    Args:
        desk: the calendar.
        ttl: seconds that the list of calendars is kept.
    """

    def __init__(self, desk: Desk, *, ttl: float) -> None:
        self._desk = desk
        self._lists: Kept[str, list[dict[str, Any]]] = Kept(ttl=ttl, now=desk.now)

    def specs(self) -> Sequence[ResourceSpec]:
        """What the server registers."""
        return (
            ResourceSpec(
                uri=CALENDARS,
                title="Calendars",
                description="The calendars of the account: ids for the argument calendar, zones, what may be done there.",
                read=self.calendars,
                tool=SHOWN_BY,
                roles=OWNER_ONLY,
            ),
            ResourceSpec(
                uri=TODAY,
                title="Today's agenda",
                description="Every event of today, local to the calendar's zone.",
                read=self.today,
                tool=SHOWN_BY,
                roles=OWNER_ONLY,
            ),
        )

    async def calendars(self, call: Call) -> Calendars:
        """All of them, the account's main one marked."""
        connection = await self._desk.google.connection(call)
        found = await self._lists.get(connection, lambda: self._desk.google.calendars(call))
        return Calendars(calendars=[_calendar(entry) for entry in found])

    async def today(self, call: Call) -> Agenda:
        """From midnight to midnight, whatever length the day has."""
        desk = self._desk
        place = await desk.place(call)
        zone = await desk.zones.get(place, call)
        day = datetime.fromtimestamp(desk.now(), zone).date()
        start, end = (as_instant(date, zone) for date in (day, day + timedelta(days=1)))
        page = await desk.list_page(place, (start, end), call)
        desk.zones.compare(place, page.zone, zone)
        return Agenda(
            date=day.isoformat(),
            spoken=spoken_date(day),
            zone=zone.key,
            events=[view(event) for event in page.events],
            more=f"more than {MOST_EVENTS} events: list them page by page" if not page.complete else None,
        )


def _calendar(entry: dict[str, Any]) -> CalendarView:
    return CalendarView(
        id=str(entry["id"]),
        zone=str(entry.get("timeZone", "")),
        access=str(entry.get("accessRole", "")),
        primary=bool(entry.get("primary")),
        untrusted=CalendarName(name=str(entry.get("summaryOverride") or entry.get("summary", ""))),
    )
