"""What an owner sets for a connection: checked by the manifest, kept, and brought to the server by the broker."""

from typing import Any

import pytest

from tests.backend.broker.conftest import shop as shop
from tests.backend.broker.exchanges import call_token, exchanged
from tests.backend.connections.conftest import Shop

GOOD: dict[str, Any] = {
    "hours": {"week": {"monday": [{"opens": "09:00", "closes": "17:00"}]}},
    "capacity": 12,
    "buffer_minutes": 15,
    "notice_minutes": 60,
    "send_updates": "none",
    "calendar_id": "bookings@group.calendar.google.com",
}


async def put(shop: Shop, connection: str, settings: dict[str, Any]) -> Any:
    return await shop.backend.api.put(f"/api/connections/{connection}/settings", json={"settings": settings})


async def test_they_are_kept_shown_brought_to_the_server_and_outlive_a_new_consent(shop: Shop) -> None:
    connection = (await shop.connect())["id"]
    answer = await put(shop, connection, GOOD)
    assert answer.status_code == 200, answer.text
    shown = answer.json()["settings"]
    assert {name: shown[name] for name in GOOD if name != "hours"} == {n: GOOD[n] for n in GOOD if n != "hours"}
    assert shown["hours"]["week"]["monday"] == [{"opens": "09:00:00", "closes": "17:00:00"}]
    again = await shop.connect()
    assert again["settings"] == shown
    token = await exchanged(shop.backend, await call_token(shop.backend))
    assert token.settings == shown


async def test_they_take_the_place_of_what_was_set_and_null_unsets(shop: Shop) -> None:
    connection = (await shop.connect())["id"]
    await put(shop, connection, GOOD)
    answer = await put(shop, connection, {"capacity": 3, "hours": None})
    assert answer.json()["settings"] == {"capacity": 3}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"capacity": "3"}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"send_updates": "some"}, "send_updates"),
        ({"send_updates": ["all"]}, "send_updates"),
        ({"calendar_id": " "}, "calendar_id"),
        ({"calendar_id": "x" * 300}, "calendar_id"),
        ({"hours": {"week": {"someday": []}}}, "hours"),
        ({"hours": "9 to 5"}, "hours"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_is_named_and_changes_nothing(shop: Shop, settings: dict[str, Any], field: str) -> None:
    connection = (await shop.connect())["id"]
    await put(shop, connection, {"capacity": 2})
    answer = await put(shop, connection, {"notice_minutes": 5, **settings})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await shop.connections())[0]["settings"] == {"capacity": 2}


async def test_what_can_be_set_is_listed_with_its_kind(shop: Shop) -> None:
    servers = (await shop.backend.get("/api/connections/available"))["items"]
    (calendar,) = [server for server in servers if server["server"] == "google-calendar"]
    assert {setting["name"]: setting["type"] for setting in calendar["settings"]} == {
        "calendar_id": "text",
        "hours": "hours",
        "capacity": "number",
        "buffer_minutes": "number",
        "notice_minutes": "number",
        "send_updates": "choice",
    }


async def test_another_workspace_neither_sets_nor_sees_them(shop: Shop) -> None:
    connection = (await shop.connect())["id"]
    await put(shop, connection, {"capacity": 2})
    stranger = {"x-voxie-workspace": "second"}
    path, body = f"/api/connections/{connection}/settings", {"settings": {"capacity": 9}}
    assert (await shop.backend.api.put(path, json=body, headers=stranger)).status_code == 404
    assert (await shop.backend.api.put("/api/connections/nobodys/settings", json=body)).status_code == 404
    assert (await shop.connections())[0]["settings"] == {"capacity": 2}
