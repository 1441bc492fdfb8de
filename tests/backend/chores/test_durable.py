"""Chores on DBOS: once for all replicas, taken up by another when one dies, and sealed where they are stored."""

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from asyncio.subprocess import Process
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from dbos import DBOS
from pydantic import SecretStr

from backend.chores.chore import Chores, ChoreSettings
from backend.chores.durable import TIDY, DurableChores
from backend.chores.sealed import ChoreFailed, SealedJson
from backend.vault.keys import new_key, parse_keys
from backend.vault.vault import Vault
from tests.backend.conftest import settings_for

CANARY = "canary-my-knee-hurts"
BOUND = 100.0
"""Seconds that a process may take to start on a busy machine."""
ROOT = Path(__file__).resolve().parents[3]
KEY = new_key()


def vault(key: str = KEY) -> Vault:
    return Vault(lambda: parse_keys(key))


@dataclass
class Replicas:
    """Processes that share one database of chores."""

    url: str
    notes: Path
    started: list[Process] = field(default_factory=list[Process])

    async def start(self, name: str, *, hangs: bool = False) -> Process:
        command = [sys.executable, "-m", "tests.backend.chores.replica", name, self.url, KEY, str(self.notes)]
        process = await asyncio.create_subprocess_exec(*command, "hangs" if hangs else "works", cwd=ROOT)
        self.started.append(process)
        return process

    async def until(self, note: str, times: int = 1) -> None:
        async with asyncio.timeout(BOUND):
            while self.seen()[note] < times:
                assert self.started[-1].returncode is None, "the replica did not start"
                await asyncio.sleep(0.05)

    def seen(self) -> Counter[str]:
        return Counter(self.notes.read_text().splitlines() if self.notes.exists() else ())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.needs_postgres, pytest.mark.soak])])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the replicas keep their chores. Three processes start in each test, so the second kind is for the long runs."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'chores.sqlite3'}"
    return request.getfixturevalue("postgres_url")


@pytest_asyncio.fixture(loop_scope="module")
async def replicas(database_url: str, tmp_path: Path) -> AsyncGenerator[Replicas]:
    made = Replicas(database_url, tmp_path / "notes.txt")
    yield made
    for process in made.started:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.timeout(300)
async def test_the_chores_of_a_killed_replica_are_done_by_another_and_what_it_left_is_taken_up_when_it_is_back(
    replicas: Replicas,
) -> None:
    first = await replicas.start("first", hangs=True)
    await replicas.until("first begins")
    os.kill(first.pid, signal.SIGKILL)
    await first.wait()
    second = await replicas.start("second")
    await replicas.until("second done")
    second.kill()
    await second.wait()
    left = await runs(replicas, CUT)
    assert left, "nobody else finishes the very run that was cut"
    await replicas.start("first")
    async with asyncio.timeout(BOUND):
        while left & await runs(replicas, UNFINISHED):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)
    assert replicas.seen()["first done"] >= 1


CUT = "select workflow_uuid from {} where status = 'PENDING' and executor_id = 'first'"
UNFINISHED = "select workflow_uuid from {} where status in ('PENDING', 'ENQUEUED')"


async def runs(replicas: Replicas, query: str) -> set[str]:
    """Runs of chores as the database has them."""
    if replicas.url.startswith("sqlite"):
        with sqlite3.connect(replicas.url.removeprefix("sqlite:///")) as connection:
            return {row[0] for row in connection.execute(query.format("workflow_status"))}
    connection = await asyncpg.connect(replicas.url)
    try:
        return {row[0] for row in await connection.fetch(query.format("dbos.workflow_status"))}
    finally:
        await connection.close()


@dataclass
class Work:
    """A chore that says when it ran."""

    error: Exception | None = None
    ran: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> int:
        self.ran.set()
        if self.error is not None:
            raise self.error
        return 1


async def one_run(tmp_path: Path, work: Work, key: str = KEY) -> tuple[Counter[tuple[str, str]], DurableChores]:
    counted: Counter[tuple[str, str]] = Counter()
    noted = asyncio.Event()

    def count(name: str, outcome: str) -> None:
        counted[name, outcome] += 1
        noted.set()

    chores = Chores()
    chores.add("work", "* * * * * *", work)
    settings = ChoreSettings(SecretStr(f"sqlite:///{tmp_path}/chores.sqlite3"), "here")
    durable = DurableChores(chores, settings, vault=vault(key), count=count)
    await durable.start()
    async with asyncio.timeout(30):
        await work.ran.wait()
        await noted.wait()
        while not await asyncio.to_thread(DBOS.list_workflows, status=["SUCCESS", "ERROR"]):  # noqa: ASYNC110 - DBOS's
            await asyncio.sleep(0.05)
    assert await chores.run(TIDY) == 0, "nothing is old yet"
    return counted, durable


async def test_what_a_failed_chore_stores_is_sealed_and_nothing_that_was_said_is_in_it_or_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counted, durable = await one_run(tmp_path, Work(error=ValueError(CANARY)))
    await durable.aclose()
    assert counted["work", "failed"] >= 1
    with sqlite3.connect(tmp_path / "chores.sqlite3") as connection:
        stored = "".join(connection.iterdump())
        (error,) = connection.execute("select error from workflow_output where error is not null").fetchone()
        (inputs,) = connection.execute("select inputs from workflow_input").fetchone()
    assert CANARY not in stored
    assert b64encode(CANARY.encode()).decode()[:-4] not in stored
    failure = SealedJson(vault()).deserialize(error)
    assert (type(failure), str(failure)) == (ChoreFailed, "ValueError")
    assert SealedJson(vault()).deserialize(inputs)["args"][1] == "work"
    said = capfd.readouterr()
    assert CANARY not in said.out + said.err


async def test_stopping_leaves_no_thread_behind_and_it_starts_again_also_after_its_keys_were_replaced(
    tmp_path: Path,
) -> None:
    before = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    for key in (KEY, new_key()):
        _, durable = await one_run(tmp_path, Work(), key)
        await durable.aclose()
        after = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
        assert after <= before, after - before


def test_only_json_instants_and_kinds_of_failure_can_be_stored() -> None:
    serializer = SealedJson(vault())
    value = {"args": [datetime(2026, 11, 23, 9, tzinfo=UTC), "name", 1, None, {"a": [True]}]}
    sealed = serializer.serialize(value)
    assert "name" not in sealed
    assert serializer.deserialize(sealed) == value
    assert SealedJson(vault(new_key())).deserialize(sealed)["args"] == [None, None]
    with pytest.raises(TypeError, match="a set cannot be stored"):
        serializer.serialize({1, 2})


def test_a_replica_keeps_its_name_and_has_a_database_of_its_own_for_chores(tmp_path: Path) -> None:
    first, again = settings_for(tmp_path).chores, settings_for(tmp_path).chores
    assert first.executor == again.executor
    assert first.database.get_secret_value() == f"sqlite:///{tmp_path}/chores.sqlite3"
    url = "postgresql://u:p@db/voxie_chores"
    named = settings_for(tmp_path, BACKEND_EXECUTOR_ID="replica-2", BACKEND_CHORES_DATABASE_URL=url).chores
    assert (named.executor, named.database.get_secret_value()) == ("replica-2", url)
