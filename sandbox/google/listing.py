"""``events.list`` and ``events.instances``: what is in them, in which order, on which page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.calendars import DEFAULT_REMINDERS
from sandbox.google.errors import GoogleError, invalid
from sandbox.google.events import Resource, matches_properties, matches_text, shown, span_of
from sandbox.google.recurrence import instances
from sandbox.google.requests import Asked
from sandbox.google.store import Rows
from sandbox.google.times import parse_bound, rfc3339, zone_named
from sandbox.google.tokens import fingerprint, read_token, write_token

PAGE_DEFAULT, PAGE_MOST, ATTENDEES_MOST = 250, 2500, 10**6
FAR = 10.0**12
NOT_WITH_SYNC = {
    "iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
}  # fmt: skip
UPDATED_MIN_REACHES = timedelta(days=28)
TOMBSTONE = ("kind", "etag", "id", "status", "recurringEventId", "originalStartTime")
PAGING = {"pageToken", "maxResults", "fields", "prettyPrint", "alt"}


@dataclass(frozen=True)
class Window:
    """The span that is asked for; None for no bound."""

    after: datetime | None = None
    before: datetime | None = None

    @property
    def seconds(self) -> tuple[float, float]:
        """Since 1970."""
        return (
            self.after.timestamp() if self.after else -FAR,
            self.before.timestamp() if self.before else FAR,
        )


def read_window(query: Mapping[str, str]) -> Window:
    """``timeMin`` and ``timeMax``.

    Raises:
        GoogleError: 400.
    """
    after = parse_bound(query["timeMin"], "timeMin") if "timeMin" in query else None
    before = parse_bound(query["timeMax"], "timeMax") if "timeMax" in query else None
    if after is not None and before is not None and before <= after:
        message = "The specified time range is empty."
        raise GoogleError(400, "timeRangeEmpty", message, domain="calendar", location="timeMax")
    return Window(after, before)


async def singles(
    rows: Rows, calendar: str, found: list[Resource], window: Window, zone: ZoneInfo, now: datetime
) -> list[Resource]:
    """Series expanded to their instances, with the exceptions in their places; everything else as it is."""
    expanded: list[Resource] = []
    for event in found:
        if not event.get("recurrence"):
            expanded.append(event)
            continue
        replaced = {exception["id"] for exception in await rows.exceptions(calendar, event["id"])}
        made = instances(event, zone, after=window.after, before=window.before, now=now)
        expanded += [one for one in made if one["id"] not in replaced]
    return expanded


class Listing:
    """One list.

    Args:
        rows: the transaction.
        calendar: its calendar.
        asked: the request.
        now: the present.
    """

    def __init__(self, rows: Rows, calendar: Mapping[str, Any], asked: Asked, now: datetime) -> None:
        self._rows = rows
        self._calendar = calendar
        self._asked = asked
        self._now = now
        self._zone = ZoneInfo(calendar["timeZone"])
        self._single = asked.flag("singleEvents")

    async def events(self, *, begin_empty: bool) -> dict[str, Any]:
        """A page of ``events.list``.

        Raises:
            GoogleError: 400, or 410 for a token or ``updatedMin`` of long ago.
        """
        query = self._asked.query
        if query.get("orderBy") == "startTime" and not self._single:
            raise invalid("The requested ordering is not available for the particular query.", "orderBy")
        syncing = await self._read_sync_token() if "syncToken" in query else None
        window = _window_of(syncing) if syncing else read_window(query)
        since = self._read_updated_min()
        if syncing is not None:
            found = await self._rows.changed_since(self._calendar["id"], syncing["c"])
        else:
            found = await self._rows.events(self._calendar["id"], *window.seconds)
        if self._single:
            found = await singles(self._rows, self._calendar["id"], found, window, self._zone, self._now)
        else:
            found = [event for event in found if self._overlaps(event, window)]
        deleted_too = syncing is not None or since is not None
        kept = [event for event in found if await self._wanted(event, since, deleted_too=deleted_too)]
        syncable = NOT_WITH_SYNC - {"timeMin", "timeMax"}
        marks = [part.isoformat() if part else None for part in (window.after, window.before)]
        return await self._page(
            kept, sync=None if syncable & set(query) else (marks[0], marks[1]), begin_empty=begin_empty
        )

    async def instances(self, found: list[Resource]) -> dict[str, Any]:
        """A page of ``events.instances``."""
        window = read_window(self._asked.query)
        original = self._asked.query.get("originalStart")
        kept = [
            event
            for event in found
            if (event["status"] != "cancelled" or self._asked.flag("showDeleted"))
            and _within(event, window, self._zone)
            and (original is None or _is_at(event["originalStartTime"], original))
        ]
        return await self._page(kept, sync=None, begin_empty=False)

    def _overlaps(self, event: Resource, window: Window) -> bool:
        """Whether a series has an instance in the window; the database looked after the others."""
        if not event.get("recurrence") or window == Window():
            return True
        made = instances(event, self._zone, after=window.after, before=window.before, now=self._now)
        return next(made, None) is not None

    async def _wanted(self, event: Resource, since: datetime | None, *, deleted_too: bool) -> bool:
        query = self._asked.query
        if event["status"] == "cancelled" and not (deleted_too or self._asked.flag("showDeleted")):
            # Of a living series, clients must know which instances do not take place.
            series = None if self._single else event.get("recurringEventId")
            parent = await self._rows.event(self._calendar["id"], series) if series else None
            if parent is None or parent["status"] == "cancelled":
                return False
        if since is not None and datetime.fromisoformat(event["updated"]) < since:
            return False
        private, public = query.getlist("privateExtendedProperty"), query.getlist("sharedExtendedProperty")
        return (
            matches_text(event, query.get("q", ""))
            and query.get("iCalUID", event["iCalUID"]) == event["iCalUID"]
            and ("eventTypes" not in query or event["eventType"] in query.getlist("eventTypes"))
            and matches_properties(event, private, "private")
            and matches_properties(event, public, "shared")
        )

    async def _read_sync_token(self) -> dict[str, Any]:
        together = sorted(NOT_WITH_SYNC & set(self._asked.query))
        if together:
            raise invalid("Sync token cannot be used with other query restrictions.", together[0])
        token = read_token(self._asked.query["syncToken"], {"c", "min", "max"}, "syncToken")
        if token["c"] < await self._rows.oldest_sync():
            message = "Sync token is no longer valid, a full sync is required."
            raise GoogleError(410, "fullSyncRequired", message, domain="calendar", location="syncToken")
        return token

    def _read_updated_min(self) -> datetime | None:
        if "updatedMin" not in self._asked.query:
            return None
        since = parse_bound(self._asked.query["updatedMin"], "updatedMin")
        if since < self._now - UPDATED_MIN_REACHES:
            message = "The requested minimum modification time lies too far in the past."
            raise GoogleError(410, "updatedMinTooLongAgo", message, domain="calendar", location="updatedMin")
        return since

    async def _page(
        self, kept: list[Resource], *, sync: tuple[str | None, str | None] | None, begin_empty: bool
    ) -> dict[str, Any]:
        asked, calendar = self._asked, self._calendar
        size = asked.whole("maxResults", PAGE_DEFAULT, most=PAGE_MOST)
        question = fingerprint((k, v) for k, v in asked.query.multi_items() if k not in PAGING)
        at: dict[str, Any] = {"o": -1 if begin_empty else 0, "q": question, "c": await self._rows.last_change()}
        if "pageToken" in asked.query:
            at = read_token(asked.query["pageToken"], {"o", "q", "c"}, "pageToken")
            if at["q"] != question:
                raise invalid("Invalid page token value.", "pageToken")
        begin, end = (at["o"], at["o"] + size) if at["o"] >= 0 else (0, 0)
        zone = zone_named(asked.query.get("timeZone", str(calendar["timeZone"])))
        page: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"p{at["c"]}"',
            "summary": calendar["summary"],
            "updated": max((str(event["updated"]) for event in kept), default=rfc3339(self._now)),
            "timeZone": zone.key,
            "accessRole": "owner",
            "defaultReminders": DEFAULT_REMINDERS,
            "items": [self._shown(event, zone) for event in self._in_order(kept)[begin:end]],
        }
        if end < len(kept) or at["o"] < 0:
            page["nextPageToken"] = write_token(**{**at, "o": end})
        elif sync is not None:
            page["nextSyncToken"] = write_token(c=at["c"], min=sync[0], max=sync[1])
        return page

    def _in_order(self, kept: list[Resource]) -> list[Resource]:
        order = self._asked.query.get("orderBy")
        if order == "startTime":
            return sorted(kept, key=lambda event: (span_of(event, self._zone)[0], event["id"]))
        if order == "updated":
            return sorted(kept, key=lambda event: (event["updated"], event["id"]))
        # Google promises an order that is stable and no other.
        return sorted(kept, key=lambda event: event["id"])

    def _shown(self, event: Resource, zone: ZoneInfo) -> Resource:
        most = self._asked.whole("maxAttendees", 0, most=ATTENDEES_MOST) or None
        whole = shown(event, zone, attendees_most=most)
        if event["status"] == "cancelled" and "recurringEventId" in event:
            return {key: whole[key] for key in TOMBSTONE}
        return whole


def _window_of(syncing: Mapping[str, Any]) -> Window:
    after, before = (datetime.fromisoformat(text) if text else None for text in (syncing["min"], syncing["max"]))
    return Window(after, before)


def _within(event: Resource, window: Window, zone: ZoneInfo) -> bool:
    start, end = (moment.timestamp() for moment in span_of(event, zone))
    return end > window.seconds[0] and start < window.seconds[1]


def _is_at(time: Mapping[str, str], text: str) -> bool:
    if "date" in time:
        return time["date"] == text
    return datetime.fromisoformat(time["dateTime"]) == parse_bound(text, "originalStart")
