"""The server alone, with the token file of the installed-app flow."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from contracts.results import ErrorKind
from mcp_servers.google_calendar.token_file import FileCredentials
from mcp_servers.shared.errors import Unavailable
from mcp_servers.shared.http import Outbound
from tests.clock import Clock
from tests.patience import SECONDS
from tests.world import World, open_world

WINDOW = {"start": "2026-11-24T19:00", "end": "2026-11-24T20:30"}


@asynccontextmanager
async def alone(state: Path, **stored: Any) -> AsyncGenerator[tuple[World, Path]]:
    """A world whose calendar server has a token file instead of a bearer."""
    async with open_world(state) as world:
        assert world.calendar is not None
        await world.calendar.stop()
        path = state / "token.json"
        content = {
            "refresh_token": "sandbox-refresh",
            "client_id": "id",
            "client_secret": "secret",
            "token_uri": f"{world.sandbox.url}/token",
            "kept": "what other programs wrote",
            **stored,
        }
        path.write_text(json.dumps(content))
        world.calendar_settings |= {"GOOGLE_CALENDAR_ACCESS_TOKEN": None, "GOOGLE_CALENDAR_TOKEN_PATH": str(path)}
        await world.start_calendar()
        yield world, path


async def check(world: World) -> str:
    answer = await world.call("calendar_check_availability", **WINDOW)
    return answer.failure.kind.value if answer.failure else "ok"


def refreshes(world: World) -> int:
    return world.upstream.count("POST /token")


async def test_a_token_is_fetched_once_for_many_who_need_it_and_kept_for_its_life(tmp_path: Path) -> None:
    async with alone(tmp_path) as (world, path):
        assert set(await asyncio.gather(*(check(world) for _ in range(6)))) == {"ok"}
        assert refreshes(world) == 1
        world.clock.advance(minutes=30)
        assert await check(world) == "ok"
        assert refreshes(world) == 1
        world.clock.advance(minutes=30)
        assert await check(world) == "ok"
        assert refreshes(world) == 2
        saved = json.loads(path.read_text())
        assert saved["kept"] == "what other programs wrote"
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_token_that_google_refuses_is_refreshed_once(tmp_path: Path) -> None:
    expires = 4_000_000_000.0
    async with alone(tmp_path, token="revoked-yesterday", expires_at=expires) as (world, _):
        assert await check(world) == "ok"
        assert refreshes(world) == 1


async def test_a_rotated_refresh_token_is_on_disk_before_it_is_needed(tmp_path: Path) -> None:
    async with alone(tmp_path) as (world, path):
        rotated = {"access_token": "sandbox", "expires_in": 3599, "refresh_token": "rotated"}
        await world.fault("POST /token", status=200, body=rotated)
        assert await check(world) == "ok"
        assert json.loads(path.read_text())["refresh_token"] == "rotated"


async def test_a_revoked_grant_asks_for_the_owner_and_names_the_command(tmp_path: Path) -> None:
    async with alone(tmp_path, refresh_token="revoked") as (world, _):
        answer = await world.call("calendar_check_availability", **WINDOW)
        assert answer.failure is not None
        assert answer.failure.kind is ErrorKind.NEEDS_RECONNECT
        assert "voxie connect google" in answer.failure.error
        assert "revoked" not in str(answer.data)


async def test_a_token_endpoint_that_is_down_is_a_passing_trouble(tmp_path: Path) -> None:
    async with alone(tmp_path) as (world, _):
        await world.fault("POST /token", status=503, times=10)
        assert await check(world) == ErrorKind.UNAVAILABLE
    async with alone(tmp_path) as (world, _):
        await world.fault("POST /token", status=503)
        assert await check(world) == "ok"


URI = "https://oauth2.googleapis.com/token"


@asynccontextmanager
async def of_file(folder: Path) -> AsyncGenerator[FileCredentials]:
    path = folder / "token.json"
    path.write_text(json.dumps({"refresh_token": "first", "client_id": "id", "client_secret": "s", "token_uri": URI}))
    outbound = Outbound.open()
    credentials = FileCredentials(path, outbound, now=Clock().seconds, live=True)
    yield credentials
    await credentials.aclose()
    await outbound.aclose()


@respx.mock
async def test_a_caller_who_hangs_up_while_the_refresh_token_rotates_loses_it_for_nobody(tmp_path: Path) -> None:
    asked, answers, good = asyncio.Event(), asyncio.Event(), ["first"]

    async def rotate(request: httpx.Request) -> httpx.Response:
        if f"refresh_token={good[-1]}&" not in request.content.decode():
            return httpx.Response(400, json={"error": "invalid_grant"})
        good.append(f"rotated-{len(good)}")
        asked.set()
        await answers.wait()
        return httpx.Response(200, json={"access_token": "new", "expires_in": 3599, "refresh_token": good[-1]})

    respx.post(URI).mock(side_effect=rotate)
    async with of_file(tmp_path) as credentials:
        caller = asyncio.create_task(credentials.access_token(None))
        await asyncio.wait_for(asked.wait(), SECONDS)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        answers.set()
        assert await credentials.access_token(None) == "new"
        assert await credentials.access_token(None, refused="new") == "new"
    assert good == ["first", "rotated-1", "rotated-2"]
    assert json.loads((tmp_path / "token.json").read_text())["refresh_token"] == "rotated-2"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<h1>Sign in to this network</h1>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": ""}),
        httpx.Response(400, json=["no"]),
    ],
)
@respx.mock
async def test_what_is_no_answer_of_a_token_endpoint_is_a_passing_trouble(
    tmp_path: Path, answer: httpx.Response
) -> None:
    respx.post(URI).mock(return_value=answer)
    async with of_file(tmp_path) as credentials:
        with pytest.raises(Unavailable):
            await credentials.access_token(None)
