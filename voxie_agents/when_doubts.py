"""What makes words about a time unfit to be taken as one instant: several times, open ends, the past, and what cannot be."""

import re
from collections.abc import Callable
from datetime import time
from enum import StrEnum

from voxie_agents.when_words import ORDINALS, WEEKDAYS

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


class Reason(StrEnum):
    """Why words brought no instant."""

    NOTHING_FOUND = "nothing_found"
    ISO = "iso"
    PAST = "past"
    TOO_FAR = "too_far"
    NO_SUCH_TIME = "no_such_time"
    CONTRADICTION = "contradiction"
    NEGATED = "negated"
    OPEN_ENDED = "open_ended"


ASKS = {
    Reason.NOTHING_FOUND: "I didn't catch the day and time. When would you like to come?",
    Reason.PAST: "That has already passed. When else would suit you?",
    Reason.NO_SUCH_TIME: "I don't think that day and time exist. When would you like to come?",
    Reason.CONTRADICTION: "I heard more than one. Which day and time would you like?",
    Reason.NEGATED: "Which day and time would suit you?",
    Reason.OPEN_ENDED: "At what time exactly, and on which day?",
}

_NUMBER = r"(?:\d{1,2}(?::\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_MONTH = "|".join(MONTHS)
_ORDINAL = rf"(?:{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th))"
_NOT_COUNTED = "".join(
    rf"(?<!\b{nth} )" for nth in ("first", "second", "third", "fourth", "1st", "2nd", "3rd", "4th", "last")
)
"""Before a weekday: in "a Monday in June", any of them may be meant."""
_LENGTHS = r"(?:minutes?|hours?|days?|nights?|weeks?|months?)"
_UNFIT = (
    (Reason.NEGATED, r"\b(?:not|except|instead of|rather than|anything but|never|don't|can't|isn't|no longer)\b"),
    (Reason.CONTRADICTION, r"\bor\b(?! (?:so|thereabouts|something|whatever)\b)"),
    # Ten to noon is in the morning, but few who say "ten to twelve pm" think of that.
    (Reason.CONTRADICTION, r"\b(?:to|till) (?:12|twelve) ?[ap] ?m\b"),
    (Reason.OPEN_ENDED, rf"\bbetween\b|\b(?:before|until|till|onwards?)\b|\bat the (?:earliest|latest)\b|\bby (?:about )?{_NUMBER}\b"),
    (Reason.OPEN_ENDED, r"\b(?:no|any|not) (?:earlier|later)\b|\bfrom (?!to(?:day|morrow)\b|now\b)[^,]*\b(?:to|till|until)\b"),
    (Reason.OPEN_ENDED, rf"(?<!quarter )(?<!half )(?<!minutes )(?<!five )(?<!ten )(?<!twenty )(?<!\d )(?<!\bday )\bafter (?!next\b)(?:about )?(?:the )?(?:{_NUMBER}|noon|midday|lunch|work|dark)\b"),
    (Reason.OPEN_ENDED, rf"\b(?:few|couple of|several|some) {_LENGTHS}\b"),
    (Reason.OPEN_ENDED, rf"\b(?:beginning|start|end|middle|early|late|mid|last)[ -](?:(?:of|in|the|this|next) )*(?:{_MONTH}|week|month|year)\b(?! (?:the )?(?:\d|{_ORDINAL}))"),
    (Reason.OPEN_ENDED, rf"\b(?:{_ORDINAL}|last|final) (?:full |whole )?(?:week|weekend|month)\b"),
    (Reason.OPEN_ENDED, rf"{_NOT_COUNTED}\b(?:{'|'.join(WEEKDAYS)}) (?:of|in) (?:the month of )?(?:{_MONTH})\b"),
    (Reason.CONTRADICTION, rf"\b(?:every|each)\b|\b(?:{'|'.join(WEEKDAYS)})s\b"),
    (Reason.PAST, rf"\b(?:last|previous) (?:night|week|weekend|month|year|{'|'.join(WEEKDAYS)})\b(?! (?:of|in)\b)|\b(?:ago|yesterday)\b"),
    (Reason.NOTHING_FOUND, rf"\b(?:same time|this time|the usual|as usual)\b|\bany (?:day|{'|'.join(WEEKDAYS)})\b"),
)  # fmt: skip
_UNFIT_PATTERNS = tuple((reason, re.compile(pattern)) for reason, pattern in _UNFIT)
_CLOCK_DIGITS = re.compile(r"\b(\d{1,2})\s*[:h](\d{2})\b")
_OTHER_DAY = re.compile(
    rf"\b(?:tomorrow|today|{'|'.join(WEEKDAYS)}|{'|'.join(m for m in MONTHS if m not in {'may', 'march'})}"
    r"|\d{1,2}(?:st|nd|rd|th))\b"
)
_UNKNOWN_DAY = re.compile(
    r"\b(?:days?|weeks?|weekends?|months?|years?|\w*holidays?|feast|eve|fortnight|easter|christmas)\b"
    r"|\bon (?:my|his|her|our|their|the) (?:birthday|anniversary|wedding)\b"
)


def unfit(text: str) -> Reason | None:
    """Why no single instant can be taken from a text, or None.

    Args:
        text: normalised, without the people count.
    """
    found = next((reason for reason, pattern in _UNFIT_PATTERNS if pattern.search(text)), None)
    if found is not None:
        return found
    impossible = any(int(hour) > 23 or int(minute) > 59 for hour, minute in _CLOCK_DIGITS.findall(text))
    return Reason.NO_SUCH_TIME if impossible else None


def names_another_day(leftover: str) -> bool:
    """Whether what was not understood of a text still names a day."""
    return bool(_OTHER_DAY.search(leftover))


def names_an_unknown_day(leftover: str) -> bool:
    """Whether what was not understood of a text may be the day that is meant, such as a holiday that nobody knows."""
    return bool(_UNKNOWN_DAY.search(leftover)) or names_another_day(leftover)


_GREETING = re.compile(r"\bgood (?:morning|afternoon|evening|night|day)\b")
_PARTS: tuple[tuple[str, re.Pattern[str], Callable[[time], bool], bool], ...] = (
    ("morning", re.compile(r"\b(?:(?P<this>this)|(?:in|of) the)? ?\bmorning\b"), lambda c: c < time(12), True),
    ("afternoon", re.compile(r"\b(?:(?P<this>this)|(?:in|of) the)? ?\bafternoon\b"), lambda c: time(12) <= c < time(19), True),
    ("evening", re.compile(r"\b(?:(?P<this>this)|(?:in|of) the)? ?\bevening\b|\bin the eve\b"), lambda c: c >= time(16), True),
    ("night", re.compile(r"\b(?P<this>tonight|this night)\b|\b(?:at |in the )?night\b"), lambda c: c >= time(16) or c < time(6), True),
    ("lunch", re.compile(r"\b(?:for |at )?(?:lunch(?:time)?|brunch)\b"), lambda c: time(10) <= c < time(18), False),
    ("dinner", re.compile(r"\b(?:for |at )?(?:dinner(?:time)?|supper)\b"), lambda c: c >= time(16), False),
)  # fmt: skip


class DayParts:
    """The parts of the day that words name, such as the evening.

    Args:
        names: of the parts.
    """

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names
        self._rules = [(fits, strict) for name, _, fits, strict in _PARTS if name in names]

    def choose(self, clocks: tuple[time, ...]) -> tuple[time, ...]:
        """The times of day that lie in all of the parts; none when what was said cannot go together."""
        for fits, strict in self._rules:
            kept = tuple(clock for clock in clocks if fits(clock))
            clocks = kept if kept or strict else clocks
        return clocks

    @property
    def past_midnight(self) -> bool:
        """Whether small hours belong to the night that began the day before."""
        return "night" in self.names

    @property
    def asked(self) -> str:
        """``in the evening`` for the question that asks for the time."""
        said = [name for name in self.names if name in {"morning", "afternoon", "evening"}]
        return f" in the {said[0]}" if said else ""


def without_day_parts(text: str) -> tuple[str, DayParts]:
    """A text without its parts of the day (``this evening`` becomes ``today``), and these."""
    text = _GREETING.sub(" ", text)
    names: list[str] = []
    for name, pattern, _, _ in _PARTS:
        replaced = pattern.sub(lambda m: " today " if m.groupdict().get("this") else " ", text)
        if replaced != text:
            names.append(name)
            text = replaced
    return " ".join(text.split()), DayParts(tuple(names))


_CORRECTION = re.compile(
    r"[\s,.;?!-]*\b(?:(?:no|nope|wait|hang on|sorry|actually|i mean|i meant|or rather|scratch that|make that|make it)\b[\s,.;!-]*)+",
    re.IGNORECASE,
)
_NO_RANGE = re.compile(r"\bno (?=earlier|later|longer|more|rush|hurry|problem|idea)\w+")
_HAS_NUMBER = re.compile(rf"\d|\b{_NUMBER}\b|\b(?:noon|midday|midnight|half|quarter|o'clock)\b")
_ONLY_NUMBER = re.compile(rf"^{_NUMBER}(?: please)?[.!?]?$")


def corrected(text: str) -> list[str]:
    """A text cut where its speaker corrects themselves: ``seven, no, eight`` says seven first and eight then."""
    # An underscore is part of a word, so that no correction is seen at its "no".
    guarded = _NO_RANGE.sub(lambda m: m[0].replace("no ", "no_", 1), text)
    return [part.replace("no_", "no ").strip() for part in _CORRECTION.split(guarded) if part.strip()]


_NEGATED_DAY = re.compile(
    rf"(?:^|[\s,;-]+)not (?:on |this )?(?:today|tomorrow|tonight|{'|'.join(WEEKDAYS)})(?=\s*(?:[,;.!-]|but\b|$))(?:\s*[,;.!-]*\s*but\b)?"
)


def without_negated_day(text: str) -> str:
    """``not thursday, friday at six`` says Friday. Without another day, the text is left as it is."""
    rest = _NEGATED_DAY.sub(" ", text).strip(" ,;-")
    return " ".join(rest.split()) if rest != text and names_another_day(rest) else text


def has_number(text: str) -> bool:
    """Whether a text says a number."""
    return bool(_HAS_NUMBER.search(text))


_UNKNOWN_TIME = re.compile(
    r"\b(?:first thing|breakfast|tea ?time|sun(?:rise|set|down)|dawn|dusk|(?:early|late)(?:r|ish)?|earliest|latest"
    r"|as soon as|(?:you|when|at) (?:open|close)|(?:opening|closing)(?: time)?|hundred|after (?:work|school|church))\b"
)


def names_an_unknown_time(leftover: str) -> bool:
    """Whether what was not understood of a text may say at what time of day: ``first thing``, ``when you open``."""
    return bool(_UNKNOWN_TIME.search(leftover))


def is_only_number(text: str) -> bool:
    """Whether a text is a number and nothing that says of what."""
    return bool(_ONLY_NUMBER.match(text))
