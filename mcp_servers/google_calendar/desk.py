"""What the tools and writes of the calendar work with."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts.results import Action, Receipt
from mcp_servers.google_calendar.client import BUSY_FIELDS, EventPage, GoogleCalendar
from mcp_servers.google_calendar.events import Event, Marks, read_event
from mcp_servers.google_calendar.free import Seconds, promised_span, taken_spans, widened
from mcp_servers.google_calendar.rules import Rules, Window
from mcp_servers.google_calendar.times import Span
from mcp_servers.google_calendar.zones import Place, Zones
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict, NotAllowed, OutcomeUnknown, ServerError
from mcp_servers.shared.ledger import Operation, Operations, Reservation, Reservations, SlotTaken
from mcp_servers.shared.words import plain

MOST_EVENTS = 250
MOST_BUSY = 2500
CHOSEN_SECONDS = 90.0
"""How long a chosen slot is kept for a call."""


@dataclass(frozen=True)
class Desk:
    """The calendar, the ledger, and the rules of a connection whose owner set none."""

    google: GoogleCalendar
    zones: Zones
    operations: Operations
    reservations: Reservations
    marks: Marks
    rules: Rules
    demo: bool
    now: Callable[[], float]

    def made_at(self) -> datetime:
        """Now, for receipts."""
        return datetime.fromtimestamp(self.now(), UTC)

    async def place(self, call: Call, calendar: str | None = None) -> Place:
        """The calendar that a call means.

        Raises:
            NotAllowed: a caller named another calendar than the business's own.
        """
        rules = self.rules.set_to(await self.google.settings(call))
        if calendar is not None and calendar != rules.calendar_id and not call.is_owner:
            raise NotAllowed("calendar: only the owner may name one; leave it out", field="calendar")
        return Place(await self.google.connection(call), calendar or rules.calendar_id, rules)

    def place_of(self, operation: Operation) -> Place:
        """Where an operation of an earlier process was to have its effect."""
        return Place(str(operation.request["connection"]), str(operation.request["calendar"]), self.rules)

    def hold_id(self, call: Call) -> str:
        """The promise of the slot that this call chose; one per call."""
        return f"hold:{self.marks.call(call) or self.marks.person(call)}"

    async def event(self, place: Place, event_id: str, call: Call) -> Event | None:
        """One event, cancelled ones included; None when there is none with this id."""
        zone = await self.zones.get(place, call)
        event = await self.google.get_event(place.calendar, event_id, call, zone=zone)
        return await self.zones.corrected(place, event, call) if event else None

    async def whole_event(self, place: Place, event_id: str, call: Call) -> tuple[Event | None, Mapping[str, Any]]:
        """One event and every field that Google has of it, to be copied."""
        zone = await self.zones.get(place, call)
        whole = await self.google.whole_event(place.calendar, event_id, call)
        if whole is None:
            return None, {}
        return await self.zones.corrected(place, read_event(whole, zone), call), whole

    async def event_after(self, operation: Operation, event_id: str, call: Call) -> Event | None:
        """The event of an operation whose request may have had its effect, though its answer says that it had none now.

        Raises:
            OutcomeUnknown: it cannot be read; settling will.
        """
        try:
            return await self.event(self.place_of(operation), event_id, call)
        except ServerError as error:
            raise OutcomeUnknown("Google cannot be read to see what became of a write") from error

    async def promise(
        self,
        place: Place,
        span: Span,
        call: Call,
        *,
        operation_id: str,
        resource_id: str,
        seconds: float | None = None,
        moves: bool = False,
    ) -> Reservation:
        """Write down that a span is promised, in the place of what this call held.

        Raises:
            Conflict: it is promised to somebody else.
        """
        hold = self.hold_id(call)
        try:
            return await self.reservations.reserve(
                operation_id=operation_id,
                calendar=ledger_key(place),
                span=promised_span(span.seconds(), place.rules),
                resource_id=resource_id,
                capacity=place.rules.capacity,
                instead_of=None if operation_id == hold else hold,
                moves=moves,
                seconds=seconds,
            )
        except SlotTaken:
            raise taken(span) from None

    async def taken_around(
        self, place: Place, window: Window, zone: ZoneInfo, call: Call, *, own: tuple[str, ...] = ()
    ) -> list[Seconds]:
        """What is taken in a window, by Google's list and the live promises.

        Raises:
            Unavailable: it cannot be read whole, or the zone has just changed.
        """
        wide = widened(window, place.rules.buffer)
        page = await self.busy_page(place, wide, call)
        self.zones.compare(place, page.zone, zone)
        promises = await self.reservations.live(ledger_key(place), (wide[0].timestamp(), wide[1].timestamp()))
        return taken_spans(page, promises, place.rules, but=(*own, self.hold_id(call)))

    async def list_page(self, place: Place, window: Window, call: Call) -> EventPage:
        """Everything in a window, as far as one page goes."""
        return await self.google.list_events(place.calendar, call, start=window[0], end=window[1], most=MOST_EVENTS)

    async def busy_page(self, place: Place, window: Window, call: Call) -> EventPage:
        """What takes time in a window, as far as Google's longest page goes; nothing else of it."""
        return await self.google.list_events(
            place.calendar, call, start=window[0], end=window[1], most=MOST_BUSY, fields=BUSY_FIELDS
        )

    def receipt(self, operation: Operation, event: Event, *, action: Action, speech: str) -> Receipt:
        """The receipt of a write on an event."""
        start, end = event.span.instants()
        return Receipt(
            operation_id=operation.id,
            action=action,
            tool=operation.tool,
            resource_id=event.id,
            made_at=self.made_at(),
            start=start,
            end=end,
            all_day=event.span.all_day,
            zone=event.span.zone.key,
            party=plain(event.summary),
            demo=self.demo,
            speech=speech,
        )


def ledger_key(place: Place) -> str:
    """The calendar's name in the ledger: short, and another one for each connection."""
    return hashlib.sha256(f"{place.connection}|{place.calendar}".encode()).hexdigest()[:40]


def where(place: Place) -> dict[str, str]:
    """What is kept of a place with an operation."""
    return {"connection": place.connection, "calendar": place.calendar}


def taken(span: Span) -> Conflict:
    """Somebody else has it."""
    return Conflict("start: this time is taken", field="start", speech=f"I'm sorry, {span.spoken()} is already taken.")
