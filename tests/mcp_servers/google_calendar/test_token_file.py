"""The server alone, with the token file of the installed-app flow."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from contracts.results import ErrorKind
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
