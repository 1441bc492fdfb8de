"""Knows who asks by what they send."""

import hmac
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from pydantic import SecretStr

from backend.access.principal import SCOPES_OF, Principal, Scope, UserRole
from backend.access.secrets import API_KEY_PREFIX, csrf_token, hash_token
from backend.access.tables import ApiKeyRow, SessionRow, UserRow
from backend.db import Database, WorkspaceRow
from backend.errors import ApiError, not_found

WORKSPACE_HEADER = "x-voxie-workspace"


def unauthorized() -> ApiError:
    """401: who asks is not known."""
    return ApiError(401, "unauthorized", "send the service token or an API key as a bearer, or sign in")


class AccessService:
    """Who asks.

    Args:
        database: where sessions and keys are.
        service_token: what rooms of ours authenticate with.
        default_workspace: whose rows a room of ours reaches when it names no workspace.
        now: the current instant, aware.
    """

    def __init__(
        self, database: Database, *, service_token: SecretStr, default_workspace: str, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._service_token = service_token
        self._default_workspace = default_workspace
        self._now = now

    async def by_bearer(self, bearer: str, workspace: str | None) -> Principal:
        """Whoever sends this bearer.

        Args:
            bearer: as sent.
            workspace: the workspace that the request names; only a room of ours may name another than its own.

        Raises:
            ApiError: 401, or 404 without such a workspace.
        """
        if bearer.startswith(API_KEY_PREFIX):
            return await self._by_key(bearer)
        if not hmac.compare_digest(bearer.encode(), self._service_token.get_secret_value().encode()):
            raise unauthorized()
        if workspace is not None:
            await self._must_exist(workspace)
        return Principal(
            workspace=workspace or self._default_workspace,
            actor="service",
            scopes=frozenset(Scope),
            named_workspace=workspace is not None,
        )

    async def _must_exist(self, workspace: str) -> None:
        async with self._database.scoped(workspace) as session:
            if await session.get(WorkspaceRow, workspace) is None:
                raise not_found("workspace", field=WORKSPACE_HEADER)

    async def _by_key(self, key: str) -> Principal:
        query = sa.select(ApiKeyRow).where(ApiKeyRow.key_hash == hash_token(key))
        async with self._database.unscoped("a key tells whose it is") as session:
            row = (await session.execute(query)).scalar_one_or_none()
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= self._now()):
            raise unauthorized()
        return Principal(row.workspace_id, f"key:{row.id}", frozenset(Scope(scope) for scope in row.scopes))

    async def by_session(self, token: str, *, csrf: str | None, changes: bool) -> Principal:
        """Whoever is signed in with this cookie.

        Args:
            token: the cookie.
            csrf: what the page sent beside it.
            changes: whether the request changes something, which a page of others must not be able to ask for.

        Raises:
            ApiError: 401 not signed in, 403 without the CSRF token.
        """
        query = (
            sa.select(UserRow)
            .join(SessionRow, SessionRow.user_id == UserRow.id)
            .where(SessionRow.token_hash == hash_token(token), SessionRow.expires_at > self._now())
        )
        async with self._database.unscoped("a session tells whose it is") as session:
            user = (await session.execute(query)).scalar_one_or_none()
        if user is None:
            raise unauthorized()
        if changes and not hmac.compare_digest(csrf_token(token).encode(), (csrf or "").encode()):
            raise ApiError(403, "csrf", "send the session's csrf_token in the X-CSRF-Token header")
        return Principal(user.workspace_id, f"user:{user.id}", SCOPES_OF[UserRole(user.role)])
