"""The calendar's writes, as the ledger runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts.results import Action, Receipt
from mcp_servers.google_calendar.client import Duplicate, GoogleCalendar
from mcp_servers.google_calendar.events import OPERATION, Event, Marks, google_time
from mcp_servers.google_calendar.free import is_free, taken_spans
from mcp_servers.google_calendar.times import Span
from mcp_servers.google_calendar.zones import Zones
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict, OutcomeUnknown, Unavailable
from mcp_servers.shared.ledger import Done, Gone, Operation, Operations, Reservations, SlotTaken
from mcp_servers.shared.words import plain, spelled

SEND_UPDATES = "all"


@dataclass(frozen=True)
class Desk:
    """What the writes work with."""

    google: GoogleCalendar
    calendar: str
    zones: Zones
    operations: Operations
    reservations: Reservations
    marks: Marks
    capacity: int
    demo: bool
    now: Callable[[], float]

    def made_at(self) -> datetime:
        """Now, for receipts."""
        return datetime.fromtimestamp(self.now(), UTC)


@dataclass(frozen=True)
class EventDraft:
    """What a new event is to hold."""

    span: Span
    summary: str
    description: str | None
    attendees: list[str]


class Booking:
    """Making an event. For callers the span is promised first, then Google is asked once more, then the event is made.

    Args:
        desk: what it works with.
        call: who books.
        draft: what; None when an operation is only settled.
    """

    def __init__(self, desk: Desk, call: Call, draft: EventDraft | None) -> None:
        self._desk = desk
        self._call = call
        self._draft = draft

    async def send(self, operation: Operation) -> Done:
        """Promise, check, insert."""
        assert self._draft is not None, "an operation that is only settled is never sent"
        if not self._call.is_owner:
            await self._make_sure_it_is_free(operation, self._draft)
        try:
            event = await self._desk.google.insert_event(
                self._desk.calendar,
                self._body(operation, self._draft),
                self._call,
                zone=self._draft.span.zone,
                send_updates=SEND_UPDATES,
            )
        except Duplicate:
            event = await self._read_ours(operation, self._draft.span.zone)
        await self._desk.reservations.confirm(operation.id)
        return self._done(operation, event)

    async def settle(self, operation: Operation) -> Done | None:
        """Whether Google has the event."""
        event = await self._get(operation)
        if event is None:
            return None
        if event.cancelled:
            raise Gone
        await self._desk.reservations.confirm(operation.id)
        return self._done(operation, event)

    async def replay(self, operation: Operation) -> Done:
        """The event as it stands now, which may have been moved since."""
        event = await self._get(operation)
        if event is None or event.cancelled:
            raise Gone
        return self._done(operation, event)

    async def abandon(self, operation: Operation) -> None:
        """Give the span back."""
        await self._desk.reservations.release(operation.id)

    async def _make_sure_it_is_free(self, operation: Operation, draft: EventDraft) -> None:
        desk, span = self._desk, draft.span
        event_id = desk.marks.event_id(operation.id)
        try:
            promise = await desk.reservations.reserve(
                operation_id=operation.id,
                calendar=desk.calendar,
                span=span.seconds(),
                resource_id=event_id,
                capacity=desk.capacity,
            )
        except SlotTaken:
            raise _taken(span) from None
        start, end = span.instants()
        page = await desk.google.list_events(desk.calendar, self._call, start=start, end=end)
        desk.zones.compare(page.zone, span.zone)
        taken = taken_spans(page, await desk.reservations.ahead_of(promise), but=event_id)
        if not is_free(span.seconds(), taken, desk.capacity):
            raise _taken(span)

    def _body(self, operation: Operation, draft: EventDraft) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self._desk.marks.event_id(operation.id),
            "summary": draft.summary,
            "start": google_time(draft.span.start, draft.span.zone),
            "end": google_time(draft.span.end, draft.span.zone),
            "extendedProperties": {"private": self._desk.marks.of(self._call, operation.id)},
        }
        if draft.description:
            body["description"] = draft.description
        if draft.attendees:
            body["attendees"] = [{"email": address} for address in draft.attendees]
        return body

    async def _get(self, operation: Operation) -> Event | None:
        zone = await self._desk.zones.get(self._call)
        return await self._desk.google.get_event(
            self._desk.calendar, self._desk.marks.event_id(operation.id), self._call, zone=zone
        )

    async def _read_ours(self, operation: Operation, zone: ZoneInfo) -> Event:
        """What stands under our id, after Google said that it exists."""
        event_id = self._desk.marks.event_id(operation.id)
        try:
            event = await self._desk.google.get_event(self._desk.calendar, event_id, None, zone=zone)
        except Unavailable as error:
            raise OutcomeUnknown("the event exists, but Google cannot be read to compare it") from error
        if event is None or event.private.get(OPERATION) != operation.id:
            raise Conflict("another event has this operation's id")
        if event.cancelled:
            raise Gone
        return event

    def _done(self, operation: Operation, event: Event) -> Done:
        code = self._desk.marks.code(event.id)
        title = plain(event.summary)
        receipt = receipt_for(
            self._desk,
            operation,
            event,
            action=Action.BOOKED,
            speech=f"It's booked: {title}, on {event.span.spoken()}. The booking code is {spelled(code)}.",
        )
        return Done(event.id, receipt, {"event": event, "booking_code": code})


class Cancellation:
    """Deleting an event that was read, if it is still as it was read.

    Args:
        desk: what it works with.
        call: who cancels; was checked before.
        event: as it was read; None when an operation is only settled.
    """

    def __init__(self, desk: Desk, call: Call, event: Event | None) -> None:
        self._desk = desk
        self._call = call
        self._event = event

    async def send(self, operation: Operation) -> Done:
        """Delete, then let go of what the booking held."""
        assert self._event is not None, "an operation that is only settled is never sent"
        if not self._event.cancelled:
            await self._desk.google.delete_event(
                self._desk.calendar, self._event.id, self._call, etag=self._event.etag, send_updates=SEND_UPDATES
            )
        return await self._done(operation, self._event)

    async def settle(self, operation: Operation) -> Done | None:
        """Whether it is gone."""
        event = await self._get(operation)
        if event is not None and not event.cancelled:
            return None
        return await self._done(operation, event)

    async def replay(self, operation: Operation) -> Done:
        """Whether it is still gone."""
        event = await self._get(operation)
        if event is not None and not event.cancelled:
            raise Gone
        return await self._done(operation, event)

    async def abandon(self, operation: Operation) -> None:
        """Nothing was promised for it."""

    async def _get(self, operation: Operation) -> Event | None:
        zone = await self._desk.zones.get(self._call)
        event_id = str(operation.request["event_id"])
        return await self._desk.google.get_event(self._desk.calendar, event_id, self._call, zone=zone)

    async def _done(self, operation: Operation, event: Event | None) -> Done:
        event_id = str(operation.request["event_id"])
        booked_by = await self._desk.operations.of_resource(event_id, action=Action.BOOKED)
        if booked_by is not None:
            await self._desk.operations.undo(booked_by.id)
            await self._desk.reservations.release(booked_by.id)
        shown = event or self._event
        what = f": {plain(shown.summary)}, on {shown.span.spoken()}" if shown is not None else ""
        speech = f"That's cancelled{what}."
        if shown is not None:
            receipt = receipt_for(self._desk, operation, shown, action=Action.CANCELLED, speech=speech)
        else:
            receipt = Receipt(
                operation_id=operation.id,
                action=Action.CANCELLED,
                tool=operation.tool,
                resource_id=event_id,
                made_at=self._desk.made_at(),
                demo=self._desk.demo,
                speech=speech,
            )
        return Done(event_id, receipt, {})


def receipt_for(desk: Desk, operation: Operation, event: Event, *, action: Action, speech: str) -> Receipt:
    """The receipt of a write on an event."""
    start, end = event.span.instants()
    return Receipt(
        operation_id=operation.id,
        action=action,
        tool=operation.tool,
        resource_id=event.id,
        made_at=desk.made_at(),
        start=start,
        end=end,
        all_day=event.span.all_day,
        zone=event.span.zone.key,
        party=plain(event.summary),
        demo=desk.demo,
        speech=speech,
    )


def _taken(span: Span) -> Conflict:
    return Conflict("start: this time is taken", field="start", speech=f"I'm sorry, {span.spoken()} is already taken.")
