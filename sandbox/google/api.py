"""Events, method by method."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.calendars import DEFAULT_REMINDERS, owned_calendar
from sandbox.google.errors import GoogleError, invalid, not_found
from sandbox.google.events import (
    LASTING,
    Home,
    Resource,
    changed_event,
    matches_properties,
    matches_text,
    new_event,
    shown,
    span_of,
    stamped,
)
from sandbox.google.free_busy import answer_free_busy
from sandbox.google.requests import Asked
from sandbox.google.store import Rows, Store
from sandbox.google.times import parse_bound, rfc3339, zone_named
from sandbox.part import SandboxContext

PAGE_DEFAULT, PAGE_MOST = 250, 2500
FAR = 10**12


class EventsApi:
    """The methods.

    Args:
        store: calendars and events.
        context: clock and zone.
    """

    def __init__(self, store: Store, context: SandboxContext) -> None:
        self._store = store
        self._context = context

    async def free_busy(self, asked: Asked) -> dict[str, Any]:
        """``freebusy.query``."""
        async with self._store.transaction() as rows:
            return await answer_free_busy(rows, asked)

    async def list_events(self, asked: Asked) -> dict[str, Any]:
        """``events.list``."""
        query = asked.query
        if query.get("orderBy") == "startTime" and not asked.flag("singleEvents"):
            raise invalid("The requested ordering is not available for the particular query.", "orderBy")
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            start, end = _optional_bounds(query)
            found = await rows.events(calendar["id"], after=start, before=end)
        kept = [event for event in found if _wanted(event, asked)]
        zone = ZoneInfo(calendar["timeZone"])
        if query.get("orderBy") == "startTime":
            kept.sort(key=lambda event: (span_of(event, zone), event["id"]))
        return self._page(kept, calendar, asked)

    async def get(self, asked: Asked) -> dict[str, Any]:
        """``events.get``; a deleted event is still there, as cancelled."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked)
        return _shown(event, asked, calendar)

    async def insert(self, asked: Asked) -> dict[str, Any]:
        """``events.insert``; the id of a deleted event is not released."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            home = await self._home(rows, calendar, asked)
            event = new_event(asked.body, home)
            if await rows.event(calendar["id"], event["id"]) is not None:
                raise GoogleError(409, "duplicate", "The requested identifier already exists.")
            await _put(rows, event, home)
        return _shown(event, asked, calendar)

    async def patch(self, asked: Asked) -> dict[str, Any]:
        """``events.patch``."""
        return await self._change(asked, keep=True)

    async def update(self, asked: Asked) -> dict[str, Any]:
        """``events.update``, which drops what is left out."""
        return await self._change(asked, keep=False)

    async def delete(self, asked: Asked) -> None:
        """``events.delete``."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked)
            if event["status"] == "cancelled":
                raise GoogleError(410, "deleted", "Resource has been deleted")
            _check_etag(asked, event)
            home = await self._home(rows, calendar, asked)
            gone = stamped({**event, "status": "cancelled"}, now=home.now, change=home.change)
            await _put(rows, gone, home)

    async def _change(self, asked: Asked, *, keep: bool) -> dict[str, Any]:
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked)
            _check_etag(asked, event)
            home = await self._home(rows, calendar, asked)
            base = event if keep else {key: event[key] for key in LASTING if key in event}
            changed = changed_event(base, asked.body, home)
            await _put(rows, changed, home)
        return _shown(changed, asked, calendar)

    async def _home(self, rows: Rows, calendar: Mapping[str, Any], asked: Asked) -> Home:
        return Home(
            calendar=calendar["id"],
            account=asked.account,
            zone=ZoneInfo(calendar["timeZone"]),
            now=self._context.now(),
            change=await rows.next_change(),
        )

    def _page(self, kept: list[Resource], calendar: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        size = asked.whole("maxResults", PAGE_DEFAULT, most=PAGE_MOST)
        text = asked.query.get("pageToken", "0")
        if not text.isdecimal():
            raise invalid("Invalid page token value.", "pageToken")
        begin = int(text)
        zone, most = _look(asked, calendar)
        page: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"{len(kept)}"',
            "summary": calendar["summary"],
            "updated": max((str(event["updated"]) for event in kept), default=rfc3339(self._context.now())),
            "timeZone": asked.query.get("timeZone", calendar["timeZone"]),
            "accessRole": "owner",
            "defaultReminders": DEFAULT_REMINDERS,
            "items": [shown(event, zone, attendees_most=most) for event in kept[begin : begin + size]],
        }
        if begin + size < len(kept):
            page["nextPageToken"] = str(begin + size)
        return page


async def _put(rows: Rows, event: Resource, home: Home) -> None:
    start, end = span_of(event, home.zone)
    await rows.put_event(home.calendar, event, (start.timestamp(), end.timestamp()), home.change)


async def _event(rows: Rows, calendar: Mapping[str, Any], asked: Asked) -> Resource:
    event = await rows.event(calendar["id"], asked.path["eventId"])
    if event is None:
        raise not_found()
    return event


def _shown(event: Resource, asked: Asked, calendar: Mapping[str, Any]) -> Resource:
    zone, most = _look(asked, calendar)
    return shown(event, zone, attendees_most=most)


def _look(asked: Asked, calendar: Mapping[str, Any]) -> tuple[ZoneInfo, int | None]:
    """The zone to show instants in, and how many attendees to show."""
    zone = zone_named(asked.query.get("timeZone", str(calendar["timeZone"])))
    return zone, asked.whole("maxAttendees", 0, most=FAR) or None


def _wanted(event: Resource, asked: Asked) -> bool:
    query = asked.query
    if event["status"] == "cancelled" and not asked.flag("showDeleted"):
        return False
    if not matches_text(event, query.get("q", "")):
        return False
    private, public = query.getlist("privateExtendedProperty"), query.getlist("sharedExtendedProperty")
    if "iCalUID" in query and event["iCalUID"] != query["iCalUID"]:
        return False
    return matches_properties(event, private, "private") and matches_properties(event, public, "shared")


def _optional_bounds(query: Mapping[str, str]) -> tuple[float, float]:
    start = parse_bound(query["timeMin"], "timeMin") if "timeMin" in query else None
    end = parse_bound(query["timeMax"], "timeMax") if "timeMax" in query else None
    check_order(start, end)
    return start.timestamp() if start else -FAR, end.timestamp() if end else FAR


def check_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse an empty span.

    Raises:
        GoogleError: 400 ``timeRangeEmpty``.
    """
    if start is not None and end is not None and end <= start:
        message = "The specified time range is empty."
        raise GoogleError(400, "timeRangeEmpty", message, domain="calendar", location="timeMax")


def _check_etag(asked: Asked, event: Resource) -> None:
    if asked.if_match not in (None, "*", event["etag"]):
        raise GoogleError(412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header")
