"""Days as callers say them, each with the dates that English lets it mean. Written from usage, not from the resolver."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple(calendar.month_name[1:])
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
    "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
HOLIDAYS = {
    "Christmas Eve": (12, 24), "Christmas Day": (12, 25), "New Year's Eve": (12, 31), "New Year's Day": (1, 1),
    "Valentine's Day": (2, 14), "Halloween": (10, 31),
}  # fmt: skip


@dataclass(frozen=True)
class Day:
    """A day in words.

    Args:
        words: as said.
        dates: what it may mean; none when there is no such day.
        form: the kind of phrase, for counting.
        open_to_taste: whether taking one of several meanings without asking is fair.
    """

    words: str
    dates: tuple[date, ...]
    form: str
    open_to_taste: bool = False


def some_day(random: Random, today: date) -> Day:
    """A day said in one of the many ways."""
    return random.choice(_WAYS)(random, today)


def plain_day(random: Random, today: date) -> Day:
    """A day said without any figure."""
    return random.choice((_near, _weekday))(random, today)


def _near(random: Random, today: date) -> Day:
    words, days = random.choice((("today", 0), ("tomorrow", 1), ("tomorrow", 1), ("the day after tomorrow", 2)))
    return Day(words, (_after(today, days),), "near")


def _weekday(random: Random, today: date) -> Day:
    weekday = random.randrange(7)
    ahead = (weekday - today.weekday()) % 7
    words = random.choice(("{}", "on {}", "this coming {}", "{} this week")).format(WEEKDAYS[weekday])
    if ahead == 0:
        # Today is one of the meanings of its own name.
        return Day(f"on {WEEKDAYS[weekday]}", (today, _after(today, 7)), "weekday of today")
    if "this week" in words and weekday < today.weekday():
        return Day(f"on {WEEKDAYS[weekday]}", (_after(today, ahead),), "weekday")
    return Day(words, (_after(today, ahead),), "weekday")


def _next_weekday(random: Random, today: date) -> Day:
    weekday = random.randrange(7)
    ahead = (weekday - today.weekday()) % 7
    words = f"next {WEEKDAYS[weekday]}"
    if ahead == 0:
        return Day(words, (_after(today, 7),), "next weekday")
    both = (_after(today, ahead), _after(today, ahead + 7))
    # "Next Monday" on a Friday is in three days for most; "next Friday" on a Monday divides people.
    return Day(words, both, "next weekday", open_to_taste=weekday < today.weekday())


def _in_next_week(random: Random, today: date) -> Day:
    weekday = random.randrange(6)  # whether a week begins or ends with Sunday divides people
    monday = _after(today, 7 - today.weekday())
    day = _after(monday, weekday)
    words = random.choice(("{} next week", "next week {}", "next week on {}")).format(WEEKDAYS[weekday])
    dates = (day,) if today.weekday() < 6 else (day, _after(day, 7))
    return Day(words, dates, "next week", open_to_taste=True)


def _week_from(random: Random, today: date) -> Day:
    weekday = (today.weekday() + random.randrange(1, 7)) % 7
    ahead = (weekday - today.weekday()) % 7
    name = WEEKDAYS[weekday]
    weeks, words = random.choice(
        (
            (1, f"a week from {name}"), (1, f"a week on {name}"), (1, f"{name} week"), (2, f"two weeks from {name}"),
            (1, f"a week after {name}"), (2, f"a fortnight on {name}"),
        )
    )  # fmt: skip
    return Day(words, (_after(today, ahead + 7 * weeks),), "week from weekday")


def _ahead(random: Random, today: date) -> Day:
    count = random.randrange(2, 13)
    said = random.choice((str(count), COUNTS[count]))
    words, days = random.choice(
        (
            (f"in {said} days", count), (f"{said} days from now", count), (f"in {said} weeks", count * 7),
            (f"{said} weeks from today", count * 7), (f"{said} days from tomorrow", count + 1), ("in a week", 7),
            ("a week from today", 7), ("a week from tomorrow", 8), ("tomorrow week", 8), ("today week", 7),
            ("in a fortnight", 14), ("in a week's time", 7), ("a day after tomorrow", 2),
        )
    )  # fmt: skip
    return Day(words, (_after(today, days),), "days ahead")


def _dated(random: Random, today: date) -> Day:
    month, day = _some_month_day(random, today)
    return Day(_month_day_words(random, month, day), _yearly(today, month, day), "date")


def _dated_with_weekday(random: Random, today: date) -> Day:
    month, day = _some_month_day(random, today)
    dates = _yearly(today, month, day)
    said = dates[0].weekday() if dates else 0
    form = "weekday and date"
    if random.random() < 0.25:
        said, dates, form = (said + random.randrange(1, 7)) % 7, (), "weekday that is not the date's"
    return Day(f"{WEEKDAYS[said]} {_month_day_words(random, month, day)}".replace(" on ", " "), dates, form)


def _dated_with_year(random: Random, today: date) -> Day:
    day = _after(today, random.randrange(1, 390))
    form = random.choice(("{m} {o}, {y}", "the {o} of {m} {y}", "{d} {m} {y}", "{m} {d} {y}"))
    words = form.format(m=MONTHS[day.month - 1], o=_ordinal(random, day.day), d=day.day, y=day.year)
    return Day(words, (day,), "date with year")


def _of_this_month(random: Random, today: date) -> Day:
    day = random.choice([each for each in range(1, 32) if each != today.day])
    coming = next(each for days in range(1, 70) if (each := _after(today, days)).day == day)
    return Day(f"on the {_ordinal(random, day)}", (coming,), "day of month")


def _weekday_the(random: Random, today: date) -> Day:
    day = _after(today, random.randrange(1, 28))
    return Day(f"{WEEKDAYS[day.weekday()]} the {_ordinal(random, day.day)}", (day,), "weekday the nth")


def _of_next_month(random: Random, today: date) -> Day:
    first = _after(today.replace(day=28), 4).replace(day=1)
    day = random.randrange(1, 29)
    return Day(f"the {_ordinal(random, day)} of next month", (first.replace(day=day),), "of next month")


def _nth_weekday(random: Random, today: date) -> Day:
    month, weekday = random.randrange(1, 13), random.randrange(7)
    nth = random.randrange(5)
    words = f"the {(*ORDINALS[:4], 'last')[nth]} {WEEKDAYS[weekday]} {random.choice(('of', 'in'))} {MONTHS[month - 1]}"
    years = (today.year, today.year + 1)
    found = next(each for each in (_nth(year, month, weekday, nth) for year in years) if each >= today)
    return Day(words, (found,), "nth weekday", open_to_taste=True)


def _last_of_month(_: Random, today: date) -> Day:
    last = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    return Day("the last day of the month", (last,), "last of month")


def _holiday(random: Random, today: date) -> Day:
    name, (month, day) = random.choice(tuple(HOLIDAYS.items()))
    return Day(f"on {name}", _yearly(today, month, day), "holiday")


def _numeric(random: Random, today: date) -> Day:
    day = _after(today, random.randrange(1, 330))
    if random.random() < 0.25:
        return Day(day.isoformat(), (day,), "iso date")
    first, second = random.choice(((day.day, day.month), (day.month, day.day)))
    year = random.choice(("", f"/{day.year}"))
    readings = {(second, first), (first, second)}
    if year:
        dates = {found for month, number in readings if (found := _date(day.year, month, number))}
    else:
        dates = {found for month, number in readings for found in _yearly(today, month, number)}
    return Day(f"{first}/{second}{year}", tuple(sorted(dates)), "numeric date")


def _past(random: Random, today: date) -> Day:
    weekday = random.randrange(7)
    back = (today.weekday() - weekday) % 7 or 7
    words, days = random.choice(
        (("yesterday", 1), ("three days ago", 3), ("a week ago", 7), (f"last {WEEKDAYS[weekday]}", back))
    )
    dates = (_after(today, -days), *((_after(today, -days - 7),) if days == back else ()))
    return Day(words, dates, "past", open_to_taste=True)


def _after(day: date, days: int) -> date:
    return day + timedelta(days=days)


def _date(year: int, month: int, day: int) -> date | None:
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return date(year, month, day)


def _yearly(today: date, month: int, day: int) -> tuple[date, ...]:
    """The coming one; within four years, for the 29th of February."""
    if not 1 <= month <= 12:
        return ()
    found = (_date(today.year + years, month, day) for years in range(5))
    return tuple(each for each in found if each is not None and each >= today)[:1]


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    days = [
        day
        for number in range(1, calendar.monthrange(year, month)[1] + 1)
        if (day := date(year, month, number)).weekday() == weekday
    ]
    return days[min(nth, len(days) - 1)] if nth < 4 else days[-1]


def _some_month_day(random: Random, today: date) -> tuple[int, int]:
    if random.random() < 0.05:
        return 2, 29
    day = _after(today, random.randrange(1, 364))
    return day.month, day.day


def _month_day_words(random: Random, month: int, day: int) -> str:
    form = random.choice(("the {o} of {m}", "{m} {o}", "{d} {m}", "on {m} {d}", "{m} the {o}", "on the {o} of {m}"))
    return form.format(o=_ordinal(random, day), m=MONTHS[month - 1], d=day)


def _ordinal(random: Random, day: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
    return random.choice((f"{day}{ending}", ORDINALS[day - 1]))


_WAYS = (
    _near, _near, _near, _weekday, _weekday, _weekday, _next_weekday, _in_next_week, _week_from, _ahead, _ahead, _dated,
    _dated, _dated_with_weekday, _dated_with_year, _of_this_month, _weekday_the, _of_next_month, _nth_weekday,
    _last_of_month, _holiday, _numeric, _past,
)  # fmt: skip
