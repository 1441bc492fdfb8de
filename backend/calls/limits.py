"""How much an agent may be used: at once, and in a day."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.agents import repository as agents
from backend.agents.tables import AgentLimitRow
from backend.calls.tables import CallRow
from backend.errors import ApiError
from contracts.agents import AgentSpec

LOST_AFTER = timedelta(minutes=12)
"""A worker renews its tokens every five minutes; a call that was heard of no more for this long is lost."""


async def check(session: AsyncSession, spec: AgentSpec, now: datetime) -> None:
    """Let one more call of an agent begin. The agent is locked until the transaction ends: two cannot both be the last.

    Raises:
        ApiError: 429; ``field`` names the limit.
    """
    await agents.lock(session, spec.id)
    limits = await session.get(AgentLimitRow, spec.id)
    if limits is None:
        return
    live = await _live(session, spec.id, now)
    if limits.simultaneous_calls is not None and len(live) >= limits.simultaneous_calls:
        raise _reached("simultaneous_calls", "all lines are busy", 30)
    zone = ZoneInfo(spec.business.zone or "UTC")
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    wait = max(1, int((midnight + timedelta(days=1) - now).total_seconds()))
    query = sa.select(sa.func.coalesce(sa.func.sum(CallRow.seconds), 0), sa.func.coalesce(sa.func.sum(CallRow.cost), 0))
    today = query.where(CallRow.agent_id == spec.id, CallRow.started_at >= midnight)
    seconds, spent = (await session.execute(today)).one()
    seconds += sum((now - started).total_seconds() for started in live)
    if limits.minutes_a_day is not None and seconds >= limits.minutes_a_day * 60:
        raise _reached("minutes_a_day", "this agent's minutes of today are used up", wait)
    if limits.spend_a_day is not None and spent >= limits.spend_a_day:
        raise _reached("spend_a_day", "this agent's budget of today is used up", wait)


async def _live(session: AsyncSession, agent_id: str, now: datetime) -> list[datetime]:
    query = sa.select(CallRow.started_at).where(
        CallRow.agent_id == agent_id, CallRow.ended_at.is_(None), CallRow.seen_at > now - LOST_AFTER
    )
    return list((await session.execute(query)).scalars())


def _reached(limit: str, message: str, wait: int) -> ApiError:
    return ApiError(429, "limit_reached", message, field=limit, retry_after=wait)
