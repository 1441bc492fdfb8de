"""What words say about days and times of day, before it is decided which instant that is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from voxie_agents.when_cover import PLACE, alters_a_time, both_halves, left_of, tells
from voxie_agents.when_days import counts_weeks, numeric_dates, own_days
from voxie_agents.when_doubts import (
    DayParts,
    Reason,
    has_number,
    names_an_unknown_day,
    names_an_unknown_time,
    names_another_day,
)
from voxie_agents.when_engine import Found, engine
from voxie_agents.when_outcomes import NotUnderstood, Setting, not_understood
from voxie_agents.when_words import days_of_month_named, names_a_day, names_a_month, only_says, weekday_named

DOUBTFUL_DISTANCE = timedelta(days=45)
"""A weekday with a day of the month that only meet farther away than this were hardly meant so."""
A_YEAR = timedelta(days=365)
"""The same, for those with a month: the coming one has another weekday."""
A_DAY = timedelta(days=1)
DAY_GRAINS = {"hour", "minute", "second", "day"}
_YEAR = re.compile(r"\b20\d\d\b")
_LEADING_ZERO = re.compile(r"(?<![:\d])0\d")


@dataclass(frozen=True)
class Reading:
    """What the words say, before it is decided: the days and times of day that they may mean."""

    days: tuple[date, ...]
    clocks: tuple[time, ...]
    parts: DayParts
    unread_time: bool = False
    """Something was said that nothing made sense of and that may be the time, so none that was agreed before stands for it."""


def read(text: str, parts: DayParts, setting: Setting) -> Reading | NotUnderstood:
    """The days and times of day that a text names, if they go together.

    Args:
        text: normalised, without the people count and the parts of the day.
        parts: of the day, which it named.
        setting: now, and what was agreed before.
    """
    today = setting.local_now.date()
    days, placed = numeric_dates(text, today)
    if placed != text and not days:
        return not_understood(Reason.NO_SUCH_TIME)
    if not days:
        days, placed = own_days(text, today)
    rest = " ".join(placed.replace(PLACE, " ").split())
    found = engine().find(rest, setting.local_now, bare_numbers=False)
    if not any(f.is_clock for f in found):
        found += _bare_clock(rest, found, setting)
    named = [f for f in found if _names_a_day(f, setting)]
    clocks = [f for f in found if f.is_clock and f not in named]
    left = left_of(placed, found)
    if len(clocks) + sum(f.is_clock for f in named) > 1 or not _go_together(named, days):
        return not_understood(Reason.CONTRADICTION)
    if alters_a_time(left) or counts_weeks(left) or (names_another_day(left) and (days or named)):
        return not_understood(Reason.CONTRADICTION)
    if not (days or named) and (names_an_unknown_day(left) or any(f.interval for f in found)):
        return NotUnderstood("Which day and time would that be?", Reason.CONTRADICTION)
    if not (named or clocks or days or (parts.names and setting.day)):
        return not_understood(Reason.NOTHING_FOUND)
    reading = _combine(text, named, clocks, tuple(days), parts, setting)
    unread = has_number(left) or names_an_unknown_time(left)
    return replace(reading, unread_time=unread) if isinstance(reading, Reading) else reading


def _names_a_day(found: Found, setting: Setting) -> bool:
    """Whether an expression says on which day: by its words or, as a holiday does, by lying farther away than any time of day."""
    if names_a_day(found.body) or (found.grain == "day" and not found.interval):
        return True
    return found.is_clock and min(found.values) - setting.local_now > A_DAY


def _bare_clock(text: str, found: list[Found], setting: Setting) -> list[Found]:
    """A number that can only be a time of day, because nothing else is said: ``seven``, ``tomorrow 7``."""
    text = " ".join(left_of(text, found).replace(PLACE, " ").split())
    bare = [f for f in engine().find(text, setting.local_now, bare_numbers=True) if f.is_clock]
    return bare if len(bare) == 1 and not names_a_day(bare[0].body) and only_says(text, bare[0].body) else []


def _go_together(named: list[Found], days: list[date]) -> bool:
    """Whether all that names a day can mean the same one."""
    several = len(named) + bool(days) > 1
    return not several or bool(_common_days(named, days))


def _common_days(named: list[Found], days: Sequence[date]) -> list[date]:
    common = [{value.date() for value in found.values} for found in named] + ([set(days)] if days else [])
    return sorted(set.intersection(*common))


def _combine(
    text: str, named: list[Found], clocks: list[Found], days: tuple[date, ...], parts: DayParts, setting: Setting
) -> Reading | NotUnderstood:
    if not named:
        return _with_clock(clocks, days, parts)
    if any(found.interval or found.grain not in DAY_GRAINS for found in named):
        return NotUnderstood("Which day and time would that be?", Reason.CONTRADICTION)
    meant = _common_days(named, days)
    meant = meant if days else meant[:1]
    doubt = None if days else _doubt(text, meant[0], setting)
    if doubt is not None:
        return doubt
    telling = clocks or [found for found in named if found.is_clock and found.grain != "second"]
    return _with_clock(telling, tuple(meant), parts, of_day=meant[0])


def _with_clock(
    telling: list[Found], days: tuple[date, ...], parts: DayParts, *, of_day: date | None = None
) -> Reading | NotUnderstood:
    """The days with the times of day that the first expression may mean; on one of them, if it names that too."""
    if not telling:
        return Reading(days, (), parts)
    found = telling[0]
    values = [value for value in found.values if of_day is None or value.date() == of_day] or list(found.values)
    if not all(tells(found.body, value) for value in values):
        return not_understood(Reason.CONTRADICTION)
    # Nobody writes "08:00" for the evening.
    early = bool(_LEADING_ZERO.search(found.body))
    said = [clock for value in values for clock in both_halves(found.body, value)]
    return Reading(days, tuple(dict.fromkeys(clock for clock in said if not early or clock.hour < 12)), parts)


def _doubt(text: str, day: date, setting: Setting) -> NotUnderstood | None:
    """Whether weekday, day of the month and the day found fit together."""
    weekday, numbers = weekday_named(text), days_of_month_named(text)
    ahead = day - setting.local_now.date()
    wrong_weekday = weekday is not None and day.weekday() != weekday
    wrong_number = bool(numbers) and day.day not in numbers
    farthest = A_YEAR if names_a_month(text) else DOUBTFUL_DISTANCE
    too_far = bool(numbers) and weekday is not None and ahead > farthest and not _YEAR.search(text)
    if wrong_weekday or wrong_number or too_far:
        return NotUnderstood("That weekday and date don't go together. Which day do you mean?", Reason.CONTRADICTION)
    return None
