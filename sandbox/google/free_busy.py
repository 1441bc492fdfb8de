"""Busy spans, computed from events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sandbox.google.errors import GoogleError, required
from sandbox.google.events import Resource, span_of
from sandbox.google.listing import Window, singles
from sandbox.google.requests import Asked
from sandbox.google.store import Rows
from sandbox.google.times import google_instant, parse_bound, rfc3339, zone_named

CALENDARS_MOST = 50

Spans = list[tuple[datetime, datetime]]


async def answer_free_busy(rows: Rows, asked: Asked, now: datetime) -> dict[str, Any]:
    """``freebusy.query``.

    Raises:
        GoogleError: 400.
    """
    start, end = _bounds(asked)
    zone = zone_named(str(asked.body.get("timeZone") or "UTC"))
    most = min(int(asked.body.get("calendarExpansionMax") or CALENDARS_MOST), CALENDARS_MOST)
    calendars: dict[str, Any] = {}
    for item in cast("list[Resource]", asked.body.get("items") or []):
        name = str(item.get("id", ""))
        if len(calendars) < most:
            calendars[name] = await _calendar(rows, asked.account, name, (start, end), zone, now)
        else:
            calendars[name] = _unknown("tooManyCalendarsRequested")
    return {"kind": "calendar#freeBusy", "timeMin": rfc3339(start), "timeMax": rfc3339(end), "calendars": calendars}


async def _calendar(
    rows: Rows, account: str, name: str, span: tuple[datetime, datetime], zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    calendar = await rows.calendar(account if name == "primary" else name, owner=account)
    if calendar is None:
        return _unknown("notFound")
    own = ZoneInfo(calendar["timeZone"])
    window = Window(*span)
    found = await rows.events(calendar["id"], *window.seconds)
    found = await singles(rows, calendar["id"], found, window, own, now)
    spans = busy_spans(found, *span, own)
    return {"busy": [{"start": google_instant(s, zone), "end": google_instant(e, zone)} for s, e in spans]}


def _unknown(reason: str) -> dict[str, Any]:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def busy_spans(events: Iterable[Resource], start: datetime, end: datetime, zone: ZoneInfo) -> Spans:
    """Where a calendar is busy within a span: merged, clipped, in order.

    Args:
        events: of the calendar; instances, no series.
        start: aware.
        end: aware.
        zone: the calendar's, for all-day events.
    """
    blocking = (span_of(event, zone) for event in events if _blocks(event))
    merged: Spans = []
    for first, last in sorted((max(start, first), min(end, last)) for first, last in blocking):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        elif first < last:
            merged.append((first, last))
    return merged


def _blocks(event: Resource) -> bool:
    declined = any(g.get("self") and g.get("responseStatus") == "declined" for g in event.get("attendees", ()))
    return event["status"] != "cancelled" and event.get("transparency") != "transparent" and not declined


def _bounds(asked: Asked) -> tuple[datetime, datetime]:
    for name in ("timeMin", "timeMax"):
        if not asked.body.get(name):
            raise required(name)
    start, end = (parse_bound(str(asked.body[name]), name) for name in ("timeMin", "timeMax"))
    if end <= start:
        message = "The specified time range is empty."
        raise GoogleError(400, "timeRangeEmpty", message, domain="calendar", location="timeMax")
    return start, end
