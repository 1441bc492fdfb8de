"""Knows who asks by what they send."""

import hmac

from pydantic import SecretStr

from backend.access.principal import Principal, Scope
from backend.errors import ApiError

UNAUTHORIZED = ApiError(401, "unauthorized", "send the service token or an API key as a bearer, or sign in")


class AccessService:
    """Who asks.

    Args:
        service_token: what rooms of ours authenticate with.
        default_workspace: whose rows a room of ours reaches when it names no workspace.
    """

    def __init__(self, *, service_token: SecretStr, default_workspace: str) -> None:
        self._service_token = service_token
        self._default_workspace = default_workspace

    async def by_bearer(self, bearer: str, workspace: str | None) -> Principal:
        """Whoever sends this bearer.

        Args:
            bearer: as sent.
            workspace: the workspace that the request names; only a room of ours may name one.

        Raises:
            ApiError: 401.
        """
        if not hmac.compare_digest(bearer.encode(), self._service_token.get_secret_value().encode()):
            raise UNAUTHORIZED
        return Principal(
            workspace=workspace or self._default_workspace,
            actor="service",
            scopes=frozenset(Scope),
            named_workspace=workspace is not None,
        )
