"""Lists: pages, sync tokens, filters; and the smaller corners of the API."""

from typing import Any

import httpx
import pytest

from tests.clock import Clock
from tests.sandbox.discovery import document
from tests.sandbox.google import DINNER, Google, Refused, at

ANA, BO = {"email": "ana@guests.example"}, {"email": "bo@sandbox.example"}


async def refusal(google: Google, method: str, body: Any = None, **rest: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await google(method, body, **rest)
    return caught.value


async def everything(google: Google, **parameters: Any) -> tuple[list[Any], str | None]:
    """All pages, and the sync token of the last."""
    items: list[Any] = []
    page = await google("events.list", **parameters)
    while True:
        items += page["items"]
        if "nextPageToken" not in page:
            return items, page.get("nextSyncToken")
        assert "nextSyncToken" not in page
        page = await google("events.list", **parameters, pageToken=page["nextPageToken"])


async def test_a_page_may_be_empty_and_have_a_token(google: Google) -> None:
    await google.admin("/google/settings", {"empty_first_page": True})
    made = await google.insert()
    first = await google("events.list")
    assert first["items"] == []
    assert (await everything(google))[0] == [made]


async def test_a_page_token_is_good_for_the_same_question_only(google: Google) -> None:
    for _ in range(3):
        await google.insert()
    token = (await google("events.list", maxResults=1))["nextPageToken"]
    assert (await refusal(google, "events.list", pageToken=token, q="Dinner")).location == "pageToken"
    assert len(await google.listed(maxResults=2, pageToken=token)) == 2


async def test_instances_are_spread_over_pages(google: Google) -> None:
    await google.insert(recurrence=["RRULE:FREQ=DAILY;COUNT=7"])
    items, _ = await everything(google, singleEvents=True, orderBy="startTime", maxResults=3)
    assert [int(e["start"]["dateTime"][8:10]) for e in items] == [24, 25, 26, 27, 28, 29, 30]


async def test_a_sync_token_brings_what_changed_and_what_was_deleted(google: Google) -> None:
    kept, changed, gone = [await google.insert(summary=name) for name in ("kept", "changed", "gone")]
    items, token = await everything(google, maxResults=2)
    assert {e["id"] for e in items} == {kept["id"], changed["id"], gone["id"]}
    await google("events.patch", {"summary": "now"}, eventId=changed["id"])
    await google("events.delete", eventId=gone["id"])
    new = await google.insert(summary="new")
    items, later = await everything(google, syncToken=token)
    assert {e["id"]: e["status"] for e in items} == {
        changed["id"]: "confirmed",
        gone["id"]: "cancelled",
        new["id"]: "confirmed",
    }
    assert (await everything(google, syncToken=later))[0] == []


async def test_a_sync_token_brings_cancelled_instances(google: Google) -> None:
    made = await google.insert(recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    _, token = await everything(google, singleEvents=True)
    await google("events.delete", eventId=f"{made['id']}_20261125T180000Z")
    items, _ = await everything(google, singleEvents=True, syncToken=token)
    assert [(e["id"][-16:], e["status"]) for e in items] == [("20261125T180000Z", "cancelled")]


@pytest.mark.parametrize("way", ["expired", "reset"])
async def test_an_old_sync_token_asks_for_a_full_sync(google: Google, way: str) -> None:
    _, token = await everything(google)
    await google.admin("/reset" if way == "reset" else "/google/sync-tokens/expire")
    refused = await refusal(google, "events.list", syncToken=token)
    assert (refused.status, refused.domain, refused.reason) == (410, "calendar", "fullSyncRequired")
    _, token = await everything(google)
    await everything(google, syncToken=token)


@pytest.mark.parametrize(
    "other",
    [{"q": "x"}, {"timeMin": "2026-11-24T00:00:00Z"}, {"timeMax": "2026-11-24T00:00:00Z"}, {"iCalUID": "x"},
     {"updatedMin": "2026-11-24T00:00:00Z"}, {"privateExtendedProperty": "a=b"}, {"orderBy": "updated"}],
)  # fmt: skip
async def test_a_sync_token_stands_alone(google: Google, other: dict[str, str]) -> None:
    _, token = await everything(google)
    assert (await refusal(google, "events.list", syncToken=token, **other)).status == 400


@pytest.mark.parametrize("token", ["nonsense", "e30", "%%%", "bnVsbA"])
@pytest.mark.parametrize("name", ["syncToken", "pageToken"])
async def test_a_token_that_nobody_gave_is_refused(google: Google, name: str, token: str) -> None:
    refused = await refusal(google, "events.list", **{name: token})
    assert (refused.status, refused.reason, refused.location) == (400, "invalid", name)


async def test_updated_min_brings_later_changes_with_deletions(google: Google, clock: Clock) -> None:
    old, gone = await google.insert(summary="old"), await google.insert(summary="gone")
    clock.advance(hours=1)
    since = clock.now().isoformat()
    await google("events.delete", eventId=gone["id"])
    new = await google.insert(summary="new")
    items = await google.listed(updatedMin=since, orderBy="updated")
    assert {e["id"] for e in items} == {gone["id"], new["id"]}
    assert old["id"] not in {e["id"] for e in items}
    clock.advance(days=29)
    assert (await refusal(google, "events.list", updatedMin=since)).reason == "updatedMinTooLongAgo"


async def test_lists_are_ordered_when_asked_to_be(google: Google, clock: Clock) -> None:
    late = await google.insert(start=at("2026-11-26", "19:00"), end=at("2026-11-26", "20:00"))
    clock.advance(minutes=1)
    early = await google.insert()
    by_start = await google.listed(orderBy="startTime", singleEvents=True)
    by_change = await google.listed(orderBy="updated")
    assert [e["id"] for e in by_start] == [early["id"], late["id"]]
    assert [e["id"] for e in by_change] == [late["id"], early["id"]]


async def test_a_list_is_shown_in_the_zone_that_is_asked_for(google: Google) -> None:
    await google.insert()
    page = await google("events.list", timeZone="Asia/Tokyo")
    assert page["timeZone"] == "Asia/Tokyo"
    assert page["items"][0]["start"] == {"dateTime": "2026-11-25T03:00:00+09:00", "timeZone": "Europe/Madrid"}


async def test_too_many_attendees_are_left_out_and_that_is_said(google: Google) -> None:
    own = {"email": "demo@sandbox.example", "responseStatus": "accepted"}
    await google.insert(attendees=[ANA, BO, own])
    (event,) = await google.listed(maxAttendees=1)
    assert event["attendeesOmitted"] is True
    assert [(guest["email"], guest["self"]) for guest in event["attendees"]] == [("demo@sandbox.example", True)]


async def test_unknown_masks_leave_out_everything_else(google: Google) -> None:
    await google.insert()
    assert await google("events.list", fields="items/start/timeZone,nextPageToken") == {
        "items": [{"start": {"timeZone": "Europe/Madrid"}}]
    }
    assert set(await google("events.list", fields="*")) >= {"kind", "items"}


MEET = {"conferenceData": {"createRequest": {"requestId": "one", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}}


async def test_a_meet_link_needs_the_clients_word_that_it_knows_of_them(google: Google) -> None:
    dropped = await google.insert(**MEET)
    assert "hangoutLink" not in dropped
    made = await google("events.insert", {**DINNER, **MEET}, conferenceDataVersion=1)
    assert made["hangoutLink"] == made["conferenceData"]["entryPoints"][0]["uri"]
    assert made["conferenceData"]["createRequest"]["status"] == {"statusCode": "success"}
    kept = await google("events.update", DINNER, eventId=made["id"])
    assert kept["hangoutLink"] == made["hangoutLink"]
    again = await google("events.patch", MEET, eventId=made["id"], conferenceDataVersion=1)
    assert again["conferenceData"] == made["conferenceData"]
    gone = await google("events.patch", {"conferenceData": None}, eventId=made["id"], conferenceDataVersion=1)
    assert {"hangoutLink", "conferenceData"}.isdisjoint(gone)


async def test_the_mail_log_shows_what_guests_would_have_got(google: Google, http: httpx.AsyncClient) -> None:
    async def mail() -> list[tuple[str, str]]:
        letters = (await http.get("/_sandbox/google/mail")).json()
        return sorted((letter["to"], letter["kind"]) for letter in letters)

    event = await google("events.insert", {**DINNER, "attendees": [ANA, BO]})
    assert await mail() == []
    await google("events.patch", {"attendees": [BO]}, eventId=event["id"], sendUpdates="all")
    assert await mail() == [("ana@guests.example", "cancellation"), ("bo@sandbox.example", "update")]
    await google("events.patch", {"attendees": [ANA, BO]}, eventId=event["id"], sendUpdates="externalOnly")
    assert (await mail())[1] == ("ana@guests.example", "invitation")
    assert len(await mail()) == 3
    await google("events.delete", eventId=event["id"], sendUpdates="none")
    assert len(await mail()) == 3
    other = await google("events.insert", {**DINNER, "attendees": [ANA]}, sendNotifications=True)
    await google("events.delete", eventId=other["id"], sendUpdates="all")
    assert [kind for to, kind in await mail() if to == ANA["email"]] == ["cancellation"] * 2 + ["invitation"] * 2
    await google.admin("/reset")
    assert await mail() == []


@pytest.mark.parametrize("status", [403, 429])
async def test_the_limiter_counts_each_account_over_a_minute(google: Google, clock: Clock, status: int) -> None:
    await google.admin("/google/settings", {"requests_per_minute": 2, "limit_status": status})
    await google.listed()
    clock.advance(seconds=30)
    await google.listed()
    refused = await refusal(google, "events.list")
    assert (refused.status, refused.domain, refused.reason) == (status, "usageLimits", "rateLimitExceeded")
    clock.advance(seconds=31)
    await google.listed()
    assert (await refusal(google, "events.list")).status == status
    await google.admin("/reset")
    await google.listed()


async def test_several_calendars_stand_beside_each_other(google: Google) -> None:
    made = await google("calendars.insert", {"summary": "Terrace", "timeZone": "Atlantic/Canary"})
    event = await google("events.insert", DINNER, calendarId=made["id"])
    assert event["start"] == {"dateTime": "2026-11-24T18:00:00Z", "timeZone": "Europe/Madrid"}
    assert await google.listed() == []
    entries = (await google("calendarList.list"))["items"]
    assert [(e["summary"], e.get("primary", False)) for e in entries] == [
        ("demo@sandbox.example", True),
        ("Terrace", False),
    ]
    await google("calendarList.patch", {"hidden": True, "colorId": "3"}, calendarId=made["id"])
    assert len((await google("calendarList.list"))["items"]) == 1
    assert len((await google("calendarList.list", showHidden=True))["items"]) == 2
    renamed = await google("calendars.patch", {"summary": "Garden"}, calendarId=made["id"])
    assert (renamed["summary"], renamed["timeZone"]) == ("Garden", "Atlantic/Canary")
    moved = await google("events.move", calendarId=made["id"], eventId=event["id"], destination="demo@sandbox.example")
    assert [e["id"] for e in await google.listed()] == [moved["id"]]
    assert await google.listed(calendarId=made["id"]) == []
    await google("calendars.delete", calendarId=made["id"])
    assert (await refusal(google, "calendars.get", calendarId=made["id"])).status == 404
    assert (await refusal(google, "calendars.delete")).status == 400


async def test_pages_of_the_calendar_list_hold_each_once(google: Google) -> None:
    for name in ("A", "B", "C"):
        await google("calendars.insert", {"summary": name})
    first = await google("calendarList.list", maxResults=3)
    second = await google("calendarList.list", maxResults=3, pageToken=first["nextPageToken"])
    assert len({e["id"] for e in first["items"] + second["items"]}) == 4
    assert "nextSyncToken" in second


async def test_colours_are_googles(google: Google) -> None:
    colors = await google("colors.get")
    assert (len(colors["calendar"]), len(colors["event"])) == (24, 11)


@pytest.mark.parametrize("path", ["/discovery/v1/apis/calendar/v3/rest", "/$discovery/rest?version=v3"])
async def test_the_discovery_document_leads_to_the_sandbox(http: httpx.AsyncClient, path: str) -> None:
    served = (await http.get(path)).json()
    assert served["rootUrl"] == "http://127.0.0.1:3010/"
    assert served["resources"] == document()["resources"]
