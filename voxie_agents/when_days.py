"""Phrases about days that are computed here, because Duckling gets them wrong or people differ on them."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from voxie_agents.when_cover import PLACE
from voxie_agents.when_words import ORDINALS, WEEKDAYS

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14,
}  # fmt: skip
_N = rf"(?P<n>\d{{1,3}}|{'|'.join(_NUMBERS)})"
_WEEKDAY = rf"(?P<weekday>{'|'.join(WEEKDAYS)})"
_NUMERIC_DATE = re.compile(r"\b(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{2,4}))?\b")
_IN_DAYS = re.compile(rf"\b(?:in {_N} days?(?: time)?|{_N.replace('?P<n>', '?P<n2>')} days? from (?:now|today))\b")
_WEEKS_ON = re.compile(rf"\b{_N} (?:weeks?|(?P<fortnight>fortnight)) (?:on|from|after) {_WEEKDAY}\b")
_WEEK = re.compile(rf"\b(?:on )?{_WEEKDAY} week\b")
_IN_WEEKS_ON = re.compile(rf"\bin {_N} weeks?(?: time)? on (?:a )?{_WEEKDAY}\b")
_WEEKDAY_IN_WEEKS = re.compile(rf"\b(?:on )?{_WEEKDAY} in {_N} weeks?(?: time)?\b")
_DAY_WEEK = re.compile(r"\b(?P<from>today|tomorrow) week\b")
_DAYS_FROM_TOMORROW = re.compile(rf"\b{_N} days? (?:from|after) tomorrow\b")
_DAYS_FROM_WEEKDAY = re.compile(rf"\b(?:the day|{_N} days?) (?:from|after) {_WEEKDAY}\b")
_WEEKS_FROM = re.compile(rf"\b{_N} (?:weeks?|(?P<fortnight>fortnight)) (?:from )?(?P<from>today|now|tomorrow)\b")
_IN_FORTNIGHT = re.compile(r"\bin a fortnight(?:'s time)?\b(?! on)")
_IN_WEEKS = re.compile(rf"\bin {_N} weeks?(?: time|' time|'s time)?\b(?! on)")
_OF_WEEK = re.compile(
    rf"\b(?:(?:on )?{_WEEKDAY} (?:of )?(?P<week>this|next) week|(?P<week2>this|next) week,? (?:on )?{_WEEKDAY.replace('weekday', 'weekday2')})\b"
)
_AFTER_NEXT = re.compile(rf"\b(?:on )?{_WEEKDAY} (?:of )?(?:the )?week after next\b")
_NEXT = re.compile(rf"\bnext {_WEEKDAY}\b")
_UNSETTLED_WEEK = re.compile(r"\b(?:week after next|after next|fortnight|the other)\b")
_THIS = re.compile(rf"\b(?:this|this coming|coming) {_WEEKDAY}\b")
_BARE = re.compile(rf"\b(?:on )?{_WEEKDAY}\b(?! (?:the )?\d)")

_NTH = rf"(?:{'|'.join(ORDINALS)})"
_DATED = re.compile(
    r"\b(?:\d{1,2}(?:st|nd|rd|th)|january|february|april|june|july|august|september|october|november|december|easter|christmas"
    rf"|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|march|may) \d|\d (?:march|may|mar)|(?:march|may) (?:the )?{_NTH}"
    rf"|(?:{_NTH}|last|final) (?:{'|'.join(WEEKDAYS)}) (?:of|in))\b"
)
"""A date beside which a weekday is only a check, or a weekday that is counted within a month."""


def own_days(text: str, today: date) -> tuple[list[date], str]:
    """Days in phrases that are computed here, and the text with their place.

    Several days mean that people differ on what the phrase says.

    Args:
        text: normalised.
        today: the business's date.

    Returns:
        The days, none when no such phrase is there, and the text with its place.
    """
    dated = bool(_DATED.search(text))
    for pattern, compute in _OWN_PHRASES:
        if dated and pattern in {_THIS, _BARE}:
            continue
        found = list(pattern.finditer(text))
        if len(found) == 1:
            rest = f"{text[: found[0].start()]} {PLACE} {text[found[0].end() :]}"
            return compute(found[0], today), " ".join(rest.split())
    return [], text


def counts_weeks(text: str) -> bool:
    """Whether a text still counts weeks in a way that no rule here settled."""
    return bool(_UNSETTLED_WEEK.search(text))


def numeric_dates(text: str, today: date) -> tuple[list[date], str]:
    """Days in phrases such as ``27/11``; both readings where day and month can be either. See ``own_days``."""
    found = list(_NUMERIC_DATE.finditer(text))
    if len(found) != 1 or ":" in found[0][0]:
        return [], text
    first, second, year = int(found[0][1]), int(found[0][2]), found[0][3]
    readings = {(first, second), (second, first)}
    days = sorted({day for d, m in readings if (day := _date(d, m, year, today)) is not None})
    rest = f"{text[: found[0].start()]} {PLACE} {text[found[0].end() :]}"
    return days, " ".join(rest.replace(" on ", " ").split())


def _date(day: int, month: int, year: str | None, today: date) -> date | None:
    years = [int(year) + (2000 if len(year) == 2 else 0)] if year else [today.year, today.year + 1]
    for candidate in years:
        try:
            found = date(candidate, month, day)
        except ValueError:
            continue
        if year or found >= today:
            return found
    return None


def _n(text: str) -> int:
    return int(text) if text.isdecimal() else _NUMBERS[text]


def _coming(today: date, weekday: str) -> date:
    """The first such weekday after today."""
    return today + timedelta(days=(WEEKDAYS.index(weekday) - today.weekday() - 1) % 7 + 1)


def _weekday_of_week(day: date, weekday: str) -> list[date]:
    """A weekday of the week that holds a day. Weeks begin on Monday for some and on Sunday for others."""
    index = WEEKDAYS.index(weekday)
    from_monday = day + timedelta(days=index - day.weekday())
    from_sunday = day + timedelta(days=(index + 1) % 7 - (day.weekday() + 1) % 7)
    return sorted({from_monday, from_sunday})


def _next_weekday(today: date, weekday: str) -> list[date]:
    """Said on a Monday, «next Friday» is this week's for some and next week's for others, so both are asked about."""
    coming = _coming(today, weekday)
    same_week = coming in _weekday_of_week(today, weekday)
    return [coming, coming + timedelta(weeks=1)] if same_week else [coming]


def _this_weekday(today: date, weekday: str) -> date:
    return today if WEEKDAYS.index(weekday) == today.weekday() else _coming(today, weekday)


def _bare_weekday(today: date, weekday: str) -> list[date]:
    """Said on a Friday, «on Friday» may be today or in a week."""
    coming = _coming(today, weekday)
    return [today, coming] if WEEKDAYS.index(weekday) == today.weekday() else [coming]


def _days_from(today: date, weekday: str, days: int) -> list[date]:
    return [day + timedelta(days=days) for day in _bare_weekday(today, weekday)]


def _weeks(match: re.Match[str]) -> timedelta:
    return timedelta(weeks=2 * _n(match["n"]) if match["fortnight"] else _n(match["n"]))


def _of_week(match: re.Match[str], today: date) -> list[date]:
    ahead = timedelta(weeks=(match["week"] or match["week2"]) == "next")
    return _weekday_of_week(today + ahead, match["weekday"] or match["weekday2"])


_OWN_PHRASES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], list[date]]], ...] = (
    (_IN_WEEKS_ON, lambda m, today: _weekday_of_week(today + timedelta(weeks=_n(m["n"])), m["weekday"])),
    (_WEEKDAY_IN_WEEKS, lambda m, today: _weekday_of_week(today + timedelta(weeks=_n(m["n"])), m["weekday"])),
    (_WEEKS_ON, lambda m, today: [_coming(today, m["weekday"]) + _weeks(m)]),
    (_OF_WEEK, _of_week),
    (_AFTER_NEXT, lambda m, today: _weekday_of_week(today + timedelta(weeks=2), m["weekday"])),
    (_WEEK, lambda m, today: [_coming(today, m["weekday"]) + timedelta(weeks=1)]),
    (_DAY_WEEK, lambda m, today: [today + timedelta(weeks=1, days=m["from"] == "tomorrow")]),
    (_DAYS_FROM_TOMORROW, lambda m, today: [today + timedelta(days=1 + _n(m["n"]))]),
    (_DAYS_FROM_WEEKDAY, lambda m, today: _days_from(today, m["weekday"], _n(m["n"] or "one"))),
    (_WEEKS_FROM, lambda m, today: [today + _weeks(m) + timedelta(days=m["from"] == "tomorrow")]),
    (_IN_FORTNIGHT, lambda _, today: [today + timedelta(weeks=2)]),
    (_IN_WEEKS, lambda m, today: [today + timedelta(weeks=_n(m["n"]))]),
    (_IN_DAYS, lambda m, today: [today + timedelta(days=_n(m["n"] or m["n2"]))]),
    (_NEXT, lambda m, today: _next_weekday(today, m["weekday"])),
    (_THIS, lambda m, today: [_this_weekday(today, m["weekday"])]),
    (_BARE, lambda m, today: _bare_weekday(today, m["weekday"])),
)
