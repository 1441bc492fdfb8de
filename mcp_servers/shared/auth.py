"""Who may call: one static bearer, or call tokens from the backend. Exclusive, and never neither."""

import asyncio
import hmac
from typing import Any

from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.context import ServerRequestContext
from pydantic import ValidationError

from contracts.calls import CallTokenClaims
from contracts.grants import Granted, granted
from contracts.meta import RequestMeta
from mcp_servers.shared.call_tokens import REFUSAL
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NotAllowed
from mcp_servers.shared.settings import ServerSettings

STATIC_CLIENT = "static"


class StaticVerifier(TokenVerifier):
    """Accepts exactly one bearer."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        """The client behind the bearer, or None."""
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        return AccessToken(token=token, client_id=STATIC_CLIENT, scopes=[])


class CallReader:
    """Turns a request's credentials and ``_meta`` into a ``Call``."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings

    def __call__(self, request: ServerRequestContext[Any, Any], *, tool: str, reads: bool) -> Call:
        """Read who calls; see ``ReadCall``."""
        meta = _read_meta(dict(request.meta or {}))
        seconds = self._settings.deadlines.of(reads=reads)
        deadline = asyncio.get_running_loop().time() + min(meta.deadline or seconds, seconds)
        if self._settings.auth == "static":
            return self._trusted_client(meta, tool, deadline)
        token = _access_token(request.request)
        if token is None or request.request is None:
            raise NotAllowed("there is no call token")
        extent = granted(tool, token.scopes)
        if not extent:
            request.request.scope[REFUSAL].append(tool)
            raise NotAllowed(f"the call token does not grant {tool}")
        return _token_holder(token, meta, tool, deadline, extent)

    def _trusted_client(self, meta: RequestMeta, tool: str, deadline: float) -> Call:
        return Call(
            workspace=meta.workspace or "default",
            role=meta.role or self._settings.static_role,
            caller=meta.caller,
            call=meta.call,
            tool=tool,
            deadline=deadline,
            operation=meta.operation,
            epoch=meta.epoch,
            granted=Granted(whole=True, only=frozenset(meta.grants)),
        )


def _token_holder(token: AccessToken, meta: RequestMeta, tool: str, deadline: float, extent: Granted) -> Call:
    claims = CallTokenClaims.model_validate(token.claims)
    return Call(
        workspace=claims.workspace,
        role=claims.role,
        caller=claims.caller,
        call=claims.call,
        tool=tool,
        deadline=deadline,
        operation=meta.operation,
        epoch=meta.epoch,
        token=token.token,
        granted=extent,
    )


def _access_token(request: Any) -> AccessToken | None:
    user = request.scope.get("user") if request is not None else None
    return getattr(user, "access_token", None)


def _read_meta(meta: dict[str, Any]) -> RequestMeta:
    try:
        return RequestMeta.from_wire(meta)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = "_meta voxie/" + ".".join(str(part) for part in problem["loc"])
        raise BadRequest(f"{where}: {problem['msg']}", field=where) from None
