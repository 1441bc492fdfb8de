"""Agents in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.agents.tables import AgentRow, AgentVersionRow
from backend.pages import after
from contracts.agents import AgentSpec

_is_published = sa.and_(AgentRow.id == AgentVersionRow.agent_id, AgentRow.published_version == AgentVersionRow.version)


async def page(session: AsyncSession, *, limit: int, start: Sequence[str] | None) -> Sequence[sa.Row[AgentRow, str]]:
    """Agents with their kind, by name and id, after the key ``start``."""
    query = (
        sa.select(AgentRow, AgentVersionRow.spec["kind"].as_string())
        .join(AgentVersionRow, _is_published)
        .order_by(AgentRow.name, AgentRow.id)
        .limit(limit)
    )
    if start is not None:
        query = query.where(after(AgentRow.name, AgentRow.id, values=start))
    return (await session.execute(query)).all()


async def published_spec(session: AsyncSession, agent_id: str) -> AgentSpec | None:
    """The published version of an agent."""
    query = sa.select(AgentVersionRow.spec).join(AgentRow, _is_published).where(AgentRow.id == agent_id)
    spec = (await session.execute(query)).scalar()
    return AgentSpec.model_validate(spec) if spec is not None else None


async def version_of(session: AsyncSession, agent_id: str, version: int) -> AgentSpec | None:
    """One version of an agent."""
    query = sa.select(AgentVersionRow.spec).where(
        AgentVersionRow.agent_id == agent_id, AgentVersionRow.version == version
    )
    spec = (await session.execute(query)).scalar()
    return AgentSpec.model_validate(spec) if spec is not None else None


async def publish(session: AsyncSession, spec: AgentSpec, now: datetime) -> None:
    """Store a version and make it the one that calls use."""
    agent = await session.get(AgentRow, spec.id)
    if agent is None:
        session.add(
            AgentRow(
                id=spec.id, workspace_id=spec.workspace, name=spec.name, published_version=spec.version, created_at=now
            )
        )
        await session.flush()
    else:
        agent.name, agent.published_version = spec.name, spec.version
    session.add(
        AgentVersionRow(
            agent_id=spec.id,
            version=spec.version,
            workspace_id=spec.workspace,
            spec=spec.model_dump(mode="json"),
            created_at=now,
        )
    )
