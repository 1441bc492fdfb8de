"""A conversation by rules. It has no clock and no calendar: whatever it says about either, a tool told it.

The brain keeps nothing between decisions: it is run through the conversation from its beginning each time, and being
deterministic arrives at the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voxie_agents.answers import yes_or_no
from voxie_agents.offline.booking import Booking
from voxie_agents.offline.hearing import heard, intent, is_foreign, mentions_booking, named_code, plain, refuses
from voxie_agents.offline.moves import Move, Say, Use
from voxie_agents.offline.own_bookings import OwnBookings
from voxie_agents.offline.small_talk import UNKNOWN, small_talk, told
from voxie_agents.offline.tool_view import ToolView
from voxie_agents.offline.wording import (
    AUTOMATED,
    ENGLISH_ONLY,
    EXAMPLES,
    HELP,
    MORE,
    NEEDED,
    NO_MOVE,
    PATIENT,
    UNCLEAR,
    question_of,
)

MOST_MISSES = 2
SENTENCES_ASKED_AGAIN = {"confirm": 9, "confirm_cancel": 2, "which": 2, "offer": 2}
"""Of what was said, how much has to be heard again with a question; otherwise only the question itself."""


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
    """What the last question was about: an argument, or one of the keys of ``_handlers``."""
    misses: int = 0
    last: str = HELP

    def __post_init__(self) -> None:
        """The two things that callers want, and who understands the answer to which question."""
        self._booking, self._own = Booking(self.tools), OwnBookings(self.tools)
        self._handlers = {
            "confirm": self._booking.hear_confirm,
            "change": self._booking.hear_change,
            "offer": self._booking.hear_offer,
            "retry": self._booking.hear_retry,
            "uncertain": self._booking.hear_uncertain,
            "confirm_cancel": self._own.hear_confirm,
            "which": self._own.hear_which,
            "booking_code": self._own.hear_code,
            "move": self._hear_move,
            "more": self._hear_more,
        }

    @property
    def _idle(self) -> bool:
        return self.asked in {None, "more"}

    def hear(self, words: str) -> Move:
        """A caller turn."""
        words = plain(words)
        handler = self._handlers.get(self.asked or "")
        move = self._hear_always(words, intent(words))
        if move is None and handler is not None:
            move = handler(words)
        return self._remember(move or self._hear_anything(words, intent(words)))

    def got(self, tool: str, data: Mapping[str, Any], *, is_error: bool) -> Move:
        """A tool's result."""
        return self._remember(self._got(tool, data, is_error=is_error))

    def _got(self, tool: str, data: Mapping[str, Any], *, is_error: bool) -> Move:
        match next((view.purpose for view in self.tools.values() if view.name == tool), None):
            case "check":
                return self._booking.got_check(data, is_error=is_error)
            case "book":
                return self._booking.got_book(data, is_error=is_error)
            case "list":
                return self._own.got_list(data, is_error=is_error)
            case "cancel":
                return self._own.got_cancel(data, is_error=is_error)
            case _:
                return Say(str(data.get("speech") or HELP))

    def _remember(self, move: Move) -> Move:
        """What a move makes of the conversation."""
        if isinstance(move, Say):
            if move.asks != self.asked or not move.again:
                self.misses = 0
            self.asked = move.asks
            self._booking.wanted = self._booking.wanted and not move.ends
            self.last = self.last if move.again else move.text
        return move

    def _hear_always(self, words: str, wanted: str | None) -> Move | None:
        """What is understood whatever was asked."""
        if self._refused(words):
            return Say(f"{NEEDED} {self._question()}", self.asked, again=True)
        match wanted:
            case "hours" if not mentions_booking(words):
                return self._tell(words, wanted)
            case "who":
                return Say(f"{AUTOMATED} {HELP if self._idle else self._question()}", self.asked, again=True)
            case "wait":
                return Say(PATIENT, self.asked, again=True)
            case "repeat":
                return Say(self.last, self.asked)
            case "drop" if self._booking.wanted and not self._says_more(words):
                return self._booking.drop()
            case "cancel" if self._booking.wanted and not mentions_booking(words):
                return self._booking.drop()
            case "bye" | "human":
                return self._small_talk(wanted)
            case _:
                return None

    def _hear_anything(self, words: str, wanted: str | None) -> Move:
        if wanted == "move" and not self._booking.wanted:
            self._own.noted = named_code(words)
            return Say(NO_MOVE, "move")
        if wanted == "rebook" and (again := self._booking.rebook(words)) is not None:
            return again
        if wanted not in {"cancel", "move"} and not self._booking.wanted and named_code(words) is not None:
            return self._own.start_list(words)
        given = None
        if wanted not in {"cancel", "list"} and (not self._own.cancelling or wanted == "book"):
            given = self._booking.absorb(words, self.asked, again=self.misses > 0)
        if given is not None and (wanted != "fact" or isinstance(given, Use)):
            self._own.leave()
            return given
        match wanted:
            case "cancel":
                return self._own.start_cancel(words)
            case "list":
                return self._own.start_list(words)
            case "book" | "rebook":
                self._own.leave()
                return self._booking.go_on()
            case "hours" | "fact":
                return self._tell(words, wanted)
            case _:
                return self._small_talk(wanted) or self._missed(words)

    def _refused(self, words: str) -> bool:
        """Whether the caller does not tell what no booking is made without."""
        book = self._booking.tool
        return book is not None and self.asked in book.required and refuses(words) and not self._says_more(words)

    def _says_more(self, words: str) -> bool:
        """Whether a turn tells something about a booking."""
        return self._booking.tool is not None and bool(heard(words, self._booking.tool, None))

    def _hear_move(self, words: str) -> Move | None:
        match yes_or_no(words):
            case True:
                return self._own.start_cancel(words)
            case False:
                return Say(f"All right, it stays as it is. {MORE}", "more")
            case None:
                return None

    def _hear_more(self, words: str) -> Move | None:
        """The answer to whether there is anything else."""
        answer, wanted = yes_or_no(words), intent(words)
        if self._says_more(words):
            return None
        if answer is True and wanted is None:
            return Say("What would you like?")
        declines = wanted == "nothing" or (answer is False and wanted in {None, "thanks"})
        return self._small_talk("bye") if declines else None

    def _tell(self, words: str, wanted: str) -> Move:
        """A fact of the business, and then back to the question that was open."""
        fact = told(self.facts, words, wanted)
        if not self._idle:
            return Say(f"{fact or UNKNOWN} {self._question()}", self.asked, again=True)
        return Say(fact or f"{UNKNOWN} {HELP}", self.asked)

    def _small_talk(self, wanted: str | None) -> Move | None:
        return small_talk(wanted, idle=self._idle, unbooked=self._booking.unbooked)

    def _question(self) -> str:
        return question_of(self.last, sentences=SENTENCES_ASKED_AGAIN.get(self.asked or "", 1))

    def _missed(self, words: str) -> Move:
        """Not understood: ask again with an example, then offer to stop rather than go round."""
        self.misses += 1
        sorry = ENGLISH_ONLY if is_foreign(words) else UNCLEAR
        if self.asked is None or self._idle:
            return Say(f"{sorry} {HELP}")
        if self.misses > MOST_MISSES:
            return Say(f"I'm sorry, I can't make that out. Nothing has been changed. {HELP}", ends=True)
        book = self._booking.tool
        kind = book.kind(self.asked) if book and self.asked in book.required else self.asked
        example = EXAMPLES.get(kind, "")
        return Say(f"{sorry} {self._question()} {example}".strip(), self.asked, again=True)
