"""The part of a conversation that is about bookings which the caller has already: hearing of them, and cancelling one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voxie_agents.answers import yes_or_no
from voxie_agents.offline.hearing import code, intent, named_code, picked, time_words
from voxie_agents.offline.moves import Move, Say, Use
from voxie_agents.offline.tool_view import ToolView
from voxie_agents.offline.wording import MORE, SPELL_IT, TELL_CODE, mappings, telling_words

MOST_READ_OUT = 3
LOST_CODE = re.compile(r"\b(?:don't|do not|haven't|no|lost|forgot|forgotten|can't find|without)\b", re.IGNORECASE)


@dataclass
class OwnBookings:
    """What is known of the caller's bookings.

    Args:
        tools: by purpose.
    """

    tools: Mapping[str, ToolView]
    cancelling: bool = False
    events: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    target: Mapping[str, Any] | None = None
    spelled: str | None = None
    """The booking code that was given."""
    noted: str | None = None
    """One that was given before it was asked whether to look the booking up."""
    of_a_time: bool = False
    """Only those of a time were asked for, so that there may be others."""

    def start_cancel(self, words: str) -> Move:
        """Look for what there is to cancel, by its code if a turn names it."""
        listing = self.tools.get("list")
        if listing is None or "cancel" not in self.tools:
            return Say("I'm sorry, I can't look up bookings right now, so nothing has been cancelled.", ends=True)
        self.cancelling = True
        return self._look_up(listing, named_code(words) or self.noted) or Use(listing.name, {})

    def start_list(self, words: str) -> Move:
        """Look for the caller's bookings, of a time or by a code if a turn names one."""
        listing = self.tools.get("list")
        if listing is None:
            return Say("I'm sorry, I can't look up bookings right now.", ends=True)
        self.leave()
        if (by_code := self._look_up(listing, named_code(words))) is not None:
            return by_code
        said = time_words(words, expected=False)
        self.of_a_time = said is not None
        return Use(listing.name, {"when": said} if said else {})

    def _look_up(self, listing: ToolView, spelled: str | None) -> Use | None:
        """Look for the booking of a code; None without one, or where bookings cannot be found by it."""
        argument = listing.argument_of("booking_code")
        self.spelled = spelled if argument is not None else None
        return Use(listing.name, {argument: self.spelled}) if argument is not None and self.spelled else None

    def got_list(self, data: Mapping[str, Any], *, is_error: bool) -> Say:
        """What the calendar answers."""
        self.events = mappings(data.get("events"))
        if is_error or (not self.cancelling and (self.events or self.of_a_time)):
            self.leave()
            return Say(f"{data.get('speech', '')} {MORE}", "more", ends=True)
        if not self.events:
            return self._ask_for_code(str(data.get("speech", "")))
        if len(self.events) == 1:
            return self._ask(self.events[0])
        listed = "; ".join(f"{event['summary']}, on {event['spoken']}" for event in self.events[:MOST_READ_OUT])
        return Say(f"You have {listed}. Which one do you mean?", "which")

    def hear_which(self, words: str) -> Move | None:
        """The answer to which of several it is."""
        index = picked(words, len(self.events))
        if index is None:
            said = set(words.lower().replace(",", " ").split())
            fits = [i for i, event in enumerate(self.events) if said & telling_words(event, self.events)]
            index = fits[0] if len(fits) == 1 else None
        if index is not None:
            return self._ask(self.events[index])
        return self._kept() if yes_or_no(words) is False else None

    def hear_confirm(self, words: str) -> Move | None:
        """The answer to whether it shall be cancelled."""
        cancel, answer = self.tools.get("cancel"), yes_or_no(words, cancels=True)
        if answer is True and cancel is not None and self.target is not None:
            return Use(
                cancel.name, {"event_id": self.target["id"], **({"booking_code": self.spelled} if self.spelled else {})}
            )
        return self._kept() if answer is False else None

    def hear_code(self, words: str) -> Move | None:
        """The booking's code, when it is needed."""
        cancel, spelled = self.tools.get("cancel"), code(words)
        if yes_or_no(words) is False or LOST_CODE.search(words):
            return self._kept()
        if yes_or_no(words) is True:
            return Say(SPELL_IT, "booking_code", again=True)
        if spelled is None or intent(words) is not None:
            return None
        if self.target is None:
            listing = self.tools.get("list")
            return self._look_up(listing, spelled) if listing is not None else None
        return (
            Use(cancel.name, {"event_id": self.target["id"], "booking_code": spelled}) if cancel is not None else None
        )

    def got_cancel(self, data: Mapping[str, Any], *, is_error: bool) -> Say:
        """What came of it."""
        if data.get("state") == "not confirmed" and self.target is not None:
            # The question was cut off before the caller heard it.
            return self._ask(self.target)
        if is_error and data.get("field") == "booking_code" and "booking_code" in self.tools["cancel"].slots:
            return Say(str(data.get("speech", "")), "booking_code")
        self.leave()
        return Say(f"{data.get('speech', '')} {MORE}", "more", ends=True)

    def leave(self) -> None:
        """Nothing is being cancelled any more."""
        self.cancelling, self.target, self.spelled, self.of_a_time = False, None, None, False
        self.noted = None

    def _ask_for_code(self, speech: str) -> Say:
        """Who rings from another number is not known; whoever has the code may."""
        listing = self.tools["list"]
        argument = listing.argument_of("booking_code")
        if argument is None:
            self.leave()
            return Say(f"{speech} {MORE}", "more", ends=True)
        found = "I found no booking with that code." if self.spelled else "I found no booking of yours here."
        return Say(f"{found} {TELL_CODE}", "booking_code")

    def _ask(self, event: Mapping[str, Any]) -> Say:
        self.target = event
        return Say(f"That is {event['summary']}, on {event['spoken']}. Shall I cancel it?", "confirm_cancel")

    def _kept(self) -> Say:
        known = self.target is not None or bool(self.events)
        self.leave()
        return Say(f"All right{', it stays as it is' if known else ''}. {MORE}", "more", ends=True)
