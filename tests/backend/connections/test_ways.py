"""Connecting hooks, keys and clients: tried at the vendor before they are saved."""

from typing import Any

import pytest

from backend.connections.vendors import Vendors
from backend.errors import ApiError
from contracts.manifest import Manifest
from tests.backend.connections.conftest import Shop
from tests.fakes.oauth_vendor import GOOD_KEY, GOOD_SECRET

pytestmark = pytest.mark.needs_zapier


async def test_a_hook_is_saved_after_its_test_delivery(shop: Shop) -> None:
    answer = await shop.connect_hook()
    assert answer.status_code == 201, answer.text
    assert shop.vendor.delivered == [{"voxie_test": True, "booking": "test"}]
    assert answer.json()["details"]["key_fields"] == ["booking"]
    assert "canary" not in answer.text


async def test_a_hook_that_refuses_the_test_delivery_is_not_saved(shop: Shop) -> None:
    shop.vendor.hook_status = 404
    answer = await shop.connect_hook()
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "credential_refused", "url")
    assert await shop.connections() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"url": "http://127.0.0.1:9/hooks/catch/1/x/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "not a url"}, "url"),
        ({"url": "http://["}, "url"),
        ({"url": "https://hooks.zapier.com@127.0.0.1/hooks/catch/1/x/"}, "url"),
        ({"name": "Has Spaces"}, "name"),
        ({"payload_schema": {"type": "nonsense"}}, "payload_schema"),
        ({"payload_schema": {"type": "array"}}, "payload_schema"),
        ({"payload_schema": {"properties": {"a": {"$ref": "http://169.254.169.254/"}}}}, "payload_schema"),
        ({"payload_schema": {"properties": {"a": {"$dynamicRef": "http://169.254.169.254/"}}}}, "payload_schema"),
        ({"payload_schema": {"properties": {"a": {"enum": ["x" * 20_000]}}}}, "payload_schema"),
        ({"payload_schema": {"properties": 5}}, "payload_schema"),
        ({"key_fields": ["elsewhere"]}, "key_fields"),
        ({"test_payload": {"booking": 5}}, "test_payload"),
    ],
)
async def test_a_wrong_hook_names_the_field_and_reaches_nobody(shop: Shop, changed: dict[str, Any], field: str) -> None:
    answer = await shop.connect_hook(**changed)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert shop.vendor.delivered == []
    assert await shop.connections() == []


async def test_a_key_is_tried_before_it_is_saved(shop: Shop) -> None:
    refused = await shop.backend.api.post("/api/connections/keys", json={"server": "zapier", "api_key": "canary-bad"})
    assert (refused.status_code, refused.json()["code"]) == (422, "credential_refused")
    assert "canary" not in refused.text
    saved = await shop.backend.api.post("/api/connections/keys", json={"server": "zapier", "api_key": GOOD_KEY})
    assert saved.status_code == 201
    assert [found["way"] for found in await shop.connections()] == ["api_key"]


async def test_a_client_is_exchanged_before_it_is_saved(shop: Shop) -> None:
    new = {"server": "zapier", "client_id": "client-1", "client_secret": "canary-bad"}
    refused = await shop.backend.api.post("/api/connections/clients", json=new)
    assert (refused.status_code, refused.json()["field"]) == (422, "client_secret")
    saved = await shop.backend.api.post("/api/connections/clients", json={**new, "client_secret": GOOD_SECRET})
    assert saved.status_code == 201, saved.text
    assert saved.json()["account"] == "client-1"


async def test_what_can_be_connected_comes_from_the_manifests(shop: Shop) -> None:
    servers = (await shop.backend.get("/api/connections/available"))["items"]
    ways = {server["server"]: server["ways"] for server in servers}
    assert ways == {"google-calendar": ["oauth"], "zapier": ["oauth", "hooks", "api_key", "client_credentials"]}


@pytest.mark.parametrize(
    ("path", "more"),
    [("hooks", {"name": "x", "url": "https://hooks.example/x"}), ("keys", {"api_key": "x"}),
     ("clients", {"client_id": "x", "client_secret": "x"})],
)  # fmt: skip
async def test_a_way_that_an_integration_has_not_is_refused_with_those_that_it_has(
    shop: Shop, path: str, more: dict[str, str]
) -> None:
    body = {"server": "google-calendar", **more}
    answer = await shop.backend.api.post(f"/api/connections/{path}", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", "server")
    assert answer.json()["message"].endswith("; connect it by oauth")


def test_an_integration_without_oauth_is_not_connected_by_it() -> None:
    declared = {
        "name": "keyed",
        "title": "Keyed",
        "description": "d",
        "category": "example",
        "credentials": ["api_key"],
    }
    service = {"port": 3999, "url_variable": "MCP_KEYED_URL", "resource": "http://127.0.0.1:3999/mcp"}
    proof = {"url": "https://api.keyed.example/me"}
    keyed = Manifest.model_validate({**declared, "service": service, "api_key": {"proof": proof}})
    vendor = Vendors([keyed], sandbox=None, clients={})["keyed"]
    with pytest.raises(ApiError) as refused:
        _ = vendor.oauth
    assert (refused.value.status, refused.value.body.field) == (422, "server")
    assert refused.value.body.message == "keyed is not connected by oauth; connect it by api_key"


async def test_removing_a_connection_ends_the_access_at_the_vendor_too(shop: Shop) -> None:
    connection = await shop.connect()
    await shop.backend.delete(f"/api/connections/{connection['id']}")
    assert await shop.connections() == []
    assert len(shop.vendor.revoked) == 1
    await shop.backend.delete(f"/api/connections/{connection['id']}", expect=404)


async def test_everything_needs_a_credential(shop: Shop) -> None:
    headers = {"authorization": "Bearer wrong"}
    for method, path in (("GET", ""), ("GET", "/available"), ("POST", "/oauth"), ("POST", "/keys"), ("DELETE", "/x")):
        answer = await shop.backend.api.request(method, f"/api/connections{path}", headers=headers)
        assert answer.status_code == 401, (method, path)
