"""Through the API alone, with the sandbox as Google and Zapier: connect, call, lose the access, and be told so."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    TOKEN_PATH,
    ExchangedToken,
)
from tests.backend.served import MCP_SERVICE_TOKEN, Backend, connect_google, serve_backend
from tests.clock import Clock
from tests.running import RunningApp, running

ADMIN = {"x-sandbox-admin": "1"}
CALENDAR, ZAPIER = "http://127.0.0.1:3002/mcp", "http://127.0.0.1:3001/mcp"
HOOK = "/hooks/catch/100001/canary-hook-code/"


@pytest_asyncio.fixture(loop_scope="module")
async def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncGenerator[RunningApp]:
    from sandbox.app import create_app
    from sandbox.settings import SandboxSettings

    settings = SandboxSettings(_env_file=None, state=tmp_path / "sandbox", zone="Europe/Madrid")
    async with running(create_app(settings, now=clock.now)) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def backend(tmp_path: Path, clock: Clock, sandbox: RunningApp) -> AsyncGenerator[Backend]:
    async with serve_backend(tmp_path / "backend", clock=clock, BACKEND_SANDBOX_URL=sandbox.url) as served:
        yield served


async def exchange(backend: Backend, access: dict[str, Any], resource: str, wanted: str) -> httpx.Response:
    form = {
        "grant_type": TOKEN_EXCHANGE_GRANT, "subject_token": access["token"], "subject_token_type": SUBJECT_TOKEN_TYPE,
        "resource": resource, "requested_token_type": wanted,
    }  # fmt: skip
    headers = {"authorization": f"Bearer {MCP_SERVICE_TOKEN}"}
    async with httpx.AsyncClient(base_url=backend.app.url, trust_env=False, timeout=30) as server:
        return await server.post(TOKEN_PATH, data=form, headers=headers)


@pytest.mark.needs_zapier
async def test_connect_call_revoke_and_the_next_call_offers_no_booking(
    backend: Backend, sandbox: RunningApp, clock: Clock
) -> None:
    connected = await connect_google(backend.api)
    assert connected.status_code == 200, connected.text
    new_hook = {
        "server": "zapier", "name": "restaurant_reservation", "url": sandbox.url + HOOK, "key_fields": ["booking"],
    }  # fmt: skip
    await backend.post("/api/connections/hooks", new_hook, expect=201)

    # A call's servers get what was connected, and it works at the vendors.
    access = await backend.access(await backend.start_call())
    answer = await exchange(backend, access["google-calendar"], CALENDAR, ACCESS_TOKEN_TYPE)
    token = ExchangedToken.model_validate_json(answer.content).access_token.get_secret_value()
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, timeout=30) as vendor:
        events = await vendor.get("/calendar/v3/calendars/primary/events", headers={"authorization": f"Bearer {token}"})
        assert events.status_code == 200, events.text
        delivered = (await vendor.get("/_sandbox/zapier/deliveries")).json()
        assert delivered[0]["body"]["voxie_test"] is True
        hooks = await exchange(backend, access["zapier"], ZAPIER, HOOKS_TOKEN_TYPE)
        assert ExchangedToken.model_validate_json(hooks.content).hooks["restaurant_reservation"].key_fields == (
            "booking",
        )

        # The owner of the account takes it back at Google: one probe later it is known, and no call is offered it.
        revoked = await vendor.post(
            "/_sandbox/google/grants/revoke", json={"account": "demo@sandbox.example"}, headers=ADMIN
        )
        assert revoked.status_code == 200, revoked.text
    clock.advance(minutes=10)
    await backend.probe.check_due()
    google = next(
        found for found in (await backend.get("/api/connections"))["items"] if found["server"] == "google-calendar"
    )
    assert google["status"] == "needs_reconnect"
    assert google["reason"]
    assert google["reconnect_url"].startswith(backend.app.url)
    assert set(await backend.access(await backend.start_call())) == {"zapier"}

    # Connected again, it is offered again.
    assert (await connect_google(backend.api)).status_code == 200
    assert set(await backend.access(await backend.start_call())) == {"google-calendar", "zapier"}


async def test_a_box_that_is_left_unticked_at_the_sandbox_is_named(backend: Backend) -> None:
    scope = "https://www.googleapis.com/auth/calendar.freebusy"
    answer = await connect_google(backend.api, untick=scope)
    assert (answer.status_code, answer.json()["field"]) == (422, scope)
