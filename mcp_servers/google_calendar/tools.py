"""The calendar's tools. What a model reads of them is here; the wire is in ``client.py``, the writes in ``booking.py``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.spoken import spoken_instant
from mcp_servers.google_calendar.booking import Booking, Cancellation, Desk, EventDraft
from mcp_servers.google_calendar.events import PERSON, Event
from mcp_servers.google_calendar.free import conflicts, free_slots, is_free, taken_spans
from mcp_servers.google_calendar.models import (
    Availability,
    Busy,
    CheckAvailability,
    Created,
    CreateEvent,
    Deleted,
    DeleteEvent,
    EventView,
    FindSlots,
    GetEvent,
    Got,
    Listed,
    ListEvents,
    Slot,
    Slots,
    Untrusted,
)
from mcp_servers.google_calendar.times import Span, as_instant, parse_moment, parse_span
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NotAllowed, NotFound
from mcp_servers.shared.ledger import Writer
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.shared.words import plain

LIST_DAYS = 30
WINDOW_DAYS = 31
MOST_EVENTS = 250


class CalendarTools:
    """The tools of one calendar.

    Args:
        desk: the calendar and the ledger.
        writer: runs the writes.
    """

    def __init__(self, desk: Desk, writer: Writer) -> None:
        self._desk = desk
        self._writer = writer

    def specs(self) -> Sequence[ToolSpec[Any]]:
        """What the server registers."""
        return (
            ToolSpec(
                name="calendar_create_event",
                title="Book",
                description="Book a time in the calendar. It refuses a time that is taken. Say the answer's speech word for word.",
                arguments=CreateEvent,
                result=Created,
                run=self.create_event,
                effect="write",
                key_arguments=("start",),
                instants={"start": "start", "end": "end"},
            ),
            ToolSpec(
                name="calendar_list_events",
                title="List bookings",
                description="The caller's own bookings (for the owner: all events), soonest first.",
                arguments=ListEvents,
                result=Listed,
                run=self.list_events,
                instants={"start": "time_min", "end": "time_max"},
                purpose="list",
            ),
            ToolSpec(
                name="calendar_get_event",
                title="Look up a booking",
                description="One booking of the caller's by its id.",
                arguments=GetEvent,
                result=Got,
                run=self.get_event,
            ),
            ToolSpec(
                name="calendar_delete_event",
                title="Cancel a booking",
                description="Cancel one of the caller's bookings. Read it back and get a yes first. Say the answer's speech word for word.",
                arguments=DeleteEvent,
                result=Deleted,
                run=self.delete_event,
                effect="destroy",
                key_arguments=("event_id",),
                purpose="cancel",
                slots={
                    "event_id": {"kind": "event_id", "ask": "Which booking do you mean?"},
                    "booking_code": {"kind": "booking_code", "ask": "What is the booking code you were given?"},
                },
            ),
            ToolSpec(
                name="calendar_check_availability",
                title="Check a time",
                description="Whether a time is free, and what is taken within it.",
                arguments=CheckAvailability,
                result=Availability,
                run=self.check_availability,
                instants={"start": "start", "end": "end"},
                purpose="check",
            ),
            ToolSpec(
                name="calendar_find_slots",
                title="Find free times",
                description="At most three free times within a window, nearest to a wished time. Offer no others.",
                arguments=FindSlots,
                result=Slots,
                run=self.find_slots,
                instants={"start": "start", "end": "end"},
            ),
        )

    async def create_event(self, args: CreateEvent, call: Call) -> Created:
        """Book a time once."""
        zone = await self._desk.zones.get(call)
        span = parse_span(args.start, args.end, zone)
        if not call.is_owner:
            self._refuse_the_past(span)
            if args.attendees:
                raise NotAllowed("attendees: a caller cannot have invitations sent; leave it out", field="attendees")
        draft = EventDraft(span, args.summary, args.description, args.attendees or [])
        key: dict[str, object] = {"calendar": self._desk.calendar, "start": span.instants()[0].timestamp()}
        if call.is_owner:
            # An owner may well have two different things at the same time.
            key["summary"] = " ".join(args.summary.casefold().split())
        done = await self._writer.run(
            Booking(self._desk, call, draft), call, key=call.key(**key), request=args.model_dump(exclude_none=True)
        )
        event: Event = done.details["event"]
        return Created(
            speech=done.receipt.speech,
            event_id=event.id,
            receipt=done.receipt,
            summary=event.summary,
            start=event.span.start.isoformat(),
            end=event.span.end.isoformat(),
            link=event.link,
            booking_code=done.details["booking_code"],
        )

    async def list_events(self, args: ListEvents, call: Call) -> Listed:
        """The caller's own events; all of them for the owner."""
        zone = await self._desk.zones.get(call)
        start, end = self._list_window(args, zone)
        own = () if call.is_owner else (f"{PERSON}={self._desk.marks.person(call)}",)
        page = await self._desk.google.list_events(
            self._desk.calendar, call, start=start, end=end, private=own, most=args.max_results
        )
        self._desk.zones.learn(page.zone)
        views = [view(event) for event in page.events[: args.max_results]]
        more = not page.complete
        speech = _list_speech(views, more=more)
        return Listed(speech=speech, events=views, count=len(views), more=more, zone=page.zone.key)

    async def get_event(self, args: GetEvent, call: Call) -> Got:
        """One event that this call may see."""
        event = await self._readable(args.event_id, args.booking_code, call)
        shown = view(event)
        return Got(speech=f"{shown.summary}, on {shown.spoken}.", event=shown)

    async def delete_event(self, args: DeleteEvent, call: Call) -> Deleted:
        """Cancel an event that this call may change."""
        event = await self._readable(args.event_id, args.booking_code, call)
        if not self._desk.marks.may_change(event, call, args.booking_code):
            raise NotAllowed(
                "booking_code: needed to cancel a booking of another call; a number alone can be forged",
                field="booking_code",
                speech="To cancel that one I need the booking code you were given.",
            )
        done = await self._writer.run(
            Cancellation(self._desk, call, event),
            call,
            key=call.key(event_id=args.event_id),
            request={"event_id": args.event_id},
        )
        return Deleted(speech=done.receipt.speech, event_id=args.event_id, receipt=done.receipt)

    async def check_availability(self, args: CheckAvailability, call: Call) -> Availability:
        """Whether one more booking fits."""
        zone = await self._desk.zones.get(call)
        span = parse_span(args.start, args.end, zone)
        self._refuse_long(span)
        taken = await self._taken(span.instants(), call, zone)
        free = is_free(span.seconds(), taken, self._desk.capacity)
        busy = conflicts(span.seconds(), taken, zone)
        return Availability(
            speech=f"{span.spoken()} is {'free' if free else 'already taken'}.",
            available=free,
            conflicting_events=len(busy),
            conflicts=[Busy(start=start.isoformat(), end=end.isoformat()) for start, end in busy],
            start=span.start.isoformat(),
            end=span.end.isoformat(),
            zone=zone.key,
            spoken=span.spoken(),
        )

    async def find_slots(self, args: FindSlots, call: Call) -> Slots:
        """A few free times."""
        zone = await self._desk.zones.get(call)
        span = parse_span(args.start, args.end, zone)
        self._refuse_long(span)
        start, end = span.instants()
        near = as_instant(parse_moment(args.near, zone, "near"), zone) if args.near else None
        window = (max(start, self._now(zone)), end)
        taken = await self._taken((start, end), call, zone)
        found = free_slots(window, taken, minutes=args.minutes, near=near, capacity=self._desk.capacity)
        slots = [Slot(start=s.isoformat(), end=e.isoformat(), spoken=spoken_instant(s)) for s, e in found]
        offer = ", or ".join(slot.spoken for slot in slots)
        return Slots(
            speech=f"I could offer {offer}." if slots else "There is nothing free then.", slots=slots, zone=zone.key
        )

    async def _taken(self, window: tuple[datetime, datetime], call: Call, zone: ZoneInfo) -> list[tuple[float, float]]:
        page = await self._desk.google.list_events(
            self._desk.calendar, call, start=window[0], end=window[1], most=MOST_EVENTS
        )
        self._desk.zones.compare(page.zone, zone)
        seconds = (window[0].timestamp(), window[1].timestamp())
        return taken_spans(page, await self._desk.reservations.live(self._desk.calendar, seconds))

    async def _readable(self, event_id: str, code: str | None, call: Call) -> Event:
        zone = await self._desk.zones.get(call)
        event = await self._desk.google.get_event(self._desk.calendar, event_id, call, zone=zone)
        # The same answer for "not there" and "not yours", so that ids cannot be probed.
        if event is None or not self._desk.marks.may_read(event, call, code):
            raise NotFound("event_id: no such event of this caller's", field="event_id")
        return event

    def _list_window(self, args: ListEvents, zone: ZoneInfo) -> tuple[datetime, datetime]:
        start = as_instant(parse_moment(args.time_min, zone, "time_min"), zone) if args.time_min else self._now(zone)
        if args.time_max:
            end = as_instant(parse_moment(args.time_max, zone, "time_max"), zone)
        else:
            end = start + timedelta(days=LIST_DAYS)
        if end <= start:
            raise BadRequest("time_max: must be after time_min", field="time_max")
        return start, end

    def _refuse_the_past(self, span: Span) -> None:
        if span.instants()[0].timestamp() < self._desk.now():
            raise BadRequest(
                "start: is in the past", field="start", speech="That time has already passed. When else would suit you?"
            )

    @staticmethod
    def _refuse_long(span: Span) -> None:
        start, end = span.instants()
        if end - start > timedelta(days=WINDOW_DAYS):
            raise BadRequest(f"end: at most {WINDOW_DAYS} days after start", field="end")

    def _now(self, zone: ZoneInfo) -> datetime:
        return datetime.fromtimestamp(self._desk.now(), zone)


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
        untrusted=Untrusted(
            summary=event.summary,
            description=event.raw.get("description"),
            location=event.raw.get("location"),
            attendees=[str(guest.get("email", "")) for guest in event.raw.get("attendees", ())],
        ),
    )


def _list_speech(views: Sequence[EventView], *, more: bool) -> str:
    if not views:
        return "I found no bookings."
    said = "; ".join(f"{shown.summary}, on {shown.spoken}" for shown in views[:3])
    rest = " There are more after that." if more or len(views) > 3 else ""
    return f"I found {said}.{rest}"
