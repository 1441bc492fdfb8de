"""Workspaces in the database."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import WorkspaceRow

DEMO_WORKSPACE = "demo"
MAIN_WORKSPACE = "main"
"""The one that a live installation begins with."""


async def add_workspace(session: AsyncSession, workspace: str, name: str, now: datetime) -> None:
    """Add a workspace unless it is there."""
    if await session.get(WorkspaceRow, workspace) is None:
        session.add(WorkspaceRow(id=workspace, name=name, created_at=now))
        await session.flush()
