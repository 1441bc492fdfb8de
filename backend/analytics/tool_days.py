"""Tool calls by day, tool, outcome and latency: added to where events arrive, read by overviews."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from operator import add
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.costs import prices_of_integrations
from backend.analytics.counts import NO_CALLS, class_of
from backend.analytics.tables import ToolDayRow
from backend.db import insert_new
from backend.money import MILLION
from backend.pages import after
from contracts.events import ToolCall

SUCCEEDED = "ok"
EVERY_AGENT = "*"
"""The scope of what all agents did together; no agent has this id."""
KEY = (ToolDayRow.scope, ToolDayRow.day, ToolDayRow.server, ToolDayRow.tool)

ToolOnDay = tuple[date, str, str]
"""Day, server and tool."""


@dataclass
class Tally:
    """Calls that are counted together.

    Args:
        outcomes: by outcome.
        latencies: by class of latency.
    """

    outcomes: Counter[str] = field(default_factory=Counter[str])
    latencies: list[int] = field(default_factory=lambda: list(NO_CALLS))

    @property
    def calls(self) -> int:
        """How many they are."""
        return self.outcomes.total()

    @property
    def succeeded(self) -> int:
        """Those that did what they were asked to."""
        return self.outcomes[SUCCEEDED]

    def count(self, call: ToolCall) -> None:
        """Add a call."""
        self.outcomes[str(call.error or SUCCEEDED)] += 1
        self.latencies[class_of(call.ms)] += 1

    def include(self, outcomes: Mapping[str, int], latencies: Iterable[int]) -> Self:
        """Add what was counted before."""
        self.outcomes.update(outcomes)
        self.latencies = list(map(add, self.latencies, latencies))
        return self


@dataclass
class IntegrationDay:
    """What an integration's tools did on a day.

    Args:
        day: in UTC.
        server: whose tools.
        outcomes: calls by outcome.
        cost: in millionths of the currency.
    """

    day: date
    server: str
    outcomes: Counter[str] = field(default_factory=Counter[str])
    cost: int = 0


async def count_tools(session: AsyncSession, agent_id: str, calls: Sequence[ToolCall]) -> int:
    """Add calls to the counts of their agent and to those of all, whoever else adds to them meanwhile.

    Returns what they cost, in millionths of the currency.

    Args:
        session: a scoped one.
        agent_id: whose calls they are.
        calls: each of them once.
    """
    added: dict[ToolOnDay, Tally] = defaultdict(Tally)
    for call in calls:
        added[call.at.astimezone(UTC).date(), call.server, call.tool].count(call)
    # One order for all, so that two that add to the same rows do not wait for each other.
    keys = sorted((scope, *key) for scope in (agent_id, EVERY_AGENT) for key in added)
    names = [column.key for column in KEY]
    nothing = {"outcomes": {}, "latencies": NO_CALLS}
    await insert_new(session, ToolDayRow, [{**dict(zip(names, key, strict=True)), **nothing} for key in keys])
    locked = sa.select(ToolDayRow).where(sa.tuple_(*KEY).in_(keys)).order_by(*KEY).with_for_update()
    costs = await _costs(session, added)
    for row in (await session.execute(locked)).scalars() if keys else ():
        new = added[row.day, row.server, row.tool]
        both = Tally().include(row.outcomes, row.latencies).include(new.outcomes, new.latencies)
        row.outcomes, row.latencies = dict(both.outcomes), tuple(both.latencies)
        row.cost += costs[row.day, row.server, row.tool]
    return sum(costs.values())


async def _costs(session: AsyncSession, added: Mapping[ToolOnDay, Tally]) -> dict[ToolOnDay, int]:
    """What failed did nothing that could be charged."""
    prices = await prices_of_integrations(session) if added else {}
    return {
        (day, server, tool): round(tally.succeeded * prices.get(server, 0) / MILLION)
        for (day, server, tool), tally in added.items()
    }


async def read_tools(
    session: AsyncSession, since: date, until: date, *, agent_id: str | None
) -> dict[tuple[str, str], Tally]:
    """The calls between two days, both counted, of one agent or of all, by server and tool."""
    columns = (ToolDayRow.server, ToolDayRow.tool, ToolDayRow.outcomes, ToolDayRow.latencies)
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for row in await session.execute(_of(columns, since, until, agent_id)):
        tallies[row.server, row.tool].include(row.outcomes, row.latencies)
    return tallies


def _of(columns: Sequence[Any], since: date, until: date, agent_id: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Columns of the rows between two days, of one agent or of all."""
    scope = agent_id or EVERY_AGENT
    return sa.select(*columns).where(ToolDayRow.scope == scope, ToolDayRow.day.between(since, until))


async def read_integrations(
    session: AsyncSession,
    since: date,
    until: date,
    *,
    agent_id: str | None,
    limit: int,
    start: tuple[date, str] | None,
) -> list[IntegrationDay]:
    """So many integrations' days, the latest first, of one agent or of all.

    Args:
        session: a scoped one.
        since: the first day.
        until: the last one.
        agent_id: whose; all agents' when None.
        limit: how many days of an integration.
        start: only what comes after this day and server.
    """
    key = (ToolDayRow.day, ToolDayRow.server)
    query = _of(key, since, until, agent_id)
    if start is not None:
        query = query.where(after(*key, values=start, descending=True))
    page = query.distinct().order_by(*(column.desc() for column in key)).limit(limit)
    found = [IntegrationDay(row.day, row.server) for row in await session.execute(page)]
    if not found:
        return []
    days = {(one.day, one.server): one for one in found}
    rows = _of((*key, ToolDayRow.outcomes, ToolDayRow.cost), since, until, agent_id)
    for row in await session.execute(rows.where(sa.tuple_(*key).in_(days))):
        days[row.day, row.server].outcomes.update(row.outcomes)
        days[row.day, row.server].cost += row.cost
    return found
