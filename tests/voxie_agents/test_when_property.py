"""Phrases put together at random, in any zone, at any moment: no wrong instant ever.

What a phrase means is computed here from the calendar alone, without a look at how the resolver does it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.hours import WEEKDAYS, OpeningHours
from contracts.spoken import spoken_date
from voxie_agents.when import resolve, spoken
from voxie_agents.when_outcomes import Ambiguous, NotUnderstood, Partial, Resolved, Setting

pytestmark = pytest.mark.needs_duckling

ZONES = [
    "UTC", "Europe/Madrid", "Europe/London", "America/New_York", "America/Los_Angeles", "America/St_Johns",
    "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Casablanca", "Africa/Cairo",
]  # fmt: skip
EDGES = [
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2027, 3, 14, 6, 59, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2028, 2, 28, 12, 0, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC), datetime(2027, 4, 3, 14, 0, tzinfo=UTC),
]  # fmt: skip
MONTHS = [spoken_date(date(2027, month, 1)).split()[1] for month in range(1, 13)]
HOURS = ["twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
TENS = {5: "five", 10: "ten", 20: "twenty", 25: "twenty-five"}


@dataclass(frozen=True)
class Said:
    """A part of a phrase and what it may mean."""

    words: str
    meant: tuple[object, ...]


def both(hour: int, minute: int) -> tuple[time, ...]:
    return time(hour % 12, minute), time(hour % 12 + 12, minute)


@st.composite
def clocks(draw: st.DrawFn) -> Said:
    hour, minute = draw(st.integers(1, 12)), draw(st.sampled_from([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]))
    word, following = HOURS[hour % 12], HOURS[(hour + 1) % 12]
    half = draw(st.sampled_from(["am", "pm", " am", " pm", " p.m.", " a.m.", ""]))
    ways = [f"{hour}:{minute:02d}", f"{hour}.{minute:02d}"]
    if minute == 0:
        ways += [str(hour), word, f"{word} o'clock"]
    if minute == 30:
        ways += [f"half past {word}", f"half {word}", f"{word} thirty"]
    if minute == 15:
        ways += [f"quarter past {word}", f"a quarter past {word}", f"{word} fifteen"]
    if minute == 45:
        ways += [f"quarter to {following}", f"a quarter to {following}"]
    if minute in TENS:
        ways += [f"{TENS[minute]} past {word}"]
    if 60 - minute in TENS:
        ways += [f"{TENS[60 - minute]} to {following}"]
    way = draw(st.sampled_from(ways))
    if not half:
        return Said(way, both(hour, minute))
    return Said(f"{way}{half}" if way[-1].isdigit() else f"{way} {half.strip()}", (both(hour, minute)["p" in half],))


def military() -> st.SearchStrategy[Said]:
    return st.builds(
        lambda hour, minute, form: Said(form.format(h=hour, m=minute), (time(hour, minute),)),
        st.integers(13, 23),
        st.sampled_from([0, 15, 30, 45]),
        st.sampled_from(["{h}:{m:02d}", "{h}.{m:02d}", "{h}h{m:02d}", "{h}:{m:02d} hours"]),
    )


PARTS = {
    "in the morning": lambda c: c < time(12),
    "in the afternoon": lambda c: time(12) <= c < time(19),
    "in the evening": lambda c: c >= time(16),
}


@st.composite
def times(draw: st.DrawFn) -> Said:
    said = draw(st.one_of(clocks(), military()))
    part = draw(st.sampled_from(["", "", "", *PARTS]))
    if not part:
        return said
    return Said(f"{said.words} {part}", tuple(clock for clock in said.meant if PARTS[part](clock)))


@st.composite
def days(draw: st.DrawFn, today: date) -> Said:
    number, weekday = draw(st.integers(2, 12)), draw(st.sampled_from(WEEKDAYS))
    index = WEEKDAYS.index(weekday)
    coming = today + timedelta(days=(index - today.weekday() - 1) % 7 + 1)
    this_too = (today,) if today.weekday() == index else ()
    exact = today + timedelta(days=draw(st.integers(1, 300)))
    ordinal = spoken_date(exact).rsplit(" ", 1)[1]
    of_next_week = {today + timedelta(days=7 + index - today.weekday() + shift) for shift in (-7, 0, 7)}
    name = weekday.capitalize()
    return draw(
        st.sampled_from(
            [
                Said("today", (today,)),
                Said("tomorrow", (today + timedelta(days=1),)),
                Said("the day after tomorrow", (today + timedelta(days=2),)),
                Said(f"in {number} days", (today + timedelta(days=number),)),
                Said(f"{number} days from now", (today + timedelta(days=number),)),
                Said(f"in {number} weeks", (today + timedelta(weeks=number),)),
                Said("in a week", (today + timedelta(weeks=1),)),
                Said("a week from today", (today + timedelta(weeks=1),)),
                Said("a week from tomorrow", (today + timedelta(days=8),)),
                Said("a fortnight today", (today + timedelta(weeks=2),)),
                Said(f"on {name}", (*this_too, coming)),
                Said(name, (*this_too, coming)),
                Said(f"this {name}", (*this_too, coming)),
                Said(f"next {name}", (coming, coming + timedelta(weeks=1))),
                Said(f"a week on {name}", (coming + timedelta(weeks=1),)),
                Said(f"{name} week", (coming + timedelta(weeks=1),)),
                Said(f"{name} next week", tuple(sorted(of_next_week))),
                Said(f"on {MONTHS[exact.month - 1]} {ordinal}", (exact,)),
                Said(f"the {ordinal} of {MONTHS[exact.month - 1]}", (exact,)),
                Said(f"{exact.day} {MONTHS[exact.month - 1]}", (exact,)),
                Said(spoken_date(exact), (exact,)),
                Said(f"{exact.day}/{exact.month}/{exact.year}", _either(exact)),
                Said(f"{MONTHS[exact.month - 1]} {ordinal} {exact.year}", (exact,)),
            ]
        )
    )


def _either(day: date) -> tuple[date, ...]:
    swapped = (date(day.year, day.day, day.month),) if day.day <= 12 else ()
    return (day, *swapped)


TEMPLATES = [
    "{day} at {time}", "{day}, {time}", "at {time} {day}", "{time} {day}", "a table for four {day} at {time}",
    "{day} at {time} for two people", "can I book {day} at {time} please", "um, {day}, at {time}",
    "make it {day} at {time}", "could you do {day} around {time}?", "no, {day} at {time}",
    "it's for two of us, {day} at {time}",
]  # fmt: skip
HOURS_KEPT = [
    None, OpeningHours.daily("11:30", "22:30"), OpeningHours.daily("08:00", "18:00"), OpeningHours.daily("18:00", "02:00"),
]  # fmt: skip


@st.composite
def situations(draw: st.DrawFn) -> tuple[Setting, str, set[datetime]]:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    moment = draw(
        st.one_of(
            st.sampled_from(EDGES),
            st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        )
    )
    setting = Setting(
        now=moment + timedelta(minutes=draw(st.integers(-90, 90))),
        zone=zone,
        hours=draw(st.sampled_from(HOURS_KEPT)),
        duration=timedelta(minutes=draw(st.sampled_from([0, 30, 90]))),
        day=draw(st.one_of(st.none(), st.just(date(2028, 6, 6)))),
        clock=draw(st.one_of(st.none(), st.just(time(17, 17)))),
    )
    day, clock = draw(days(setting.local_now.date())), draw(times())
    words = draw(st.sampled_from(TEMPLATES)).format(day=day.words, time=clock.words)
    return setting, words, _instants(day, clock, zone)


def _instants(day: Said, clock: Said, zone: ZoneInfo) -> set[datetime]:
    meant: set[datetime] = set()
    for d in day.meant:
        for c in clock.meant:
            nights = [d, d + timedelta(days=1)] if c == time() else [d]
            for night in nights:
                for fold in (0, 1):
                    local = datetime.combine(night, c, zone).replace(fold=fold)
                    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                        meant.add(local.astimezone(UTC))
    return meant


FRIDAY = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def check(situation: tuple[Setting, str, set[datetime]]) -> bool:
    """Whether the words were understood; wrong instants fail."""
    setting, words, meant = situation
    outcome = resolve(words, setting)
    match outcome:
        case Resolved(start=start):
            assert start.astimezone(UTC) in meant, f"{words!r} at {setting.local_now}: {start}, not {sorted(meant)}"
            assert start.astimezone(UTC) > setting.now
            assert start.tzinfo is setting.zone
            return True
        case Ambiguous(choices=choices):
            assert {c.astimezone(UTC) for c in choices} <= meant, f"{words!r}: {choices}"
            assert len(choices) > 1
            return True
        case Partial() | NotUnderstood():
            assert outcome.question
            return False


@settings(max_examples=300)
@given(situations())
def test_no_phrase_brings_an_instant_that_nobody_meant(situation: tuple[Setting, str, set[datetime]]) -> None:
    check(situation)


@settings(max_examples=100)
@given(situations())
@example((Setting(now=FRIDAY, zone=ZoneInfo("Europe/Madrid")), "on January 7th at 8 pm", set()))
def test_what_is_read_back_means_the_same_instant(situation: tuple[Setting, str, set[datetime]]) -> None:
    setting, words, _ = situation
    outcome = resolve(words, setting)
    if not isinstance(outcome, Resolved):
        return
    said = spoken(outcome.start, now=setting.now, zone=setting.zone)
    again = resolve(said, replace(setting, hours=None, day=None, clock=None))
    choices = again.choices if isinstance(again, Ambiguous) else ()
    got = [again.start] if isinstance(again, Resolved) else list(choices)
    assert outcome.start in got, f"{words!r} is read back as {said!r}, which means {again}"


@settings(max_examples=150)
@given(st.text(max_size=60), st.sampled_from(ZONES))
def test_any_text_is_a_question_or_an_instant_ahead(text: str, zone: str) -> None:
    outcome = resolve(text, Setting(now=FRIDAY, zone=ZoneInfo(zone)))
    if isinstance(outcome, Resolved):
        assert outcome.start > FRIDAY


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=5_000)
@given(situations())
def test_five_thousand_phrases_bring_no_wrong_instant(situation: tuple[Setting, str, set[datetime]]) -> None:
    check(situation)
