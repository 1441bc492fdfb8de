"""ISO times at the server's door: without an offset they mean the calendar's zone; what the clock never or twice shows is asked."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from contracts.meta import Role
from contracts.results import ErrorKind
from contracts.spoken import spoken_date
from tests.voxie_agents.english_times import ZONES, instants, transitions
from tests.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

FEW, MANY = 3, 60
SEED = 20261126
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """A time as a client writes it.

    Args:
        start: its text.
        end: an hour later.
        means: the one instant that it means; None when it means none or two.
    """

    start: str
    end: str
    means: datetime | None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calendars(lasting_world: World) -> AsyncGenerator[dict[str, str]]:
    """A calendar of the owner's in each zone."""
    made: dict[str, str] = {}
    for name in ZONES:
        answer = await lasting_world.google("POST", "/calendars", {"summary": name, "timeZone": name})
        made[name] = answer.json()["id"]
    yield made


@pytest.mark.parametrize("name", ZONES)
async def test_a_time_means_the_instant_of_the_calendars_zone(
    lasting_world: World, calendars: dict[str, str], name: str
) -> None:
    await judge(lasting_world, calendars[name], ZoneInfo(name), FEW)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ZONES)
async def test_many_times_mean_the_instants_of_the_calendars_zone(
    lasting_world: World, calendars: dict[str, str], name: str
) -> None:
    await judge(lasting_world, calendars[name], ZoneInfo(name), MANY)


@pytest.mark.parametrize("name", ["America/Santiago", "Europe/Madrid", "Pacific/Chatham"])
async def test_dates_stay_dates_on_days_of_any_length(
    lasting_world: World, calendars: dict[str, str], name: str
) -> None:
    for day in (transitions(name)[-1].astimezone(ZoneInfo(name)).date(), date(2028, 2, 29), date(2027, 12, 31)):
        after = day + timedelta(days=1)
        asked: Any = {"start": day.isoformat(), "end": after.isoformat(), "calendar": calendars[name]}
        answer = await ask(lasting_world, "calendar_create_event", summary="All day", **asked)
        found = await lasting_world.google("GET", f"/calendars/{calendars[name]}/events/{answer['event_id']}")
        assert (found.json()["start"], found.json()["end"]) == ({"date": asked["start"]}, {"date": asked["end"]})
        free = await ask(lasting_world, "calendar_check_availability", **asked)
        assert (free["available"], free["start"]) == (False, day.isoformat())


NIGHT = "2027-10-31"
"""In Madrid the hour from two to three comes twice, first at +02:00."""


async def test_an_hour_that_ends_in_the_hour_that_comes_twice_can_be_asked_for_and_booked(
    lasting_world: World, calendars: dict[str, str]
) -> None:
    span = {"start": f"{NIGHT}T02:30:00+02:00", "end": f"{NIGHT}T02:30:00+01:00"}
    there = {"calendar": calendars["Europe/Madrid"]}
    assert (await ask(lasting_world, "calendar_check_availability", **span, **there))["available"]
    slots = (await ask(lasting_world, "calendar_find_slots", **span, **there, minutes=30))["slots"]
    assert [slot["start"] for slot in slots] == [f"{NIGHT}T02:30:00+02:00", f"{NIGHT}T02:00:00+01:00"]
    booked = await ask(lasting_world, "calendar_create_event", summary="Late", **span, **there)
    assert {name: booked[name] for name in span} == span
    within = {"start": f"{NIGHT}T02:00:00+01:00", "end": f"{NIGHT}T02:15:00+01:00"}
    assert not (await ask(lasting_world, "calendar_check_availability", **within, **there))["available"]
    listed = {"time_min": span["start"], "time_max": f"{NIGHT}T02:15:00+01:00"}
    assert (await ask(lasting_world, "calendar_list_events", **listed, **there))["count"] == 1


async def test_an_end_before_its_start_in_the_hour_that_comes_twice_is_refused(
    lasting_world: World, calendars: dict[str, str]
) -> None:
    backwards = {"start": f"{NIGHT}T02:15:00+01:00", "end": f"{NIGHT}T02:30:00+02:00"}
    answer = await ask(lasting_world, "calendar_check_availability", **backwards, calendar=calendars["Europe/Madrid"])
    assert (answer.get("kind"), answer.get("field")) == (ErrorKind.BAD_REQUEST, "end")


async def judge(world: World, calendar: str, zone: ZoneInfo, count: int) -> None:
    """Ask for many times in a zone, those around its turns of the clock among them."""
    for asked in _asked(zone, count):
        arguments = {"start": asked.start, "end": asked.end, "calendar": calendar}
        answer = await ask(world, "calendar_check_availability", **arguments)
        if asked.means is None:
            assert (answer.get("kind"), answer.get("field")) == (ErrorKind.BAD_REQUEST, "start"), (zone, asked, answer)
            continue
        local = asked.means.astimezone(zone)
        assert answer["start"] == local.isoformat(), (zone, asked)
        assert answer["zone"] == zone.key
        assert answer["spoken"].startswith(spoken_date(local.date()))


async def ask(world: World, tool: str, **arguments: Any) -> dict[str, Any]:
    """As the owner, who may name a calendar."""
    return (await world.call(tool, role=Role.OWNER, **arguments)).data


def _asked(zone: ZoneInfo, count: int) -> Iterator[Asked]:
    random = Random(f"{SEED} {zone}")  # noqa: S311 - a reproducible run
    for _ in range(count):
        yield _with_offset(
            random, datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * random.randrange(96 * 700))
        )
        yield _naive(
            random, zone, datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * random.randrange(96 * 700))
        )
        if turns := [turn for turn in transitions(zone.key) if turn.year > 2026]:
            yield _naive(random, zone, random.choice(turns) + timedelta(minutes=15 * random.randrange(-6, 6)))
    for turn in transitions(zone.key)[-2:]:
        # Within what is skipped or repeated, whichever it is.
        before, after = (turn - timedelta(seconds=1)).astimezone(zone), turn.astimezone(zone)
        middle = min(before, after, key=lambda each: each.replace(tzinfo=None)).replace(tzinfo=None)
        shown = middle.replace(second=0) + timedelta(minutes=15)
        assert len(instants(shown.date(), shown.time(), zone)) != 1
        yield Asked(shown.isoformat(), (shown + 3 * HOUR).isoformat(), None)


def _naive(random: Random, zone: ZoneInfo, moment: datetime) -> Asked:
    shown = moment.astimezone(zone).replace(tzinfo=None)
    if random.random() < 0.3:
        shown = datetime.combine(shown.date(), time(random.randrange(5), random.choice((0, 15, 30, 45))))
    found = instants(shown.date(), shown.time(), zone)
    form = random.choice(("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"))
    means = found[0] if len(found) == 1 else None
    # The end has an offset, so that only the start is in question.
    end = (found[-1] if found else moment + 6 * HOUR) + 6 * HOUR
    return Asked(shown.strftime(form), end.isoformat(), means)


def _with_offset(random: Random, moment: datetime) -> Asked:
    hours = random.randrange(-12, 14)
    said = (moment + timedelta(hours=hours)).replace(tzinfo=None)
    offset = random.choice((f"{hours:+03d}:00",)) if hours else "Z"
    return Asked(said.isoformat() + offset, (said + HOUR).isoformat() + offset, moment)
