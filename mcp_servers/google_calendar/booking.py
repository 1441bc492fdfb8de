"""Making an event, as the ledger runs it: promise the span, ask Google once more, insert, confirm."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.results import Action
from mcp_servers.google_calendar.client import Duplicate
from mcp_servers.google_calendar.desk import Desk, taken
from mcp_servers.google_calendar.events import OPERATION, Event, google_time
from mcp_servers.google_calendar.free import is_free, taken_spans, widened
from mcp_servers.google_calendar.times import Span
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict
from mcp_servers.shared.ledger import Done, Gone, Operation
from mcp_servers.shared.words import plain, spelled


@dataclass(frozen=True)
class EventDraft:
    """What a new event is to hold.

    Args:
        place: in which calendar.
        span: when.
        summary: its title.
        send_updates: whom Google tells.
        checked: whether the span must be free; the owner may book over what is there.
        more: further fields of Google's event.
    """

    place: Place
    span: Span
    summary: str
    send_updates: str
    checked: bool
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Booking:
    """One new event.

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
        draft = self._draft
        also = "" if draft.checked else await self._overlaps(draft)
        if draft.checked:
            await self._make_sure_it_is_free(operation, draft)
        try:
            event = await self._desk.google.insert_event(
                draft.place.calendar,
                self._body(operation, draft),
                self._call,
                zone=draft.span.zone,
                send_updates=draft.send_updates,
            )
        except Duplicate:
            event = await self._read_ours(operation)
        await self._desk.reservations.confirm(operation.id)
        return self._done(operation, event, also)

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
        desk, span, event_id = self._desk, draft.span, self._desk.marks.event_id(operation.id)
        promise = await desk.promise(draft.place, span, self._call, operation_id=operation.id, resource_id=event_id)
        page = await desk.busy_page(draft.place, widened(span.instants(), draft.place.rules.buffer), self._call)
        desk.zones.compare(draft.place, page.zone, span.zone)
        ahead = await desk.reservations.ahead_of(promise)
        if not is_free(span.seconds(), taken_spans(page, ahead, draft.place.rules, but=(event_id,)), draft.place.rules):
            raise taken(span)

    async def _overlaps(self, draft: EventDraft) -> str:
        """What an owner is told who books over something; and whether the zone that the times were read in still holds."""
        desk, span = self._desk, draft.span
        page = await desk.busy_page(draft.place, span.instants(), self._call)
        desk.zones.compare(draft.place, page.zone, span.zone)
        if not any(event.busy for event in page.events):
            return ""
        return " It overlaps with what is there already."

    def _body(self, operation: Operation, draft: EventDraft) -> dict[str, Any]:
        event_id = self._desk.marks.event_id(operation.id)
        body: dict[str, Any] = {
            "id": event_id,
            "summary": draft.summary,
            "start": google_time(draft.span.start, draft.span.zone),
            "end": google_time(draft.span.end, draft.span.zone),
            "extendedProperties": {"private": self._desk.marks.of(self._call, operation.id)},
            **draft.more,
        }
        if "conferenceData" in body:
            body["conferenceData"] = meet_request(event_id)
        return body

    async def _get(self, operation: Operation) -> Event | None:
        return await self._desk.event(
            self._desk.place_of(operation), self._desk.marks.event_id(operation.id), self._call
        )

    async def _read_ours(self, operation: Operation) -> Event:
        """What stands under our id, after Google said that it exists.

        Raises:
            OutcomeUnknown: it cannot be read now.
            Conflict: it is not ours.
            Gone: it was ours, and somebody deleted it.
        """
        event = await self._desk.event_after(operation, self._desk.marks.event_id(operation.id), self._call)
        if event is None or event.private.get(OPERATION) != operation.id:
            raise Conflict("another event has this operation's id")
        if event.cancelled:
            raise Gone
        return event

    def _done(self, operation: Operation, event: Event, also: str = "") -> Done:
        code = self._desk.marks.code(event.id)
        speech = (
            f"It's booked: {plain(event.summary)}, on {event.span.spoken()}. The booking code is {spelled(code)}.{also}"
        )
        receipt = self._desk.receipt(operation, event, action=Action.BOOKED, speech=speech)
        return Done(event.id, receipt, {"event": event, "booking_code": code})


def meet_request(event_id: str) -> dict[str, Any]:
    """Asks for a Meet link. Google ignores a repetition under the same request id."""
    return {"createRequest": {"requestId": event_id, "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
