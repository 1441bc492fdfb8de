"""Events as Google keeps them: ids, etags, patch and update, deletion, and its error shapes."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clock import Clock
from tests.sandbox.conftest import open_sandbox
from tests.sandbox.google import DINNER, Google, Refused, at


async def refusal(google: Google, method: str, body: Any = None, **rest: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await google(method, body, **rest)
    return caught.value


async def test_every_method_answers_in_the_form_of_googles_document(google: Google) -> None:
    event = await google.insert(
        attendees=[{"email": "ana@guests.example"}], extendedProperties={"private": {"voxie": "1"}}, location="Hall"
    )
    await google("events.get", eventId=event["id"])
    await google("events.patch", {"summary": "Supper"}, eventId=event["id"])
    await google("events.update", DINNER, eventId=event["id"])
    await google("events.list")
    await google("freebusy.query", {"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-25T00:00:00Z", "items": [{"id": "primary"}]})  # fmt: skip
    await google("calendarList.list")
    await google("calendarList.get")
    await google("calendars.get")
    await google("settings.list")
    await google("settings.get", setting="timezone")
    await google("events.delete", eventId=event["id"])


async def test_a_naive_time_is_in_the_zone_that_is_named_beside_it(google: Google) -> None:
    event = await google.insert(start={"dateTime": "2026-11-24T13:00:00", "timeZone": "America/New_York"})
    assert event["start"] == {"dateTime": "2026-11-24T19:00:00+01:00", "timeZone": "America/New_York"}


async def test_a_day_stays_a_day(google: Google) -> None:
    event = await google.insert(start={"date": "2026-11-24"}, end={"date": "2026-11-25"})
    assert (event["start"], event["end"]) == ({"date": "2026-11-24"}, {"date": "2026-11-25"})


@pytest.mark.parametrize(
    ("fields", "reason", "location"),
    [
        ({"start": None}, "required", "start"),
        ({"end": None}, "required", "end"),
        ({"start": {}}, "required", "start"),
        ({"start": {"dateTime": "2026-11-24T19:00:00"}}, "required", "start"),
        ({"start": {"dateTime": "tomorrow at seven"}}, "invalid", "start.dateTime"),
        ({"start": {"dateTime": "20261124T190000Z"}}, "invalid", "start.dateTime"),
        ({"start": {"dateTime": "2026-11-24T25:00:00Z"}}, "invalid", "start.dateTime"),
        ({"start": {"date": "20261124"}, "end": {"date": "2026-11-25"}}, "invalid", "start.date"),
        ({"start": {"date": "2026-02-30"}, "end": {"date": "2026-11-25"}}, "invalid", "start.date"),
        ({"start": {"date": "2026-11-24"}}, "invalid", None),
        ({"start": {"date": "2026-11-24", "dateTime": "2026-11-24T19:00:00Z"}}, "invalid", "start"),
        ({"start": {"dateTime": "2026-11-24T19:00:00", "timeZone": "Mars/Base"}}, "invalid", "timeZone"),
        ({"start": {"dateTime": "2026-11-24T19:00:00", "timeZone": "Europe"}}, "invalid", "timeZone"),
        ({"end": at("2026-11-24", "18:00")}, "timeRangeEmpty", None),
        ({"id": "UPPER-case"}, "invalid", None),
        ({"id": "abcd"}, "invalid", None),
        ({"id": "wxyz12345"}, "invalid", None),
        ({"status": "perhaps"}, "invalid", "status"),
        ({"visibility": "hidden"}, "invalid", "visibility"),
        ({"transparency": "glass"}, "invalid", "transparency"),
        ({"attendees": [{"email": "nobody"}]}, "invalid", "attendees"),
        ({"attendees": [{"email": "a@b.example", "responseStatus": "maybe"}]}, "invalid", "attendees.responseStatus"),
        ({"attendees": 5}, "parseError", None),
        ({"summary": 5}, "parseError", None),
        ({"extendedProperties": "x"}, "parseError", None),
        ({"extendedProperties": {"private": {"n": 5}}}, "parseError", None),
        ({"reminders": {"useDefault": True, "overrides": [{"method": "popup", "minutes": 5}]}}, "cannotUseDefaultRemindersAndSpecifyOverride", None),
        ({"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 40321}]}}, "invalid", "reminders.overrides"),
        ({"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 1}] * 6}}, "invalid", "reminders.overrides"),
        ({"reminders": {"useDefault": False, "overrides": [{"minutes": 1}]}}, "required", "reminders.overrides"),
    ],
)  # fmt: skip
async def test_a_wrong_event_is_refused_and_not_kept(google: Google, fields: Any, reason: str, location: Any) -> None:
    refused = await refusal(google, "events.insert", {**DINNER, **fields})
    assert (refused.status, refused.reason, refused.location) == (400, reason, location)
    assert await google.listed() == []


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"text"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_a_parse_error(http: httpx.AsyncClient, content: bytes) -> None:
    headers = {"authorization": "Bearer sandbox", "content-type": "application/json"}
    answer = await http.post("/calendar/v3/calendars/primary/events", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "parseError")


@pytest.mark.parametrize(
    ("method", "parameters", "reason", "location"),
    [
        ("events.list", {"timeMin": "2026-11-24T00:00:00"}, "badRequest", "timeMin"),
        ("events.list", {"timeMin": "soon"}, "badRequest", "timeMin"),
        ("events.list", {"timeMin": "2026-11-25T00:00:00Z", "timeMax": "2026-11-24T00:00:00Z"}, "timeRangeEmpty", "timeMax"),
        ("events.list", {"orderBy": "startTime"}, "invalid", "orderBy"),
        ("events.list", {"orderBy": "colour"}, "invalidParameter", "orderBy"),
        ("events.list", {"maxResults": 0}, "invalidParameter", "maxResults"),
        ("events.list", {"maxResults": "many"}, "invalidParameter", "maxResults"),
        ("events.list", {"singleEvents": "yes"}, "invalidParameter", "singleEvents"),
        ("events.list", {"timeZone": "Nowhere"}, "invalid", "timeZone"),
        ("events.list", {"pageToken": "7; drop"}, "invalid", "pageToken"),
        ("events.list", {"fields": "items(id"}, "invalidParameter", "fields"),
        ("events.delete", {"eventId": "whatever", "sendUpdates": "some"}, "invalidParameter", "sendUpdates"),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(
    google: Google, method: str, parameters: Any, reason: str, location: str
) -> None:
    refused = await refusal(google, method, **parameters)
    assert (refused.status, refused.reason, refused.location) == (400, reason, location)


@pytest.mark.parametrize("header", [{"authorization": "Bearer wrong"}, {"authorization": "Basic sandbox"}])
async def test_without_a_good_bearer_nothing_is_answered(google: Google, header: dict[str, str]) -> None:
    refused = await refusal(google, "events.list", headers=header)
    assert (refused.status, refused.reason, refused.location) == (401, "authError", "Authorization")


@pytest.mark.parametrize("method", ["events.get", "events.patch", "events.update", "events.delete"])
async def test_what_does_not_exist_is_not_found(google: Google, method: str) -> None:
    body = DINNER if method in {"events.patch", "events.update"} else None
    refused = await refusal(google, method, body, eventId="doesnotexist")
    assert (refused.status, refused.reason) == (404, "notFound")
    elsewhere = await refusal(google, method, body, eventId="doesnotexist", calendarId="other@sandbox.example")
    assert elsewhere.status == 404


async def test_an_id_is_taken_once_and_never_released(google: Google) -> None:
    event = await google.insert(id="table0000042")
    assert event["id"] == "table0000042"
    assert (await refusal(google, "events.insert", {**DINNER, "id": "table0000042"})).reason == "duplicate"
    await google("events.delete", eventId="table0000042")
    again = await refusal(google, "events.insert", {**DINNER, "id": "table0000042"})
    assert (again.status, again.reason) == (409, "duplicate")


async def test_of_two_inserts_in_flight_with_one_id_one_stands(google: Google) -> None:
    answers = await asyncio.gather(*(google.send("events.insert", {**DINNER, "id": "race00001"}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]


async def test_a_deleted_event_is_gone_from_lists_and_still_readable_as_cancelled(google: Google) -> None:
    event = await google.insert()
    assert await google("events.delete", eventId=event["id"]) is None
    assert await google.listed() == []
    assert (await google("events.get", eventId=event["id"]))["status"] == "cancelled"
    assert [e["status"] for e in await google.listed(showDeleted=True)] == ["cancelled"]
    again = await refusal(google, "events.delete", eventId=event["id"])
    assert (again.status, again.reason) == (410, "deleted")


async def test_a_patch_keeps_what_it_does_not_name_and_merges_objects(google: Google) -> None:
    properties = {"private": {"caller": "anna", "party": "4"}}
    event = await google.insert(description="By the window", extendedProperties=properties, attendees=[{"email": "a@b.example"}])  # fmt: skip
    patched = await google(
        "events.patch", {"summary": "Supper", "extendedProperties": {"private": {"party": "5"}}}, eventId=event["id"]
    )
    assert patched["description"] == "By the window"
    assert patched["extendedProperties"]["private"] == {"caller": "anna", "party": "5"}
    assert [guest["email"] for guest in patched["attendees"]] == ["a@b.example"]
    assert patched["sequence"] == event["sequence"]


async def test_a_patch_replaces_arrays_whole_and_null_removes(google: Google) -> None:
    event = await google.insert(description="x", attendees=[{"email": "a@b.example"}, {"email": "c@d.example"}])
    patched = await google(
        "events.patch", {"attendees": [{"email": "c@d.example"}], "description": None}, eventId=event["id"]
    )
    assert [guest["email"] for guest in patched["attendees"]] == ["c@d.example"]
    assert "description" not in patched


async def test_a_timed_event_becomes_a_day_only_when_its_time_is_taken_away(google: Google) -> None:
    event = await google.insert()
    days = {"start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}}
    assert (await refusal(google, "events.patch", days, eventId=event["id"])).status == 400
    without = {key: {**value, "dateTime": None, "timeZone": None} for key, value in days.items()}
    assert (await google("events.patch", without, eventId=event["id"]))["start"] == {"date": "2026-11-24"}


async def test_an_update_drops_what_it_does_not_name(google: Google) -> None:
    event = await google.insert(description="x", location="Hall", extendedProperties={"private": {"a": "b"}})
    updated = await google("events.update", DINNER, eventId=event["id"])
    assert {"description", "location", "extendedProperties"}.isdisjoint(updated)
    assert (updated["id"], updated["iCalUID"], updated["created"]) == (event["id"], event["iCalUID"], event["created"])


async def test_a_move_in_time_raises_the_sequence(google: Google) -> None:
    event = await google.insert()
    moved = await google("events.patch", {"end": at("2026-11-24", "21:00")}, eventId=event["id"])
    assert (event["sequence"], moved["sequence"]) == (0, 1)


async def test_each_change_has_an_etag_of_its_own(google: Google) -> None:
    event = await google.insert()
    etags = {event["etag"]}
    for number in range(4):
        etags.add((await google("events.patch", {"summary": f"Dinner {number}"}, eventId=event["id"]))["etag"])
    assert len(etags) == 5


@pytest.mark.parametrize("method", ["events.patch", "events.update", "events.delete"])
async def test_a_stale_etag_changes_nothing(google: Google, method: str) -> None:
    event = await google.insert()
    current = await google("events.patch", {"summary": "Moved on"}, eventId=event["id"])
    body = None if method == "events.delete" else DINNER
    refused = await refusal(google, method, body, eventId=event["id"], headers={"if-match": event["etag"]})
    assert (refused.status, refused.reason, refused.location) == (412, "conditionNotMet", "If-Match")
    assert (await google("events.get", eventId=event["id"]))["summary"] == "Moved on"
    await google(method, body, eventId=event["id"], headers={"if-match": current["etag"]})


async def test_the_etag_is_in_the_header_too(google: Google) -> None:
    event = await google.insert()
    answer = await google.send("events.get", eventId=event["id"])
    assert answer.headers["etag"] == event["etag"] == answer.json()["etag"]


async def test_the_bounds_of_a_list_are_exclusive(google: Google) -> None:
    await google.insert()
    until = {"timeMin": "2026-11-24T17:00:00+01:00", "timeMax": "2026-11-24T19:00:00+01:00"}
    after = {"timeMin": "2026-11-24T20:30:00+01:00", "timeMax": "2026-11-24T23:00:00+01:00"}
    inside = {"timeMin": "2026-11-24T20:29:59+01:00", "timeMax": "2026-11-24T23:00:00+01:00"}
    assert [len(await google.listed(**bounds)) for bounds in (until, after, inside)] == [0, 0, 1]


async def test_pages_hold_every_event_once(google: Google) -> None:
    made = [(await google.insert(summary=f"Event {n}"))["id"] for n in range(5)]
    seen, token = [], None
    while True:
        page = await google("events.list", maxResults=2, **({"pageToken": token} if token else {}))
        seen += [event["id"] for event in page["items"]]
        token = page.get("nextPageToken")
        if token is None:
            break
    assert sorted(seen) == sorted(made)


async def test_search_and_properties_choose_events(google: Google) -> None:
    await google.insert(summary="Ana Torres", extendedProperties={"private": {"caller": "ana", "kind": "table"}})
    await google.insert(summary="Bo", attendees=[{"email": "torres@guests.example"}], extendedProperties={"shared": {"caller": "ana"}})  # fmt: skip
    assert len(await google.listed(q="torres")) == 2
    assert len(await google.listed(q="ana torres")) == 1
    assert len(await google.listed(privateExtendedProperty=["caller=ana", "kind=table"])) == 1
    assert len(await google.listed(privateExtendedProperty=["caller=ana", "kind=room"])) == 0
    assert len(await google.listed(sharedExtendedProperty=["caller=ana"])) == 1


async def test_fields_leave_out_the_rest(google: Google) -> None:
    event = await google.insert()
    page = await google("events.list", fields="timeZone,items(id,start/dateTime)")
    assert page == {
        "timeZone": "Europe/Madrid",
        "items": [{"id": event["id"], "start": {"dateTime": "2026-11-24T19:00:00+01:00"}}],
    }


async def test_busy_is_merged_clipped_and_without_what_does_not_block(google: Google) -> None:
    await google.insert()
    await google.insert(start=at("2026-11-24", "20:00"), end=at("2026-11-24", "21:00"))
    await google.insert(start=at("2026-11-24", "08:00"), end=at("2026-11-24", "09:00"), transparency="transparent")
    declined = [{"email": "demo@sandbox.example", "responseStatus": "declined"}]
    await google.insert(start=at("2026-11-24", "10:00"), end=at("2026-11-24", "11:00"), attendees=declined)
    gone = await google.insert(start=at("2026-11-24", "12:00"), end=at("2026-11-24", "13:00"))
    await google("events.delete", eventId=gone["id"])
    answer = await google("freebusy.query", {
        "timeMin": "2026-11-23T23:00:00Z", "timeMax": "2026-11-24T19:30:00Z",
        "items": [{"id": "primary"}, {"id": "nobody@sandbox.example"}],
    })  # fmt: skip
    assert answer["calendars"] == {
        "primary": {"busy": [{"start": "2026-11-24T18:00:00Z", "end": "2026-11-24T19:30:00Z"}]},
        "nobody@sandbox.example": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []},
    }


@pytest.mark.parametrize("missing", ["timeMin", "timeMax"])
async def test_free_and_busy_need_both_bounds(google: Google, missing: str) -> None:
    body = {"timeMin": "2026-11-23T23:00:00Z", "timeMax": "2026-11-24T19:30:00Z", "items": [{"id": "primary"}]}
    refused = await refusal(google, "freebusy.query", {k: v for k, v in body.items() if k != missing})
    assert (refused.status, refused.reason, refused.location) == (400, "required", missing)


@pytest.mark.parametrize("items", ["x", ["x"], [5]])
async def test_malformed_items_of_free_and_busy_are_a_parse_error(google: Google, items: Any) -> None:
    body = {"timeMin": "2026-11-23T23:00:00Z", "timeMax": "2026-11-24T19:30:00Z", "items": items}
    assert (await refusal(google, "freebusy.query", body)).reason == "parseError"


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with open_sandbox(tmp_path, clock) as served, httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        event = await Google(http).insert()
        gone = await Google(http).insert(id="goneforever")
        await Google(http)("events.delete", eventId=gone["id"])
    async with open_sandbox(tmp_path, clock) as served, httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        assert await Google(http).listed() == [event]
        assert (await refusal(Google(http), "events.insert", {**DINNER, "id": "goneforever"})).status == 409


async def test_a_reset_gives_an_empty_calendar_where_no_old_etag_fits(google: Google) -> None:
    event = await google.insert(id="sameid001")
    await google.admin("/reset")
    assert await google.listed() == []
    assert (await google.insert(id="sameid001"))["etag"] != event["etag"]
