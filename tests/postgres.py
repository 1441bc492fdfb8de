"""A real PostgreSQL for tests, from the system's packages, in a temporary folder, for as long as the tests run: one for all.

Ask for ``postgres_url`` (a fresh, empty database on PostgreSQL) or for ``database_url`` (the test runs twice: on a SQLite
file and on PostgreSQL). Both are plain URLs, ``postgresql://…``; a test adds its driver to the scheme where it needs one.
"""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

SECONDS = 60
TRIES = 3
STRATEGIES_SINCE = 150_000
SUPERUSER = "voxie"
BINARIES = ("initdb", "pg_ctl", "postgres")
MISSING = "PostgreSQL's server is not installed (apt-get install postgresql): the tests on it are left out"
# Nothing here has to survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB")


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Args:
        binaries: the folder of its programs.
        port: on loopback.
        password: of its superuser.
    """

    binaries: Path
    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template0") -> str:
        """Make a database as another one is, an empty one unless told; its URL."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=SECONDS) as connection:
            # Its files are copied, as always before version 15; what is the default since takes twice as long.
            strategy = sql.SQL("strategy file_copy" if connection.info.server_version >= STRATEGIES_SINCE else "")
            names = (sql.Identifier(name), sql.Identifier(template), strategy)
            connection.execute(sql.SQL("create database {} template {} {}").format(*names))
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    """One server for all tests of this run, whichever of its processes they run in."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(MISSING)
    with _shared(binaries, _folder_of_the_run(tmp_path_factory)) as server:
        yield server


def _folder_of_the_run(factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of this run share, and no other run."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # noqa: TID251


@contextmanager
def _shared(binaries: Path, run: Path) -> Generator[Postgres]:
    """The run's server: started by the first process that needs it, stopped by the last that did."""
    note = run / "postgres.json"
    with _alone(run):
        kept = json.loads(note.read_text()) if note.exists() else {**_open(binaries), "users": 0}
        note.write_text(json.dumps({**kept, "users": kept["users"] + 1}))
    try:
        yield Postgres(binaries, kept["port"], kept["password"])
    finally:
        with _alone(run):
            users = json.loads(note.read_text())["users"] - 1
            note.write_text(json.dumps({**kept, "users": users}))
            if users == 0:
                note.unlink()
                _close(binaries, Path(kept["folder"]))


@contextmanager
def _alone(run: Path) -> Generator[None]:
    """One process at a time."""
    with (run / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open(binaries: Path) -> dict[str, Any]:
    """Start a server in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="voxie-postgres-"))
    try:
        password = _make_cluster(binaries, folder)
        return {"folder": str(folder), "password": password, "port": _start(binaries, folder)}
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _close(binaries: Path, folder: Path) -> None:
    try:
        # Fast: connections that a failed test left open must not hold it up.
        _pg_ctl(binaries, folder, "stop", "-m", "fast")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """A database of this test's own."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    return request.getfixturevalue("postgres_url")


def async_url(url: str) -> str:
    """The URL with the driver that the rooms use."""
    return url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")


def _binaries() -> Path | None:
    """The newest server on this machine: on the path, or where Debian keeps it."""
    found = shutil.which("postgres")
    on_path = [Path(found).resolve().parent] if found else []
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    candidates = [*versions, *on_path]
    return next((p for p in candidates if all((p / name).is_file() for name in BINARIES)), None)


def _account() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root, and its package brings an account."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _make_cluster(binaries: Path, folder: Path) -> str:
    password = secrets.token_urlsafe(16)
    secret = folder / "password"
    secret.write_text(password)
    name = _account()
    if name is not None:
        for path in (folder, secret):
            shutil.chown(path, name)
    _run(
        binaries / "initdb", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C", "-U", SUPERUSER,
        # Scram, the default, computes for 5 ms at each end of each of the thousand connections.
        "-A", "md5", "--pwfile", secret, "-D", folder / "data", folder=folder,
    )  # fmt: skip
    return password


def _start(binaries: Path, folder: Path) -> int:
    """Start it and wait until it answers; its port."""
    for _ in range(TRIES):
        port = _free_port()
        settings = (*FAST, f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        options = " ".join(f"-c {setting}" for setting in settings)
        try:
            _pg_ctl(binaries, folder, "start", "-l", folder / "log", "-o", options)
        except subprocess.CalledProcessError:
            # Somebody took the port between our looking and its listening.
            continue
        return port
    raise RuntimeError(f"PostgreSQL does not start:\n{(folder / 'log').read_text()}")


def _pg_ctl(binaries: Path, folder: Path, action: str, *options: str | Path) -> None:
    _run(binaries / "pg_ctl", action, "-w", "-t", str(SECONDS), "-D", folder / "data", *options, folder=folder)


def _run(*command: str | Path, folder: Path) -> None:
    """Run a program as the account that may run the server."""
    name = _account()
    account: dict[str, Any] = {}
    if name is not None:
        entry = pwd.getpwnam(name)
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    # Not captured through a pipe: the server would inherit it and hold it open.
    with (folder / "commands.log").open("a") as output:
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=120,
            **account,
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
