"""``/api/audit``."""

from fastapi import APIRouter, Request

from backend.access.dependencies import Admin
from backend.audit.service import AuditEntry, page_of_audit
from backend.errors import describes
from backend.pages import Cursor, Limit, Page

router = APIRouter(prefix="/api/audit", tags=["audit"], responses=describes(401, 403, 404, 422))


@router.get("")
async def list_changes(
    request: Request, principal: Admin, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditEntry]:
    """Who changed what, the latest first."""
    return await page_of_audit(request.app.state.database, principal.workspace, limit=limit, cursor=cursor)
