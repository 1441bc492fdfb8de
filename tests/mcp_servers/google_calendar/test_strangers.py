"""A public token reads, moves and cancels none of fifty foreign events, by any tool with any argument.

The arguments are made from the tools' own published schemas; ``make soak`` makes many more.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings

from tests.mcp_servers.google_calendar.attacks import Attack, attacks
from tests.mcp_servers.google_calendar.strangers import TOOLS, VICTIM, Strangers, open_strangers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

FEW, MANY = 120, 5_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strangers(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Strangers]:
    async with open_strangers(tmp_path_factory.mktemp("strangers")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def schemas(strangers: Strangers) -> dict[str, Any]:
    """Each tool's input schema, as the server publishes it."""
    strangers.door.token = strangers.token()
    answer = (await strangers.door.send("tools/list", {})).json()
    found = {tool["name"]: tool["inputSchema"] for tool in answer["result"]["tools"]}
    assert set(found) == set(TOOLS)
    return found


async def test_no_call_of_a_public_token_shows_or_changes_a_foreign_event(
    strangers: Strangers, schemas: dict[str, Any]
) -> None:
    await attack(strangers, schemas, FEW)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_thousands_of_calls_of_a_public_token_show_and_change_nothing(
    strangers: Strangers, schemas: dict[str, Any]
) -> None:
    await attack(strangers, schemas, MANY)
    assert await strangers.standing() == strangers.before


async def test_what_is_there_answers_as_what_is_not(strangers: Strangers) -> None:
    """Otherwise ids, and with them other people's appointments, could be found by trying."""
    for tool, more in (
        ("calendar_get_event", {}),
        ("calendar_get_event", {"booking_code": "ABCDEF"}),
        ("calendar_delete_event", {}),
        ("calendar_delete_event", {"scope": "all", "booking_code": "ABCDEF"}),
        ("calendar_update_event", {"start": "2027-01-05T10:00"}),
        ("calendar_update_event", {"summary": "mine"}),
    ):
        missing = await strangers.call(tool, {"event_id": "notthere00", **more})
        assert missing.is_error
        for event_id in (strangers.ids[0], strangers.ids[1], strangers.ids[2], strangers.ids[-1]):
            said = await strangers.call(tool, {"event_id": event_id, **more})
            assert said.data == missing.data, (tool, event_id)


async def test_who_only_shows_the_number_of_a_caller_neither_cancels_nor_moves(strangers: Strangers) -> None:
    """A caller id can be forged."""
    forged = strangers.token(call="forgers-call", caller=VICTIM)
    for event_id in strangers.ids[-len(strangers.codes) :]:
        for tool, more in (
            ("calendar_delete_event", {}),
            ("calendar_delete_event", {"booking_code": "ABCDEF"}),
            ("calendar_update_event", {"start": "2027-01-05T10:00"}),
        ):
            assert (await strangers.call(tool, {"event_id": event_id, **more}, token=forged)).is_error, tool
    assert strangers.touched() == []


@pytest.mark.parametrize("day", ["2026-12-29", "2026-12-30"])
async def test_a_caller_reads_moves_and_cancels_their_own_booking_with_its_code(strangers: Strangers, day: str) -> None:
    """The control: what is refused above works for whom it is meant for."""
    booked = await strangers.call(
        "calendar_create_event", {"summary": "Our own", "start": f"{day}T20:00", "end": f"{day}T21:00"}
    )
    own: Mapping[str, Any] = {"event_id": booked.data["event_id"], "booking_code": booked.data["booking_code"]}
    later = strangers.token(call=f"another-call-{day}", caller=None)
    assert (await strangers.call("calendar_get_event", own, token=later)).data["event"]["summary"] == "Our own"
    moved = await strangers.call("calendar_update_event", {**own, "start": f"{day}T21:30"}, token=later)
    assert moved.data["receipt"]["action"] == "moved"
    assert f"{day}T21:30" in (await strangers.call("calendar_get_event", own, token=later)).data["event"]["start"]
    assert (await strangers.call("calendar_delete_event", own, token=later)).data["receipt"]["action"] == "cancelled"


async def test_at_the_end_every_foreign_event_stands_as_it_was(strangers: Strangers) -> None:
    """Runs last or not: nothing of this module may change one."""
    assert await strangers.standing() == strangers.before


async def attack(strangers: Strangers, schemas: Mapping[str, Any], times: int) -> None:
    """Many calls by a public token. Hypothesis is not asynchronous, so that it draws in a thread of its own."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=times, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(attacks(schemas, strangers))
    def each(attack: Attack) -> None:
        asyncio.run_coroutine_threadsafe(_try(strangers, attack), loop).result(timeout=60)

    await asyncio.to_thread(each)


async def _try(strangers: Strangers, attack: Attack) -> None:
    said = await strangers.call(attack.tool, attack.arguments, meta=attack.meta)
    assert strangers.leaked(said) == []
    assert strangers.touched() == []
    if attack.arguments.get("calendar") in strangers.calendars:
        assert said.is_error
