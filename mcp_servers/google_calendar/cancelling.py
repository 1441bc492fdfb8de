"""Cancelling, as the ledger runs it: an event, one event of a series, the rest of a series, or all of it."""

from dataclasses import dataclass

from contracts.results import Action, Receipt
from mcp_servers.google_calendar.changing import stale
from mcp_servers.google_calendar.client import Stale
from mcp_servers.google_calendar.desk import Desk
from mcp_servers.google_calendar.events import CHANGE, Event
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.ledger import Done, Gone, Operation
from mcp_servers.shared.words import plain


@dataclass(frozen=True)
class Doomed:
    """What is to be cancelled.

    Args:
        place: in which calendar.
        event: as it was read.
        send_updates: whom Google tells.
        kept: the lines of the series that stay; None deletes the event or series itself.
        what: said of it beside its title, such as ``and all that follow``.
    """

    place: Place
    event: Event
    send_updates: str
    kept: list[str] | None = None
    what: str = ""


class Cancellation:
    """Deleting an event that was read, or ending a series, if it is still as it was read.

    Args:
        desk: what it works with.
        call: who cancels; was checked before.
        doomed: what; None when an operation is only settled.
    """

    def __init__(self, desk: Desk, call: Call, doomed: Doomed | None) -> None:
        self._desk = desk
        self._call = call
        self._doomed = doomed

    async def send(self, operation: Operation) -> Done:
        """Delete or cut short, then let go of what the booking held."""
        assert self._doomed is not None, "an operation that is only settled is never sent"
        doomed = self._doomed
        if doomed.kept is not None:
            await self._cut_short(operation, doomed, doomed.kept)
        elif not doomed.event.cancelled:
            await self._delete(operation, doomed)
        return await self._done(operation, doomed.event)

    async def settle(self, operation: Operation) -> Done | None:
        """Whether it is gone."""
        event = await self._get(operation)
        return await self._done(operation, event) if _is_gone(operation, event) else None

    async def replay(self, operation: Operation) -> Done:
        """Whether it is still gone."""
        event = await self._get(operation)
        if not _is_gone(operation, event):
            raise Gone
        return await self._done(operation, event)

    async def abandon(self, operation: Operation) -> None:
        """Nothing was promised for it."""

    async def _delete(self, operation: Operation, doomed: Doomed) -> None:
        try:
            await self._desk.google.delete_event(
                doomed.place.calendar,
                doomed.event.id,
                self._call,
                etag=doomed.event.etag,
                send_updates=doomed.send_updates,
            )
        except Stale:
            await self._gone_or_stale(operation, doomed)

    async def _gone_or_stale(self, operation: Operation, doomed: Doomed) -> None:
        """A repeated request meets its own effect; anything else is somebody's change."""
        event = await self._desk.event_after(operation, doomed.event.id, self._call)
        if not _is_gone(operation, event):
            raise stale(doomed.event, event)

    async def _cut_short(self, operation: Operation, doomed: Doomed, kept: list[str]) -> None:
        event = doomed.event
        body = {
            "recurrence": kept,
            "extendedProperties": {"private": {**event.private, CHANGE: operation.id}},
        }
        try:
            await self._desk.google.patch_event(
                doomed.place.calendar,
                event.id,
                body,
                self._call,
                etag=event.etag,
                zone=event.span.zone,
                send_updates=doomed.send_updates,
            )
        except Stale:
            await self._gone_or_stale(operation, doomed)

    async def _get(self, operation: Operation) -> Event | None:
        return await self._desk.event(self._desk.place_of(operation), str(operation.request["event_id"]), self._call)

    async def _done(self, operation: Operation, event: Event | None) -> Done:
        event_id = str(operation.request["event_id"])
        if "kept" not in operation.request:
            booked_by = await self._desk.operations.of_resource(event_id, action=Action.BOOKED)
            if booked_by is not None:
                await self._desk.operations.undo(booked_by.id)
            await self._desk.reservations.release_resource(event_id)
        shown = self._doomed.event if self._doomed else event
        speech = self._speech(shown)
        if shown is not None:
            receipt = self._desk.receipt(operation, shown, action=Action.CANCELLED, speech=speech)
        else:
            receipt = self._bare_receipt(operation, event_id, speech)
        return Done(event_id, receipt, {})

    def _speech(self, shown: Event | None) -> str:
        if shown is None:
            return "That's cancelled."
        also = f" {self._doomed.what}" if self._doomed and self._doomed.what else ""
        return f"That's cancelled: {plain(shown.summary)}, on {shown.span.spoken()}{also}."

    def _bare_receipt(self, operation: Operation, event_id: str, speech: str) -> Receipt:
        """For an event of which Google keeps no trace."""
        return Receipt(
            operation_id=operation.id,
            action=Action.CANCELLED,
            tool=operation.tool,
            resource_id=event_id,
            made_at=self._desk.made_at(),
            demo=self._desk.demo,
            speech=speech,
        )


def _is_gone(operation: Operation, event: Event | None) -> bool:
    if event is None or event.cancelled:
        return True
    return "kept" in operation.request and event.private.get(CHANGE) == operation.id
