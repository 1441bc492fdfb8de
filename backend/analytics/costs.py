"""What calls cost by the workspace's prices, in millionths of its currency. What was counted keeps its cost."""

from collections.abc import Iterable
from datetime import UTC

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.counts import add_counts
from backend.analytics.tables import DayCountRow, IntegrationPriceRow, PriceRow
from backend.calls.tables import CallRow
from backend.money import MILLION
from contracts.events import UsageItem


async def add_used(session: AsyncSession, call: CallRow, used: Iterable[tuple[UsageItem, int]]) -> None:
    """Count what was used for a call.

    Args:
        session: of its workspace.
        call: the call.
        used: items, and how much of each.
    """
    quantities = list(used)
    if not quantities:
        return
    prices = {row.item: row.price for row in (await session.execute(sa.select(PriceRow))).scalars()}
    cost = sum(quantity * prices.get(item.value, 0) for item, quantity in quantities)
    await add_cost(session, call, round(cost / MILLION))


async def prices_of_integrations(session: AsyncSession) -> dict[str, int]:
    """What a million successful calls of each integration's tools cost."""
    rows = (await session.execute(sa.select(IntegrationPriceRow))).scalars().all()
    return {row.server: row.price for row in rows}


async def add_cost(session: AsyncSession, call: CallRow, cost: int) -> None:
    """Count a cost for a call, and for the day on which it began."""
    if cost:
        call.cost += cost
        await count_day(session, call, cost=cost)


async def count_day(session: AsyncSession, call: CallRow, *, calls: int = 0, seconds: int = 0, cost: int = 0) -> None:
    """Add to the counts of the day on which a call began."""
    key = {"day": call.started_at.astimezone(UTC).date(), "agent_id": call.agent_id}
    row = {**key, "calls": calls, "seconds": seconds, "cost": cost}
    await add_counts(session, DayCountRow, [row], counted=("calls", "seconds", "cost"))
