"""Calendar API v3, method by method (discovery document of google-api-python-client)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request

from sandbox.google.errors import GoogleError, invalid, not_found, required
from sandbox.google.events import changed_event, matches_properties, matches_text, new_event, shown, stamped
from sandbox.google.free_busy import busy_spans
from sandbox.google.requests import read_json
from sandbox.google.store import Rows, Store
from sandbox.google.times import google_instant, parse_bound, rfc3339, zone_named
from sandbox.part import SandboxContext

ACCOUNT = "demo@sandbox.example"
PAGE_DEFAULT, PAGE_MOST = 250, 2500
SEND_UPDATES = {"all", "externalOnly", "none"}
DEFAULT_REMINDERS = [{"method": "popup", "minutes": 30}]
FAR = 10**12


class CalendarApi:
    """The methods.

    Args:
        store: calendars and events.
        context: clock and zone.
    """

    def __init__(self, store: Store, context: SandboxContext) -> None:
        self._store = store
        self._context = context

    async def create_account(self) -> None:
        """The demo account's ``primary``, empty, where it is missing."""
        zone = self._context.zone.key
        async with self._store.transaction() as rows:
            if await rows.calendar(ACCOUNT) is None:
                await rows.put_calendar({"id": ACCOUNT, "summary": ACCOUNT, "timeZone": zone})

    async def calendar_list(self, request: Request) -> dict[str, Any]:
        """``calendarList.list``."""
        del request
        async with self._store.transaction() as rows:
            items = [_list_entry(calendar) for calendar in await rows.calendars()]
        return {
            "kind": "calendar#calendarList",
            "etag": '"p1"',
            "nextSyncToken": f"list-{len(items)}",
            "items": items,
        }

    async def calendar_list_entry(self, request: Request) -> dict[str, Any]:
        """``calendarList.get``."""
        async with self._store.transaction() as rows:
            return _list_entry(await _calendar(rows, request))

    async def calendar(self, request: Request) -> dict[str, Any]:
        """``calendars.get``."""
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
        return {"kind": "calendar#calendar", "etag": '"c1"', **calendar}

    async def settings(self, request: Request) -> dict[str, Any]:
        """``settings.list``."""
        del request
        items = [_setting(name, value) for name, value in self._settings().items()]
        return {"kind": "calendar#settings", "etag": '"s1"', "nextSyncToken": "settings-1", "items": items}

    async def setting(self, request: Request) -> dict[str, Any]:
        """``settings.get``."""
        name = request.path_params["setting"]
        if name not in self._settings():
            raise not_found()
        return _setting(name, self._settings()[name])

    async def free_busy(self, request: Request) -> dict[str, Any]:
        """``freebusy.query``."""
        body = await read_json(request)
        start, end = _bounds(body, "timeMin", "timeMax")
        zone = zone_named(str(body.get("timeZone", "UTC")))
        calendars: dict[str, Any] = {}
        async with self._store.transaction() as rows:
            for item in body.get("items", ()):
                name = str(item.get("id", ""))
                calendars[name] = await self._busy(rows, name, start, end, zone)
        return {
            "kind": "calendar#freeBusy",
            "timeMin": rfc3339(start),
            "timeMax": rfc3339(end),
            "calendars": calendars,
        }

    async def list_events(self, request: Request) -> dict[str, Any]:
        """``events.list``."""
        query = request.query_params
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
            start, end = _optional_bounds(query)
            found = await rows.events(calendar["id"], after=start, before=end)
        single = query.get("singleEvents", "false") == "true"
        if query.get("orderBy") == "startTime" and not single:
            raise invalid("The requested ordering is not available for the particular query.", "orderBy")
        kept = [event for event in found if _wanted(event, request)]
        if query.get("orderBy") == "updated":
            kept.sort(key=lambda event: str(event["updated"]))
        return self._page(kept, calendar, query)

    async def get_event(self, request: Request) -> dict[str, Any]:
        """``events.get``; a deleted event is still there, as cancelled."""
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
            event = await _event(rows, calendar, request)
        return shown(event, _shown_zone(request.query_params, calendar))

    async def insert_event(self, request: Request) -> dict[str, Any]:
        """``events.insert``; the id of a deleted event is not released."""
        body = await read_json(request)
        _check_send_updates(request)
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
            event, span = new_event(
                body,
                account=ACCOUNT,
                zone=ZoneInfo(calendar["timeZone"]),
                now=self._context.now(),
                change=await rows.next_change(),
            )
            if await rows.event(calendar["id"], event["id"]) is not None:
                raise GoogleError(409, "duplicate", "The requested identifier already exists.")
            await rows.put_event(calendar["id"], event, span)
        return shown(event, ZoneInfo(calendar["timeZone"]))

    async def patch_event(self, request: Request) -> dict[str, Any]:
        """``events.patch``."""
        return await self._change(request, keep=True)

    async def update_event(self, request: Request) -> dict[str, Any]:
        """``events.update``, which drops what is left out."""
        return await self._change(request, keep=False)

    async def delete_event(self, request: Request) -> None:
        """``events.delete``."""
        _check_send_updates(request)
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
            event = await _event(rows, calendar, request)
            if event["status"] == "cancelled":
                raise GoogleError(410, "deleted", "Resource has been deleted")
            _check_etag(request, event)
            change = await rows.next_change()
            gone = stamped({**event, "status": "cancelled"}, now=self._context.now(), change=change)
            # A deleted event overlaps nothing.
            await rows.put_event(calendar["id"], gone, (0.0, 0.0))

    async def _change(self, request: Request, *, keep: bool) -> dict[str, Any]:
        body = await read_json(request)
        _check_send_updates(request)
        async with self._store.transaction() as rows:
            calendar = await _calendar(rows, request)
            event = await _event(rows, calendar, request)
            _check_etag(request, event)
            lasting = (
                "kind",
                "id",
                "status",
                "htmlLink",
                "created",
                "creator",
                "organizer",
                "iCalUID",
                "sequence",
                "reminders",
                "eventType",
            )
            base = event if keep else {key: event[key] for key in lasting}
            changed, span = changed_event(
                base,
                body,
                zone=ZoneInfo(calendar["timeZone"]),
                now=self._context.now(),
                change=await rows.next_change(),
            )
            covered = span if changed["status"] != "cancelled" else (0.0, 0.0)
            await rows.put_event(calendar["id"], changed, covered)
        return shown(changed, ZoneInfo(calendar["timeZone"]))

    def _page(
        self, kept: list[dict[str, Any]], calendar: Mapping[str, Any], query: Mapping[str, str]
    ) -> dict[str, Any]:
        size = _whole_number(query, "maxResults", PAGE_DEFAULT, most=PAGE_MOST)
        begin = _whole_number(query, "pageToken", 0, most=FAR)
        zone = _shown_zone(query, calendar)
        page: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"{len(kept)}"',
            "summary": calendar["summary"],
            "updated": max((str(event["updated"]) for event in kept), default=rfc3339(self._context.now())),
            "timeZone": zone.key if "timeZone" in query else calendar["timeZone"],
            "accessRole": "owner",
            "defaultReminders": DEFAULT_REMINDERS,
            "items": [shown(event, zone) for event in kept[begin : begin + size]],
        }
        if begin + size < len(kept):
            page["nextPageToken"] = str(begin + size)
        return page

    async def _busy(self, rows: Rows, name: str, start: datetime, end: datetime, zone: ZoneInfo) -> dict[str, Any]:
        calendar = await rows.calendar(ACCOUNT if name == "primary" else name)
        if calendar is None:
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        found = await rows.events(calendar["id"], after=start.timestamp(), before=end.timestamp())
        spans = busy_spans(found, start, end, ZoneInfo(calendar["timeZone"]))
        return {"busy": [{"start": google_instant(s, zone), "end": google_instant(e, zone)} for s, e in spans]}

    def _settings(self) -> dict[str, str]:
        return {"timezone": self._context.zone.key, "locale": "en", "format24HourTime": "false", "weekStart": "1"}


async def _calendar(rows: Rows, request: Request) -> dict[str, Any]:
    name = request.path_params["calendar"]
    calendar = await rows.calendar(ACCOUNT if name == "primary" else name)
    if calendar is None:
        raise not_found()
    return calendar


async def _event(rows: Rows, calendar: Mapping[str, Any], request: Request) -> dict[str, Any]:
    event = await rows.event(calendar["id"], request.path_params["event"])
    if event is None:
        raise not_found()
    return event


def _list_entry(calendar: Mapping[str, Any]) -> dict[str, Any]:
    primary = {"primary": True} if calendar["id"] == ACCOUNT else {}
    return {
        "kind": "calendar#calendarListEntry",
        "etag": '"e1"',
        **calendar,
        "accessRole": "owner",
        "defaultReminders": DEFAULT_REMINDERS,
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "colorId": "14",
        "selected": True,
        **primary,
    }


def _setting(name: str, value: str) -> dict[str, Any]:
    return {"kind": "calendar#setting", "etag": '"s1"', "id": name, "value": value}


def _wanted(event: Mapping[str, Any], request: Request) -> bool:
    query = request.query_params
    if event["status"] == "cancelled" and query.get("showDeleted") != "true":
        return False
    if not matches_text(event, query.get("q", "")):
        return False
    private, public = query.getlist("privateExtendedProperty"), query.getlist("sharedExtendedProperty")
    if "iCalUID" in query and event["iCalUID"] != query["iCalUID"]:
        return False
    return matches_properties(event, private, "private") and matches_properties(event, public, "shared")


def _optional_bounds(query: Mapping[str, str]) -> tuple[float, float]:
    start = parse_bound(query["timeMin"], "timeMin").timestamp() if "timeMin" in query else -1.0
    end = parse_bound(query["timeMax"], "timeMax").timestamp() if "timeMax" in query else float(FAR)
    if end <= start:
        raise GoogleError(
            400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location="timeMax"
        )
    return start, end


def _bounds(body: Mapping[str, Any], first: str, last: str) -> tuple[datetime, datetime]:
    for name in (first, last):
        if not body.get(name):
            raise required(name)
    start, end = parse_bound(str(body[first]), first), parse_bound(str(body[last]), last)
    if end <= start:
        raise GoogleError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location=last)
    return start, end


def _whole_number(query: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise invalid(f"Invalid value '{text}'. Values must be within the range: [1, {most}]", name)
    return min(int(text), most)


def _shown_zone(query: Mapping[str, str], calendar: Mapping[str, Any]) -> ZoneInfo:
    return zone_named(query.get("timeZone", str(calendar["timeZone"])))


def _check_etag(request: Request, event: Mapping[str, Any]) -> None:
    wanted = request.headers.get("if-match")
    if wanted not in (None, "*", event["etag"]):
        raise GoogleError(412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header")


def _check_send_updates(request: Request) -> None:
    value = request.query_params.get("sendUpdates")
    if value is not None and value not in SEND_UPDATES:
        raise invalid(f"Invalid value for: {value} is not a valid value", "sendUpdates")
