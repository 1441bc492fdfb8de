"""``/api/workspaces``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from backend.access.dependencies import Anyone, Operator
from backend.errors import describes
from backend.pages import Cursor, Limit, Page
from backend.workspaces.service import NewWorkspace, WorkspaceService, WorkspaceView

router = APIRouter(prefix="/api/workspaces", tags=["workspaces"], responses=describes(401, 403, 404, 422))


def service(request: Request) -> WorkspaceService:
    """The service of this app."""
    return request.app.state.workspaces


Workspaces = Annotated[WorkspaceService, Depends(service)]


@router.get("")
async def list_workspaces(
    _: Operator, workspaces: Workspaces, limit: Limit = 50, cursor: Cursor = None
) -> Page[WorkspaceView]:
    """Every workspace, for the operator."""
    return await workspaces.page(limit=limit, cursor=cursor)


@router.post("", status_code=201, responses=describes(409))
async def add_workspace(new: NewWorkspace, principal: Operator, workspaces: Workspaces) -> WorkspaceView:
    """Add a workspace."""
    return await workspaces.add(principal, new)


@router.get("/current")
async def current_workspace(principal: Anyone, workspaces: Workspaces) -> WorkspaceView:
    """The workspace of whoever asks."""
    return await workspaces.get(principal.workspace)
