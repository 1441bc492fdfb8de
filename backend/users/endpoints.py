"""``/api/users``, ``/api/sessions``, ``/api/owner-links``."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from backend.access.dependencies import SESSION_COOKIE, Admin, Anyone, Operator, SessionToken
from backend.errors import describes
from backend.pages import Cursor, Limit, Page
from backend.text import PathId
from backend.users.schemas import Login, NewOwner, NewUser, OwnerLink, SessionView, UserView
from backend.users.service import SESSION_LIFETIME, SignedIn, UserService

router = APIRouter(prefix="/api", tags=["people"], responses=describes(401, 403, 404, 422))
pages = APIRouter()
FOLDER = Path(__file__).parent


def service(request: Request) -> UserService:
    """The service of this app."""
    return request.app.state.users


Users = Annotated[UserService, Depends(service)]


def _with_cookie(request: Request, response: Response, signed_in: SignedIn) -> SessionView:
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.token,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.base_url.startswith("https:"),
    )
    response.headers["cache-control"] = "no-store"
    return signed_in.view


@router.post("/sessions", status_code=201, responses=describes(429))
async def sign_in(login: Login, request: Request, response: Response, users: Users) -> SessionView:
    """Sign in: sets the session's cookie."""
    address = request.client.host if request.client else "unknown"
    return _with_cookie(request, response, await users.sign_in(login, address))


@router.get("/sessions/current")
async def current_session(principal: Anyone, token: SessionToken, users: Users) -> SessionView:
    """Who is signed in here."""
    return await users.current(principal, token)


@router.delete("/sessions/current", status_code=204)
async def sign_out(response: Response, principal: Anyone, token: SessionToken, users: Users) -> None:
    """Sign out."""
    await users.sign_out(principal, token)
    response.delete_cookie(SESSION_COOKIE)


@router.get("/users")
async def list_users(principal: Admin, users: Users, limit: Limit = 50, cursor: Cursor = None) -> Page[UserView]:
    """The people of the workspace."""
    return await users.page(principal.workspace, limit=limit, cursor=cursor)


@router.post("/users", status_code=201, responses=describes(409))
async def add_user(new: NewUser, principal: Admin, users: Users) -> UserView:
    """Add a person."""
    return await users.add(principal, new)


@router.delete("/users/{user_id}", status_code=204, responses=describes(409))
async def remove_user(user_id: PathId, principal: Admin, users: Users) -> None:
    """Remove a person; their sessions end at once."""
    await users.remove(principal, user_id)


@router.post("/owner-links", status_code=201)
async def make_owner_link(principal: Operator, users: Users) -> OwnerLink:
    """Make a link by which whoever opens it first becomes an owner. Earlier links end."""
    return await users.owner_link(principal)


@router.post("/owner-links/redeem", status_code=201, responses=describes(409, 410))
async def become_owner(new: NewOwner, request: Request, response: Response, users: Users) -> SessionView:
    """Become an owner by a one-time link, and sign in."""
    return _with_cookie(request, response, await users.become_owner(new))


PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pages.get("/setup", include_in_schema=False)
async def setup_page() -> FileResponse:
    """Where a one-time link leads."""
    return FileResponse(FOLDER / "setup.html", media_type="text/html", headers=PAGE_HEADERS)


@pages.get("/setup.js", include_in_schema=False)
async def setup_script() -> FileResponse:
    """What the page does."""
    return FileResponse(FOLDER / "setup.js", media_type="text/javascript", headers=PAGE_HEADERS)
