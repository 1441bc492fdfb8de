"""What can be done with agents."""

from collections.abc import Callable
from datetime import datetime

from backend.agents import repository
from backend.agents.schemas import AgentSummary
from backend.agents.seed import demo_agents
from backend.db import Database
from backend.errors import not_found
from backend.pages import Page, decode_cursor, encode_cursor
from backend.workspaces.repository import DEMO_WORKSPACE, add_workspace
from contracts.agents import AgentSpec


class AgentService:
    """Agents of a workspace.

    Args:
        database: where they are.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def seed_demo(self) -> None:
        """The demo workspace and its agents, where they are missing or older."""
        async with self._database.scoped(DEMO_WORKSPACE) as session:
            await add_workspace(session, DEMO_WORKSPACE, "Demo", self._now())
            for spec in demo_agents():
                stored = await repository.published_spec(session, spec.id)
                if stored is None:
                    await repository.publish(session, spec, self._now())
                elif stored.model_copy(update={"version": 1}) != spec:
                    newer = spec.model_copy(update={"version": stored.version + 1})
                    await repository.publish(session, newer, self._now())

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[AgentSummary]:
        """A page of the agents, by name."""
        start = decode_cursor(cursor, 2) if cursor else None
        async with self._database.scoped(workspace) as session:
            rows = await repository.page(session, limit=limit + 1, start=start)
        items = [AgentSummary(id=row.id, name=row.name, kind=kind, version=row.published_version) for row, kind in rows]
        more = len(items) > limit
        items = items[:limit]
        return Page(items=items, next_cursor=encode_cursor((items[-1].name, items[-1].id)) if more else None)

    async def get(self, workspace: str, agent_id: str) -> AgentSpec:
        """One published agent.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            spec = await repository.published_spec(session, agent_id)
            known = [] if spec else [row.id for row, _ in await repository.page(session, limit=10, start=None)]
        if spec is None:
            raise not_found("agent", known)
        return spec
