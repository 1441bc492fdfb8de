"""The arithmetic of series, against another library than the one it uses."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_servers.google_calendar.recurrence import Moment, check_lines, moved, read_instance_id, shifted, split
from mcp_servers.shared.errors import BadRequest

MADRID = ZoneInfo("Europe/Madrid")
ZONES = ["Europe/Madrid", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "America/Santiago", "UTC"]


def expand(start: Moment, lines: list[str], *, days: int = 800) -> list[Moment]:
    """The beginnings of a series, by an independent implementation of RFC 5545."""
    event = icalendar.Event()
    event.add("uid", "x")
    event.add("dtstart", start)
    event.add("dtend", start + timedelta(minutes=30) if isinstance(start, datetime) else start + timedelta(days=1))
    calendar = icalendar.Calendar()
    calendar.add_component(event)
    text = calendar.to_ical().decode().replace("END:VEVENT", "\r\n".join([*lines, "END:VEVENT"]))
    first = start if not isinstance(start, datetime) else start.date()
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(
        first - timedelta(days=1), first + timedelta(days=days)
    )
    return sorted(each["DTSTART"].dt for each in found)


RULES = [
    "FREQ=DAILY;COUNT=10",
    "FREQ=DAILY;INTERVAL=3;COUNT=7",
    "FREQ=WEEKLY;COUNT=9",
    "FREQ=WEEKLY;INTERVAL=2;COUNT=6",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=11",
    "FREQ=MONTHLY;COUNT=8",
    "FREQ=MONTHLY;BYDAY=2TU;COUNT=6",
    "FREQ=YEARLY;COUNT=2",
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=TU,TH",
]


@st.composite
def series(draw: st.DrawFn) -> tuple[Moment, list[str], ZoneInfo]:
    """A series whose first event fits its rule."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    rule = draw(st.sampled_from(RULES))
    # Around the changes of the clocks; 10th to 28th so that monthly rules do not skip months.
    day = date(2026, draw(st.sampled_from([3, 4, 9, 10, 11])), draw(st.integers(10, 28)))
    all_day = draw(st.booleans())
    moment = datetime(
        day.year, day.month, day.day, draw(st.integers(6, 22)), draw(st.sampled_from([0, 30])), tzinfo=zone
    )
    start: Moment = day if all_day else moment
    if draw(st.booleans()) and "COUNT" not in rule:
        last = day + timedelta(days=draw(st.integers(20, 90)))
        until = (
            f"{last:%Y%m%d}"
            if all_day
            else f"{moment.replace(year=last.year, month=last.month, day=last.day).astimezone(UTC):%Y%m%dT%H%M%SZ}"
        )
        rule = f"{rule};UNTIL={until}"
    lines = [f"RRULE:{rule}"]
    # The first event is always one of the series, whether the rule names its day or not; the second is by the rule.
    start = expand(start, lines, days=60)[1 if "BYDAY" in rule else 0]
    occurrences = expand(start, lines, days=120)
    for excluded in draw(st.lists(st.sampled_from(occurrences[1:] or occurrences), max_size=3, unique=True)):
        if excluded != start:
            lines.append(stamp("EXDATE", excluded, zone))
    return start, lines, zone


def stamp(name: str, moment: Moment, zone: ZoneInfo) -> str:
    if isinstance(moment, datetime):
        return f"{name};TZID={zone.key}:{moment.astimezone(zone):%Y%m%dT%H%M%S}"
    return f"{name};VALUE=DATE:{moment:%Y%m%d}"


@settings(max_examples=80)
@given(series(), st.data())
def test_the_two_parts_of_a_split_series_are_together_what_it_was(
    given_series: tuple[Moment, list[str], ZoneInfo], data: st.DataObject
) -> None:
    start, lines, zone = given_series
    whole = expand(start, lines, days=150)
    at = data.draw(st.sampled_from(whole))
    parts = split(lines, start, at, zone)
    before = [] if parts.is_whole else expand(start, parts.before, days=150)
    # Compared up to where the second part, which begins later, is looked at too.
    end = start + timedelta(days=140)
    after = [moment for moment in expand(at, parts.after, days=150) if moment < end]
    assert before == [moment for moment in whole if moment < at]
    assert after == [moment for moment in whole if at <= moment < end]


@settings(max_examples=60)
@given(series(), st.integers(-3, 3), st.sampled_from([-90, 0, 45]))
def test_when_one_event_of_a_series_moves_each_moves_by_the_clock_on_the_wall(
    given_series: tuple[Moment, list[str], ZoneInfo], days: int, minutes: int
) -> None:
    start, lines, zone = given_series
    if "MONTHLY" in lines[0] or "YEARLY" in lines[0]:
        days = 0
    old = start
    if isinstance(old, datetime):
        new: Moment = (old.replace(tzinfo=None) + timedelta(days=days, minutes=minutes)).replace(tzinfo=zone)
    else:
        new = old + timedelta(days=days)
    first = shifted(start, old, new, zone)
    wanted = [shifted(moment, old, new, zone) for moment in expand(start, lines, days=100)]
    assert expand(first, moved(lines, old, new, zone), days=150)[: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("lines", "start"),
    [
        ([], date(2026, 12, 1)),
        (["FREQ=DAILY"], date(2026, 12, 1)),
        (["RRULE:FREQ=SOMETIMES"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY;COUNT=x"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY;COUNT=3;UNTIL=20261231"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY;UNTIL=20261231T000000Z"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY;UNTIL=20261231"], datetime(2026, 12, 1, 9, tzinfo=MADRID)),
        (["RRULE:FREQ=DAILY", "DTSTART:20261201"], date(2026, 12, 1)),
        (["RRULE:FREQ=DAILY"] * 60, date(2026, 12, 1)),
    ],
)
def test_a_rule_that_google_would_refuse_or_misread_is_refused(lines: list[str], start: Moment) -> None:
    with pytest.raises(BadRequest, match="recurrence"):
        check_lines(lines, start)


def test_an_instance_is_named_by_its_original_beginning_in_utc_whatever_the_machines_zone() -> None:
    """Rival defect 4: an id built in the server's zone."""
    named = read_instance_id("abc_20261203T080000Z", MADRID)
    assert named is not None
    assert (named.series, named.original) == ("abc", datetime(2026, 12, 3, 9, tzinfo=MADRID))
    all_day = read_instance_id("abc_20261203", MADRID)
    assert all_day is not None
    assert all_day.original == date(2026, 12, 3)
    for other in ("abcdefgh", "abc_20261301", "abc_20261203T990000Z", "abc_00000000"):
        assert read_instance_id(other, MADRID) is None
