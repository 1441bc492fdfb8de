"""Agents in the database. Every query names a workspace."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import AgentRow, AgentVersionRow, WorkspaceRow
from contracts.agents import AgentSpec


async def published(session: AsyncSession, workspace: str) -> list[AgentSpec]:
    """The published version of each agent of a workspace."""
    query = (
        sa.select(AgentVersionRow.spec)
        .join(
            AgentRow,
            sa.and_(AgentRow.id == AgentVersionRow.agent_id, AgentRow.published_version == AgentVersionRow.version),
        )
        .where(AgentRow.workspace_id == workspace, AgentVersionRow.workspace_id == workspace)
        .order_by(AgentRow.name)
    )
    return [AgentSpec.model_validate(spec) for spec in (await session.execute(query)).scalars()]


async def version_of(session: AsyncSession, workspace: str, agent_id: str, version: int) -> AgentSpec | None:
    """One version of an agent."""
    query = sa.select(AgentVersionRow.spec).where(
        AgentVersionRow.workspace_id == workspace,
        AgentVersionRow.agent_id == agent_id,
        AgentVersionRow.version == version,
    )
    spec = (await session.execute(query)).scalar()
    return AgentSpec.model_validate(spec) if spec is not None else None


async def add_workspace(session: AsyncSession, workspace: str, name: str, now: datetime) -> None:
    """Add a workspace unless it is there."""
    if await session.get(WorkspaceRow, workspace) is None:
        session.add(WorkspaceRow(id=workspace, name=name, created_at=now))
        await session.flush()


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
