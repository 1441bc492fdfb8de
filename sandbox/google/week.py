"""The calendars as a week, for people who watch."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox.google.events import Resource, span_of
from sandbox.google.listing import Window, singles
from sandbox.google.store import Rows, Store
from sandbox.pages import fragment
from sandbox.part import SandboxContext


class WeekPage:
    """``GET /_sandbox/google/week``: a part of the page at ``/``.

    Args:
        store: calendars and events.
        context: clock and zone.
    """

    def __init__(self, store: Store, context: SandboxContext) -> None:
        self._store = store
        self._context = context

    async def endpoint(self, request: Request) -> Response:
        """Seven days from the Monday of the day that is asked for; this week when none is."""
        now = self._context.now()
        today = now.astimezone(self._context.zone).date()
        try:
            asked = date.fromisoformat(request.query_params.get("day") or today.isoformat())
            monday = asked - timedelta(days=asked.weekday())
            following, previous = monday + timedelta(days=7), monday - timedelta(days=7)
        except (ValueError, OverflowError):
            return HTMLResponse("day: write it as 2026-11-24", status_code=400)
        days = [monday + timedelta(days=number) for number in range(7)]
        async with self._store.transaction() as rows:
            found = [await self._calendar(rows, calendar, owner, days, now) for owner in await rows.owners()
                     for calendar in await rows.calendars(owner)]  # fmt: skip
        page = fragment("google/week.html", days=days, today=today, calendars=found, previous=previous, next=following)
        return HTMLResponse(page, headers={"cache-control": "no-store"})

    async def _calendar(
        self, rows: Rows, calendar: dict[str, Any], owner: str, days: list[date], now: datetime
    ) -> dict[str, Any]:
        zone = ZoneInfo(calendar["timeZone"])
        window = Window(_midnight(days[0], zone), _midnight(days[-1] + timedelta(days=1), zone))
        found = await singles(
            rows, calendar["id"], await rows.events(calendar["id"], *window.seconds), window, zone, now
        )
        shown = sorted((_shown(event, zone) for event in found if event["status"] != "cancelled"), key=_order)
        columns = [[event for event in shown if event["first"] <= day <= event["last"]] for day in days]
        return {"name": calendar["summary"], "owner": owner, "zone": zone.key, "columns": columns, "count": len(shown)}


def _shown(event: Resource, zone: ZoneInfo) -> dict[str, Any]:
    start, end = (moment.astimezone(zone) for moment in span_of(event, zone))
    last = max(start, end - timedelta(microseconds=1)).date()
    hours = "all day" if "date" in event["start"] else f"{start:%H:%M} – {end:%H:%M}"
    guests = [str(guest["email"]) for guest in event.get("attendees", ())]
    title = event.get("summary") or "(no title)"
    return {"title": title, "hours": hours, "first": start.date(), "last": last, "start": start, "guests": guests}


def _order(event: dict[str, Any]) -> tuple[datetime, str]:
    return event["start"], event["title"]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
