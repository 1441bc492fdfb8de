"""The calendar's tools that write. Each goes through the ledger."""

from datetime import datetime, timedelta
from typing import Any

from contracts.operations import operation_key
from contracts.results import Action
from mcp_servers.google_calendar.booking import Booking, EventDraft
from mcp_servers.google_calendar.cancelling import Cancellation, Doomed
from mcp_servers.google_calendar.changing import Change, Plan, SplitPlan, SplitSeries
from mcp_servers.google_calendar.client import EventPage
from mcp_servers.google_calendar.desk import CHOSEN_SECONDS, Desk, ledger_key, taken, where
from mcp_servers.google_calendar.events import Event
from mcp_servers.google_calendar.free import is_free, promised_span, taken_spans, widened
from mcp_servers.google_calendar.models import (
    BookSlot,
    Changed,
    Created,
    CreateEvent,
    Deleted,
    DeleteEvent,
    SlotBooked,
    UpdateEvent,
)
from mcp_servers.google_calendar.planning import Target, find_target, new_span, plan_change, reminders
from mcp_servers.google_calendar.reading import readable, shown_to
from mcp_servers.google_calendar.recurrence import check_lines, split
from mcp_servers.google_calendar.rules import Window
from mcp_servers.google_calendar.times import Span, parse_span
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NotAllowed
from mcp_servers.shared.ledger import Done, Writer
from mcp_servers.shared.tools import Arguments
from mcp_servers.shared.words import plain

OPEN_TO_CALLERS = {
    "event_id", "booking_code", "start", "end", "summary", "description", "scope", "calendar",
}  # fmt: skip
AT_ONCE = timedelta(days=31)
FOLLOWING = "and all that follow"
ALL = "and all of its series"


class WritingTools:
    """Booking, changing, cancelling.

    Args:
        desk: the calendar and the ledger.
        writer: runs the writes.
    """

    def __init__(self, desk: Desk, writer: Writer) -> None:
        self._desk = desk
        self._writer = writer

    async def create_event(self, args: CreateEvent, call: Call) -> Created:
        """Book a time once."""
        _refuse_owners_fields(args, call)
        place = await self._desk.place(call, args.calendar)
        span = parse_span(args.start, args.end, await self._desk.zones.get(place, call))
        if not call.is_owner:
            place.rules.check(span, self._desk.now())
        if args.recurrence is not None:
            check_lines(args.recurrence, span.start)
        draft = EventDraft(
            place,
            span,
            args.summary,
            args.send_updates or place.rules.send_updates,
            checked=not call.is_owner,
            more=_details(args),
        )
        done = await self._book(draft, call, summary=args.summary if call.is_owner else None)
        event: Event = done.details["event"]
        return Created(
            **_written(done, event),
            link=event.link,
            meet_link=event.raw.get("hangoutLink"),
            booking_code=done.details["booking_code"],
        )

    async def book_slot(self, args: BookSlot, call: Call) -> SlotBooked:
        """Keep a chosen slot for this call, or book it."""
        place = await self._desk.place(call)
        span = parse_span(args.start, args.end, await self._desk.zones.get(place, call))
        place.rules.check(span, self._desk.now())
        if args.summary is None:
            return await self._hold(place, span, call)
        more = {"description": args.description} if args.description else {}
        draft = EventDraft(place, span, args.summary, place.rules.send_updates, checked=True, more=more)
        done = await self._book(draft, call)
        event: Event = done.details["event"]
        return SlotBooked(
            **_written(done, event),
            state="booked",
            booking_code=done.details["booking_code"],
        )

    async def update_event(self, args: UpdateEvent, call: Call) -> Changed:
        """Change or move an event, one of a series, the rest of it, or all of it."""
        _refuse_owners_fields(args, call)
        place = await self._desk.place(call, args.calendar)
        target = await self._target_of_change(args, call, place)
        self._make_sure_it_may_change(target.event, args.booking_code, call)
        if target.event.cancelled:
            raise BadRequest("event_id: that event is cancelled", field="event_id", speech="That one is cancelled.")
        send_updates = args.send_updates or place.rules.send_updates
        plan = plan_change(target, args, send_updates=send_updates, promised=not call.is_owner)
        done = await self._run_change(plan, args, call)
        event: Event = done.details["event"]
        return Changed(
            **_written(done, event),
            meet_link=event.raw.get("hangoutLink"),
        )

    async def delete_event(self, args: DeleteEvent, call: Call) -> Deleted:
        """Cancel an event, one of a series, the rest of it, or all of it."""
        _refuse_owners_fields(args, call)
        place = await self._desk.place(call, args.calendar)
        target = await find_target(self._desk, place, args.event_id, args.scope, args.booking_code, call)
        self._make_sure_it_may_change(target.event, args.booking_code, call)
        doomed = _doomed(target, args.send_updates or place.rules.send_updates)
        request: dict[str, Any] = {**where(place), "event_id": doomed.event.id}
        if doomed.kept is not None:
            request["kept"] = doomed.kept
        done = await self._writer.run(
            Cancellation(self._desk, call, doomed),
            call,
            key=call.key(event_id=args.event_id, scope=args.scope),
            request=request,
        )
        return Deleted(speech=done.receipt.speech, event_id=args.event_id, receipt=done.receipt)

    async def _book(self, draft: EventDraft, call: Call, *, summary: str | None = None) -> Done:
        start = draft.span.instants()[0].timestamp()
        key = call.key(calendar=draft.place.calendar, start=start)
        if summary is not None:
            # An owner may well have two different things at the same time.
            title = {"key": key, "summary": " ".join(summary.casefold().split()), "calendar": draft.place.calendar}
            key = operation_key(workspace=call.workspace, tool=call.tool, caller=call.person, key_arguments=title)
        return await self._writer.run(Booking(self._desk, call, draft), call, key=key, request=where(draft.place))

    async def _hold(self, place: Place, span: Span, call: Call) -> SlotBooked:
        """A lease, which the ledger alone knows; one per call, so another choice lets the first one go."""
        hold = self._desk.hold_id(call)
        await self._desk.promise(place, span, call, operation_id=hold, resource_id=hold, seconds=CHOSEN_SECONDS)
        free = False
        try:
            busy = await self._desk.taken_around(place, span.instants(), span.zone, call)
            free = is_free(span.seconds(), busy, place.rules)
        finally:
            # Also when Google cannot be read: what is not known to be free must not keep others away.
            if not free:
                await self._desk.reservations.release(hold)
        if not free:
            raise taken(span)
        until = datetime.fromtimestamp(self._desk.now() + CHOSEN_SECONDS, span.zone)
        return SlotBooked(
            speech=f"I'm keeping {span.spoken()} for you while we finish.",
            state="held",
            start=span.start.isoformat(),
            end=span.end.isoformat(),
            spoken=span.spoken(),
            zone=span.zone.key,
            held_until=until.isoformat(),
        )

    async def _target_of_change(self, args: UpdateEvent, call: Call, place: Place) -> Target:
        """What is meant; for a caller who moves their booking, with the check of the new time in the same request."""
        moves = args.start is not None or args.end is not None
        if call.is_owner or not moves or args.scope not in {None, "this"}:
            return await find_target(self._desk, place, args.event_id, args.scope, args.booking_code, call)
        event = await self._movable_at_once(args, call, place)
        if event is None:
            event = await readable(self._desk, place, args.event_id, args.booking_code, call)
            page = await self._desk.busy_page(place, self._looked_at(place, args, event.span), call)
            await self._make_sure_it_is_free(page, place, args, event, call)
        if event.recurs:
            raise NotAllowed("event_id: an event that recurs is changed by the owner only", field="event_id")
        return Target(place, event, None)

    async def _known_span(self, event_id: str, call: Call, place: Place) -> Span | None:
        """Where our own ledger last saw the event; only a hint for what to read."""
        zone = await self._desk.zones.get(place, call)
        for action in (Action.MOVED, Action.BOOKED):
            found = await self._desk.operations.of_resource(event_id, action=action)
            if found is not None and found.receipt is not None and found.receipt.start and found.receipt.end:
                return Span(found.receipt.start.astimezone(zone), found.receipt.end.astimezone(zone), zone)
        return None

    async def _movable_at_once(self, args: UpdateEvent, call: Call, place: Place) -> Event | None:
        """Old and new time read with one request: the event, if it is there and the new time is free.

        Raises:
            Conflict: the new time is taken.
            NotFound: the event is another caller's.
        """
        old = await self._known_span(args.event_id, call, place)
        if old is None:
            return None
        looked_at, was = self._looked_at(place, args, old), old.instants()
        window = min(looked_at[0], was[0]), max(looked_at[1], was[1])
        if window[1] - window[0] > AT_ONCE:
            return None
        page = await self._desk.list_page(place, window, call)
        event = next((event for event in page.events if event.id == args.event_id), None)
        if event is None or not page.complete:
            return None
        event = shown_to(self._desk, event, args.booking_code, call)
        await self._make_sure_it_is_free(page, place, args, event, call)
        return event

    def _looked_at(self, place: Place, args: UpdateEvent, old: Span) -> Window:
        span = new_span(args, old)
        assert span is not None, "only for changes that move"
        return widened(span.instants(), place.rules.buffer)

    async def _make_sure_it_is_free(
        self, page: EventPage, place: Place, args: UpdateEvent, event: Event, call: Call
    ) -> None:
        """The rules and what is taken, for the new time. Two who move at once are told apart by the promise that follows."""
        desk, span = self._desk, new_span(args, event.span)
        assert span is not None, "only for changes that move"
        place.rules.check(span, desk.now())
        desk.zones.compare(place, page.zone, span.zone)
        window = promised_span(span.seconds(), place.rules)
        promises = await desk.reservations.live(ledger_key(place), window)
        busy = taken_spans(page, promises, place.rules, but=(event.id, desk.hold_id(call)))
        if not is_free(span.seconds(), busy, place.rules):
            raise taken(span)

    def _make_sure_it_may_change(self, event: Event, code: str | None, call: Call) -> None:
        if not self._desk.marks.may_change(event, call, code):
            raise NotAllowed(
                "booking_code: needed to change or cancel a booking of another call; a number alone can be forged",
                field="booking_code",
                speech="For that I need the booking code you were given.",
            )

    async def _run_change(self, plan: Plan | SplitPlan, args: UpdateEvent, call: Call) -> Done:
        given = args.model_dump(exclude_none=True, exclude={"booking_code"})
        moved = args.start is not None or args.end is not None
        request: dict[str, Any] = {**where(plan.place), "moved": moved, "send_updates": plan.send_updates}
        key = call.key(**given)
        if isinstance(plan, SplitPlan):
            request |= {"event_id": plan.series.id, "lines": list(plan.series.raw.get("recurrence", ()))}
            write: Any = SplitSeries(self._desk, call, plan)
        else:
            request["event_id"] = plan.event.id
            write = Change(self._desk, call, plan)
        return await self._writer.run(write, call, key=key, request=request)


def _written(done: Done, event: Event) -> dict[str, Any]:
    """What every write answers; a title may be other people's words."""
    return {
        "speech": done.receipt.speech,
        "event_id": event.id,
        "receipt": done.receipt,
        "summary": plain(event.summary),
        "start": event.span.start.isoformat(),
        "end": event.span.end.isoformat(),
        "spoken": event.span.spoken(),
        "zone": event.span.zone.key,
    }


def _refuse_owners_fields(args: Arguments, call: Call) -> None:
    """What a caller may not decide: whom Google e-mails, what recurs, what the event looks like.

    Raises:
        NotAllowed: one of them was given.
    """
    if call.is_owner:
        return
    for name in sorted(args.model_fields_set - OPEN_TO_CALLERS):
        if getattr(args, name) is not None:
            raise NotAllowed(f"{name}: only the owner may set it; leave it out", field=name)


def _details(args: CreateEvent) -> dict[str, Any]:
    given = {
        "description": args.description or None,
        "attendees": [{"email": address} for address in args.attendees] if args.attendees else None,
        "location": args.location,
        "recurrence": args.recurrence,
        "reminders": reminders(args.reminders),
        "colorId": args.color,
        "visibility": args.visibility,
        "conferenceData": {} if args.meet else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _doomed(target: Target, send_updates: str) -> Doomed:
    if target.scope == "all":
        return Doomed(target.place, target.event, send_updates, what=ALL)
    if target.scope != "this_and_following":
        return Doomed(target.place, target.event, send_updates)
    cut = split(target.lines, target.event.span.start, target.named, target.zone)
    if cut.is_whole:
        return Doomed(target.place, target.event, send_updates, what=ALL)
    return Doomed(target.place, target.event, send_updates, kept=cut.before, what=FOLLOWING)
