"""A server that is stopped in the middle of a look at its database, or that cannot start, leaves none of it behind."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.backend.conftest import AS_SERVICE, settings_for
from tests.running import running, start
from tests.storage.threads import sqlite_threads


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Generator[None]:
    before = sqlite_threads()
    yield
    assert sqlite_threads() <= before


def sandbox(state: Path) -> Any:
    return create_sandbox(SandboxSettings(_env_file=None, state=state, zone="Europe/Madrid"))


def backend(state: Path) -> Any:
    from backend.app import create_app

    return create_app(settings_for(state))


class Noticed:
    """An app whose requests are known by the tasks that answer them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.answering: asyncio.Future[asyncio.Task[Any]] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            task = asyncio.current_task()
            assert task is not None
            self.answering.set_result(task)
        await self._app(scope, receive, send)

    async def is_cancelled(self) -> None:
        task = await self.answering
        async with asyncio.timeout(10):
            while not task.cancelling():  # noqa: ASYNC110 - a task tells nobody that it is cancelled
                await asyncio.sleep(0.01)


BOTH = pytest.mark.parametrize(
    ("app", "file", "request_that_looks"),
    [
        (sandbox, "sandbox.sqlite3", ("GET", "/calendar/v3/calendars/primary/events")),
        (backend, "backend.sqlite3", ("POST", "/api/calls")),
    ],
)


@BOTH
async def test_a_request_that_waits_for_the_database_is_cut_by_the_stop_and_its_connection_closed(
    tmp_path: Path, app: Callable[[Path], Any], file: str, request_that_looks: tuple[str, str]
) -> None:
    noticed = Noticed(app(tmp_path))
    served = await start(noticed, grace=0)
    method, path = request_that_looks
    headers = {**AS_SERVICE} if app is backend else {"authorization": "Bearer sandbox"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, trust_env=False, timeout=30) as client:
        with closing(sqlite3.connect(tmp_path / file, isolation_level=None)) as other:
            other.execute("begin immediate")
            waiting = asyncio.create_task(client.request(method, path, json={"agent_id": "restaurant"}))
            await noticed.answering
            stopping = asyncio.create_task(served.stop())
            await noticed.is_cancelled()
            other.execute("rollback")
            await stopping
            assert (await waiting).status_code == 500


@BOTH
async def test_a_server_that_cannot_read_its_database_stops_without_a_thread_left(
    tmp_path: Path, app: Callable[[Path], Any], file: str, request_that_looks: tuple[str, str]
) -> None:
    del request_that_looks
    (tmp_path / file).write_bytes(b"no database at all " * 100)
    with pytest.raises(RuntimeError, match="did not start"):
        async with running(app(tmp_path)):
            pass
