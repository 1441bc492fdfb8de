"""How instants and dates are said: weekday, date, local time. One form everywhere, so that what is heard twice is the same."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise

_ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def spoken_date(day: date) -> str:
    """``Friday, November 27th``, whatever the process's locale."""
    ordinal = f"{day.day}{_ORDINALS.get(day.day, 'th')}"
    return f"{_WEEKDAYS[day.weekday()]}, {_MONTHS[day.month - 1]} {ordinal}"


def spoken_clock(moment: datetime) -> str:
    """``7 PM`` or ``7:30 PM``, in the zone that the instant carries."""
    hour = moment.hour % 12 or 12
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    return f"{hour}{minutes} {'AM' if moment.hour < 12 else 'PM'}"


def spoken_instant(moment: datetime) -> str:
    """``Friday, November 27th at 7:30 PM``, in the zone that the instant carries."""
    return f"{spoken_date(moment)} at {spoken_clock(moment)}"


def spoken_clocks(moments: Sequence[datetime]) -> str:
    """``7, 7:30 or 8 PM``, ``11:30 AM or 12 PM``: which half of the day is said where it changes."""
    said = [spoken_clock(moment) for moment in moments]
    short = [clock[:-3] if clock[-2:] == after[-2:] else clock for clock, after in pairwise(said)]
    return " or ".join(filter(None, (", ".join(short), said[-1])))


def spoken_offers(moments: Sequence[datetime], today: date) -> str:
    """Several times to choose from, each day named once: ``tomorrow at 7, 7:30 or 8 PM, or Friday, November 27th at 1 PM``.

    Args:
        moments: in order of time, one at least, each in the zone that it is said in.
        today: the date there.
    """
    near = {today: "today", today + timedelta(days=1): "tomorrow"}
    days = groupby(moments, key=datetime.date)
    return ", or ".join(f"{near.get(day) or spoken_date(day)} at {spoken_clocks(list(those))}" for day, those in days)


def spoken_phone(number: str) -> str:
    """A number in groups that can be followed by ear; as it was said, if it was said in groups."""
    if " " in number or len(number) <= 4:
        return number
    plus, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    head, tail = digits[:-4], digits[-4:]
    first = len(head) % 3
    groups = ([head[:first]] if first else []) + [head[i : i + 3] for i in range(first, len(head), 3)]
    return plus + " ".join([*groups, tail])
