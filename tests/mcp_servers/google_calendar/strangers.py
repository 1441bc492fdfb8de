"""Fifty events of other people, each full of words that must never reach a caller, and a public token to try with."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from contracts.operations import operation_key
from mcp_servers.google_calendar.server import create as create_calendar
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from tests.fakes.backend import SERVICE_TOKEN, StandInBackend, stand_in_backend
from tests.mcp_servers.wire import Door
from tests.patience import PATIENT
from tests.running import running
from tests.world import BEARER, World, open_world

RESOURCE = "http://127.0.0.1:3002/mcp"
TOOLS = (
    "calendar_create_event", "calendar_list_events", "calendar_get_event", "calendar_update_event",
    "calendar_delete_event", "calendar_check_availability", "calendar_find_slots", "calendar_book_slot",
)  # fmt: skip
MARK = "zqx"
"""In every word of a foreign event, and in no word of ours."""
FOREIGN = 50
VICTIM = "tel:+15550111"
OTHER_CALENDARS = 2
START = "2026-12-{day:02d}T{hour:02d}:00:00+01:00"


@dataclass(frozen=True)
class Said:
    """An answer.

    Args:
        whole: every byte of it.
        data: its structured content.
        is_error: whether it is a refusal.
    """

    whole: str
    data: dict[str, Any]
    is_error: bool


@dataclass
class Strangers:
    """A calendar with foreign events, and a door with a public token to it.

    Args:
        world: with the stand-in, and a server of the owner's for control.
        door: to a server that takes call tokens alone.
        backend: which signs them.
    """

    world: World
    door: Door
    backend: StandInBackend
    ids: list[str] = field(default_factory=list[str])
    """Of foreign events, and of instances of theirs."""
    calendars: list[str] = field(default_factory=list[str])
    codes: list[str] = field(default_factory=list[str])
    """Booking codes of other callers: each opens one booking, the one at the same place from the end of ``ids``."""
    operations: list[str] = field(default_factory=list[str])
    """Keys of other callers' operations: whoever knows the caller and the time can make them."""
    before: dict[str, Any] = field(default_factory=dict[str, Any])

    async def fill(self) -> None:
        """Make the foreign events: the owner's, other callers', series, and some in other calendars."""
        for n in range(OTHER_CALENDARS):
            made = await self._google("POST", "/calendars", {"summary": f"{MARK}calendar{n}"})
            self.calendars.append(made.json()["id"])
        for n in range(FOREIGN - 4):
            await self._add("primary" if n % 5 else self.calendars[n % OTHER_CALENDARS], n)
        for n in range(4):
            await self._book_as_somebody_else(n)
        self.before = await self.standing()
        assert len(self.before) == FOREIGN

    async def _add(self, calendar: str, n: int) -> None:
        day, hour = 1 + n % 28, 8 + n % 9
        times: dict[str, Any] = {
            "start": {"dateTime": START.format(day=day, hour=hour), "timeZone": "Europe/Madrid"},
            "end": {"dateTime": START.format(day=day, hour=hour + 1), "timeZone": "Europe/Madrid"},
        }
        if n % 7 == 3:
            times = {"start": {"date": f"2026-12-{day:02d}"}, "end": {"date": f"2026-12-{day + 1:02d}"}}
        body = {
            # The letters of an id are a to v and figures, so that the mark is spelled otherwise in it.
            "id": f"foreign0{n:03d}", "summary": f"{MARK}title{n}", "description": f"{MARK}description{n}",
            "location": f"{MARK}place{n}", "attendees": [{"email": f"{MARK}guest{n}@example.com", "displayName": MARK}],
            "visibility": ("default", "private", "public")[n % 3],
            "extendedProperties": {"private": {"caller": f"tel:+1555{n:04d}"}},
            **times,
        }  # fmt: skip
        if n % 6 == 1:
            body["recurrence"] = ["RRULE:FREQ=WEEKLY;COUNT=4"]
        made = await self._google("POST", f"/calendars/{calendar}/events", body)
        assert made.status_code == 200, made.text
        self.ids.append(made.json()["id"])
        if "recurrence" in body:
            path = f"/calendars/{calendar}/events/{made.json()['id']}/instances"
            self.ids += [each["id"] for each in (await self._google("GET", path)).json()["items"][:2]]

    async def _book_as_somebody_else(self, n: int) -> None:
        token = self.token(call=f"victim-{n}", caller=VICTIM)
        start = f"2027-01-{10 + n}T10:00"
        key = operation_key(
            workspace="workspace-1", tool="calendar_create_event", caller=VICTIM, key_arguments={"start": start}
        )
        arguments = {
            "summary": f"{MARK}booking{n}",
            "description": f"{MARK}description",
            "start": start,
            "end": f"2027-01-{10 + n}T11:00",
        }
        meta = {"voxie/operation": key}
        data = (await self.call("calendar_create_event", arguments, token=token, meta=meta)).data
        assert "event_id" in data, data
        self.operations.append(key)
        self.ids.append(data["event_id"])
        self.codes.append(data["booking_code"])

    def token(self, **claims: Any) -> str:
        """A public call token; the attacker's unless claims say otherwise."""
        good = {"call": "attackers-call", "caller": "tel:+15550199", "role": "public", **claims}
        return self.backend.token(resource=RESOURCE, tools=" ".join(TOOLS), **good)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        token: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Said:
        """Call with a token, over the wire."""
        self.door.token = token or self.token()
        body = self.door.request("tools/call", {"name": tool, "arguments": dict(arguments)}, meta=meta)
        answer = await self.door.post(json.dumps(body), {**self.door.headers(), "mcp-name": tool})
        result = answer.json().get("result", {})
        return Said(answer.text, result.get("structuredContent") or {}, is_error=bool(result.get("isError", True)))

    async def _google(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """As the calendar's owner, over the connection of the door: a new one for each event takes longer than all else."""
        return await self.door.http.request(
            method, f"{self.world.sandbox.url}/calendar/v3{path}", json=body, headers=BEARER
        )

    def leaked(self, said: Said) -> list[str]:
        """What an answer holds of foreign events: words, ids, codes."""
        text = said.whole.lower()
        return [secret for secret in (MARK, *self.ids, *self.codes) if secret.lower() in text]

    def touched(self) -> list[str]:
        """Writes that reached Google for a foreign event, or in another calendar."""
        writes = [request for request in self.world.upstream if not request.startswith("GET")]
        return [request for request in writes if any(each in request for each in (*self.ids, *self.calendars))]

    async def standing(self) -> dict[str, Any]:
        """Every foreign event in every calendar, as Google has it now."""
        found: dict[str, Any] = {}
        for calendar in ("primary", *self.calendars):
            path = f"/calendars/{calendar}/events?showDeleted=true&maxResults=2500"
            items = (await self._google("GET", path)).json()["items"]
            found |= {f"{calendar}/{each['id']}": each for each in items if MARK in each.get("summary", MARK)}
        return found


@asynccontextmanager
async def open_strangers(state: Path) -> AsyncGenerator[Strangers]:
    """Start everything, with the foreign events in place."""
    async with open_world(state) as world, stand_in_backend(world.clock.seconds) as backend:
        backend.exchange = lambda _: (200, StandInBackend.exchanged(access_token="sandbox", scope=""))
        settings = GoogleCalendarSettings(
            _env_file=None,
            VOXIE_MODE="demo",
            VOXIE_STATE=str(state / "jwks"),
            MCP_AUTH="jwks",
            MCP_ISSUER_URL=backend.url,
            MCP_SERVICE_TOKEN=SERVICE_TOKEN,
            GOOGLE_CALENDAR_API_URL=f"{world.sandbox.url}/calendar/v3/",
            GOOGLE_CALENDAR_REQUESTS_PER_MINUTE="100000",
            **PATIENT,
        )
        async with running(create_calendar(settings, now=world.clock.seconds)) as served:
            door = Door("google-calendar", served.url, "", TOOLS[0], {})
            strangers = Strangers(world, door, backend)
            await strangers.fill()
            world.upstream.clear()
            yield strangers
            await door.http.aclose()
