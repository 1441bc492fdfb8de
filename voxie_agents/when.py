"""Words like "next Friday at half past two" become instants here, by deterministic code, in the business's zone.

No model, offline or real, authors an instant. What people understand differently is a question, never a guess:
a wrong instant is worse than one more sentence.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contracts.spoken import spoken_clock, spoken_date, spoken_instant
from voxie_agents.when_doubts import (
    DayParts,
    Reason,
    corrected,
    is_only_number,
    unfit,
    without_day_parts,
    without_negated_day,
)
from voxie_agents.when_engine import engine
from voxie_agents.when_outcomes import Ambiguous, NotUnderstood, Outcome, Partial, Resolved, Setting, not_understood
from voxie_agents.when_reading import Reading, read
from voxie_agents.when_words import ends_with_party, looks_like_iso, normalised, without_party

FARTHEST = timedelta(days=400)
ONE_DAY = timedelta(days=1)
ONE_WEEK = timedelta(weeks=1)
SMALL_HOURS = time(6)


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
    text, outcome, counted = normalised(words), not_understood(Reason.NOTHING_FOUND), False
    for part in corrected(text):
        if counted and is_only_number(part):
            continue
        fresh = _resolve_part(without_negated_day(without_party(part)), setting)
        counted = ends_with_party(part)
        if not (isinstance(fresh, NotUnderstood) and fresh.reason is Reason.NOTHING_FOUND):
            outcome, setting = fresh, _agreed(fresh, setting)
    return outcome


def _agreed(outcome: Outcome, setting: Setting) -> Setting:
    """The setting in which a correction is understood: what it leaves open stays as it was said before."""
    match outcome:
        case Resolved(start=start):
            # Said on a Wednesday, "Wednesday at three, I mean five" may be in a week because three has passed and five has not.
            now = setting.local_now
            put_off = start.date() - now.date() == ONE_WEEK and start.time() <= now.time()
            return replace(setting, day=None if put_off else start.date(), clock=start.time())
        case Partial(day=day, clock=clock):
            return replace(setting, day=day or setting.day, clock=clock or setting.clock)
        case _:
            return replace(setting, day=None, clock=None)


def _resolve_part(text: str, setting: Setting) -> Outcome:
    text, parts = without_day_parts(text)
    reason = unfit(text)
    if reason is not None:
        return not_understood(reason)
    relative = _elapsed(text, setting)
    if relative is not None:
        return relative
    reading = read(text, parts, setting)
    return reading if isinstance(reading, NotUnderstood) else _decide(reading, setting)


def _elapsed(text: str, setting: Setting) -> Outcome | None:
    """``in two hours``: time that passes, whatever the clocks on the wall do meanwhile."""
    if "hour" not in text and "minute" not in text:
        return None
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


def _decide(reading: Reading, setting: Setting) -> Outcome:
    agreed = (setting.day,) if setting.day and (reading.clocks or reading.parts.names) else ()
    days = reading.days or agreed
    keeps_clock = setting.clock and not (reading.parts.names or reading.unread_time)
    clocks = reading.clocks or ((setting.clock,) if setting.clock and keeps_clock else ())
    if not days:
        return _ask_for_day(reading, setting)
    today = setting.local_now.date()
    if all(day < today for day in days):
        return NotUnderstood("That day has already passed. Which day would you like?", Reason.PAST)
    if all(day - today > FARTHEST for day in days):
        return NotUnderstood("That is too far ahead. Which day would you like?", Reason.TOO_FAR)
    if not clocks:
        return _ask_for_time(tuple(day for day in days if day >= today), reading.parts)
    clocks = reading.parts.choose(clocks)
    if not clocks:
        return NotUnderstood(
            "That time and that part of the day don't go together. What time do you mean?", Reason.CONTRADICTION
        )
    return _choose([option for day in days for option in _options(day, clocks, reading.parts)], setting)


def _options(day: date, clocks: tuple[time, ...], parts: DayParts) -> list[tuple[date, time]]:
    """Small hours of a night lie in the day after it, and midnight is for some the one before a day, for others the one after."""
    evening = [(day, clock) for clock in clocks if not (parts.past_midnight and clock < SMALL_HOURS)]
    if parts.past_midnight and evening:
        return evening
    small = [clock for clock in clocks if parts.past_midnight or clocks == (time(),)]
    return [(day, clock) for clock in clocks] + [(day + ONE_DAY, clock) for clock in small]


def _ask_for_day(reading: Reading, setting: Setting) -> Outcome:
    clocks = reading.parts.choose(reading.clocks)
    if not clocks:
        return NotUnderstood("On which day, and at what time?", Reason.NOTHING_FOUND)
    clock = _single_clock(clocks, setting)
    at = f"at {spoken_clock(datetime.combine(date.min, clock))}" if clock else "then"
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


def _ask_for_time(days: tuple[date, ...], parts: DayParts) -> Outcome:
    if len(days) == 1:
        return Partial(f"At what time{parts.asked} on {spoken_date(days[0])}?", day=days[0])
    return Partial(f"Do you mean {' or '.join(spoken_date(day) for day in days)}?")


def _choose(options: list[tuple[date, time]], setting: Setting) -> Outcome:
    """One instant of several by the present and the opening hours; the rest is asked."""
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
    chosen = _likely(ahead, setting)
    if len(chosen) == 1:
        return Resolved(chosen[0])
    return Ambiguous(_which(chosen), tuple(chosen))


def _likely(instants: list[datetime], setting: Setting) -> list[datetime]:
    """Of each day's instants those within opening hours, if any are. Hours choose between morning and evening, not between days."""
    likely: list[datetime] = []
    for day in sorted({instant.date() for instant in instants}):
        that_day = [instant for instant in instants if instant.date() == day]
        long_enough = [i for i in that_day if _is_open(day, i.time(), setting)]
        beginning = [i for i in that_day if _is_open(day, i.time(), replace(setting, duration=timedelta(0)))]
        likely += long_enough or beginning or that_day
    return likely


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
            if opens <= start < closes and start + setting.duration <= closes:
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
