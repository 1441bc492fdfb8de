"""Times of day as callers say them, each with what English lets it mean. Written from usage, not from the resolver."""

from dataclasses import dataclass
from datetime import time
from random import Random

from tests.voxie_agents.english_days import COUNTS

TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
PARTS = {"in the morning": (1, 11), "in the afternoon": (12, 17), "in the evening": (17, 22), "at night": (20, 23)}


@dataclass(frozen=True)
class Clock:
    """A time of day in words.

    Args:
        words: as said.
        times: what it may mean.
        form: the kind of phrase, for counting.
        ends_the_day: midnight and 12 AM, which begin a day for some and end it for others.
    """

    words: str
    times: tuple[time, ...]
    form: str
    ends_the_day: bool = False

    @property
    def bare(self) -> bool:
        """Whether morning or evening is left open."""
        return len(self.times) > 1


def some_clock(random: Random) -> Clock:
    """A time of day said in one of the many ways."""
    return random.choice(_WAYS)(random)


def number(value: int) -> str:
    """In words, up to 59."""
    if value <= 12:
        return COUNTS[value]
    if value < 20:
        return TEENS[value - 13]
    tens, ones = value - value % 10, value % 10
    return TENS[tens] + (f"-{COUNTS[ones]}" if ones else "")


def _with_meridiem(random: Random) -> Clock:
    hour, minute = random.randrange(24), random.choice((0, 0, 0, 15, 30, 45, 10, 50))
    mark = random.choice((" am", "am", " a.m.", " AM", " a m") if hour < 12 else (" pm", "pm", " p.m.", " PM", " p m"))
    spelled = random.random() < 0.4 and not mark.startswith(("am", "pm"))
    return Clock(
        f"at {_twelve(hour, minute, spelled=spelled)}{mark}",
        (time(hour, minute),),
        "meridiem",
        ends_the_day=hour == minute == 0,
    )


def _twenty_four(random: Random) -> Clock:
    hour, minute = random.randrange(13, 24), random.choice((0, 15, 30, 45))
    return Clock(f"at {hour}:{minute:02d}", (time(hour, minute),), "24 hours")


def _spelled_twenty_four(random: Random) -> Clock:
    hour, minute = random.randrange(13, 23), random.choice((15, 30, 45))
    return Clock(f"at {number(hour)} {number(minute)}", (time(hour, minute),), "24 hours in words")


def _part(random: Random) -> Clock:
    part, (first, last) = random.choice(tuple(PARTS.items()))
    hour, minute = random.randrange(first, last + 1), random.choice((0, 0, 30))
    clock = random.choice((_twelve(hour, minute, spelled=True), _twelve(hour, minute, spelled=False)))
    return Clock(f"at {clock} {part}", (time(hour, minute),), "part of day")


def _fraction_with_part(random: Random) -> Clock:
    part, (first, last) = random.choice(tuple(PARTS.items()))
    hour = random.randrange(max(first, 2), last)
    words, at = _fraction(random, hour)
    return Clock(f"at {words} {part}", (at,), "fraction and part")


def _bare(random: Random) -> Clock:
    hour, minute = random.randrange(1, 12), random.choice((0, 0, 30, 15))
    clock = _twelve(hour, minute, spelled=random.random() < 0.5)
    ending = random.choice(("", " o'clock")) if minute == 0 else ""
    return Clock(f"at {clock}{ending}", (time(hour, minute), time(hour + 12, minute)), "bare")


def _bare_fraction(random: Random) -> Clock:
    words, at = _fraction(random, random.randrange(2, 11))
    return Clock(f"at {words}", (at, time(at.hour + 12, at.minute)), "bare fraction")


def _noon(random: Random) -> Clock:
    return Clock(random.choice(("at noon", "at midday", "at twelve noon", "at 12 noon")), (time(12),), "noon")


def _midnight(_: Random) -> Clock:
    return Clock("at midnight", (time(0),), "midnight", ends_the_day=True)


def _fraction(random: Random, hour: int) -> tuple[str, time]:
    """Past this hour or to the next one."""
    after = hour + 1
    name, following = COUNTS[(hour - 1) % 12 + 1], COUNTS[(after - 1) % 12 + 1]
    return random.choice(
        (
            (f"half past {name}", time(hour, 30)), (f"half {name}", time(hour, 30)),
            (f"quarter past {name}", time(hour, 15)), (f"a quarter to {following}", time(hour, 45)),
            (f"quarter to {following}", time(hour, 45)), (f"ten past {name}", time(hour, 10)),
            (f"twenty to {following}", time(hour, 40)), (f"five to {following}", time(hour, 55)),
            (f"twenty-five past {name}", time(hour, 25)), (f"a quarter after {name}", time(hour, 15)),
            (f"ten minutes to {following}", time(hour, 50)), (f"ten minutes past {name}", time(hour, 10)),
        )
    )  # fmt: skip


def _twelve(hour: int, minute: int, *, spelled: bool) -> str:
    twelve = (hour - 1) % 12 + 1
    if not spelled:
        return f"{twelve}:{minute:02d}" if minute else str(twelve)
    return f"{number(twelve)} {number(minute)}" if minute else number(twelve)


_WAYS = (
    _with_meridiem, _with_meridiem, _with_meridiem, _with_meridiem, _twenty_four, _spelled_twenty_four, _part, _part,
    _fraction_with_part, _bare, _bare_fraction, _noon, _midnight,
)  # fmt: skip
