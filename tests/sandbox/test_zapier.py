"""The sandbox's Zapier, asked over a real socket as Zapier is."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import create_app
from sandbox.settings import SandboxSettings
from tests.clock import Clock
from tests.running import running

pytestmark = pytest.mark.needs_zapier

BEARER = {"authorization": "Bearer sandbox"}
ADMIN = {"x-sandbox-admin": "1"}


@pytest.fixture
async def zapier(tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    settings = SandboxSettings(_env_file=None, state=tmp_path, zone="UTC")
    async with (
        running(create_app(settings, now=Clock().now)) as app,
        httpx.AsyncClient(base_url=app.url, trust_env=False) as client,
    ):
        yield client


async def arrived(zapier: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await zapier.get("/_sandbox/zapier/deliveries")).json()


@pytest.mark.parametrize("path", ["/hooks/catch/1/anything/", "/hooks/catch/1/anything"])
async def test_a_hook_answers_three_equal_ids_whether_or_not_a_zap_is_behind_it(
    zapier: httpx.AsyncClient, path: str
) -> None:
    answer = await zapier.post(path, json={"a": 1})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["attempt", "id", "request_id", "status"]
    assert body["attempt"] == body["id"] == body["request_id"]
    assert body["status"] == "success"


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"json": {"a": 1}}, {"a": 1, "querystring": {}}),
        ({"data": {"a": "1"}}, {"a": "1", "querystring": {}}),
        ({"params": {"q": "1"}}, {"querystring": {"q": "1"}}),
        ({"content": b"{broken"}, {"raw": "{broken", "querystring": {}}),
        ({"json": [1, 2]}, [1, 2]),
        ({}, {"querystring": {}}),
    ],
    ids=["json", "form", "query", "not-json", "list", "empty-ping"],
)
async def test_a_delivery_is_kept_as_the_zap_would_get_it(
    zapier: httpx.AsyncClient, request_: dict[str, Any], body: Any
) -> None:
    assert (await zapier.post("/hooks/catch/7/mine/", **request_)).status_code == 200
    (delivery,) = await arrived(zapier)
    assert (delivery["account"], delivery["hook"], delivery["body"]) == ("7", "mine", body)
    assert delivery["received_at"].startswith("2026-11-23T09:00:00")


async def test_a_payload_over_ten_megabytes_is_refused(zapier: httpx.AsyncClient) -> None:
    answer = await zapier.post("/hooks/catch/1/x/", content=b'"' + b"x" * (10 * 1024 * 1024) + b'"')
    assert answer.status_code == 413
    assert await arrived(zapier) == []


async def test_a_reset_forgets_the_deliveries(zapier: httpx.AsyncClient) -> None:
    await zapier.post("/hooks/catch/1/x/", json={})
    assert (await zapier.post("/_sandbox/reset", headers=ADMIN)).status_code == 200
    assert await arrived(zapier) == []


async def test_zaps_come_in_pages_whose_links_lead_on(zapier: httpx.AsyncClient) -> None:
    first = (await zapier.get("/v2/zaps", params={"limit": 1}, headers=BEARER)).json()
    assert first["meta"] == {"count": 2, "limit": 1, "offset": 0}
    assert [zap["title"] for zap in first["data"]] == ["Restaurant reservation"]
    following = httpx.URL(first["links"]["next"])
    second = (await zapier.get("/v2/zaps", params=following.params, headers=BEARER)).json()
    assert [zap["title"] for zap in second["data"]] == ["Weekly summary"]
    assert second["links"]["next"] is None


@pytest.mark.parametrize(
    ("headers", "status", "enveloped"),
    [({}, 403, False), ({"authorization": "Basic x"}, 403, False), ({"authorization": "Bearer wrong"}, 401, True)],
)
async def test_a_wrong_credential_is_refused_in_both_error_shapes(
    zapier: httpx.AsyncClient, headers: dict[str, str], status: int, enveloped: bool
) -> None:
    answer = await zapier.get("/v2/zaps", headers=headers)
    assert answer.status_code == status
    assert ("errors" in answer.json()) is enveloped
    assert ("code" in answer.json()) is not enveloped


@pytest.mark.parametrize("limit", ["x", "-1"])
async def test_a_malformed_page_is_a_parse_error(zapier: httpx.AsyncClient, limit: str) -> None:
    answer = await zapier.get("/v2/zaps", params={"limit": limit}, headers=BEARER)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "parse_error"
