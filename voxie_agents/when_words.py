"""Words before an engine reads them: numbers as speech recognition writes them, people counts taken out, and the phrases
about days that Duckling gets wrong.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14,
}  # fmt: skip
_N = rf"(?P<n>\d{{1,3}}|{'|'.join(_NUMBERS)})"
_WEEKDAY = rf"(?P<weekday>{'|'.join(WEEKDAYS)})"
_COUNT = r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|one)"
_PEOPLE = r"(?:people|persons?|guests?|adults?|kids?|children|diners|covers|pax|of us)"

_PARTY = [
    re.compile(
        rf"\b(?:a |the )?(?:table|booking|reservation|seats?|party|group|dinner|lunch|spot|room) (?:for|of) {_COUNT}(?: {_PEOPLE})?\b"
    ),
    re.compile(rf"\b(?:for |just |there(?:'s| are| will be) |we(?:'re| are) )?{_COUNT} {_PEOPLE}\b"),
    re.compile(rf"\bfor {_COUNT}(?= (?:at|on|tomorrow|today|tonight|this|next|{'|'.join(WEEKDAYS)})\b)"),
    re.compile(rf"^(?:just )?{_COUNT}(?= on (?:the |{'|'.join(WEEKDAYS)}))"),
]
_NEGATIONS = re.compile(r"\b(?:not|except|instead of|rather than|anything but|never|don't|can't|isn't|no longer)\b")
_ISO = re.compile(r"\b\d{4}-\d\d?-\d\d?|\d{8}t\d{4}|\dt\d\d:\d\d", re.IGNORECASE)
_NUMERIC_DATE = re.compile(r"\b(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{2,4}))?\b")

_DAY_WORDS = re.compile(
    rf"\b(?:today|tonight|tomorrow|yesterday|{'|'.join(WEEKDAYS)}|mon|tues?|weds?|thurs?|fri|sat|sun"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|day|days|week|weeks|weekend|month|year|christmas|easter|eve|holiday"
    r"|\d{1,2}(?:st|nd|rd|th)|first|second|third|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth"
    r"|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|thirty-first|hours?|minutes?"
    r"|this|now|later|noon today)\b"
)


def normalised(words: str) -> str:
    """Lower case, and times as ``7:30``, whatever the recogniser wrote."""
    text = words.lower().replace("’", "'")
    text = re.sub(r"\b([ap])\.\s?m\.?(?=\W|$)", r"\1m", text)
    text = re.sub(r"\bo'?clock\b", " o'clock", text)
    text = re.sub(r"\bhalf-", "half ", text)
    text = re.sub(r"\b(\d{1,2})[.](\d\d)\b(?!\d|[./])", r"\1:\2", text)
    text = re.sub(r"\b(\d{1,2})(\d\d)(?=\s*[ap]m\b)", r"\1:\2", text)
    text = re.sub(r"(?<=\bat )(\d{1,2})([0-5]\d)\b(?!:)", r"\1:\2", text)
    text = re.sub(r"^(?:(?:make it|say|how about|what about|maybe|no|um|uh)[, ]+)*(\d{1,2})([0-5]\d)$", r"\1:\2", text)
    text = re.sub(r"\b(day after tomorrow|tomorrow|today|tonight) (\d{1,2})([0-5]\d)$", r"\1 \2:\3", text)
    return " ".join(text.split())


def without_party(text: str) -> str:
    """The text without how many people come, which would read as a time."""
    for pattern in _PARTY:
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def looks_like_iso(words: str) -> bool:
    """Whether somebody wrote an instant rather than said one."""
    return bool(_ISO.search(words))


_FILLERS = re.compile(
    r"\b(?:make it|let's say|let's do|say|how about|what about|maybe|please|um|uh|er|at|around|about|then|okay|ok|yes|yeah"
    r"|no|instead|o'clock|thanks|thank you|the|one|slot|could you do|can you do|would|work|is|fine|good)\b|[,.!?-]"
)


def only_says(text: str, body: str) -> bool:
    """Whether a text is nothing but an expression and words that fill a gap, as the answer to a question is."""
    left = text.replace(body, " ", 1)
    return not _FILLERS.sub(" ", left).split()


def is_negated(text: str) -> bool:
    """Whether a day or time may be named in order to be ruled out."""
    return bool(_NEGATIONS.search(text))


def names_a_day(text: str) -> bool:
    """Whether an expression says on which day, rather than only at what time."""
    return bool(_DAY_WORDS.search(text))


def weekday_named(text: str) -> int | None:
    """The weekday in a text, Monday being 0; None without one or with several."""
    named = {WEEKDAYS.index(day) for day in re.findall(rf"\b({'|'.join(WEEKDAYS)})\b", text)}
    return named.pop() if len(named) == 1 else None


def day_of_month_named(text: str) -> int | None:
    """``the 14th`` without a month."""
    found = re.findall(r"\b(\d{1,2})(?:st|nd|rd|th)\b", text)
    return int(found[0]) if len(found) == 1 else None


_IN_DAYS = re.compile(rf"\b(?:in {_N} days?(?: time)?|{_N.replace('?P<n>', '?P<n2>')} days? from (?:now|today))\b")
_WEEKS_ON = re.compile(rf"\b{_N} weeks? (?:on|from|after) {_WEEKDAY}\b")
_IN_WEEKS_ON = re.compile(rf"\bin {_N} weeks?(?: time)? on (?:a )?{_WEEKDAY}\b")
_WEEKDAY_IN_WEEKS = re.compile(rf"\b(?:on )?{_WEEKDAY} in {_N} weeks?(?: time)?\b")
_WEEKS_FROM = re.compile(rf"\b{_N} weeks? from (?P<from>today|now|tomorrow)\b")
_NEXT = re.compile(rf"\bnext {_WEEKDAY}\b")
_WEEK_AFTER_NEXT = re.compile(r"\b(?:week after next|fortnight|other)\b")
_THIS = re.compile(rf"\b(?:this|this coming|coming) {_WEEKDAY}\b")
_BARE = re.compile(rf"\b(?:on )?{_WEEKDAY}\b(?! (?:the )?\d)")


def own_days(text: str, today: date) -> tuple[list[date], str]:
    """Days in phrases that are computed here, and the text without them.

    Several days mean that people differ on what the phrase says.

    Args:
        text: normalised.
        today: the business's date.

    Returns:
        The days, none when no such phrase is there, and what is left of the text.
    """
    if _WEEK_AFTER_NEXT.search(text):
        return [], text
    for pattern, compute in _OWN_PHRASES:
        found = list(pattern.finditer(text))
        if len(found) == 1:
            rest = text[: found[0].start()] + " " + text[found[0].end() :]
            return compute(found[0], today), " ".join(rest.split())
    return [], text


def numeric_dates(text: str, today: date) -> tuple[list[date], str]:
    """Days in phrases such as ``27/11``; both readings where day and month can be either. See ``own_days``."""
    found = list(_NUMERIC_DATE.finditer(text))
    if len(found) != 1 or ":" in found[0][0]:
        return [], text
    first, second, year = int(found[0][1]), int(found[0][2]), found[0][3]
    readings = {(first, second), (second, first)}
    days = sorted({day for d, m in readings if (day := _date(d, m, year, today)) is not None})
    rest = text[: found[0].start()] + " " + text[found[0].end() :]
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


def _weekday_of_week(day: date, weekday: str) -> date:
    return day + timedelta(days=WEEKDAYS.index(weekday) - day.weekday())


def _next_weekday(today: date, weekday: str) -> list[date]:
    """Said on a Monday, «next Friday» is this week's for some and next week's for others, so both are asked about."""
    coming = _coming(today, weekday)
    same_week = coming.isocalendar()[:2] == today.isocalendar()[:2]
    return [coming, coming + timedelta(weeks=1)] if same_week else [coming]


def _this_weekday(today: date, weekday: str) -> date:
    return today if WEEKDAYS.index(weekday) == today.weekday() else _coming(today, weekday)


def _bare_weekday(today: date, weekday: str) -> list[date]:
    """Said on a Friday, «on Friday» may be today or in a week."""
    coming = _coming(today, weekday)
    return [today, coming] if WEEKDAYS.index(weekday) == today.weekday() else [coming]


_OWN_PHRASES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], list[date]]], ...] = (
    (_IN_WEEKS_ON, lambda m, today: [_weekday_of_week(today + timedelta(weeks=_n(m["n"])), m["weekday"])]),
    (_WEEKDAY_IN_WEEKS, lambda m, today: [_weekday_of_week(today + timedelta(weeks=_n(m["n"])), m["weekday"])]),
    (_WEEKS_ON, lambda m, today: [_coming(today, m["weekday"]) + timedelta(weeks=_n(m["n"]))]),
    (_WEEKS_FROM, lambda m, today: [today + timedelta(weeks=_n(m["n"]), days=m["from"] == "tomorrow")]),
    (_IN_DAYS, lambda m, today: [today + timedelta(days=_n(m["n"] or m["n2"]))]),
    (_NEXT, lambda m, today: _next_weekday(today, m["weekday"])),
    (_THIS, lambda m, today: [_this_weekday(today, m["weekday"])]),
    (_BARE, lambda m, today: _bare_weekday(today, m["weekday"])),
)
