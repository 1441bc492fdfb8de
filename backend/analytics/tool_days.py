"""Tool calls by day, tool, outcome and latency: added to where events arrive, read by overviews."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.costs import MILLION, prices_of_integrations
from backend.analytics.counts import bucket_of
from backend.analytics.tables import ToolDayRow
from backend.db import insert_new
from backend.pages import after
from contracts.events import ToolCall

SUCCEEDED = "ok"
EVERY_AGENT = "*"
"""The scope of what all agents did together; no agent has this id."""
KEY = (ToolDayRow.scope, ToolDayRow.day, ToolDayRow.server, ToolDayRow.tool)

Key = TypeVar("Key")
ToolOnDay = tuple[date, str, str]
"""Day, server and tool."""
Histogram = Counter[tuple[str, int]]
"""Calls by outcome and class of latency."""


async def count_tools(session: AsyncSession, agent_id: str, calls: Sequence[ToolCall]) -> int:
    """Add calls to the counts of their agent and to those of all, whoever else adds to them meanwhile.

    Returns what they cost, in millionths of the currency.

    Args:
        session: a scoped one.
        agent_id: whose calls they are.
        calls: each of them once.
    """
    added: dict[ToolOnDay, Histogram] = defaultdict(Counter)
    for call in calls:
        key = (call.at.astimezone(UTC).date(), call.server, call.tool)
        added[key][str(call.error or SUCCEEDED), bucket_of(call.ms)] += 1
    # One order for all, so that two that add to the same rows do not wait for each other.
    keys = sorted((scope, *key) for scope in (agent_id, EVERY_AGENT) for key in added)
    names = [column.key for column in KEY]
    await insert_new(session, ToolDayRow, [{**dict(zip(names, key, strict=True)), "counts": {}} for key in keys])
    locked = sa.select(ToolDayRow).where(sa.tuple_(*KEY).in_(keys)).order_by(*KEY).with_for_update()
    costs = await _costs(session, added)
    for row in (await session.execute(locked)).scalars() if keys else ():
        row.counts = _packed(histogram(row.counts) + added[row.day, row.server, row.tool])
        row.cost += costs[row.day, row.server, row.tool]
    return sum(costs.values())


async def _costs(session: AsyncSession, added: Mapping[ToolOnDay, Histogram]) -> dict[ToolOnDay, int]:
    """What failed did nothing that could be charged."""
    prices = await prices_of_integrations(session) if added else {}
    return {
        (day, server, tool): round(by_outcome(found).get(SUCCEEDED, 0) * prices.get(server, 0) / MILLION)
        for (day, server, tool), found in added.items()
    }


async def read_tools(session: AsyncSession, since: date, until: date, *, agent_id: str | None) -> Sequence[ToolDayRow]:
    """The counts between two days, both counted, of one agent or of all; the latest day first."""
    query = sa.select(ToolDayRow).where(
        ToolDayRow.scope == (agent_id or EVERY_AGENT), ToolDayRow.day.between(since, until)
    )
    ordered = query.order_by(ToolDayRow.day.desc(), ToolDayRow.server, ToolDayRow.tool)
    return (await session.execute(ordered)).scalars().all()


async def read_integrations(
    session: AsyncSession,
    since: date,
    until: date,
    *,
    agent_id: str | None,
    limit: int,
    start: tuple[date, str] | None,
) -> Sequence[ToolDayRow]:
    """The counts of so many integrations' days, the latest first, of one agent or of all.

    Args:
        session: a scoped one.
        since: the first day.
        until: the last one.
        agent_id: whose; all agents' when None.
        limit: how many days of an integration.
        start: only what comes after this day and server.
    """
    key = (ToolDayRow.day, ToolDayRow.server)
    query = sa.select(*key).where(ToolDayRow.scope == (agent_id or EVERY_AGENT), ToolDayRow.day.between(since, until))
    if start is not None:
        query = query.where(after(*key, values=start, descending=True))
    page = query.distinct().order_by(*(column.desc() for column in key)).limit(limit)
    keys = [(day, server) for day, server in await session.execute(page)]
    if not keys:
        return ()
    rows = sa.select(ToolDayRow).where(ToolDayRow.scope == (agent_id or EVERY_AGENT), sa.tuple_(*key).in_(keys))
    return (await session.execute(rows)).scalars().all()


def histogram(counts: Mapping[str, Mapping[str, int]]) -> Histogram:
    """What a row holds."""
    found: Histogram = Counter()
    for outcome, buckets in counts.items():
        for bucket, count in buckets.items():
            found[outcome, int(bucket)] += count
    return found


def by_outcome(found: Histogram) -> dict[str, int]:
    """Calls by outcome, whatever they took."""
    return _summed((outcome, count) for (outcome, _), count in found.items())


def by_bucket(found: Histogram) -> dict[int, int]:
    """Calls by class of latency, whatever came of them."""
    return _summed((bucket, count) for (_, bucket), count in found.items())


def _summed(counted: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    sums: dict[Key, int] = defaultdict(int)
    for key, count in counted:
        sums[key] += count
    return sums


def _packed(found: Histogram) -> dict[str, dict[str, int]]:
    packed: dict[str, dict[str, int]] = defaultdict(dict)
    for (outcome, bucket), count in sorted(found.items()):
        packed[outcome][str(bucket)] = count
    return packed
