"""Words like "next Friday at half past two" become instants here, by deterministic code, in the business's zone.

No model, offline or real, authors an instant. What people understand differently is a question, never a guess:
a wrong instant is worse than one more sentence.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from contracts.hours import OpeningHours
from contracts.spoken import spoken_clock, spoken_date, spoken_instant
from voxie_agents.when_engine import Found, engine
from voxie_agents.when_words import (
    day_of_month_named,
    is_negated,
    looks_like_iso,
    names_a_day,
    normalised,
    numeric_dates,
    only_says,
    own_days,
    weekday_named,
    without_party,
)

FARTHEST = timedelta(days=400)
ONE_DAY = timedelta(days=1)
DOUBTFUL_DISTANCE = timedelta(days=45)
"""A weekday with a day of the month that only meet farther away than this were hardly meant so."""


class Reason(StrEnum):
    """Why words brought no instant."""

    NOTHING_FOUND = "nothing_found"
    ISO = "iso"
    PAST = "past"
    TOO_FAR = "too_far"
    NO_SUCH_TIME = "no_such_time"
    CONTRADICTION = "contradiction"
    NEGATED = "negated"


@dataclass(frozen=True)
class Resolved:
    """One instant, or a stretch when the words gave an end."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True)
class Partial:
    """Only a day, or only a time of day; the question asks for the rest."""

    question: str
    day: date | None = None
    clock: time | None = None


@dataclass(frozen=True)
class Ambiguous:
    """Several instants are meant by some; the question names them."""

    question: str
    choices: tuple[datetime, ...]


@dataclass(frozen=True)
class NotUnderstood:
    """No instant; the question asks again."""

    question: str
    reason: Reason


Outcome = Resolved | Partial | Ambiguous | NotUnderstood


@dataclass(frozen=True)
class Setting:
    """What words are understood against.

    Args:
        now: aware.
        zone: the business's.
        hours: choose between 7 in the morning and 7 in the evening; None when the business keeps none.
        duration: how long what is asked for takes; it must fit before closing for the hours to choose it.
        day: a day that was agreed before.
        clock: a time of day that was agreed before.
    """

    now: datetime
    zone: ZoneInfo
    hours: OpeningHours | None = None
    duration: timedelta = timedelta(0)
    day: date | None = None
    clock: time | None = None

    @property
    def local_now(self) -> datetime:
        """Wall-clock time at the business, naive."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)


@dataclass(frozen=True)
class _Reading:
    """What the words say, before it is decided: the days and times of day that they may mean."""

    days: tuple[date, ...]
    clocks: tuple[time, ...]
    window: tuple[datetime, datetime | None] | None = None


def resolve(words: str, setting: Setting) -> Outcome:
    """Find the instant that a caller's words mean.

    Args:
        words: as the caller said them, in English.
        setting: now, zone, hours and what was agreed before.

    Returns:
        An instant in the business's zone, or the question that leads to one.
    """
    if looks_like_iso(words):
        return NotUnderstood("Which day and time would you like?", Reason.ISO)
    text = without_party(normalised(words))
    if is_negated(text):
        return NotUnderstood("Which day and time would suit you?", Reason.NEGATED)
    relative = _elapsed(text, setting)
    if relative is not None:
        return relative
    reading = _read(text, setting)
    return reading if isinstance(reading, NotUnderstood) else _decide(reading, setting)


def _elapsed(text: str, setting: Setting) -> Outcome | None:
    """``in two hours``: time that passes, whatever the clocks on the wall do meanwhile."""
    now = setting.local_now
    found = engine().find(text, now, bare_numbers=False)
    if len(found) != 1 or not found[0].is_clock or len(found[0].values) != 1:
        return None
    body = found[0].body
    counts_time = ("hour" in body or "minute" in body) and (body.startswith("in ") or body.endswith("from now"))
    if not counts_time:
        return None
    passed = found[0].values[0] - now.replace(microsecond=0)
    start = setting.now.astimezone(UTC).replace(microsecond=0) + passed
    return Resolved(start.replace(second=0).astimezone(setting.zone))


def _read(text: str, setting: Setting) -> _Reading | NotUnderstood:
    today = setting.local_now.date()
    days, rest = numeric_dates(text, today)
    if not days:
        days, rest = own_days(text, today)
    found = engine().find(rest, setting.local_now, bare_numbers=False)
    if not any(f.is_clock for f in found):
        found += _bare_clock(rest, found, setting)
    named = [f for f in found if names_a_day(f.body)]
    clocks = [f for f in found if f.is_clock and f not in named]
    windows = [f for f in found if f.interval and f not in named]
    if len(named) > 1 or len(clocks) > 1 or (named and days and not _agree(named[0], days)):
        return NotUnderstood("I heard more than one. Which day and time would you like?", Reason.CONTRADICTION)
    if not (named or clocks or windows or days):
        return NotUnderstood("I didn't catch the day and time. When would you like to come?", Reason.NOTHING_FOUND)
    return _combine(text, named, clocks, windows, tuple(days), setting)


def _bare_clock(text: str, found: list[Found], setting: Setting) -> list[Found]:
    """A number that can only be a time of day, because nothing else is said: ``seven``, ``tomorrow 7``."""
    for day in found:
        text = text.replace(day.body, " ", 1)
    bare = [f for f in engine().find(text, setting.local_now, bare_numbers=True) if f.is_clock]
    return bare if len(bare) == 1 and not names_a_day(bare[0].body) and only_says(text, bare[0].body) else []


def _agree(found: Found, days: list[date]) -> bool:
    return any(value.date() in days for value in found.values)


def _combine(
    text: str, named: list[Found], clocks: list[Found], windows: list[Found], days: tuple[date, ...], setting: Setting
) -> _Reading | NotUnderstood:
    own_clocks = _clock_times(clocks[0]) if clocks else ()
    if not named:
        window = _window(windows[0], days or ((setting.day,) if setting.day else ())) if windows else None
        return _Reading(days, own_clocks, window)
    first = named[0]
    if days:
        kept = tuple(day for day in days if any(v.date() == day for v in first.values))
        return _Reading(kept, own_clocks or (_clock_times(first) if first.is_clock else ()))
    doubt = _doubt(text, first, setting)
    if doubt is not None:
        return doubt
    day = first.values[0].date()
    if first.interval and first.until is not None and first.until - first.values[0] > ONE_DAY:
        return NotUnderstood("Which day and time would that be?", Reason.NOTHING_FOUND)
    if first.interval:
        return _Reading((day,), own_clocks, (first.values[0], first.until))
    if first.grain in {"week", "month", "year", "quarter"}:
        return NotUnderstood("Which day would that be?", Reason.NOTHING_FOUND)
    same_day = tuple(v.time() for v in first.values if v.date() == day) if first.is_clock else ()
    return _Reading((day,), own_clocks or same_day)


def _clock_times(found: Found) -> tuple[time, ...]:
    return tuple(dict.fromkeys(value.time() for value in found.values))


def _window(found: Found, days: tuple[date, ...]) -> tuple[datetime, datetime | None] | None:
    """A stretch of the day, such as the evening, moved to the day that was named."""
    if not days:
        return None
    start = datetime.combine(days[0], found.values[0].time())
    return start, (start + (found.until - found.values[0]) if found.until else None)


def _doubt(text: str, found: Found, setting: Setting) -> NotUnderstood | None:
    """Whether weekday, day of the month and the day found fit together."""
    day = found.values[0].date()
    weekday, number = weekday_named(text), day_of_month_named(text)
    far = day - setting.local_now.date() > DOUBTFUL_DISTANCE
    wrong_weekday = weekday is not None and day.weekday() != weekday
    wrong_number = number is not None and day.day != number
    if wrong_weekday or wrong_number or (weekday is not None and number is not None and far):
        return NotUnderstood("That weekday and date don't go together. Which day do you mean?", Reason.CONTRADICTION)
    return None


def _decide(reading: _Reading, setting: Setting) -> Outcome:
    days = reading.days or ((setting.day,) if setting.day and reading.clocks else ())
    clocks = reading.clocks or ((setting.clock,) if setting.clock and not reading.window else ())
    if not days:
        return _ask_for_day(reading, setting)
    today = setting.local_now.date()
    if all(day < today for day in days):
        return NotUnderstood("That day has already passed. Which day would you like?", Reason.PAST)
    if all(day - today > FARTHEST for day in days):
        return NotUnderstood("That is too far ahead. Which day would you like?", Reason.TOO_FAR)
    if not clocks:
        return _ask_for_time(tuple(day for day in days if day >= today))
    options = [(day, clock) for day in days for clock in clocks]
    if clocks == (time(),):
        # For some the night before that day, for others the night after it.
        options += [(day + ONE_DAY, time()) for day in days]
    return _choose(options, reading, setting)


def _ask_for_day(reading: _Reading, setting: Setting) -> Outcome:
    clock = _single_clock(reading.clocks, setting)
    at = f"at {spoken_clock(datetime.combine(date.min, clock))}" if clock else "then"
    if not reading.clocks:
        return NotUnderstood("On which day, and at what time?", Reason.NOTHING_FOUND)
    return Partial(f"On which day {at}?", clock=clock)


def _single_clock(clocks: tuple[time, ...], setting: Setting) -> time | None:
    """The time of day that opening hours leave on every day of the week; None when they differ."""
    fits: set[time] = set()
    for offset in range(7):
        day = setting.local_now.date() + timedelta(days=offset)
        open_then = [clock for clock in clocks if _is_open(day, clock, setting)]
        if len(open_then) > 1:
            return None
        fits |= set(open_then)
    return fits.pop() if len(fits) == 1 else (clocks[0] if len(clocks) == 1 else None)


def _ask_for_time(days: tuple[date, ...]) -> Outcome:
    if len(days) == 1:
        return Partial(f"At what time on {spoken_date(days[0])}?", day=days[0])
    return Partial(f"Do you mean {' or '.join(spoken_date(day) for day in days)}?")


def _choose(options: list[tuple[date, time]], reading: _Reading, setting: Setting) -> Outcome:
    """One instant of several by the window, the present and the opening hours; the rest is asked."""
    if reading.window is not None:
        options = [o for o in options if _within(datetime.combine(*o), reading.window)] or options
    instants: list[datetime] = []
    for option in options:
        local = localised(datetime.combine(*option), setting.zone)
        if isinstance(local, NotUnderstood):
            if len(options) == 1:
                return local
            continue
        instants += local
    ahead = [instant for instant in instants if instant > setting.now]
    if not ahead:
        return NotUnderstood(_passed(instants), Reason.PAST)
    open_then = [i for i in ahead if _is_open(i.date(), i.time(), setting)]
    chosen = open_then or ahead
    if len(chosen) == 1:
        return Resolved(chosen[0])
    return Ambiguous(_which(chosen), tuple(chosen))


def _within(moment: datetime, window: tuple[datetime, datetime | None]) -> bool:
    return moment >= window[0] and (window[1] is None or moment <= window[1])


def _is_open(day: date, clock: time, setting: Setting) -> bool:
    """Whether the business is open at a time of a day, long enough; one without hours always is."""
    if setting.hours is None:
        return True
    start = datetime.combine(day, clock)
    for offset in (0, -1):
        base = day + timedelta(days=offset)
        for period in setting.hours.on(base.weekday()):
            opens, closes = datetime.combine(base, period.opens), datetime.combine(base, period.closes)
            if closes <= opens:
                closes += timedelta(days=1)
            if opens <= start and start + setting.duration <= closes:
                return True
    return False


def is_open(start: datetime, setting: Setting) -> bool:
    """Whether the business is open at an instant, for as long as what is asked for takes."""
    local = start.astimezone(setting.zone)
    return _is_open(local.date(), local.time(), setting)


def _passed(instants: list[datetime]) -> str:
    said = f"{spoken_instant(instants[0])} has already passed." if instants else "That time has already passed."
    return f"{said} When else would suit you?"


def _which(choices: list[datetime]) -> str:
    if len({(c.date(), c.time()) for c in choices}) == 1:
        return "The clocks go back that night, so that time comes twice. Do you mean the first or the second?"
    if len({c.date() for c in choices}) == 1:
        times = " or ".join(spoken_clock(c) for c in choices)
        return f"Do you mean {times}, on {spoken_date(choices[0])}?"
    return f"Do you mean {' or '.join(spoken_instant(c) for c in choices)}?"


def localised(naive: datetime, zone: ZoneInfo) -> list[datetime] | NotUnderstood:
    """The instants that a wall-clock time means in a zone: one, two when the clocks go back, none when they go forward."""
    first, second = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return [first]
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
        return [first, second]
    before = second.astimezone(UTC).astimezone(zone)
    after = first.astimezone(UTC).astimezone(zone)
    return NotUnderstood(
        f"The clocks go forward that night, so that time doesn't exist. "
        f"Would {spoken_clock(before)} or {spoken_clock(after)} suit you?",
        Reason.NO_SUCH_TIME,
    )


def resolve_range(words: str, setting: Setting) -> Resolved | NotUnderstood:
    """Find the stretch of time that words mean, for questions such as "what do I have this week?".

    Args:
        words: as the caller said them.
        setting: now, zone and hours.

    Returns:
        A start and an end in the business's zone, or a question.
    """
    outcome = resolve(words, setting)
    if isinstance(outcome, Resolved):
        return Resolved(outcome.start, outcome.end or outcome.start + max(setting.duration, timedelta(minutes=1)))
    if isinstance(outcome, Partial) and outcome.day is not None:
        return _whole_days(outcome.day, outcome.day + timedelta(days=1), setting.zone)
    found = engine().find(normalised(words), setting.local_now, bare_numbers=False)
    if len(found) == 1 and found[0].grain in {"day", "week", "month"}:
        start = found[0].values[0].date()
        return _whole_days(start, _grain_end(start, found[0].grain), setting.zone)
    return NotUnderstood("For which days?", Reason.NOTHING_FOUND)


def _grain_end(start: date, grain: str) -> date:
    if grain == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if grain == "week" else 1)


def _whole_days(first: date, after: date, zone: ZoneInfo) -> Resolved:
    return Resolved(datetime.combine(first, time(), zone), datetime.combine(after, time(), zone))


def spoken(instant: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """An instant as people say it, for reading back: always with weekday and date.

    Args:
        instant: aware.
        now: aware.
        zone: the business's.
    """
    local, today = instant.astimezone(zone), now.astimezone(zone).date()
    near = {today: "today, ", today + timedelta(days=1): "tomorrow, "}.get(local.date(), "")
    return f"{near}{spoken_instant(local)}"


def engine_name() -> str:
    """Which reader this machine has: ``duckling``, or ``digits`` for days and times in digits only."""
    return engine().name
