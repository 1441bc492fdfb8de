"""Who may use the API. Rooms of ours authenticate with the service token."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backend.errors import ApiError
from backend.settings import BackendSettings

_bearer = HTTPBearer(auto_error=False, description="The service token")


def require_service(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Let only rooms of ours pass.

    Raises:
        ApiError: 401.
    """
    settings: BackendSettings = request.app.state.settings
    assert settings.service_token is not None, "checked by the settings"
    given = credentials.credentials if credentials else ""
    if not hmac.compare_digest(given.encode(), settings.service_token.get_secret_value().encode()):
        raise ApiError(401, "unauthorized", "send the service token as a bearer (BACKEND_SERVICE_TOKEN)")
