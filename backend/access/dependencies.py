"""What endpoints ask of whoever calls them."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from backend.access.principal import Principal, Scope
from backend.access.service import UNAUTHORIZED, AccessService
from backend.errors import ApiError

WORKSPACE_HEADER = "x-voxie-workspace"
_bearer = HTTPBearer(auto_error=False, description="The service token, or an API key")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def authenticated(
    request: Request,
    wanted: SecurityScopes,
    bearer: Bearer,
    workspace: Annotated[
        str | None, Header(alias=WORKSPACE_HEADER, max_length=64, description="For rooms of ours: whose rows")
    ] = None,
) -> Principal:
    """Whoever asks, when they may.

    Raises:
        ApiError: 401 unknown, 403 without the scope.
    """
    access: AccessService = request.app.state.access
    if bearer is None:
        raise UNAUTHORIZED
    principal = await access.by_bearer(bearer.credentials, workspace)
    missing = [scope for scope in wanted.scopes if Scope(scope) not in principal.scopes]
    if missing:
        raise ApiError(403, "forbidden", f"this needs the scope {missing[0]}; use a credential that has it")
    return principal


def needs(*scopes: Scope) -> Any:
    """A parameter that is the principal, who has these scopes."""
    return Security(authenticated, scopes=[scope.value for scope in scopes])
