"""What endpoints ask of whoever calls them."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from backend.access.principal import Principal, Scope
from backend.access.service import WORKSPACE_HEADER, AccessService, unauthorized
from backend.errors import ApiError
from backend.text import ID_PATTERN

SESSION_COOKIE = "voxie_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, description="The service token, or an API key")
_cookie = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="A person's session")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
SessionToken = Annotated[str | None, Depends(_cookie)]
Workspace = Annotated[
    str | None, Header(alias=WORKSPACE_HEADER, pattern=ID_PATTERN, description="For rooms of ours: whose rows")
]
Csrf = Annotated[
    str | None, Header(alias="x-csrf-token", max_length=128, description="For sessions: of POST /api/sessions")
]


async def authenticated(
    request: Request,
    wanted: SecurityScopes,
    bearer: Bearer,
    session: SessionToken,
    workspace: Workspace = None,
    csrf: Csrf = None,
) -> Principal:
    """Whoever asks, when they may.

    Raises:
        ApiError: 401 unknown, 403 without the scope.
    """
    access: AccessService = request.app.state.access
    if bearer is not None:
        principal = await access.by_bearer(bearer.credentials, workspace)
    elif session:
        changes = request.method not in SAFE_METHODS
        principal = await access.by_session(session, csrf=csrf, changes=changes)
    else:
        raise unauthorized()
    missing = [scope for scope in wanted.scopes if Scope(scope) not in principal.scopes]
    if missing:
        raise ApiError(403, "forbidden", f"this needs the scope {missing[0]}; use a credential that has it")
    return principal


def needs(*scopes: Scope) -> Any:
    """A parameter that is the principal, who has these scopes."""
    return Security(authenticated, scopes=[scope.value for scope in scopes])


Admin = Annotated[Principal, needs(Scope.ADMIN)]
Operator = Annotated[Principal, needs(Scope.OPERATOR)]
Worker = Annotated[Principal, needs(Scope.WORKER)]
Anyone = Annotated[Principal, needs()]
"""Whoever is known, whatever they may do."""
