"""The server for many workspaces: call tokens are exchanged at a stand-in backend, against Google's wire in the sandbox."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from contracts.results import ErrorKind
from mcp_servers.google_calendar.scopes import ALL
from tests.fakes.backend import SERVICE_TOKEN, StandInBackend, stand_in_backend
from tests.mcp_servers.wire import Door
from tests.world import World, open_world

RESOURCE = "http://127.0.0.1:3002/mcp"
TEN = {"start": "2026-11-24T10:00", "end": "2026-11-24T10:30"}
TOOLS = "calendar_check_availability calendar_find_slots calendar_book_slot calendar_create_event"
TODAY = "google-calendar://agenda/today"


@dataclass
class Brokered:
    """What the backend hands out, and the doors to the server."""

    world: World
    backend: StandInBackend
    connections: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """By workspace: what is exchanged for its calls."""

    def answer(self, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        workspace = jwt.decode(form["subject_token"], options={"verify_signature": False})["workspace"]
        wanted = {"access_token": "sandbox", "scope": " ".join(ALL), "connection": f"of-{workspace}"}
        return 200, self.backend.exchanged(**{**wanted, **self.connections.get(workspace, {})})

    def door(self, workspace: str, *, tools: str = TOOLS, **claims: Any) -> Door:
        named = {"workspace": workspace, "call": f"call-of-{workspace}", **claims}
        token = self.backend.token(resource=RESOURCE, tools=tools, **named)
        assert self.world.calendar is not None
        return Door("google-calendar", self.world.calendar.url, token, "calendar_check_availability", TEN)

    async def call(self, workspace: str, tool: str, arguments: Mapping[str, Any], **claims: Any) -> dict[str, Any]:
        door = self.door(workspace, **claims)
        try:
            return (await door.call(arguments, tool=tool))["structuredContent"]
        finally:
            await door.http.aclose()


@asynccontextmanager
async def brokered(state: Path) -> AsyncGenerator[Brokered]:
    async with open_world(state) as world, stand_in_backend(world.clock.seconds) as backend:
        assert world.calendar is not None
        await world.calendar.stop()
        world.calendar_settings |= {
            "GOOGLE_CALENDAR_ACCESS_TOKEN": None,
            "MCP_SERVER_TOKEN": None,
            "MCP_AUTH": "jwks",
            "MCP_ISSUER_URL": backend.url,
            "MCP_SERVICE_TOKEN": SERVICE_TOKEN,
        }
        await world.start_calendar()
        opened = Brokered(world, backend)
        backend.exchange = opened.answer
        yield opened


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Brokered]:
    async with brokered(tmp_path) as opened:
        yield opened


async def test_a_call_books_in_the_account_that_its_workspace_connected(served: Brokered) -> None:
    booked = await served.call("one", "calendar_book_slot", {**TEN, "summary": "Maria"})
    assert booked["state"] == "booked"
    assert [event["id"] for event in await served.world.events()] == [booked["event_id"]]
    assert {form["resource"] for form in served.backend.exchanges} == {RESOURCE}


async def test_rules_are_those_that_the_owner_of_each_connection_set(served: Brokered) -> None:
    monday = {"week": {"monday": [{"opens": "09:00", "closes": "17:00"}]}}
    served.connections = {
        "strict": {"settings": {"hours": monday, "send_updates": "none"}},
        "roomy": {"settings": {"capacity": 2, "buffer_minutes": 15}},
    }
    closed = await served.call("strict", "calendar_book_slot", {**TEN, "summary": "Maria"})
    assert (closed["kind"], closed["speech"]) == ("bad_request", "We're closed then. When else would suit you?")
    for person in ("Tom", "Ann"):
        answer = await served.call(
            "roomy", "calendar_book_slot", {**TEN, "summary": person}, caller=f"user:{person}", call=person
        )
        assert answer.get("state") == "booked", answer
    third = {"start": "2026-11-24T10:40", "end": "2026-11-24T11:00"}
    assert (await served.call("roomy", "calendar_check_availability", third))["available"] is False
    on_monday = {"start": "2026-11-30T10:00", "end": "2026-11-30T10:30", "summary": "Maria"}
    assert (await served.call("strict", "calendar_book_slot", on_monday))["state"] == "booked"
    inserted = [request for request in served.world.asked if request.startswith("POST /calendar")]
    assert ["sendUpdates=none" in request for request in inserted] == [False, False, True]


async def test_a_connection_may_work_on_another_calendar_of_its_account(served: Brokered) -> None:
    made = await served.world.google("POST", "/calendars", {"summary": "Bookings", "timeZone": "Asia/Tokyo"})
    calendar = made.json()["id"]
    served.connections = {"one": {"settings": {"calendar_id": calendar}}}
    booked = await served.call("one", "calendar_book_slot", {**TEN, "summary": "Maria"})
    assert booked["start"] == "2026-11-24T10:00:00+09:00"
    assert await served.world.events() == []


async def test_settings_that_cannot_be_are_named_and_nothing_is_guessed(served: Brokered) -> None:
    served.connections = {"one": {"settings": {"capacity": "many"}}}
    answer = await served.call("one", "calendar_book_slot", {**TEN, "summary": "Maria"})
    assert answer["kind"] == ErrorKind.UNAVAILABLE
    assert "capacity" in answer["error"]
    assert served.world.upstream == []


async def test_a_token_that_google_refuses_is_exchanged_once_for_another(served: Brokered) -> None:
    served.connections = {"one": {"access_token": "revoked-yesterday"}}
    good = served.answer

    def renewing(form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        if form.get("refused_token") == "revoked-yesterday":
            served.connections = {}
        return good(form)

    served.backend.exchange = renewing
    answer = await served.call("one", "calendar_check_availability", TEN)
    assert answer["available"] is True
    refused = [form.get("refused_token") for form in served.backend.exchanges]
    assert refused == [None, "revoked-yesterday"]


async def test_a_token_that_stays_refused_needs_the_owner(served: Brokered) -> None:
    served.connections = {"one": {"access_token": "revoked"}}
    answer = await served.call("one", "calendar_check_availability", TEN)
    assert answer["kind"] == ErrorKind.NEEDS_RECONNECT
    assert len(served.backend.exchanges) == 2


async def test_a_scope_that_was_not_granted_is_named(served: Brokered) -> None:
    served.connections = {"one": {"scope": f"{ALL[0]} {ALL[2]}"}}
    answer = await served.call("one", "calendar_check_availability", TEN)
    assert (answer["kind"], "calendar.freebusy" in answer["error"]) == (ErrorKind.NEEDS_RECONNECT, True)
    assert served.world.upstream == []


async def test_what_one_workspace_holds_does_not_stand_in_anothers_way(served: Brokered) -> None:
    assert (await served.call("one", "calendar_book_slot", TEN))["state"] == "held"
    assert (await served.call("one", "calendar_book_slot", TEN, call="another"))["kind"] == ErrorKind.CONFLICT
    assert (await served.call("two", "calendar_book_slot", TEN))["state"] == "held"


@pytest.mark.parametrize(
    ("claims", "opens"),
    [
        ({"role": "owner", "tools": "calendar_list_events"}, True),
        ({"role": "owner", "tools": TOOLS}, False),
        ({"role": "public", "tools": "calendar_list_events"}, False),
    ],
    ids=["owner", "owner-without-the-list", "caller"],
)
async def test_the_agenda_opens_to_an_owners_token_that_grants_the_list(
    served: Brokered, claims: dict[str, Any], *, opens: bool
) -> None:
    door = served.door("one", **claims)
    body = door.request("resources/read", {"uri": TODAY})
    answer = await door.post(json.dumps(body), {**door.headers("resources/read"), "mcp-name": TODAY})
    await door.http.aclose()
    assert (answer.status_code == 200 and "result" in answer.json()) is opens
    assert bool(served.world.upstream) is opens
