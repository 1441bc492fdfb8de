"""The database: the base of all tables, sessions that are bound to a workspace, and migrations."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    UOWTransaction,
    mapped_column,
    with_loader_criteria,
)

from storage import Storage

MIGRATIONS = Path(__file__).parent / "migrations"
WORKSPACE, UNSCOPED, SCOPE_CHECKED = "workspace", "unscoped", "scope_checked"


class ScopeError(Exception):
    """A query or a row would have left its workspace: a mistake of ours, never of a client."""


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant, also where the database (SQLite) keeps no offset."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive one is a mistake."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a naive instant cannot be stored"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Every table. All but the few that ``scripts/lint_scoped.py`` lists are ``Owned``."""


class Owned:
    """A row that belongs to a workspace. A scoped session reads, changes and adds only its own."""

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), index=True)


class WorkspaceRow(Base):
    """A business."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)


class _BoundSession(Session):
    """A session that knows whose rows it may touch."""


@event.listens_for(_BoundSession, "do_orm_execute")
def _only_its_rows(state: ORMExecuteState) -> None:
    """Every query, whatever its shape, sees one workspace's rows."""
    if UNSCOPED in state.session.info:
        return
    workspace = state.session.info.get(WORKSPACE)
    if workspace is None:
        msg = "a session without a workspace: use Database.scoped"
        raise ScopeError(msg)
    if state.is_insert:
        if not state.execution_options.get(SCOPE_CHECKED):
            msg = "insert statements are not scoped: add rows, or use insert_new"
            raise ScopeError(msg)
        return
    state.statement = state.statement.options(
        with_loader_criteria(Owned, lambda row: row.workspace_id == workspace, include_aliases=True)
    )


@event.listens_for(_BoundSession, "before_flush")
def _only_its_own_rows_are_written(session: Session, _: UOWTransaction, __: object) -> None:
    if UNSCOPED in session.info:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Owned):
            continue
        # Read as it may be missing: a new row takes the session's workspace.
        owner = cast("str | None", row.workspace_id)
        if owner is None and row in session.new:
            row.workspace_id = session.info[WORKSPACE]
        elif owner != session.info[WORKSPACE]:
            msg = f"a {type(row).__name__} of another workspace would be written"
            raise ScopeError(msg)


class Database:
    """Sessions on one database.

    Args:
        url: an SQLAlchemy async URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._storage = _storage(url)
        self._engine = self._storage.engine
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False, sync_session_class=_BoundSession)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is one file, which one process writes at a time."""
        return self.url.startswith("sqlite")

    @asynccontextmanager
    async def scoped(self, workspace: str) -> AsyncGenerator[AsyncSession]:
        """A transaction that sees one workspace's rows only: committed at the end, rolled back by an exception.

        Args:
            workspace: whose rows.
        """
        async with self._sessions(info={WORKSPACE: workspace}) as session, session.begin():
            yield session

    @asynccontextmanager
    async def unscoped(self, reason: str) -> AsyncGenerator[AsyncSession]:
        """A transaction over all workspaces, for what happens before a workspace is known and for chores.

        Args:
            reason: why no workspace can be named here; ``scripts/lint_scoped.py`` lists who may.
        """
        async with self._sessions(info={UNSCOPED: reason}) as session, session.begin():
            yield session

    async def migrate(self, revision: str = "head") -> None:
        """Bring the tables to the newest revision, or to the one named."""
        async with self._engine.connect() as connection:
            if self.is_sqlite:
                # SQLite changes a table by making it anew, which its references would forbid meanwhile.
                await connection.exec_driver_sql("pragma foreign_keys=off")
                await connection.commit()
            async with connection.begin():
                await connection.run_sync(_upgrade, revision)
            if self.is_sqlite:
                await connection.exec_driver_sql("pragma foreign_keys=on")
                await connection.commit()

    async def answers(self) -> bool:
        """Whether the database can be asked."""
        try:
            async with self._engine.connect() as connection:
                await connection.execute(sa.text("select 1"))
        except (SQLAlchemyError, OSError):
            return False
        return True

    async def aclose(self) -> None:
        """Close every connection, when those who hold one have given it back."""
        await self._storage.aclose()


async def insert_new(session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Add the rows whose key is not there yet, and say how many those were.

    Args:
        session: a scoped one; the rows take its workspace.
        table: what they are rows of.
        rows: values by column name, the same columns in each.
    """
    if not rows:
        return 0
    owned = [{**row, "workspace_id": session.info[WORKSPACE]} for row in rows]
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(table).values(owned).on_conflict_do_nothing()
    return rows_changed(await session.execute(statement, execution_options={SCOPE_CHECKED: True}))


def rows_changed(result: sa.Result[Any]) -> int:
    """How many rows an update or a delete changed."""
    return cast("sa.CursorResult[Any]", result).rowcount


def _storage(url: str) -> Storage:
    # The text of a database error would show what was to be written.
    pragmas = ("busy_timeout=5000", "journal_mode=wal", "foreign_keys=on")
    return Storage(url, pragmas=pragmas, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)


def _upgrade(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
