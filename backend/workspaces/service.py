"""What can be done with workspaces."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel

from backend.access.principal import Principal
from backend.audit.service import record
from backend.db import WorkspaceRow
from backend.errors import ApiError
from backend.pages import Page, after, decode_cursor, encode_cursor
from backend.registry.tables import OPERATOR
from backend.service import Service
from backend.text import Identifier, Line, Sent


class NewWorkspace(Sent):
    """A workspace to be added."""

    id: Identifier
    name: Line


class WorkspaceView(BaseModel):
    """A workspace."""

    id: str
    name: str
    created_at: datetime


class WorkspaceService(Service):
    """Workspaces of this installation."""

    async def add(self, principal: Principal, new: NewWorkspace) -> WorkspaceView:
        """Add one.

        Raises:
            ApiError: 409, the id is taken.
        """
        row = WorkspaceRow(id=new.id, name=new.name, created_at=self._now())
        async with self._database.scoped(new.id) as session:
            if await session.get(WorkspaceRow, new.id) is not None:
                raise ApiError(409, "taken", "a workspace with this id is here already", field="id")
            session.add(row)
            await session.flush()
            record(session, principal, "workspace.added", new.id, at=self._now())
        return WorkspaceView.model_validate(row, from_attributes=True)

    async def get(self, workspace: str) -> WorkspaceView:
        """One workspace, which is there: somebody of it asks."""
        async with self._database.scoped(workspace) as session:
            return WorkspaceView.model_validate(await session.get_one(WorkspaceRow, workspace), from_attributes=True)

    async def page(self, *, limit: int, cursor: str | None) -> Page[WorkspaceView]:
        """A page of all workspaces, by id, for the operator."""
        query = sa.select(WorkspaceRow).where(WorkspaceRow.id != OPERATOR).order_by(WorkspaceRow.id).limit(limit + 1)
        if cursor:
            query = query.where(after(WorkspaceRow.id, values=decode_cursor(cursor, 1)))
        async with self._database.unscoped("the operator sees every workspace's name") as session:
            rows = (await session.execute(query)).scalars().all()
        items = [WorkspaceView.model_validate(row, from_attributes=True) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].id]) if len(rows) > limit else None)
