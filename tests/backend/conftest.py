"""The backend on a real socket, over its own database."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from pytest_asyncio import is_async_test

from backend.app import create_app
from backend.db import Base, Database
from backend.settings import BackendSettings
from tests.backend.template import FILE, migrate, put_migrated
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
async def open_backend(
    state: Path, *, clock: Clock | None = None, database: Database | None = None, **more: Any
) -> AsyncGenerator[Backend]:
    """A backend for as long as the block lasts, on a database of its own unless one is given."""
    clock = clock or Clock()
    if database is None:
        put_migrated(state)
    app = create_app(settings_for(state, **more), now=clock.now, prepared=database)
    async with (
        running(app) as served,
        httpx.AsyncClient(base_url=served.url, headers=AS_SERVICE, trust_env=False, timeout=60) as client,
    ):
        backend = Backend(app, served.url, client, clock)
        yield backend
        for opened in backend.closing:
            await opened.aclose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module run on one event loop, as the databases do that they share."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: Postgres) -> Callable[[], str]:
    """Makes databases with every table and no row on PostgreSQL, and tells their URLs."""
    # One to copy for each process of this run: PostgreSQL copies only what nobody uses.
    url = postgres_server.new_database()
    migrate(async_url(url))
    return partial(postgres_server.new_database, url.rsplit("/", 1)[1])


ON_BOTH = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)], indirect=True
)
"""For modules whose tests run on SQLite and on PostgreSQL."""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on; SQLite unless its module says ``ON_BOTH``."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="module")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Makes migrated databases of either kind, and tells their URLs."""

    def _new(kind: str) -> str:
        if kind == "postgres":
            return async_url(request.getfixturevalue("migrated_postgres")())
        state = tmp_path_factory.mktemp("database")
        put_migrated(state)
        return f"sqlite+aiosqlite:///{state / FILE}"

    return _new


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_databases(new_database: Callable[[str], str]) -> AsyncGenerator[Callable[[str], Database]]:
    """Opens a module's database of either kind, once."""
    opened: dict[str, Database] = {}

    def _open(kind: str) -> Database:
        if kind not in opened:
            opened[kind] = Database(new_database(kind))
        return opened[kind]

    yield _open
    for database in opened.values():
        await database.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def database(kind: str, lasting_databases: Callable[[str], Database]) -> Database:
    """A migrated database with no row in it: four times faster than a new one, whose every statement would be compiled anew."""
    found = lasting_databases(kind)
    async with found.unscoped("a test begins with nothing") as session:
        for table in reversed(Base.metadata.sorted_tables):
            await session.execute(sa.delete(table))
    return found


OpenBackend = Callable[..., Awaitable[Backend]]


@pytest_asyncio.fixture(loop_scope="module")
async def opened(tmp_path: Path, database: Database) -> AsyncGenerator[OpenBackend]:
    """Opens backends with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def _open(**more: Any) -> Backend:
            return await stack.enter_async_context(open_backend(tmp_path, database=database, **more))

        yield _open


@pytest_asyncio.fixture(loop_scope="module")
async def backend(opened: OpenBackend) -> Backend:
    """A backend in demo mode."""
    return await opened()
