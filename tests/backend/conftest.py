"""The backend on a real socket, over its own database."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.app import create_app
from backend.db import Database
from backend.settings import BackendSettings
from tests.clock import Clock
from tests.running import running

SERVICE_TOKEN = "a-service-token-for-tests"
MCP_TOKEN = "a-static-bearer-for-tests"
AS_SERVICE = {"authorization": f"Bearer {SERVICE_TOKEN}"}


def settings_for(state: Path, **more: Any) -> BackendSettings:
    """Settings that read nothing of this machine."""
    values = {
        "VOXIE_MODE": "demo",
        "VOXIE_STATE": str(state),
        "BACKEND_SERVICE_TOKEN": SERVICE_TOKEN,
        "MCP_SERVER_TOKEN": MCP_TOKEN,
        **more,
    }
    return BackendSettings(_env_file=None, **values)


@dataclass
class Backend:
    """A running backend and a client of it that sends the service token."""

    app: Any
    url: str
    client: httpx.AsyncClient
    clock: Clock

    @property
    def database(self) -> Database:
        return self.app.state.database

    async def get(self, path: str, **more: Any) -> Any:
        return self._checked(await self.client.get(path, **more))

    async def post(self, path: str, json: Any = None, **more: Any) -> Any:
        return self._checked(await self.client.post(path, json=json, **more))

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        """A client without a credential; close it by ``async with``."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=10)


@asynccontextmanager
async def open_backend(state: Path, *, clock: Clock | None = None, **more: Any) -> AsyncGenerator[Backend]:
    """A backend for as long as the block lasts."""
    clock = clock or Clock()
    app = create_app(settings_for(state, **more), now=clock.now)
    async with (
        running(app) as served,
        httpx.AsyncClient(base_url=served.url, headers=AS_SERVICE, trust_env=False, timeout=10) as client,
    ):
        yield Backend(app, served.url, client, clock)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table and no row, made once."""
    path = tmp_path_factory.mktemp("migrated") / "backend.sqlite3"

    async def _make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.migrate()
        await database.aclose()

    asyncio.run(_make())
    return path


OpenBackend = Callable[..., Awaitable[Backend]]


@pytest.fixture
async def opened(tmp_path: Path, migrated: Path) -> AsyncGenerator[OpenBackend]:
    """Opens backends with settings of the test's own."""
    shutil.copy(migrated, tmp_path)
    async with AsyncExitStack() as stack:

        async def _open(**more: Any) -> Backend:
            return await stack.enter_async_context(open_backend(tmp_path, **more))

        yield _open


@pytest.fixture
async def backend(opened: OpenBackend) -> Backend:
    """A backend in demo mode."""
    return await opened()
