"""The only place that knows Google's wire: google-api-python-client builds and checks requests offline, httpx sends them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build

from mcp_servers.google_calendar.account import Credentials
from mcp_servers.google_calendar.events import Event, read_event
from mcp_servers.google_calendar.limits import Limiter
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import (
    BadRequest,
    Conflict,
    NeedsReconnect,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    ServerError,
    TryLater,
    Unavailable,
)
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, may_have_acted, retry_after

LIMIT_REASONS = {"rateLimitExceeded", "userRateLimitExceeded"}
SCOPE_REASONS = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
BUSY_FIELDS = "id,status,start,end,transparency,attendees(self,responseStatus)"
"""What tells whether a time is taken: a tenth of the bytes of a whole event."""
EVENT_FIELDS = (
    "id,etag,status,summary,description,location,start,end,transparency,recurrence,recurringEventId,htmlLink,"
    "hangoutLink,colorId,visibility,attendees,attendeesOmitted,extendedProperties/private"
)
MOST_CALENDARS = 250


class Duplicate(Exception):
    """An event with this id exists, or existed."""


class Stale(Conflict):
    """The event is not as it was read any more: nothing was written."""


@dataclass(frozen=True)
class EventPage:
    """One answer of ``events.list``."""

    events: list[Event]
    complete: bool
    """False when Google has more: what was not read is unknown, never free."""
    zone: ZoneInfo
    next_page: str | None = None


class GoogleCalendar:
    """One Google account's calendar, by the Calendar API v3.

    Args:
        outbound: sends.
        credentials: where access tokens come from.
        api_url: the API's base, with its service path.
        limiter: keeps each account below Google's limit.
    """

    def __init__(self, outbound: Outbound, credentials: Credentials, *, api_url: str, limiter: Limiter) -> None:
        self._outbound = outbound
        self._credentials = credentials
        self._limiter = limiter
        service: Any = build(
            "calendar",
            "v3",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": api_url},
            static_discovery=True,
        )
        self._events = service.events()
        self._calendar_list = service.calendarList()

    async def connection(self, call: Call | None) -> str:
        """Whose Google account this call works on: the key of whatever is kept about it."""
        return await self._credentials.connection(call)

    async def settings(self, call: Call) -> Mapping[str, Any]:
        """What the owner set for that account."""
        return await self._credentials.settings(call)

    async def calendars(self, call: Call | None) -> list[dict[str, Any]]:
        """The account's calendars: id, name, zone, and what it may do there."""
        request = self._calendar_list.list(
            maxResults=MOST_CALENDARS,
            fields="nextPageToken,items(id,summary,summaryOverride,timeZone,accessRole,primary)",
        )
        found: list[dict[str, Any]] = []
        while request is not None:
            answer = await self._read(request, call)
            found += answer.get("items", ())
            request = self._calendar_list.list_next(request, answer)
        return found

    async def zone(self, calendar: str, call: Call | None) -> ZoneInfo:
        """The calendar's zone, as Google has it."""
        # The list of events carries it too, and needs no scope beyond the one for events.
        answer = await self._read(self._events.list(calendarId=calendar, maxResults=1, fields="timeZone"), call)
        return read_zone(answer)

    async def list_events(
        self,
        calendar: str,
        call: Call,
        *,
        start: datetime,
        end: datetime,
        private: Sequence[str] = (),
        query: str | None = None,
        most: int = 250,
        page: str | None = None,
        fields: str = EVENT_FIELDS,
    ) -> EventPage:
        """Events and instances that overlap a span, in order of their start.

        Args:
            calendar: its id.
            call: for whom.
            start: aware; events that end at it are not among them.
            end: aware; events that start at it are not among them.
            private: ``key=value`` pairs that the private properties must all have.
            query: text to search for.
            most: the page's size.
            page: where to go on.
            fields: what of each event.
        """
        request = self._events.list(
            calendarId=calendar,
            timeMin=start.isoformat(),
            timeMax=end.isoformat(),
            singleEvents=True,
            orderBy="startTime",
            maxResults=most,
            privateExtendedProperty=list(private) or None,
            q=query,
            pageToken=page,
            fields=f"timeZone,nextPageToken,items({fields})",
        )
        answer = await self._read(request, call)
        zone = read_zone(answer)
        events = [read_event(item, zone) for item in answer.get("items", ())]
        after = answer.get("nextPageToken")
        return EventPage([e for e in events if not e.cancelled], after is None, zone, after)

    async def get_event(self, calendar: str, event_id: str, call: Call | None, *, zone: ZoneInfo) -> Event | None:
        """One event, cancelled ones included; None when there is none with this id."""
        request = self._events.get(calendarId=calendar, eventId=event_id, fields=EVENT_FIELDS)
        try:
            return read_event(await self._read(request, call), zone)
        except NotFound:
            return None

    async def insert_event(
        self, calendar: str, body: Mapping[str, Any], call: Call, *, zone: ZoneInfo, send_updates: str
    ) -> Event:
        """Make an event under the id in ``body``, which makes repeating the request harmless.

        Raises:
            Duplicate: the id exists; read it and compare.
            OutcomeUnknown: no answer.
        """
        request = self._events.insert(
            calendarId=calendar,
            body=dict(body),
            sendUpdates=send_updates,
            conferenceDataVersion=1 if "conferenceData" in body else None,
            fields=EVENT_FIELDS,
        )
        return read_event(await self._write(request, call), zone)

    async def whole_event(self, calendar: str, event_id: str, call: Call | None) -> dict[str, Any] | None:
        """One event with every field that Google has of it, to be copied; None when there is none."""
        try:
            return await self._read(self._events.get(calendarId=calendar, eventId=event_id), call)
        except NotFound:
            return None

    async def patch_event(
        self,
        calendar: str,
        event_id: str,
        body: Mapping[str, Any],
        call: Call,
        *,
        etag: str,
        zone: ZoneInfo,
        send_updates: str,
    ) -> Event:
        """Change an event if it is still as it was read. What ``body`` does not name stays; lists are replaced whole.

        Raises:
            Stale: it changed meanwhile.
            OutcomeUnknown: no answer.
        """
        request = self._events.patch(
            calendarId=calendar,
            eventId=event_id,
            body=dict(body),
            sendUpdates=send_updates,
            conferenceDataVersion=1 if "conferenceData" in body else None,
            fields=EVENT_FIELDS,
        )
        request.headers["If-Match"] = etag
        return read_event(await self._write(request, call), zone)

    async def delete_event(self, calendar: str, event_id: str, call: Call, *, etag: str, send_updates: str) -> None:
        """Delete an event if it is still as it was read. One that is gone already counts as deleted.

        Raises:
            Stale: it changed meanwhile.
            OutcomeUnknown: no answer.
        """
        request = self._events.delete(calendarId=calendar, eventId=event_id, sendUpdates=send_updates)
        request.headers["If-Match"] = etag
        try:
            await self._write(request, call)
        except NotFound:
            return

    async def _read(self, request: Any, call: Call | None) -> dict[str, Any]:
        within = self._outbound.deadlines.vendor_read
        if call is not None:
            within = min(within, call.remaining())
        try:
            response = await self._send(request, call, within)
        except NoAnswer:
            raise Unavailable("Google Calendar does not answer") from None
        return _answer(response)

    async def _write(self, request: Any, call: Call) -> dict[str, Any]:
        # Not bounded by the caller's patience: a write that has begun is brought to a known end.
        try:
            response = await self._send(request, call, self._outbound.deadlines.vendor_write)
        except NoAnswer as failure:
            if failure.sent:
                raise OutcomeUnknown("Google Calendar did not answer a write") from None
            raise Unavailable("Google Calendar cannot be reached") from None
        refused = response.status_code in {401, 403, 429} and may_have_acted(response)
        if response.status_code >= 500 or refused:
            raise OutcomeUnknown(f"Google Calendar answered {response.status_code} to a write")
        return _answer(response)

    async def _send(self, request: Any, call: Call | None, within: float) -> httpx.Response:
        """Send it; once more with a new token when Google refuses the one that was sent."""
        ends = asyncio.get_running_loop().time() + within
        connection = await self._credentials.connection(call)
        policy = Policy(repeatable=True, refused=_refused_for_now, may_retry=lambda: self._limiter.allows(connection))
        await self._limiter.take(connection, within=within)
        token = await self._credentials.access_token(call)
        left = ends - asyncio.get_running_loop().time()
        response = await self._outbound.send(_httpx_request(request, token), policy=policy, within=left)
        if response.status_code != 401 or not policy.may_retry():
            return response
        if request.method != "GET" and may_have_acted(response):
            # A new token would get an answer to a question that may have been answered: reading settles it.
            raise NoAnswer(sent=True)
        renewed = await self._credentials.access_token(call, refused=token)
        left = ends - asyncio.get_running_loop().time()
        return await self._outbound.send(_httpx_request(request, renewed), policy=policy, within=left)


def read_zone(answer: Mapping[str, Any]) -> ZoneInfo:
    """The zone in one of Google's answers.

    Raises:
        Unavailable: it is missing or unknown here.
    """
    try:
        return ZoneInfo(str(answer["timeZone"]))
    except (KeyError, ZoneInfoNotFoundError, ValueError, OSError):
        raise Unavailable("Google Calendar's answer names no zone that is known here") from None


def _httpx_request(request: Any, token: str) -> httpx.Request:
    """A request of googleapiclient as httpx sends it; its own user agent and encodings stay out of the way."""
    kept = {
        name: value for name, value in request.headers.items() if name.lower() not in {"accept-encoding", "user-agent"}
    }
    kept["authorization"] = f"Bearer {token}"
    return httpx.Request(request.method, request.uri, headers=kept, content=request.body)


def _refused_for_now(response: httpx.Response) -> bool:
    if response.status_code in {429, 503}:
        return True
    return response.status_code == 403 and _reason(response) in LIMIT_REASONS


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.status_code == 409:
        raise Duplicate
    if response.status_code >= 300:
        raise _error(response)
    if not response.content:
        return {}
    try:
        answer = response.json()
    except ValueError:
        raise Unavailable("Google Calendar's answer is not JSON") from None
    if not isinstance(answer, dict):
        raise Unavailable("Google Calendar's answer is not an object")
    return cast("dict[str, Any]", answer)


def _reason(response: httpx.Response) -> str:
    try:
        errors = json.loads(response.content)["error"]["errors"]
        return str(errors[0]["reason"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _error(response: httpx.Response) -> ServerError:
    """Google's error table (https://developers.google.com/workspace/calendar/api/guides/errors) as what happens next."""
    status, reason = response.status_code, _reason(response)
    if status == 429 or (status == 403 and reason in LIMIT_REASONS):
        return TryLater("Google's rate limit is reached", retry_after=retry_after(response) or 1.0)
    if status == 403:
        return _forbidden(reason)
    if status >= 500:
        return Unavailable(f"Google Calendar answered {status}")
    if status in BY_STATUS:
        return BY_STATUS[status]()
    return BadRequest(f"Google refused the request ({reason or status})")


def _forbidden(reason: str) -> ServerError:
    if reason == "quotaExceeded":
        return TryLater("Google's calendar usage limits are exceeded for hours", retry_after=3600.0)
    if reason == "accessNotConfigured":
        return NeedsReconnect("the Google Calendar API is switched off in the Google Cloud project; enable it there")
    if reason in SCOPE_REASONS:
        return NeedsReconnect(
            "Google did not grant a scope that this needs: the owner must connect again and leave every box ticked"
        )
    return NotAllowed(f"Google does not allow this ({reason or 'forbidden'}): check the account's access")


BY_STATUS: Mapping[int, Callable[[], ServerError]] = {
    401: lambda: NeedsReconnect("Google refused the access token: the owner must connect the account again"),
    404: lambda: NotFound("there is no such event or calendar, or this account cannot see it"),
    410: lambda: NotFound("the event has been deleted"),
    412: lambda: Stale(
        "the event changed since it was read", speech="That booking has just been changed by someone else."
    ),
}
