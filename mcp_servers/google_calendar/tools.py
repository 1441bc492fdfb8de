"""The calendar's tools, as a model reads of them. Reads are in ``reading.py``, writes in ``writing.py``."""

from collections.abc import Sequence
from typing import Any

from mcp_servers.google_calendar.desk import Desk
from mcp_servers.google_calendar.models import (
    Availability,
    BookSlot,
    Changed,
    CheckAvailability,
    Created,
    CreateEvent,
    Deleted,
    DeleteEvent,
    FindSlots,
    GetEvent,
    Got,
    Listed,
    ListEvents,
    SlotBooked,
    Slots,
    UpdateEvent,
)
from mcp_servers.google_calendar.reading import ReadingTools
from mcp_servers.google_calendar.writing import WritingTools
from mcp_servers.shared.ledger import Writer
from mcp_servers.shared.tools import ToolSpec

SPAN = {"start": "start", "end": "end"}
SAY = "Say its speech word for word."
HOLD = "When a slot is chosen, call it without summary: the slot is kept 90 s for this call. With summary it is booked."
CODE_SLOTS = {"booking_code": {"kind": "booking_code", "ask": "What is the booking code?"}}
CANCEL_SLOTS = {"event_id": {"kind": "event_id", "ask": "Which booking do you mean?"}, **CODE_SLOTS}


def tool_specs(desk: Desk, writer: Writer) -> Sequence[ToolSpec[Any]]:
    """What the server registers.

    Args:
        desk: the calendar and the ledger.
        writer: runs the writes.
    """
    return (*_reads(ReadingTools(desk)), *_writes(WritingTools(desk, writer)))


def _writes(tools: WritingTools) -> Sequence[ToolSpec[Any]]:
    return (
        ToolSpec(
            name="calendar_create_event",
            title="Book",
            description=f"Book a time. Callers are refused one that is taken. {SAY}",
            arguments=CreateEvent,
            result=Created,
            run=tools.create_event,
            effect="write",
            key_arguments=("start",),
            instants=SPAN,
        ),
        ToolSpec(
            name="calendar_book_slot",
            title="Take a free slot",
            description=f"{HOLD} {SAY}",
            arguments=BookSlot,
            result=SlotBooked,
            run=tools.book_slot,
            effect="write",
            key_arguments=("start",),
            instants=SPAN,
        ),
        ToolSpec(
            name="calendar_update_event",
            title="Change or move a booking",
            description=f"Give only what changes. Read it back and get a yes first. {SAY}",
            arguments=UpdateEvent,
            result=Changed,
            run=tools.update_event,
            effect="destroy",
            key_arguments=tuple(name for name in UpdateEvent.model_fields if name != "booking_code"),
            instants=SPAN,
        ),
        ToolSpec(
            name="calendar_delete_event",
            title="Cancel a booking",
            description=f"Cancel a booking. Read it back and get a yes first. {SAY}",
            arguments=DeleteEvent,
            result=Deleted,
            run=tools.delete_event,
            effect="destroy",
            key_arguments=("event_id", "scope"),
            purpose="cancel",
            slots=CANCEL_SLOTS,
        ),
    )


def _reads(tools: ReadingTools) -> Sequence[ToolSpec[Any]]:
    return (
        ToolSpec(
            name="calendar_list_events",
            title="List bookings",
            description="The caller's own bookings (owner: all events), soonest first; with booking_code that one.",
            arguments=ListEvents,
            result=Listed,
            run=tools.list_events,
            instants={"start": "time_min", "end": "time_max"},
            purpose="list",
            slots=CODE_SLOTS,
        ),
        ToolSpec(
            name="calendar_get_event",
            title="Look up a booking",
            description="One booking of the caller's by its id.",
            arguments=GetEvent,
            result=Got,
            run=tools.get_event,
        ),
        ToolSpec(
            name="calendar_check_availability",
            title="Check a time",
            description="Whether a time is free, and what is taken within it.",
            arguments=CheckAvailability,
            result=Availability,
            run=tools.check_availability,
            instants=SPAN,
            purpose="check",
        ),
        ToolSpec(
            name="calendar_find_slots",
            title="Find free times",
            description="At most three free times within a window, nearest to a wished time. Offer no others.",
            arguments=FindSlots,
            result=Slots,
            run=tools.find_slots,
            instants=SPAN,
        ),
    )
