"""One transaction at a time per subject: SQLite's write lock, or PostgreSQL's advisory lock."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.deadlines import Deadlines
from mcp_servers.shared.ledger.tables import metadata
from storage import Storage

SECRET_BYTES = 32
BUSY_MILLISECONDS = 5_000
CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 10.0
READ_ONLY = "voxie_read_only"
MARGIN_SECONDS = 5.0


def lease_seconds(deadlines: Deadlines) -> float:
    """How long nobody takes over a write that has begun: it reads the vendor, writes, and may have to read again.

    Args:
        deadlines: of the service's tools, which bound each of its requests.
    """
    return 2 * deadlines.read + deadlines.write + MARGIN_SECONDS


class LedgerDatabase:
    """Where a service keeps its ledger: a SQLite file of its own, or a PostgreSQL shared by its replicas.

    Args:
        url: an SQLAlchemy async URL, ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``.
        secret: makes operation ids unguessable; the same for every replica.
        now: seconds since 1970; injected in tests.
        deadlines: of the service's tools: how long its writes and promises are left alone follows from them.
    """

    def __init__(
        self, url: str, *, secret: bytes, now: Callable[[], float], deadlines: Deadlines = Deadlines()
    ) -> None:
        self.secret = secret
        self.now = now
        self.lease_seconds = lease_seconds(deadlines)
        self.owner = secrets.token_hex(8)
        self._sqlite = url.startswith("sqlite")
        self._writer = asyncio.Lock()
        self._storage = _storage(url, sqlite=self._sqlite)
        self._engine = self._storage.engine
        self._created = asyncio.Lock()
        self._ready = False

    @classmethod
    def for_service(
        cls,
        service: str,
        *,
        state: Path,
        url: str | None,
        now: Callable[[], float],
        secret: SecretStr | None = None,
        deadlines: Deadlines = Deadlines(),
    ) -> "LedgerDatabase":
        """The ledger of a service, made where it is missing.

        Args:
            service: names the SQLite file.
            state: the state folder, which also keeps the secret.
            url: PostgreSQL, or None for the SQLite file.
            now: seconds since 1970.
            secret: the one that replicas share; the state folder's own when None.
            deadlines: of the service's tools.
        """
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(
            _async_url(url) if url else f"sqlite+aiosqlite:///{state / f'{service}-ledger.sqlite3'}",
            secret=secret.get_secret_value().encode() if secret else _secret(state / "ledger.secret"),
            now=now,
            deadlines=deadlines,
        )

    async def aclose(self) -> None:
        """Close every connection, when those who hold one have given it back."""
        await self._storage.aclose()

    @asynccontextmanager
    async def alone(self, subject: str) -> AsyncGenerator[AsyncConnection]:
        """A transaction that no other one about the same subject overlaps, in any process.

        Args:
            subject: what must be serialised, such as a calendar.
        """
        async with self.writing() as connection:
            if not self._sqlite:
                await connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _lock_number(subject)})
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction for a single statement, which is whole by itself; ``alone`` is for one that decides by what it read."""
        await self._create_tables()
        if self._sqlite:
            # One writer per file: queueing here is fair and cheaper than SQLite's busy loop.
            async with self._writer, self._engine.begin() as connection:
                yield connection
            return
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection for reads, which wait for nobody."""
        await self._create_tables()
        async with self._engine.execution_options(**{READ_ONLY: True}).connect() as connection:
            yield connection

    async def _create_tables(self) -> None:
        if self._ready:
            return
        async with self._created:
            if self._ready:
                return
            async with self._engine.begin() as connection:
                if not self._sqlite:
                    await connection.execute(
                        sa.text("select pg_advisory_xact_lock(:key)"), {"key": _lock_number("tables")}
                    )
                await connection.run_sync(metadata.create_all)
                await connection.run_sync(_add_missing_columns)
            self._ready = True


def _add_missing_columns(connection: sa.Connection) -> None:
    """Give a ledger that an earlier version made what has been added since: columns that may be empty, and no others."""
    there = sa.inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                assert column.nullable, "an added column has no value in the rows that are there"
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.DDL(f'alter table "{table.name}" add column "{column.name}" {kind}'))


def _storage(url: str, *, sqlite: bool) -> Storage:
    # Without parameters in exceptions' texts: they hold what a caller said.
    if not sqlite:
        bounds = {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
        return Storage(
            url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True, connect_args=bounds
        )
    # In full: the row must be on disk before the request leaves, and a power cut must not forget a write.
    pragmas = (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=wal", "synchronous=full")
    storage = Storage(url, pragmas=pragmas, hide_parameters=True, connect_args={"isolation_level": None})

    @event.listens_for(storage.engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # The write lock from the first statement on, so that what was read cannot change before the write.
        read_only = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("begin" if read_only else "begin immediate")

    return storage


def _async_url(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+asyncpg://" + url.removeprefix(plain)
    return url


def _lock_number(subject: str) -> int:
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], signed=True)


def _secret(path: Path) -> bytes:
    """The secret of this state folder. Written under another name first, so that no process reads half of it."""
    if not path.exists():
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return path.read_bytes()
