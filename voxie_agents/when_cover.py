"""Whether what was understood covers all that was said of a time: an engine that makes sense of a part answers with that part.

Of "ten to eleven January the fourth" it takes the midnight at which January the 4th begins, and of "the last but one Friday of
June" the first one. So the words are gone through once more without a grammar: what still says something about a day or a time
of day, beside what was understood, makes it a question.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time

from voxie_agents.when_engine import Found
from voxie_agents.when_words import ORDINALS

PLACE = "§"
"""Stands where an expression was understood; nobody says it, and no engine reads it."""

_UNITS = r"days?|nights?|weeks?|weekends?|fortnights?|months?|years?|eve"
_TURNS = r"next|last|penultimate|previous|following"
_ORDINALS = rf"first|second|third|fourth|fifth|sixth|final|other|another|{_TURNS}"
_STRETCHES = r"beginning|start|middle|mid|end"
_JOINTS = r"of|in|on|the|a|an|from|after|before|to|but|one|this|that|than|or|[,-]"
_BEFORE = re.compile(rf"\b(?:{_UNITS}|{_ORDINALS}|{_STRETCHES}|half|quarter|past)[ -]+(?:(?:{_JOINTS}) +)*{PLACE}")
_AFTER = re.compile(
    rf"{PLACE} +(?:(?:{_JOINTS}) +)*(?:\w+ )?(?:{_UNITS}|{_TURNS}|noon|midnight|midday|half|quarter|past)\b(?! (?:name|time)\b)"
    rf"|{PLACE}[ ,]+(?:plus|minus) \w+"
)
_IN_MONTH = re.compile(r"\b(?:of|in) (?:may|march)\b")

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_VALUES = (
    {name: value for value, name in enumerate((*_ONES, *_TEENS))}
    | _TENS
    | {f"{tens}{dash}{one}": value + _ONES.index(one) for tens, value in _TENS.items() for one in _ONES[1:] for dash in "- "}
    | {"noon": 12, "midday": 12, "midnight": 0, "half": 30, "quarter": 15}
)  # fmt: skip
_NTH = re.compile(rf"\b(?:{'|'.join(sorted(ORDINALS, key=len, reverse=True))})\b")
_SAID = re.compile(rf"\b(?:{'|'.join(sorted(_VALUES, key=len, reverse=True))})\b|(?<!\d)\d+(?!\d|st\b|nd\b|rd\b|th\b)")


def left_of(text: str, found: Sequence[Found]) -> str:
    """A text with what was understood of it replaced by its place."""
    for expression in found:
        if expression.body not in text:
            # It goes across the place of another, which is then not known any more.
            text = " ".join(text.replace(PLACE, " ").split())
        text = text.replace(expression.body, PLACE, 1)
    return text


def alters_a_time(left: str) -> bool:
    """Whether something that was not understood changes what was: ``the last but one Friday of June``.

    Args:
        left: from ``left_of``.
    """
    return any(pattern.search(left) for pattern in (_BEFORE, _AFTER, _IN_MONTH))


_HALF_TOLD = re.compile(r"(?:\b|\d)[ap] ?m\b|\b(?:noon|midday|midnight)\b|(?<![:\d])0\d|\b(?:0|zero):?")


def both_halves(body: str, value: datetime) -> tuple[time, ...]:
    """A time of day, and the same twelve hours from it when its words leave open which half of the day is meant.

    Beside some dates an engine finds the one in the morning alone.

    Args:
        body: an expression with a time of day, normalised.
        value: wall-clock time that an engine takes it for.
    """
    clock, said = value.time(), _numbers(body)
    of_24 = value.hour > 12 and not said.isdisjoint({value.hour, value.hour + 1})
    if _HALF_TOLD.search(body) or of_24:
        return (clock,)
    return tuple(sorted({clock, clock.replace(hour=(clock.hour + 12) % 24)}))


def _numbers(body: str) -> set[int]:
    said = _SAID.findall(_NTH.sub(" ", body))
    return {_VALUES[number] if number in _VALUES else int(number) for number in said}


def tells(body: str, value: datetime) -> bool:
    """Whether a time of day and a day account for the numbers in the words that they were found in, and they for it.

    Args:
        body: an expression with a time of day, normalised.
        value: wall-clock time that an engine takes it for.
    """
    said = _numbers(body)
    hour, minute = value.hour, value.minute
    hours = {hour, hour % 12, hour % 12 + 12} | ({hour + 1, (hour + 1) % 12, (hour + 1) % 12 + 12} if minute else set())
    minutes = {minute, 60 - minute, 0}
    whole = {hours_ * 100 + minute for hours_ in hours}
    day = {value.day, value.year, value.year % 100}
    if not any(number in hours | whole for number in said):
        return False
    if minute and not any(number in minutes - {0} | whole for number in said):
        return False
    return all(number in hours | minutes | whole | day for number in said)
