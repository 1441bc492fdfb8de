"""Whole phrases, each with the instants that English lets it mean where and when it is said.

Written from English usage and the time zone database alone, without a look at the resolver that it judges.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

from contracts.hours import OpeningHours
from tests.voxie_agents.english_clocks import Clock, number, some_clock
from tests.voxie_agents.english_days import WEEKDAYS, Day, plain_day, some_day

ZONES = (
    "Europe/Madrid", "Europe/London", "America/New_York", "America/Los_Angeles", "Australia/Sydney", "Pacific/Auckland",
    "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham", "America/Santiago",
    "Africa/Cairo", "Asia/Beirut", "America/Sao_Paulo", "Asia/Tokyo", "UTC",
)  # fmt: skip
HOURS = (("09:00", "17:00"), ("12:00", "23:00"), ("08:00", "12:00"), ("18:00", "23:30"), ("07:00", "19:00"))
BEFORE = (
    "I'd like to book a table for four {}", "could you do {}?", "{} please", "{} for two people", "Hi, this is Anna, {}",
    "is {} possible", "we are six, {}", "let's say {}", "{}, thanks", "do you have anything {}?", "um {}",
)  # fmt: skip
NAMED = (
    "Hi, this is April, {}", "my name is May Johnson, {}", "for Mr. March, {}", "a party of 12 {}", "we are 5, {}",
    "my number is 555 0100, {}", "{} under the name June", "for two adults and 3 kids, {}", "{}, it's for my 40th birthday",
)  # fmt: skip
OTHER_DAYS = ("tomorrow at 6 pm", "Thursday at five pm", "on Friday at 11 am", "the day after tomorrow at noon")


@dataclass(frozen=True)
class Case:
    """A phrase, said at a moment in a zone.

    Args:
        words: what is said.
        now: when; aware, in the zone.
        readings: the instants that it may mean, in UTC; none when there is no such instant.
        form: the kind of phrase, for counting.
        open_to_taste: taking one of several readings without asking is fair.
        hours: the business's.
        day: what was agreed before.
        clock: what was agreed before.
        dates: the days that it may mean.
        times: the times of day that it may mean.
    """

    words: str
    now: datetime
    readings: frozenset[datetime]
    form: str
    open_to_taste: bool = False
    hours: OpeningHours | None = None
    day: date | None = None
    clock: time | None = None
    dates: frozenset[date] = field(default_factory=frozenset[date])
    times: frozenset[time] = field(default_factory=frozenset[time])

    @property
    def zone(self) -> ZoneInfo:
        assert isinstance(self.now.tzinfo, ZoneInfo)
        return self.now.tzinfo


def instants(day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
    """When a wall clock shows this: once, twice or never."""
    shown = datetime.combine(day, clock)
    found = {shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(each for each in found if each.astimezone(zone).replace(tzinfo=None) == shown)


@cache
def transitions(name: str) -> tuple[datetime, ...]:
    """When the clocks change between 2025 and 2029, in UTC."""
    zone, found = ZoneInfo(name), list[datetime]()
    hour, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    while hour < end:
        after = hour + timedelta(hours=24)
        if hour.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            found.append(_exact(hour, after, zone))
        hour = after
    return tuple(found)


def _exact(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) / 2
        same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
        before, after = (middle, after) if same else (before, middle)
    return (after + timedelta(seconds=30)).replace(second=0, microsecond=0)


def some_now(random: Random) -> datetime:
    """A moment somewhere; half of them close to where calendars and clocks turn."""
    name = random.choice(ZONES)
    zone = ZoneInfo(name)
    turning = random.random()
    if turning < 0.35 and transitions(name):
        moment = random.choice(transitions(name)) + timedelta(minutes=random.randrange(-3 * 1440, 600))
    elif turning < 0.5:
        day = random.choice(
            (date(2027, 12, 31), date(2028, 2, 28), date(2028, 2, 29), date(2027, 1, 30), date(2026, 4, 30))
        )
        return datetime.combine(day, time(random.randrange(7, 24), random.randrange(60)), zone)
    else:
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(730 * 1440))
    return moment.astimezone(zone)


def some_case(random: Random) -> Case:
    """Any phrase, anywhere."""
    make = random.choice(_WAYS)
    return make(random, some_now(random))


def _day_and_clock(random: Random, now: datetime) -> Case:
    day, clock = some_day(random, now.date()), some_clock(random)
    words = random.choice(("{day} {clock}", "{day} {clock}", "{clock} {day}")).format(day=day.words, clock=clock.words)
    if random.random() < 0.35:
        words = random.choice(BEFORE).format(words)
    hours = OpeningHours.daily(*random.choice(HOURS)) if clock.bare and random.random() < 0.6 else None
    return _case(words, now, day, clock, hours=hours)


def _at_a_turn_of_the_clocks(random: Random, now: datetime) -> Case:
    """A date on which the clocks change, and a time of day close to it."""
    coming = [each for each in transitions(now.tzinfo.key) if timedelta(0) < each - now < timedelta(days=360)]  # type: ignore[union-attr]
    if not coming:
        return _day_and_clock(random, now)
    local = random.choice(coming).astimezone(now.tzinfo) + timedelta(minutes=random.randrange(-150, 150))
    shown = local.replace(tzinfo=None) - timedelta(minutes=local.minute % 5, seconds=local.second)
    if random.random() < 0.5:
        shown += timedelta(minutes=random.choice((-90, -60, -30)))
    day = Day(shown.strftime("%B {}, %Y").format(shown.day), (shown.date(),), "date with year")
    hour = (shown.hour - 1) % 12 + 1
    clock = Clock(
        f"at {hour}:{shown.minute:02d} {'am' if shown.hour < 12 else 'pm'}",
        (shown.time(),),
        "meridiem",
        ends_the_day=shown.time() == time(),
    )
    return _case(f"{day.words} {clock.words}", now, day, clock, form="turn of the clocks")


def _in_a_while(random: Random, now: datetime) -> Case:
    minutes = random.choice((15, 20, 30, 45, 90))
    count = random.randrange(2, 13)
    said = random.choice((number(count), str(count)))
    words, ahead = random.choice(
        (
            ("in an hour", 60), ("in half an hour", 30), (f"in {minutes} minutes", minutes),
            (f"in {number(minutes) if minutes < 60 else 'ninety'} minutes", minutes), (f"in {said} hours", count * 60),
            (f"{said} hours from now", count * 60), ("in an hour and a half", 90), ("an hour from now", 60),
            (f"in {said} and a half hours", count * 60 + 30), (f"in {said} hours and fifteen minutes", count * 60 + 15),
        )
    )  # fmt: skip
    return Case(words, now, frozenset({now.astimezone(UTC) + timedelta(minutes=ahead)}), "in a while")


def _part_of_a_day(random: Random, now: datetime) -> Case:
    """A day with its part, and an hour that the part makes clear."""
    day = random.choice(
        (
            Day("tomorrow", (now.date() + timedelta(days=1),), "near"),
            *(Day(WEEKDAYS[each.weekday()], (each,), "weekday") for n in range(1, 7) if (each := now.date() + timedelta(n))),
        )
    )  # fmt: skip
    part, hours = random.choice((("morning", range(7, 12)), ("afternoon", range(13, 18)), ("evening", range(17, 23))))
    hour, minute = random.choice(hours), random.choice((0, 0, 30))
    said = number((hour - 1) % 12 + 1)
    clock = Clock(f"at half past {said}" if minute else f"at {said}", (time(hour, minute),), "bare")
    return _case(f"{day.words} {part} {clock.words}", now, day, clock, form="part of a day")


def _tonight(random: Random, now: datetime) -> Case:
    hour = random.randrange(6, 12)
    day = Day("tonight", (now.date(),), "tonight")
    clock = Clock(f"at {number(hour)}", (time(hour + 12),), "bare")
    words = random.choice(("tonight at {}", "this evening at {}", "at {} tonight")).format(number(hour))
    return _case(words, now, day, clock, form="tonight")


def _corrected(random: Random, now: datetime) -> Case:
    """What comes last counts."""
    day, clock = some_day(random, now.date()), some_clock(random)
    first = random.choice(OTHER_DAYS)
    joint = random.choice(
        (", no wait, ", ", no, sorry, ", ", actually ", ", I mean ", " or no, better ", "... sorry, ")
    )
    return _case(f"{first}{joint}{day.words} {clock.words}", now, day, clock, form="corrected")


def _clock_corrected(random: Random, now: datetime) -> Case:
    day, hour = some_day(random, now.date()), random.randrange(1, 12)
    other = random.choice([each for each in range(1, 12) if each != hour])
    joint = random.choice(
        (", no wait, {} pm", ", no, make it {} pm", ", sorry, {} pm", ", I mean {} pm", " - no, {} pm")
    )
    words = f"{day.words} at {other} pm{joint.format(hour)}"
    return _case(words, now, day, Clock("", (time(hour + 12),), "meridiem"), form="clock corrected")


def _not_that_day(random: Random, now: datetime) -> Case:
    today = now.date()
    first, second = random.sample(range(1, 7), 2)
    day = Day(WEEKDAYS[(today.weekday() + second) % 7], (today + timedelta(days=second),), "weekday")
    no = WEEKDAYS[(today.weekday() + first) % 7]
    hour = random.randrange(1, 12)
    words = random.choice((f"not {no}, {day.words} at {hour} pm", f"{day.words} at {hour} pm, not {no}"))
    return _case(words, now, day, Clock("", (time(hour + 12),), "meridiem"), form="not that day")


def _with_a_length(random: Random, now: datetime) -> Case:
    day, hour = some_day(random, now.date()), random.randrange(1, 10)
    to = hour + random.randrange(1, 3)
    words = random.choice(
        (
            f"{day.words} from {hour} pm to {to} pm", f"{day.words} from {hour} to {to} pm",
            f"{day.words} at {hour} pm for two hours", f"{day.words} at {hour} pm for an hour and a half",
        )
    )  # fmt: skip
    return _case(words, now, day, Clock("", (time(hour + 12),), "meridiem"), form="with a length")


def _in_two_steps(random: Random, now: datetime) -> Case:
    """One half was agreed before, the other is said now."""
    day, clock = some_day(random, now.date()), some_clock(random)
    agreed = now.date() + timedelta(days=random.randrange(1, 40))
    if random.random() < 0.5:
        return _case(clock.words, now, Day("", (agreed,), ""), clock, form="clock after a day", agreed_day=agreed)
    before = time(random.randrange(9, 23), random.choice((0, 30)))
    return _case(day.words, now, day, Clock("", (before,), ""), form="day after a clock", agreed_clock=before)


def _over_what_was_agreed(random: Random, now: datetime) -> Case:
    """A whole phrase counts more than the day and the time that were agreed before."""
    day, clock = some_day(random, now.date()), some_clock(random)
    agreed = now.date() + timedelta(days=random.randrange(1, 40))
    words = f"{day.words} {clock.words}"
    return _case(words, now, day, clock, form="over what was agreed", agreed_day=agreed, agreed_clock=time(20, 30))


def _with_a_name(random: Random, now: datetime) -> Case:
    """People and their numbers beside the time."""
    day, clock = plain_day(random, now.date()), some_clock(random)
    return _case(random.choice(NAMED).format(f"{day.words} {clock.words}"), now, day, clock, form="with a name")


def _around(random: Random, now: datetime) -> Case:
    """Words that leave the time open name no instant."""
    day, hour = plain_day(random, now.date()), random.randrange(1, 11)
    bound = random.choice(
        (f"after {hour} pm", f"before {hour} pm", f"between {hour} and {hour + 1} pm", f"any time after {hour} pm",
         f"not before {hour} pm", f"but not at {hour} pm", f"no later than {hour} pm")
    )  # fmt: skip
    return Case(f"{day.words} {bound}", now, frozenset(), "left open", dates=frozenset(day.dates))


def _one_or_the_other(random: Random, now: datetime) -> Case:
    """Two times are offered; taking one of them is a guess."""
    today, zone = now.date(), _zone(now)
    first, second = random.sample(range(1, 7), 2)
    hour, other = random.sample(range(1, 11), 2)
    names = [WEEKDAYS[(today.weekday() + ahead) % 7] for ahead in (first, second)]
    if random.random() < 0.5:
        days, hours = [today + timedelta(days=first), today + timedelta(days=second)], [hour]
        words = random.choice(("{} or {} at {} pm", "either {} or {} at {} pm")).format(*names, hour)
    else:
        days, hours = [today + timedelta(days=first)], [hour, other]
        words = random.choice(("{} at {} or {} pm", "{} at {} pm or {} pm")).format(names[0], hour, other)
    readings = {each for day in days for at in hours for each in instants(day, time(at + 12), zone)}
    return Case(
        words,
        now,
        frozenset(readings),
        "one or the other",
        dates=frozenset(days),
        times=frozenset(time(h + 12) for h in hours),
    )


def _iso(random: Random, now: datetime) -> Case:
    moment = (now.astimezone(UTC) + timedelta(minutes=15 * random.randrange(96 * 300))).replace(second=0, microsecond=0)
    offset = random.choice(("Z", "+05:30", "-03:00", ""))
    if offset:
        shift = timedelta(minutes={"Z": 0, "+05:30": 330, "-03:00": -180}[offset])
        words = (moment + shift).strftime("%Y-%m-%dT%H:%M:00") + offset
        return Case(words, now, frozenset({moment}), "iso instant")
    local = moment.astimezone(now.tzinfo)
    words = local.strftime(random.choice(("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")))
    return Case(words, now, frozenset(instants(local.date(), local.time(), _zone(now))), "iso naive")


def _case(
    words: str, now: datetime, day: Day, clock: Clock, *, form: str | None = None, hours: OpeningHours | None = None,
    agreed_day: date | None = None, agreed_clock: time | None = None,
) -> Case:  # fmt: skip
    """Every date with every time; what has passed counts only when nothing else is left."""
    days = (*day.dates, *(each + timedelta(days=1) for each in day.dates)) if clock.ends_the_day else day.dates
    found = {instant for each in days for at in clock.times for instant in instants(each, at, _zone(now))}
    readings = {instant for instant in found if instant > now} or found
    if hours:
        readings = {instant for instant in readings if _is_open(hours, instant.astimezone(now.tzinfo))} or readings
    return Case(
        words, now, frozenset(readings), form or f"{day.form} · {clock.form}", day.open_to_taste, hours,
        agreed_day, agreed_clock, frozenset(days), frozenset(clock.times),
    )  # fmt: skip


def _is_open(hours: OpeningHours, local: datetime) -> bool:
    return any(each.opens <= local.time() < each.closes for each in hours.on(local.weekday()))


def _zone(now: datetime) -> ZoneInfo:
    assert isinstance(now.tzinfo, ZoneInfo)
    return now.tzinfo


_WAYS = (
    *[_day_and_clock] * 8, _at_a_turn_of_the_clocks, _at_a_turn_of_the_clocks, _in_a_while, _in_a_while, _part_of_a_day,
    _tonight, _corrected, _clock_corrected, _not_that_day, _with_a_length, _in_two_steps, _in_two_steps,
    _over_what_was_agreed, _iso, _with_a_name, _around, _one_or_the_other,
)  # fmt: skip
