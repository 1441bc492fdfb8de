"""Bookings made, changed and cancelled over a line that is cut at random, by clients that ask again."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import httpx

from contracts.meta import RequestMeta, Role
from contracts.results import Action, ErrorKind, Receipt
from tests.mcp_servers.wire import Door
from tests.world import ADMIN, TOKEN, World

AT_ONCE = 8
ATTEMPTS = 6
FIRST_DAY = date(2026, 12, 1)
OPENS = time(8)
SLOTS_A_DAY = 24
LENGTH = timedelta(minutes=30)
ASK_AGAIN = {ErrorKind.OUTCOME_UNKNOWN, ErrorKind.TRY_LATER, ErrorKind.UNAVAILABLE}
ROUTES = {
    "create": "POST */events",
    "book": "POST */events",
    "change": "P* */events/*",
    "move": "P* */events/*",
    "cancel": "DELETE */events/*",
}
ACTIONS = {
    "create": Action.BOOKED,
    "book": Action.BOOKED,
    "change": Action.CHANGED,
    "move": Action.MOVED,
    "cancel": Action.CANCELLED,
}
LETTERS = {"create": "invitation", "change": "update", "move": "update", "cancel": "cancellation"}
HOLD = "a-choice-is-no-booking"


@dataclass
class Booking:
    """What should stand in Google.

    Args:
        number: its own; also written into it.
        owners: made by the owner, with a guest who gets mail.
    """

    number: int
    owners: bool
    summary: str = ""
    start: str = ""
    event_id: str = ""
    code: str | None = None
    cancelled: bool = False
    unsettled: bool = False
    """Something was asked for, and its end is not known."""
    mails: Counter[str] = field(default_factory=Counter[str])

    @property
    def mark(self) -> str:
        return f"booking {self.number}"

    @property
    def guest(self) -> str:
        return f"guest{self.number}@example.com"

    @property
    def call(self) -> str:
        return f"call-of-{self.number}"


@dataclass
class Operation:
    """One write that a client wants done once, however often it asks.

    Args:
        number: its own.
        kind: create, book, change, move or cancel.
        booking: what it is about.
        tool: what does it.
        arguments: for the tool.
        meta: beside them.
    """

    number: int
    kind: str
    booking: Booking
    tool: str
    arguments: dict[str, Any]
    meta: dict[str, Any]
    asked: int = 0
    operations: set[str] = field(default_factory=set[str])
    """Operation ids of the receipts."""
    data: Mapping[str, Any] | None = None
    """The last answer with a receipt."""
    refusals: list[str] = field(default_factory=list[str])
    """Kinds of final refusals; there is no reason for any."""


class Ordeal:
    """Runs many operations.

    Args:
        world: where.
        seed: of everything that is random.
    """

    def __init__(self, world: World, *, seed: int) -> None:
        assert world.calendar is not None
        self.world = world
        self.bookings: list[Booking] = []
        self.operations: list[Operation] = []
        self.cuts: Counter[str] = Counter()
        self.hung_up = 0
        self.settled = 0
        """Operations that nobody knew the end of until the line was whole."""
        self.letters: list[dict[str, Any]] = []
        self._random = Random(seed)  # noqa: S311 - a reproducible run
        self._slots = 0
        self._door = Door("google-calendar", world.calendar.url, TOKEN, "calendar_create_event", {})

    async def run(self, count: int) -> "Ordeal":
        """Do it all; at the end the line is whole, and whoever does not know asks once more."""
        while len(self.operations) < count:
            busy = self._some_operations()
            for operation in busy:
                await self._break_the_line(operation)
            await asyncio.gather(*(self._insist(operation) for operation in busy))
            self.world.clock.advance(seconds=self._random.uniform(0, 40))
            await self._read_mail()
        await self._settle()
        return self

    async def aclose(self) -> None:
        """Close the line."""
        await self._door.http.aclose()

    @property
    def asked(self) -> int:
        return sum(operation.asked for operation in self.operations)

    async def standing(self) -> list[dict[str, Any]]:
        """All that was ever made in Google."""
        path = "/calendars/primary/events?showDeleted=true&maxResults=2500"
        page = (await self.world.google("GET", path)).json()
        assert "nextPageToken" not in page
        return page["items"]

    # What is done

    def _some_operations(self) -> list[Operation]:
        """As many as run at once, each on a booking of its own."""
        free = [booking for booking in self.bookings if self._is_free(booking)]
        self._random.shuffle(free)
        chosen: list[Operation] = []
        for _ in range(AT_ONCE):
            kind = self._random.choice(("create", "book", "change", "move", "cancel"))
            booking = free.pop() if free and kind not in ("create", "book") else None
            chosen.append(self._change(kind, booking) if booking else self._make(kind))
        return chosen

    def _is_free(self, booking: Booking) -> bool:
        return bool(booking.event_id) and not booking.cancelled and not booking.unsettled

    def _make(self, kind: str) -> Operation:
        owners = kind != "book" and self._random.random() < 0.4
        booking = Booking(len(self.bookings), owners)
        self.bookings.append(booking)
        arguments: dict[str, Any] = {"summary": f"{booking.mark} as made", "description": booking.mark}
        arguments |= _times(self._next_slot())
        if owners:
            arguments |= {"attendees": [booking.guest], "send_updates": "all"}
        tool = "calendar_book_slot" if kind == "book" else "calendar_create_event"
        return self._operation("book" if kind == "book" else "create", booking, tool, arguments)

    def _change(self, kind: str, booking: Booking) -> Operation:
        arguments: dict[str, Any] = {"event_id": booking.event_id}
        if not booking.owners and self._random.random() < 0.5:
            arguments["booking_code"] = booking.code
        if booking.owners:
            arguments["send_updates"] = "all"
        if kind == "change":
            arguments["summary"] = f"{booking.mark} changed by {len(self.operations)}"
        elif kind == "move":
            arguments |= _times(self._next_slot())
        tool = "calendar_delete_event" if kind == "cancel" else "calendar_update_event"
        return self._operation(kind, booking, tool, arguments)

    def _operation(self, kind: str, booking: Booking, tool: str, arguments: dict[str, Any]) -> Operation:
        number = len(self.operations)
        # Half of the clients send a key of their own; for the others the server makes it from what they ask for.
        key = f"operation-{number:06d}-of-a-client" if self._random.random() < 0.5 else None
        meta = RequestMeta(call=booking.call, role=Role.OWNER if booking.owners else Role.PUBLIC, operation=key)
        made = Operation(number, kind, booking, tool, arguments, meta.to_wire())
        self.operations.append(made)
        booking.unsettled = True
        return made

    def _next_slot(self) -> int:
        self._slots += 1
        return self._slots - 1

    # How it is asked for

    async def _break_the_line(self, operation: Operation) -> None:
        if self._random.random() < 0.6:
            cut = self._random.choice(("before", "after"))
            self.cuts[cut] += (times := self._random.choice((1, 1, 2, 4)))
            route = ROUTES[operation.kind]
            await self._fault(route=route, cut=cut, times=times)
        if self._random.random() < 0.1:
            self.cuts["reading"] += 1
            await self._fault(route="GET */events*", cut="before")

    async def _fault(self, **what: Any) -> None:
        answer = await self._door.http.post(f"{self.world.sandbox.url}/_sandbox/faults", json=what, headers=ADMIN)
        assert answer.status_code == 200

    async def _insist(self, operation: Operation) -> None:
        """Ask until it is known what happened, and sometimes once more, or twice at once."""
        if operation.kind == "book" and self._random.random() < 0.5:
            await self._hold(operation)
        for _ in range(ATTEMPTS):
            if self._random.random() < 0.1:
                await self._hang_up(operation)
            if self._random.random() < 0.1:
                await asyncio.gather(self._ask(operation), self._ask(operation))
            if await self._ask(operation):
                break
        if self._random.random() < 0.2:
            await self._ask(operation)

    async def _hold(self, operation: Operation) -> None:
        arguments = {name: operation.arguments[name] for name in ("start", "end")}
        await self._door.call(arguments, tool=operation.tool, meta={**operation.meta, "voxie/operation": HOLD})

    async def _hang_up(self, operation: Operation) -> None:
        """The client goes away in the middle."""
        self.hung_up += 1
        asking = asyncio.create_task(self._ask(operation))
        await asyncio.wait({asking}, timeout=self._random.uniform(0.005, 0.1))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, operation: Operation) -> bool:
        """Ask; whether the end is known now."""
        operation.asked += 1
        try:
            result = await self._door.call(operation.arguments, tool=operation.tool, meta=operation.meta)
        except httpx.TransportError:
            return False
        data = result["structuredContent"]
        if result.get("isError"):
            if data["kind"] not in ASK_AGAIN:
                operation.refusals.append(data["kind"])
            return data["kind"] not in ASK_AGAIN
        _note(operation, data)
        return True

    async def _settle(self) -> None:
        await self.world.mend()
        self.world.clock.advance(seconds=180)
        for operation in self.operations:
            if operation.data is None and not operation.refusals:
                self.settled += 1
                await self._ask(operation)
        await self._read_mail()

    async def _read_mail(self) -> None:
        """The stand-in shows the latest letters alone."""
        latest = (await self._door.http.get(f"{self.world.sandbox.url}/_sandbox/google/mail")).json()
        known = self.letters[: len(latest)]
        new = next(n for n in range(len(latest) + 1) if latest[n:] == known[: len(latest) - n])
        self.letters[:0] = latest[:new]


def _times(slot: int) -> dict[str, str]:
    day = FIRST_DAY + timedelta(days=slot // SLOTS_A_DAY)
    start = datetime.combine(day, OPENS) + LENGTH * (slot % SLOTS_A_DAY)
    return {"start": start.isoformat(), "end": (start + LENGTH).isoformat()}


def _note(operation: Operation, data: Mapping[str, Any]) -> None:
    """What the receipt says is what must stand."""
    receipt = Receipt.model_validate(data["receipt"])
    assert receipt.action is ACTIONS[operation.kind]
    operation.operations.add(receipt.operation_id)
    booking = operation.booking
    booking.unsettled = False
    if operation.data is None:
        _apply(operation, booking, receipt)
    operation.data = data
    booking.code = data.get("booking_code") or booking.code


def _apply(operation: Operation, booking: Booking, receipt: Receipt) -> None:
    arguments = operation.arguments
    booking.event_id = receipt.resource_id
    booking.summary = arguments.get("summary", booking.summary)
    booking.start = arguments.get("start", booking.start)
    booking.cancelled = operation.kind == "cancel"
    if booking.owners:
        booking.mails[LETTERS[operation.kind]] += 1
