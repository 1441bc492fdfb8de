"""Series: expansion in their own zone, instances, exceptions, and what they block."""

from typing import Any

import pytest

from tests.sandbox.google import DINNER, MADRID, Google, Refused, at

AUTUMN = {"timeMin": "2026-10-01T00:00:00Z", "timeMax": "2027-01-01T00:00:00Z"}
DAYS = {"timeMin": "2026-11-23T00:00:00Z", "timeMax": "2026-11-30T00:00:00Z"}


async def series(google: Google, *rules: str, day: str = "2026-11-24", **fields: Any) -> Any:
    times = {"start": at(day, "19:00"), "end": at(day, "20:30")}
    return await google.insert(**{**times, "recurrence": list(rules), **fields})


async def starts(google: Google, **parameters: Any) -> list[str]:
    query = {"singleEvents": True, "orderBy": "startTime", **AUTUMN, **parameters}
    return [(e["start"].get("dateTime") or e["start"]["date"]) for e in await google.listed(**query)]


async def test_a_weekly_series_keeps_its_hour_when_the_clocks_change(google: Google) -> None:
    await series(google, "RRULE:FREQ=WEEKLY;COUNT=3", day="2026-10-19")
    assert await starts(google) == [
        "2026-10-19T19:00:00+02:00",
        "2026-10-26T19:00:00+01:00",
        "2026-11-02T19:00:00+01:00",
    ]


async def test_an_hour_that_the_clocks_skip_is_an_hour_later(google: Google) -> None:
    night = {"start": at("2027-03-27", "02:30"), "end": at("2027-03-27", "02:45")}
    await google.insert(**night, recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    spring = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-04-01T00:00:00Z"}
    assert await starts(google, **spring) == [
        "2027-03-27T02:30:00+01:00",
        "2027-03-28T03:30:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        (["RRULE:FREQ=DAILY;COUNT=3"], [24, 25, 26]),
        (["RRULE:FREQ=DAILY;UNTIL=20261126T180000Z"], [24, 25, 26]),
        (["RRULE:FREQ=DAILY;UNTIL=20261126T175959Z"], [24, 25]),
        (["RRULE:FREQ=DAILY;COUNT=4", "EXDATE;TZID=Europe/Madrid:20261125T190000"], [24, 26, 27]),
        (["RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20261125T180000Z,20261126T180000Z"], [24, 27]),
        (["RRULE:FREQ=DAILY;COUNT=2", "RDATE;TZID=Europe/Madrid:20261128T190000"], [24, 25, 28]),
        (["RRULE:FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261130T000000Z"], [24, 26]),
        (["RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3"], [24, 26, 28]),
    ],
)
async def test_rules_are_expanded(google: Google, rules: list[str], days: list[int]) -> None:
    await series(google, *rules)
    assert [int(start[8:10]) for start in await starts(google)] == days


async def test_days_of_a_series_stay_days(google: Google) -> None:
    made = await google.insert(
        start={"date": "2026-11-24"}, end={"date": "2026-11-26"}, recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"]
    )
    found = await google.listed(singleEvents=True, orderBy="startTime")
    assert [(e["start"]["date"], e["end"]["date"]) for e in found] == [
        ("2026-11-24", "2026-11-26"),
        ("2026-12-01", "2026-12-03"),
    ]
    assert [e["id"] for e in found] == [f"{made['id']}_20261124", f"{made['id']}_20261201"]


async def test_an_instance_says_whose_it_is_and_when_it_was_to_be(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=WEEKLY;COUNT=2")
    one = (await google.listed(singleEvents=True, orderBy="startTime"))[1]
    assert one["id"] == f"{made['id']}_20261201T180000Z"
    assert (one["recurringEventId"], one["iCalUID"]) == (made["id"], made["iCalUID"])
    assert one["originalStartTime"] == {"dateTime": "2026-12-01T19:00:00+01:00", "timeZone": MADRID}
    assert "recurrence" not in one
    assert await google("events.get", eventId=one["id"]) == one


@pytest.mark.parametrize("suffix", ["20261125T180000Z", "20261124", "20261124T190000Z", "nonsense"])
async def test_an_instance_that_the_rules_do_not_make_is_not_found(google: Google, suffix: str) -> None:
    made = await series(google, "RRULE:FREQ=WEEKLY;COUNT=2")
    with pytest.raises(Refused) as caught:
        await google("events.get", eventId=f"{made['id']}_{suffix}")
    assert caught.value.status == 404


async def test_a_series_is_one_event_unless_it_is_expanded(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=WEEKLY;COUNT=5")
    assert await google.listed() == [made]
    assert len(await google.listed(singleEvents=True)) == 5


async def test_a_series_that_is_over_is_not_in_a_later_list(google: Google) -> None:
    await series(google, "RRULE:FREQ=DAILY;COUNT=2")
    later = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-08T00:00:00Z"}
    assert await google.listed(**later) == await google.listed(singleEvents=True, **later) == []


async def test_an_instance_is_changed_alone(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=WEEKLY;COUNT=3")
    second = f"{made['id']}_20261201T180000Z"
    times = {"start": at("2026-12-02", "20:00"), "end": at("2026-12-02", "21:00")}
    moved = await google("events.patch", {**times, "summary": "Later"}, eventId=second)
    assert moved["originalStartTime"]["dateTime"] == "2026-12-01T19:00:00+01:00"
    assert [start[5:16] for start in await starts(google)] == ["11-24T19:00", "12-02T20:00", "12-08T19:00"]
    assert [e["summary"] for e in await google.listed(singleEvents=True, orderBy="startTime")] == ["Dinner", "Later", "Dinner"]  # fmt: skip
    assert {e["id"] for e in await google.listed()} == {made["id"], second}


async def test_an_instance_that_moved_out_of_the_window_leaves_no_shadow(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=2")
    times = {"start": at("2026-12-20", "20:00"), "end": at("2026-12-20", "21:00")}
    await google("events.patch", times, eventId=f"{made['id']}_20261125T180000Z")
    assert [start[8:10] for start in await starts(google, **DAYS)] == ["24"]


@pytest.mark.parametrize("way", ["delete", "patch"])
async def test_an_instance_is_cancelled_alone(google: Google, way: str) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=3")
    second = f"{made['id']}_20261125T180000Z"
    body = {"status": "cancelled"} if way == "patch" else None
    await google(f"events.{way}", body, eventId=second)
    assert [start[8:10] for start in await starts(google)] == ["24", "26"]
    assert (await google("events.get", eventId=second))["status"] == "cancelled"
    (tombstone,) = [e for e in await google.listed() if e["status"] == "cancelled"]
    assert set(tombstone) == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    with pytest.raises(Refused) as caught:
        await google("events.delete", eventId=second)
    assert caught.value.status == 410


async def test_a_stale_etag_of_an_instance_changes_nothing(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=3")
    one = await google("events.get", eventId=f"{made['id']}_20261125T180000Z")
    await google("events.patch", {"summary": "Other"}, eventId=one["id"], headers={"if-match": one["etag"]})
    with pytest.raises(Refused) as caught:
        await google("events.patch", {"summary": "Late"}, eventId=one["id"], headers={"if-match": one["etag"]})
    assert caught.value.status == 412


async def test_deleting_a_series_deletes_its_exceptions(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=3")
    await google("events.patch", {"summary": "Other"}, eventId=f"{made['id']}_20261125T180000Z")
    await google("events.delete", eventId=made["id"])
    assert await google.listed() == await google.listed(singleEvents=True) == []


async def test_cutting_a_series_keeps_earlier_exceptions_and_drops_later_ones(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=5")
    for day in ("20261125", "20261127"):
        await google("events.patch", {"summary": day}, eventId=f"{made['id']}_{day}T180000Z")
    until = {"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20261126T180000Z"]}
    await google("events.patch", until, eventId=made["id"])
    found = await google.listed(singleEvents=True, orderBy="startTime")
    assert [e["summary"] for e in found] == ["Dinner", "20261125", "Dinner"]


async def test_instances_lists_the_exceptions_in_their_places(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=4")
    await google("events.delete", eventId=f"{made['id']}_20261125T180000Z")
    await google("events.patch", {"summary": "Other"}, eventId=f"{made['id']}_20261126T180000Z")

    async def listed(**parameters: Any) -> list[str]:
        items = (await google("events.instances", eventId=made["id"], **parameters))["items"]
        return sorted(e["id"].partition("_")[2][:8] for e in items)

    assert await listed() == ["20261124", "20261126", "20261127"]
    assert await listed(showDeleted=True) == ["20261124", "20261125", "20261126", "20261127"]
    assert await listed(timeMin="2026-11-26T00:00:00Z", timeMax="2026-11-27T00:00:00Z") == ["20261126"]
    assert await listed(originalStart="2026-11-27T19:00:00+01:00") == ["20261127"]
    assert (await google("events.instances", eventId=f"{made['id']}_20261125T180000Z"))["items"] == []
    (one,) = (await google("events.instances", eventId=f"{made['id']}_20261127T180000Z"))["items"]
    assert one["start"]["dateTime"] == "2026-11-27T19:00:00+01:00"


async def test_a_series_without_an_end_is_listed_for_two_years(google: Google) -> None:
    await series(google, "RRULE:FREQ=WEEKLY")
    items = await google.listed(singleEvents=True, orderBy="startTime", maxResults=2500)
    assert items[-1]["start"]["dateTime"][:7] == "2028-11"


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=SOMETIMES", "RRULE:COUNT=3", "RRULE:FREQ=DAILY;COUNT=x", "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;BYDAY=XX", "RRULE:FREQ=SECONDLY", "FREQ=DAILY", "DTSTART:20261124T190000Z",
        "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z", "RRULE:FREQ=WEEKLY;UNTIL=20270101;UNTIL=20261214T000000Z",
        "RRULE:FREQ=DAILY\r\nSUMMARY:smuggled", "EXDATE:soon",
    ],
)  # fmt: skip
async def test_a_rule_that_cannot_be_is_refused(google: Google, rule: str) -> None:
    with pytest.raises(Refused) as caught:
        await series(google, rule)
    assert (caught.value.status, caught.value.reason, caught.value.location) == (400, "invalid", "recurrence")


async def test_a_series_must_name_its_zone(google: Google) -> None:
    bare = {"start": {"dateTime": "2026-11-24T19:00:00+01:00"}, "recurrence": ["RRULE:FREQ=DAILY"]}
    with pytest.raises(Refused) as caught:
        await google("events.insert", {**DINNER, **bare})
    assert (caught.value.reason, caught.value.location) == ("required", "start")


async def test_a_series_blocks_what_its_living_instances_cover(google: Google) -> None:
    made = await series(google, "RRULE:FREQ=DAILY;COUNT=4")
    await google("events.delete", eventId=f"{made['id']}_20261125T180000Z")
    await google("events.patch", {"transparency": "transparent"}, eventId=f"{made['id']}_20261126T180000Z")
    answer = await google("freebusy.query", {**DAYS, "timeZone": MADRID, "items": [{"id": "primary"}]})
    assert [span["start"] for span in answer["calendars"]["primary"]["busy"]] == [
        "2026-11-24T19:00:00+01:00",
        "2026-11-27T19:00:00+01:00",
    ]
