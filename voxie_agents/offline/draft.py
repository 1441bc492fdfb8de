"""The booking that a conversation is about: what is known of it, and what a correction means for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voxie_agents.offline.moves import Say
from voxie_agents.offline.tool_view import ToolView


@dataclass
class Draft:
    """One booking while it is talked about."""

    slots: dict[str, object] = field(default_factory=dict[str, object])
    """What is known, by the booking tool's arguments."""
    words: str | None = None
    """The caller's words for the time that is being checked."""
    spoken: str = ""
    """The checked time, as the tool spoke it."""
    number: str | None = None
    """A number that was said, and not yet of what."""
    offers: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    open: Say | None = None
    """What a tool wanted to know of the time, until it has it: it asks better than the question that anything else begins with."""
    booked: dict[str, object] | None = None
    """What was booked last in this call, so that it can be booked again."""

    uncertain: bool = False
    """It may have been booked: nobody knows, and nobody may say that it has not."""

    def missing(self, book: ToolView) -> str | None:
        """What is to be asked for next."""
        return next((name for name in book.required if name not in self.slots), None)

    def clear(self) -> None:
        """Begin anew."""
        self.slots.clear()
        self.words = self.number = None
        self.spoken = ""
        self.offers = []
        self.open = None
        self.uncertain = False

    def finish(self) -> None:
        """It has been booked."""
        self.booked = dict(self.slots)
        self.clear()

    def again(self, when: str) -> str | None:
        """Take up once more what was booked before.

        Args:
            when: the argument for the time, which has to be checked anew.

        Returns:
            The time; None when nothing was booked in this call, or something else is being talked about.
        """
        if self.booked is None or self.slots:
            return None
        self.slots = dict(self.booked)
        return str(self.slots.pop(when))

    def replaces(self, old: int, party: str | None) -> str | None:
        """What ``eight, not seven`` is about: ``party_size``, ``when``, or None when it may be either, or neither.

        Args:
            old: the number that does not hold.
            party: the argument for how many people come.
        """
        is_party = party is not None and self.slots.get(party) == old
        is_clock = bool(re.search(rf"\bat {old}\b", self.spoken))
        return None if is_party == is_clock else "party_size" if is_party else "when"
