"""The flow ``take_reservation``: read back, and after the caller's yes check, create, notify. And the check before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from livekit.agents import RunContext, function_tool
from livekit.agents.llm import RawFunctionTool

from contracts.agents import AgentSpec
from contracts.events import IntentStep
from contracts.meta import CONSENT, PURPOSE, SLOTS
from contracts.results import Action, ErrorKind, Receipt, ToolAnswer, ToolFailure
from contracts.spoken import spoken_clock, spoken_clocks, spoken_phone
from voxie_agents.business.consent import Asked, Consent
from voxie_agents.call_times import CallTimes, TimeQuestion
from voxie_agents.mcp_integration import WHEN, McpIntegration
from voxie_agents.mcp_outputs import compact, tool_error
from voxie_agents.silence import audible
from voxie_agents.when_outcomes import Span

CREATE, CHECK, FIND, NOTIFY = (
    "calendar_create_event",
    "calendar_check_availability",
    "calendar_find_slots",
    "zapier_trigger_zap",
)
USED = frozenset({CREATE, CHECK, FIND, NOTIFY})
"""The raw tools that the flow uses: the model is not offered them beside it."""
NOT_NOTIFIED = "The notification to the team has not been sent."
MAYBE_NOTIFIED = "I couldn't confirm that the team has been notified."
"""Not the failure's own words: after a booking's receipt, "that" would be heard as the booking."""
NOT_BOOKED = "so nothing has been booked"
CALL_OVER = ToolFailure(
    kind=ErrorKind.NOT_ALLOWED, error="the call has ended", speech=f"This call has ended, {NOT_BOOKED}."
)


@dataclass(frozen=True)
class Guest:
    """Who comes."""

    name: str
    party_size: int
    phone: str
    notes: str


class ReservationFlow:
    """Reservations of one call.

    Args:
        spec: the agent's.
        integration: the call's tools.
        times: what was said about times.
    """

    def __init__(self, spec: AgentSpec, integration: McpIntegration, times: CallTimes) -> None:
        self._spec = spec
        self._mcp = integration
        self._times = times
        self._consent = Consent()

    def function_tools(self) -> list[RawFunctionTool[Any, Any]]:
        """What the model is offered."""
        patience = self._mcp.deadlines
        return [
            function_tool(audible(self._check, patience), raw_schema=CHECK_SCHEMA),
            function_tool(audible(self._take, patience), raw_schema=take_schema(self._spec.business.largest_party)),
        ]

    async def _check(self, raw_arguments: dict[str, object], context: RunContext[Any]) -> str:
        del context
        span = await self._span(raw_arguments)
        answer = await self._mcp.call(CHECK, {"start": span.start.isoformat(), "end": span.end.isoformat()})
        if answer.failure is not None:
            raise tool_error(answer.failure)
        free = bool(answer.data["available"])
        said = self._times.spoken(span.start)
        offers = [] if free else await self._offers(span)
        speech = f"{_capital(said)} is free." if free else self._taken_speech(said, offers)
        return compact(
            {
                "available": free,
                "start": self._times.produce(span.start),
                "spoken": said,
                "alternatives": offers,
                "speech": speech,
            }
        )

    async def _take(self, raw_arguments: dict[str, object], context: RunContext[Any]) -> str:
        guest = self._guest(raw_arguments)
        span = await self._span(raw_arguments)
        asked = self._asked(guest, span)
        if not self._consent.given(asked, context.session.history):
            return compact({"success": False, "state": "not confirmed", "speech": asked.read_back})
        context.disallow_interruptions()
        event = self._event(guest, span)
        notice = await self._intend(event)
        booked = await self._mcp.call(CREATE, event)
        if booked.failure is not None:
            raise await self._refusal(booked.failure, span)
        receipt = booked.receipt
        assert receipt is not None, "a booking without a receipt is a failure"
        notified = await self._notify(guest, span, booked, step=notice)
        return compact(self._result(booked, receipt, notified))

    async def _intend(self, event: Mapping[str, Any]) -> str | None:
        """Tell the backend what is going to be written; the name of the notification's step.

        Raises:
            ToolError: the call has ended meanwhile, so nothing is written in it any more.
        """
        booking = self._mcp.step(CREATE, event)
        if booking is None:
            return None
        steps = [booking]
        if self._spec.notify_hook is not None:
            # The server names that operation by its payload, which holds the booking's id: not known yet.
            operation, server = f"{booking.operation}.notify", self._mcp.server_of(NOTIFY)
            steps.append(IntentStep(operation=operation, tool=NOTIFY, server=server))
        if not await self._mcp.intend("take_reservation", steps):
            raise tool_error(CALL_OVER)
        return steps[-1].operation if len(steps) > 1 else None

    def _guest(self, given: Mapping[str, object]) -> Guest:
        """Raises ToolError naming the argument that is missing or wrong."""
        name, phone = str(given.get("name") or "").strip(), str(given.get("phone") or "").strip()
        size = given.get("party_size")
        if not name:
            raise _bad("name", "What name should the booking be under?")
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise _bad("party_size", "For how many people?")
        largest = self._spec.business.largest_party
        if size > largest:
            raise _bad("party_size", f"I can only book for up to {largest} people.")
        if sum(character.isdigit() for character in phone) < 6:
            raise _bad("phone", "What phone number can we reach you on?")
        return Guest(name[:80], size, phone[:30], str(given.get("notes") or "")[:300])

    def _asked(self, guest: Guest, span: Span) -> Asked:
        """What the caller has to agree to, and in which words it is read back."""
        people = f"{guest.party_size} {'person' if guest.party_size == 1 else 'people'}"
        number = spoken_phone(guest.phone)
        notes = f", with the note: {guest.notes}" if guest.notes else ""
        said = f"for {people}, {self._times.spoken(span.start)}, under {guest.name}, phone number {number}{notes}"
        return Asked((guest, span.start), f"So that's {said}. Is that right?", guest.name, number)

    async def _span(self, given: Mapping[str, object]) -> Span:
        """Raises ToolError with the question, or when the business is closed then."""
        words = str(given.get("when") or "").strip()
        if not words:
            raise _bad("when", "For which day and time?")
        if self._times.zone is None:
            await self._mcp.discover()
        try:
            span = self._times.span(words)
        except TimeQuestion as question:
            choices = [{"start": c.isoformat(), "spoken": self._times.spoken(c)} for c in question.choices]
            raise tool_error(question.failure, choices=choices) from None
        if not self._times.is_open(span):
            raise _bad("when", self._closed_speech(span.start))
        return span

    def _closed_speech(self, start: datetime) -> str:
        minutes = self._spec.business.booking_minutes
        periods = self._spec.business.hours.on(start.weekday())
        if not periods:
            return f"We're closed on {start:%A}s. Which other day would suit you?"
        opening = " and ".join(
            f"from {_clock(start, period.opens)} to {_clock(start, period.closes)}" for period in periods
        )
        return f"On {start:%A}s we're open {opening}, and a booking takes {minutes} minutes. What time would suit you?"

    def _event(self, guest: Guest, span: Span) -> dict[str, Any]:
        notes = f"\nNotes: {guest.notes}" if guest.notes else ""
        return {
            "summary": f"{guest.name}, party of {guest.party_size}",
            "start": span.start.isoformat(),
            "end": span.end.isoformat(),
            "description": f"Party of {guest.party_size}\nPhone: {guest.phone}{notes}",
        }

    async def _refusal(self, failure: ToolFailure, span: Span) -> Exception:
        if failure.kind is ErrorKind.CONFLICT:
            offers = await self._offers(span)
            said = self._taken_speech(self._times.spoken(span.start), offers)
            return tool_error(failure.model_copy(update={"speech": said}), alternatives=offers)
        if failure.kind in {
            ErrorKind.UNAVAILABLE,
            ErrorKind.NEEDS_RECONNECT,
            ErrorKind.TRY_LATER,
            ErrorKind.NOT_ALLOWED,
        }:
            said = f"I'm sorry, I can't book right now, {NOT_BOOKED}. Please try again a little later."
            return tool_error(failure.model_copy(update={"speech": said}))
        return tool_error(failure)

    async def _offers(self, span: Span) -> list[dict[str, str]]:
        """At most three free times on the same day, nearest to the wished one, within opening hours."""
        opening = self._times.opening(span.start)
        if opening is None:
            return []
        answer = await self._mcp.call(
            FIND,
            {
                "start": opening.start.isoformat(),
                "end": opening.end.isoformat(),
                "minutes": self._spec.business.booking_minutes,
                "near": span.start.isoformat(),
            },
        )
        if answer.is_error:
            return []
        starts = [datetime.fromisoformat(slot["start"]) for slot in answer.data["slots"]]
        return [{"start": self._times.produce(start), "spoken": self._times.spoken(start)} for start in starts]

    @staticmethod
    def _taken_speech(said: str, offers: list[dict[str, str]]) -> str:
        if not offers:
            return f"I'm sorry, {said} is already taken, and there is nothing else free that day. Another day?"
        listed = spoken_clocks([datetime.fromisoformat(offer["start"]) for offer in offers])
        return f"I'm sorry, {said} is already taken. That day I could offer {listed}. Would one of those suit you?"

    async def _notify(self, guest: Guest, span: Span, booked: ToolAnswer, *, step: str | None) -> ToolAnswer | None:
        """Tell the business. A failure here does not undo the booking, and is not reported as sent."""
        if self._spec.notify_hook is None:
            return None
        payload = {
            "booking": booked.data["event_id"],
            "name": guest.name,
            "party_size": guest.party_size,
            "phone": guest.phone,
            "notes": guest.notes,
            "date": span.start.date().isoformat(),
            "time": f"{span.start:%H:%M}",
            "start": span.start.isoformat(),
            "zone": str(span.start.tzinfo),
        }
        arguments = {"zap_id": self._spec.notify_hook, "payload": payload}
        return await self._mcp.call(NOTIFY, arguments, step=step)

    @staticmethod
    def _result(booked: ToolAnswer, receipt: Receipt, notified: ToolAnswer | None) -> dict[str, Any]:
        speech = receipt.speech
        sent_receipt = notified.receipt if notified else None
        sent = notified is None or (sent_receipt is not None and sent_receipt.action is Action.SENT)
        if sent_receipt is not None and not sent:
            # Stored, and not yet taken by the other side: its own words say so, and promise nothing.
            speech += f" {sent_receipt.speech}"
        elif notified is not None:
            unknown = notified.failure is not None and notified.failure.kind is ErrorKind.OUTCOME_UNKNOWN
            speech += f" {MAYBE_NOTIFIED if unknown else NOT_NOTIFIED}" if not sent else ""
        return {
            "success": True,
            "speech": speech,
            "event_id": booked.data["event_id"],
            "booking_code": booked.data["booking_code"],
            "notification_sent": sent and notified is not None,
            "receipt": receipt.model_dump(mode="json", exclude_none=True),
            "notification_receipt": sent_receipt.model_dump(mode="json", exclude_none=True) if sent_receipt else None,
        }


def _bad(name: str, speech: str) -> Exception:
    return tool_error(
        ToolFailure(kind=ErrorKind.BAD_REQUEST, field=name, error=f"{name}: missing or wrong", speech=speech)
    )


def _clock(day: datetime, clock: Any) -> str:
    return spoken_clock(datetime.combine(day.date(), clock))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


CHECK_SCHEMA: dict[str, Any] = {
    "name": "check_table",
    "description": "Whether a table is free at a time, and up to three other times when it is not. Offer no others.",
    "parameters": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"when": WHEN},
        "required": ["when"],
    },
    "meta": {PURPOSE: "check"},
}


def take_schema(largest_party: int) -> dict[str, Any]:
    """The schema of ``take_reservation`` for a business that seats so many at one table."""
    return {
        "name": "take_reservation",
        "description": (
            "Book a table, in two steps. Call it when you know everything: it answers with the question to read back, word for "
            "word. Call it again with the very same arguments when the caller's next turn is a clear yes; then it books. Any "
            "change needs a new read-back. Afterwards say its speech word for word."
        ),
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "party_size": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": largest_party,
                    "description": "How many people come",
                },
                "when": WHEN,
                "name": {"type": "string", "description": "The name the booking is under"},
                "phone": {"type": "string", "description": "The caller's phone number, as said"},
                "notes": {"type": "string", "description": "Wishes such as a high chair"},
            },
            "required": ["party_size", "when", "name", "phone"],
        },
        "meta": {PURPOSE: "book", CONSENT: True, SLOTS: QUESTIONS},
    }


QUESTIONS: dict[str, dict[str, str]] = {
    "party_size": {"kind": "party_size", "ask": "For how many people?"},
    "when": {"kind": "when", "ask": "For which day and time?"},
    "name": {"kind": "person_name", "ask": "What name should I put it under?"},
    "phone": {"kind": "phone", "ask": "And what phone number can we reach you on?"},
    "notes": {"kind": "wish", "ask": "Is there anything that we should know?"},
}
