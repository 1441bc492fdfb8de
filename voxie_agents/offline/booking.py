"""The part of a conversation that makes a booking: asks for what is missing, has it read back, corrects, books."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voxie_agents.answers import yes_or_no
from voxie_agents.offline.draft import Draft
from voxie_agents.offline.hearing import (
    changed_argument,
    corrected_name,
    heard,
    intent,
    number_alone,
    picked,
    replaced,
    time_words,
)
from voxie_agents.offline.moves import Move, Say, Use
from voxie_agents.offline.tool_view import ToolView
from voxie_agents.offline.wording import (
    MORE,
    NO_BOOKING,
    OTHER_TIME,
    TOO_SHORT,
    WHICH_NUMBER,
    WHICH_OFFER,
    mappings,
    question_of,
)
from voxie_agents.slots import digits_alone, party_size, phone


@dataclass
class Booking:
    """What is known of the booking that is wanted.

    Args:
        tools: by purpose.
    """

    tools: Mapping[str, ToolView]
    draft: Draft = field(default_factory=Draft)
    wanted: bool = False
    """A booking is being talked about."""

    @property
    def tool(self) -> ToolView | None:
        """What books."""
        return self.tools.get("book")

    @property
    def when(self) -> str | None:
        """Its argument for the time."""
        return self.tool.argument_of("when") if self.tool else None

    @property
    def more(self) -> str:
        """``nothing more`` is said where something has been booked in this call."""
        return " more" if self.draft.booked is not None else ""

    @property
    def unbooked(self) -> str:
        """What a caller should know who leaves before a booking that was talked about is made."""
        return f"I haven't booked anything{self.more}." if self.wanted and not self.draft.uncertain else ""

    # What callers say

    def absorb(self, words: str, asked: str | None, *, again: bool = False) -> Move | None:
        """Take what a turn says about a booking; None when it says nothing about one.

        Args:
            words: the turn.
            asked: what it answers.
            again: the question has been asked before, and was not answered.
        """
        book = self.tool
        if book is None:
            return Say(NO_BOOKING) if intent(words) == "book" else None
        if asked is not None and book.kind(asked) == "phone" and digits_alone(words) and phone(words) is None:
            return Say(f"{TOO_SHORT} {book.question(asked)}", asked)
        if swapped := self._swapped(words, book):
            return swapped
        new = self._heard(words, book, asked, again=again)
        if new:
            return self._take(new, book)
        number = number_alone(words)
        return self._take_number(number, None, book) if number is not None and self.draft.slots else None

    def _heard(self, words: str, book: ToolView, asked: str | None, *, again: bool) -> dict[str, object]:
        argument = asked if asked in book.required else None
        new = heard(words, book, argument)
        if new:
            return new
        answers = intent(words) is None and yes_or_no(words) is None and bool(words.strip()) and not again
        if argument is not None and book.kind(argument) == "when" and answers:
            # The tool's own question tells better than ours what is wrong with it.
            return {argument: words.strip()}
        said = time_words(words, expected=True) if asked in {"confirm", "change"} else None
        if said and self.when and number_alone(words) is None:
            return {self.when: said}
        name = book.argument_of("person_name")
        other = corrected_name(words) if name in self.draft.slots and argument != name else None
        return {name: other} if name and other else {}

    def _take(self, new: dict[str, object], book: ToolView) -> Move:
        self.wanted = True
        said_when = new.pop(self.when, None) if self.when else None
        too_many = next((name for name in new if book.exceeds(name, new[name])), None)
        self._add_wish(new, book)
        self.draft.slots.update({name: value for name, value in new.items() if name != too_many})
        if too_many is not None:
            self.draft.words = str(said_when) if said_when is not None else self.draft.words
            most = f"I'm sorry, I can only book for up to {book.most[too_many]} people."
            return Say(f"{most} {book.question(too_many)}", too_many)
        return self._check(str(said_when)) if said_when is not None else self.go_on()

    def _add_wish(self, new: dict[str, object], book: ToolView) -> None:
        """A second wish does not take the first one's place: an allergy stays told."""
        wish = book.argument_of("wish")
        if wish in new and wish in self.draft.slots:
            told = str(self.draft.slots[wish]).split(", ")
            new[wish] = ", ".join(dict.fromkeys([*told, *str(new[wish]).split(", ")]))

    def _swapped(self, words: str, book: ToolView) -> Move | None:
        """``Eight, not seven``: which of the two that is known was seven."""
        swap = replaced(words)
        if swap is None or not self.draft.slots:
            return None
        return self._take_number(swap.new, self.draft.replaces(swap.old, book.argument_of("party_size")), book)

    def _take_number(self, number: str, kind: str | None, book: ToolView) -> Move:
        argument = book.argument_of(kind) if kind else None
        if argument is None:
            self.draft.number = number
            return Say(WHICH_NUMBER, "change")
        self.draft.number = None
        return self._take({argument: party_size(number, expected=True) if kind == "party_size" else number}, book)

    def hear_confirm(self, words: str) -> Move | None:
        """The answer to the read-back."""
        book, answer = self.tool, yes_or_no(words)
        if book is None:
            return None
        if answer is True:
            return Use(book.name, dict(self.draft.slots))
        if (changed := self.absorb(words, "confirm")) is not None:
            return changed
        if (argument := changed_argument(words, book)) is not None:
            return self._ask_anew(argument, book)
        if answer is False:
            return Say(f"All right. {self.unbooked} What should I change?", "change")
        return None

    def hear_change(self, words: str) -> Move | None:
        """The answer to what is wrong."""
        book = self.tool
        if book is None:
            return None
        argument, number = changed_argument(words, book), self.draft.number
        if argument is not None and number is not None:
            return self._take_number(number, book.kind(argument), book)
        missing = self.draft.missing(book)
        asked = missing if missing is not None and book.kind(missing) in {"person_name", "phone"} else "change"
        if (changed := self.absorb(words, asked)) is not None:
            return changed
        if argument is not None:
            return self._ask_anew(argument, book)
        declines = number is None and (yes_or_no(words) is False or intent(words) == "nothing")
        return self.drop() if declines else None

    def _ask_anew(self, argument: str, book: ToolView) -> Move:
        """What is wrong is named, without what is right."""
        self.draft.slots.pop(argument, None)
        self.draft.words = None if argument == self.when else self.draft.words
        return Say(book.question(argument), argument)

    def hear_offer(self, words: str) -> Move | None:
        """The answer to other times, or to which of several was meant."""
        book, offers, answer = self.tool, self.draft.offers, yes_or_no(words)
        index = picked(words, len(offers)) if offers else None
        if index is None and answer is True and len(offers) == 1:
            index = 0
        if index is not None:
            return self._check(str(offers[index]["start"]))
        if answer is True and offers:
            return Say(WHICH_OFFER, "offer", again=True)
        told = heard(words, book, None) if book is not None else {}
        if book is not None and told and self.when not in told:
            return self._take(told, book)
        said = time_words(words, expected=intent(words) is None)
        if answer is False and said is None:
            return Say(OTHER_TIME, self.when)
        if said is not None and book is not None and self.when is not None:
            return self._take({**told, self.when: said}, book)
        return None

    def hear_retry(self, words: str) -> Move | None:
        """The answer to whether it shall be tried again."""
        if yes_or_no(words) is True or intent(words) in {"again", "rebook"}:
            return self._check(self.draft.words) if self.draft.words else self.go_on()
        return self.drop() if yes_or_no(words) is False else None

    def hear_uncertain(self, words: str) -> Move | None:
        """The answer to whether to look what became of a booking. Made once more it is settled, not made twice."""
        match yes_or_no(words):
            case True:
                return self.go_on()
            case False:
                return self.drop()
            case None:
                return None

    def rebook(self, words: str) -> Move | None:
        """What was booked before in this call, once more, and with what a turn changes of it; None when nothing was."""
        before = self.draft.again(self.when) if self.when is not None else None
        if before is None:
            return None
        self.wanted = True
        return self.absorb(words, None) or self._check(before)

    def drop(self) -> Say:
        """The caller wants no booking any more."""
        uncertain = self.draft.uncertain
        self.draft.clear()
        if uncertain:
            return Say(f"All right. {MORE}", "more", ends=True)
        return Say(f"All right, nothing{self.more} has been booked. {MORE}", "more", ends=True)

    # What tools answer

    def got_check(self, data: Mapping[str, Any], *, is_error: bool) -> Move:
        """Whether a time is free."""
        speech = str(data.get("speech", ""))
        if not is_error:
            return self._checked(speech, data)
        if data.get("kind") == "bad_request":
            return self._ask_for_time(speech, mappings(data.get("choices")))
        return Say(f"{speech} I can't book now, and nothing{self.more} has been booked. Shall I try again?", "retry")

    def _checked(self, speech: str, data: Mapping[str, Any]) -> Move:
        if not data.get("available"):
            return self._offer(speech, data)
        if self.when is None:
            return Say(speech)
        self.draft.open = None
        self.draft.slots[self.when] = data["start"]
        self.draft.spoken = str(data.get("spoken", ""))
        return self.go_on(first=speech)

    def got_book(self, data: Mapping[str, Any], *, is_error: bool) -> Move:
        """The question to read back, that it is booked, or why it is not."""
        speech = str(data.get("speech", ""))
        if is_error:
            return self._not_booked(speech, data)
        if not data.get("success"):
            return Say(speech, "confirm")
        self.draft.finish()
        return Say(f"{speech} {MORE}", "more", ends=True)

    def _not_booked(self, speech: str, data: Mapping[str, Any]) -> Move:
        book, wrong = self.tool, str(data.get("field", ""))
        match data.get("kind"):
            case "conflict":
                self.draft.slots.pop(self.when or "", None)
                return self._offer(speech, data)
            case "bad_request" if book is not None and wrong in book.required:
                self.draft.slots.pop(wrong, None)
                return Say(speech, wrong)
            case "outcome_unknown":
                self.draft.uncertain = True
                return Say(f"{speech} Shall I check whether it did?", "uncertain")
            case _:
                return Say(speech if "try again" in speech else f"{speech} Shall I try again?", "retry")

    # What follows

    def go_on(self, first: str = "") -> Move:
        """Ask for what is missing; with everything there, the tool says what is to be read back."""
        book = self.tool
        if book is None:
            return Say(NO_BOOKING)
        self.wanted = True
        missing = self.draft.missing(book)
        if missing is None:
            return Use(book.name, dict(self.draft.slots))
        if missing == self.when and self.draft.words is not None:
            return self._check(self.draft.words)
        if missing == self.when and (asks := self.draft.open) is not None:
            question = question_of(asks.text, sentences=2 if self.draft.offers else 1)
            return Say(f"All right. {question}", asks.asks)
        return Say(f"{first} {book.question(missing)}".strip(), missing)

    def _check(self, words: str) -> Move:
        check, when = self.tools.get("check"), self.when
        self.draft.words = words
        if when is None:
            return Say(NO_BOOKING)
        self.draft.slots.pop(when, None)
        if check is not None:
            return Use(check.name, {"when": words})
        self.draft.slots[when] = self.draft.spoken = words
        return self.go_on()

    def _offer(self, speech: str, data: Mapping[str, Any]) -> Move:
        return self._ask_for_time(speech, mappings(data.get("alternatives")))

    def _ask_for_time(self, speech: str, choices: list[Mapping[str, Any]]) -> Say:
        self.draft.words, self.draft.offers = None, choices
        self.draft.open = Say(speech, "offer" if choices else self.when)
        return self.draft.open
