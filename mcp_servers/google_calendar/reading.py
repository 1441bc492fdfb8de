"""The calendar's tools that only read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.spoken import spoken_instant, spoken_offers
from mcp_servers.google_calendar.desk import Desk
from mcp_servers.google_calendar.events import CODE, PERSON, Event
from mcp_servers.google_calendar.free import conflicts, free_slots, is_free
from mcp_servers.google_calendar.models import (
    Availability,
    Busy,
    CheckAvailability,
    EventView,
    FindSlots,
    GetEvent,
    Got,
    Guest,
    Listed,
    ListEvents,
    Slot,
    Slots,
    Untrusted,
)
from mcp_servers.google_calendar.rules import Window
from mcp_servers.google_calendar.times import Span, as_instant, parse_moment, parse_span
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NotFound
from mcp_servers.shared.words import plain

LIST_DAYS = 30
OWN_DAYS = 401
"""A caller's own bookings are few, and wanted all: agents book up to 400 days ahead."""
WINDOW_DAYS = 31


class ReadingTools:
    """What is free, and what is booked.

    Args:
        desk: the calendar and the ledger.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_events(self, args: ListEvents, call: Call) -> Listed:
        """The caller's own events, or the one of a code; all of them for the owner."""
        place = await self._desk.place(call, args.calendar)
        zone = await self._desk.zones.get(place, call)
        whose = self._whose(args, call)
        start, end, token = self._list_window(args, zone, days=OWN_DAYS if whose else LIST_DAYS)
        page = await self._desk.google.list_events(
            place.calendar,
            call,
            start=start,
            end=end,
            private=whose,
            query=args.query,
            most=args.max_results,
            page=token,
        )
        self._desk.zones.compare(place, page.zone, zone)
        views = [view(event) for event in page.events]
        more = not page.complete
        return Listed(
            speech=_list_speech(views, more=more),
            events=views,
            count=len(views),
            more=more,
            next_page=_page_token(start, end, page.next_page) if page.next_page else None,
            zone=page.zone.key,
        )

    async def get_event(self, args: GetEvent, call: Call) -> Got:
        """One event that this call may see."""
        place = await self._desk.place(call, args.calendar)
        event = await readable(self._desk, place, args.event_id, args.booking_code, call)
        shown = view(event)
        return Got(speech=f"{shown.summary}, on {shown.spoken}.", event=shown)

    async def check_availability(self, args: CheckAvailability, call: Call) -> Availability:
        """Whether one more booking fits."""
        place = await self._desk.place(call, args.calendar)
        zone = await self._desk.zones.get(place, call)
        span = parse_span(args.start, args.end, zone)
        _refuse_long(span)
        if (closed := self._closed(place, span, call)) is not None:
            return _availability(span, zone, closed, available=False, busy=[])
        taken = await self._desk.taken_around(place, span.instants(), zone, call)
        free = is_free(span.seconds(), taken, place.rules)
        speech = f"{span.spoken()} is {'free' if free else 'already taken'}."
        return _availability(span, zone, speech, available=free, busy=conflicts(span.seconds(), taken, zone))

    async def find_slots(self, args: FindSlots, call: Call) -> Slots:
        """A few free times."""
        place = await self._desk.place(call, args.calendar)
        zone = await self._desk.zones.get(place, call)
        span = parse_span(args.start, args.end, zone)
        _refuse_long(span)
        # In UTC, since two times of one zone are compared by what the clock shows, in the hour that comes twice too.
        start, end = (moment.astimezone(UTC) for moment in span.instants())
        near = as_instant(parse_moment(args.near, zone, "near"), zone) if args.near else None
        earliest = self._now(zone).astimezone(UTC) + timedelta(minutes=place.rules.notice_minutes)
        window = (max(start, earliest), end)
        found: list[tuple[datetime, datetime]] = []
        if window[0] < window[1]:
            taken = await self._desk.taken_around(place, window, zone, call)
            found = free_slots(window, taken, minutes=args.minutes, near=near, rules=place.rules, zone=zone)
        slots = [Slot(start=s.isoformat(), end=e.isoformat(), spoken=spoken_instant(s)) for s, e in found]
        return Slots(speech=_offer([start for start, _ in found], self._now(zone).date()), slots=slots, zone=zone.key)

    def _closed(self, place: Place, span: Span, call: Call) -> str | None:
        """What to say of a time that callers may not have, taken or not. The owner may book at any time."""
        if call.is_owner:
            return None
        try:
            place.rules.check(span, self._desk.now())
        except BadRequest as refused:
            return refused.speech
        return None

    def _whose(self, args: ListEvents, call: Call) -> tuple[str, ...]:
        """What events must carry to be listed: the code that was given, else the caller's mark; nothing for the owner."""
        marks = self._desk.marks
        if args.booking_code is not None:
            return (f"{CODE}={marks.code_digest(args.booking_code)}",)
        return () if call.is_owner else (f"{PERSON}={marks.person(call)}",)

    def _list_window(self, args: ListEvents, zone: ZoneInfo, *, days: int) -> tuple[datetime, datetime, str | None]:
        """From, until, and Google's token of the page. A later page is of the first one's window, whatever time it is now."""
        if args.page is not None:
            return _read_page_token(args.page, zone)
        start = as_instant(parse_moment(args.time_min, zone, "time_min"), zone) if args.time_min else self._now(zone)
        start = start.replace(microsecond=0)
        if args.time_max:
            end = as_instant(parse_moment(args.time_max, zone, "time_max"), zone)
        else:
            end = start + timedelta(days=days)
        if end.timestamp() <= start.timestamp():
            raise BadRequest("time_max: must be after time_min", field="time_max")
        return start, end.replace(microsecond=0), None

    def _now(self, zone: ZoneInfo) -> datetime:
        return datetime.fromtimestamp(self._desk.now(), zone)


def _offer(starts: Sequence[datetime], today: date) -> str:
    return f"I could offer {spoken_offers(starts, today)}." if starts else "There is nothing free then."


def _availability(span: Span, zone: ZoneInfo, speech: str, *, available: bool, busy: Sequence[Window]) -> Availability:
    return Availability(
        speech=speech,
        available=available,
        conflicting_events=len(busy),
        conflicts=[Busy(start=start.isoformat(), end=end.isoformat()) for start, end in busy],
        start=span.start.isoformat(),
        end=span.end.isoformat(),
        zone=zone.key,
        spoken=span.spoken(),
    )


def _page_token(start: datetime, end: datetime, token: str) -> str:
    return f"{start.timestamp():.0f}.{end.timestamp():.0f}.{token}"


def _read_page_token(page: str, zone: ZoneInfo) -> tuple[datetime, datetime, str]:
    try:
        first, last, token = page.split(".", 2)
        return datetime.fromtimestamp(int(first), zone), datetime.fromtimestamp(int(last), zone), token
    except (ValueError, OverflowError, OSError):
        raise BadRequest("page: give next_page of the answer before, unchanged", field="page") from None


async def readable(desk: Desk, place: Place, event_id: str, code: str | None, call: Call) -> Event:
    """One event, if this call may see it.

    Raises:
        NotFound: it is not there, or not this caller's: one answer for both, so that ids cannot be probed.
    """
    return shown_to(desk, await desk.event(place, event_id, call), code, call)


def shown_to(desk: Desk, event: Event | None, code: str | None, call: Call) -> Event:
    """The event, if this call may see it.

    Raises:
        NotFound: it is not there, or not this caller's.
    """
    if event is None or not desk.marks.may_read(event, call, code):
        raise NotFound("event_id: no such event of this caller's", field="event_id")
    return event


def _refuse_long(span: Span) -> None:
    """Keep a window to what one page of Google's holds.

    Raises:
        BadRequest: it is too long.
    """
    start, end = span.instants()
    if end - start > timedelta(days=WINDOW_DAYS):
        raise BadRequest(f"end: at most {WINDOW_DAYS} days after start", field="end")


def view(event: Event) -> EventView:
    """An event as a tool shows it: what others wrote stays in its own field, and is short where it may be spoken."""
    start = event.span.instants()[0]
    return EventView(
        id=event.id,
        summary=plain(event.summary),
        start=event.span.start.isoformat(),
        end=event.span.end.isoformat(),
        all_day=event.span.all_day,
        weekday=f"{start:%A}",
        zone=event.span.zone.key,
        spoken=event.span.spoken(),
        recurs=event.recurs,
        meet_link=event.raw.get("hangoutLink"),
        untrusted=Untrusted(
            summary=event.summary,
            description=event.raw.get("description"),
            location=event.raw.get("location"),
            attendees=[
                Guest(
                    email=str(guest.get("email", "")),
                    name=guest.get("displayName"),
                    response=guest.get("responseStatus"),
                )
                for guest in event.raw.get("attendees", ())
            ],
        ),
    )


def _list_speech(views: Sequence[EventView], *, more: bool) -> str:
    if not views and more:
        return "I found none yet, but there is more to look through."
    if not views:
        return "I found no bookings."
    said = "; ".join(f"{shown.summary}, on {shown.spoken}" for shown in views[:3])
    rest = " There are more after that." if more or len(views) > 3 else ""
    return f"I found {said}.{rest}"
