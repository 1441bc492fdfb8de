"""Clients that other people wrote run unchanged against the sandbox, on a real socket."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httplib2
import pytest
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
        days = list(calendar.get_instances(made))
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
        assert calendar.get_settings().timezone == "Europe/Madrid"


async def test_gcsa_runs_unchanged(sandbox: RunningApp) -> None:
    await asyncio.to_thread(week_of_a_series, sandbox.url)
