"""Clients that other people wrote run unchanged against the sandbox, on a real socket."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httplib2
import pytest
from gcsa.calendar import Calendar, CalendarListEntry
from gcsa.event import Event
from gcsa.google_calendar import GoogleCalendar
from gcsa.recurrence import Recurrence
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.running import RunningApp
from tests.sandbox.discovery import problems
from tests.sandbox.google import DINNER

SCOPES = ["https://www.googleapis.com/auth/calendar"]


def service(url: str) -> Any:
    """Google's own client; it fetches its access token from the sandbox first."""
    credentials: Any = Credentials(
        None,
        refresh_token="sandbox-refresh",
        token_uri=f"{url}/token",
        client_id="a-client",
        client_secret="a-secret",
        scopes=SCOPES,
    )
    http = AuthorizedHttp(credentials, http=httplib2.Http())
    options = {"api_endpoint": f"{url}/calendar/v3/"}
    return build("calendar", "v3", http=http, client_options=options, static_discovery=True)


def lifetime_of_an_event(url: str) -> None:
    with service(url) as calendar:
        events = calendar.events()
        made = events.insert(calendarId="primary", body=DINNER, sendUpdates="all").execute()
        assert problems("events.insert", made) == []
        changed = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Supper"}).execute()
        assert changed["summary"] == "Supper"
        stale = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Late"})
        stale.headers["If-Match"] = made["etag"]
        with pytest.raises(HttpError) as refused:
            stale.execute()
        assert refused.value.status_code == 412
        assert refused.value.error_details[0]["reason"] == "conditionNotMet"
        request = events.list(calendarId="primary", maxResults=1)
        seen = []
        while request is not None:
            page = request.execute()
            seen += [event["id"] for event in page["items"]]
            request = events.list_next(request, page)
        assert seen == [made["id"]]
        busy = {"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-25T00:00:00Z", "items": [{"id": "primary"}]}
        assert len(calendar.freebusy().query(body=busy).execute()["calendars"]["primary"]["busy"]) == 1
        assert calendar.calendarList().list().execute()["items"][0]["primary"]
        assert events.delete(calendarId="primary", eventId=made["id"]).execute() == ""
        with pytest.raises(HttpError) as gone:
            events.delete(calendarId="primary", eventId=made["id"]).execute()
        assert gone.value.status_code == 410


async def test_googles_own_client_runs_unchanged(sandbox: RunningApp) -> None:
    await asyncio.to_thread(lifetime_of_an_event, sandbox.url)


@dataclass
class Executed:
    """Executes what Google's client built, checks each answer against the document, and notes the methods."""

    methods: set[str] = field(default_factory=set)

    def __call__(self, request: Any) -> Any:
        method = request.methodId.removeprefix("calendar.")
        answer = request.execute()
        assert answer == "" or problems(method, answer) == []
        self.methods.add(method)
        return answer


def calendars_and_settings(calendar: Any, execute: Executed) -> None:
    calendars, entries = calendar.calendars(), calendar.calendarList()
    made = execute(calendars.insert(body={"summary": "Terrace", "location": "Outside", "timeZone": "Europe/Madrid"}))
    here = {"calendarId": made["id"]}
    assert execute(calendars.patch(**here, body={"description": "In summer"}))["location"] == "Outside"
    assert "location" not in execute(calendars.update(**here, body={"summary": "Garden"}))
    assert execute(calendars.get(**here))["summary"] == "Garden"
    assert (
        execute(entries.patch(**here, body={"summaryOverride": "Mine", "selected": False}))["summaryOverride"] == "Mine"
    )
    changed = execute(entries.update(**here, body={"colorId": "7"}))
    assert (changed["colorId"], changed["selected"], "summaryOverride" in changed) == ("7", True, False)
    assert execute(entries.get(**here)) == changed
    assert [item["summary"] for item in execute(entries.list(maxResults=1))["items"]] != []
    assert len(execute(entries.list())["items"]) == 2
    assert execute(calendars.delete(**here)) == ""
    assert len(execute(entries.list())["items"]) == 1
    assert execute(calendar.settings().get(setting="timezone"))["value"] == "Europe/Madrid"
    assert execute(calendar.settings().list())["items"]
    assert execute(calendar.colors().get())["event"]["11"]


def events_and_instances(calendar: Any, execute: Executed) -> None:
    events, here = calendar.events(), {"calendarId": "primary"}
    synced = execute(events.list(**here))["nextSyncToken"]
    series = {**DINNER, "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]}
    named = {**here, "eventId": execute(events.insert(**here, body=series))["id"]}
    assert execute(events.patch(**named, body={"location": "Table 4"}))["location"] == "Table 4"
    days = execute(events.instances(**named))["items"]
    assert len(days) == 3
    execute(events.update(**here, eventId=days[1]["id"], body={**days[1], "summary": "Supper"}))
    assert execute(events.get(**here, eventId=days[1]["id"]))["summary"] == "Supper"
    execute(events.delete(**here, eventId=days[2]["id"]))
    shown = execute(events.list(**here, singleEvents=True, orderBy="startTime"))["items"]
    assert [event["summary"] for event in shown] == [DINNER["summary"], "Supper"]
    assert execute(events.list(**here, syncToken=synced))["items"]
    terrace = calendar.calendars().insert(body={"summary": "Terrace"}).execute()["id"]
    alone = execute(events.insert(**here, body=DINNER))["id"]
    assert execute(events.move(**here, eventId=alone, destination=terrace))["organizer"]["email"] == terrace
    span = {"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-30T00:00:00Z"}
    busy = execute(calendar.freebusy().query(body={**span, "items": [{"id": "primary"}, {"id": terrace}]}))
    assert [len(busy["calendars"][name]["busy"]) for name in ("primary", terrace)] == [2, 1]


async def test_googles_own_client_uses_every_method_that_the_sandbox_has(sandbox: RunningApp) -> None:
    execute = Executed()

    def use() -> None:
        with service(sandbox.url) as calendar:
            calendars_and_settings(calendar, execute)
            events_and_instances(calendar, execute)

    await asyncio.to_thread(use)
    assert execute.methods == {route.name for route in sandbox.app.routes if "." in getattr(route, "name", "")}


def week_of_a_series(url: str) -> None:
    with service(url) as sandbox_service:
        calendar = GoogleCalendar(credentials=AnonymousCredentials())
        calendar.service.close()
        calendar.service = sandbox_service
        start = datetime(2026, 11, 24, 19, tzinfo=ZoneInfo("Europe/Madrid"))
        made = calendar.add_event(
            Event(
                "Dinner",
                start=start,
                end=start + timedelta(hours=1),
                timezone="Europe/Madrid",
                recurrence=[Recurrence.rule(freq="DAILY", count=3)],
                attendees=["ana@guests.example"],
                minutes_before_popup_reminder=10,
            ),
            send_updates="all",
        )
        # Without one, gcsa begins at the day of the machine.
        days = list(calendar.get_instances(made, time_min=start))
        assert sorted(day.start for day in days) == [start + timedelta(days=n) for n in range(3)]
        second = next(day for day in days if day.start == start + timedelta(days=1))
        second.summary = "Supper"
        calendar.update_event(second)
        calendar.delete_event(next(day for day in days if day.start == start + timedelta(days=2)))
        found = calendar.get_events(start, start + timedelta(days=7), order_by="startTime", single_events=True)
        assert [event.summary for event in found] == ["Dinner", "Supper"]
        busy = calendar.get_free_busy(time_min=start, time_max=start + timedelta(days=7))
        assert len(list(busy)) == 2
        assert calendar.get_calendar_list_entry("primary").primary
        assert calendar.list_event_colors()
        assert calendar.list_calendar_colors()
        assert calendar.get_settings().timezone == "Europe/Madrid"
        terrace = calendar.add_calendar(Calendar("Terrace", timezone="Europe/Madrid"))
        terrace.summary = "Garden"
        assert calendar.update_calendar(terrace).summary == "Garden"
        entry = calendar.update_calendar_list_entry(CalendarListEntry(terrace.calendar_id, color_id="7"))
        assert (entry.summary, entry.color_id) == ("Garden", "7")
        moved = calendar.move_event(calendar.add_event(Event("Lunch", start=start)), terrace.calendar_id)
        assert [event.id for event in calendar.get_events(start, calendar_id=terrace.calendar_id)] == [moved.id]
        calendar.delete_calendar(terrace)
        assert [listed.primary for listed in calendar.get_calendar_list()] == [True]


async def test_gcsa_runs_unchanged(sandbox: RunningApp) -> None:
    await asyncio.to_thread(week_of_a_series, sandbox.url)
