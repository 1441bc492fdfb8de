"""What can be done with agents."""

from collections.abc import Callable
from datetime import datetime

from backend.agents import repository
from backend.agents.seed import DEMO_WORKSPACE, demo_agents
from backend.db import Database
from backend.errors import not_found
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
        async with self._database.session() as session:
            await repository.add_workspace(session, DEMO_WORKSPACE, "Demo", self._now())
            there = {spec.id: spec for spec in await repository.published(session, DEMO_WORKSPACE)}
            for spec in demo_agents():
                stored = there.get(spec.id)
                if stored is None:
                    await repository.publish(session, spec, self._now())
                elif stored.model_copy(update={"version": 1}) != spec:
                    newer = spec.model_copy(update={"version": stored.version + 1})
                    await repository.publish(session, newer, self._now())

    async def list(self, workspace: str) -> list[AgentSpec]:
        """The published agents."""
        async with self._database.session() as session:
            return await repository.published(session, workspace)

    async def get(self, workspace: str, agent_id: str) -> AgentSpec:
        """One published agent.

        Raises:
            ApiError: 404.
        """
        agents = await self.list(workspace)
        found = next((spec for spec in agents if spec.id == agent_id), None)
        if found is None:
            raise not_found("agent", [spec.id for spec in agents])
        return found
