"""Workspaces in the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import Database, WorkspaceRow

DEMO_WORKSPACE = "demo"
MAIN_WORKSPACE = "main"
"""The one that a live installation begins with."""


async def add_workspace(session: AsyncSession, workspace: str, name: str, now: datetime) -> None:
    """Add a workspace unless it is there."""
    if await session.get(WorkspaceRow, workspace) is None:
        session.add(WorkspaceRow(id=workspace, name=name, created_at=now))
        await session.flush()


async def all_workspaces(database: Database) -> list[str]:
    """The ids of all workspaces, for what is done for every one of them."""
    async with database.unscoped("chores are done for every workspace") as session:
        return list((await session.execute(sa.select(WorkspaceRow.id))).scalars())
