"""``/api/keys``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from backend.access.dependencies import Admin
from backend.errors import describes
from backend.keys.schemas import KeyView, MadeKey, NewKey
from backend.keys.service import KeyService
from backend.pages import Cursor, Limit, Page
from backend.text import PathId

router = APIRouter(prefix="/api/keys", tags=["keys"], responses=describes(401, 403, 404, 422))


def service(request: Request) -> KeyService:
    """The service of this app."""
    return request.app.state.keys


Keys = Annotated[KeyService, Depends(service)]


@router.get("")
async def list_keys(principal: Admin, keys: Keys, limit: Limit = 50, cursor: Cursor = None) -> Page[KeyView]:
    """The API keys, revoked ones too."""
    return await keys.page(principal.workspace, limit=limit, cursor=cursor)


@router.post("", status_code=201)
async def make_key(new: NewKey, principal: Admin, keys: Keys) -> MadeKey:
    """Make an API key. Its secret is shown this once."""
    return await keys.make(principal, new)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: PathId, principal: Admin, keys: Keys) -> None:
    """Revoke an API key at once."""
    await keys.revoke(principal, key_id)
