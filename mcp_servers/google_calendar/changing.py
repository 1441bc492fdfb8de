"""Changing an event or a series, as the ledger runs it: only if it is still as it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.results import Action
from mcp_servers.google_calendar.client import Duplicate, Stale
from mcp_servers.google_calendar.desk import Desk
from mcp_servers.google_calendar.events import CHANGE, OPERATION, Event, google_time
from mcp_servers.google_calendar.times import Span
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import Conflict, OutcomeUnknown, ServerError
from mcp_servers.shared.ledger import Done, Gone, Operation
from mcp_servers.shared.words import plain

COMPARED = {"summary": "title", "description": "description", "location": "place", "attendees": "guests"}
COPIED_NEVER = {
    "kind", "etag", "id", "status", "htmlLink", "created", "updated", "creator", "organizer", "iCalUID", "sequence",
    "hangoutLink", "recurringEventId", "originalStartTime", "locked", "privateCopy", "eventType",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A change of one event, or of a series as a whole.

    Args:
        place: in which calendar.
        event: as it was read.
        body: the fields to patch, without times.
        span: the new time; None when it stays.
        send_updates: whom Google tells.
        promised: whether the new span must be promised to this call first.
        said: the span to speak of; that of the event when None.
    """

    place: Place
    event: Event
    body: Mapping[str, Any]
    span: Span | None
    send_updates: str
    promised: bool = False
    said: Span | None = None

    def patch(self, operation: Operation) -> dict[str, Any]:
        """What Google is sent; marked, so that the change is known again by reading."""
        times: dict[str, Any] = {}
        if self.span is not None:
            # A patch merges: what made it an instant must go when it becomes a day, and the other way round.
            other = {"dateTime": None, "timeZone": None} if self.span.all_day else {"date": None}
            gone = other if self.span.all_day != self.event.span.all_day else {}
            times = {
                "start": {**google_time(self.span.start, self.span.zone), **gone},
                "end": {**google_time(self.span.end, self.span.zone), **gone},
            }
        marked = {"extendedProperties": {"private": {**self.event.private, CHANGE: operation.id}}}
        return {**self.body, **times, **marked}


class Change:
    """One patch.

    Args:
        desk: what it works with.
        call: who changes; was checked before.
        plan: what; None when an operation is only settled.
    """

    def __init__(self, desk: Desk, call: Call, plan: Plan | None) -> None:
        self._desk = desk
        self._call = call
        self._plan = plan

    async def send(self, operation: Operation) -> Done:
        """Promise the new span where that is needed, then patch."""
        assert self._plan is not None, "an operation that is only settled is never sent"
        plan = self._plan
        if plan.promised and plan.span is not None:
            await self._desk.promise(
                plan.place, plan.span, self._call, operation_id=operation.id, resource_id=plan.event.id, moves=True
            )
        try:
            event = await self._desk.google.patch_event(
                plan.place.calendar,
                plan.event.id,
                plan.patch(operation),
                self._call,
                etag=plan.event.etag,
                zone=plan.event.span.zone,
                send_updates=plan.send_updates,
            )
        except Stale:
            event = await self._desk.event_after(operation, plan.event.id, self._call)
            # A repeated request meets its own change.
            if event is None or event.private.get(CHANGE) != operation.id:
                raise stale(plan.event, event) from None
        return await self._done(operation, event)

    async def settle(self, operation: Operation) -> Done | None:
        """Whether the event carries this change."""
        event = await self._get(operation)
        if event is None or event.cancelled:
            raise Gone
        return await self._done(operation, event) if event.private.get(CHANGE) == operation.id else None

    async def replay(self, operation: Operation) -> Done:
        """The event as it stands now, if nothing else has changed it since."""
        done = await self.settle(operation)
        if done is None:
            raise Gone
        return done

    async def abandon(self, operation: Operation) -> None:
        """Give the new span back."""
        await self._desk.reservations.release(operation.id)

    async def _get(self, operation: Operation) -> Event | None:
        return await self._desk.event(self._desk.place_of(operation), str(operation.request["event_id"]), self._call)

    async def _done(self, operation: Operation, event: Event) -> Done:
        moved = bool(operation.request.get("moved"))
        if moved:
            await self._desk.reservations.confirm(operation.id)
            # The key of the booking names its first time, which may be booked anew now.
            booked_by = await self._desk.operations.of_resource(event.id, action=Action.BOOKED)
            if booked_by is not None:
                await self._desk.operations.undo(booked_by.id)
        said = (self._plan.said if self._plan else None) or event.span
        title = plain(event.summary)
        speech = (
            f"It's moved: {title}, now on {said.spoken()}." if moved else f"It's changed: {title}, on {said.spoken()}."
        )
        action = Action.MOVED if moved else Action.CHANGED
        receipt = self._desk.receipt(operation, event, action=action, speech=speech)
        return Done(event.id, receipt, {"event": event})


@dataclass(frozen=True)
class SplitPlan:
    """A series that is to be cut in two.

    Args:
        place: in which calendar.
        series: as it was read.
        whole: the same with every field, to be copied.
        before: the lines that the first part keeps.
        body: the second part's fields that differ, its times and lines among them.
        send_updates: whom Google tells.
    """

    place: Place
    series: Event
    whole: Mapping[str, Any]
    before: list[str]
    body: Mapping[str, Any]
    send_updates: str
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])


class SplitSeries:
    """Cutting a series, then making its second part. When the second step fails, the first is taken back.

    Args:
        desk: what it works with.
        call: who changes; was checked before.
        plan: what; None when an operation is only settled.
    """

    def __init__(self, desk: Desk, call: Call, plan: SplitPlan | None) -> None:
        self._desk = desk
        self._call = call
        self._plan = plan

    async def send(self, operation: Operation) -> Done:
        """Cut the first part short, make the second."""
        assert self._plan is not None, "an operation that is only settled is never sent"
        plan = self._plan
        try:
            await self._patch(operation, plan.series, plan.before, mark=operation.id)
        except Stale:
            series = await self._desk.event_after(operation, plan.series.id, self._call)
            if series is None or series.private.get(CHANGE) != operation.id:
                raise stale(plan.series, series) from None
        try:
            event = await self._insert(operation, plan)
        except OutcomeUnknown:
            raise
        except ServerError:
            await self._restore(operation)
            raise
        return self._done(operation, event)

    async def settle(self, operation: Operation) -> Done | None:
        """The second part, if it was made; else the first part gets its events back."""
        event = await self._second(operation)
        if event is None:
            await self._restore(operation)
            return None
        if event.cancelled:
            raise Gone
        return self._done(operation, event)

    async def replay(self, operation: Operation) -> Done:
        """The second part as it stands now."""
        event = await self._second(operation)
        if event is None or event.cancelled:
            raise Gone
        return self._done(operation, event)

    async def abandon(self, operation: Operation) -> None:
        """Nothing was promised for it."""

    async def _insert(self, operation: Operation, plan: SplitPlan) -> Event:
        copied = {key: value for key, value in plan.whole.items() if key not in COPIED_NEVER}
        body = {
            **copied,
            **plan.body,
            "id": self._desk.marks.event_id(operation.id),
            "extendedProperties": {
                **copied.get("extendedProperties", {}),
                "private": {**plan.series.private, OPERATION: operation.id},
            },
        }
        try:
            return await self._desk.google.insert_event(
                plan.place.calendar, body, self._call, zone=plan.series.span.zone, send_updates=plan.send_updates
            )
        except Duplicate:
            event = await self._desk.event_after(operation, self._desk.marks.event_id(operation.id), self._call)
            if event is None or event.private.get(OPERATION) != operation.id:
                raise Conflict("another event has this operation's id") from None
            return event

    async def _restore(self, operation: Operation) -> None:
        """Give the first part its events back, if it was cut by this operation.

        Raises:
            OutcomeUnknown: it could not be given back now; settling will.
        """
        try:
            series = await self._series(operation)
            if series is not None and series.private.get(CHANGE) == operation.id:
                await self._patch(operation, series, list(operation.request["lines"]), mark=f"{operation.id}-undone")
        except ServerError as error:
            raise OutcomeUnknown("the series is cut, and its second part is not made yet") from error

    async def _patch(self, operation: Operation, series: Event, lines: list[str], *, mark: str) -> None:
        place = self._desk.place_of(operation)
        body = {"recurrence": lines, "extendedProperties": {"private": {**series.private, CHANGE: mark}}}
        await self._desk.google.patch_event(
            place.calendar,
            series.id,
            body,
            self._call,
            etag=series.etag,
            zone=series.span.zone,
            send_updates=str(operation.request["send_updates"]),
        )

    async def _series(self, operation: Operation) -> Event | None:
        return await self._desk.event(self._desk.place_of(operation), str(operation.request["event_id"]), self._call)

    async def _second(self, operation: Operation) -> Event | None:
        return await self._desk.event(
            self._desk.place_of(operation), self._desk.marks.event_id(operation.id), self._call
        )

    def _done(self, operation: Operation, event: Event) -> Done:
        moved = bool(operation.request.get("moved"))
        speech = f"It's {'moved' if moved else 'changed'}: {plain(event.summary)}, from {event.span.spoken()} on, and all that follow."
        action = Action.MOVED if moved else Action.CHANGED
        return Done(event.id, self._desk.receipt(operation, event, action=action, speech=speech), {"event": event})


def stale(read: Event, now: Event | None) -> Conflict:
    """What changed between the reading and the writing."""
    if now is None or now.cancelled:
        return Conflict("the event was cancelled meanwhile", speech="That booking has just been cancelled.")
    changed = [name for key, name in COMPARED.items() if read.raw.get(key) != now.raw.get(key)]
    if read.span != now.span:
        changed.insert(0, "time")
    if read.raw.get("recurrence") != now.raw.get("recurrence"):
        changed.append("recurrence")
    what = ", ".join(changed) or "something else about it"
    return Conflict(
        f"the event was changed meanwhile ({what}); read it again and decide anew",
        field="event_id",
        speech=f"That booking has just been changed by someone else. It is now {plain(now.summary)}, on {now.span.spoken()}.",
    )
