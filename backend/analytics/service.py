"""Timelines, counts, prices, and how long what was said is kept."""

from datetime import date

import sqlalchemy as sa

from backend.access.principal import Principal
from backend.analytics.costs import prices_of_integrations
from backend.analytics.counts import percentile
from backend.analytics.schemas import (
    DayStats,
    IntegrationStats,
    Keeping,
    Prices,
    TimelineEntry,
    ToolStats,
)
from backend.analytics.tables import DayCountRow, EventRow, IntegrationPriceRow, KeepingRow, PriceRow
from backend.analytics.tool_days import (
    SUCCEEDED,
    IntegrationDay,
    Tally,
    read_integrations,
    read_tools,
)
from backend.audit.service import record
from backend.calls.tables import CallRow
from backend.errors import not_found
from backend.money import MILLION
from backend.pages import Page, after, decode_cursor, encode_cursor, instant_of, page_of
from backend.service import Service
from contracts.events import UsageItem


class Analytics(Service):
    """What happened in a workspace."""

    async def timeline(self, workspace: str, call_id: str, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """The events of a call, in the order in which they happened.

        Raises:
            ApiError: 404.
        """
        query = sa.select(EventRow).where(EventRow.call_id == call_id).order_by(EventRow.at, EventRow.id)
        if cursor:
            at, last = decode_cursor(cursor, 2)
            query = query.where(after(EventRow.at, EventRow.id, values=(instant_of(at), last)))
        async with self._database.scoped(workspace) as session:
            if await session.get(CallRow, call_id) is None:
                raise not_found("call")
            rows = (await session.execute(query.limit(limit + 1))).scalars().all()
        items = [TimelineEntry.model_validate(row, from_attributes=True) for row in rows[:limit]]
        end = items[-1] if len(rows) > limit else None
        return Page(items=items, next_cursor=encode_cursor((end.at.isoformat(), end.id)) if end else None)

    async def tools(
        self, workspace: str, since: date, until: date, *, agent_id: str | None, limit: int, cursor: str | None
    ) -> Page[ToolStats]:
        """How each tool did between two days, both counted; by server and name."""
        async with self._database.scoped(workspace) as session:
            found = await read_tools(session, since, until, agent_id=agent_id)
        stats = [_tool_stats(server, tool, tally) for (server, tool), tally in found.items()]
        return page_of(stats, lambda one: f"{one.server} {one.tool}", limit=limit, cursor=cursor)

    async def days(self, workspace: str, since: date, until: date, *, limit: int, cursor: str | None) -> Page[DayStats]:
        """Calls and cost of each agent by day, the latest first."""
        query = sa.select(DayCountRow).where(DayCountRow.day.between(since, until))
        if cursor:
            key = _day_and_name(cursor)
            query = query.where(after(DayCountRow.day, DayCountRow.agent_id, values=key, descending=True))
        ordered = query.order_by(DayCountRow.day.desc(), DayCountRow.agent_id.desc()).limit(limit + 1)
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(ordered)).scalars().all()
        items = [
            DayStats(
                day=row.day,
                agent_id=row.agent_id,
                calls=row.calls,
                minutes=round(row.seconds / 60, 2),
                cost=row.cost / MILLION,
            )
            for row in rows[:limit]
        ]
        end = items[-1] if len(rows) > limit else None
        return Page(items=items, next_cursor=encode_cursor((end.day.isoformat(), end.agent_id)) if end else None)

    async def integrations(
        self, workspace: str, since: date, until: date, *, agent_id: str | None, limit: int, cursor: str | None
    ) -> Page[IntegrationStats]:
        """Tool calls and cost of each integration by day, the latest first."""
        start = _day_and_name(cursor) if cursor else None
        async with self._database.scoped(workspace) as session:
            days = await read_integrations(session, since, until, agent_id=agent_id, limit=limit + 1, start=start)
        items = [_integration_stats(one) for one in days[:limit]]
        end = items[-1] if len(days) > limit else None
        return Page(items=items, next_cursor=encode_cursor((end.day.isoformat(), end.server)) if end else None)

    async def prices(self, workspace: str) -> Prices:
        """What is paid for each item, and for calls of each integration."""
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(sa.select(PriceRow))).scalars().all()
            integrations = await prices_of_integrations(session)
        return Prices(
            prices={UsageItem(row.item): row.price / MILLION for row in rows},
            integrations={server: price / MILLION for server, price in integrations.items()},
        )

    async def set_prices(self, principal: Principal, prices: Prices) -> Prices:
        """Say what is paid for each item. Calls that were counted keep their cost."""
        async with self._database.scoped(principal.workspace) as session:
            await session.execute(sa.delete(PriceRow))
            await session.execute(sa.delete(IntegrationPriceRow))
            for item, price in prices.prices.items():
                session.add(PriceRow(item=item.value, price=round(price * MILLION)))
            for server, price in prices.integrations.items():
                session.add(IntegrationPriceRow(server=server, price=round(price * MILLION)))
            record(session, principal, "prices.set", principal.workspace, at=self._now())
        return prices

    async def keeping(self, workspace: str) -> Keeping:
        """How long what was said is kept."""
        async with self._database.scoped(workspace) as session:
            row = await session.get(KeepingRow, workspace)
        return Keeping() if row is None else Keeping.model_validate(_fields(row))

    async def set_keeping(self, principal: Principal, keeping: Keeping) -> Keeping:
        """Say how long what was said is kept."""
        async with self._database.scoped(principal.workspace) as session:
            await session.execute(sa.delete(KeepingRow))
            session.add(KeepingRow(workspace_id=principal.workspace, **keeping.model_dump()))
            record(session, principal, "keeping.set", principal.workspace, at=self._now(), **keeping.model_dump())
        return keeping


def _day_and_name(cursor: str) -> tuple[date, str]:
    day, name = decode_cursor(cursor, 2)
    return instant_of(f"{day}T00:00:00+00:00").date(), name


def _fields(row: KeepingRow) -> dict[str, int | bool]:
    return {
        "keep_text": row.keep_text,
        "text_days": row.text_days,
        "event_days": row.event_days,
        "summaries": row.summaries,
    }


def _integration_stats(one: IntegrationDay) -> IntegrationStats:
    calls = one.outcomes.total()
    errors = calls - one.outcomes[SUCCEEDED]
    return IntegrationStats(day=one.day, server=one.server, calls=calls, errors=errors, cost=one.cost / MILLION)


def _tool_stats(server: str, tool: str, tally: Tally) -> ToolStats:
    return ToolStats(
        server=server,
        tool=tool,
        calls=tally.calls,
        succeeded=tally.succeeded,
        errors={kind: count for kind, count in sorted(tally.outcomes.items()) if kind != SUCCEEDED and count},
        p50_ms=percentile(tally.latencies, 0.5),
        p95_ms=percentile(tally.latencies, 0.95),
        p99_ms=percentile(tally.latencies, 0.99),
    )
