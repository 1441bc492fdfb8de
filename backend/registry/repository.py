"""MCP servers and their tools in the database. Every session is scoped to a workspace."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.pages import after
from backend.registry.schemas import ToolState
from backend.registry.tables import ServerRow, ServerToolRow
from contracts.calls import CatalogueTool


@dataclass(frozen=True)
class Policy:
    """What becomes of tools that nobody has approved.

    Args:
        takes_new: tools that were not there before are taken.
        takes_changed: tools that are not what was approved are taken.
    """

    takes_new: bool
    takes_changed: bool


FOREIGN = Policy(takes_new=False, takes_changed=False)
OWN = Policy(takes_new=True, takes_changed=False)
DEMO = Policy(takes_new=True, takes_changed=True)
"""Of the operator's own servers in demo mode, where whoever changes one runs it."""


@dataclass(frozen=True)
class Changes:
    """What a listing changed: names of tools."""

    added: list[str]
    changed: list[str]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


async def servers(session: AsyncSession, names: Collection[str] | None = None) -> Sequence[ServerRow]:
    """The servers of a workspace by name; all of them, or those named."""
    query = sa.select(ServerRow).order_by(ServerRow.name)
    if names is not None:
        query = query.where(ServerRow.name.in_(names))
    return (await session.execute(query)).scalars().all()


async def lock(session: AsyncSession, server_id: str) -> ServerRow | None:
    """A server, for this transaction alone: whoever else locks it waits."""
    touched = sa.update(ServerRow).where(ServerRow.id == server_id).values(name=ServerRow.name)
    await session.execute(touched, execution_options={"synchronize_session": False})
    return await session.get(ServerRow, server_id, populate_existing=True)


async def tools(session: AsyncSession, server_id: str, *, limit: int, start: str | None) -> Sequence[ServerToolRow]:
    """Tools of a server by name, after the name ``start``."""
    query = sa.select(ServerToolRow).where(ServerToolRow.server_id == server_id).order_by(ServerToolRow.name)
    if start is not None:
        query = query.where(after(ServerToolRow.name, values=[start]))
    return (await session.execute(query.limit(limit))).scalars().all()


async def counts(session: AsyncSession, server_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """How many tools of each server are approved, and how many wait."""
    query = (
        sa.select(ServerToolRow.server_id, ServerToolRow.state, sa.func.count())
        .where(ServerToolRow.server_id.in_(server_ids))
        .group_by(ServerToolRow.server_id, ServerToolRow.state)
    )
    found: dict[str, tuple[int, int]] = {}
    for server_id, state, count in await session.execute(query):
        approved, waiting = found.get(server_id, (0, 0))
        is_approved = state == ToolState.APPROVED.value
        found[server_id] = (approved + count, waiting) if is_approved else (approved, waiting + count)
    return found


async def approved(session: AsyncSession, server_ids: Collection[str]) -> dict[str, list[CatalogueTool]]:
    """The tools of these servers that are what somebody approved."""
    query = (
        sa.select(ServerToolRow)
        .where(ServerToolRow.server_id.in_(server_ids), ServerToolRow.state == ToolState.APPROVED.value)
        .order_by(ServerToolRow.name)
    )
    found: dict[str, list[CatalogueTool]] = {}
    for row in (await session.execute(query)).scalars():
        found.setdefault(row.server_id, []).append(CatalogueTool.model_validate(row.listed))
    return found


async def reconcile(
    session: AsyncSession, server: ServerRow, listed: Sequence[CatalogueTool], policy: Policy, now: datetime
) -> Changes:
    """Take in what a server lists now. The server is locked.

    A tool that is no longer listed disappears, and with it what was approved of it: should it come back, it is new.
    """
    rows = (await session.execute(sa.select(ServerToolRow).where(ServerToolRow.server_id == server.id))).scalars().all()
    known, here = {row.name: row for row in rows}, {tool.name: tool.model_dump(mode="json") for tool in listed}
    changes = Changes([], [], sorted(known.keys() - here.keys()))
    for name in changes.removed:
        await session.delete(known[name])
    for name, definition in here.items():
        row = known.get(name)
        if row is None:
            changes.added.append(name)
            _add(session, server, name, definition, policy, now)
        elif row.listed != definition:
            changes.changed.append(name)
            _change(row, definition, policy, now)
    await session.flush()
    return changes


def _add(
    session: AsyncSession, server: ServerRow, name: str, definition: dict[str, Any], policy: Policy, now: datetime
) -> None:
    row = ServerToolRow(server_id=server.id, name=name, listed=definition, state=ToolState.NEW.value, changed_at=now)
    if policy.takes_new:
        approve(row, by="operator", now=now)
    session.add(row)


def _change(row: ServerToolRow, definition: dict[str, Any], policy: Policy, now: datetime) -> None:
    row.listed, row.changed_at = definition, now
    if policy.takes_changed:
        approve(row, by="operator", now=now)
    elif row.approved is None:
        row.state = ToolState.NEW.value
    else:
        # It may also be what it was again.
        same = row.approved == definition
        row.state = ToolState.APPROVED.value if same else ToolState.CHANGED.value


def approve(row: ServerToolRow, *, by: str, now: datetime) -> None:
    """Let calls be offered a tool as it is listed now."""
    row.approved, row.state, row.approved_at, row.approved_by = row.listed, ToolState.APPROVED.value, now, by


def fingerprint(definition: Mapping[str, Any]) -> str:
    """What an approval names, so that it holds for what was seen and nothing else."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:32]


async def remove(session: AsyncSession, server_id: str) -> None:
    """Forget a server and its tools."""
    await session.execute(sa.delete(ServerToolRow).where(ServerToolRow.server_id == server_id))
    await session.execute(sa.delete(ServerRow).where(ServerRow.id == server_id))
