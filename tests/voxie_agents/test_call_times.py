"""What was said about times in one call: words become instants, and only instants that came from here pass."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contracts.hours import OpeningHours
from tests.clock import Clock
from voxie_agents.call_times import CallTimes, TimeQuestion

MADRID = ZoneInfo("Europe/Madrid")
HOURS = OpeningHours.daily("11:30", "22:30")

pytestmark = pytest.mark.needs_duckling


def call_times(
    *, now: datetime | None = None, hours: OpeningHours | None = HOURS, zone: ZoneInfo | None = MADRID
) -> CallTimes:
    clock = Clock(now) if now else Clock()
    return CallTimes(now=clock.now, hours=hours, duration=timedelta(minutes=90), zone=zone)


def asked(times: CallTimes, words: str) -> TimeQuestion:
    with pytest.raises(TimeQuestion) as question:
        times.span(words)
    return question.value


def test_words_become_a_span_of_a_bookings_length() -> None:
    span = call_times().span("tomorrow at seven")
    assert span.start == datetime(2026, 11, 24, 19, tzinfo=MADRID)
    assert span.end - span.start == timedelta(minutes=90)


@pytest.mark.parametrize(
    "words",
    [
        "2026-11-27T19:00:00+01:00",
        "2026-11-27T19:00:00",
        "2026-11-27 19:00",
        "2026-11-27",
        "2026-11-27T19:00Z",
        "20261127T190000Z",
        "Friday 2026-11-27T19:00:00+01:00",
        "tomorrow at seven (2026-11-27T19:00:00+01:00)",
    ],
)
def test_an_instant_that_a_model_wrote_itself_is_refused(words: str) -> None:
    failure = asked(call_times(), words).failure
    assert failure.field == "when"
    assert "own words" in failure.error
    assert words not in failure.error + failure.speech


def test_an_instant_that_was_found_in_this_call_may_be_given_back() -> None:
    times = call_times()
    span = times.span("tomorrow at seven")
    assert times.span(span.start.isoformat()) == span
    assert times.span(span.start.astimezone(UTC).isoformat()) == span


def test_an_instant_found_in_another_call_is_refused() -> None:
    span = call_times().span("tomorrow at seven")
    assert "own words" in asked(call_times(), span.start.isoformat()).failure.error


def test_the_choices_that_a_question_named_may_be_given_back() -> None:
    times = call_times()
    question = asked(times, "next Friday at eight")
    assert [choice.day for choice in question.choices] == [27, 4]
    assert times.span(question.choices[1].isoformat()).start == question.choices[1]


def test_an_instant_that_a_tool_offered_may_be_given_back() -> None:
    times = call_times()
    offered = datetime(2026, 11, 24, 19, 30, tzinfo=UTC)
    assert times.span(times.produce(offered)).start == offered


def test_either_of_two_instants_that_read_the_same_on_the_clock_may_be_given_back() -> None:
    times = call_times(now=datetime(2026, 10, 24, 12, tzinfo=UTC), hours=None)
    first, second = asked(times, "tomorrow at 2:30 am").choices
    assert times.span(first.isoformat()).start.astimezone(UTC).hour == 0
    assert times.span(second.isoformat()).start.astimezone(UTC).hour == 1


@pytest.mark.parametrize(("day", "words"), [(24, "tomorrow at 1:30 am"), (27, "tomorrow at 1:30 am")])
def test_a_booking_over_a_change_of_the_clocks_takes_as_long_as_any(day: int, words: str) -> None:
    month = 10 if day == 24 else 3
    year = 2026 if day == 24 else 2027
    span = call_times(now=datetime(year, month, day, 12, tzinfo=UTC), hours=None).span(words)
    assert span.end.astimezone(UTC) - span.start.astimezone(UTC) == timedelta(minutes=90)


def test_a_day_and_a_time_may_come_one_after_the_other() -> None:
    times = call_times()
    assert "At what time" in asked(times, "on Friday").failure.speech
    assert times.span("half past eight").start == datetime(2026, 11, 27, 20, 30, tzinfo=MADRID)


def test_a_time_and_then_a_day() -> None:
    times = call_times()
    assert "On which day at 8:30 PM" in asked(times, "half past eight").failure.speech
    assert times.span("Friday").start == datetime(2026, 11, 27, 20, 30, tzinfo=MADRID)


def test_only_the_day_or_only_the_time_may_be_changed() -> None:
    times = call_times()
    times.span("tomorrow at seven")
    assert times.span("no, half past eight").start == datetime(2026, 11, 24, 20, 30, tzinfo=MADRID)
    assert times.span("actually Saturday").start == datetime(2026, 11, 28, 20, 30, tzinfo=MADRID)


def test_a_choice_between_days_keeps_the_time_for_the_answer() -> None:
    times = call_times()
    asked(times, "next Friday at eight")
    assert times.span("the 27th").start == datetime(2026, 11, 27, 20, tzinfo=MADRID)


def test_without_a_zone_no_time_is_understood_until_an_integration_tells_it() -> None:
    times = call_times(zone=None)
    assert "can't look at times" in asked(times, "tomorrow at seven").failure.speech
    times.learn_zone("Not/AZone")
    times.learn_zone(None)
    times.learn_zone("../etc/passwd")
    assert times.zone is None
    times.learn_zone("America/New_York")
    assert times.span("tomorrow at seven").start.utcoffset() == timedelta(hours=-5)


def test_the_zone_of_the_business_is_not_overruled() -> None:
    times = call_times()
    times.learn_zone("America/New_York")
    assert times.zone is MADRID


def test_a_stretch_for_looking_things_up() -> None:
    span = call_times().range("tomorrow")
    assert (span.start.date(), span.end.date()) == (date(2026, 11, 24), date(2026, 11, 25))
    with pytest.raises(TimeQuestion):
        call_times().range("blue")


def test_a_stretch_in_the_hour_that_comes_twice_ends_after_it_begins() -> None:
    # 1:30 at +02:00: in an hour it is 2:30 for the first time, and 90 minutes later 3:00.
    span = call_times(now=datetime(2026, 10, 24, 23, 30, tzinfo=UTC)).range("in an hour")
    assert span.end.timestamp() - span.start.timestamp() == 90 * 60


@pytest.mark.parametrize(
    ("hours", "moment", "opens", "closes"),
    [
        (("11:30", "22:30"), (24, 9), (24, 11, 30), (24, 22, 30)),
        (("11:30", "22:30"), (24, 20), (24, 11, 30), (24, 22, 30)),
        (("18:00", "02:00"), (24, 20), (24, 18, 0), (25, 2, 0)),
        (("18:00", "02:00"), (25, 1), (24, 18, 0), (25, 2, 0)),
    ],
)
def test_the_opening_that_holds_an_instant(
    hours: tuple[str, str], moment: tuple[int, int], opens: tuple[int, ...], closes: tuple[int, ...]
) -> None:
    opening = call_times(hours=OpeningHours.daily(*hours)).opening(datetime(2026, 11, *moment, tzinfo=MADRID))
    assert opening is not None
    assert opening.start == datetime(2026, 11, *opens, tzinfo=MADRID)
    assert opening.end == datetime(2026, 11, *closes, tzinfo=MADRID)


def test_after_closing_and_on_a_closed_day_there_is_no_opening() -> None:
    assert call_times().opening(datetime(2026, 11, 24, 23, tzinfo=MADRID)) is None
    assert call_times(hours=OpeningHours(week={})).opening(datetime(2026, 11, 24, 12, tzinfo=MADRID)) is None


def test_a_business_without_hours_is_open_all_day() -> None:
    opening = call_times(hours=None).opening(datetime(2026, 11, 24, 12, tzinfo=MADRID))
    assert opening is not None
    assert opening.end - opening.start == timedelta(days=1)


def test_a_day_has_to_be_spelled_with_its_weekday_when_read_back() -> None:
    times = call_times()
    assert times.spoken(times.span("tomorrow at seven").start) == "tomorrow, Tuesday, November 24th at 7 PM"
