"""A caller's words become the right instant, or a question; never a wrong instant."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from contracts.hours import OpeningHours, OpenPeriod
from tests.clock import MONDAY_MORNING
from tests.voxie_agents.phrases import DAY_AND_TIME, DAY_ONLY, SEVERAL, TIME_ONLY
from tests.voxie_agents.phrases_asked import CORRECTIONS, QUESTIONS
from voxie_agents.when import is_open, localised, resolve, spoken
from voxie_agents.when_doubts import Reason
from voxie_agents.when_engine import DigitsEngine
from voxie_agents.when_outcomes import Ambiguous, NotUnderstood, Outcome, Partial, Resolved, Setting, Span
from voxie_agents.when_ranges import resolve_range

MADRID = ZoneInfo("Europe/Madrid")
RESTAURANT = Setting(
    now=MONDAY_MORNING, zone=MADRID, hours=OpeningHours.daily("11:30", "22:30"), duration=timedelta(minutes=90)
)
ALWAYS = replace(RESTAURANT, hours=None)

pytestmark = pytest.mark.needs_duckling


def shown(outcome: Outcome) -> str | tuple[str, ...]:
    """An outcome as the tables write it."""
    match outcome:
        case Resolved(start=start):
            return _instant(start)
        case Partial(day=day) if day is not None:
            return f"{day:%m-%d}"
        case Partial(clock=clock) if clock is not None:
            return f"{clock:%H:%M}"
        case Ambiguous(choices=choices):
            return tuple(_instant(choice) for choice in choices)
        case _:
            return "ask"


def _instant(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M}" if moment.year == 2026 else f"{moment:%Y-%m-%d %H:%M}"


def at(setting: Setting, local: str) -> Setting:
    """A setting on another day, local to its zone."""
    return replace(setting, now=datetime.fromisoformat(local).replace(tzinfo=setting.zone))


MEANT = DAY_AND_TIME | DAY_ONLY | TIME_ONLY | SEVERAL | CORRECTIONS


@pytest.mark.parametrize("words", MEANT)
def test_words_mean_what_people_mean_by_them(words: str) -> None:
    assert shown(resolve(words, RESTAURANT)) == MEANT[words]


@pytest.mark.parametrize("words", QUESTIONS)
def test_what_is_no_day_and_time_is_asked_about(words: str) -> None:
    outcome = resolve(words, RESTAURANT)
    assert not isinstance(outcome, Resolved)
    assert outcome.question.endswith("?") or "Would" in outcome.question


@pytest.mark.parametrize("words", QUESTIONS)
def test_a_day_and_time_agreed_before_are_not_taken_for_what_was_not_understood(words: str) -> None:
    agreed = replace(RESTAURANT, day=date(2026, 11, 27), clock=time(20))
    assert not isinstance(resolve(words, agreed), Resolved)


@pytest.mark.parametrize(
    "words",
    [
        "tomorrow, first thing",
        "Saturday at breakfast",
        "Saturday around sunset",
        "Saturday as late as possible",
        "the earliest on Saturday",
        "Sunday whenever you open",
        "Tuesday after work",
    ],
)
def test_a_word_for_a_time_of_day_that_is_not_known_leaves_no_time_standing_that_was_agreed_before(words: str) -> None:
    outcome = resolve(words, replace(RESTAURANT, day=date(2026, 11, 27), clock=time(20)))
    assert isinstance(outcome, Partial | NotUnderstood)


@pytest.mark.parametrize("now", ["2026-11-23T10:00:00", "2026-12-31T23:59:30", "2027-03-28T01:59:00"])
def test_an_instant_is_in_the_business_zone_and_ahead(now: str) -> None:
    setting = at(ALWAYS, now)
    for words in MEANT:
        for instant in _instants(resolve(words, setting)):
            assert instant.tzinfo is MADRID, words
            assert instant.astimezone(UTC) > setting.now - timedelta(minutes=1), words


def _instants(outcome: Outcome) -> list[datetime]:
    if isinstance(outcome, Resolved):
        return [outcome.start]
    return list(outcome.choices) if isinstance(outcome, Ambiguous) else []


@pytest.mark.parametrize(
    ("now", "words", "meant"),
    [
        ("2026-11-27T10:00", "on Friday at eight", ("11-27 20:00", "12-04 20:00")),
        ("2026-11-27T21:30", "on Friday at eight", "12-04 20:00"),
        ("2026-11-27T10:00", "this Friday at eight", "11-27 20:00"),
        ("2026-11-27T10:00", "next Friday at eight", "12-04 20:00"),
        ("2026-11-29T10:00", "tomorrow at eight", "11-30 20:00"),
        ("2026-11-30T10:00", "the 1st at eight", "12-01 20:00"),
        ("2026-12-31T10:00", "tomorrow at one", "2027-01-01 13:00"),
        ("2026-12-31T23:30", "in an hour", "2027-01-01 00:30"),
        ("2026-12-30T10:00", "the 2nd of January at eight", "2027-01-02 20:00"),
        ("2026-11-23T23:30", "tomorrow at eight", "11-24 20:00"),
        ("2026-11-24T00:30", "tonight at eight", "11-24 20:00"),
        ("2026-11-24T00:30", "tomorrow at eight", "11-25 20:00"),
        ("2026-11-23T20:30", "tonight at eight", "ask"),
        ("2026-11-23T13:30", "today at one", "ask"),
        ("2028-02-28T10:00", "tomorrow at eight", "2028-02-29 20:00"),
        ("2027-02-28T10:00", "tomorrow at eight", "2027-03-01 20:00"),
        ("2026-11-29T10:00", "next Friday at eight", ("12-04 20:00", "12-11 20:00")),
        ("2026-11-28T10:00", "next Friday at eight", "12-04 20:00"),
        ("2026-11-23T10:00:00", "at ten to eleven January the fourth", "ask"),
        ("2028-02-28T19:55:00", "Monday February 29 at half past ten in the evening", "ask"),
        ("2028-02-28T19:55:00", "Tuesday February 29 at half past ten in the evening", "2028-02-29 22:30"),
        ("2027-10-06T19:32:00", "the last Monday of May at two in the afternoon", "2028-05-29 14:00"),
        ("2027-12-30T01:54:00", "at 11:15 the last day of the month", ("2027-12-31 11:15", "2027-12-31 23:15")),
    ],
)
def test_the_same_words_mean_another_instant_on_another_day(now: str, words: str, meant: str | tuple[str, ...]) -> None:
    assert shown(resolve(words, at(RESTAURANT, now))) == meant


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("Europe/Madrid", "2026-11-24T18:00"),
        ("America/New_York", "2026-11-25T00:00"),
        ("Asia/Kolkata", "2026-11-24T13:30"),
        ("Pacific/Kiritimati", "2026-11-24T05:00"),
        ("Pacific/Pago_Pago", "2026-11-24T06:00"),
        ("Australia/Lord_Howe", "2026-11-24T08:00"),
        ("Asia/Kathmandu", "2026-11-24T13:15"),
    ],
)
def test_tomorrow_is_the_business_day_after_its_own_today(zone: str, utc: str) -> None:
    setting = replace(RESTAURANT, zone=ZoneInfo(zone))
    outcome = resolve("tomorrow at seven pm", setting)
    assert isinstance(outcome, Resolved)
    assert f"{outcome.start.astimezone(UTC):%Y-%m-%dT%H:%M}" == utc


SPRING, AUTUMN = "2027-03-27T12:00", "2026-10-24T12:00"
"""The days before Madrid's clocks go forward from 2:00 to 3:00, and back from 3:00 to 2:00."""


def test_a_time_that_the_clocks_skip_is_asked_about_with_the_times_around_it() -> None:
    outcome = resolve("tomorrow at 2:30 am", at(ALWAYS, SPRING))
    assert isinstance(outcome, NotUnderstood)
    assert outcome.reason is Reason.NO_SUCH_TIME
    assert "1:30 AM or 3:30 AM" in outcome.question


def test_a_time_that_comes_twice_is_asked_about() -> None:
    outcome = resolve("tomorrow at 2:30 am", at(ALWAYS, AUTUMN))
    assert isinstance(outcome, Ambiguous)
    assert [choice.utcoffset() for choice in outcome.choices] == [timedelta(hours=2), timedelta(hours=1)]
    assert "comes twice" in outcome.question


@pytest.mark.parametrize(
    ("now", "words", "meant"),
    [
        (SPRING, "tomorrow at 1:59 am", "2027-03-28 01:59"),
        (SPRING, "tomorrow at 3 am", "2027-03-28 03:00"),
        (SPRING, "tomorrow at eight pm", "2027-03-28 20:00"),
        (AUTUMN, "tomorrow at 1:59 am", "10-25 01:59"),
        (AUTUMN, "tomorrow at 3 am", "10-25 03:00"),
        ("2027-03-28T01:30", "in an hour", "2027-03-28 03:30"),
        ("2026-10-25T01:30", "in two hours", "10-25 02:30"),
    ],
)
def test_the_hours_around_a_change_of_the_clocks_are_right(now: str, words: str, meant: str) -> None:
    assert shown(resolve(words, at(ALWAYS, now))) == meant


def test_an_hour_that_passes_over_a_change_of_the_clocks_is_an_hour() -> None:
    setting = at(ALWAYS, "2026-10-25T01:30")
    outcome = resolve("in two hours", setting)
    assert isinstance(outcome, Resolved)
    assert outcome.start.astimezone(UTC) - setting.now.astimezone(UTC) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("opens", "closes", "words", "meant"),
    [
        ("07:00", "14:00", "tomorrow at eight", "11-24 08:00"),
        ("17:00", "23:00", "tomorrow at eight", "11-24 20:00"),
        ("07:00", "23:00", "tomorrow at eight", ("11-24 08:00", "11-24 20:00")),
        ("18:00", "02:00", "tomorrow at one", "11-24 01:00"),
        ("09:00", "17:00", "tomorrow at half past three", "11-24 15:30"),
        ("11:30", "22:30", "tomorrow at half past nine", "11-24 21:30"),
        ("09:00", "11:00", "tomorrow at two", ("11-24 02:00", "11-24 14:00")),
        ("07:00", "23:00", "tomorrow evening at eight", "11-24 20:00"),
        ("07:00", "23:00", "tomorrow at eight in the morning", "11-24 08:00"),
        ("17:00", "23:00", "tomorrow at 8 am", "11-24 08:00"),
    ],
)
def test_opening_hours_choose_between_morning_and_evening(
    opens: str, closes: str, words: str, meant: str | tuple[str, ...]
) -> None:
    assert shown(resolve(words, replace(RESTAURANT, hours=OpeningHours.daily(opens, closes)))) == meant


def test_opening_hours_never_choose_between_days() -> None:
    closed_in_april = OpeningHours(week={"friday": (OpenPeriod(opens=time(11), closes=time(23)),)})
    outcome = resolve("4/12 at 8 pm", replace(RESTAURANT, hours=closed_in_april))
    assert shown(outcome) == ("12-04 20:00", "2027-04-12 20:00")


@pytest.mark.parametrize(
    ("day", "clock", "words", "meant"),
    [
        (date(2026, 11, 27), None, "at eight", "11-27 20:00"),
        (date(2026, 11, 27), None, "eight", "11-27 20:00"),
        (date(2026, 11, 27), None, "in the evening, at eight", "11-27 20:00"),
        (None, time(20), "tomorrow", "11-24 20:00"),
        (None, time(20), "on Saturday", "11-28 20:00"),
        (date(2026, 11, 27), time(20), "no, half past eight", "11-27 20:30"),
        (date(2026, 11, 27), time(20), "no, Saturday", "11-28 20:00"),
        (date(2026, 11, 27), time(20), "Saturday at nine", "11-28 21:00"),
    ],
)
def test_what_was_agreed_before_fills_what_is_left_open(
    day: date | None, clock: time | None, words: str, meant: str
) -> None:
    assert shown(resolve(words, replace(RESTAURANT, day=day, clock=clock))) == meant


def test_an_agreed_day_is_left_when_only_a_part_of_the_day_is_named() -> None:
    outcome = resolve("in the evening", replace(RESTAURANT, day=date(2026, 11, 27), clock=time(13)))
    assert isinstance(outcome, Partial)
    assert outcome.question == "At what time in the evening on Friday, November 27th?"


def test_a_number_that_made_no_sense_is_not_replaced_by_the_time_agreed_before() -> None:
    outcome = resolve("tomorrow x19x", replace(RESTAURANT, clock=time(20)))
    assert shown(outcome) == "11-24"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("2026-11-27T19:00:00+01:00", Reason.ISO),
        ("yesterday at eight", Reason.PAST),
        ("in 500 days at eight", Reason.TOO_FAR),
        ("not on Friday at eight", Reason.NEGATED),
        ("tomorrow at seven or eight", Reason.CONTRADICTION),
        ("between seven and eight tomorrow", Reason.OPEN_ENDED),
        ("31/11 at 8 pm", Reason.NO_SUCH_TIME),
        ("tomorrow at 7:75", Reason.NO_SUCH_TIME),
        ("hello", Reason.NOTHING_FOUND),
    ],
)
def test_a_question_has_its_reason(words: str, reason: Reason) -> None:
    outcome = resolve(words, RESTAURANT)
    assert isinstance(outcome, NotUnderstood)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("words", "first", "after"),
    [
        ("today", "11-23 00:00", "11-24 00:00"),
        ("tomorrow", "11-24 00:00", "11-25 00:00"),
        ("on Friday", "11-27 00:00", "11-28 00:00"),
        ("this week", "11-23 00:00", "11-30 00:00"),
        ("next week", "11-30 00:00", "12-07 00:00"),
        ("in December", "12-01 00:00", "2027-01-01 00:00"),
        ("tomorrow at eight", "11-24 20:00", "11-24 21:30"),
    ],
)
def test_a_stretch_of_days_can_be_looked_up(words: str, first: str, after: str) -> None:
    found = resolve_range(words, RESTAURANT)
    assert isinstance(found, Span)
    assert (_instant(found.start), _instant(found.end)) == (first, after)


def test_no_stretch_is_found_in_words_that_name_none() -> None:
    assert isinstance(resolve_range("blue", RESTAURANT), NotUnderstood)


def test_a_place_that_closes_after_midnight_is_open_then() -> None:
    bar = replace(RESTAURANT, hours=OpeningHours.daily("18:00", "02:00"))
    late = datetime(2026, 11, 25, 0, 30, tzinfo=MADRID)
    assert is_open(late, bar)
    assert not is_open(late + timedelta(minutes=1), bar)


def test_an_instant_is_read_back_with_weekday_and_date() -> None:
    instant = datetime(2026, 11, 24, 19, 0, tzinfo=MADRID)
    assert spoken(instant, now=MONDAY_MORNING, zone=MADRID) == "tomorrow, Tuesday, November 24th at 7 PM"


def test_a_wall_clock_time_is_one_two_or_no_instants() -> None:
    assert localised(datetime(2026, 11, 24, 19), MADRID) == [datetime(2026, 11, 24, 19, tzinfo=MADRID)]  # noqa: DTZ001
    twice = localised(datetime(2026, 10, 25, 2, 30), MADRID)  # noqa: DTZ001
    assert isinstance(twice, list)
    assert [instant.fold for instant in twice] == [0, 1]
    assert isinstance(localised(datetime(2027, 3, 28, 2, 30), MADRID), NotUnderstood)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tomorrow at 7 pm", ["2026-11-24 00:00", "2026-11-23 19:00"]),
        ("November 27 at 19:30", ["2026-11-27 00:00", "2026-11-23 19:30"]),
        ("27 november at 8", ["2026-11-27 00:00", "2026-11-23 08:00|2026-11-23 20:00"]),
        ("January 2nd at 20:00", ["2027-01-02 00:00", "2026-11-23 20:00"]),
        ("today 25:00", ["2026-11-23 00:00"]),
        ("february 30 at 13 pm", []),
        ("half past two", []),
    ],
)
def test_without_duckling_days_and_times_in_digits_are_read(words: str, found: list[str]) -> None:
    expressions = DigitsEngine().find(words, datetime(2026, 11, 23, 10), bare_numbers=False)  # noqa: DTZ001
    assert ["|".join(f"{v:%Y-%m-%d %H:%M}" for v in f.values) for f in expressions] == found
