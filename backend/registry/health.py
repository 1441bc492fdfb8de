"""Looks at every server now and then: what it lists, and whether it does.

The owner learns of a server that died, or that lists something else than was approved, before a caller does.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from backend.access.principal import Principal
from backend.audit.service import record
from backend.connections.schemas import Status
from backend.connections.tables import ConnectionRow
from backend.db import Database, rows_changed
from backend.registry import repository
from backend.registry.listing import Listing, list_server, problem_of
from backend.registry.repository import Policy
from backend.registry.schemas import Problem, ServerState
from backend.registry.tables import OPERATOR, ServerRow
from backend.registry.targets import CredentialGone, CredentialLater, Targets
from backend.workspaces.repository import add_workspace
from voxie_agents.mcp_errors import McpClientError

log = structlog.get_logger()

EVERY = timedelta(minutes=10)
FIRST_SECONDS = 2.0
"""After the start, when the servers start too."""
AT_ONCE = 20
DOWN_AFTER = 2
FIRST_RETRY = timedelta(seconds=5)
FRESH = timedelta(minutes=1)


class ServerHealth:
    """Looks at servers and keeps what they list.

    Args:
        database: where that is kept.
        targets: how servers are reached.
        demo: whether this is demo mode.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, targets: Targets, *, demo: bool, now: Callable[[], datetime]) -> None:
        self._database = database
        self._targets = targets
        self._own = repository.DEMO if demo else repository.OWN
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Have a row for each of the operator's own servers, and none for those that are gone."""
        doors = self._targets.doors
        async with self._database.scoped(OPERATOR) as session:
            await add_workspace(session, OPERATOR, "The operator's own servers", self._now())
            rows = {row.name: row for row in await repository.servers(session)}
            for name in rows.keys() - doors.keys():
                await repository.remove(session, rows[name].id)
            for name, door in doors.items():
                if name not in rows:
                    session.add(self._targets.own_row(door, self._now()))

    def start(self) -> None:
        """Look at all of them soon; from then on a chore looks at those whose time has come."""
        self._task = asyncio.create_task(self._first_look())

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _first_look(self) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        try:
            await self.look_at_due(all_of_them=True)
        except (SQLAlchemyError, OSError) as error:
            log.warning("servers not looked at", kind=type(error).__name__)

    async def look_at_due(self, *, all_of_them: bool = False) -> int:
        """Look at those whose time has come; how many there were.

        Args:
            all_of_them: also at those whose time has not come, unless somebody just looked: after a start.
        """
        due = ServerRow.next_check_at <= self._now()
        if all_of_them:
            due = sa.or_(due, ServerRow.checked_at <= self._now() - FRESH)
        query = sa.select(ServerRow).where(due).order_by(ServerRow.next_check_at).limit(AT_ONCE)
        async with self._database.unscoped("the registry lists the servers of every workspace") as session:
            rows = list((await session.execute(query)).scalars())
        claimed = [row for row in rows if await self._claim(row)]
        # All of them are waited for, also when this is stopped: each closes its connection.
        for outcome in await asyncio.gather(*(self.look(row) for row in claimed), return_exceptions=True):
            if isinstance(outcome, Exception):
                log.warning("a server was not looked at", kind=type(outcome).__name__)
        return len(claimed)

    async def _claim(self, row: ServerRow) -> bool:
        """Become the replica that looks at it this time."""
        query = (
            sa.update(ServerRow)
            .where(ServerRow.id == row.id, ServerRow.next_check_at == row.next_check_at)
            .values(next_check_at=self._now() + FRESH)
            .execution_options(synchronize_session=False)
        )
        async with self._database.scoped(row.workspace_id) as session:
            return rows_changed(await session.execute(query)) == 1

    async def look(self, row: ServerRow) -> None:
        """List a server now; what came of it stands in its row afterwards."""
        try:
            listing = await list_server(await self._targets.of(row))
        except CredentialGone:
            await self._failed(row, Problem.UNAUTHORIZED)
        except CredentialLater:
            await self._failed(row, Problem.UNREACHABLE)
        except McpClientError as error:
            await self._failed(row, problem_of(error))
        else:
            await self._listed(row, listing)

    def policy(self, row: ServerRow) -> Policy:
        """What becomes of this server's tools that nobody approved."""
        return self._own if row.workspace_id == OPERATOR else repository.FOREIGN

    async def _listed(self, row: ServerRow, listing: Listing) -> None:
        async with self._database.scoped(row.workspace_id) as session:
            found = await repository.lock(session, row.id)
            if found is None:
                return
            now = self._now()
            event = (
                "a server is listed for the first time" if found.listed_at is None else "a server lists something else"
            )
            mark_listed(found, listing, now)
            changes = await repository.reconcile(session, found, listing.tools, self.policy(row), now)
            if changes:
                actor = Principal(row.workspace_id, "registry", frozenset())
                detail = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
                record(session, actor, "server.listed_anew", row.id, at=now, server=row.name, **detail)
                log.info(event, server=row.name, **detail)

    async def _failed(self, row: ServerRow, problem: Problem) -> None:
        async with self._database.scoped(row.workspace_id) as session:
            found = await repository.lock(session, row.id)
            if found is None:
                return
            now = self._now()
            found.failures, found.problem, found.checked_at = found.failures + 1, problem.value, now
            pause = min(FIRST_RETRY * 2 ** min(found.failures - 1, 10), EVERY)
            # Nothing but the owner mends a credential; looking often would only annoy the server.
            found.next_check_at = now + (EVERY if problem is Problem.UNAUTHORIZED else pause)
            if found.failures == DOWN_AFTER:
                log.warning("a server is down", server=row.name, problem=problem.value)


def mark_listed(row: ServerRow, listing: Listing, now: datetime) -> None:
    """It did."""
    if row.failures >= DOWN_AFTER:
        log.info("a server is back", server=row.name)
    row.failures, row.problem, row.left_out = 0, None, listing.left_out
    row.listed_at = row.checked_at = now
    row.next_check_at = now + EVERY


def state_of(row: ServerRow, granted: ConnectionRow | None) -> ServerState:
    """Whether calls are offered a server.

    Args:
        row: the server.
        granted: its OAuth access, if that is how it is reached.
    """
    if row.listed_at is None:
        return ServerState.NEW
    if row.problem == Problem.UNAUTHORIZED.value or (granted and granted.status != Status.CONNECTED.value):
        return ServerState.NEEDS_CREDENTIAL
    if row.failures >= DOWN_AFTER:
        return ServerState.DOWN
    return ServerState.FAILING if row.failures else ServerState.UP
