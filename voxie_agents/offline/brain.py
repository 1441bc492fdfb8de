"""A booking conversation by rules. It has no clock and no calendar: whatever it says about either, a tool told it.

The brain keeps nothing between decisions: it is run through the conversation from its beginning each time, and being
deterministic arrives at the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voxie_agents.answers import yes_or_no
from voxie_agents.offline.hearing import (
    about,
    changed_argument,
    code,
    heard,
    intent,
    is_number_alone,
    picked,
    time_words,
)
from voxie_agents.offline.tool_view import ToolView
from voxie_agents.offline.wording import mappings, spoken_phone, telling_words

OFFLINE_NOTICE = "I'm the offline demo brain: I follow simple rules and understand English only."

HELP = "I can check a time, make a booking, tell you your bookings, or cancel one. What would you like?"
NO_BOOKING = "I'm sorry, I can't book right now, so nothing has been booked. Please try again a little later."
MORE = "Is there anything else I can do for you?"
EXAMPLES = {
    "party_size": "For example: four people.",
    "when": "For example: tomorrow at 7 pm.",
    "person_name": "For example: Maria Garcia.",
    "phone": "For example: 555 0100.",
    "booking_code": "It has six letters and digits.",
}
MOST_MISSES = 2


@dataclass(frozen=True)
class Say:
    """Say something."""

    text: str


@dataclass(frozen=True)
class Use:
    """Call a tool."""

    tool: str
    arguments: Mapping[str, object]


Move = Say | Use


@dataclass
class Brain:
    """The state of one conversation.

    Args:
        tools: by purpose.
        facts: lines of the agent's instructions that answer questions.
    """

    tools: Mapping[str, ToolView]
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: str | None = None
    """What the last question was about: an argument, or one of ``confirm``, ``confirm_cancel``, ``offer``, ``which``, ``retry``."""
    slots: dict[str, object] = field(default_factory=dict[str, object])
    words: str | None = None
    """The caller's words for the time that is being checked."""
    spoken: str | None = None
    """The checked time, as the tool spoke it."""
    offers: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    events: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    target: Mapping[str, Any] | None = None
    wants: str | None = None
    misses: int = 0
    last: str = HELP

    def hear(self, words: str) -> Move:
        """A caller turn."""
        handler = {
            "confirm": self._hear_confirm,
            "confirm_cancel": self._hear_confirm_cancel,
            "offer": self._hear_offer,
            "which": self._hear_which,
            "retry": self._hear_retry,
            "change": self._hear_change,
            "booking_code": self._hear_code,
        }.get(self.asked or "")
        move = handler(words) if handler else None
        return move or self._hear_anything(words)

    def got(self, tool: str, data: Mapping[str, Any], *, is_error: bool) -> Move:
        """A tool's result."""
        purpose = next((view.purpose for view in self.tools.values() if view.name == tool), None)
        match purpose:
            case "check":
                return self._got_check_error(data) if is_error else self._got_check(data)
            case "book":
                return self._got_book_error(data) if is_error else self._done(data)
            case "list":
                return self._done(data) if is_error else self._got_list(data)
            case "cancel":
                return self._got_cancel_error(data) if is_error else self._done(data)
            case _:
                return self._say(str(data.get("speech") or HELP), None)

    # What callers say

    def _hear_anything(self, words: str) -> Move:
        wanted = intent(words)
        given = self._absorb(words)
        if (
            given is not None
            and wanted in {None, "book", "hello", "thanks", "hours", "fact"}
            and self._about_booking(given, wanted)
        ):
            return given
        match wanted:
            case "cancel":
                return self._start_cancel()
            case "list":
                return self._start_list(words)
            case "book":
                return self._go_on()
            case "hours" | "fact":
                return self._tell(words, wanted)
            case "repeat":
                return self._say(self.last, self.asked)
            case _:
                return self._small_talk(wanted) or given or self._missed(words)

    def _tell(self, words: str, wanted: str) -> Move:
        """A fact of the business, and then back to the question that was open."""
        key = "hours" if wanted == "hours" else next((k for k in self.facts if about(words, k)), None)
        told = self.facts.get(key or "", "I'm sorry, I don't know that.")
        again = self.last if self.asked else HELP if told.startswith("I'm sorry") else ""
        kept = self.last
        move = self._say(f"{told} {again}".strip(), self.asked)
        self.last = kept if self.asked else self.last
        return move

    def _small_talk(self, wanted: str | None) -> Move | None:
        if wanted == "human":
            return self._say(f"I'm sorry, I can't put you through to a person on this call. {HELP}", None)
        if wanted == "bye":
            open_booking = "I haven't booked anything. " if self.wants == "book" else ""
            return self._say(f"{open_booking}Thank you for calling. Goodbye!", None, wants=None)
        if wanted == "thanks" and self.asked is None:
            return self._say(f"You're welcome. {MORE}", None)
        if wanted == "hello" and self.asked is None:
            return self._say(f"Hello! {HELP}", None)
        return None

    def _about_booking(self, given: Move, wanted: str | None) -> bool:
        return isinstance(given, Use) or wanted not in {"hours", "fact"}

    def _absorb(self, words: str) -> Move | None:
        """Take what a turn says about a booking; None when it says nothing about one."""
        book = self.tools.get("book")
        if book is None:
            return self._say(NO_BOOKING, None) if intent(words) == "book" else None
        asked = self.asked if self.asked in book.required else None
        new = heard(words, book, asked)
        if asked is not None and book.kind(asked) == "when" and not new and intent(words) is None and words.strip():
            new = {asked: words.strip()} if self.misses == 0 else {}
        if not new and self.asked in {"confirm", "change"} and not is_number_alone(words):
            said, when_argument = time_words(words, expected=True), book.argument_of("when")
            new = {when_argument: said} if said and when_argument else {}
        if not new or (self.wants == "cancel" and intent(words) != "book"):
            return None
        self.wants = "book"
        when = book.argument_of("when")
        said_when = new.pop(when, None) if when else None
        self.slots.update(new)
        self.misses = 0
        if said_when is not None:
            return self._check(str(said_when))
        return self._go_on()

    def _hear_confirm(self, words: str) -> Move | None:
        book = self.tools.get("book")
        answer = yes_or_no(words)
        if answer is True and book is not None:
            return self._use(book, dict(self.slots))
        changed = self._absorb(words)
        if changed is not None:
            return changed
        argument = changed_argument(words, book) if book else None
        if argument is not None and book is not None:
            self.slots.pop(argument, None)
            return self._say(book.question(argument), argument)
        if answer is False:
            if is_number_alone(words):
                return self._say("Sorry, do you mean how many people, or the time?", "change")
            return self._say("All right, I haven't booked anything. What should I change?", "change")
        return None if intent(words) not in {None, "book"} else self._missed(words)

    def _hear_change(self, words: str) -> Move | None:
        book = self.tools.get("book")
        argument = changed_argument(words, book) if book else None
        changed = self._absorb(words)
        if changed is not None or argument is None or book is None:
            return changed
        self.slots.pop(argument, None)
        return self._say(book.question(argument), argument)

    def _hear_confirm_cancel(self, words: str) -> Move | None:
        cancel, answer = self.tools.get("cancel"), yes_or_no(words)
        if answer is True and cancel is not None and self.target is not None:
            return self._use(cancel, {"event_id": self.target["id"]})
        if answer is False:
            self.target = None
            return self._say(f"All right, it stays as it is. {MORE}", None, wants=None)
        return None if intent(words) not in {None, "cancel"} else self._missed(words)

    def _hear_offer(self, words: str) -> Move | None:
        index = picked(words, len(self.offers)) if self.offers else None
        if index is None and yes_or_no(words) is True and len(self.offers) == 1:
            index = 0
        if index is not None:
            return self._check(str(self.offers[index]["start"]))
        said = time_words(words, expected=True)
        if said is not None:
            return self._check(said)
        if yes_or_no(words) is False:
            self.slots.clear()
            return self._say(f"All right, nothing has been booked. {MORE}", None, wants=None)
        return None if intent(words) is not None else self._missed(words)

    def _hear_which(self, words: str) -> Move | None:
        index = picked(words, len(self.events))
        if index is None:
            said = set(words.lower().split())
            fits = [i for i, e in enumerate(self.events) if said & telling_words(e, self.events)]
            index = fits[0] if len(fits) == 1 else None
        if index is None:
            return None if intent(words) not in {None, "cancel"} else self._missed(words)
        return self._ask_to_cancel(self.events[index])

    def _hear_retry(self, words: str) -> Move | None:
        if yes_or_no(words) is True or intent(words) == "again":
            return self._check(self.words) if self.words else self._go_on()
        if yes_or_no(words) is False:
            return self._say(f"All right, nothing has been booked. {MORE}", None, wants=None)
        return None

    def _hear_code(self, words: str) -> Move | None:
        cancel, spelled = self.tools.get("cancel"), code(words)
        if spelled is None or cancel is None or self.target is None or yes_or_no(words) is False:
            return None if intent(words) is not None else self._missed(words)
        return self._use(cancel, {"event_id": self.target["id"], "booking_code": spelled})

    # What tools answer

    def _got_check(self, data: Mapping[str, Any]) -> Move:
        book = self.tools.get("book")
        speech = str(data.get("speech", ""))
        if not data.get("available"):
            return self._offer(speech, data)
        when = book.argument_of("when") if book else None
        if book is None or when is None:
            return self._say(speech, None)
        self.slots[when] = data["start"]
        self.spoken = str(data.get("spoken", ""))
        return self._go_on(first=speech)

    def _got_check_error(self, data: Mapping[str, Any]) -> Move:
        speech = str(data.get("speech", ""))
        if data.get("kind") == "bad_request":
            self.offers = mappings(data.get("choices"))
            return self._say(speech, "offer" if self.offers else self._when())
        return self._say(f"{speech} I can't book now, and nothing has been booked. Shall I try again?", "retry")

    def _got_book_error(self, data: Mapping[str, Any]) -> Move:
        speech, book = str(data.get("speech", "")), self.tools.get("book")
        missing = str(data.get("field", ""))
        when = self._when()
        if data.get("kind") == "conflict":
            self.slots.pop(when or "", None)
            return self._offer(speech, data)
        if data.get("kind") == "bad_request" and book is not None and missing in book.required:
            self.slots.pop(missing, None)
            return self._say(speech, missing)
        return self._say(speech, "retry")

    def _got_list(self, data: Mapping[str, Any]) -> Move:
        self.events = mappings(data.get("events"))
        if self.wants != "cancel":
            return self._done(data)
        if not self.events:
            return self._say(f"I found no booking of yours to cancel. {MORE}", None, wants=None)
        if len(self.events) == 1:
            return self._ask_to_cancel(self.events[0])
        listed = "; ".join(f"{event['summary']}, on {event['spoken']}" for event in self.events[:3])
        return self._say(f"You have {listed}. Which one do you mean?", "which")

    def _got_cancel_error(self, data: Mapping[str, Any]) -> Move:
        if data.get("field") == "booking_code" and "booking_code" in self.tools["cancel"].slots:
            return self._say(str(data.get("speech", "")), "booking_code")
        return self._done(data)

    # What follows

    def _done(self, data: Mapping[str, Any]) -> Move:
        """Say a result as it is, and begin anew."""
        self.slots.clear()
        self.words = self.spoken = self.target = None
        return self._say(f"{data.get('speech', '')} {MORE}", None, wants=None)

    def _check(self, words: str) -> Move:
        check, when = self.tools.get("check"), self._when()
        self.words = words
        if when is None:
            return self._say(NO_BOOKING, None)
        self.slots.pop(when, None)
        if check is None:
            self.slots[when] = words
            self.spoken = words
            return self._go_on()
        return self._use(check, {"when": words})

    def _go_on(self, first: str = "") -> Move:
        """Ask for what is missing, or read back."""
        book = self.tools.get("book")
        if book is None:
            return self._say(NO_BOOKING, None)
        self.wants = "book"
        missing = next((name for name in book.required if name not in self.slots), None)
        if missing is not None:
            return self._say(f"{first} {book.question(missing)}".strip(), missing)
        return self._say(f"{self._read_back(book)} Is that right?", "confirm")

    def _read_back(self, book: ToolView) -> str:
        parts: list[str] = []
        for name in book.required:
            value = self.slots[name]
            match book.kind(name):
                case "party_size":
                    parts.append(f"for {value} {'person' if value == 1 else 'people'}")
                case "when":
                    parts.append(str(self.spoken or value))
                case "person_name":
                    parts.append(f"under {value}")
                case "phone":
                    parts.append(f"phone number {spoken_phone(str(value))}")
                case _:
                    parts.append(f"{name.replace('_', ' ')} {value}")
        return f"So that's {', '.join(parts)}."

    def _offer(self, speech: str, data: Mapping[str, Any]) -> Move:
        self.offers = mappings(data.get("alternatives"))
        return self._say(speech, "offer" if self.offers else self._when())

    def _start_cancel(self) -> Move:
        listing = self.tools.get("list")
        if listing is None or "cancel" not in self.tools:
            return self._say("I'm sorry, I can't look up bookings right now, so nothing has been cancelled.", None)
        self.wants = "cancel"
        return self._use(listing, {})

    def _start_list(self, words: str) -> Move:
        listing = self.tools.get("list")
        if listing is None:
            return self._say("I'm sorry, I can't look up bookings right now.", None)
        said = time_words(words, expected=False)
        self.wants = "list"
        return self._use(listing, {"when": said} if said else {})

    def _ask_to_cancel(self, event: Mapping[str, Any]) -> Move:
        self.target = event
        return self._say(f"That is {event['summary']}, on {event['spoken']}. Shall I cancel it?", "confirm_cancel")

    def _missed(self, words: str) -> Move:
        """Not understood: say it again with an example, then offer to stop rather than go round."""
        del words
        self.misses += 1
        if self.asked is None:
            return self._say(f"I didn't get that. {HELP}", None)
        if self.misses > MOST_MISSES:
            return self._say(f"I'm sorry, I can't make that out. Nothing has been changed. {HELP}", None, wants=None)
        book = self.tools.get("book")
        example = EXAMPLES.get(book.kind(self.asked), "") if book and self.asked in book.required else ""
        example = example or EXAMPLES.get(self.asked, "")
        question = self.last.removeprefix("Sorry, I didn't get that. ").removesuffix(example).strip()
        return self._say(f"Sorry, I didn't get that. {question} {example}".strip(), self.asked)

    def _when(self) -> str | None:
        book = self.tools.get("book")
        return book.argument_of("when") if book else None

    def _say(self, text: str, asked: str | None, **changes: str | None) -> Say:
        if asked != self.asked or asked is None:
            self.misses = 0
        self.asked, self.last = asked, text
        if "wants" in changes:
            self.wants = changes["wants"]
        return Say(text)

    def _use(self, tool: ToolView, arguments: Mapping[str, object]) -> Use:
        return Use(tool.name, arguments)
