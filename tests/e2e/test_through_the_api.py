"""Everything together under call tokens: an owner sets it up through the API alone, a caller books, the owner reads what happened."""

import httpx
import pytest

from tests.e2e.conftest import ACCOUNT, Installation
from tests.world import ADMIN

pytestmark = pytest.mark.needs_zapier

BOOKING = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")


async def test_an_owner_sets_it_up_a_caller_books_and_the_owner_reads_every_receipt(installed: Installation) -> None:
    agent = await installed.set_up()
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    assert spawned["room_name"].startswith(f"agent-{agent}-")
    async with installed.call(spawned["call_id"]) as maria:
        answer = await maria.says(*BOOKING)
    assert answer.startswith("It's booked: Maria Garcia, party of 4, on Tuesday, November 24th at 7 PM.")
    (event,) = await installed.world.events()
    assert "Maria Garcia" in event["summary"]
    bookings = [delivery["body"] for delivery in await installed.world.deliveries() if "booking" in delivery["body"]]
    assert [booking["name"] for booking in bookings] == ["Maria Garcia"]

    timeline = (await installed.asks("GET", f"/api/calls/{spawned['call_id']}/timeline"))["items"]
    # The call's clock stands still, so that a turn's time is only how long ago it was when it was told; ids are in order.
    told = sorted(timeline, key=lambda item: item["id"])
    said = [(item["data"]["speaker"], item["data"]["text"]) for item in told if item["kind"] == "turn"]
    assert [text for speaker, text in said if speaker == "caller"] == list(BOOKING)
    assert said[-1] == ("agent", answer)
    tools = [item["data"] for item in timeline if item["kind"] == "tool"]
    assert [tool.get("error") for tool in tools] == [None] * len(tools)
    # One turn made both, and the clock stands still in it.
    receipts = sorted((tool["receipt"] for tool in tools if "receipt" in tool), key=lambda made: made["action"])
    assert [(receipt["action"], receipt["tool"]) for receipt in receipts] == [
        ("booked", "calendar_create_event"),
        ("sent", "zapier_trigger_zap"),
    ]
    assert receipts[0]["resource_id"] == event["id"]
    assert receipts[0]["speech"] in answer
    call = await installed.asks("GET", f"/api/calls/{spawned['call_id']}")
    assert call["outcome"] == "ended"


async def test_one_probe_after_the_account_is_taken_back_a_call_offers_no_booking(installed: Installation) -> None:
    agent = await installed.set_up()
    async with httpx.AsyncClient(base_url=installed.world.sandbox.url, trust_env=False, timeout=30) as google:
        taken_back = await google.post("/_sandbox/google/grants/revoke", json={"account": ACCOUNT}, headers=ADMIN)
        assert taken_back.status_code == 200
    installed.world.clock.advance(minutes=10)
    await installed.backend.probe.check_due()
    connections = (await installed.asks("GET", "/api/connections"))["items"]
    google = next(found for found in connections if found["server"] == "google-calendar")
    assert (google["status"], bool(google["reason"])) == ("needs_reconnect", True)
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    async with installed.call(spawned["call_id"]) as maria:
        answer = await maria.says(*BOOKING)
    assert "nothing has been booked" in answer
    assert not [sent for sent in installed.world.upstream if sent.startswith("POST") and sent.endswith("/events")]


async def test_the_servers_refuse_the_tokens_of_a_call_that_has_ended(installed: Installation) -> None:
    agent = await installed.set_up()
    spawned = await installed.asks("POST", f"/api/agents/{agent}/spawn", {})
    access = await installed.backend.access(spawned["call_id"])
    await installed.asks("POST", f"/api/calls/{spawned['call_id']}/end")
    installed.world.clock.advance(seconds=30)
    for server in access.values():
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(
                server["url"],
                headers={"authorization": f"Bearer {server['token']}", "accept": "application/json, text/event-stream"},
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            )
        assert answer.status_code == 401, server["name"]
        assert "resource_metadata=" in answer.headers["www-authenticate"]
