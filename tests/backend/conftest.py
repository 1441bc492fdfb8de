"""The backend on a real socket, over its own database."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.app import create_app
from backend.db import Database
from backend.settings import BackendSettings
from tests.backend.template import migrate, put_migrated
from tests.clock import Clock
from tests.postgres import Postgres, async_url
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
        "BACKEND_CHORES": "false",
        **more,
    }
    return BackendSettings(_env_file=None, **values)


PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody who is signed in."""

    client: httpx.AsyncClient
    user: dict[str, Any]
    workspace: str


@dataclass
class Backend:
    """A running backend and a client of it that sends the service token."""

    app: Any
    url: str
    client: httpx.AsyncClient
    clock: Clock
    closing: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

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

    async def person(self, role: str = "owner", workspace: str = "demo") -> "Person":
        """Somebody of a workspace, signed in; the workspace is added when it is not there."""
        names = {"x-voxie-workspace": workspace}
        await self.client.post("/api/workspaces", json={"id": workspace, "name": workspace})
        new = {"email": f"{role}@{workspace}.test", "name": role, "password": PASSWORD, "role": role}
        await self.client.post("/api/users", json=new, headers=names)
        client = self.anonymous()
        answer = await client.post("/api/sessions", json={"email": new["email"], "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        self.closing.append(client)
        return Person(client, answer.json()["user"], workspace)

    async def key(self, *scopes: str, workspace: str = "demo") -> httpx.AsyncClient:
        """A program of a workspace."""
        body = {"name": "a program", "scopes": list(scopes)}
        made = await self.post("/api/keys", body, headers={"x-voxie-workspace": workspace})
        client = self.anonymous(authorization=f"Bearer {made['secret']}")
        self.closing.append(client)
        return client

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        """A client without a credential; close it by ``async with``."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60)


@asynccontextmanager
async def open_backend(state: Path, *, clock: Clock | None = None, **more: Any) -> AsyncGenerator[Backend]:
    """A backend for as long as the block lasts."""
    clock = clock or Clock()
    if "DATABASE_URL" not in more:
        put_migrated(state)
    app = create_app(settings_for(state, **more), now=clock.now)
    async with (
        running(app) as served,
        httpx.AsyncClient(base_url=served.url, headers=AS_SERVICE, trust_env=False, timeout=60) as client,
    ):
        backend = Backend(app, served.url, client, clock)
        yield backend
        for opened in backend.closing:
            await opened.aclose()


@dataclass(frozen=True)
class MigratedPostgres:
    """A server, and the name of such a database on it."""

    server: Postgres
    template: str

    def new_database(self) -> str:
        """A copy; its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.server.execute(f"create database {name} template {self.template}")
        return self.server.url(name)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: Postgres) -> MigratedPostgres:
    """Such a database on PostgreSQL, one for each process of this run: PostgreSQL copies only what nobody uses."""
    url = postgres_server.new_database()
    asyncio.run(migrate(async_url(url)))
    return MigratedPostgres(postgres_server, url.rsplit("/", 1)[1])


ON_BOTH = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)], indirect=True
)
"""For modules whose tests run on SQLite and on PostgreSQL."""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on; SQLite unless its module says ``ON_BOTH``."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def database_settings(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The setting that leads to a migrated database of this test's own."""
    if kind == "sqlite":
        return {}
    migrated: MigratedPostgres = request.getfixturevalue("migrated_postgres")
    return {"DATABASE_URL": migrated.new_database()}


OpenBackend = Callable[..., Awaitable[Backend]]


@pytest.fixture
async def opened(tmp_path: Path, database_settings: dict[str, str]) -> AsyncGenerator[OpenBackend]:
    """Opens backends with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def _open(**more: Any) -> Backend:
            return await stack.enter_async_context(open_backend(tmp_path, **database_settings, **more))

        yield _open


@pytest.fixture
async def backend(opened: OpenBackend) -> Backend:
    """A backend in demo mode."""
    return await opened()
