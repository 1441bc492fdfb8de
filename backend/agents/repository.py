"""Agents in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.agents.schemas import VersionState
from backend.agents.tables import AgentRow, AgentVersionRow
from backend.pages import after
from contracts.agents import AgentSpec

_is_published = sa.and_(AgentRow.id == AgentVersionRow.agent_id, AgentRow.published_version == AgentVersionRow.version)


async def page(session: AsyncSession, *, limit: int, start: Sequence[str] | None) -> Sequence[AgentRow]:
    """Agents that are not archived, by name and id, after the key ``start``."""
    query = sa.select(AgentRow).where(AgentRow.archived_at.is_(None)).order_by(AgentRow.name, AgentRow.id).limit(limit)
    if start is not None:
        query = query.where(after(AgentRow.name, AgentRow.id, values=start))
    return (await session.execute(query)).scalars().all()


async def kinds(session: AsyncSession, agents: Sequence[str]) -> dict[str, str]:
    """What kind each agent is, by its newest version."""
    newest = (
        sa.select(AgentVersionRow.agent_id, sa.func.max(AgentVersionRow.version).label("version"))
        .where(AgentVersionRow.agent_id.in_(agents))
        .group_by(AgentVersionRow.agent_id)
        .subquery()
    )
    query = sa.select(AgentVersionRow.agent_id, AgentVersionRow.spec["kind"].as_string().label("kind")).join(
        newest,
        sa.and_(newest.c.agent_id == AgentVersionRow.agent_id, newest.c.version == AgentVersionRow.version),
    )
    return {row.agent_id: row.kind for row in await session.execute(query)}


async def published_spec(session: AsyncSession, agent_id: str) -> AgentSpec | None:
    """The version that calls use of an agent that is not archived."""
    query = (
        sa.select(AgentVersionRow.spec)
        .join(AgentRow, _is_published)
        .where(AgentRow.id == agent_id, AgentRow.archived_at.is_(None))
    )
    spec = (await session.execute(query)).scalar()
    return AgentSpec.model_validate(spec) if spec is not None else None


async def version_of(session: AsyncSession, agent_id: str, version: int) -> AgentSpec | None:
    """One version of an agent."""
    row = await session.get(AgentVersionRow, (agent_id, version))
    return AgentSpec.model_validate(row.spec) if row is not None else None


async def draft_of(session: AsyncSession, agent_id: str) -> AgentVersionRow | None:
    """The version that may still change."""
    query = sa.select(AgentVersionRow).where(
        AgentVersionRow.agent_id == agent_id, AgentVersionRow.state == VersionState.DRAFT.value
    )
    return (await session.execute(query)).scalar_one_or_none()


async def newest_version(session: AsyncSession, agent_id: str) -> int:
    """The highest version there is; 0 without one."""
    query = sa.select(sa.func.max(AgentVersionRow.version)).where(AgentVersionRow.agent_id == agent_id)
    return (await session.execute(query)).scalar() or 0


async def versions(session: AsyncSession, agent_id: str, *, limit: int, below: int | None) -> Sequence[AgentVersionRow]:
    """Versions of an agent, the newest first."""
    query = sa.select(AgentVersionRow).where(AgentVersionRow.agent_id == agent_id)
    if below is not None:
        query = query.where(AgentVersionRow.version < below)
    return (await session.execute(query.order_by(AgentVersionRow.version.desc()).limit(limit))).scalars().all()


async def lock(session: AsyncSession, agent_id: str) -> AgentRow | None:
    """An agent, for this transaction alone: whoever else locks it waits."""
    touched = sa.update(AgentRow).where(AgentRow.id == agent_id).values(name=AgentRow.name)
    await session.execute(touched, execution_options={"synchronize_session": False})
    return await session.get(AgentRow, agent_id, populate_existing=True)


async def make_published(session: AsyncSession, agent: AgentRow, version: AgentVersionRow) -> None:
    """Let new calls use a version; the one before is archived."""
    if agent.published_version is not None and agent.published_version != version.version:
        before = await session.get_one(AgentVersionRow, (agent.id, agent.published_version))
        before.state = VersionState.ARCHIVED.value
    version.state = VersionState.PUBLISHED.value
    agent.published_version, agent.name = version.version, str(version.spec["name"])


async def add_version(
    session: AsyncSession, spec: AgentSpec, *, state: VersionState, by: str, now: datetime
) -> AgentVersionRow:
    """Store a version."""
    row = AgentVersionRow(
        agent_id=spec.id,
        version=spec.version,
        state=state.value,
        spec=spec.model_dump(mode="json"),
        created_by=by,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return row
